"""Convert frames of luma and chroma to red, green and blue, and average areas, in float64 NumPy.

Written only from the standards: BT.601, BT.709 and BT.2020 define luma as a sum of red, green and
blue, and chroma as scaled differences to it; the inverse is computed by solving these equations.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SIDE = 36

#: Weights of red and blue in luma.
SHARES = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}


class Samples(NamedTuple):
    """A frame drawn for a test, and the layout of its chroma."""

    y: NDArray[Any]
    u: NDArray[Any] | None
    v: NDArray[Any] | None
    bits: int
    shift: int
    full_range: bool
    matrix: str
    steps: tuple[int, int]  # how many pixels share a sample of chroma, across and down
    phase: tuple[int, int]


def draw(
    rng: np.random.Generator,
    size: tuple[int, int],
    steps: tuple[int, int] | None,
    bits: int = 8,
    shift: int = 0,
    full_range: bool = False,
    matrix: str = "bt601",
    phase: tuple[int, int] = (0, 0),
) -> Samples:
    """Draw random samples; with ``steps`` None, the frame is grey."""
    kind = np.uint8 if bits == 8 else np.uint16

    def plane(shape: tuple[int, int]) -> NDArray[Any]:
        below = rng.integers(0, 1 << shift, shape)  # unused bits, which must be ignored
        return ((rng.integers(0, 1 << bits, shape) << shift) + below).astype(kind)

    height, width = size
    u = v = None
    if steps is not None:
        shape = ((height - 1 + phase[1]) // steps[1] + 1, (width - 1 + phase[0]) // steps[0] + 1)
        u, v = plane(shape), plane(shape)
    return Samples(plane(size), u, v, bits, shift, full_range, matrix, steps or (1, 1), phase)


def to_rgb(given: Samples) -> NDArray[np.float64]:
    """Return red, green and blue of every pixel, (H, W, 3), not clamped; chroma is repeated."""
    unit = 2.0 ** (given.bits - 8)
    black, luma_range, chroma_range = 16 * unit, 219 * unit, 224 * unit
    if given.full_range:
        black, luma_range = 0.0, 2.0**given.bits - 1
        chroma_range = luma_range
    luma = ((given.y >> given.shift) - black) / luma_range
    if given.u is None or given.v is None:
        return np.repeat(luma[..., None], 3, axis=2)
    height, width = given.y.shape
    rows = (np.arange(height) + given.phase[1]) // given.steps[1]
    columns = (np.arange(width) + given.phase[0]) // given.steps[0]
    chroma = [
        ((plane >> given.shift) - 128 * unit)[np.ix_(rows, columns)] / chroma_range
        for plane in (given.u, given.v)
    ]
    red, blue = SHARES[given.matrix]
    of_luma = np.array([red, 1 - red - blue, blue])
    of_blue = (np.array([0, 0, 1]) - of_luma) / (2 * (1 - blue))
    of_red = (np.array([1, 0, 0]) - of_luma) / (2 * (1 - red))
    inverse = np.linalg.inv([of_luma, of_blue, of_red])
    return np.asarray(np.dstack([luma, *chroma]) @ inverse.T)


def area(image: NDArray[Any]) -> NDArray[np.float64]:
    """Return exact area averages to 36x36 pixels, (3, 36, 36)."""

    def cover(length: int) -> NDArray[np.float64]:
        edges = np.arange(SIDE + 1) * length / SIDE
        inside = np.clip(edges[:, None] - np.arange(length), 0.0, 1.0)
        return np.asarray(np.diff(inside, axis=0) * SIDE / length)

    rows, columns = cover(image.shape[0]), cover(image.shape[1])
    return np.asarray(rows @ image.astype(np.float64).transpose(2, 0, 1) @ columns.T)
