"""A whole recording through the monitor."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from statistics import median
from typing import Any, Callable, Literal, overload

import numpy as np
from numpy.typing import NDArray

from rppg_fast._core import TimeError
from rppg_fast.faces import FacesMonitor
from rppg_fast.monitor import HeartRateMonitor
from rppg_fast.reading import Box, Measurement, Reading, Status
from rppg_fast.video import Frame, VideoFile

#: Share of a recording's windows that must read ok before it has a heart rate.
MIN_SHARE_OK = 0.5

#: Times on the grid are equal within this, s.
_TIME_TOLERANCE = 1e-6

#: Called with every frame with the number of frames so far.
Progress = Callable[[int], None]


class MeasurementInterrupted(RuntimeError):
    """A recording that failed on the way: its source raised, or gave what is no frame.

    Attributes
    ----------
    measurement
        What had been measured until then, of one face or of all. What went wrong is the
        exception's ``__cause__``.
    """

    def __init__(self, reason: str, measurement: Measurement | list[Measurement]) -> None:
        super().__init__(reason, measurement)  # both, so that it can be pickled
        self.measurement = measurement

    def __str__(self) -> str:
        return str(self.args[0])


@overload
def measure(
    video: str | os.PathLike[str] | VideoFile,
    *,
    faces: Literal["one"] = "one",
    fps: float | None = None,
    step: float = 1.0,
    progress: Progress | None = None,
    **options: Any,
) -> Measurement: ...


@overload
def measure(
    video: str | os.PathLike[str] | VideoFile,
    *,
    faces: Literal["all"],
    fps: float | None = None,
    step: float = 1.0,
    progress: Progress | None = None,
    **options: Any,
) -> list[Measurement]: ...


def measure(
    video: str | os.PathLike[str] | VideoFile,
    *,
    faces: str = "one",
    fps: float | None = None,
    step: float = 1.0,
    progress: Progress | None = None,
    **options: Any,
) -> Measurement | list[Measurement]:
    """Measure the heart rate in a video file.

    The file is read frame by frame and pushed through a ``HeartRateMonitor``: the result is the
    same, to the last bit, as pushing its frames one by one.

    Parameters
    ----------
    video
        A path, or an opened ``VideoFile``.
    faces
        "one", the largest face, or "all": then the frames go through a ``FacesMonitor``.
    fps
        Frame rate, Hz, that overrides what the container says of time.
    step
        Time from one reported window to the next, s.
    progress
        Called at every frame with the number of frames so far.
    **options
        What ``HeartRateMonitor`` or ``FacesMonitor`` takes: ``method``, ``box``, ``window``, ...

    Returns
    -------
    Measurement or list of Measurement
        Of all faces a list with one for each, by number; it is empty where no face was found.

    Raises
    ------
    FileNotFoundError, VideoError
        If the file cannot be read as a video.
    ValueError
        If an option makes no sense.
    """
    if faces not in ("one", "all"):
        raise ValueError(f"faces must be 'one' or 'all', got {faces!r}")
    if isinstance(video, VideoFile) and fps is not None:
        raise ValueError("fps belongs to the VideoFile that is already open")
    monitor = FacesMonitor(**options) if faces == "all" else HeartRateMonitor(**options)
    file = video if isinstance(video, VideoFile) else VideoFile(video, fps)
    return measure_frames(file, monitor, name=file.path, step=step, progress=progress)


@overload
def measure_frames(
    frames: Iterable[tuple[Frame, float]],
    monitor: HeartRateMonitor,
    *,
    name: str = "frames",
    step: float = 1.0,
    progress: Progress | None = None,
) -> Measurement: ...


@overload
def measure_frames(
    frames: Iterable[tuple[Frame, float]],
    monitor: FacesMonitor,
    *,
    name: str = "frames",
    step: float = 1.0,
    progress: Progress | None = None,
) -> list[Measurement]: ...


@overload
def measure_frames(
    frames: Iterable[tuple[Frame, float]],
    monitor: HeartRateMonitor | FacesMonitor,
    *,
    name: str = "frames",
    step: float = 1.0,
    progress: Progress | None = None,
) -> Measurement | list[Measurement]: ...


def measure_frames(
    frames: Iterable[tuple[Frame, float]],
    monitor: HeartRateMonitor | FacesMonitor,
    *,
    name: str = "frames",
    step: float = 1.0,
    progress: Progress | None = None,
) -> Measurement | list[Measurement]:
    """Measure the heart rate in a sequence of (frame, time).

    Frames that ``push`` refuses for their time are left out and counted.

    Parameters
    ----------
    frames
        uint8 frames of shape (height, width, 3) with their times, s.
    monitor
        A fresh monitor, of one face or of all; it is left as the last frame leaves it.
    name
        What the result calls the recording.
    step
        Time from one reported window to the next, s.
    progress
        Called at every frame with the number of frames so far.

    Returns
    -------
    Measurement or list of Measurement
        As ``measure``: a list where the monitor is one of all faces.

    Raises
    ------
    MeasurementInterrupted
        If, after the first frame, ``frames`` raises or gives something else; holds what was
        measured until then.
    TypeError, ValueError
        If ``step`` is not positive or the first frame is not such an array.
    """
    if not (math.isfinite(step) and step > 0):
        raise ValueError(f"step must be a positive number of seconds, got {step}")
    records: dict[int | None, _Record] = {}
    if isinstance(monitor, HeartRateMonitor):
        records[None] = _Record(step)
    count = skipped = 0
    failure: Exception | None = None
    try:
        for frame, time in frames:
            if progress is not None:
                progress(count + skipped + 1)
            try:
                if isinstance(monitor, HeartRateMonitor):
                    records[None].take(monitor.push(frame, time), monitor)
                else:
                    for face, reading in monitor.push(frame, time).items():
                        record = records.setdefault(face, _Record(step))
                        record.take(reading, monitor.monitors[face])
            except TimeError:
                skipped += 1
            else:
                count += 1
    except Exception as error:
        if count == 0:
            raise
        failure = error
    of_faces = [records[face].measurement(name, monitor.method, skipped, face) for face in records]
    found = of_faces[0] if isinstance(monitor, HeartRateMonitor) else of_faces
    if failure is not None:
        raise MeasurementInterrupted(
            f"{name}: ended after {count} frames: {failure}", found
        ) from failure
    return found


class _Record:
    """What the frames of one face have shown so far, with a window for every ``step`` seconds."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._due = -math.inf
        self._first = self._last = math.nan  # of the frames since the last gap
        self._covered = 0.0  # by the frames before it, s
        self._count = self._steps = 0
        self._box: Box | None = None
        self._latest: Reading | None = None
        self._windows: list[Reading] = []
        self._pieces: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []

    def take(self, reading: Reading, monitor: HeartRateMonitor) -> None:
        """Take the newest reading, and from its monitor the pulse that came with it."""
        self._pieces.append(monitor.fetch_pulse())
        if 0 < reading.time - self._last <= monitor.settings.max_gap:
            self._steps += 1
        else:
            self._covered += self._last - self._first if self._count else 0.0
            self._first, self._due = reading.time, -math.inf
        self._last = reading.time
        self._count += 1
        self._box = monitor.box or self._box
        self._latest = reading
        if _is_window(reading) and reading.end >= self._due - _TIME_TOLERANCE:
            self._windows.append(reading)
            due = self._due + self._step
            self._due = due if due > reading.end else reading.end + self._step

    def measurement(self, name: str, method: str, skipped: int, face: int | None) -> Measurement:
        """Sum up."""
        status, heart_rate, snr_db, confidence = _summarise(self._windows, self._latest)
        duration = self._covered + self._last - self._first if self._count else 0.0
        empty = np.empty(0)
        return Measurement(
            video=name,
            method=method,
            status=status,
            heart_rate=heart_rate,
            snr_db=snr_db,
            confidence=confidence,
            frames=self._count,
            skipped=skipped,
            duration=duration,
            fps=self._steps / duration if duration > 0 else 0.0,
            box=self._box,
            windows=tuple(self._windows),
            times=np.concatenate([times for times, _ in self._pieces] or [empty]),
            pulse=np.concatenate([values for _, values in self._pieces] or [empty]),
            face=face,
        )


def _is_window(reading: Reading) -> bool:
    return reading.status in (Status.OK, Status.LOW_SIGNAL)


def _summarise(
    windows: list[Reading], latest: Reading | None
) -> tuple[Status, float | None, float | None, float | None]:
    """Return status, heart rate (bpm), SNR (dB) and confidence of a recording."""
    if not windows:
        return (Status.NO_FACE if latest is None else latest.status), None, None, None
    right = [window for window in windows if window.status is Status.OK]
    snr_db, confidence = (
        median(known) if (known := [value for value in values if value is not None]) else None
        for values in zip(*((window.snr_db, window.confidence) for window in right or windows))
    )
    if len(right) < MIN_SHARE_OK * len(windows):
        return Status.LOW_SIGNAL, None, snr_db, confidence
    rates = [window.heart_rate for window in right if window.heart_rate is not None]
    return Status.OK, sum(rates) / len(rates), snr_db, confidence
