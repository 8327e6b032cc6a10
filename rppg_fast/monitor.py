"""Heart rate of one face, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.face import MTCNN, FaceDetector, face_box, largest_face
from rppg_fast.pulse import PulseSettings
from rppg_fast.reading import Box, Reading, Status
from rppg_fast.rgb_stream import RgbStream
from rppg_fast.student import Student

#: How much larger than the detected face the measured box is (the paper's value).
BOX_SCALE = 1.6

#: Time between two searches for a face while none has been found, s. A search costs far more than
#: a measured frame.
SEARCH_INTERVAL = 0.5

#: Beyond it every box is the whole frame.
_LARGEST_BOX_SCALE = 1000.0


class HeartRateMonitor:
    """Takes frames of a face with their times and says its heart rate.

    As in the paper, the face is searched for until it is found once, and the same box is measured
    from then on. A monitor is not for two threads at once; separate ones run in parallel.

    Parameters
    ----------
    method
        "student", the paper's network, or a classical method: "pos", "chrom", "green", "ica".
    student
        The network with its weights; the bundled ones by default. For ``method="student"`` only.
    box
        Pixels to measure, four ints x0, y0, x1, y1, in place of a face detector.
    detector
        Maps a blue-green-red frame to faces; MTCNN by default.
    box_scale
        How much larger than the detected face the measured box is.
    color
        Order of the frames' channels: "bgr", as OpenCV gives them, or "rgb".
    settings
        Filter, window and threshold of the pulse; single values can be given by name, too:
        ``window`` (s), ``low`` and ``high`` (Hz), ``min_confidence`` (0 to 1).

    Attributes
    ----------
    box
        The pixels that are measured; None until a face is found.
    method
        As given.

    Raises
    ------
    ValueError
        If an argument makes no sense; the message names it.
    """

    def __init__(
        self,
        *,
        method: str = "student",
        student: Student | None = None,
        box: Iterable[int] | None = None,
        detector: FaceDetector | None = None,
        box_scale: float = BOX_SCALE,
        color: str = "bgr",
        settings: PulseSettings | None = None,
        window: float | None = None,
        low: float | None = None,
        high: float | None = None,
        min_confidence: float | None = None,
    ) -> None:
        if color not in ("bgr", "rgb"):
            raise ValueError(f"color must be 'bgr' or 'rgb', got {color!r}")
        if not 0 < box_scale <= _LARGEST_BOX_SCALE:
            raise ValueError(
                f"box_scale must lie between 0 and {_LARGEST_BOX_SCALE:g}, got {box_scale}"
            )
        single = {"window": window, "low": low, "high": high, "min_confidence": min_confidence}
        given: dict[str, Any] = {k: value for k, value in single.items() if value is not None}
        self._settings = replace(settings or PulseSettings(), **given)
        self._stream: _core.Stream | RgbStream
        if method == "student":
            self._stream = _core.Stream(student or Student.load(), self._settings.to_native())
        elif student is not None:
            raise ValueError(f"a student is of no use to method {method!r}")
        else:
            self._stream = RgbStream(method, self._settings)
        self.method = method
        self._color = color
        self._box_scale = box_scale
        self._fixed_box = None if box is None else Box.of(box)
        self._detector = detector
        if detector is None and self._fixed_box is None:
            self._detector = MTCNN()
        self.reset()

    def reset(self) -> None:
        """Forget face, pulse and time, as if no frame had been pushed yet."""
        self._stream.reset()
        self.box = self._fixed_box
        self._searched = self._next_search = -math.inf
        self._fetched = (0.0, 0)

    def push(self, frame: NDArray[np.uint8], time: float) -> Reading:
        """Take the frame that was seen at ``time`` and read the window that ends there.

        Parameters
        ----------
        frame
            uint8 of shape (height, width, 3); any strides.
        time
            Seconds, on any clock that only goes forward.

        Raises
        ------
        TypeError, ValueError
            If the frame is not such an array, the box leaves it, or the time is not later than
            the last one. Nothing is changed then.
        """
        if self.box is None:
            self._search(frame, time)
        box = self.box
        if box is None:
            return Reading(float(time), Status.NO_FACE, None, None, None, float(time), float(time))
        sides = (box.x0, box.y0, box.x1, box.y1)
        native = self._stream.push(frame, sides, time, self._color)
        return Reading.from_native(float(time), native)

    def _search(self, frame: NDArray[np.uint8], time: float) -> None:
        if not self._searched < time < math.inf:
            raise ValueError(
                "a frame's time must be a finite number of seconds, later than that of the frame "
                f"before: {time} s came after {self._searched} s"
            )
        self._searched = time
        if time < self._next_search or self._detector is None:
            return
        swap = self._color == "rgb" and isinstance(frame, np.ndarray)  # else the detector complains
        bgr = np.ascontiguousarray(frame[..., ::-1]) if swap else frame
        face = largest_face(self._detector(bgr))
        if face is None:
            self._next_search = time + SEARCH_INTERVAL
        else:
            self.box = face_box(face, frame.shape[1], frame.shape[0], self._box_scale)

    @property
    def pulse(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Times (s) and values of the band-passed pulse in the window, float64, (samples,)."""
        return self._newest(self._stream.size)

    def fetch_pulse(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return times (s) and values of the pulse that came since the last call.

        Called after every frame it gives the whole pulse, piece by piece; called more rarely than
        once a window, what has left the window is lost.
        """
        stream = self._stream
        start, seen = self._fetched
        fresh = stream.total - seen if start == stream.start else stream.total
        self._fetched = (stream.start, stream.total)
        return self._newest(min(fresh, stream.size))

    def _newest(self, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        stream = self._stream
        cells = np.arange(stream.total - count, stream.total, dtype=np.float64)
        return stream.start + (cells + 0.5) / self._settings.rate, stream.newest(count)
