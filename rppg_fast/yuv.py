"""Frames as decoders and cameras deliver them: planes of luma and chroma, without conversion.

The engine averages luma and chroma first and converts only the averages. Whole frames therefore
need no conversion to blue, green and red::

    height, width = 480, 640
    y, u, v = ...  # of yuv420p: uint8 arrays (480, 640), (240, 320), (240, 320)
    frame = rf.YuvFrame(y, u, v, matrix="bt709")
    reading = monitor.push(frame, time)

Planes may have any strides. For nv12 they are ``u = chroma[:, 0::2]`` and ``v = chroma[:, 1::2]``.
For a yuyv frame of shape (height, 2 * width) they are ``y = rows[:, 0::2]``, ``u = rows[:, 1::4]``
and ``v = rows[:, 3::4]``.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core

#: Samples of one channel.
PlaneArray = Union[NDArray[np.uint8], NDArray[np.uint16]]


@dataclass(frozen=True, eq=False)
class YuvFrame:
    """One frame of luma and chroma, or of luma alone; no pixel is copied.

    Parameters
    ----------
    y
        Luma, uint8 or little-endian uint16 of shape (height, width); any strides.
    u, v
        Chroma Cb and Cr, with the dtype of ``y`` and equal shapes: as many rows and columns as
        ``y``, or half or a quarter as many, rounded up. If both are None, the frame is grey.
    bits
        Number of significant bits of a sample: 8 for uint8, 9 to 16 for uint16.
    shift
        Number of lowest bits of a uint16 that are unused: 0 for yuv420p10le, 6 for p010.
    full_range
        Whether luma goes from 0 to the largest number, as in JPEG. If not, it goes from 16 to 235
        of 255, as in nearly all video. Chroma has the corresponding range.
    matrix
        The coefficients of luma: "bt601", "bt709" or "bt2020". The conversion is linear; a transfer
        function such as PQ or HLG is not reversed.
    phase
        By how many pixels the first column and the first row of chroma are smaller than the
        others. 0 unless a frame of odd size is mirrored, or a frame is cropped at an odd pixel.

    Raises
    ------
    TypeError
        If a plane is not an array.
    ValueError
        If a plane has another dtype or shape, or if another argument has a wrong value; the message
        names it.
    """

    y: PlaneArray
    u: PlaneArray | None = None
    v: PlaneArray | None = None
    bits: int = 8
    shift: int = 0
    full_range: bool = False
    matrix: str = "bt601"
    phase: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        native = _core.Planes(
            self.y, self.u, self.v, self.bits, self.shift, self.full_range, self.matrix, self.phase
        )
        object.__setattr__(self, "_planes", native)  # the form that the engine reads

    def __reduce__(self) -> tuple[type[YuvFrame], tuple[Any, ...]]:
        given = (self.y, self.u, self.v, self.bits, self.shift)
        return YuvFrame, (*given, self.full_range, self.matrix, self.phase)

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.y.shape[0])

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.y.shape[1])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the array that ``to_bgr`` returns: (height, width, 3)."""
        return (*self.y.shape, 3)

    def turned(self, quarter_turns: int) -> YuvFrame:
        """Return the frame turned by quarter turns; no pixel is copied.

        Parameters
        ----------
        quarter_turns
            Number of turns by 90 degrees counter-clockwise, as in ``numpy.rot90``; a negative
            number turns clockwise.

        Returns
        -------
        YuvFrame
            After an odd number of turns, width and height are exchanged. One turn moves a pixel
            from column x and row y to column y and row ``width - 1 - x``.
        """
        return replace(
            self,
            y=_turn(self.y, quarter_turns),
            u=_turn(self.u, quarter_turns),
            v=_turn(self.v, quarter_turns),
            phase=self._native.turned_phase(quarter_turns),
        )

    def mirrored(self) -> YuvFrame:
        """Return the frame with left and right exchanged; no pixel is copied."""
        u, v = (None if plane is None else plane[:, ::-1] for plane in (self.u, self.v))
        phase = self._native.turned_phase(0, mirrored=True)
        return replace(self, y=self.y[:, ::-1], u=u, v=v, phase=phase)

    def to_bgr(self) -> NDArray[np.uint8]:
        """Convert the frame to 8 bits of blue, green and red.

        Chroma is repeated for the pixels that share it, not interpolated.

        Returns
        -------
        ndarray
            uint8 of shape (height, width, 3).
        """
        return _core.to_bgr(self)

    @property
    def _native(self) -> _core.Planes:
        native: _core.Planes = self._planes  # type: ignore[attr-defined]
        return native


def _turn(plane: PlaneArray | None, quarter_turns: int) -> Any:
    """Turn a plane like ``numpy.rot90``, which is too slow to be called for every frame."""
    quarter_turns %= 4
    if plane is None or quarter_turns == 0:
        return plane
    if quarter_turns == 2:
        return plane[::-1, ::-1]
    return plane[:, ::-1].T if quarter_turns == 1 else plane.T[:, ::-1]


#: A frame: a uint8 array of shape (height, width, 3), or (height, width) if grey, or a
#: ``YuvFrame``. Every function that takes a frame takes these.
AnyFrame = Union[NDArray[np.uint8], YuvFrame]


def to_bgr(frame: AnyFrame) -> NDArray[np.uint8]:
    """Return a frame as a contiguous uint8 array (height, width, 3) in the order blue-green-red.

    An array of three channels must already be in that order.
    """
    if isinstance(frame, np.ndarray) and frame.ndim == 3:
        return np.ascontiguousarray(frame)
    return _core.to_bgr(frame)


def in_bgr_order(frame: AnyFrame, color: str) -> AnyFrame:
    """Return a view of a frame in the order BGR; ``color`` is the order of an array's channels."""
    if color == "rgb" and isinstance(frame, np.ndarray) and frame.ndim == 3:
        return frame[..., ::-1]
    return frame
