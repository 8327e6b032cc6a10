"""The pictures that the page gets."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from rppg_fast.live import LiveSession
from rppg_fast.live.picture import WIDEST, JpegEncoder, Picture
from rppg_fast.yuv import AnyFrame, YuvFrame, to_bgr
from tests.support.demo import demo_frames
from tests.support.live import Frame, until

#: Mean difference of levels, 0 to 255, that JPEG and the conversion of colors may make.
TOLERANCE_LEVELS = 4.0


def planes(frame: Frame, full_range: bool, bits: int = 8, matrix: str = "bt601") -> YuvFrame:
    """Return smooth planes of luma and chroma with a frame's size."""
    height, width = frame.shape[:2]
    grey = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), (15, 15), 0)
    half = np.ones(((height + 1) // 2, (width + 1) // 2))
    levels = (np.clip(grey, 16, 235), 110 * half, 150 * half)
    kind = np.uint8 if bits == 8 else np.uint16
    y, u, v = ((level * 2.0 ** (bits - 8)).astype(kind) for level in levels)
    return YuvFrame(y, u, v, bits=bits, full_range=full_range, matrix=matrix)


def smooth(height: int, width: int) -> Frame:
    frame = cv2.resize(demo_frames()[0][0], (width, height))
    return np.asarray(cv2.GaussianBlur(frame, (9, 9), 0), np.uint8)


FRAMES: dict[str, Callable[[], AnyFrame]] = {
    "blue, green and red": lambda: smooth(240, 320),
    "with odd sides": lambda: smooth(241, 323),
    "mirrored": lambda: smooth(240, 320)[:, ::-1],
    "grey": lambda: smooth(240, 320)[..., 1],
    "large": lambda: smooth(1080, 1920),
    "planes": lambda: planes(smooth(240, 320), full_range=False),
    "planes with their full range": lambda: planes(smooth(240, 320), full_range=True),
    "planes with odd sides": lambda: planes(smooth(241, 323), full_range=False),
    "planes of ten bits": lambda: planes(smooth(240, 320), full_range=False, bits=10),
    "planes of BT.709": lambda: planes(smooth(720, 1280), full_range=False, matrix="bt709"),
    "turned planes": lambda: planes(smooth(240, 320), full_range=False).turned(1),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_picture_is_its_frame_reduced(name: str) -> None:
    frame: AnyFrame = FRAMES[name]()
    encode = JpegEncoder()
    jpeg = [encode(frame) for _ in range(2)][-1]
    shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert shown is not None
    height, width = shown.shape[:2]
    assert width <= WIDEST
    assert width / height == pytest.approx(frame.shape[1] / frame.shape[0], rel=0.02)
    expected = cv2.resize(to_bgr(frame), (width, height), interpolation=cv2.INTER_AREA)
    difference = np.abs(shown.astype(int) - expected)
    assert difference.mean() < TOLERANCE_LEVELS


def test_the_size_may_change_on_the_way() -> None:
    encode = JpegEncoder()
    for height, width in ((240, 320), (480, 640), (240, 320)):
        jpeg = encode(np.full((height, width, 3), 90, np.uint8))
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert shown is not None
        assert shown.shape[:2] == (height, width)


def test_nothing_is_encoded_unless_somebody_watches() -> None:
    frame = np.full((240, 320, 3), 90, np.uint8)
    with LiveSession([(frame, index / 50) for index in range(50)], loop=True) as session:
        picture = Picture(session, lambda: None)
        picture.start()
        try:
            until(lambda: session.snapshot.frames > 10)
            assert picture.newest[0] == 0
            with picture.watching() as watching:
                watching(True)
                until(lambda: picture.newest[0] >= 3)
            time.sleep(0.2)  # one may be on its way
            count = picture.newest[0]
            frames = session.snapshot.frames
            until(lambda: session.snapshot.frames > frames + 10)
            assert picture.newest[0] == count
        finally:
            picture.close()
