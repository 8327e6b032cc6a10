"""How a picture is to be turned and mirrored before it is shown."""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

import av
import numpy as np

from rppg_fast.yuv import AnyFrame, YuvFrame


class Orientation(NamedTuple):
    """First mirrored, then turned.

    Attributes
    ----------
    mirrored
        Whether left and right are swapped.
    quarter_turns
        Anticlockwise, 0 to 3.
    """

    mirrored: bool
    quarter_turns: int

    def apply(self, picture: AnyFrame) -> AnyFrame:
        """Return the picture as it is to be seen; a view."""
        if isinstance(picture, YuvFrame):
            if self.mirrored:
                picture = picture.mirrored()
            return picture.turned(self.quarter_turns) if self.quarter_turns else picture
        if self.mirrored:
            picture = picture[:, ::-1]
        return np.rot90(picture, self.quarter_turns)


#: FFmpeg's name of it.
_DISPLAY_MATRIX = "DISPLAYMATRIX"

UPRIGHT = Orientation(False, 0)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Read a frame's display matrix: from a phone that was held upright, or a mirrored camera."""
    stored: Any = frame.side_data.get(_DISPLAY_MATRIX)
    if stored is None:
        return UPRIGHT
    # x' = a x + c y, y' = b x + d y; the y axes point down. In fixed point.
    a, b, _, c, d = struct.unpack_from("=5i", bytes(stored))
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    clockwise = round(math.atan2(b, a) / (0.5 * math.pi))
    return Orientation(mirrored, -clockwise % 4)
