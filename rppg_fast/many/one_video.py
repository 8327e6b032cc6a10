"""Measure one video of many: what each process runs."""

from __future__ import annotations

import os
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any, Callable

from rppg_fast.many.inputs import VideoJob, is_remote
from rppg_fast.many.results import VideoResult
from rppg_fast.measurement import MeasurementInterrupted, measure
from rppg_fast.results import noting_warnings, reason_of
from rppg_fast.sources import Source, open_source
from rppg_fast.sources.remote import RemoteSource
from rppg_fast.student import Student
from rppg_fast.teacher import Teacher

if TYPE_CHECKING:
    from rppg_fast.reading import Measurement

#: Called now and then with the frames read so far and the number of all, 0 if it is not known.
FramesRead = Callable[[int, int], None]

#: Time between two calls of ``FramesRead``, s.
_INTERVAL = 0.5

_ENDED = "the process that measured it has ended: the video may need too much memory"


def measure_one(
    job: VideoJob,
    options: Mapping[str, Any],
    weights: str | None,
    frames_read: FramesRead | None = None,
) -> VideoResult:
    """Measure one video of a run; an error becomes a part of the result."""
    given: dict[str, Any] = {**options, **job.options}
    fps = given.pop("fps", None)
    error = ""
    measured: Measurement | list[Measurement] = []
    warnings: list[str] = []
    try:
        networks = network(given, weights)
        with noting_warnings() as noted, _opened(job.video, fps) as source:
            counter = _Counter(source, frames_read)
            try:
                measured = measure(source, progress=counter, **given, **networks)
            except MeasurementInterrupted as interrupted:
                measured, error = interrupted.measurement, str(interrupted)
            finally:
                warnings = source.remarks(counter.frames)
        warnings = noted + warnings
    except (ValueError, TypeError, OSError) as caught:
        error = reason_of(caught)
    except Exception as caught:  # one video does not stop the others
        error = f"{job.video}: {type(caught).__name__}: {caught}"
    faces = measured if isinstance(measured, list) else [measured]
    return VideoResult(job.video, [face.to_dict() for face in faces], error, job.columns, warnings)


def ended(job: VideoJob) -> VideoResult:
    """Return the result of a video whose process was killed at each try."""
    return VideoResult(job.video, (), f"{job.video}: {_ENDED}", job.columns)


def _opened(name: str, fps: float | None) -> Source:
    """Open a video; one on a server is fetched, because a stream could break off."""
    return RemoteSource(name, fps) if is_remote(name) else open_source(name, fps=fps)


class _Counter:
    """Counts frames, and tells their number now and then."""

    def __init__(self, source: Source, told: FramesRead | None) -> None:
        self.frames = 0
        self._source, self._told, self._next = source, told, 0.0

    def __call__(self, frames: int) -> None:
        self.frames = frames
        if self._told is not None and monotonic() >= self._next:
            self._told(frames, self._source.frame_count)
            self._next = monotonic() + _INTERVAL


_networks: dict[tuple[str, str], dict[str, Any]] = {}


def network(options: Mapping[str, Any], weights: str | None) -> dict[str, Any]:
    """Return the option with the network of a weights file; each process reads a file once."""
    if weights is None:
        return {}
    kind = "teacher" if options.get("method") == "teacher" else "student"
    key = kind, os.path.abspath(weights)
    if key not in _networks:
        load = Teacher.load if kind == "teacher" else Student.load
        _networks[key] = {kind: load(weights)}
    return _networks[key]
