from __future__ import annotations

import pickle
from collections.abc import Iterable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import rppg_fast as rf

SIDE = 36

# float32 sums of up to some ten thousand 8-bit values; a grey level is 4e-3.
APPEARANCE_TOLERANCE = 1e-6
# One float32 division and product on values up to 10.
MOTION_TOLERANCE = 1e-5


def random_frame(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def exact_area(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return area averages in red-green-blue planes from the integral image, in float64."""

    def cover(length: int) -> NDArray[np.float64]:
        edges = np.arange(SIDE + 1) * length / SIDE
        inside = np.clip(edges[:, None] - np.arange(length), 0.0, 1.0)
        return np.asarray(np.diff(inside, axis=0) * SIDE / length)

    rows, columns = cover(image.shape[0]), cover(image.shape[1])
    planes = image[..., ::-1].astype(np.float64).transpose(2, 0, 1) / 255.0
    return np.asarray(rows @ planes @ columns.T)


@given(height=st.integers(1, 120), width=st.integers(1, 120), seed=st.integers(0, 99))
def test_appearance_is_the_exact_area_average_at_any_size(
    backend: str, height: int, width: int, seed: int
) -> None:
    frame = random_frame(height, width, seed)
    found = rf.appearance(frame, backend=backend)
    assert np.abs(found - exact_area(frame)).max() <= APPEARANCE_TOLERANCE


@pytest.mark.parametrize(
    "box", [(0, 0, 3840, 2160), (1, 3, 3838, 2160), (700, 0, 702, 2), (5, 9, 6, 10)]
)
def test_boxes_from_one_pixel_to_all_of_4k(backend: str, box: tuple[int, int, int, int]) -> None:
    frame = random_frame(2160, 3840)
    x0, y0, x1, y1 = box
    found = rf.appearance(frame, box, backend=backend)
    assert np.abs(found - exact_area(frame[y0:y1, x0:x1])).max() <= APPEARANCE_TOLERANCE


def test_sums_of_many_bright_rows_do_not_overflow(backend: str) -> None:
    """A cell has more than 257 white rows, whose sum needs more than 16 bits."""
    frame = np.full((36 * 600 + 5, 40, 3), 255, np.uint8)
    found = rf.appearance(frame, backend=backend)
    assert np.abs(found - 1.0).max() <= APPEARANCE_TOLERANCE


@pytest.mark.parametrize("size", [(36, 36), (72, 108), (480, 640), (481, 643), (37, 2161)])
def test_appearance_is_opencv_area_resize(backend: str, size: tuple[int, int]) -> None:
    frame = random_frame(*size)
    expected = cv2.resize(frame.astype(np.float64), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    found = rf.appearance(frame, backend=backend).transpose(1, 2, 0)[..., ::-1]
    assert np.abs(found - expected / 255.0).max() <= APPEARANCE_TOLERANCE


def test_appearance_of_a_box_is_that_of_the_crop() -> None:
    frame = random_frame(97, 131)
    crop = np.ascontiguousarray(frame[11:90, 7:120])
    boxes: list[Iterable[int]] = [(7, 11, 120, 90), rf.Box(7, 11, 120, 90), [7, 11, 120, 90]]
    for box in boxes:
        np.testing.assert_array_equal(rf.appearance(frame, box), rf.appearance(crop))


def test_planes_are_red_green_blue_from_either_order() -> None:
    frame = np.zeros((50, 60, 3), np.uint8)
    frame[..., 0] = 51  # blue is first, as in OpenCV
    frame[..., 2] = 255
    means = rf.appearance(frame).mean(axis=(1, 2))
    np.testing.assert_allclose(means, [1.0, 0.0, 0.2], atol=APPEARANCE_TOLERANCE)
    np.testing.assert_array_equal(
        rf.appearance(np.ascontiguousarray(frame[..., ::-1]), color="rgb"), rf.appearance(frame)
    )


@pytest.mark.parametrize(
    "view",
    [
        lambda frame: frame[::-1],
        lambda frame: frame[:, ::-1],
        lambda frame: frame[..., ::-1],
        lambda frame: frame[::2, ::3],
        lambda frame: np.dstack([frame, frame])[..., :3],
        lambda frame: frame.transpose(1, 0, 2),
        lambda frame: np.asfortranarray(frame),
        lambda frame: np.broadcast_to(frame[:1], frame.shape),
    ],
)
def test_any_strides_give_what_a_packed_copy_gives(view) -> None:  # type: ignore[no-untyped-def]
    frame = view(random_frame(83, 91))
    frame.flags.writeable = False
    np.testing.assert_array_equal(
        rf.appearance(frame, (3, 5, 20, 30)),
        rf.appearance(np.ascontiguousarray(frame), (3, 5, 20, 30)),
    )


def test_the_pulse_survives_below_one_grey_level() -> None:
    frame = np.full((72, 72, 3), 100, np.uint8)
    brighter = frame.copy()
    brighter[::8, ::8] += 1  # a 64th of a grey level on average
    rise = (rf.appearance(brighter) - rf.appearance(frame)).mean() * 255.0
    assert rise == pytest.approx(1 / 64, rel=1e-3)


@pytest.mark.parametrize(
    ("frame", "error", "named"),
    [
        (None, TypeError, "frame must be a uint8 array .* got NoneType"),
        ([[1, 2, 3]], TypeError, "got list"),
        (np.zeros((4, 4, 3), np.float32), ValueError, r"got float32 \(4, 4, 3\)"),
        (np.zeros(4, np.uint8), ValueError, r"got uint8 \(4,\)"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"\(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, r"\(0, 4, 3\)"),
    ],
)
def test_bad_frames_are_named(frame: object, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        rf.appearance(frame)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("box", "error", "named"),
    [
        ((0, 0, 5, 9), ValueError, r"box \(0, 0, 5, 9\) leaves the frame, which is 10 .* 8 high"),
        ((-1, 0, 5, 5), ValueError, r"box \(-1, 0, 5, 5\) leaves"),
        ((5, 0, 5, 5), ValueError, "is empty"),
        ((0, 0, 5), TypeError, r"four whole numbers .* got \(0, 0, 5\)"),
        ((0, 0, 5, 5.5), TypeError, "four whole numbers"),
        (np.array([0, 0, 5, 5], np.float32), TypeError, "four whole numbers"),
        (7, TypeError, "got 7"),
        ((0, 0, 5, 2**40), TypeError, "four whole numbers"),
    ],
)
def test_bad_boxes_are_named(box: object, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        rf.appearance(np.zeros((8, 10, 3), np.uint8), box)  # type: ignore[arg-type]


def test_frames_that_came_through_a_queue_are_frames() -> None:
    """Unpickled arrays have a dtype object of their own that is equal but not identical."""
    frame = random_frame(40, 50)
    received = pickle.loads(pickle.dumps(frame))
    np.testing.assert_array_equal(rf.appearance(received), rf.appearance(frame))
    a = random_appearances(3, 36, 36)
    np.testing.assert_array_equal(rf.motion(pickle.loads(pickle.dumps(a)), a), 0.0)


def test_a_frame_too_large_to_count_is_refused() -> None:
    for shape in [(1, 1431655766, 3), (2**17, 4, 3)]:
        with pytest.raises(ValueError, match="must not be longer than 65536 pixels"):
            rf.appearance(np.broadcast_to(np.zeros((1, 1, 3), np.uint8), shape))


def test_floats_at_any_address_are_taken() -> None:
    a = random_appearances(3, 36, 36)
    raw = bytearray(1) + bytearray(a.tobytes())
    shifted = np.frombuffer(raw, np.float32, offset=1).reshape(a.shape)
    assert not shifted.flags.aligned
    np.testing.assert_array_equal(rf.motion(shifted, a), 0.0)


def test_bad_color_is_named() -> None:
    with pytest.raises(ValueError, match="'bgr' or 'rgb', got 'hsv'"):
        rf.appearance(np.zeros((8, 10, 3), np.uint8), color="hsv")


def random_appearances(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).random(shape, np.float32)


@pytest.mark.parametrize("shape", [(3, 36, 36), (5, 3, 36, 36), (1,), (7, 13), (0, 3, 36, 36)])
def test_motion_is_the_clamped_normalised_difference(backend: str, shape: tuple[int, ...]) -> None:
    a, b = random_appearances(2, *shape)
    wide = (b.astype(np.float64) - a) / (a.astype(np.float64) + b + 0.3)
    expected = np.clip(wide, -0.2, 0.2) * 50.0
    found = rf.motion(a, b, backend=backend)
    assert found.shape == shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=MOTION_TOLERANCE)
    np.testing.assert_array_equal(rf.motion(a, b, "difference"), b - a)


def test_motion_reversed_in_time_is_negated(backend: str) -> None:
    a, b = random_appearances(2, 3, 36, 36)
    forwards, backwards = rf.motion(a, b, backend=backend), rf.motion(b, a, backend=backend)
    np.testing.assert_array_equal(backwards, -forwards)


def test_no_number_stays_no_number(backend: str) -> None:
    a, b = random_appearances(2, 3, 36, 36)
    a[1, 2, 3] = b[2, 35, 35] = np.nan
    found = np.isnan(rf.motion(a, b, backend=backend))
    assert np.argwhere(found).tolist() == [[1, 2, 3], [2, 35, 35]]


def test_motion_hardly_minds_exposure() -> None:
    a = 0.4 + 0.2 * random_appearances(3, 36, 36)
    b = a * np.float32(1.01)
    ratio = rf.motion(a, b).mean() / rf.motion(a * np.float32(0.5), b * np.float32(0.5)).mean()
    assert 1.0 < ratio < 1.35  # without normalisation it would be half


def test_motion_takes_views() -> None:
    frames = random_appearances(6, 3, 36, 36)
    np.testing.assert_array_equal(
        rf.motion(frames[:-1:2], frames[1::2]), rf.motion(frames[0::2].copy(), frames[1::2].copy())
    )


@pytest.mark.parametrize(
    ("a", "b", "kind", "error", "named"),
    [
        (np.zeros(3), np.zeros(3, np.float32), "normalized", ValueError, "a must be .* float64"),
        (np.zeros(3, np.float32), None, "normalized", TypeError, "b must be .* NoneType"),
        (
            np.zeros(3, np.float32),
            np.zeros(4, np.float32),
            "normalized",
            ValueError,
            r"same shape, got float32 \(3,\) and float32 \(4,\)",
        ),
        (np.zeros(3, np.float32), np.zeros(3, np.float32), "plain", ValueError, "got 'plain'"),
    ],
)
def test_bad_motion_is_named(
    a: object, b: object, kind: str, error: type[Exception], named: str
) -> None:
    with pytest.raises(error, match=named):
        rf.motion(a, b, kind)  # type: ignore[arg-type]
