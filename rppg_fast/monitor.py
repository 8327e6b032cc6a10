"""Heart rate of one face, frame by frame."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.face import MTCNN, FaceDetector, check_frame
from rppg_fast.pulse import PulseSettings
from rppg_fast.reading import STATUSES, Box, Reading, Status
from rppg_fast.student import Student
from rppg_fast.tracking import FaceTracker
from rppg_fast.yuv import AnyFrame, YuvFrame, in_bgr_order

#: How much larger than the detected face the measured box is: by measurement on real video, see
#: training/RESULTS.md; and the paper's value.
BOX_SCALE, PAPER_BOX_SCALE = 1.4, 1.6

#: What a monitor can measure by: the network with second opinions, alone, or a classical method.
METHODS = ("fusion", "student", "pos", "chrom", "green", "ica")
#: Those of them that use the network.
NETWORK_METHODS = ("fusion", "student")
DEFAULT_METHOD = "fusion"

#: What becomes of the box once a face has been found.
TRACKINGS = ("follow", "paper")

#: Beyond it every box is the whole frame.
_LARGEST_BOX_SCALE = 1000.0

#: The native clock's step that is the first one after a gap.
GAP = 2

#: So many gaps in one stream are no accident.
_SUSPICIOUS_GAPS = 10


class HeartRateMonitor:
    """Measures the heart rate of one person, frame by frame.

    The monitor searches for the largest face. It measures a box around this face, and moves the box
    when the face has left its middle. No other face takes its place while it is there, with one
    exception: a face that shows no sign of a pulse for a full window, such as a picture, makes room
    for another face, if there is one. When the face has left, which is noticed within a second, the
    search starts again. If the face comes back within ``max_gap``, its window goes on. A face that
    lies on its side or upside down, for example because the phone was held sideways, is found about
    a second later than an upright one.

    A monitor belongs to one thread at a time; separate monitors run in parallel.

    Parameters
    ----------
    method
        "fusion", the network with the colour methods POS and CHROM as second opinions; "student",
        the paper's network alone; or a classical method: "pos", "chrom", "green", "ica".
    student
        The network with its weights, for "fusion" and "student"; the bundled weights by default.
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
    box
        The pixels that are measured, in the frame as it was pushed; None if there is no face.
    turned
        How far the face in the box is turned clockwise from upright, degrees: 0, 90, 180 or 270.
        The network sees the face upright. 0 if there is no face, or if the ``box`` was given.
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
        if color not in ("bgr", "rgb"):
            raise ValueError(f"color must be 'bgr' or 'rgb', got {color!r}")
        if tracking not in TRACKINGS:
            raise ValueError(f"tracking must be 'follow' or 'paper', got {tracking!r}")
        if box_scale is None:
            box_scale = PAPER_BOX_SCALE if tracking == "paper" else BOX_SCALE
        if not 0 < _number(box_scale, "box_scale") <= _LARGEST_BOX_SCALE:
            raise ValueError(
                f"box_scale must lie between 0 and {_LARGEST_BOX_SCALE:g}, got {box_scale}"
            )
        if settings is not None and not isinstance(settings, PulseSettings):
            raise TypeError(f"settings must be PulseSettings, got {settings!r}")
        single = {"window": window, "low": low, "high": high}
        single |= {"min_confidence": min_confidence, "peaks": peaks}
        single |= {"min_window": min_window, "max_gap": max_gap}
        given: dict[str, Any] = {k: value for k, value in single.items() if value is not None}
        self.settings = replace(settings or PulseSettings(), **given)
        if student is not None and not isinstance(student, Student):
            raise TypeError(f"student must be a Student, got {student!r}")
        if detector is not None and not callable(detector):
            raise TypeError(f"detector must be callable, got {detector!r}")
        if method not in METHODS:
            raise ValueError(f"method must be one of {list(METHODS)}, got {method!r}")
        if student is not None and method not in NETWORK_METHODS:
            raise ValueError(f"a student is of no use to method {method!r}")
        native = self.settings.to_native(method)
        self._stream = _core.Stream(student or Student.load(), native)
        self.method = method
        self._color = color
        self._fixed_box = None if box is None else Box.of(box)
        self._clock = _core.Clock(self.settings.max_gap)  # of the frames without a face
        self._follows = box is None and tracking == "follow"
        self._tracker: FaceTracker | None = None
        if box is None:
            self._tracker = FaceTracker(detector or MTCNN(), box_scale, follow=self._follows)
        self._patience = _core.Patience(self.settings.window)
        self.reset()

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a HeartRateMonitor is a running stream: it can be neither copied nor pickled"
        )

    def reset(self) -> None:
        """Forget the face, the pulse and the time."""
        self._stream.reset()
        self._clock.reset()
        if self._tracker is not None:
            self._tracker.reset()
        self.box = self._fixed_box
        self.turned = 0
        self._patience.restart()
        self._face = 0  # the number of the face that the window is of
        self._time = self._seen = -math.inf
        self._shape: tuple[int, ...] | None = None
        self._fetched = (0.0, 0)
        self._far_apart = 0

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
            time = _number(time, "time")
        shape = frame.shape if isinstance(frame, (np.ndarray, YuvFrame)) else None
        if self.box is None or shape != self._shape:
            check_frame(frame)
            if self.box is None or self._shape is not None:
                self._search_anew(frame, time)
        if self.box is None:
            self._track(frame, time)
            box = self.box
            reading = _no_face(time) if box is None else self._measure(frame, box, time)
        else:
            reading = self._measure(frame, self.box, time)
            if self._tracker is not None:
                if time <= self._time:
                    self._tracker.restart(time)
                self._track(frame, time)
                if self.box is None:
                    reading = _no_face(time)
        if self._follows and self.box is not None:
            self._seen = time
            self._lose_patience(reading)
        if time - self._time > self.settings.max_gap:
            self._suspect_times(time - self._time)
        self._time, self._shape = time, shape
        return reading

    def _lose_patience(self, reading: Reading) -> None:
        """Let another face have its turn where this one shows no sign of a pulse for too long."""
        confidence = 0.0 if reading.confidence is None else reading.confidence
        status = STATUSES.index(reading.status)
        if self._tracker is not None and self._patience.is_over(reading.time, status, confidence):
            self._tracker.pass_over(self._face)

    def _suspect_times(self, step: float) -> None:
        """Say so where frame after frame comes after a gap."""
        if not math.isfinite(step):
            return
        self._far_apart += 1
        if self._far_apart == _SUSPICIOUS_GAPS:
            warnings.warn(
                f"{_SUSPICIOUS_GAPS} times a frame came more than {self.settings.max_gap:g} s after"
                f" the one before it, the last time {step:g} s: no heart rate can be read. Times"
                " are in seconds; divide milliseconds by 1000",
                RuntimeWarning,
                stacklevel=3,
            )

    def _search_anew(self, frame: AnyFrame, time: float) -> None:
        """Prepare the search for a face in a frame that no stream takes."""
        if self.box is not None and not self._follows:
            before = (self._shape or ())[:2]
            raise ValueError(
                f"frame has the shape {frame.shape[:2]}, those before had {before}: the box is not "
                "the same place in it; reset() starts anew"
            )
        if self.box is not None:
            self._lose()
        if self._clock.push(time) == GAP and self._tracker is not None:
            self._tracker.restart(time)

    def _measure(self, frame: AnyFrame, box: Box, time: float) -> Reading:
        sides = (box.x0, box.y0, box.x1, box.y1)
        return self._stream.push(frame, sides, time, self._color, self.turned)

    def _track(self, frame: AnyFrame, time: float) -> None:
        """Let the tracker look at the frame, and bring box and stream in line with it."""
        if self._tracker is None or (self.box is not None and time < self._tracker.due):
            return
        self._tracker.update(in_bgr_order(frame, self._color), time)
        track = next(iter(self._tracker.tracks), None)
        if track is None:
            if self.box is not None:
                self._lose()
            return
        away = 0.0 if self.box is not None else time - self._seen
        if track.name != self._face or away > self.settings.max_gap:
            # Somebody else, or the same face after too long: nothing is left of the window.
            self._stream.reset()
            self._patience.restart()
            self._fetched = (0.0, 0)
        elif self.box is not None and (track.box, track.face.turned) != (self.box, self.turned):
            self.rebox(frame, track.box, track.face.turned)
        self.box, self.turned = track.box, track.face.turned
        self._face = track.name

    def _lose(self) -> None:
        """Take note that the face is gone; its window waits for it."""
        self._clock.reset()
        self._clock.push(self._time)
        self.box, self.turned = None, 0

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
        self._stream.rebox(frame, box, self._color, turned)
        self.box, self.turned = box, turned

    @property
    def last_time(self) -> float:
        """Time of the last frame, s; minus infinity before the first frame."""
        return self._time

    @property
    def pulse(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times (s) and values of the live waveform in the window, float64, shape (samples,)."""
        count = self._stream.size
        return self._times(count), self._stream.newest(count)

    def fetch_pulse(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the part of the live waveform that is new since the last call.

        The waveform is band-passed forwards. If this is called after every frame, the pieces are
        the whole waveform. If it is called less than once in a window, older samples are lost.

        Returns
        -------
        times : ndarray
            float64 of shape (samples,), s.
        values : ndarray
            float64 of shape (samples,).
        """
        count = self._fresh()
        return self._times(count), self._stream.newest(count)

    @property
    def signals(self) -> NDArray[np.float64]:
        """Signals of the last frame with a face, float64 of shape (``_core.SIGNALS``,)."""
        return self._stream.signals

    @property
    def face(self) -> int:
        """Number of the face whose window this is; 0 before a face was found."""
        return self._face

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
        count = self._fresh()
        values = self._stream.newest(count, filtered=False)
        return self._times(count), values, self._stream.missing(count)

    def _fresh(self) -> int:
        """Count the samples since the last call that are still in the window."""
        stream = self._stream
        start, seen = self._fetched
        same = start == stream.start and seen <= stream.total
        fresh = stream.total - seen if same else stream.total
        self._fetched = (stream.start, stream.total)
        return min(fresh, stream.size)

    def _times(self, count: int) -> NDArray[np.float64]:
        stream = self._stream
        cells = np.arange(stream.total - count, stream.total, dtype=np.float64)
        return stream.start + (cells + 0.5) / self.settings.rate


def _no_face(time: float) -> Reading:
    return Reading(time, Status.NO_FACE, None, None, None, time, time)


def _number(value: float, name: str) -> float:
    """Return any real number as a float."""
    try:
        return math.ldexp(value, 0)  # unlike float(), it takes no text
    except (TypeError, OverflowError) as error:
        raise TypeError(f"{name} must be a number: {error}") from error
