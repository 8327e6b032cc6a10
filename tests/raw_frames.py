"""Pack frames with NumPy in every pixel format of the C interface, from its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.clips import Frame
from tests.yuv_reference import SHARES, Samples

#: In the order of the header's rppg_format. For luma and chroma: how many pixels share a sample of
#: chroma, across and down; significant bits; and unused lowest bits.
FORMATS: dict[str, tuple[tuple[int, int] | None, int, int] | None] = {
    "bgr24": None,
    "rgb24": None,
    "nv12": ((2, 2), 8, 0),
    "yuyv": ((2, 1), 8, 0),
    "i420": ((2, 2), 8, 0),
    "bgra": None,
    "rgba": None,
    "uyvy": ((2, 1), 8, 0),
    "grey": (None, 8, 0),
    "nv21": ((2, 2), 8, 0),
    "p010": ((2, 2), 10, 6),
    "i422": ((2, 1), 8, 0),
    "i444": ((1, 1), 8, 0),
    "i010": ((2, 2), 10, 0),
    "i210": ((2, 1), 10, 0),
    "i410": ((1, 1), 10, 0),
}
YUV_FORMATS = [name for name, layout in FORMATS.items() if layout is not None]
RGB_FORMATS = [name for name, layout in FORMATS.items() if layout is None]
#: Formats whose rows have an even number of pixels.
EVEN_WIDTH = ("yuyv", "uyvy")


def pack_rgb(bgr: Frame, name: str) -> bytes:
    """Pack a frame of blue, green and red; the alpha bytes are random and must be ignored."""
    noise = np.random.default_rng(0).integers(0, 256, bgr.shape[:2], dtype=np.uint8)
    pixels = bgr if name.startswith("bgr") else bgr[..., ::-1]
    return (np.dstack([pixels, noise]) if name.endswith("a") else pixels).tobytes()


def pack_yuv(given: Samples, name: str) -> bytes:
    """Pack samples of luma and chroma."""
    if given.u is None or given.v is None:
        return given.y.tobytes()
    if name in ("nv12", "nv21", "p010"):
        order = (given.v, given.u) if name == "nv21" else (given.u, given.v)
        return given.y.tobytes() + np.stack(order, axis=2).tobytes()
    if name in EVEN_WIDTH:
        y0, y1 = given.y[:, ::2], given.y[:, 1::2]
        yuyv = (y0, given.u, y1, given.v)
        uyvy = (given.u, y0, given.v, y1)
        return np.stack(yuyv if name == "yuyv" else uyvy, axis=2).tobytes()
    return given.y.tobytes() + given.u.tobytes() + given.v.tobytes()


def to_samples(
    bgr: Frame, name: str, full_range: bool | None = None, matrix: str = "bt601"
) -> Samples:
    """Convert a frame to luma and chroma; a chroma sample is the mean of the pixels that share it.

    With ``full_range`` None, the format's default range is used.
    """
    layout = FORMATS[name]
    assert layout is not None
    steps, bits, shift = layout
    if full_range is None:
        full_range = name == "grey"
    blue, green, red = bgr.astype(np.float64).transpose(2, 0, 1) / 255
    of_red, of_blue = SHARES[matrix]
    luma = of_red * red + (1 - of_red - of_blue) * green + of_blue * blue
    unit = 2.0 ** (bits - 8)
    span, chroma_span = (2.0**bits - 1,) * 2 if full_range else (219 * unit, 224 * unit)
    y = luma * span + (0 if full_range else 16 * unit)

    def samples(values: NDArray[np.float64]) -> NDArray[Any]:
        whole = np.clip(np.round(values), 0, 2**bits - 1).astype(np.uint8 if bits == 8 else "<u2")
        return np.ascontiguousarray(whole << shift if shift else whole)

    if steps is None:
        return Samples(samples(y), None, None, bits, shift, full_range, matrix, (1, 1), (0, 0))
    u, v = (
        samples(_shrink(difference / (2 * (1 - share)) * chroma_span + 128 * unit, steps))
        for difference, share in ((blue - luma, of_blue), (red - luma, of_red))
    )
    return Samples(samples(y), u, v, bits, shift, full_range, matrix, steps, (0, 0))


def pack(bgr: Frame, name: str, full_range: bool | None = None, matrix: str = "bt601") -> bytes:
    """Convert a frame to a format and pack it."""
    if FORMATS[name] is None:
        return pack_rgb(bgr, name)
    return pack_yuv(to_samples(bgr, name, full_range, matrix), name)


def _shrink(values: NDArray[np.float64], steps: tuple[int, int]) -> NDArray[np.float64]:
    """Return the means of the pixels that share a sample; fewer at the right and lower edge."""
    for axis, step in ((1, steps[0]), (0, steps[1])):
        starts = np.arange(0, values.shape[axis], step)
        counts = np.diff(np.append(starts, values.shape[axis]))
        sums = np.add.reduceat(values, starts, axis=axis)
        values = sums / (counts if axis == 1 else counts[:, None])
    return values
