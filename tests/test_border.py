"""A visible face is never lost, while it moves over every border and corner, at every size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.face import ASSETS
from rppg_fast.tracking import FaceTracker
from tests.clips import Frame
from tests.turning import lying, lying_edges

WIDTH, HEIGHT = 640, 480
SECONDS = 60.0
# The tracker's decisions depend only on the frames' times, so a low rate is enough.
FPS = 8.0

# Sizes relative to the frame's shorter side: from the smallest face of a search (with the
# detector's scatter) to one that is larger than the frame.
SIZES = [1 / 11.5, 1 / 7, 1 / 4, 0.5, 0.8, 1.15]
# Share of the face that stays in the frame at a border, and in a corner for both edges together.
INSIDE = 0.62
# Largest distance of the tracker's face from the true one soon after a look, relative to its side;
# and smallest intersection over union. The cascade's boxes scatter by a tenth (AGAIN_TOLERANCE of
# tests/test_face.py), and two fifths of the face are outside the frame.
APART, SHARED = 0.25, 0.5
# Time within which a face that is turned by 90 degrees is found, s; see tests/test_turned.py.
FOUND_WITHIN = 2.0
# Clips with room around the first face in the picture.
CLIPS = ["face05.mp4", "face11.mp4", "face34.mp4"]

Edges = tuple[float, float, float, float]


@cache
def portrait(path: Path) -> tuple[Frame, Edges]:
    """Return the first face of a clip with its surroundings, and its box in them."""
    frame = next(iter(rf.VideoFile(path)))[0]
    face = rf.largest_face(rf.MTCNN()(frame))
    assert face is not None
    x0, y0, x1, y1 = rf.face_box(face, frame.shape[1], frame.shape[0], 2.2)
    picture = np.ascontiguousarray(frame[y0:y1, x0:x1])
    return picture, (face.x0 - x0, face.y0 - y0, face.x1 - x0, face.y1 - y0)


def tour(width: float, height: float) -> NDArray[np.float64]:
    """Return centres of a face of a given size, from the middle once around borders and corners."""
    middle = np.array([WIDTH / 2, HEIGHT / 2])
    places = [middle]
    for direction in [
        (-1, 0),
        (-1, -1),
        (0, -1),
        (1, -1),
        (1, 0),
        (1, 1),
        (0, 1),
        (-1, 1),
        (-1, 0),
    ]:
        beyond = 1 - np.sqrt(INSIDE) if all(direction) else 1 - INSIDE
        # move until the given share of the face is beyond the border
        reach = middle - (0.5 - beyond) * np.array([width, height])
        places.append(middle + direction * np.maximum(reach, 0))
    return np.array([*places, middle])


def filmed(path: Path, size: float) -> Iterator[tuple[Frame, float, Edges]]:
    """Yield frames of a face on its tour, with times and true boxes."""
    picture, box = portrait(path)
    scale = size * HEIGHT / max(box[2] - box[0], box[3] - box[1])
    width, height = scale * (box[2] - box[0]), scale * (box[3] - box[1])
    places = tour(width, height)
    way = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(places, axis=0).T))])
    wall = np.random.default_rng(0).integers(90, 130, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    for time in np.arange(0, SECONDS, 1 / FPS):
        x, y = (np.interp(time / SECONDS * way[-1], way, at) for at in places.T)
        left, top = x - scale * (box[0] + box[2]) / 2, y - scale * (box[1] + box[3]) / 2
        frame = wall.copy()
        move = np.array([[1, 0, left], [0, 1, top]])
        cv2.warpAffine(small, move, (WIDTH, HEIGHT), frame, borderMode=cv2.BORDER_TRANSPARENT)
        truth = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        yield frame, float(time), truth


def shared_area(a: Edges, b: Edges) -> float:
    """Return intersection over union."""
    across = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    down = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return across * down / (areas - across * down)


def follow_all_along(path: Path, size: float, turned: int = 0) -> None:
    tracker = FaceTracker(rf.MTCNN(), 1.6)
    for frame, time, upright in filmed(path, size):
        truth = lying_edges(upright, turned, WIDTH, HEIGHT)
        tracker.update(lying(frame, turned), time)
        if turned and time < FOUND_WITHIN:
            continue
        (track,) = tracker.tracks  # raises ValueError if there is no track
        assert track.id == 1, time
        assert track.face.turned == turned
        if track.seen < time:
            continue
        side = max(truth[2] - truth[0], truth[3] - truth[1])
        centre = np.array([truth[0] + truth[2], truth[1] + truth[3]]) / 2
        assert np.hypot(*(track.face.centre - centre)) < APART * side, (time, track.face, truth)
        assert shared_area(track.face.edges, truth) > SHARED, (time, track.face, truth)


@pytest.mark.parametrize("size", SIZES)
def test_a_face_at_every_border_is_never_lost(size: float) -> None:
    follow_all_along(ASSETS / "demo.mp4", size)


@pytest.mark.parametrize("turned", [90, 180, 270])
@pytest.mark.parametrize("size", SIZES[1::2])
def test_a_face_that_lies_is_not_lost_at_any_border_either(size: float, turned: int) -> None:
    follow_all_along(ASSETS / "demo.mp4", size, turned)


@pytest.mark.parametrize("size", SIZES[1::2])
@pytest.mark.parametrize("clip", CLIPS)
def test_a_real_face_at_every_border_is_never_lost(clip: str, size: float, data: Path) -> None:
    follow_all_along(data / "real" / clip, size)
