"""Heart rate of one face, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.face import MTCNN, FaceDetector
from rppg_fast.options import (
    BOX_SCALE,
    DEFAULT_METHOD,
    METHODS,
    NETWORK_METHODS,
    PAPER_BOX_SCALE,
    TRACKINGS,
    as_number,
    check_options,
)
from rppg_fast.pulse import PulseSamples, PulseSettings, UnfilteredSamples
from rppg_fast.reading import Box, Reading
from rppg_fast.student import Student
from rppg_fast.teacher import Teacher
from rppg_fast.tracking import native_detector
from rppg_fast.yuv import AnyFrame

__all__ = [
    "BOX_SCALE",
    "DEFAULT_METHOD",
    "METHODS",
    "NETWORK_METHODS",
    "PAPER_BOX_SCALE",
    "TRACKINGS",
    "HeartRateMonitor",
    "MeasuredFace",
]


class MeasuredFace:
    """One face that a monitor measures: where it is, and its pulse.

    ``FacesMonitor.monitors`` holds one for each face; a ``HeartRateMonitor`` is one.
    """

    def __init__(self, native: _core.Monitor, number: int | None) -> None:
        self._native = native
        self._number = number
        self._fetched = 0

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"a {type(self).__name__} is a running stream: it cannot be copied or pickled"
        )

    @property
    def box(self) -> Box | None:
        """The pixels that are measured, in the frame as it was pushed; None if there is no face."""
        return self._native.box(self._number)

    @property
    def turned(self) -> int:
        """How far the face in the box is turned clockwise from upright: 0, 90, 180 or 270 degrees.

        The network sees the face upright. 0 if there is no face, or if the box was given.
        """
        return self._native.turned(self._number)

    @property
    def pulse(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times (s) and values of the live waveform in the window, float64, shape (samples,)."""
        times, values, _ = self.pulse_since(0)
        return times, values

    def pulse_since(self, index: int) -> PulseSamples:
        """Return the part of the live waveform that is new since a sample.

        The waveform is band-passed forwards. Samples are counted from the first frame on, through
        all windows and through ``reset``. Begin with 0, and give the ``end`` of the last call each
        time. If this is called after every frame, the pieces are the whole waveform. If it is
        called less than once in a window, older samples are lost.

        Parameters
        ----------
        index
            Index of the first sample that is wanted.

        Returns
        -------
        PulseSamples
            Times, values, and the index of the next sample.

        Raises
        ------
        ValueError
            If there are not so many samples yet.
        """
        times, values, _, end = self._samples(index, filtered=True)
        return PulseSamples(times, values, end)

    def unfiltered_since(self, index: int) -> UnfilteredSamples:
        """Return the part of the pulse, before the filter, that is new since a sample.

        Parameters
        ----------
        index
            Index of the first sample that is wanted; see ``pulse_since``.

        Returns
        -------
        UnfilteredSamples
            Times, values, which samples lie in a hole, and the index of the next sample.

        Raises
        ------
        ValueError
            If there are not so many samples yet.
        """
        return UnfilteredSamples(*self._samples(index, filtered=False))

    def fetch_pulse(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the part of the live waveform that is new since the last call.

        Calls of ``fetch_unfiltered`` count, too. ``pulse_since`` does the same for any number of
        readers, because each keeps its own index.

        Returns
        -------
        times : ndarray
            float64 of shape (samples,), s.
        values : ndarray
            float64 of shape (samples,).
        """
        times, values, self._fetched = self.pulse_since(self._fetched)
        return times, values

    def fetch_unfiltered(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return the part of the pulse, before the filter, that is new since the last call.

        Calls of ``fetch_pulse`` count, too.

        Returns
        -------
        times : ndarray
            float64 of shape (samples,), s.
        values : ndarray
            float64 of shape (samples,).
        missing : ndarray
            bool of shape (samples,): which samples lie in a hole.
        """
        times, values, missing, self._fetched = self.unfiltered_since(self._fetched)
        return times, values, missing

    def _record(self, recording: _core.Recording) -> bool:
        """Add the newest frame to a recording of this face; return whether its reading counts."""
        return self._native.record(recording, self._number)

    def _samples(
        self, index: int, filtered: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], int]:
        if index < 0:
            raise ValueError(f"index must not be negative, got {index}")
        found = self._native.samples(index, filtered, self._number)
        if found is None:  # the face has left for good
            return np.empty(0), np.empty(0), np.empty(0, np.bool_), index
        return found


class HeartRateMonitor(MeasuredFace):
    """Measures the heart rate of one person, frame by frame.

    The monitor searches for the largest face. It measures a box around this face, and moves the box
    when the face has left its middle. No other face takes its place while it is there, with one
    exception: a face that shows no sign of a pulse for a full window, such as a picture, makes room
    for another face, if there is one. When the face has left, which is noticed within a second, the
    search starts again. If the face comes back within ``max_gap``, its window goes on. A face that
    lies on its side or upside down, for example because the phone was held sideways, is found about
    a second later than an upright one.

    The box, how the face in it is turned, and the pulse are those of ``MeasuredFace``. A monitor
    belongs to one thread at a time; separate monitors run in parallel.

    Parameters
    ----------
    method
        "fusion", the student with the temporal network and the color methods POS and CHROM as
        second opinions; "student", the paper's student network alone; "teacher", the paper's
        teacher network alone; or a classical method: "pos", "chrom", "green", "ica".
    student
        The student with its weights, for "fusion" and "student"; the bundled weights by default.
    teacher
        The teacher with its weights, for "teacher"; the bundled weights by default. The confidence
        of a reading was fitted to the student.
    box
        Pixels to measure, four ints x0, y0, x1, y1. Then no face is searched for.
    detector
        A function that maps a blue-green-red frame to a list of ``Face``; MTCNN by default. To
        follow a face, another detector gets a whole frame four times a second.
    box_scale
        Side of the measured box over the side of the face; 1.4 by default. With
        ``tracking="paper"`` it is 1.6, as in the paper.
    tracking
        "follow" moves the box with the face; "paper" measures the first box to the end.
    color
        Order of the channels of frames that are arrays: "bgr", as OpenCV gives them, or "rgb".
    settings
        Filter, window and threshold of the pulse. Single values can also be given by name:
        ``window``, ``min_window`` and ``max_gap`` (s), ``low`` and ``high`` (Hz),
        ``min_confidence`` (0 to 1), ``peaks`` (1 to 8; 1 is the paper's estimate). They replace
        those in ``settings``; ``PulseSettings`` describes them.

    Attributes
    ----------
    method
        The method that measures.
    settings
        The settings of the pulse.

    Raises
    ------
    ValueError, TypeError
        If an argument has a wrong value or type; the message names it.
    """

    def __init__(
        self,
        *,
        method: str = DEFAULT_METHOD,
        student: Student | None = None,
        teacher: Teacher | None = None,
        box: Iterable[int] | None = None,
        detector: FaceDetector | None = None,
        box_scale: float | None = None,
        tracking: str = "follow",
        color: str = "bgr",
        settings: PulseSettings | None = None,
        window: float | None = None,
        low: float | None = None,
        high: float | None = None,
        min_confidence: float | None = None,
        peaks: int | None = None,
        min_window: float | None = None,
        max_gap: float | None = None,
    ) -> None:
        if tracking not in TRACKINGS:
            raise ValueError(f"tracking must be 'follow' or 'paper', got {tracking!r}")
        options = check_options(
            default_box_scale=PAPER_BOX_SCALE if tracking == "paper" else BOX_SCALE,
            method=method,
            student=student,
            teacher=teacher,
            detector=detector,
            box_scale=box_scale,
            color=color,
            settings=settings,
            window=window,
            low=low,
            high=high,
            min_confidence=min_confidence,
            peaks=peaks,
            min_window=min_window,
            max_gap=max_gap,
        )
        self.method, self.settings = options.method, options.settings
        if box is None:
            native = _core.Monitor(
                options.network,
                options.pulse,
                native_detector(options.detector or MTCNN(), color),
                box_scale=options.box_scale,
                follow=tracking == "follow",
                color=color,
            )
        else:
            native = _core.Monitor.of_box(options.network, options.pulse, Box.of(box), color)
        super().__init__(native, None)

    def reset(self) -> None:
        """Forget the face, the pulse and the time."""
        self._native.reset()

    def push(self, frame: AnyFrame, time: float) -> Reading:
        """Take a frame with its time, and read the window that ends there.

        Parameters
        ----------
        frame
            uint8 of shape (height, width, 3), or (height, width) for grey, with any strides; or a
            ``YuvFrame``. If its size has changed, a monitor that follows the face searches for it
            again.
        time
            When the frame was seen, in seconds on any clock that goes forward.

        Returns
        -------
        Reading
            The result for this frame.

        Raises
        ------
        TypeError, ValueError
            If the frame is something else, if the box leaves it, or if its size has changed and the
            monitor does not follow the face. Nothing has changed then.
        TimeError
            If the time is not later than the last one: leave the frame out. If the next frame
            continues from the refused time, the clock was set back, and a new window starts.
        """
        if type(time) is not float:  # to ask costs less than to convert
            time = as_number(time, "time")
        return self._native.push(frame, time)

    def rebox(self, frame: AnyFrame, box: Box, turned: int = 0) -> None:
        """Measure another box from the next frame on, without a jump in the pulse.

        Parameters
        ----------
        frame
            The frame that was pushed last.
        box
            Pixels to measure. A monitor that follows a face may move them again.
        turned
            How far the face in them is turned clockwise from upright, degrees: 0, 90, 180 or 270.

        Raises
        ------
        TypeError, ValueError
            If the frame is something else, if the box leaves it, or if ``turned`` has another
            value. Nothing has changed then.
        """
        self._native.rebox(frame, box, turned)

    @property
    def last_time(self) -> float:
        """Time of the last frame, s; minus infinity before the first frame."""
        return self._native.time

    @property
    def signals(self) -> NDArray[np.float64]:
        """Signals of the last frame with a face, float64 of shape (``_core.SIGNALS``,)."""
        return self._native.signals

    @property
    def face(self) -> int:
        """Number of the face whose window this is; 0 before a face was found."""
        return self._native.face
