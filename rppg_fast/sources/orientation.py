"""Orientation of a picture: how to mirror and turn it before it is shown."""

from __future__ import annotations

import math
import struct
from typing import Any, NamedTuple

import av
import numpy as np

from rppg_fast.yuv import AnyFrame, YuvFrame


class Orientation(NamedTuple):
    """Orientation of a picture: it is mirrored first, then turned.

    Attributes
    ----------
    mirrored
        Whether left and right are swapped.
    quarter_turns
        Number of anticlockwise turns by 90 degrees, 0 to 3.
    """

    mirrored: bool
    quarter_turns: int

    def apply(self, picture: AnyFrame) -> AnyFrame:
        """Return the picture mirrored and turned, as a view."""
        if isinstance(picture, YuvFrame):
            if self.mirrored:
                picture = picture.mirrored()
            return picture.turned(self.quarter_turns) if self.quarter_turns else picture
        if self.mirrored:
            picture = picture[:, ::-1]
        return np.rot90(picture, self.quarter_turns)


#: FFmpeg's name for the side data that holds the orientation.
_DISPLAY_MATRIX = "DISPLAYMATRIX"

UPRIGHT = Orientation(False, 0)


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """Return the orientation in a frame's display matrix, which some phones and cameras store."""
    stored: Any = frame.side_data.get(_DISPLAY_MATRIX)
    if stored is None:
        return UPRIGHT
    # x' = a x + c y, y' = b x + d y, in fixed point; the y axes point down.
    a, b, _, c, d = struct.unpack_from("=5i", bytes(stored))
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    clockwise = round(math.atan2(b, a) / (0.5 * math.pi))
    return Orientation(mirrored, -clockwise % 4)
