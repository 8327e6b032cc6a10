"""The demonstration clip, for tests."""

from __future__ import annotations

from functools import cache

import rppg_fast as rf
from rppg_fast.cli.demo import DEMO
from rppg_fast.yuv import to_bgr
from tests.support.clips import Frame

DEMO_BPM, TOLERANCE_BPM = 72.0, 3.0
#: The face in the clip.
DEMO_BOX = (98, 38, 222, 195)


@cache
def demo_frames() -> list[tuple[Frame, float]]:
    """Return the clip's frames, blue-green-red, with their times."""
    return [(to_bgr(frame), time) for frame, time in rf.open_source(DEMO)]
