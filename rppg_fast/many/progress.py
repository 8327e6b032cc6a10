"""The progress of a run over many videos: of all, and of each that is being measured."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Callable

from rppg_fast.many.inputs import absolute


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes
    ----------
    done, total
        Number of videos that have a result, and of all; those of earlier runs count in both.
    under_way
        The videos that are being measured on this machine, and the share of each that is done, 0 to
        1; None if its length is not known.
    """

    done: int
    total: int
    under_way: Mapping[str, float | None]


class Reporter:
    """Tells the progress of a run, which the processes of this machine write into a folder.

    Parameters
    ----------
    told
        Called with the progress.
    done, total
        Number of videos that have a result already, and of all.

    Attributes
    ----------
    folder
        Where ``note_frames`` writes to.
    """

    def __init__(self, told: Callable[[RunProgress], None], done: int, total: int) -> None:
        self._told, self._done, self._total = told, done, total
        self._temporary = TemporaryDirectory(prefix="rppg-fast-")
        self.folder = self._temporary.name

    def report(self) -> None:
        """Tell the progress."""
        under_way: dict[str, float | None] = {}
        for path in sorted(Path(self.folder).iterdir()):
            with suppress(OSError, ValueError):  # it is being written
                video, frames, total = json.loads(path.read_bytes())
                under_way[video] = min(frames / total, 1.0) if total else None
        self._told(RunProgress(self._done, self._total, under_way))

    def finish(self, video: str) -> None:
        """Count the result of a video, and tell the progress."""
        self._done += 1
        _file_of(self.folder, video).unlink(missing_ok=True)
        self.report()

    def close(self) -> None:
        """Remove the folder."""
        self._temporary.cleanup()


def note_frames(folder: str, video: str, frames: int, total: int) -> None:
    """Write how many frames of a video were read, and how many it has, 0 if that is not known.

    Nothing is written if that fails: on another machine, which has no such folder, or on a full
    disk.
    """
    with suppress(OSError):
        _file_of(folder, video).write_text(json.dumps([video, frames, total]))


def _file_of(folder: str, video: str) -> Path:
    return Path(folder, hashlib.sha256(os.fsencode(absolute(video))).hexdigest())
