"""Paint with soft masks on a float32 canvas, in units that do not depend on pixels."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
Color = NDArray[np.float64]

_LATTICE = 64  # side of the random lattice of a noise, which is periodic


def cover(outline: Field) -> Field:
    """Return the opacity of the inside of an outline, 0 to 1, with an edge one pixel soft.

    ``outline`` is any function that is negative inside. The distance from its zero, in pixels, is
    computed from its slope.
    """
    outline = np.asarray(outline, np.float32)
    dy, dx = np.gradient(outline)
    slope = np.sqrt(dx * dx + dy * dy) + np.float32(1e-6)
    return np.asarray(np.clip(0.5 - outline / slope, 0, 1), np.float32)


def bump(u: Field) -> Field:
    """Return a Gaussian of height 1 and standard deviation 1/sqrt(2)."""
    return np.asarray(np.exp(-np.minimum(u * u, 40)), np.float32)


def step(u: Field, low: float | Field, high: float | Field) -> Field:
    """Return a smooth rise from 0 below ``low`` to 1 above ``high``."""
    t = np.clip((u - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def noise(random: np.random.Generator, x: Field, y: Field, scale_x: float, scale_y: float) -> Field:
    """Return smooth noise of about unit standard deviation, the same at any resolution.

    ``scale_x`` and ``scale_y`` are the distances of lattice points in the units of ``x`` and ``y``.
    """
    lattice = np.asarray(random.normal(size=(_LATTICE, _LATTICE)) * 1.3, np.float32)
    u, v = x / np.float32(scale_x), y / np.float32(scale_y)
    return np.asarray(
        cv2.remap(lattice, u, v, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP), np.float32
    )


def hsv(hue: float, saturation: float, value: float) -> Color:
    """Return the RGB color of a hue in [0, 1], a saturation and a brightness."""
    return np.array(colorsys.hsv_to_rgb(hue % 1, saturation, value))


def grey(value: float) -> Color:
    """Return the RGB color of a grey."""
    return np.full(3, value)


def mix(a: Color, b: Color, share: float) -> Color:
    """Return a mixture of ``a`` (share 0) and ``b`` (share 1)."""
    return np.asarray(a + share * (b - a))


class Canvas:
    """RGB color (3, H, W), opacity and share of bare skin (H, W), all float32 and initially 0."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.color: Field = np.zeros((3, *shape), np.float32)
        self.alpha: Field = np.zeros(shape, np.float32)
        self.skin: Field = np.zeros(shape, np.float32)

    def paint(self, mask: Field, color: Color | Field, skin: float) -> None:
        """Paint a color with the opacity ``mask``; ``skin`` is its share of bare skin."""
        self.tint(mask, color)
        self.skin += mask * (skin - self.skin)
        self.alpha += mask * (1 - self.alpha)

    def tint(self, mask: Field, color: Color | Field) -> None:
        """Mix the present color with another, (3,) or (3, H, W), by the share ``mask``."""
        mask = np.asarray(mask, np.float32)
        for plane, value in zip(self.color, np.asarray(color, np.float32)):
            plane += mask * (value - plane)
