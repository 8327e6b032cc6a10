"""Frames of luma and chroma follow the standards, with any memory layout."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from rppg_fast.face import ASSETS
from rppg_fast.reading import Box
from tests.support import yuv_reference as reference
from tests.support.clips import to_nv12

# float32 sums of some ten thousand samples, times factors of chroma of up to 2.2.
TOLERANCE = 3e-6
# A byte is rounded to the nearest; factors have an error of 2^-17, and multiply values up to 255.
BYTE_TOLERANCE = 0.5 + 3 * 255 / 2**17

STEPS = st.sampled_from([None, (1, 1), (2, 1), (2, 2), (4, 1), (1, 2), (4, 4)])
KINDS = st.sampled_from([(8, 0), (9, 0), (10, 0), (10, 6), (12, 4), (14, 1), (16, 0)])
MATRICES = st.sampled_from(sorted(reference.SHARES))

# The same samples in another memory layout.
LAYOUTS: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
    "packed": np.ascontiguousarray,
    "upside down": lambda plane: plane[::-1].copy()[::-1],
    "backwards": lambda plane: plane[:, ::-1].copy()[:, ::-1],
    "by columns": np.asfortranarray,
    "by columns backwards": lambda plane: plane[::-1, ::-1].T.copy().T[::-1, ::-1],
    "every second": lambda plane: np.repeat(plane, 2, axis=1)[:, ::2],
    "every fifth": lambda plane: np.repeat(plane, 5, axis=1)[:, ::5],
}


@st.composite
def samples(draw: st.DrawFn) -> reference.Samples:
    bits, shift = draw(KINDS)
    steps = draw(STEPS)
    phase = (0, 0)
    if steps is not None:
        phase = (draw(st.integers(0, steps[0] - 1)), draw(st.integers(0, steps[1] - 1)))
    size = (draw(st.integers(1, 110)), draw(st.integers(1, 110)))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return reference.draw(rng, size, steps, bits, shift, draw(st.booleans()), draw(MATRICES), phase)


def frame_of(made: reference.Samples, layout: str = "packed") -> rf.YuvFrame:
    y, u, v = (None if p is None else LAYOUTS[layout](p) for p in made[:3])
    assert y is not None
    return rf.YuvFrame(y, u, v, made.bits, made.shift, made.full_range, made.matrix, made.phase)


def is_close(found: NDArray[Any], rgb: NDArray[np.float64]) -> bool:
    expected = np.clip(reference.area(rgb), 0, 1)
    return bool(np.abs(found - expected).max() <= TOLERANCE)


@st.composite
def box_in(draw: st.DrawFn, height: int, width: int) -> Box:
    x0, y0 = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    return Box(x0, y0, draw(st.integers(x0 + 1, width)), draw(st.integers(y0 + 1, height)))


@given(made=samples(), layout=st.sampled_from(sorted(LAYOUTS)), data=st.data())
def test_any_planes_are_averaged_as_their_standard_says(
    backend: str, made: reference.Samples, layout: str, data: st.DataObject
) -> None:
    box = data.draw(box_in(*made.y.shape))
    frame = frame_of(made, layout)
    crop = reference.to_rgb(made)[box.y0 : box.y1, box.x0 : box.x1]
    assert is_close(rf.appearance(frame, box, backend=backend), crop)


@given(made=samples(), turns=st.integers(-5, 5), mirrored=st.booleans(), data=st.data())
def test_turned_and_mirrored_frames_are_the_same_pixels(
    made: reference.Samples, turns: int, mirrored: bool, data: st.DataObject
) -> None:
    frame, rgb = frame_of(made), reference.to_rgb(made)
    turned, expected = frame.turned(turns), np.rot90(rgb, turns)
    bgr = np.rot90(frame.to_bgr(), turns)
    if mirrored:
        turned, expected, bgr = turned.mirrored(), expected[:, ::-1], bgr[:, ::-1]
    assert turned.shape == expected.shape
    assert np.shares_memory(turned.y, frame.y)
    box = data.draw(box_in(turned.height, turned.width))
    crop = expected[box.y0 : box.y1, box.x0 : box.x1]
    assert is_close(rf.appearance(turned, box), crop)
    np.testing.assert_array_equal(turned.to_bgr(), bgr)


def test_a_turned_pixel_lies_where_it_is_said_to() -> None:
    y = np.arange(35, dtype=np.uint8).reshape(5, 7)
    turned = rf.YuvFrame(y).turned(1)
    assert (turned.height, turned.width) == (7, 5)
    for row, column in np.ndindex(y.shape):
        assert turned.y[7 - 1 - column, row] == y[row, column]


@given(made=samples(), layout=st.sampled_from(sorted(LAYOUTS)))
def test_conversion_to_bgr_is_the_nearest_byte(made: reference.Samples, layout: str) -> None:
    expected = 255 * np.clip(reference.to_rgb(made)[..., ::-1], 0, 1)
    found = frame_of(made, layout).to_bgr()
    assert found.dtype == np.uint8
    assert np.abs(found - expected).max() <= BYTE_TOLERANCE


def interleaved(made: reference.Samples, order: str) -> rf.YuvFrame:
    """Return the same samples of 4:2:2 or 4:2:0, interleaved as cameras do."""
    height, width = made.y.shape
    assert made.u is not None
    assert made.v is not None
    if order in ("nv12", "nv21"):
        chroma = np.empty((made.u.shape[0], 2 * made.u.shape[1]), made.u.dtype)
        u, v = (chroma[:, i::2] for i in ((0, 1) if order == "nv12" else (1, 0)))
        y = made.y.copy()
    else:
        rows = np.empty((height, 4 * made.u.shape[1]), made.u.dtype)
        first = 0 if order == "yuyv" else 1
        y = rows[:, first::2][:, :width]
        u, v = rows[:, 1 - first :: 4], rows[:, 3 - first :: 4]
        y[:] = made.y
    u[:], v[:] = made.u, made.v
    return rf.YuvFrame(y, u, v, made.bits, made.shift, made.full_range, made.matrix)


@pytest.mark.parametrize("order", ["nv12", "nv21", "yuyv", "uyvy"])
@given(height=st.integers(1, 90), width=st.integers(1, 90), turns=st.integers(0, 3), data=st.data())
def test_interleaved_samples_are_those_of_planes(
    backend: str, order: str, height: int, width: int, turns: int, data: st.DataObject
) -> None:
    bits, shift = data.draw(st.sampled_from([(8, 0), (10, 6)]))
    steps = (2, 2) if order.startswith("nv") else (2, 1)
    made = reference.draw(np.random.default_rng(width), (height, width), steps, bits, shift)
    frame = interleaved(made, order).turned(turns)
    rgb = np.rot90(reference.to_rgb(made), turns)
    box = data.draw(box_in(frame.height, frame.width))
    crop = rgb[box.y0 : box.y1, box.x0 : box.x1]
    assert is_close(rf.appearance(frame, box, backend=backend), crop)


def test_sums_of_many_bright_rows_do_not_overflow(backend: str) -> None:
    """A cell has more than 257 rows of the largest number, and four rows share chroma."""
    for kind, bits in ((np.uint8, 8), (np.uint16, 16)):
        y = np.full((36 * 600 + 5, 41), 2**bits - 1, kind)
        u = np.full((36 * 150 + 2, 11), 2**bits - 1, kind)
        frame = rf.YuvFrame(y, u, u, bits, full_range=True)
        expected = np.array([1.0, 1 - 0.344 / 2 - 0.714 / 2, 1.0])  # JPEG's factors
        found = rf.appearance(frame, backend=backend).mean(axis=(1, 2))
        np.testing.assert_allclose(found, expected, atol=2e-3)


def test_a_level_of_ten_bits_is_not_lost() -> None:
    """A step of a quarter of a grey level in one pixel of 64."""
    y = np.full((72, 72), 400, np.uint16)
    chroma = np.full((36, 36), 512, np.uint16)
    brighter = y.copy()
    brighter[::8, ::8] += 1
    before, after = (rf.appearance(rf.YuvFrame(p, chroma, chroma, 10)) for p in (y, brighter))
    assert (after - before).mean() == pytest.approx(1 / 876 / 64, rel=1e-2)


def test_grey_arrays_are_grey_frames() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (61, 47), dtype=np.uint8)
    same = np.dstack([grey] * 3)
    np.testing.assert_allclose(rf.appearance(grey), rf.appearance(same), atol=TOLERANCE)
    np.testing.assert_array_equal(_core.to_bgr(grey), same)
    full = rf.YuvFrame(grey, full_range=True)
    np.testing.assert_array_equal(rf.appearance(full), rf.appearance(grey))


def test_arrays_become_bgr() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (9, 8, 3), dtype=np.uint8)
    np.testing.assert_array_equal(_core.to_bgr(rgb, "rgb"), rgb[..., ::-1])
    np.testing.assert_array_equal(_core.to_bgr(rgb[::-1, ::2]), rgb[::-1, ::2])


# --- Faces and pulses


def planes_of(bgr: NDArray[np.uint8]) -> rf.YuvFrame:
    nv12 = to_nv12(bgr)
    height = len(bgr)
    return rf.YuvFrame(nv12[:height], nv12[height:, 0::2], nv12[height:, 1::2])


def demo_frames(count: int) -> list[tuple[NDArray[np.uint8], float]]:
    return [pair for pair, _ in zip(rf.VideoFile(ASSETS / "demo.mp4"), range(count))]


def edges(faces: Sequence[rf.Face]) -> list[tuple[float, ...]]:
    return [(*face.edges, face.probability) for face in faces]


@pytest.mark.parametrize("turns", [0, 2])
def test_the_detector_sees_what_to_bgr_shows(turns: int) -> None:
    """The same conversion makes both pictures, so the faces are equal to the bit."""
    frame = planes_of(demo_frames(1)[0][0]).turned(2).turned(turns)
    bgr = frame.to_bgr()
    detector = rf.MTCNN()
    found = detector(frame)
    assert len(found) == (1 if turns == 2 else len(detector(bgr)))
    assert edges(found) == edges(detector(bgr))
    assert edges(detector.locate(frame, 2)) == edges(detector.locate(bgr, 2))
    face = rf.Face(*detector(frame.turned(2 - turns))[0].edges, 1.0)
    assert detector.sight(frame, face) == detector.sight(bgr, face)
    assert detector.sight(frame, face, check=True) == detector.sight(bgr, face, check=True)


@pytest.mark.parametrize("wide", [False, True])
def test_a_monitor_reads_planes_as_it_reads_their_bgr(wide: bool) -> None:
    """A monitor of planes follows the same boxes; its colors are not rounded to bytes."""
    monitors = [rf.HeartRateMonitor() for _ in range(2)]
    for bgr, time in demo_frames(330):
        planes = planes_of(bgr)
        if wide:
            y, u, v = (
                p.astype(np.uint16) * 16 for p in (planes.y, planes.u, planes.v) if p is not None
            )
            planes = rf.YuvFrame(y, u, v, bits=8 + 4)
        last = [monitors[0].push(planes, time), monitors[1].push(planes.to_bgr(), time)]
        assert monitors[0].box == monitors[1].box
    assert [reading.status for reading in last] == [rf.Status.OK, rf.Status.OK]
    assert last[0].heart_rate_bpm == pytest.approx(last[1].heart_rate_bpm, abs=0.5)  # bpm


def test_all_faces_are_measured_on_planes() -> None:
    monitor = rf.FacesMonitor(color="rgb")  # "color" only applies to arrays
    for bgr, time in demo_frames(5):
        readings = monitor.push(planes_of(bgr), time)
    assert list(readings) == [1]


def test_another_detector_gets_bgr() -> None:
    seen = []

    def detector(frame: NDArray[np.uint8]) -> list[rf.Face]:
        seen.append(frame)
        return [rf.Face(2, 2, 30, 30, 1.0)]

    rng = np.random.default_rng(0)
    planes = frame_of(reference.draw(rng, (40, 50), (2, 2)))
    grey = rng.integers(0, 256, (40, 50), dtype=np.uint8)
    array = rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    for color in ("bgr", "rgb"):
        for frame in (planes, grey, array):
            rf.HeartRateMonitor(detector=detector, color=color).push(frame, 0.0)
            wanted = _core.to_bgr(frame, color)
            np.testing.assert_array_equal(seen.pop(), wanted)


def test_a_frame_may_change_its_kind_and_keep_its_size() -> None:
    """A frame of planes has the shape of its BGR array, so the box is the same place."""
    monitor = rf.HeartRateMonitor(box=(3, 4, 30, 36), method="green")
    made = frame_of(reference.draw(np.random.default_rng(0), (40, 50), (2, 2)))
    monitor.push(made, 0.0)
    monitor.push(made.to_bgr(), 0.1)
    with pytest.raises(ValueError, match=r"shape \(50, 40\), those before had \(40, 50\)"):
        monitor.push(made.turned(1), 0.2)


def test_a_box_moves_on_planes_without_a_jump() -> None:
    monitor = rf.HeartRateMonitor(box=(3, 4, 30, 36), method="green")
    made = frame_of(reference.draw(np.random.default_rng(0), (40, 50), (2, 2)))
    monitor.push(made, 0.0)
    monitor.rebox(made, Box(4, 4, 31, 36))
    assert monitor.box == Box(4, 4, 31, 36)


def test_copies_and_pickles_are_the_same_frame() -> None:
    frame = frame_of(reference.draw(np.random.default_rng(0), (9, 7), (2, 2), 10, 6, True, "bt709"))
    for same in (pickle.loads(pickle.dumps(frame)), copy.copy(frame), copy.deepcopy(frame)):
        np.testing.assert_array_equal(rf.appearance(same), rf.appearance(frame))
    turned = frame.turned(1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(turned)).to_bgr(), turned.to_bgr())


def test_planes_live_as_long_as_the_frame() -> None:
    frame = rf.YuvFrame(np.full((400, 400), 235, np.uint8))
    np.testing.assert_allclose(rf.appearance(frame), 1.0, atol=TOLERANCE)


BYTES, HALF = np.zeros((5, 7), np.uint8), np.zeros((3, 4), np.uint8)
WORDS = np.zeros((5, 7), np.uint16)


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ({"y": None}, TypeError, "y must be a uint8 or uint16 array .* got NoneType"),
        ({"y": BYTES.astype(np.float32)}, ValueError, r"y must be .* got float32 \(5, 7\)"),
        ({"y": np.zeros((5, 7, 3), np.uint8)}, ValueError, r"y must be .* \(5, 7, 3\)"),
        ({"y": np.zeros((0, 7), np.uint8), "u": None, "v": None}, ValueError, "y is empty"),
        ({"y": WORDS.astype(">u2"), "bits": 10}, ValueError, "little-endian, got >u2"),
        ({"u": None}, ValueError, "u and v must both be arrays"),
        ({"v": None}, ValueError, "u and v must both be arrays"),
        ({"u": [[1]]}, TypeError, "u must be .* got list"),
        ({"u": WORDS[:3, :4]}, ValueError, "u must have the dtype of y"),
        ({"v": HALF[:, :3]}, ValueError, "u and v must have the same shape"),
        ({"u": HALF[:, :3], "v": HALF[:, :3]}, ValueError, "half or a quarter"),
        ({"u": HALF[:1], "v": HALF[:1]}, ValueError, r"got u uint8 \(1, 4\), y uint8 \(5, 7\)"),
        ({"phase": (2, 0)}, ValueError, r"phase \(2, 0\)"),
        ({"phase": (-1, 0)}, ValueError, r"phase \(-1, 0\)"),
        ({"u": None, "v": None, "phase": (1, 0)}, ValueError, "a grey frame has none"),
        ({"bits": 10}, ValueError, "y is uint8: bits must be 8"),
        ({"shift": 1}, ValueError, "shift 0, got bits 8 and shift 1"),
        ({"y": WORDS, "u": None, "v": None}, ValueError, "from 9 to 16, .* got bits 8"),
        ({"y": WORDS, "u": None, "v": None, "bits": 10, "shift": 7}, ValueError, "16 at most"),
        ({"matrix": "bt470"}, ValueError, "'bt601', 'bt709' or 'bt2020', got 'bt470'"),
    ],
)
def test_what_is_wrong_with_planes_is_named(
    arguments: dict[str, Any], error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        rf.YuvFrame(**{"y": BYTES, "u": HALF, "v": HALF, **arguments})


def test_a_frame_too_large_to_count_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be longer than 65536 pixels"):
        rf.YuvFrame(np.broadcast_to(np.zeros((1, 1), np.uint8), (2**17, 4)))
