"""What a person is told to do, and in which words."""

from __future__ import annotations

import re
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from rppg_fast.appearance_meter import Appearance, AppearanceMeter
from rppg_fast.live import Advice
from rppg_fast.live.advice import advise
from rppg_fast.live.strings import LANGUAGES, words
from rppg_fast.reading import Box, Reading, Status
from tests.support.demo import DEMO_BOX, demo_frames
from tests.support.live import Frame

#: The face in the demonstration clip.
BOX = Box(*DEMO_BOX)
SECONDS = 3.0

Levels = NDArray[np.float64]


def reading(status: Status) -> Reading:
    return Reading(1.0, status, 72.0 if status is Status.OK else None, None, None, 0.0, 1.0)


def look(change: Callable[[Levels], Levels] | None = None, moved: float = 0.0) -> Appearance:
    """Return the appearance of the clip's face, its levels changed, moved by pixels a second."""
    meter = AppearanceMeter()
    for frame, time in demo_frames()[: round(SECONDS * 30)]:
        seen: Frame = frame
        if change is not None:
            seen = np.clip(change(frame.astype(np.float64)), 0, 255).astype(np.uint8)
        if moved:
            shift = np.array([[1, 0, moved * np.sin(6 * time)], [0, 1, 0]], np.float64)
            seen = cv2.warpAffine(seen, shift, (320, 320)).astype(np.uint8)
        meter.update(seen, BOX, time)
    return meter.appearance


CASES: dict[str, tuple[Callable[[], Appearance], Status, Box | None, Advice]] = {
    "as it is": (look, Status.WARMING_UP, BOX, Advice.MEASURING),
    "no pulse": (look, Status.LOW_SIGNAL, BOX, Advice.NO_PULSE),
    "dark": (lambda: look(lambda f: 0.25 * f), Status.WARMING_UP, BOX, Advice.MORE_LIGHT),
    "bright": (lambda: look(lambda f: 1.6 * f + 40), Status.LOW_SIGNAL, BOX, Advice.LESS_LIGHT),
    "moving": (lambda: look(moved=12.0), Status.LOW_SIGNAL, BOX, Advice.HOLD_STILL),
    "far away": (look, Status.LOW_SIGNAL, Box(100, 40, 150, 100), Advice.COME_CLOSER),
    "too few frames": (look, Status.GAP, BOX, Advice.FRAMES_MISSING),
    "nobody": (look, Status.NO_FACE, None, Advice.NO_FACE),
    "a good reading needs no advice": (
        lambda: look(lambda f: 0.25 * f),
        Status.OK,
        BOX,
        Advice.GOOD,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said(case: str) -> None:
    appearance, status, box, expected = CASES[case]
    assert advise(reading(status), box, appearance(), newcomer=False) is expected


def test_a_new_face_after_another_is_somebody_else() -> None:
    found = advise(reading(Status.WARMING_UP), BOX, Appearance(0.5, 0.0, 0.0), newcomer=True)
    assert found is Advice.SOMEONE_ELSE


def test_brightness_is_that_of_luma_whatever_its_layout() -> None:
    from rppg_fast.yuv import YuvFrame

    grey = np.full((64, 64), 128, np.uint8)
    box = Box(0, 0, 64, 64)
    for frame, expected in (
        (grey, 128 / 255),
        (np.dstack([grey] * 3), 128 / 255),
        (YuvFrame(grey), (128 - 16) / 219),
        (YuvFrame(grey, full_range=True), 128 / 255),
        (YuvFrame(grey.astype(np.uint16) * 4, bits=10), (128 - 16) / 219),
    ):
        assert AppearanceMeter().update(frame, box, 0.0).brightness == pytest.approx(expected)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_word(language: str) -> None:
    found, english = words(language), words("en")
    assert found.keys() == english.keys()
    assert {f"advice.{one}" for one in Advice} <= found.keys()
    for key, text in found.items():
        assert text.strip(), key
        assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", english[key])), key
