"""Reduce many videos to one cache of 36 x 36 faces; a run that was interrupted can be continued.

Until all videos are finished, the finished ones are in ``parts`` in the cache's folder.
``settings.json`` holds the settings of the cache, and ``failed.csv`` the videos that could not be
used, with the reasons.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
import scipy
from tqdm import tqdm

import rppg_fast as rf
from training.data.clips import Clips
from training.support.files import replace_file
from training.support.processes import in_processes

SETTINGS = "settings.json"
FAILED = "failed.csv"
PARTS = "parts"


class Named(Protocol):
    """An item that is reduced: a recording or a video."""

    @property
    def name(self) -> str:
        """Name of the item, unique in a cache."""
        ...


Item = TypeVar("Item", bound=Named, contravariant=True)
One = TypeVar("One", bound=Named)


class Work(Protocol[Item]):
    """The input of a run, except for the number of processes; for several it must pickle."""

    @property
    def data(self) -> Path:
        """Folder of the videos."""
        ...

    @property
    def out(self) -> Path:
        """The cache's folder."""
        ...

    def settings(self) -> dict[str, Any]:
        """Return all values that affect the result, except the content of the videos."""
        ...

    def run(self, item: Item) -> str:
        """Make the part of one item; return the reason if that fails, else ""."""
        ...

    def assemble(self, usable: Sequence[Item]) -> None:
        """Make the cache from the parts of some items."""
        ...


def made_with() -> dict[str, str]:
    """Return the versions of the packages that affect the result."""
    return {
        "rppg_fast": rf.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "opencv": cv2.__version__,
    }


def part_of(work: Work[One], item: One) -> Path:
    """Return the file that holds a finished item until all are finished."""
    return work.out / PARTS / f"{item.name}.npz"


def reduce(work: Work[One], items: Sequence[One], workers: int = 1) -> dict[str, str]:
    """Make a cache, or continue one that was interrupted.

    Parameters
    ----------
    work
        The work.
    items
        The videos or recordings.
    workers
        Number of processes.

    Returns
    -------
    dict of str to str
        Names of the items that are not in the cache, with the reasons.

    Raises
    ------
    FileExistsError
        If the cache's folder holds something else.
    ValueError
        If no item can be used.
    OSError
        If the disk is full.
    """
    _claim(work)
    if _finished(work.out):
        shutil.rmtree(
            work.out / PARTS, ignore_errors=True
        )  # still there if the last run was interrupted here
        return _read_failed(work.out)
    (work.out / PARTS).mkdir(exist_ok=True)
    missing = [item for item in items if not part_of(work, item).is_file()]
    reasons = {}
    with tqdm(
        total=len(items),
        initial=len(items) - len(missing),
        desc=work.out.name,
        unit="video",
    ) as bar:
        for index, reason in in_processes(work.run, missing, workers):
            reasons[missing[index].name] = reason
            bar.update()
    failed = {item.name: reasons[item.name] for item in missing if reasons[item.name]}
    _write_failed(work.out, failed)
    usable = [item for item in items if item.name not in failed]
    if not usable:
        raise ValueError(
            f"{work.data}: none of the {len(failed)} videos can be used, see {work.out / FAILED}"
        )
    work.assemble(usable)
    shutil.rmtree(work.out / PARTS)
    return failed


def _claim(work: Work[One]) -> None:
    """Make the cache's folder, or check that it was made with the same settings."""
    path = work.out / SETTINGS
    text = json.dumps(work.settings(), indent=1)
    if path.is_file():
        if path.read_text(encoding="utf-8") != text:
            raise FileExistsError(f"{work.out} holds videos reduced with other settings")
        return
    # A run that was killed here has left an incomplete settings file.
    if work.out.exists() and any(place.name != f"{SETTINGS}.part" for place in work.out.iterdir()):
        raise FileExistsError(f"{work.out} holds something else")
    work.out.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())


def _finished(folder: Path) -> bool:
    try:
        Clips.open(folder)
    except FileNotFoundError:
        return False
    return True


def _write_failed(folder: Path, failed: dict[str, str]) -> None:
    (folder / FAILED).unlink(missing_ok=True)
    if failed:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([("name", "reason"), *failed.items()])
        replace_file(folder / FAILED, text.getvalue().encode())


def _read_failed(folder: Path) -> dict[str, str]:
    if not (folder / FAILED).is_file():
        return {}
    with (folder / FAILED).open(encoding="utf-8", newline="") as file:
        return {row["name"]: row["reason"] for row in csv.DictReader(file)}
