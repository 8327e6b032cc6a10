"""Find the path of the only face in a real video, frame by frame and without jumps.

MTCNN searches every frame, and the face nearest to the last one is taken. Short gaps are
interpolated. The path is smoothed forwards and backwards, so that it follows the head without
jitter and without delay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.video import Frame
from training.data.trajectories import Times

MAX_GAP = 1.0
"""Longest time without the face that is interpolated, s; after a longer one it was away."""

SMOOTHING = 0.2
"""Standard deviation of the Gaussian that smooths the path, s."""

_FADE = 0.3  # s; standard deviation of the smoothing of ``presence``
_SURE = 0.9  # lowest probability of a face
_FAR = 1.0  # largest movement from one frame to the next, relative to the face's size


@dataclass(frozen=True)
class FacePath:
    """The path of a face over time.

    Attributes
    ----------
    centre : float64 (frames, 2)
        Centre of the face's box, x and y, pixels.
    size : float64 (frames, 2)
        Width and height of the box, pixels.
    presence : float64 (frames,)
        1 if the face is present, 0 if not, in between while it appears or disappears.
    """

    centre: NDArray[np.float64]
    size: NDArray[np.float64]
    presence: Times


def follow_face(frames: Iterable[tuple[Frame, float]]) -> tuple[FacePath, Times]:
    """Find the largest face and follow it.

    Parameters
    ----------
    frames
        uint8 (H, W, 3) BGR with their times in seconds, all of one size.

    Returns
    -------
    FacePath, float64 (frames,)
        The path of the face, and the frames' times in seconds.

    Raises
    ------
    ValueError
        If no face is found in any frame.
    """
    detector = rf.MTCNN()
    last: rf.Face | None = None
    boxes: list[tuple[float, float, float, float]] = []
    times: list[float] = []
    seen = -np.inf
    for frame, time in frames:
        faces = [face for face in detector(frame) if face.probability >= _SURE]
        if time - seen > MAX_GAP:
            last = None
        face = rf.largest_face(faces, _SURE) if last is None else _nearest(faces, last)
        if face is not None:
            last, seen = face, time
        boxes.append((np.nan,) * 4 if face is None else (*face.centre, *_sides(face)))
        times.append(time)
    table, moments = np.array(boxes), np.array(times)
    found = np.isfinite(table[:, 0]) if len(boxes) else np.zeros(0, bool)
    if not found.any():
        raise ValueError("no face is found in any frame")
    filled = np.column_stack(
        [np.interp(moments, moments[found], column[found]) for column in table.T]
    )
    there = _bridged(found, moments)
    smooth = smoothed(filled, moments, there.astype(np.float64), SMOOTHING)
    presence = smoothed(there.astype(np.float64)[:, None], moments, None, _FADE)[:, 0]
    return FacePath(smooth[:, :2], smooth[:, 2:], presence), moments


def _sides(face: rf.Face) -> tuple[float, float]:
    return face.x1 - face.x0, face.y1 - face.y0


def _nearest(faces: Iterable[rf.Face], last: rf.Face) -> rf.Face | None:
    def distance(face: rf.Face) -> float:
        return float(np.hypot(*np.subtract(face.centre, last.centre)))

    near = min(faces, key=distance, default=None)
    return near if near is not None and distance(near) < _FAR * last.side else None


def _bridged(found: NDArray[np.bool_], times: Times) -> NDArray[np.bool_]:
    """Mark the frames in short gaps as found."""
    there: NDArray[np.bool_] = found.copy()
    at = np.flatnonzero(found)
    for before, after in zip(at[:-1], at[1:]):
        if times[after] - times[before] <= MAX_GAP:
            there[before:after] = True
    return there


def smoothed(
    values: NDArray[np.float64], times: Times, weights: Times | None, sigma: float
) -> NDArray[np.float64]:
    """Smooth values over time with a Gaussian, at any times; zero phase.

    Parameters
    ----------
    values : (frames, ...)
        The values.
    times
        Times of the frames, s.
    weights
        Weight of each frame, equal by default. If all weights nearby are zero, the value is not
        changed.
    sigma
        Standard deviation of the Gaussian, s.
    """
    out = np.empty_like(values)
    first = np.searchsorted(times, times - 3 * sigma)
    last = np.searchsorted(times, times + 3 * sigma, side="right")
    for i, (a, b) in enumerate(zip(first, last)):
        kernel = np.exp(-0.5 * ((times[a:b] - times[i]) / sigma) ** 2)
        if weights is not None:
            kernel = kernel * weights[a:b]
        total = kernel.sum()
        out[i] = np.tensordot(kernel / total, values[a:b], 1) if total > 0 else values[i]
    return out
