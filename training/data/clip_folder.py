"""Folders of one made clip each: a video, what it shows, and its truth where it has one.

``clip.json`` is written last: a folder that has it is complete. It holds ``kind`` ("injected" or
"negative"), ``video``, the carrier's entry of the catalogue, ``made_from``, which fixes the clip,
and what is known of the result.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Callable, TypeVar

import cv2
from tqdm import tqdm

import rppg_fast as rf
from rppg_fast.video import Frame
from training.data.catalogue import RealClip
from training.data.trajectories import Times
from training.data.ubfc_format import write_ground_truth
from training.support.files import replace_file

ABOUT = "clip.json"
TRUTH = "ground_truth.txt"

Job = TypeVar("Job")


@dataclass(frozen=True)
class Carrier:
    """A clip to make others of, cut to its first seconds.

    Attributes
    ----------
    clip : RealClip
        What the catalogue says.
    limit : float
        Length in seconds from the first frame on.
    """

    clip: RealClip
    limit: float

    @property
    def number(self) -> int:
        """A number that follows from the file's name, for seeds."""
        return int.from_bytes(hashlib.sha256(self.clip.name.encode()).digest()[:8], "big")

    def frames(self) -> Iterator[tuple[Frame, float]]:
        """Yield the frames whose time is later than the last one's, with times from 0, in s."""
        start: float | None = None
        last = -math.inf
        for frame, time in rf.VideoFile(self.clip.path):
            start = time if start is None else start
            if time - start >= self.limit:
                return
            if time - start > last:
                last = time - start
                yield frame, last

    def about(self) -> dict[str, Any]:
        """Give what ``clip.json`` says of it."""
        return {
            "file": self.clip.name,
            "seen": self.clip.seen,
            "own_rate_bpm": self.clip.own_rate,
            "origin": self.clip.origin,
            "licence_of_origin": self.clip.licence,
        }


def is_complete(folder: Path, made_from: Mapping[str, Any]) -> bool:
    """Tell whether a folder holds the clip that ``made_from`` describes.

    Raises
    ------
    FileExistsError
        If it holds one that was made of something else.
    """
    path = folder / ABOUT
    if not path.is_file():
        return False
    if json.loads(path.read_text(encoding="utf-8"))["made_from"] != json.loads(
        json.dumps(made_from)
    ):
        raise FileExistsError(f"{folder}: holds a clip made with other settings; choose another")
    return True


def finish(
    folder: Path, about: Mapping[str, Any], truth: tuple[Times, Times, Times] | None
) -> None:
    """Write PPG, heart rate (bpm) and time (s), where there is a truth, then ``clip.json``."""
    if truth is not None:
        write_ground_truth(folder / TRUTH, *truth)
    replace_file(folder / ABOUT, (json.dumps(about, indent=1) + "\n").encode())


def run_jobs(
    run: Callable[[Job], None], jobs: Sequence[Job], names: Sequence[str], workers: int
) -> int:
    """Run jobs with a progress bar; one that fails stops no other.

    Parameters
    ----------
    run
        Does a job; an OSError or ValueError says why it cannot be done.
    jobs, names
        What to do, and what errors call it.
    workers
        Processes.

    Returns
    -------
    int
        Exit code: 0, or 3 where a job failed, each with a line on standard error.
    """
    failed: list[str] = []
    with tqdm(total=len(jobs), unit="clip") as bar:
        for name, reason in zip(names, _reasons(run, jobs, workers)):
            if reason:
                failed.append(f"{name}: {reason}")
            bar.update()
    for line in failed:
        print(line, file=sys.stderr)
    return 3 if failed else 0


def _reasons(run: Callable[[Job], None], jobs: Sequence[Job], workers: int) -> Iterator[str]:
    _one_thread()
    if workers == 1:
        yield from (_reason(run, job) for job in jobs)
        return
    # Fresh processes: a fork would copy OpenCV's threads in an unknown state.
    with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
        yield from pool.map(partial(_reason, run), jobs)


def _reason(run: Callable[[Job], None], job: Job) -> str:
    try:
        run(job)
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _one_thread() -> None:
    cv2.setNumThreads(1)
