"""The training cache: 36 x 36 faces and the pulse of many clips in a few flat arrays.

A folder of ``appearance.npy``, ``pulse.npy``, ``times.npy``, ``heart_rate.npy`` and ``clips.json``.
One entry of the arrays is one frame; the frames of a clip lie together. While a cache is being made
the description is called ``unfinished.json`` and ``done.npy`` marks the clips that are complete, so
that a run that was killed can go on.

Motion is not stored: it is computed from the appearance by ``rppg_fast.motion`` when it is needed,
in whatever form a config asks for.
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
"""Appearance is stored in this many steps from black to white: 1/257 of a grey level, far below
the pulse, where float16 would round bright skin to 1/8."""

_DESCRIPTION = "clips.json"
_UNFINISHED = "unfinished.json"
_DONE = "done.npy"


@dataclass(frozen=True)
class Clip:
    """Where one clip lies in the arrays, and what it shows.

    Attributes
    ----------
    name : str
        Its own in the cache, such as "subject12".
    subject : str
        Who is seen; several clips may share a subject.
    start, stop : int
        Its frames are the entries ``start`` to ``stop - 1``.
    fps : float
        Nominal frame rate in Hz; the times may be jittered.
    heart_rate : float or None
        Mean true heart rate in bpm; None where the clip has no pulse.
    stratum : str
        The part of a benchmark that it belongs to; empty elsewhere.
    scene : dict
        All parameters of a synthetic scene; empty for people.
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
        True PPG at the frames' times: band-passed, of unit standard deviation over the clip;
        zero where the clip has none.
    times : float64 (frames,)
        In seconds.
    heart_rate : float32 (frames,)
        True heart rate in bpm; NaN where the clip has no pulse.
    """

    appearance: NDArray[np.uint16]
    pulse: NDArray[np.float32]
    times: NDArray[np.float64]
    heart_rate: NDArray[np.float32]

    @property
    def change(self) -> NDArray[np.float32]:
        """What a network learns: the change of the pulse over each frame step, (frames - 1,)."""
        return np.diff(self.pulse)

    def motion(self, kind: str) -> NDArray[np.float32]:
        """Motion of each frame step, (frames - 1, 3, 36, 36); kinds as of ``rppg_fast.motion``."""
        seen = as_float(self.appearance)
        return rf.motion(seen[:-1], seen[1:], kind=kind)


def as_float(stored: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Give stored appearance as float32 values from 0 to 1."""
    return np.asarray(np.multiply(stored, np.float32(1 / LEVELS), dtype=np.float32))


def as_stored(appearance: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Round appearance from 0 to 1 for storing."""
    return np.asarray(np.rint(appearance * np.float32(LEVELS)), np.uint16)


@dataclass(frozen=True)
class Clips:
    """A finished cache, or some clips of it, opened for reading. The frames stay on disk.

    Attributes
    ----------
    folder : Path
        Where it lies.
    description : str
        One line on what the data are.
    sha256 : str
        Hash of the cache's description with all its clips, and of the selection: the version of
        the data.
    clips : list of Clip
        One entry for each clip, in the order of the arrays.
    appearance, pulse, times, heart_rate
        As in ``Frames``, over all clips of the cache.
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
            If the folder holds no finished cache.
        ValueError
            If it was written by another version of the format, or its arrays disagree.
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
        """Count the clips."""
        return len(self.clips)

    def __getitem__(self, i: int) -> Frames:
        """Give the frames of one clip."""
        part = slice(self.clips[i].start, self.clips[i].stop)
        return Frames(*(getattr(self, name)[part] for name in _ARRAYS))

    @property
    def subjects(self) -> list[str]:
        """Names of all subjects, each once, in the order of their first clips."""
        return list(dict.fromkeys(clip.subject for clip in self.clips))

    def select(self, subjects: Collection[str]) -> Clips:
        """Keep the clips of some subjects.

        Raises
        ------
        ValueError
            If one of them is not in the cache, or none is named.
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
    """Fills a cache clip by clip, in any order, and goes on where an earlier run stopped.

    Parameters
    ----------
    folder
        Made if need be.
    about
        What makes these clips these clips: generator version, seed, ranges, and so on, with a
        ``description``. A run goes on only with exactly the same.
    clips
        Every clip of the finished cache, without its pixels.

    Raises
    ------
    FileExistsError
        If the folder holds a cache made from something else.
    """

    def __init__(self, folder: Path, about: dict[str, Any], clips: Sequence[Clip]) -> None:
        self.folder = folder
        self.clips = clips
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
                self._new(name, dtype, (self.clips[-1].stop, *shape))
            self._new("done", "|b1", (len(self.clips),))
            # Last: from here on the arrays are known to be whole.
            replace_file(self.folder / _UNFINISHED, self._text.encode())
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

    def write(self, i: int, frames: Frames) -> None:
        """Write the clip at a position; it counts as done once its data are written.

        Raises
        ------
        ValueError
            If the clip has another number of frames than was announced.
        OSError
            If the disk is full; the clips written before stay good.
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
