"""Measure many videos in several processes, on this machine or on a cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Callable

from rppg_fast.faces import FacesMonitor
from rppg_fast.many.cluster import ClientLike, ClusterWorkers, check_dask
from rppg_fast.many.inputs import VideoJob, VideoLike, absolute, is_remote, list_videos
from rppg_fast.many.one_video import ended, measure_one, network
from rppg_fast.many.parquet import check_parquet
from rppg_fast.many.progress import Reporter, RunProgress, note_frames
from rppg_fast.many.results import VideoResult
from rppg_fast.many.table import PARQUET, Table
from rppg_fast.many.workers import LocalWorkers, Workers, process_count, run_tasks
from rppg_fast.monitor import HeartRateMonitor
from rppg_fast.sources.remote import file_system, scheme


def measure_many(
    videos: Iterable[VideoLike],
    *,
    jobs: int = 1,
    client: ClientLike | None = None,
    out: str | os.PathLike[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    progress: Callable[[RunProgress], None] | None = None,
    **options: Any,
) -> Iterator[VideoResult]:
    """Measure many videos, several at once; yield their results as they come.

    A video that cannot be measured does not stop the others: its result has an ``error``. With
    ``out``, results are appended to a file as they come, and a run that was interrupted, even by
    ``kill -9``, continues where it stopped if it is called again in the same way. A process that is
    killed costs only its video, which is measured again; a video whose process ends each time gets
    an ``error``.

    Parameters
    ----------
    videos
        What ``list_videos`` takes: files, folders, patterns, ``@LIST``, manifests, ``VideoJob``.
    jobs
        Number of processes, each with one thread; -1 for one on each processor core. More than one
        needs joblib: ``pip install "rppg_fast[many]"``.
    client
        A Dask cluster that measures the videos in place of this machine: a ``distributed.Client``,
        or the address of a scheduler. Its processes need the package, and must find the videos and
        ``weights`` under the same names. Needs ``pip install "rppg_fast[dask]"``.
    out
        A file whose name ends in ".jsonl" (all of each result), ".csv" (without the windows) or
        ".parquet" (all of each result; written when all videos have been measured; needs ``pip
        install "rppg_fast[parquet]"``).
    weights
        Weights file of the student, or of the teacher for ``method="teacher"``.
    progress
        Called with a ``RunProgress`` after each result, and about twice a second in between.
    **options
        Options of ``measure``, such as ``fps``, ``faces``, ``method``, ``window``.

    Returns
    -------
    iterator of VideoResult
        Each result when it has come, and after it has been written. Videos whose results were in
        ``out`` already are not among them. The videos are measured while the iterator is used; at
        its end the rows of ``out`` are in the order of the videos.

    Raises
    ------
    FileNotFoundError
        If an input names no video.
    ValueError
        If ``jobs``, a manifest or an option has a wrong value, or ``out`` holds another run.
    ImportError
        If a package is not installed that ``jobs``, ``client``, ``out`` or an address needs.
    OSError
        If ``out`` cannot be written, or there is no cluster.
    """
    all_jobs = list_videos(videos)
    weights = None if weights is None else os.fsdecode(weights)
    processes = process_count(jobs)
    if client is not None:
        check_dask()
        if jobs != 1:
            raise ValueError("jobs are processes of this machine: leave them out with a cluster")
    if out is not None and Path(out).suffix == PARQUET:
        check_parquet()
    _check(options, weights)
    for video in {scheme(job.video): job.video for job in all_jobs}.values():
        if is_remote(video):
            file_system(video)
    with ExitStack() as opened:
        workers: Workers | None = None
        if client is not None:
            workers = ClusterWorkers(client)
        elif processes > 1:
            workers = LocalWorkers(processes)
        if workers is not None:
            opened.callback(workers.close)
        table, todo = None, all_jobs
        if out is not None:
            columns = list(dict.fromkeys(name for job in all_jobs for name in job.columns))
            table = Table(Path(out), _settings(options, weights), columns)
            opened.callback(table.close)
            todo = [job for job in all_jobs if not table.has(job.video)]
        reporter = None
        if progress is not None:
            reporter = Reporter(progress, len(all_jobs) - len(todo), len(all_jobs))
            opened.callback(reporter.close)
        results = _results(todo, workers, options, weights, reporter)
        return _written(results, all_jobs, table, reporter, opened.pop_all())


def _written(
    results: Generator[VideoResult, None, None],
    jobs: Sequence[VideoJob],
    table: Table | None,
    reporter: Reporter | None,
    opened: ExitStack,
) -> Iterator[VideoResult]:
    """Yield results after they have been appended to the table, if there is one."""
    with opened, closing(results):
        for result in results:
            if table is not None:
                table.add(result)
            if reporter is not None:
                reporter.finish(result.video)
            yield result
        if table is not None:
            table.finish(job.video for job in jobs)


def _check(options: Mapping[str, Any], weights: str | None) -> None:
    """Raise at once for an option that is wrong for every video."""
    of_measure = {"fps", "duration", "faces", "step"}
    monitor: Any = FacesMonitor if options.get("faces") == "all" else HeartRateMonitor
    given = {name: value for name, value in options.items() if name not in of_measure}
    monitor(**given, **network(options, weights))


def _settings(options: Mapping[str, Any], weights: str | None) -> str:
    """Return the options as text."""
    given = {**options, "weights": weights}
    return json.dumps(given, sort_keys=True, default=str) + "\n"


def _results(
    jobs: Sequence[VideoJob],
    workers: Workers | None,
    options: Mapping[str, Any],
    weights: str | None,
    reporter: Reporter | None,
) -> Generator[VideoResult, None, None]:
    """Yield results as they come."""
    folder = None if reporter is None else reporter.folder
    report = None if reporter is None else reporter.report
    if workers is None:
        yield from map(partial(_measure, options, weights, folder, report), jobs)
        return
    sent = jobs
    if workers.elsewhere:
        weights = None if weights is None else os.path.abspath(weights)
        sent = [replace(job, video=absolute(job.video)) for job in jobs]
    task = partial(_measure, options, weights, folder, None)
    for index, result in run_tasks(workers, task, sent, lost=ended, waiting=report):
        name = jobs[index].video
        yield replace(result, video=name, error=result.error.replace(result.video, name))


def _measure(
    options: Mapping[str, Any],
    weights: str | None,
    folder: str | None,
    report: Callable[[], None] | None,
    job: VideoJob,
) -> VideoResult:
    """Measure a video; the task of each process.

    How far it is, is written into the folder, if there is one; then ``report`` is called.
    """

    def told(frames: int, total: int) -> None:
        if folder is not None:
            note_frames(folder, job.video, frames, total)
        if report is not None:
            report()

    return measure_one(job, options, weights, told)
