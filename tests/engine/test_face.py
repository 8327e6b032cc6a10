"""Face detection against facenet-pytorch's cascade, and the box around the face."""

from __future__ import annotations

import json
import threading
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast import face as face_module
from rppg_fast.face import (
    ASSETS,
    MTCNN,
    Face,
    FaceDetector,
    face_box,
    largest_face,
    nearest_face,
)
from tests.fixtures import make_mtcnn_boxes
from tests.support import mtcnn

FIXTURES = Path(__file__).parents[1] / "fixtures"
EXPECTED: dict[str, Any] = json.loads((FIXTURES / "mtcnn_boxes.json").read_text(encoding="utf-8"))
FROM_VIDEO = [name for name in EXPECTED if "frame" in name]
FROM_PHOTOGRAPH = [name for name in EXPECTED if "frame" not in name]

# The cascade is the same up to float32 rounding. If two boxes of a face have equal probabilities,
# rounding decides which one is kept; they are half a pixel apart.
PIXELS = 0.5
# Tolerance for the other faces; the fixture itself is rounded to 0.001.
PIXELS_AS_A_RULE, SHARE_AS_A_RULE = 0.01, 0.98
# A video decoder may round colors differently from the one that made the fixture.
PIXELS_FROM_VIDEO = 1.0
PROBABILITY = 1e-3


@cache
def photographs() -> dict[str, Any]:
    return {case.name: case for case in make_mtcnn_boxes.photographs()}


@cache
def videos(folder: Path) -> dict[str, Any]:
    return {case.name: case for case in make_mtcnn_boxes.videos(folder)}


@cache
def found(name: str) -> list[Face]:
    case = photographs()[name]
    return MTCNN(case.min_face_size)(case.frame)


def portrait() -> NDArray[np.uint8]:
    frame: NDArray[np.uint8] = photographs()["portrait"].frame
    return frame


def box_of(face: Face) -> NDArray[np.float64]:
    return np.array([face.x0, face.y0, face.x1, face.y1])


def pairs(faces: list[Face], expected: list[dict[str, Any]]) -> list[tuple[Face, dict[str, Any]]]:
    """Pair faces by place, because faces with nearly equal probabilities may be exchanged."""
    assert len(faces) == len(expected)
    remaining = list(expected)
    result = []
    for face in faces:
        entry = min(remaining, key=lambda one: np.abs(box_of(face) - one["box"]).max())
        remaining.remove(entry)
        result.append((face, entry))
    return result


def assert_same_faces(faces: list[Face], expected: list[dict[str, Any]], pixels: float) -> None:
    for face, entry in pairs(faces, expected):
        np.testing.assert_allclose(box_of(face), entry["box"], rtol=0, atol=pixels)
        np.testing.assert_allclose(face.landmarks, entry["landmarks"], rtol=0, atol=pixels)
        assert face.probability == pytest.approx(entry["probability"], abs=PROBABILITY)
    probabilities = [face.probability for face in faces]
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize("name", FROM_PHOTOGRAPH)
def test_photograph_gives_the_faces_of_facenet_pytorch(name: str) -> None:
    assert photographs()[name].smallest_face == EXPECTED[name]["smallest_face"]
    assert_same_faces(found(name), EXPECTED[name]["faces"], PIXELS)


def test_faces_of_facenet_pytorch_are_met_far_closer_as_a_rule() -> None:
    apart = [
        max(
            np.abs(box_of(face) - entry["box"]).max(),
            np.abs(np.array(face.landmarks) - entry["landmarks"]).max(),
        )
        for name in FROM_PHOTOGRAPH
        for face, entry in pairs(found(name), EXPECTED[name]["faces"])
    ]
    assert np.mean(np.array(apart) < PIXELS_AS_A_RULE) >= SHARE_AS_A_RULE


@pytest.mark.parametrize("name", FROM_VIDEO)
def test_video_frame_gives_the_faces_of_facenet_pytorch(name: str, data: Path) -> None:
    case, expected = videos(data)[name], EXPECTED[name]
    faces = MTCNN(case.min_face_size)(case.frame)
    assert_same_faces(faces, expected["faces"], PIXELS_FROM_VIDEO)


def test_fixture_holds_every_photograph_and_many_faces() -> None:
    assert list(photographs()) == FROM_PHOTOGRAPH
    counts = [len(EXPECTED[name]["faces"]) for name in FROM_PHOTOGRAPH]
    assert sum(counts) > 250
    assert counts.count(0) >= 10


def test_the_tolerance_tells_blue_from_red() -> None:
    frame = np.ascontiguousarray(portrait()[..., ::-1])
    (swapped,) = MTCNN(20)(frame)
    (expected,) = EXPECTED["portrait"]["faces"]
    assert np.abs(box_of(swapped) - expected["box"]).max() > 2 * PIXELS


def test_landmarks_are_eyes_nose_and_mouth() -> None:
    (face,) = MTCNN()(portrait())
    left_eye, right_eye, nose, left_mouth, right_mouth = np.array(face.landmarks)
    assert left_eye[0] < nose[0] < right_eye[0]
    assert left_mouth[0] < right_mouth[0]
    assert max(left_eye[1], right_eye[1]) < nose[1] < min(left_mouth[1], right_mouth[1])
    points = np.array(face.landmarks)
    assert np.all((points > [face.x0, face.y0]) & (points < [face.x1, face.y1]))


def test_default_finds_the_same_face_at_every_size_of_the_frame() -> None:
    small = portrait()
    large = small.repeat(3, axis=0).repeat(3, axis=1)
    (in_small,), (in_large,) = MTCNN()(small), MTCNN()(large)
    side = in_small.x1 - in_small.x0
    # the pyramids differ only by the rounding of their sizes
    np.testing.assert_allclose(box_of(in_large) / 3, box_of(in_small), rtol=0, atol=0.03 * side)


def test_smallest_face_is_respected() -> None:
    quarter = photographs()["quarter of the size"].frame
    assert len(MTCNN(20)(quarter)) == 1
    assert MTCNN(80)(quarter) == []


def test_thresholds_are_respected() -> None:
    sheet = photographs()["hundred small faces"].frame
    default = MTCNN(20)(sheet)
    strict = MTCNN(20, thresholds=(0.6, 0.7, 0.999))(sheet)
    assert 0 < len(strict) < len(default)
    assert min(face.probability for face in strict) > 0.999
    assert len(MTCNN(20, thresholds=(0.99, 0.99, 0.7))(sheet)) < len(default)


def test_equal_frames_give_equal_bits() -> None:
    detector = MTCNN()
    first = detector(portrait())
    detector(photographs()["four faces"].frame)
    detector(photographs()["coffee"].frame)
    assert detector(portrait()) == first
    assert MTCNN()(portrait().copy()) == first


def test_one_detector_per_thread_gives_equal_bits() -> None:
    frame = photographs()["four faces"].frame
    expected = MTCNN()(frame)
    results: list[list[list[Face]]] = [[], []]

    def detect(found: list[list[Face]]) -> None:
        detector = MTCNN()
        found.extend(detector(frame) for _ in range(5))

    threads = [threading.Thread(target=detect, args=(found,)) for found in results]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[expected] * 5] * 2


def test_frame_may_have_any_stride() -> None:
    frame = portrait()
    expected = MTCNN()(frame)
    wide = np.zeros((frame.shape[0], frame.shape[1] + 7, 4), np.uint8)
    wide[:, 3:-4, :3] = frame
    assert MTCNN()(wide[:, 3:-4, :3]) == expected
    assert MTCNN()(np.ascontiguousarray(frame[:, ::-1])[:, ::-1]) == expected


def test_frame_is_left_alone() -> None:
    frame = portrait().copy()
    frame.setflags(write=False)
    assert len(MTCNN()(frame)) == 1
    np.testing.assert_array_equal(frame, portrait())


def test_threads_of_opencv_are_left_alone() -> None:
    before = cv2.getNumThreads()
    MTCNN()(portrait())
    assert cv2.getNumThreads() == before


@pytest.mark.parametrize(
    "shape", [(11, 640, 3), (480, 11, 3), (1, 1, 3), (12, 12, 3), (13, 640, 3), (36, 36, 3)]
)
def test_tiny_frame_has_no_face(shape: tuple[int, ...]) -> None:
    assert MTCNN()(np.full(shape, 90, np.uint8)) == []
    assert MTCNN(12)(np.full(shape, 90, np.uint8)) == []


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        ([[1, 2, 3]], TypeError, r"NumPy array \(or a YuvFrame\), got list"),
        (None, TypeError, r"NumPy array \(or a YuvFrame\), got NoneType"),
        (np.zeros((40, 40, 3), np.float32), ValueError, "uint8, got float32"),
        (np.zeros((40, 40, 3), np.int8), ValueError, "uint8, got int8"),
        (np.zeros(40, np.uint8), ValueError, r"\(H, W\), got \(40,\)"),
        (
            np.zeros((40, 40, 4), np.uint8),
            ValueError,
            r"\(H, W\), got \(40, 40, 4\)",
        ),
        (
            np.zeros((3, 40, 40), np.uint8),
            ValueError,
            r"\(H, W\), got \(3, 40, 40\)",
        ),
        (np.zeros((0, 40, 3), np.uint8), ValueError, r"empty.*\(0, 40, 3\)"),
        (np.zeros((40, 0, 3), np.uint8), ValueError, r"empty.*\(40, 0, 3\)"),
    ],
)
def test_bad_frame_is_named(frame: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        MTCNN()(frame)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"min_face_size": 11.9}, "min_face_size must be at least 12, got 11.9"),
        ({"min_face_size": 0}, "min_face_size .* got 0"),
        ({"min_face_size": float("nan")}, "min_face_size .* got nan"),
        ({"min_face_size": float("inf")}, "min_face_size .* got inf"),
        ({"thresholds": (0.6, 0.7)}, r"thresholds must be three .* got \(0.6, 0.7\)"),
        ({"thresholds": (0.6, 0.7, 1.0)}, "thresholds"),
        ({"thresholds": (0.6, float("nan"), 0.7)}, "thresholds"),
        ({"factor": 1.0}, "factor must be in .* got 1.0"),
        ({"factor": 0.0}, "factor"),
    ],
)
def test_bad_parameter_is_named(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MTCNN(**parameters)


def test_missing_network_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_module, "ASSETS", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"mtcnn\.safetensors"):
        MTCNN()(portrait())


def test_anything_that_maps_a_frame_to_faces_is_a_detector() -> None:
    def middle(frame: NDArray[np.uint8], /) -> list[Face]:
        height, width = frame.shape[:2]
        return [Face(width / 4, height / 4, width * 3 / 4, height * 3 / 4, 1.0)]

    detectors: list[FaceDetector] = [middle, MTCNN()]
    for detector in detectors:
        assert largest_face(detector(portrait())) is not None


# --- the networks ---

# Difference of float32 sums in another order, relative to the largest output.
NETWORK_TOLERANCE = 1e-5
# Difference of the faces that two backends find, pixels: both round, in different orders.
BACKEND_PIXELS = 0.01


def networks() -> _core.FaceNetworks:
    return _core.FaceNetworks(mtcnn.WEIGHTS.read_bytes(), "some.safetensors")


@pytest.mark.parametrize(
    ("name", "size"),
    [
        *[("pnet", size) for size in [(12, 12), (13, 12), (12, 200), (37, 64), (145, 193)]],
        *[("rnet", size) for size in [(24, 24), (1, 1), (5, 9), (31, 57), (480, 640)]],
        *[("onet", size) for size in [(48, 48), (1, 1), (90, 33), (47, 49), (2160, 3840)]],
    ],
)
def test_networks_are_pytorchs(name: str, size: tuple[int, int], backend: str) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    expected = mtcnn.torch_forward(name, frame)
    found = networks().forward(name, frame, backend)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= NETWORK_TOLERANCE * np.abs(expected).max()


def test_networks_are_pytorchs_on_a_face(backend: str) -> None:
    (face,) = found("portrait")
    x0, y0, x1, y1 = map(round, face.edges)
    for name in mtcnn.NETWORKS:
        crop = portrait()[y0:y1, x0:x1]
        expected = mtcnn.torch_forward(name, crop)
        said = networks().forward(name, crop, backend)
        assert np.abs(said - expected).max() <= NETWORK_TOLERANCE * np.abs(expected).max()


@pytest.mark.parametrize(
    "name", ["four faces", "two sizes on a table, default", "turned by 15 degrees"]
)
def test_every_backend_finds_the_same_faces(name: str, backend: str) -> None:
    case = photographs()[name]
    detector = _core.FaceDetector(networks(), case.smallest_face, backend=backend)
    faces, expected = detector.find(case.frame), found(name)
    assert len(faces) == len(expected) > 0
    for face in faces:
        apart = [np.abs(np.array(face[:4]) - box_of(other)).max() for other in expected]
        assert min(apart) < BACKEND_PIXELS


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"hello", "too short"),
        (mtcnn.WEIGHTS.read_bytes()[:-4], "cut off"),
        (mtcnn.WEIGHTS.read_bytes().replace(b"mtcnn", b"other", 1), "format is 'rppg_fast.other'"),
        (mtcnn.WEIGHTS.read_bytes().replace(b"rnet.conv2.b", b"rnet.conv9.b", 1), "rnet.conv"),
        ((ASSETS / "student.safetensors").read_bytes(), "rppg_fast.student"),
    ],
)
def test_other_weights_are_refused_by_name(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=f"^some.safetensors: .*{message}"):
        _core.FaceNetworks(data, "some.safetensors")


def test_two_threads_at_once_are_refused_or_served_in_turn() -> None:
    native = _core.FaceDetector(networks())
    frame = photographs()["four faces"].frame
    expected = native.find(frame)
    outcomes: list[object] = []

    def detect() -> None:
        for _ in range(5):
            try:
                outcomes.append(native.find(frame) == expected)
            except RuntimeError as error:
                outcomes.append("in use by another thread" in str(error))

    threads = [threading.Thread(target=detect) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 10


# --- looking again at a face ---

# Distance to the face that a search of the frame finds, relative to the face's side. A search uses
# a picture reduced to 48 pixels per face, so its boxes scatter by a few of these pixels.
AGAIN_TOLERANCE = 0.15


def shifted(face: Face, across: float, down: float = 0.0, scale: float = 1.0) -> Face:
    x, y = face.centre[0] + across * face.side, face.centre[1] + down * face.side
    half = scale * face.side / 2
    return Face(x - half, y - half, x + half, y + half, 1.0)


@pytest.mark.parametrize("enlarged", [1, 3, 8])
@pytest.mark.parametrize(
    ("across", "down", "scale"),
    [(0, 0, 1), (0.3, 0, 1), (-0.3, 0.2, 1), (0, -0.4, 1), (0.8, 0, 1), (0, 0, 1.4), (0, 0, 0.7)],
)
def test_a_face_is_found_again_after_it_moved(
    enlarged: int, across: float, down: float, scale: float
) -> None:
    frame = portrait().repeat(enlarged, axis=0).repeat(enlarged, axis=1)
    (known,) = found("portrait")
    known = known.scaled(enlarged)
    again = MTCNN().redetect(frame, shifted(known, across, down, scale))
    assert again is not None
    np.testing.assert_allclose(
        box_of(again), box_of(known), rtol=0, atol=AGAIN_TOLERANCE * known.side
    )
    np.testing.assert_allclose(
        again.landmarks, known.landmarks, rtol=0, atol=AGAIN_TOLERANCE * known.side
    )


def test_no_face_is_found_again_where_none_is() -> None:
    frame = portrait()
    (known,) = found("portrait")
    detector = MTCNN()
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, frame.shape, dtype=np.uint8)
    for nobody in (np.zeros_like(frame), np.full_like(frame, 255), noise):
        assert detector.redetect(nobody, known) is None
    for name in ("coffee", "upside down"):
        other = photographs()[name].frame
        assert detector.redetect(other, known) is None
    assert detector.redetect(frame, shifted(known, 0, 2.0)) is None
    assert detector.redetect(frame, shifted(known, 40.0)) is None  # outside the frame


def test_looking_again_gives_equal_bits_for_any_strides_and_colors_as_they_are() -> None:
    frame = portrait()
    (known,) = found("portrait")
    detector = MTCNN()
    first = detector.redetect(frame, known)
    assert first is not None
    assert detector.redetect(np.ascontiguousarray(frame[..., ::-1])[..., ::-1], known) == first
    wide = np.zeros((frame.shape[0], frame.shape[1], 5), np.uint8)
    wide[..., 1:4] = frame
    assert MTCNN().redetect(wide[..., 1:4], known) == first
    with pytest.raises(ValueError, match="uint8"):
        detector.redetect(frame.astype(np.float32), known)


# Tolerance relative to the face's side if two fifths of the face are beyond the border.
CUT_TOLERANCE = 0.25


def cut_frames(share: float) -> list[tuple[NDArray[np.uint8], Face]]:
    """Return the portrait without a share of its face, for each side; and the face's true box."""
    frame, (known,) = portrait(), found("portrait")
    height, width = frame.shape[:2]
    left, right = round(known.x0 + share * known.side), round(known.x1 - share * known.side)
    top, bottom = round(known.y0 + share * known.side), round(known.y1 - share * known.side)
    cuts = [(left, 0, width, height), (0, top, width, height), (0, 0, right, height)]
    return [
        (np.ascontiguousarray(frame[y0:y1, x0:x1]), known.scaled(1, -x0, -y0))
        for x0, y0, x1, y1 in [*cuts, (0, 0, width, bottom)]
    ]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.4])
def test_a_face_at_the_border_stays_where_it_is_however_often_it_is_looked_at(share: float) -> None:
    """Without a correction, the box would move outwards at every look."""
    detector = MTCNN()
    for frame, known in cut_frames(share):
        face = known
        for _ in range(12):
            again = detector.redetect(frame, face)
            assert again is not None
            face = again
        apart = np.abs(box_of(face) - box_of(known)).max()
        assert apart < CUT_TOLERANCE * known.side


def test_a_search_for_the_tracker_finds_whole_faces_at_the_border() -> None:
    detector = MTCNN()
    outwards = []
    for frame, known in cut_frames(0.2):
        face, as_cascade = largest_face(detector.locate(frame)), largest_face(detector(frame))
        assert face is not None
        assert as_cascade is not None
        assert np.abs(box_of(face) - box_of(known)).max() < CUT_TOLERANCE * known.side
        assert face.probability >= as_cascade.probability
        outwards.append(np.abs(box_of(as_cascade) - box_of(known)).max() / known.side)
    assert np.median(outwards) > 1.2 * CUT_TOLERANCE  # shows that the test can fail


def test_a_search_for_the_tracker_is_the_cascade_where_no_face_is_cut() -> None:
    for name in ("four faces", "coffee"):
        frame = photographs()[name].frame
        inside = [f for f in MTCNN()(frame) if is_within(f, frame)]
        assert [f for f in MTCNN().locate(frame) if is_within(f, frame)] == inside
    half = portrait().repeat(2, axis=0).repeat(2, axis=1)
    assert MTCNN().locate(half, 2) == [face.scaled(2) for face in MTCNN()(portrait())]
    with pytest.raises(ValueError, match="step must be at least 1, got 0"):
        MTCNN().locate(half, 0)


def is_within(face: Face, frame: NDArray[np.uint8]) -> bool:
    x, y, reach = *face.centre, face.side / 2
    return reach <= min(x, y) and x + reach <= frame.shape[1] and y + reach <= frame.shape[0]


def test_a_look_is_o_nets_and_a_check_the_cascades() -> None:
    frame = portrait()
    (known,) = found("portrait")
    detector = MTCNN()
    looked, checked = detector.sight(frame, known), detector.sight(frame, known, check=True)
    far = detector.sight(frame, shifted(known, 0.8))
    assert looked is not None
    assert checked is not None
    assert far is not None
    assert [sight[1] for sight in (looked, checked, far)] == [False, True, True]
    for face, _ in (looked, checked, far):
        np.testing.assert_allclose(
            box_of(face), box_of(known), rtol=0, atol=AGAIN_TOLERANCE * known.side
        )
    # an upside-down face is found by neither
    assert detector.sight(np.ascontiguousarray(frame[::-1]), known, check=True) is None


def test_the_nearest_of_the_faces_that_could_be_it() -> None:
    face = Face(100, 100, 140, 140, 1.0)
    near, nearer = shifted(face, 0.5), shifted(face, -0.2, 0.1)
    assert nearest_face([near, nearer], face) is nearer
    assert nearest_face([near, shifted(face, 0, 0, 2.5), shifted(face, 0, 0, 0.4)], face) is near
    assert nearest_face([shifted(face, 1.1), shifted(face, 0, -1.1)], face) is None
    assert nearest_face([], face) is None


# --- non-maximum suppression ---

EDGES = st.integers(0, 40)


@st.composite
def scored_boxes(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    count = draw(st.integers(0, 25))
    low = draw(hnp.arrays(np.float32, (count, 2), elements=EDGES.map(float)))
    size = draw(hnp.arrays(np.float32, (count, 2), elements=st.integers(1, 20).map(float)))
    scores = draw(hnp.arrays(np.float32, count, elements=st.integers(0, 10).map(float)))
    return np.concatenate([low, low + size], axis=1), scores


def overlap(a: NDArray[np.float32], b: NDArray[np.float32], relative_to: str) -> float:
    """Return the overlap of two boxes, with Python's own floats."""
    ax0, ay0, ax1, ay1 = map(float, a)
    bx0, by0, bx1, by1 = map(float, b)
    shared = max(min(ax1, bx1) - max(ax0, bx0), 0) * max(min(ay1, by1) - max(ay0, by0), 0)
    areas = (ax1 - ax0) * (ay1 - ay0), (bx1 - bx0) * (by1 - by0)
    return shared / (sum(areas) - shared if relative_to == "union" else min(areas))


@pytest.mark.parametrize("relative_to", ["union", "smaller"])
# Thresholds that the overlaps of these boxes never equal, so that rounding decides nothing.
@pytest.mark.parametrize("threshold", [0.30103, 0.70711])
@given(data=scored_boxes())
def test_suppression_keeps_the_best_of_what_overlaps(
    data: tuple[NDArray[np.float32], NDArray[np.float32]], threshold: float, relative_to: Any
) -> None:
    boxes, scores = data
    kept = _core.non_max_suppression(boxes, scores, threshold, relative_to)
    rank = {i: (-scores[i], i) for i in range(len(boxes))}
    assert kept == sorted(kept, key=rank.__getitem__)
    for i in range(len(boxes)):
        better = [k for k in kept if rank[k] < rank[i]]
        covered = any(overlap(boxes[i], boxes[k], relative_to) > threshold for k in better)
        assert (i in kept) is not covered


@given(data=scored_boxes())
def test_suppression_of_what_was_kept_changes_nothing(
    data: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> None:
    boxes, scores = data
    kept = _core.non_max_suppression(boxes, scores, 0.5)
    again = _core.non_max_suppression(boxes[kept], scores[kept], 0.5)
    assert again == [*range(len(kept))]


def test_suppression_at_its_limits() -> None:
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [5, 0, 15, 10], [30, 30, 40, 40]], np.float32)
    scores = np.array([0.8, 0.9, 0.7, 0.6], np.float32)
    assert _core.non_max_suppression(boxes, scores, 1.0) == [1, 0, 2, 3]
    assert _core.non_max_suppression(boxes, scores, 0.0) == [1, 3]
    assert _core.non_max_suppression(boxes, scores, 0.5) == [
        1,
        2,
        3,
    ]  # the shifted box shares a third
    assert (
        _core.non_max_suppression(np.empty((0, 4), np.float32), np.empty(0, np.float32), 0.5) == []
    )
    points = np.zeros((2, 4), np.float32)
    assert _core.non_max_suppression(points, scores[:2], 0.5) == [1, 0]


def test_suppression_relative_to_the_smaller_removes_what_lies_inside() -> None:
    boxes = np.array([[0, 0, 100, 100], [40, 40, 60, 60]], np.float32)
    scores = np.array([0.9, 0.8], np.float32)
    assert _core.non_max_suppression(boxes, scores, 0.7) == [0, 1]
    assert _core.non_max_suppression(boxes, scores, 0.7, relative_to="smaller") == [0]


# --- the largest face and its box ---


def test_largest_sure_face_is_taken() -> None:
    small = Face(0, 0, 10, 10, 0.99)
    large = Face(50, 50, 90, 80, 0.90)
    doubtful = Face(0, 0, 200, 200, 0.89)
    assert largest_face([small, large, doubtful]) is large
    assert largest_face([small, large, doubtful], min_probability=0.95) is small
    assert largest_face([small, large, doubtful], min_probability=0.5) is doubtful
    assert largest_face([doubtful]) is None
    assert largest_face([]) is None
    assert largest_face(iter([small])) is small


def test_face_box_is_enlarged_about_its_centre() -> None:
    face = Face(100, 200, 150, 260, 1.0)
    assert tuple(face_box(face, 640, 480)) == (85, 182, 165, 278)
    assert tuple(face_box(face, 640, 480, scale=1.0)) == (100, 200, 150, 260)
    assert tuple(face_box(face, 640, 480, scale=0.5)) == (113, 215, 138, 245)


def test_face_box_rounds_halves_to_the_right_and_down() -> None:
    box = face_box(Face(10.5, 11.49, 20.5, 21.51, 1.0), 100, 100, scale=1.0)
    assert tuple(box) == (11, 11, 21, 22)


def test_face_box_is_clipped_where_it_leaves_the_frame() -> None:
    assert tuple(face_box(Face(-20, 5, 40, 65, 1.0), 64, 48)) == (0, 0, 58, 48)
    assert tuple(face_box(Face(50, 40, 80, 60, 1.0), 64, 48, scale=1.0)) == (50, 40, 64, 48)


NUMBERS = st.floats(-300, 1000, allow_nan=False)


@given(
    x=NUMBERS,
    y=NUMBERS,
    across=st.floats(0.01, 2000),
    down=st.floats(0.01, 2000),
    width=st.integers(1, 700),
    height=st.integers(1, 700),
    scale=st.floats(0.1, 10),
)
def test_face_box_is_the_part_in_the_frame(
    x: float, y: float, across: float, down: float, width: int, height: int, scale: float
) -> None:
    face = Face(x, y, x + across, y + down, 1.0)
    frame = np.array([width, height])
    middle = np.array([x + across / 2, y + down / 2])
    half = scale * np.array([across, down]) / 2
    low, high = np.clip(middle - half, 0, frame), np.clip(middle + half, 0, frame)
    rounding = 0.5 + 1e-6
    if np.any(middle + half < -rounding) or np.any(middle - half > frame + rounding):
        with pytest.raises(ValueError, match=f"no pixel of the {width}x{height} frame"):
            face_box(face, width, height, scale)
    elif np.all(high - low > 2 * rounding):
        box = face_box(face, width, height, scale)
        assert 0 <= box.x0 < box.x1 <= width
        assert 0 <= box.y0 < box.y1 <= height
        assert np.abs(np.array([box.x0, box.y0]) - low).max() <= rounding
        assert np.abs(np.array([box.x1, box.y1]) - high).max() <= rounding


@pytest.mark.parametrize(
    ("face", "size", "scale", "message"),
    [
        (Face(0, 0, 10, 10, 1.0), (64, 48), 0.0, "scale must be a positive number, got 0.0"),
        (Face(0, 0, 10, 10, 1.0), (64, 48), float("nan"), "scale .* got nan"),
        (Face(0, 0, 10, 10, 1.0), (64, 48), float("inf"), "scale .* got inf"),
        (Face(0, 0, 10, 10, 1.0), (0, 48), 1.6, "frame of 0x48 pixels is empty"),
        (Face(100, 0, 110, 10, 1.0), (64, 48), 1.6, "no pixel of the 64x48 frame"),
        (Face(10, 0, 5, 10, 1.0), (64, 48), 1.6, "no pixel of the 64x48 frame"),
        (Face(10.1, 10, 10.2, 20, 1.0), (64, 48), 1.6, "no pixel of the 64x48 frame"),
        (Face(float("nan"), 0, 10, 10, 1.0), (64, 48), 1.6, "face box is not finite"),
    ],
)
def test_impossible_face_box_is_named(
    face: Face, size: tuple[int, int], scale: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        face_box(face, *size, scale)
