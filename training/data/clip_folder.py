"""Folders of one made clip each: a video, its description, and its truth if it has one.

``clip.json`` is written last, so a folder that has it is complete. It contains ``kind`` ("injected"
or "negative"), ``video``, the carrier's entry of the catalogue, ``made_from``, which determines the
clip, and measured properties of the result.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, TypeVar

from tqdm import tqdm

import rppg_fast as rf
from rppg_fast.video import Frame
from training.data.catalogue import RealClip
from training.data.trajectories import Times
from training.data.ubfc_format import write_ground_truth
from training.support.files import replace_file
from training.support.processes import in_processes

ABOUT = "clip.json"
TRUTH = "ground_truth.txt"

Job = TypeVar("Job")


@dataclass(frozen=True)
class Carrier:
    """A clip from which others are made, cut to its first seconds.

    Attributes
    ----------
    clip : RealClip
        Its entry of the catalogue.
    limit : float
        Length from the first frame, s.
    """

    clip: RealClip
    limit: float

    @property
    def number(self) -> int:
        """A number that depends only on the file's name, for seeds."""
        return int.from_bytes(hashlib.sha256(self.clip.name.encode()).digest()[:8], "big")

    def frames(self) -> Iterator[tuple[Frame, float]]:
        """Yield the frames with times from 0, s, without frames whose time does not increase."""
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
        """Return the description of the carrier for ``clip.json``."""
        return {
            "file": self.clip.name,
            "seen": self.clip.seen,
            "own_rate_bpm": self.clip.own_rate,
            "origin": self.clip.origin,
            "licence_of_origin": self.clip.licence,
        }


def is_complete(folder: Path, made_from: Mapping[str, Any]) -> bool:
    """Return whether a folder holds the clip that ``made_from`` describes.

    Raises
    ------
    FileExistsError
        If the folder holds a clip made from something else.
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
    """Write PPG, heart rate (bpm) and times (s) if there is a truth, then ``clip.json``."""
    if truth is not None:
        write_ground_truth(folder / TRUTH, *truth)
    replace_file(folder / ABOUT, (json.dumps(about, indent=1) + "\n").encode())


def run_jobs(
    run: Callable[[Job], None], jobs: Sequence[Job], names: Sequence[str], workers: int
) -> int:
    """Run jobs with a progress bar; if one fails, the others still run.

    Parameters
    ----------
    run
        Does one job; it raises OSError or ValueError if the job cannot be done.
    jobs, names
        The jobs, and their names in messages.
    workers
        Number of processes.

    Returns
    -------
    int
        Exit code: 0, or 3 if a job failed. Each failure is one line on standard error.
    """
    failed: dict[int, str] = {}
    with tqdm(total=len(jobs), unit="clip") as bar:
        for index, reason in in_processes(partial(_reason, run), jobs, workers):
            if reason:
                failed[index] = reason
            bar.update()
    for index in sorted(failed):
        print(f"{names[index]}: {failed[index]}", file=sys.stderr)
    return 3 if failed else 0


def _reason(run: Callable[[Job], None], job: Job) -> str:
    try:
        run(job)
    except (OSError, ValueError) as error:
        return str(error)
    return ""
