"""Put the pulse of a finger into the skin of a filmed face."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from rppg_fast.video import Frame
from training.data.finger import InjectedPulse
from training.data.follow import FacePath
from training.data.skin import EXTENT, GRID, grid_box

SKIN = 0.5
"""A cell with a larger value in the mask is skin."""

PATCH = 8 * EXTENT / GRID
"""Standard deviation, in faces, of the blur that makes regions of stronger and weaker pulse."""

_FIELD_BLUR = PATCH / EXTENT * GRID  # cells
_GREEN = 1


@dataclass(frozen=True)
class Look:
    """How a pulse is distributed over the skin.

    Attributes
    ----------
    color : (float, float, float)
        Relative changes of red, green and blue, in any unit. The pulse is scaled so that green has
        the requested amplitude.
    variation : float
        Relative standard deviation of the pulse's strength over the face.
    delay : float
        Delay between the earliest and the latest side of the face's box, s.
    """

    color: tuple[float, float, float] = (0.33, 0.77, 0.53)
    variation: float = 0.3
    delay: float = 0.02


class SkinPulse:
    """A pulse in the skin of one face.

    Parameters
    ----------
    path, masks
        The path of the face, from ``follow_face``, and its skin, from ``skin_masks``.
    pulse
        The pulse at the same frames.
    look
        The distribution of the pulse over the skin.
    random
        Generator of the regions of stronger pulse and of the direction of the delay.

    Raises
    ------
    ValueError
        If no skin is marked in any frame.
    """

    def __init__(
        self,
        path: FacePath,
        masks: NDArray[np.float32],
        pulse: InjectedPulse,
        look: Look,
        random: np.random.Generator,
    ) -> None:
        self.path, self.masks, self.pulse = path, masks, pulse
        self._color = over_green(look.color)[::-1]  # frames are BGR
        rough = cv2.GaussianBlur(random.standard_normal((GRID, GRID)), (0, 0), _FIELD_BLUR)
        field = uneven(np.asarray(rough, np.float64), look.variation)
        skin = masks > SKIN
        if not skin.any():
            raise ValueError("no skin is found in the face")
        # The mean weight over the skin is 1, so that the amplitude is that of the mean over the
        # skin.
        self._field = field / float((masks * field)[skin].mean())
        self._delay = look.delay * along(random.uniform(0, 2 * np.pi), GRID)

    def weight(self, i: int) -> NDArray[np.float32]:
        """Return the PPG of each cell in frame ``i``, 0 outside the skin, (GRID, GRID)."""
        # A first-order approximation, because the delays are far shorter than a beat.
        local = self.pulse.ppg[i] - self._delay * self.pulse.slope[i]
        return np.asarray(self.masks[i] * self._field * local, np.float32)

    def add(self, frame: Frame, i: int, amplitude: float, random: np.random.Generator) -> Frame:
        """Return frame ``i`` with the pulse in its skin.

        Parameters
        ----------
        frame
            uint8 (H, W, 3) BGR.
        i
            Number of the frame.
        amplitude
            Standard deviation of the mean green of the skin, divided by its mean.
        random
            Generator for the rounding.
        """
        out: Frame = frame.copy()
        if self.path.presence[i] == 0:
            return out
        inside, weight = on_pixels(self.weight(i), grid_box(self.path, i), frame.shape)
        if weight.size == 0:
            return out
        factor = skin_factor(weight, amplitude, self._color)
        seen = frame[inside]
        out[inside] = np.where(factor == 1, seen, dithered(seen * factor, random))
        return out

    def skin_green(self, frame: Frame, i: int) -> float:
        """Return the mean green of the skin in frame ``i``; NaN if there is no skin."""
        if self.path.presence[i] == 0:
            return np.nan
        inside, mask = on_pixels(self.masks[i], grid_box(self.path, i), frame.shape)
        skin = mask > SKIN
        return float(frame[inside][..., _GREEN][skin].mean()) if skin.any() else np.nan


def over_green(color: tuple[float, float, float]) -> NDArray[np.float32]:
    """Return the changes of red, green and blue over that of green, float32 (3,)."""
    return np.asarray(np.array(color, np.float32) / np.float32(color[1]))


def uneven(rough: NDArray[np.float64], variation: ArrayLike) -> NDArray[np.float64]:
    """Make fields of mean 1 of rough ones.

    Parameters
    ----------
    rough : (..., rows, columns)
        Smooth random fields.
    variation
        Standard deviation of the result; broadcast against ``rough``.
    """
    centred = rough - rough.mean((-2, -1), keepdims=True)
    return np.asarray(1 + variation * centred / centred.std((-2, -1), keepdims=True))


def along(angle: ArrayLike, cells: int) -> NDArray[np.float64]:
    """Return how far each cell lies in a direction, from -0.5 to 0.5 for a side's.

    Parameters
    ----------
    angle
        Of the direction, shape (...).
    cells
        Of the grid's side.

    Returns
    -------
    float64 (..., cells, cells)
    """
    side = np.linspace(-0.5, 0.5, cells)
    turn = np.asarray(angle)[..., None, None]
    return np.asarray(np.cos(turn) * side[None, :] + np.sin(turn) * side[:, None])


def skin_factor(
    weight: NDArray[np.float32], amplitude: ArrayLike, color: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return what skin is multiplied by: more blood, less light, most of all less green.

    Parameters
    ----------
    weight : (...)
        The PPG of each place, 0 where there is no skin.
    amplitude
        Standard deviation of the skin's mean green over its mean; broadcast against ``weight``.
    color : (3,)
        Changes of the channels over that of green, in the channels' order; or (..., 3).

    Returns
    -------
    float32 (..., 3)
    """
    change = -np.asarray(amplitude, np.float32) * weight
    return np.asarray(1 + change[..., None] * color, np.float32)


def dithered(levels: NDArray[np.float32], random: np.random.Generator) -> Frame:
    """Round to 8 bits at random, so that the expected value equals the exact value."""
    raised = np.floor(levels + random.random(levels.shape, np.float32))
    return np.asarray(np.clip(raised, 0, 255), np.uint8)


def on_pixels(
    grid: NDArray[np.float32], box: tuple[float, float, float, float], shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], NDArray[np.float32]]:
    """Interpolate values on a face's grid at the pixels of a frame.

    Parameters
    ----------
    grid
        float32 (GRID, GRID).
    box
        Left, top, width and height of the grid, pixels, from ``grid_box``.
    shape
        Shape of the frame.

    Returns
    -------
    (slice, slice), float32
        Rows and columns of the frame that the grid covers, and the values there.
    """
    left, top, width, height = box
    x0, x1 = max(0, int(np.floor(left))), min(shape[1], int(np.ceil(left + width)))
    y0, y1 = max(0, int(np.floor(top))), min(shape[0], int(np.ceil(top + height)))
    inside = slice(y0, max(y0, y1)), slice(x0, max(x0, x1))
    if x1 <= x0 or y1 <= y0:
        return inside, np.zeros((max(0, y1 - y0), max(0, x1 - x0)), np.float32)
    step_x, step_y = GRID / width, GRID / height
    place = np.array(
        [
            [step_x, 0, (x0 + 0.5 - left) * step_x - 0.5],
            [0, step_y, (y0 + 0.5 - top) * step_y - 0.5],
        ]
    )
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return inside, np.asarray(cv2.warpAffine(grid, place, (x1 - x0, y1 - y0), flags=flags))


def measured_amplitude(before: Iterable[Frame], after: Iterable[Frame], skin: SkinPulse) -> float:
    """Measure the amplitude of a pulse in a video, relative to the video without it.

    The ratio of the skin's mean green in the two videos is fitted by the finger's pulse, as in a
    lock-in amplifier.

    Parameters
    ----------
    before, after
        uint8 (H, W, 3) BGR, without and with the pulse.
    skin
        The pulse that was put in.

    Returns
    -------
    float
        Same unit as ``amplitude`` in ``SkinPulse.add``; NaN if fewer than two frames show skin.
    """
    pairs = enumerate(zip(before, after))
    green = [(skin.skin_green(a, i), skin.skin_green(b, i)) for i, (a, b) in pairs]
    old, new = np.array(green, np.float64).reshape(-1, 2).T
    seen = np.isfinite(new) & (old > 0)  # a black frame cannot change
    if seen.sum() < 2:
        return float("nan")
    change = new[seen] / old[seen]
    ppg = skin.pulse.ppg[: len(old)][seen]
    return float(-np.cov(change, ppg)[0, 1] / ppg.var(ddof=1))
