"""Measure many videos in several processes."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rppg_fast.faces import FacesMonitor
from rppg_fast.many.inputs import VideoJob, VideoLike, list_videos
from rppg_fast.many.results import Table, VideoResult
from rppg_fast.measurement import MeasurementInterrupted, measure
from rppg_fast.monitor import HeartRateMonitor
from rppg_fast.results import reason_of
from rppg_fast.student import Student
from rppg_fast.teacher import Teacher

if TYPE_CHECKING:
    from rppg_fast.reading import Measurement

_DIED = "the process that measured it has ended: the video may need too much memory"


def measure_many(
    videos: Iterable[VideoLike],
    *,
    jobs: int = 1,
    out: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Iterator[VideoResult]:
    """Measure many videos, several at once; yield their results as they come.

    A video that cannot be measured does not stop the others: its result has an ``error``. With
    ``out``, results are appended to a file as they come, and a run that was interrupted, even by
    ``kill -9``, continues where it stopped if it is called again in the same way.

    Parameters
    ----------
    videos
        What ``list_videos`` takes: files, folders, patterns, ``@LIST``, manifests, ``VideoJob``.
    jobs
        Number of processes, each with one thread; -1 for one on each processor core. More than one
        needs joblib: ``pip install "rppg_fast[many]"``.
    out
        A file whose name ends in ".jsonl" (all of each result) or ".csv" (without the windows).
    weights
        Weights file of the student, or of the teacher for ``method="teacher"``.
    **options
        Options of ``measure``, such as ``fps``, ``faces``, ``method``, ``window``.

    Returns
    -------
    iterator of VideoResult
        Each result when it has come, and after it has been written. Videos whose results were in
        ``out`` already are not among them. The videos are measured while the iterator is used.

    Raises
    ------
    FileNotFoundError
        If an input names no video.
    ValueError
        If ``jobs``, a manifest or an option has a wrong value, or ``out`` holds another run.
    ImportError
        If ``jobs`` is not 1 and joblib is not installed.
    OSError
        If ``out`` cannot be written.
    """
    todo = list_videos(videos)
    weights = None if weights is None else os.fsdecode(weights)
    if jobs == 0 or jobs < -1:
        raise ValueError(f"jobs must be at least 1, or -1 for all processor cores, got {jobs}")
    if jobs != 1 and find_spec("joblib") is None:
        raise ImportError('jobs above 1 need joblib: pip install "rppg_fast[many]"')
    _check(options, weights)
    table = None
    if out is not None:
        columns = list(dict.fromkeys(name for job in todo for name in job.columns))
        table = Table(Path(out), _settings(options, weights), columns)
        todo = [job for job in todo if job.video not in table.done]
    return _written(_results(todo, jobs, options, weights), table)


def _written(results: Iterator[VideoResult], table: Table | None) -> Iterator[VideoResult]:
    """Yield results after they have been appended to the table, if there is one."""
    try:
        for result in results:
            if table is not None:
                table.add(result)
            yield result
    finally:
        if table is not None:
            table.close()


def _check(options: Mapping[str, Any], weights: str | None) -> None:
    """Raise at once for an option that is wrong for every video."""
    of_measure = {"fps", "duration", "faces", "step"}
    network = _network(options, weights)
    monitor: Any = FacesMonitor if options.get("faces") == "all" else HeartRateMonitor
    monitor(**{k: v for k, v in options.items() if k not in of_measure}, **network)


def _settings(options: Mapping[str, Any], weights: str | None) -> str:
    """Return the options as text."""
    given = {**options, "weights": weights}
    return json.dumps(given, sort_keys=True, default=str) + "\n"


def _results(
    jobs: Sequence[VideoJob], processes: int, options: Mapping[str, Any], weights: str | None
) -> Iterator[VideoResult]:
    """Yield results as they come."""
    if processes == 1:
        for job in jobs:
            yield measure_one(job, options, weights)
        return
    yield from _in_processes(list(jobs), processes, options, weights)


def _in_processes(
    jobs: list[VideoJob], processes: int, options: Mapping[str, Any], weights: str | None
) -> Iterator[VideoResult]:
    """Yield results from joblib's processes.

    If a process dies, joblib ends all of them. The videos that had no result are then measured
    again: first those that may have been its cause, each alone in a process.
    """
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    left = {job.video: job for job in jobs}
    processes = joblib.effective_n_jobs(processes)

    def run(some: Sequence[VideoJob], at_once: int) -> Iterator[VideoResult]:
        with joblib.parallel_config("loky", inner_max_num_threads=1):
            parallel = joblib.Parallel(at_once, return_as="generator_unordered", batch_size=1)
            task = joblib.delayed(measure_one)
            for result in parallel(task(job, options, weights) for job in some):
                del left[result.video]
                yield result

    while left:
        try:
            yield from run(list(left.values()), processes)
        except TerminatedWorkerError:
            # Those that were being measured are among the first that have no result.
            for job in list(left.values())[: 2 * processes]:
                try:
                    yield from run([job], 2)
                except TerminatedWorkerError:
                    del left[job.video]
                    yield VideoResult(job.video, (), _DIED, job.columns)


def measure_one(job: VideoJob, options: Mapping[str, Any], weights: str | None) -> VideoResult:
    """Measure one video of a run; an error becomes a part of the result."""
    given: dict[str, Any] = {**options, **job.options}
    error = ""
    measured: Measurement | list[Measurement] = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            measured = measure(job.video, **given, **_network(given, weights))
    except MeasurementInterrupted as interrupted:
        measured, error = interrupted.measurement, str(interrupted)
    except (ValueError, TypeError, OSError) as caught:
        error = reason_of(caught)
    faces = measured if isinstance(measured, list) else [measured]
    return VideoResult(job.video, [face.to_dict() for face in faces], error, job.columns)


_networks: dict[tuple[str, str], dict[str, Any]] = {}


def _network(options: Mapping[str, Any], weights: str | None) -> dict[str, Any]:
    """Return the option with the network of a weights file; each process reads a file once."""
    if weights is None:
        return {}
    kind = "teacher" if options.get("method") == "teacher" else "student"
    key = kind, weights
    if key not in _networks:
        load = Teacher.load if kind == "teacher" else Student.load
        _networks[key] = {kind: load(weights)}
    return _networks[key]
