"""The training cache: 36x36 faces and the pulse of many clips in a few flat arrays.

A folder contains ``appearance.npy``, ``pulse.npy``, ``times.npy``, ``heart_rate.npy`` and
``clips.json``. One entry of the arrays is one frame; the frames of a clip are consecutive. While a
cache is being made, the description is called ``unfinished.json``, and ``done.npy`` marks the
complete clips, so that a run that was killed can continue.

Motion is not stored: ``rppg_fast.motion`` computes it from the appearance when it is needed, of the
kind that a config requests.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from training.support.files import replace_file

FORMAT = 2

LEVELS = 65535
"""Number of steps from black to white in which appearance is stored. A step is 1/257 of a grey
level, far below the pulse; float16 would round bright skin to 1/8 of a level."""

_DESCRIPTION = "clips.json"
_UNFINISHED = "unfinished.json"
_DONE = "done.npy"


@dataclass(frozen=True)
class Clip:
    """The place of one clip in the arrays, and its description.

    Attributes
    ----------
    name : str
        Name in the cache, such as "subject12".
    subject : str
        Name of the person; several clips may have the same subject.
    start, stop : int
        Its frames are the entries ``start`` to ``stop - 1``.
    fps : float
        Nominal frame rate, Hz; the times may have jitter.
    heart_rate : float or None
        Mean true heart rate, bpm; None if the clip has no pulse.
    stratum : str
        The stratum of a benchmark; empty in other data.
    scene : dict
        All parameters of a synthetic scene; empty for real people.
    """

    name: str
    subject: str
    start: int
    stop: int
    fps: float
    heart_rate: float | None
    stratum: str
    scene: dict[str, Any]


@dataclass(frozen=True)
class Frames:
    """The frames of one clip.

    Attributes
    ----------
    appearance : uint16 (frames, 3, 36, 36)
        RGB planes, 0 to 65535; see ``as_float``.
    pulse : float32 (frames,)
        True PPG at the frames' times, band-passed, with unit standard deviation over the clip; zero
        if the clip has no pulse.
    times : float64 (frames,)
        Times, s.
    heart_rate : float32 (frames,)
        True heart rate, bpm; NaN if the clip has no pulse.
    """

    appearance: NDArray[np.uint16]
    pulse: NDArray[np.float32]
    times: NDArray[np.float64]
    heart_rate: NDArray[np.float32]

    @property
    def change(self) -> NDArray[np.float32]:
        """The label of a network: the change of the pulse over each frame step, (frames - 1,)."""
        return np.diff(self.pulse)

    def motion(self, kind: str) -> NDArray[np.float32]:
        """Return the motion of each frame step by ``rppg_fast.motion``, (frames - 1, 3, 36, 36)."""
        seen = as_float(self.appearance)
        return rf.motion(seen[:-1], seen[1:], kind=kind)


def as_float(stored: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Convert stored appearance to float32 values from 0 to 1."""
    return np.asarray(np.multiply(stored, np.float32(1 / LEVELS), dtype=np.float32))


def as_stored(appearance: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Convert appearance from 0 to 1 to the stored form, uint16."""
    return np.asarray(np.rint(appearance * np.float32(LEVELS)), np.uint16)


@dataclass(frozen=True)
class Clips:
    """A finished cache, or some clips of it, opened for reading. The frames stay on disk.

    Attributes
    ----------
    folder : Path
        The folder of the cache.
    description : str
        Description of the data in one line.
    sha256 : str
        Hash of the cache's description, which lists all clips, and of the selection: the version of
        the data.
    clips : list of Clip
        One entry for each clip, in the order of the arrays.
    appearance, pulse, times, heart_rate
        As in ``Frames``, for all clips of the cache.
    """

    folder: Path
    description: str
    sha256: str
    clips: list[Clip]
    appearance: NDArray[np.uint16]
    pulse: NDArray[np.float32]
    times: NDArray[np.float64]
    heart_rate: NDArray[np.float32]

    @classmethod
    def open(cls, folder: str | Path) -> Clips:
        """Open a finished cache.

        Raises
        ------
        FileNotFoundError
            If the folder has no finished cache.
        ValueError
            If the cache has another version of the format, or if its arrays differ in length.
        """
        folder = Path(folder)
        if not (folder / _DESCRIPTION).is_file():
            state = "an unfinished" if (folder / _UNFINISHED).is_file() else "no"
            raise FileNotFoundError(f"{folder} holds {state} cache of clips")
        text = (folder / _DESCRIPTION).read_text(encoding="utf-8")
        try:
            about = json.loads(text)
            about["format"]
        except (ValueError, TypeError, KeyError):
            raise ValueError(f"{folder / _DESCRIPTION} does not describe a cache") from None
        if about["format"] != FORMAT:
            raise ValueError(
                f"{folder}: format {about['format']}, this code reads {FORMAT}; make it anew"
            )
        try:
            clips = [Clip(**clip) for clip in about["clips"]]
            description, frames = about["description"], clips[-1].stop
        except (TypeError, KeyError, IndexError):
            raise ValueError(f"{folder / _DESCRIPTION} does not describe a cache") from None
        arrays = {
            name: _load(folder / f"{name}.npy", mapped=bool(shape))
            for name, (_, shape) in _ARRAYS.items()
        }
        for name, array in arrays.items():
            if len(array) != frames:
                raise ValueError(
                    f"{folder}: {name}.npy has {len(array)} frames, the clips {frames}"
                )
        digest = hashlib.sha256(text.encode()).hexdigest()
        return cls(folder, description, digest, clips, **arrays)

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.clips)

    def __getitem__(self, i: int) -> Frames:
        """Return the frames of one clip."""
        part = slice(self.clips[i].start, self.clips[i].stop)
        return Frames(*(getattr(self, name)[part] for name in _ARRAYS))

    @property
    def subjects(self) -> list[str]:
        """Names of all subjects, each once, in the order of their first clips."""
        return list(dict.fromkeys(clip.subject for clip in self.clips))

    def select(self, subjects: Collection[str]) -> Clips:
        """Return the clips of some subjects.

        Raises
        ------
        ValueError
            If a subject is not in the cache, or if no subject is named.
        """
        unknown = sorted(set(subjects) - set(self.subjects))
        if unknown:
            raise ValueError(f"{self.folder} has no subject {', '.join(unknown)}")
        if not subjects:
            raise ValueError(f"{self.folder}: no subject is selected")
        wanted = set(subjects)
        clips = [clip for clip in self.clips if clip.subject in wanted]
        if len(clips) == len(self.clips):
            return self
        description = f"{self.description}; {len(wanted)} of {len(self.subjects)} subjects"
        digest = hashlib.sha256("\n".join([self.sha256, *sorted(wanted)]).encode()).hexdigest()
        return replace(self, clips=clips, description=description, sha256=digest)


def _load(path: Path, mapped: bool) -> NDArray[Any]:
    try:
        return np.asanyarray(np.load(path, "r" if mapped else None))
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: not a whole array ({error})") from None


_ARRAYS: dict[str, tuple[str, tuple[int, ...]]] = {
    "appearance": ("<u2", (3, 36, 36)),
    "pulse": ("<f4", ()),
    "times": ("<f8", ()),
    "heart_rate": ("<f4", ()),
}


class ClipWriter:
    """Writes the clips of a cache in any order, and continues where an earlier run stopped.

    Parameters
    ----------
    folder
        The folder; it is created if it does not exist.
    about
        Everything that determines the clips: generator version, seed, ranges, and so on, with a
        ``description``. A run continues only if this is exactly the same.
    clips
        All clips of the finished cache, without their frames.

    Raises
    ------
    FileExistsError
        If the folder has a cache made from other settings.
    """

    def __init__(self, folder: Path, about: dict[str, Any], clips: Sequence[Clip]) -> None:
        self.folder = folder
        self.clips = clips
        # JSON text, so that it can be compared with the file of an earlier run.
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
                self._new(name, dtype, (self.clips[-1].stop, *shape))
            self._new("done", "|b1", (len(self.clips),))
            # Written last: if this file exists, the arrays are complete.
            replace_file(self.folder / _UNFINISHED, self._text.encode())
        self._done = np.load(self.folder / _DONE)

    def _new(self, name: str, dtype: str, shape: tuple[int, ...]) -> None:
        np.lib.format.open_memmap(self.folder / f"{name}.npy", "w+", dtype, shape).flush()

    def _store(self, name: str, start: int, values: NDArray[Any]) -> None:
        # Plain writes, because with a memory map a full disk causes a bus error, not an exception.
        path = self.folder / f"{name}.npy"
        array = np.load(path, "r")
        offset = array.offset + start * array.strides[0]
        with path.open("r+b") as file:
            file.seek(offset)
            file.write(np.ascontiguousarray(values, array.dtype).data)

    def missing(self) -> list[int]:
        """Return the numbers of the clips that are still to be written."""
        return [] if self.finished else [int(i) for i in np.flatnonzero(~self._done)]

    def write(self, i: int, frames: Frames) -> None:
        """Write one clip; it is marked as done after its data are written.

        Raises
        ------
        ValueError
            If the clip does not have its announced number of frames.
        OSError
            If the disk is full; clips written before are not affected.
        """
        clip = self.clips[i]
        for name in _ARRAYS:
            values = getattr(frames, name)
            if len(values) != clip.stop - clip.start:
                raise ValueError(
                    f"clip {clip.name}: {len(values)} frames of {name},"
                    f" {clip.stop - clip.start} announced"
                )
            self._store(name, clip.start, values)
        self._done[i] = True
        self._store("done", i, self._done[i : i + 1])

    def finish(self) -> None:
        """Mark the cache as finished.

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
