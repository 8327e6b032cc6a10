"""The signals that a monitor passes to its windows, recorded from videos and kept in files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from training.confidence.videos import varied
from training.evaluate.windows import Floats
from training.support.files import save_arrays


def number_of(name: str) -> int:
    """Return a number that depends only on a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")


@dataclass(frozen=True)
class Signals:
    """The signals of a video, frame by frame.

    Attributes
    ----------
    times : float64 (frames,)
        Times of the frames with a face, s.
    values : float64 (frames, ``_core.SIGNALS``)
        Signals of each frame.
    face : int64 (frames,)
        Number of the face; a new number starts a new window.
    """

    times: Floats
    values: Floats
    face: NDArray[np.int64]


@dataclass(frozen=True)
class Recorder:
    """Records the signals of videos, each once.

    Attributes
    ----------
    student : Student
        The network whose output is a part of the signals.
    scale : float
        Scale of the measured box relative to the face.
    cache : Path
        Folder for the signals.
    """

    student: rf.Student
    scale: float
    cache: Path

    def signals(self, video: Path, variant: str, seed: int = 0) -> Signals:
        """Return the signals of a video whose frames are changed by ``varied``.

        They come from the cache; if they are not there, they are recorded and stored.
        """
        key = f"{self.student.sha256} {video.resolve()} {variant} {self.scale:g} {seed}"
        path = self.cache / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
        if path.is_file():
            with np.load(path) as kept:
                return Signals(kept["times"], kept["values"], kept["face"])
        found = self._record(video, variant, seed)
        self.cache.mkdir(parents=True, exist_ok=True)
        save_arrays(path, times=found.times, values=found.values, face=found.face)
        return found

    def _record(self, video: Path, variant: str, seed: int) -> Signals:
        index = number_of(f"{video.parent.name}/{video.name}")
        monitor = rf.HeartRateMonitor(method="fusion", student=self.student, box_scale=self.scale)
        times, values, face = [], [], []
        for frame, time in varied(rf.VideoFile(str(video)), variant, seed, index):
            try:
                reading = monitor.push(frame, time)
            except rf.TimeError:  # a frame whose time is not later than the last one's
                continue
            if reading.status is not rf.Status.NO_FACE:
                times.append(time)
                values.append(monitor.signals)
                face.append(monitor.face)
        return Signals(
            np.array(times), np.array(values).reshape(-1, _core.SIGNALS), np.array(face, np.int64)
        )
