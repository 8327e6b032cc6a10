"""Measures a whole recording with a monitor."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Literal, overload

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast._core import TimeError
from rppg_fast.conditions_meter import ConditionsMeter
from rppg_fast.faces import FacesMonitor
from rppg_fast.monitor import HeartRateMonitor, MeasuredFace
from rppg_fast.pulse import PulseSettings
from rppg_fast.reading import Box, Measurement, Reading, none_if_nan
from rppg_fast.sources import Openable, Source, open_source
from rppg_fast.video import VideoFile
from rppg_fast.yuv import AnyFrame

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from rppg_fast.options import FacesOptions, MonitorOptions

Floats = NDArray[np.float64]

#: Called with every frame with the number of frames so far.
Progress = Callable[[int], None]


class MeasurementInterrupted(RuntimeError):
    """The source of frames failed after the first frame: it raised, or gave a wrong frame.

    Attributes
    ----------
    measurement
        What was measured until then: a Measurement, or a list of them for all faces. The
        exception's ``__cause__`` is the error.
    """

    def __init__(self, reason: str, measurement: Measurement | list[Measurement]) -> None:
        super().__init__(reason, measurement)  # both, so that it can be pickled
        self.measurement = measurement

    def __str__(self) -> str:
        return str(self.args[0])


@overload
def measure(
    video: Openable | VideoFile,
    *,
    faces: Literal["one"] = "one",
    fps: float | None = None,
    duration: float | None = None,
    step: float = 1.0,
    progress: Progress | None = None,
    **options: Unpack[MonitorOptions],
) -> Measurement: ...


@overload
def measure(
    video: Openable | VideoFile,
    *,
    faces: Literal["all"],
    fps: float | None = None,
    duration: float | None = None,
    step: float = 1.0,
    progress: Progress | None = None,
    **options: Unpack[FacesOptions],
) -> list[Measurement]: ...


def measure(
    video: Openable | VideoFile,
    *,
    faces: str = "one",
    fps: float | None = None,
    duration: float | None = None,
    step: float = 1.0,
    progress: Progress | None = None,
    **options: Any,
) -> Measurement | list[Measurement]:
    """Measure the heart rate in a video file, or in anything else that ``open_source`` takes.

    Every frame is pushed into a ``HeartRateMonitor``. The result is the same, to the last bit, as
    pushing the frames of ``open_source`` yourself.

    Parameters
    ----------
    video
        A path, an opened ``VideoFile`` or ``Source``, or what ``open_source`` takes.
    faces
        "one", the largest face, or "all": then the frames go through a ``FacesMonitor``.
    fps
        Frame rate, Hz, in place of the video's own times.
    duration
        Stop after so many seconds of video. A camera does not end by itself.
    step
        Time from one reported window to the next, s.
    progress
        Called at every frame with the number of frames so far.
    **options
        Options of ``HeartRateMonitor`` or ``FacesMonitor``: ``method``, ``box``, ``window``, ...

    Returns
    -------
    Measurement or list of Measurement
        For all faces a list with one Measurement for each, ordered by number. It is empty if no
        face was found.

    Raises
    ------
    FileNotFoundError, VideoError
        If it cannot be read as a video.
    MeasurementInterrupted
        If it fails after the first frame; it holds what was measured until then.
    ValueError
        If an option has a wrong value.
    TypeError
        If an option has a wrong type.
    """
    if faces not in ("one", "all"):
        raise ValueError(f"faces must be 'one' or 'all', got {faces!r}")
    if duration is not None and not duration > 0:
        raise ValueError(f"duration must be a positive number of seconds, got {duration}")
    if isinstance(video, VideoFile) and fps is not None:
        raise ValueError("fps belongs to the VideoFile that is already open")
    monitor = FacesMonitor(**options) if faces == "all" else HeartRateMonitor(**options)
    given = video.source if isinstance(video, VideoFile) else video
    with ExitStack() as opened:
        source = open_source(given, fps=fps)
        if source is not given:
            opened.enter_context(source)
        pairs = source if duration is None else _first(source, duration)
        found = measure_frames(pairs, monitor, name=source.name, step=step, progress=progress)
    if isinstance(found, Measurement):
        return completed(found, source)
    return [completed(face, source) for face in found]


def completed(found: Measurement, source: Source) -> Measurement:
    """Add to a measurement what only its source knows: damaged frames and bits a pixel."""
    conditions = found.conditions
    if conditions is not None:
        conditions = conditions._replace(bits_per_pixel=source.bits_per_pixel)
    return replace(found, damaged_frames=source.damaged, conditions=conditions)


def _first(source: Source, duration: float) -> Iterator[tuple[AnyFrame, float]]:
    """Yield the frames of a source's first seconds."""
    start: float | None = None
    for picture, time in source:
        start = time if start is None else start
        if time - start >= duration:
            source.stop()
            return
        yield picture, time


@overload
def measure_frames(
    frames: Iterable[tuple[AnyFrame, float]],
    monitor: HeartRateMonitor,
    *,
    name: str = "frames",
    step: float = 1.0,
    progress: Progress | None = None,
) -> Measurement: ...


@overload
def measure_frames(
    frames: Iterable[tuple[AnyFrame, float]],
    monitor: FacesMonitor,
    *,
    name: str = "frames",
    step: float = 1.0,
    progress: Progress | None = None,
) -> list[Measurement]: ...


@overload
def measure_frames(
    frames: Iterable[tuple[AnyFrame, float]],
    monitor: HeartRateMonitor | FacesMonitor,
    *,
    name: str = "frames",
    step: float = 1.0,
    progress: Progress | None = None,
) -> Measurement | list[Measurement]: ...


def measure_frames(
    frames: Iterable[tuple[AnyFrame, float]],
    monitor: HeartRateMonitor | FacesMonitor,
    *,
    name: str = "frames",
    step: float = 1.0,
    progress: Progress | None = None,
) -> Measurement | list[Measurement]:
    """Measure the heart rate in a sequence of (frame, time).

    Frames whose time is not later than the time before are left out and counted.

    Parameters
    ----------
    frames
        What a monitor's ``push`` takes: frames with their times, s.
    monitor
        A new monitor, for one face or for all. Afterwards it is in the state of the last frame.
    name
        Name of the recording in the result.
    step
        Time from one reported window to the next, s.
    progress
        Called at every frame with the number of frames so far.

    Returns
    -------
    Measurement or list of Measurement
        A list if ``monitor`` is a ``FacesMonitor``.

    Raises
    ------
    MeasurementInterrupted
        If ``frames`` raises or gives a wrong frame after the first one; it holds what was measured
        until then.
    TypeError, ValueError
        If ``step`` is not positive or the first frame is none that ``push`` takes.
    """
    if not (math.isfinite(step) and step > 0):
        raise ValueError(f"step must be a positive number of seconds, got {step}")
    records: dict[int | None, _Record] = {}
    if isinstance(monitor, HeartRateMonitor):
        records[None] = _Record(step, monitor.settings)
    count = skipped = 0
    failure: Exception | None = None
    try:
        for frame, time in frames:
            if progress is not None:
                progress(count + skipped + 1)
            try:
                if isinstance(monitor, HeartRateMonitor):
                    records[None].take(monitor.push(frame, time), frame, monitor)
                else:
                    for face, reading in monitor.push(frame, time).items():
                        record = records.setdefault(face, _Record(step, monitor.settings))
                        record.take(reading, frame, monitor.monitors[face])
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

    def __init__(self, step: float, settings: PulseSettings) -> None:
        self._settings = settings
        self._recording = _core.Recording(step, settings.max_gap, settings.min_confidence)
        self._windows: list[Reading] = []
        self._box: Box | None = None
        self._conditions = ConditionsMeter()
        self._boxes = array("d")  # time of a frame and four sides, whenever the box changes

    def take(self, reading: Reading, frame: AnyFrame, monitor: MeasuredFace) -> None:
        """Take the newest reading with its frame, and from its monitor the pulse."""
        if monitor._record(self._recording):
            self._windows.append(reading)
        box = monitor.box
        if box is not None:
            self._conditions.update(frame, box, reading.time_s)
        if box is not None and box != self._box:
            self._box = box
            self._boxes.extend((reading.time_s, *box))

    def measurement(self, name: str, method: str, skipped: int, face: int | None) -> Measurement:
        """Sum up."""
        (
            status,
            heart_rate,
            snr_db,
            confidence,
            coverage,
            spread,
            frames,
            duration,
            fps,
            candidate,
        ) = self._recording.summary()
        times, pulse = self._pulse()
        return Measurement(
            video=name,
            method=method,
            status=status,
            heart_rate_bpm=none_if_nan(heart_rate),
            snr_db=none_if_nan(snr_db),
            confidence=none_if_nan(confidence),
            coverage=coverage,
            spread_bpm=none_if_nan(spread),
            frames=frames,
            skipped_frames=skipped,
            duration_s=duration,
            fps=fps,
            box=self._recording.box,
            turned=self._recording.turned,
            windows=tuple(self._windows),
            times=times,
            pulse=pulse,
            face=face,
            boxes=self._boxes_at(times),
            candidate_bpm=none_if_nan(candidate),
            conditions=self._conditions.conditions,
        )

    def _boxes_at(self, times: Floats) -> NDArray[np.int32]:
        """Return the box in the last frame before each sample."""
        changes = np.array(self._boxes).reshape(-1, 5)
        newest = np.searchsorted(changes[:, 0], times, "right") - 1
        return changes[np.maximum(newest, 0), 1:].astype(np.int32)

    def _pulse(self) -> tuple[Floats, Floats]:
        """Return times and values of the whole pulse: each stretch without a gap is filtered."""
        times, values, missing = self._recording.samples()
        times, values = times[~missing], values[~missing]
        s = self._settings
        band_pass = _core.BandPass(s.low, s.high, s.rate, s.order)
        ends = np.flatnonzero(np.diff(times) > 1.5 / s.rate) + 1
        stretches = [band_pass.zero_phase(part) for part in np.split(values, ends)]
        return times, np.concatenate(stretches)
