"""The training cache: 36 x 36 motion and labels of many clips in a few flat arrays.

A folder of ``motion.npy``, ``change.npy``, ``times.npy``, ``heart_rate.npy`` and ``clips.json``.
One entry of the arrays is one frame step, from a frame of a clip to the next; the steps of a clip
lie together. While a cache is being made the description is called ``unfinished.json`` and
``done.npy`` marks the clips that are complete, so that a run that was killed can go on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = 1

_DESCRIPTION = "clips.json"
_UNFINISHED = "unfinished.json"
_DONE = "done.npy"


@dataclass(frozen=True)
class Clip:
    """Where one clip lies in the arrays, and what it shows.

    Attributes
    ----------
    start, stop : int
        Its frame steps are the entries ``start`` to ``stop - 1``.
    index : int
        Number of the scene; with the cache's seed and ranges it makes the clip again.
    fps : float
        Nominal frame rate in Hz; the times may be jittered.
    first_time : float
        Time in seconds of the first frame, which ends no step.
    heart_rate : float or None
        Mean true heart rate in bpm; None where the clip has no pulse.
    scene : dict
        All parameters of the scene.
    """

    start: int
    stop: int
    index: int
    fps: float
    first_time: float
    heart_rate: float | None
    scene: dict[str, Any]


@dataclass(frozen=True)
class Steps:
    """The frame steps of one clip.

    Attributes
    ----------
    motion : float16 (steps, 3, 36, 36)
        ``rppg_fast.motion`` of adjacent ``rppg_fast.appearance`` images, RGB.
    change : float32 (steps,)
        Change of the PPG over each step. The PPG rises with blood volume (the skin's green falls),
        is band-passed to 0.7-4 Hz with zero phase and has unit standard deviation over the clip;
        all zero where the clip has no pulse.
    times : float64 (steps,)
        Time of each step's later frame in seconds.
    heart_rate : float32 (steps,)
        True heart rate in bpm at each step's later frame; NaN where the clip has no pulse.
    """

    motion: NDArray[np.float16]
    change: NDArray[np.float32]
    times: NDArray[np.float64]
    heart_rate: NDArray[np.float32]


@dataclass(frozen=True)
class Clips:
    """A finished cache, opened for reading. The motion stays on disk until it is indexed.

    Attributes
    ----------
    folder : Path
        Where it lies.
    input : str
        Kind of motion: "normalized" or "difference", see ``rppg_fast.motion``.
    description : str
        One line on what the data are.
    clips : list of Clip
        One entry for each clip, in the order of the arrays.
    motion, change, times, heart_rate
        As in ``Steps``, over all clips.
    """

    folder: Path
    input: str
    description: str
    clips: list[Clip]
    motion: NDArray[np.float16]
    change: NDArray[np.float32]
    times: NDArray[np.float64]
    heart_rate: NDArray[np.float32]

    @classmethod
    def open(cls, folder: str | Path) -> Clips:
        """Open a finished cache.

        Raises
        ------
        FileNotFoundError
            If the folder holds no finished cache.
        ValueError
            If it was written by another version of the format, or its arrays disagree.
        """
        folder = Path(folder)
        if not (folder / _DESCRIPTION).is_file():
            state = "an unfinished" if (folder / _UNFINISHED).is_file() else "no"
            raise FileNotFoundError(f"{folder} holds {state} cache of clips")
        about = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ValueError(f"{folder}: format {about['format']}, this code reads {FORMAT}")
        clips = [Clip(**clip) for clip in about["clips"]]
        arrays = {
            name: np.load(folder / f"{name}.npy", mmap_mode="r" if name == "motion" else None)
            for name in _ARRAYS
        }
        for name, array in arrays.items():
            if len(array) != clips[-1].stop:
                raise ValueError(
                    f"{folder}: {name}.npy has {len(array)} steps, the clips {clips[-1].stop}"
                )
        return cls(folder, about["input"], about["description"], clips, **arrays)

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.clips)

    def __getitem__(self, i: int) -> Steps:
        """Give the frame steps of one clip."""
        part = slice(self.clips[i].start, self.clips[i].stop)
        return Steps(self.motion[part], self.change[part], self.times[part], self.heart_rate[part])


_ARRAYS: dict[str, tuple[str, tuple[int, ...]]] = {
    "motion": ("<f2", (3, 36, 36)),
    "change": ("<f4", ()),
    "times": ("<f8", ()),
    "heart_rate": ("<f4", ()),
}


class ClipWriter:
    """Fills a cache clip by clip, in any order, and goes on where an earlier run stopped.

    Parameters
    ----------
    folder
        Made if need be.
    about
        What makes these clips these clips: generator version, seed, ranges, and so on, with
        ``input`` and ``description``. A run goes on only with exactly the same.
    clips
        Every clip of the finished cache, without its pixels.

    Raises
    ------
    FileExistsError
        If the folder holds a cache made from something else.
    """

    def __init__(self, folder: Path, about: dict[str, Any], clips: Sequence[Clip]) -> None:
        self.folder = folder
        self._clips = clips
        # Through JSON and back, so that it compares equal to what an earlier run has written.
        self._text = json.dumps(
            {"format": FORMAT, **about, "clips": [asdict(clip) for clip in clips]}
        )
        for name in (_DESCRIPTION, _UNFINISHED):
            path = folder / name
            if path.is_file() and path.read_text(encoding="utf-8") != self._text:
                raise FileExistsError(f"{folder} holds clips made with other settings")
        self.finished = (folder / _DESCRIPTION).is_file()
        if not self.finished:
            self._open()

    def _open(self) -> None:
        if not (self.folder / _UNFINISHED).is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            for name, (dtype, shape) in _ARRAYS.items():
                self._new(name, dtype, (self._clips[-1].stop, *shape))
            self._new("done", "|b1", (len(self._clips),))
            # Last: from here on the arrays are known to be whole.
            (self.folder / _UNFINISHED).write_text(self._text, encoding="utf-8")
        self._done = np.load(self.folder / _DONE)

    def _new(self, name: str, dtype: str, shape: tuple[int, ...]) -> None:
        np.lib.format.open_memmap(self.folder / f"{name}.npy", "w+", dtype, shape).flush()

    def _store(self, name: str, start: int, values: NDArray[Any]) -> None:
        # Plain writes, because a full disk under a memory map is a bus error, not an exception.
        path = self.folder / f"{name}.npy"
        array = np.load(path, "r")
        offset = array.offset + start * array.strides[0]
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(np.ascontiguousarray(values, array.dtype).data)

    def missing(self) -> list[int]:
        """Give the positions of the clips that are still to be written."""
        return [] if self.finished else [int(i) for i in np.flatnonzero(~self._done)]

    def write(self, i: int, steps: Steps) -> None:
        """Write the clip at a position; it counts as done once its data are written.

        Raises
        ------
        ValueError
            If the clip has another number of steps than was announced.
        OSError
            If the disk is full; the clips written before stay good.
        """
        clip = self._clips[i]
        for name in _ARRAYS:
            values = getattr(steps, name)
            if len(values) != clip.stop - clip.start:
                raise ValueError(
                    f"clip {clip.index}: {len(values)} steps of {name},"
                    f" {clip.stop - clip.start} announced"
                )
            self._store(name, clip.start, values)
        self._done[i] = True
        self._store("done", i, self._done[i : i + 1])

    def finish(self) -> None:
        """Declare the cache finished.

        Raises
        ------
        RuntimeError
            If clips are missing.
        """
        if self.finished:
            return
        missing = self.missing()
        if missing:
            raise RuntimeError(f"{self.folder}: {len(missing)} clips are missing")
        (self.folder / _UNFINISHED).replace(self.folder / _DESCRIPTION)
        (self.folder / _DONE).unlink()
        self.finished = True
