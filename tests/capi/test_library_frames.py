"""Pixels of every format through the C library: averages, conversions and places in memory."""

from __future__ import annotations

import ctypes as c
import shutil
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from tests.support import library as lib
from tests.support import yuv_reference as reference
from tests.support.clips import to_nv12, to_yuyv
from tests.support.library import (
    Library,
    pointer,
)
from tests.support.raw_frames import (
    EVEN_WIDTH,
    FORMATS,
    RGB_FORMATS,
    YUV_FORMATS,
    pack_rgb,
    pack_yuv,
)

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake")

# Averages against float64, relative to full scale; float32 sums of some thousand bytes.
APPEARANCE_TOLERANCE = 1e-6
# OpenCV rounds each converted pixel to 8 bits: half a level on average.
OPENCV_TOLERANCE = 0.6 / 255.0


MATRICES = ["bt601", "bt709", "bt2020"]


def appearance_of(
    library: Library, student: c.c_void_p, frame: lib.Frame, box: tuple[int, int, int, int]
) -> NDArray[np.float32]:
    found = np.empty((3, 36, 36), np.float32)
    code = library.call.rppg_student_appearance(student, frame, lib.Box(*box), pointer(found))
    assert code == lib.OK, library.message("student", student)
    return found


@pytest.mark.parametrize("name", YUV_FORMATS)
@pytest.mark.parametrize("size", [(64, 96), (63, 94), (61, 95)], ids=str)
@pytest.mark.parametrize("backend", rf.backends())
def test_luma_and_chroma_are_averaged_exactly(
    library: Library, model: c.c_void_p, name: str, size: tuple[int, int], backend: str
) -> None:
    height, width = size
    if name in EVEN_WIDTH and width % 2:
        pytest.skip("its rows have whole pairs of pixels")
    layout = FORMATS[name]
    assert layout is not None
    steps, bits, shift = layout
    student = library.make("student", model, backend.encode())
    boxes = [
        (0, 0, width, height),
        (5, 7, width - 6, height - 3),
        (1, 1, 2, 2),
        (3, 2, 22, height - 1),
        (width - 2, height - 1, width, height),
    ]
    for index, box in enumerate(boxes):
        said, matrix = index % 3, index % len(MATRICES)
        full = said == 2 or (said == 0 and name == "grey")
        rng = np.random.default_rng(index)
        made = reference.draw(rng, size, steps, bits, shift, full, MATRICES[matrix])
        pixels = np.frombuffer(pack_yuv(made, name), np.uint8)
        frame = lib.Frame(
            c.sizeof(lib.Frame), list(FORMATS).index(name), width, height, pointer(pixels)
        )
        frame.range, frame.matrix = said, matrix
        x0, y0, x1, y1 = box
        expected = np.clip(reference.area(reference.to_rgb(made)[y0:y1, x0:x1]), 0, 1)
        found = appearance_of(library, student, frame, box)
        assert np.abs(found - expected).max() <= APPEARANCE_TOLERANCE, (box, said, matrix)


@pytest.mark.parametrize("name", RGB_FORMATS)
def test_red_green_and_blue_are_taken_in_every_order(
    library: Library, model: c.c_void_p, name: str
) -> None:
    bgr = np.random.default_rng(0).integers(0, 256, (61, 95, 3), dtype=np.uint8)
    pixels = np.frombuffer(pack_rgb(bgr, name), np.uint8)
    frame = lib.Frame(c.sizeof(lib.Frame), list(FORMATS).index(name), 95, 61, pointer(pixels))
    student = library.make("student", model, None)
    found = appearance_of(library, student, frame, (5, 7, 90, 60))
    np.testing.assert_array_equal(found, rf.appearance(bgr, (5, 7, 90, 60)))


@pytest.mark.parametrize("layout", [lib.NV12, lib.YUYV], ids=["nv12", "yuyv"])
def test_converted_means_are_those_of_opencvs_conversion(
    library: Library, model: c.c_void_p, layout: int
) -> None:
    width, height = 96, 64
    # Colors within the range: conversion clips others, and only after averaging.
    noise = np.random.default_rng(2).integers(40, 216, (height, width, 3), np.uint8)
    bgr = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.0), np.uint8)
    if layout == lib.NV12:
        pixels = to_nv12(bgr)
        opencv = cv2.cvtColor(pixels, cv2.COLOR_YUV2BGR_NV12)
    else:
        pixels = to_yuyv(bgr)
        opencv = cv2.cvtColor(pixels.reshape(height, width, 2), cv2.COLOR_YUV2BGR_YUY2)
    frame = lib.Frame(c.sizeof(lib.Frame), layout, width, height, pointer(pixels))
    found = appearance_of(library, library.make("student", model, None), frame, (5, 7, 90, 61))
    converted = rf.appearance(np.asarray(opencv, np.uint8), (5, 7, 90, 61))
    assert np.abs(found - converted).max() <= OPENCV_TOLERANCE


def test_planes_of_chroma_may_lie_anywhere(library: Library, model: c.c_void_p) -> None:
    """Padded rows, V before U, rows from the bottom up: equal pixels give equal bits."""
    rng = np.random.default_rng(3)
    y, u, v = (rng.integers(0, 256, shape, np.uint8) for shape in ((31, 37), (16, 19), (16, 19)))
    student, i420 = library.make("student", model, None), list(FORMATS).index("i420")

    def look(**values: Any) -> NDArray[np.float32]:
        frame = lib.Frame(c.sizeof(lib.Frame), i420, 37, 31, **values)
        return appearance_of(library, student, frame, (1, 3, 37, 31))

    packed = np.concatenate([y.reshape(-1), u.reshape(-1), v.reshape(-1)])
    expected = look(data=pointer(packed))
    wide = np.zeros(31 * 51 + 2 * 16 * 26, np.uint8)  # the chroma of 51 bytes needs 26
    rows, chroma = wide[: 31 * 51].reshape(31, 51), wide[31 * 51 :].reshape(32, 26)
    rows[:, :37], chroma[:16, :19], chroma[16:, :19] = y, u, v
    np.testing.assert_array_equal(look(data=pointer(wide), stride=51), expected)
    chroma[:16, :19], chroma[16:, :19] = v[::-1], u[::-1]
    turned = np.ascontiguousarray(rows[::-1])
    elsewhere = look(
        data=pointer(turned[30:]),
        stride=-51,
        chroma=pointer(chroma[31:]),
        chroma_v=pointer(chroma[15:]),
        chroma_stride=-26,
    )
    np.testing.assert_array_equal(elsewhere, expected)


def test_frames_may_lie_in_memory_as_they_like(library: Library, model: c.c_void_p) -> None:
    """Padded rows, rows from the bottom up, chroma elsewhere: equal pixels give equal bits."""
    student = library.make("student", model, None)
    rng = np.random.default_rng(3)
    luma, chroma = (
        rng.integers(16, 236, (31, 37), np.uint8),
        rng.integers(90, 160, (16, 38), np.uint8),
    )

    def look(**values: Any) -> NDArray[np.float32]:
        frame = lib.Frame(c.sizeof(lib.Frame), lib.NV12, 37, 31, **values)
        found = np.empty((3, 36, 36), np.float32)
        code = library.call.rppg_student_appearance(
            student, frame, lib.Box(1, 3, 37, 31), pointer(found)
        )
        assert code == lib.OK, library.message("student", student)
        return found

    packed = np.concatenate([luma.reshape(-1), chroma.reshape(-1)])
    expected = look(data=pointer(packed))
    wide, wide_chroma = np.zeros((31, 50), np.uint8), np.zeros((16, 60), np.uint8)
    wide[:, :37], wide_chroma[:, :38] = luma, chroma
    apart = look(data=pointer(wide), stride=50, chroma=pointer(wide_chroma), chroma_stride=60)
    np.testing.assert_array_equal(apart, expected)
    turned, turned_chroma = wide[::-1].copy(), wide_chroma[::-1].copy()
    upside_down = look(
        data=pointer(turned[30:]),
        stride=-50,
        chroma=pointer(turned_chroma[15:]),
        chroma_stride=-60,
    )
    np.testing.assert_array_equal(upside_down, expected)
