"""Find the skin of a followed face, as soft masks that change smoothly with time.

The color of the skin is estimated at the centre of the face, by the median and the spread of the
logarithms of red over green and of blue over green, and of the brightness. Logarithms make the
method work for dark skin as well as for light skin; in a grey video only the brightness
contributes. Masks are defined on a small grid around the face, so that they move with it, and are
smoothed over time.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from rppg_fast.video import Frame
from training.data.follow import FacePath, smoothed
from training.data.trajectories import Times

GRID = 64
"""Number of cells on a side of a mask."""

EXTENT = 1.5
"""Side of the grid divided by the side of the face's box."""

_SMOOTHING = 0.25  # s; standard deviation of the smoothing over time
# Lowest spread of red over green, blue over green and brightness, natural logarithms.
_LEAST_SPREAD = np.array([0.04, 0.06, 0.25])
# Edge of the skin in units of the spread: the mask is 1 below the first and 0 above the second.
_SKIN, _OTHER = 2.5, 4.0
_OFFSET = 4.0  # levels, added to keep the logarithm of dark pixels from varying strongly
# Half axes of the ellipses of the face and of its centre, relative to half the sides of the box.
_FACE, _CENTRE = (1.15, 1.3), (0.55, 0.6)
_EDGE = 0.15  # width of the soft edge of the ellipse, in the same unit


def grid_box(path: FacePath, i: int) -> tuple[float, float, float, float]:
    """Return left, top, width and height of the grid around the face in frame ``i``, pixels."""
    width, height = EXTENT * path.size[i]
    return path.centre[i, 0] - width / 2, path.centre[i, 1] - height / 2, width, height


def skin_masks(
    frames: Iterable[tuple[Frame, float]], path: FacePath, times: Times
) -> NDArray[np.float32]:
    """Compute the mask of the face's skin in every frame.

    Parameters
    ----------
    frames
        uint8 (H, W, 3) BGR with their times; the frames from which ``path`` was computed.
    path, times
        The results of ``follow_face``.

    Returns
    -------
    float32 (frames, GRID, GRID)
        From 0 to 1 on the grid of ``grid_box``; all 0 if there is no face.
    """
    patches = np.zeros((len(times), GRID, GRID, 3), np.float32)
    for i, (frame, _) in enumerate(frames):
        if path.presence[i] > 0:
            patches[i] = _patch(frame, grid_box(path, i))
    inside = np.asarray(_ellipse(_CENTRE) > 0.5)
    features = np.asarray(_features(patches))
    centre = features[:, inside].astype(np.float64)
    usual = np.median(centre, axis=1)
    spread = np.maximum(1.4826 * np.median(np.abs(centre - usual[:, None]), 1), _LEAST_SPREAD)
    usual = smoothed(usual, times, path.presence, _SMOOTHING).astype(np.float32)
    spread = smoothed(spread, times, path.presence, _SMOOTHING).astype(np.float32)
    away = np.abs(features - usual[:, None, None]) / spread[:, None, None]
    distance = np.sqrt(np.sum(away**2, axis=-1))
    soft = np.clip((_OTHER - distance) / (_OTHER - _SKIN), 0, 1) * _ellipse(_FACE)
    presence = path.presence.astype(np.float32)[:, None, None]
    flat = smoothed((soft * presence).reshape(len(times), -1), times, None, _SMOOTHING)
    return np.asarray(flat.reshape(soft.shape) * (presence > 0), np.float32)


def _patch(frame: Frame, box: tuple[float, float, float, float]) -> NDArray[np.float32]:
    """Average the pixels of each cell of the grid, float32 (GRID, GRID, 3)."""
    left, top, width, height = box
    # Blur before sampling if cells are large, so that a cell's value is the mean of its pixels.
    scale = np.array([width, height]) / GRID
    x0, y0 = max(0, int(left) - 2), max(0, int(top) - 2)
    cut = frame[y0 : max(y0 + 1, int(top + height) + 3), x0 : max(x0 + 1, int(left + width) + 3)]
    soft = cv2.blur(cut, (max(1, round(scale[0])), max(1, round(scale[1]))))
    place = np.array(
        [
            [scale[0], 0, left + 0.5 * scale[0] - 0.5 - x0],
            [0, scale[1], top + 0.5 * scale[1] - 0.5 - y0],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cells = cv2.warpAffine(
        soft.astype(np.float32), place, (GRID, GRID), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cells, np.float32)


def _features(patches: NDArray[np.float32]) -> NDArray[np.float32]:
    blue, green, red = np.moveaxis(np.log(patches + np.float32(_OFFSET)), -1, 0)
    return np.stack([red - green, blue - green, (red + green + blue) / 3], axis=-1)


def _ellipse(half_axes: tuple[float, float]) -> NDArray[np.float32]:
    """Return 1 inside an ellipse on the grid, 0 outside, with a soft edge."""
    cell = EXTENT * ((np.arange(GRID) + 0.5) * 2 / GRID - 1)
    x, y = np.meshgrid(cell / half_axes[0], cell / half_axes[1])
    return np.clip((1 - np.hypot(x, y)) / _EDGE + 0.5, 0, 1).astype(np.float32)
