"""Where the one face of a real video is, frame by frame, without jumps.

Every frame is searched by MTCNN, the face nearest to the last one is taken, short gaps are drawn
through, and the path is smoothed forwards and backwards: it follows the head and neither trembles
nor lags.
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
"""A face that is not found for longer, in seconds, was away."""

SMOOTHING = 0.2
"""Standard deviation of the Gaussian that smooths the path, s."""

_FADE = 0.3  # s in which a face comes and goes
_SURE = 0.9  # probability of a face that counts
_FAR = 1.0  # of a face's size, from one frame to the next


@dataclass(frozen=True)
class FacePath:
    """A face over time.

    Attributes
    ----------
    centre : float64 (frames, 2)
        Middle of the face's box, x and y in pixels.
    size : float64 (frames, 2)
        Width and height of the box in pixels.
    presence : float64 (frames,)
        1 where the face is there, 0 where it is not, in between while it comes or goes.
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
        The face, and the frames' times.

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
    """Count short gaps between two finds as found."""
    there: NDArray[np.bool_] = found.copy()
    at = np.flatnonzero(found)
    for before, after in zip(at[:-1], at[1:]):
        if times[after] - times[before] <= MAX_GAP:
            there[before:after] = True
    return there


def smoothed(
    values: NDArray[np.float64], times: Times, weights: Times | None, sigma: float
) -> NDArray[np.float64]:
    """Smooth values over time by a Gaussian, at any times; zero phase.

    Parameters
    ----------
    values : (frames, ...)
        What to smooth.
    times
        Of the frames in seconds.
    weights
        How much each frame counts, all alike by default. Where all weights nearby are zero the
        value stays as it is.
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
