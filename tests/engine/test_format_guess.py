"""Guessing format and width from bytes: right ones are never doubted, wrong ones often named."""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from bench.engine import COMPILER
from rppg_fast.face import ASSETS
from tests.support import library as lib
from tests.support.clips import Frame
from tests.support.raw_frames import EVEN_WIDTH, FORMATS, pack

NAMES = list(FORMATS)
# Share of frames of a clip for which the most easily confused formats are named; see
# csrc/frame/format_guess.cpp.
NAMED = 0.8


@pytest.fixture(scope="module")
def call(built: Callable[..., Path]) -> c.CDLL:
    return lib.load(built(COMPILER, ()) / "librppg_fast.so")


def guess(call: c.CDLL, name: str, size: tuple[int, int], data: bytes) -> tuple[str, int] | None:
    """Call the guess for a frame of a given height and width; missing bytes are repeated."""
    height, width = size
    wanted = call.rppg_format_bytes(NAMES.index(name), width, height)
    given = np.frombuffer(data, np.uint8)
    pixels = np.resize(given, wanted)
    form, columns = c.c_int(), c.c_int32()
    looks = call.rppg_format_guess(
        NAMES.index(name),
        width,
        height,
        pixels.ctypes.data_as(c.c_void_p),
        c.addressof(form),
        c.addressof(columns),
    )
    return (NAMES[form.value], columns.value) if looks else None


def drawn(height: int, width: int) -> Iterator[tuple[str, Frame]]:
    """Yield artificial pictures: flat, regular, of one brightness, of noise."""
    rows, columns = np.mgrid[:height, :width]
    rng = np.random.default_rng(0)

    def two(mask: NDArray[np.bool_], a: tuple[int, ...], b: tuple[int, ...]) -> Frame:
        return np.where(mask[..., None], a, b).astype(np.uint8)

    colors = {
        "white": ((255, 255, 255), (0, 0, 0)),
        "green": ((0, 255, 0), (255, 0, 255)),
        "red": ((60, 60, 255), (200, 120, 40)),
    }
    for step in (1, 2, 3, 8, 20, 40):
        for name, pair in colors.items():
            yield f"{name} squares of {step}", two((rows // step + columns // step) % 2 == 0, *pair)
            yield f"{name} rows of {step}", two(rows // step % 2 == 0, *pair)
            yield f"{name} columns of {step}", two(columns // step % 2 == 0, *pair)
            yield f"{name} diagonals of {step}", two((rows + columns) // step % 2 == 0, *pair)
    yield "flat", np.full((height, width, 3), (90, 120, 160), np.uint8)
    yield "noise", rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    down = np.broadcast_to(rows[..., None] * 255 // height, (height, width, 3))
    yield "brighter downwards", down.astype(np.uint8)
    for seed in range(3):
        picture = np.full((height, width, 3), 100, np.uint8)
        shapes = np.random.default_rng(seed)
        for _ in range(60):
            x, y, radius = (int(shapes.integers(1, n)) for n in (width, height, height // 4))
            color = [int(value) for value in shapes.integers(0, 256, 3)]
            if seed % 2:
                cv2.rectangle(picture, (x, y), (x + radius, y + radius), color, -1)
            else:
                cv2.circle(picture, (x, y), radius, color, -1)
        yield f"shapes {seed}", picture
    text = np.full((height, width, 3), 255, np.uint8)
    for line in range(height // 12):
        cv2.putText(text, "Frames have times. " * 4, (0, 12 * line), 0, 0.35, (0, 0, 0), 1)
    yield "text", text


@pytest.mark.parametrize("name", NAMES)
def test_right_frames_are_never_doubted(call: c.CDLL, name: str) -> None:
    for height, width in ((120, 160), (97, 72)):
        for title, picture in drawn(height, width):
            assert guess(call, name, (height, width), pack(picture, name)) is None, title


@pytest.mark.parametrize("clip", [f"face{number:02d}.mp4" for number in range(1, 16, 2)])
def test_right_frames_of_real_clips_are_never_doubted(call: c.CDLL, clip: str, data: Path) -> None:
    for index, (frame, _) in enumerate(rf.VideoFile(data / "real" / clip)):
        if index not in (0, 40):
            continue
        height, width = frame.shape[:2]
        small = np.asarray(
            cv2.resize(frame, (320, 320 * height // width), interpolation=cv2.INTER_AREA), np.uint8
        )
        for name in NAMES:
            assert guess(call, name, small.shape[:2], pack(small, name)) is None, (index, name)
        if index == 40:
            break


def demo(width: int) -> Frame:
    frame = next(iter(rf.VideoFile(ASSETS / "demo.mp4")))[0]
    return np.asarray(cv2.resize(frame, (width, 3 * width // 4)), np.uint8)


def test_formats_of_one_size_and_others_are_told_apart(call: c.CDLL) -> None:
    frame = demo(320)
    told = ["bgr24", "nv12", "yuyv", "uyvy", "i420", "bgra"]
    pairs = [(true, said) for true in told for said in told if true != said]
    named = [
        guess(call, said, frame.shape[:2], 3 * pack(frame, true)) == (true, 320)
        for true, said in pairs
    ]
    assert np.mean(named) > NAMED, [pair for pair, right in zip(pairs, named) if not right]


@pytest.mark.parametrize("name", ["bgr24", "nv12", "yuyv", "grey", "i010"])
def test_widths_are_told_apart(call: c.CDLL, name: str) -> None:
    frame = demo(640)
    for size in ((640, 480), (240, 320), (480, 600)):
        assert guess(call, name, size, 4 * pack(frame, name)) == (name, 640), size


def test_what_cannot_be_told_is_not_said(call: c.CDLL) -> None:
    assert call.rppg_format_name(NAMES.index("p010")) == b"p010"
    assert call.rppg_format_name(-1) is None
    assert call.rppg_format_name(len(NAMES)) is None
    assert call.rppg_format_bytes(99, 4, 4) == 0
    assert call.rppg_format_bytes(0, 0, 4) == 0
    assert call.rppg_format_bytes(NAMES.index("i420"), 5, 3) == 15 + 2 * 6
    assert call.rppg_format_bytes(NAMES.index("yuyv"), 5, 3) == 3 * 12
    assert call.rppg_format_guess(99, 4, 4, None, None, None) == 0
    tiny = np.zeros(3, np.uint8)
    pointer = tiny.ctypes.data_as(c.c_void_p)
    assert call.rppg_format_guess(0, 1, 1, pointer, None, None) == 0


@pytest.mark.parametrize("name", [name for name in NAMES if name not in EVEN_WIDTH])
def test_names_and_sizes_are_those_of_the_formats(call: c.CDLL, name: str) -> None:
    assert call.rppg_format_name(NAMES.index(name)).decode() == name
    picture = np.zeros((11, 7, 3), np.uint8)
    assert call.rppg_format_bytes(NAMES.index(name), 7, 11) == len(pack(picture, name))
