"""Carriers: 36 x 36 faces of real videos into which a pulse is put while a network is trained.

A folder of carriers is a cache of clips (``training.data.clips``) without a pulse, and ``mask.npy``
beside it, which says how much of each cell is skin. One video gives several clips, its views: boxes
that follow the face, boxes of the first frame, several scales and places. When a box moves, the
last frame is stored again, in the new box and with the same time. A step connects only entries in
the same box, as in a live measurement.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.tracking import FaceTracker
from rppg_fast.video import Frame
from training.data.clips import Clip, Clips, as_stored
from training.data.follow import FacePath, follow_face
from training.data.skin import GRID, grid_box, skin_masks
from training.data.trajectories import Times

SIDE = 36
"""Cells of a face's side, as networks see it."""

MASK = "mask.npy"
"""uint8 (frames, SIDE, SIDE): 0 no skin, 255 skin alone."""

LONGEST_STEP = 0.25
"""Longest time of a step, s; in a longer one frames are missing."""

SHORTEST = 4.0
"""Shortest time for which a face must be seen, s."""

_THERE = 0.5  # smallest presence of a face that counts as seen
_FINE = 4  # samples of a mask along a cell's side

TimedFrames = Callable[[], Iterator[tuple[Frame, float]]]
"""Opens a video anew: uint8 (H, W, 3) BGR with times in seconds, increasing."""


@dataclass(frozen=True)
class View:
    """The box in which a face is cut out.

    Attributes
    ----------
    followed : bool
        Whether the box moves as in a live measurement. If not, it is the box of the first frame.
    scale : float
        Side of the box over the side of the face.
    right, down : float
        Distance of the box from the face, in sides of the face; only for a fixed box.
    """

    followed: bool
    scale: float
    right: float = 0.0
    down: float = 0.0

    @property
    def name(self) -> str:
        """Such as "followed 1.4" or "fixed 1.6 +0.2 -0.1"."""
        moved = f" {self.right:+g} {self.down:+g}" if self.right or self.down else ""
        return f"{'followed' if self.followed else 'fixed'} {self.scale:g}{moved}"


VIEWS = (
    View(True, 1.2),
    View(True, 1.4),
    View(True, 1.6),
    View(False, 1.2),
    View(False, 1.4),
    View(False, 1.6),
    View(False, 1.6, 0.2, -0.1),
    View(False, 1.8, -0.2, 0.15),
)
"""The engine's own boxes, the paper's, tighter ones, and some that miss the face's middle."""


@dataclass(frozen=True)
class CarrierFrames:
    """One view of a video.

    Attributes
    ----------
    appearance : uint16 (frames, 3, SIDE, SIDE)
        As in ``clips.Frames``.
    mask : uint8 (frames, SIDE, SIDE)
        See ``MASK``.
    times : float64 (frames,)
        In seconds, the video's own; a frame that repeats the time before it is the same frame in
        another box.
    """

    appearance: NDArray[np.uint16]
    mask: NDArray[np.uint8]
    times: Times


def steps(times: Times, frames: int = 1) -> NDArray[np.int64]:
    """List the entries at which a step begins whose frames are all in one box.

    Parameters
    ----------
    times : (entries,)
        Of one clip, see ``CarrierFrames``.
    frames
        Length of the step in frames.
    """
    apart = np.diff(times)
    whole = (apart > 0) & (apart <= LONGEST_STEP)
    if whole.size < frames:
        return np.empty(0, np.int64)
    runs = np.lib.stride_tricks.sliding_window_view(whole, frames).all(axis=1)
    return np.flatnonzero(runs)


@dataclass(frozen=True)
class Carriers:
    """A folder of carriers, opened for reading; the frames stay on disk.

    Attributes
    ----------
    clips : Clips
        The views; each one's subject is its person, its stratum the view's name, and its ``scene``
        holds ``video``, ``origin``, ``licence``, ``own_rate_bpm``, and ``for_tests``: whether a
        catalogue says that it shows one face, long enough, without a readable pulse of its own.
    mask : uint8 (frames, SIDE, SIDE)
        Of all entries.
    """

    clips: Clips
    mask: NDArray[np.uint8]

    @classmethod
    def open(cls, folder: str | Path) -> Carriers:
        """Open a folder.

        Raises
        ------
        FileNotFoundError
            If it holds no finished cache, or one that is not of carriers.
        ValueError
            If its arrays disagree.
        """
        clips, path = Clips.open(folder), Path(folder) / MASK
        if not path.is_file():
            raise FileNotFoundError(
                f"{folder} holds no carriers: {MASK} is missing; make them by"
                " training.data.preprocess --layout videos"
            )
        mask = np.load(path, "r")
        if mask.shape != (len(clips.times), SIDE, SIDE):
            raise ValueError(f"{path}: {len(mask)} masks, {len(clips.times)} frames")
        return cls(clips, mask)

    def __getitem__(self, i: int) -> CarrierFrames:
        """Return one view."""
        clip, frames = self.clips.clips[i], self.clips[i]
        return CarrierFrames(frames.appearance, self.mask[clip.start : clip.stop], frames.times)

    def select(self, people: Collection[str]) -> Carriers:
        """Keep the views of some persons; raises as ``Clips.select``."""
        return replace(self, clips=self.clips.select(people))

    def keep(self, chosen: Callable[[Clip], bool]) -> Carriers:
        """Keep the views that a rule chooses.

        Raises
        ------
        ValueError
            If it chooses none.
        """
        clips = [clip for clip in self.clips.clips if chosen(clip)]
        if not clips:
            raise ValueError(f"{self.clips.folder}: no carrier is chosen")
        return replace(self, clips=replace(self.clips, clips=clips))


def views_of(frames: TimedFrames, views: Sequence[View] = VIEWS) -> list[CarrierFrames]:
    """Cut out the face of a video in every view.

    The longest interval in which a face is seen is used.

    Parameters
    ----------
    frames
        The video; it is read three times.
    views
        The boxes.

    Raises
    ------
    ValueError
        If no face is seen for ``SHORTEST``, or no skin is found in it.
    """
    path, times = follow_face(frames())
    first, last = _longest(path.presence > _THERE, times)
    masks = skin_masks(frames(), path, times)
    if not (masks[first:last] > 0.5).any():
        raise ValueError("no skin is found in the face")
    cutters = [_Cutter(view, path, masks) for view in views]
    for i, (frame, time) in enumerate(frames()):
        if first <= i < last:
            for cutter in cutters:
                cutter.take(frame, time, i)
    return [cutter.result() for cutter in cutters]


def _longest(seen: NDArray[np.bool_], times: Times) -> tuple[int, int]:
    """Return the first frame of the longest interval with a face, and the one after its last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(int)))
    spans = [(times[b - 1] - times[a], a, b) for a, b in zip(edges[::2], edges[1::2])]
    seconds, first, last = max(spans, default=(0.0, 0, 0))
    if seconds < SHORTEST:
        raise ValueError(f"a face is seen for {seconds:.1f} s, less than {SHORTEST:g} s")
    return int(first), int(last)


class _Cutter:
    """Cuts out one view, frame by frame."""

    def __init__(self, view: View, path: FacePath, masks: NDArray[np.float32]) -> None:
        self._view, self._path, self._masks = view, path, masks
        self._tracker = FaceTracker(rf.MTCNN(), view.scale, follow=view.followed)
        self._box: rf.Box | None = None
        self._last: tuple[Frame, float, int] | None = None
        self._seen: list[NDArray[np.uint16]] = []
        self._skin: list[NDArray[np.uint8]] = []
        self._times: list[float] = []

    def take(self, frame: Frame, time: float, i: int) -> None:
        """Store a frame in its box."""
        box = self._place(frame, time)
        if box is None:
            self._box = self._last = None
            return
        if self._box is not None and box != self._box and self._last is not None:
            self._store(*self._last, box)
        self._store(frame, time, i, box)
        self._box, self._last = box, (frame, time, i)

    def _place(self, frame: Frame, time: float) -> rf.Box | None:
        if self._box is not None and not self._view.followed:
            return self._box
        self._tracker.update(frame, time)
        upright = [track for track in self._tracker.tracks if track.face.turned == 0]
        if not upright:
            return None
        if self._view.followed:
            return upright[0].box
        face, view = upright[0].face, self._view
        width, height = face.x1 - face.x0, face.y1 - face.y0
        moved = face.scaled(1.0, view.right * width, view.down * height)
        return rf.face_box(moved, frame.shape[1], frame.shape[0], view.scale)

    def _store(self, frame: Frame, time: float, i: int, box: rf.Box) -> None:
        self._seen.append(as_stored(rf.appearance(frame, box)))
        self._skin.append(_on_box(self._masks[i], grid_box(self._path, i), box))
        self._times.append(time)

    def result(self) -> CarrierFrames:
        """Return what was stored.

        Raises
        ------
        ValueError
            If it holds no ``SHORTEST`` of steps.
        """
        times = np.array(self._times)
        begins = steps(times)
        covered = float((times[begins + 1] - times[begins]).sum())
        if covered < SHORTEST:
            raise ValueError(f"{self._view.name}: the tracker has the face for {covered:.1f} s")
        return CarrierFrames(np.stack(self._seen), np.stack(self._skin), times)


def _on_box(
    mask: NDArray[np.float32], grid: tuple[float, float, float, float], box: rf.Box
) -> NDArray[np.uint8]:
    """Average a mask on the face's grid over the cells of a box, uint8 (SIDE, SIDE)."""
    left, top, width, height = grid
    fine = SIDE * _FINE
    step = (box.x1 - box.x0) / fine / width * GRID, (box.y1 - box.y0) / fine / height * GRID
    at = (box.x0 - left) / width * GRID, (box.y0 - top) / height * GRID
    place = np.array(
        [
            [step[0], 0, at[0] + 0.5 * step[0] - 0.5],
            [0, step[1], at[1] + 0.5 * step[1] - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(mask, place, (fine, fine), flags=flags)
    cells = seen.reshape(SIDE, _FINE, SIDE, _FINE).mean((1, 3))
    return np.asarray(np.rint(255 * cells), np.uint8)
