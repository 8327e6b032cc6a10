"""The demonstration clip, for tests."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.cli.demo import DEMO
from rppg_fast.yuv import to_bgr

Frame = NDArray[np.uint8]

DEMO_BPM, TOLERANCE_BPM = 72.0, 3.0
#: The face in the clip.
DEMO_BOX = (98, 38, 222, 195)


@cache
def demo_frames() -> list[tuple[Frame, float]]:
    """Return the clip's frames, blue-green-red, with their times."""
    return [(to_bgr(frame), time) for frame, time in rf.open_source(DEMO)]
