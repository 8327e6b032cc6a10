"""Carriers: faces of videos without a truth, cut out by boxes that move and that stay."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("scipy", "av", "tqdm", "cv2", "torch"):
    pytest.importorskip(module, reason="making carriers needs the extra 'train'")

from tests.support.made_up_carriers import JUMP, make_carriers  # noqa: E402
from training.data.carriers import MASK, SIDE, VIEWS, Carriers, View, steps, views_of  # noqa: E402
from training.data.catalogue import (  # noqa: E402
    SPLIT,
    chosen_by_people,
    names_of_part,
    person_of,
)
from training.data.clips import as_float  # noqa: E402
from training.data.preprocess import main  # noqa: E402
from training.data.videos import find_videos  # noqa: E402
from training.synthetic.codec import write_video  # noqa: E402
from training.synthetic.parameters import OFF, Law, OneOf  # noqa: E402
from training.synthetic.render import place_in_frame, render  # noqa: E402
from training.synthetic.scene import sample_scene  # noqa: E402

Frame = NDArray[np.uint8]

SIZE, FPS, SECONDS = (320, 240), 15.0, 6.0
# Pixels by which the face is moved, once, in the middle of the video: beyond what a box tolerates.
SHIFT = 70
# Skin fills the middle of a face's box; hair, background and the box's corners are none.
MASK_MIDDLE, MASK_CORNER = 0.8, 0.2


@pytest.fixture(scope="module")
def film() -> list[Frame]:
    """A rendered face that is moved to the right after half of the time."""
    steady: dict[str, Law] = {
        "camera.fps": OneOf((FPS,)),
        "camera.time_jitter": OFF,
        "camera.drops": OFF,
        "motion.sway": OFF,
        "motion.rhythm": OFF,
        "motion.moves": OFF,
    }
    scene = sample_scene(9, 0, steady)
    times = np.arange(int(SECONDS * FPS)) / FPS
    frames = [np.array(f) for f in render(scene, place_in_frame(scene, *SIZE), times)]
    half = len(frames) // 2
    return frames[:half] + [np.roll(frame, SHIFT, 1) for frame in frames[half:]]


def timed(frames: list[Frame]) -> list[tuple[Frame, float]]:
    return [(frame, i / FPS) for i, frame in enumerate(frames)]


def test_a_box_that_follows_comes_twice_where_it_moves_and_one_that_stays_does_not(
    film: list[Frame],
) -> None:
    fixed, followed = views_of(lambda: iter(timed(film)), (View(False, 1.6), View(True, 1.4)))
    assert np.all(np.diff(fixed.times) > 0)
    repeated = np.flatnonzero(np.diff(followed.times) == 0)
    assert len(repeated) > 0
    assert np.all(followed.times[repeated] > SECONDS / 2 - 1)
    # The same frame in another box is another picture; every time of the video is there.
    for i in repeated:
        assert not np.array_equal(followed.appearance[i], followed.appearance[i + 1])
    np.testing.assert_array_equal(np.unique(followed.times), fixed.times)
    for view in (fixed, followed):
        assert view.appearance.shape == (len(view.times), 3, SIDE, SIDE)
        assert view.appearance.dtype == np.uint16
        assert view.mask.shape == (len(view.times), SIDE, SIDE)
        assert view.mask.dtype == np.uint8


def test_the_mask_follows_the_skin(film: list[Frame]) -> None:
    fixed, followed = views_of(lambda: iter(timed(film)), (View(False, 1.6), View(True, 1.4)))
    middle = slice(SIDE // 2 - 4, SIDE // 2 + 4)
    for mask in (fixed.mask[0], followed.mask[0], followed.mask[-1]):
        assert mask[middle, middle].mean() > MASK_MIDDLE * 255
        assert mask[:3, :3].mean() < MASK_CORNER * 255
    # In a box that stays the face has left the middle, and its skin with it.
    columns = np.arange(SIDE)
    centre = [float((m.sum(0) * columns).sum() / m.sum()) for m in (fixed.mask[0], fixed.mask[-1])]
    assert centre[1] - centre[0] > 3


def test_a_video_without_a_face_carries_nothing(film: list[Frame]) -> None:
    nobody = [np.full_like(frame, 90) for frame in film]
    with pytest.raises(ValueError, match="no face"):
        views_of(lambda: iter(timed(nobody)))
    with pytest.raises(ValueError, match="less than 4 s"):
        views_of(lambda: iter(timed(film[:30])))


def test_steps_lead_neither_over_a_change_of_box_nor_over_a_gap() -> None:
    times = np.array([0.0, 0.1, 0.2, 0.2, 0.3, 0.4, 0.9, 1.0])
    assert steps(times).tolist() == [0, 1, 3, 4, 6]
    assert steps(times, 2).tolist() == [0, 3]
    assert steps(times, 3).tolist() == []
    assert steps(times[:1]).tolist() == []


@pytest.fixture(scope="module")
def folder(film: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two videos of one person, and one of nobody; with a file of persons."""
    place = tmp_path_factory.mktemp("videos")
    write_video(place / "one.avi", film, "raw", FPS, 1)
    mirrored = [np.ascontiguousarray(frame[:, ::-1]) for frame in film]
    write_video(place / "two.avi", mirrored, "raw", FPS, 1)
    write_video(place / "wall.avi", [np.full_like(film[0], 90)] * 40, "raw", FPS, 1)
    (place / "notes.txt").write_text("not a video", encoding="utf-8")
    groups = [{"kind": "still", "seconds": 6.0, "files": ["two.avi", "one.avi"]}]
    split = {"groups": groups, "dev": ["one.avi", "two.avi"], "test": []}
    (place / "people.json").write_text(json.dumps(split), encoding="utf-8")
    return place


def test_any_folder_of_videos_becomes_carriers(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "carriers"
    given = ["--layout", "videos", "--data", str(folder), "--out", str(out)]
    assert main([*given, "--people", str(folder / "people.json")]) == 3
    assert "wall.avi: no face is found in any frame" in capfd.readouterr().err
    carriers = Carriers.open(out)
    assert carriers.clips.subjects == ["one.avi"]  # both show the same person
    assert len(carriers.clips) == 2 * len(VIEWS)
    assert {clip.stratum for clip in carriers.clips.clips} == {view.name for view in VIEWS}
    assert {clip.scene["video"] for clip in carriers.clips.clips} == {"one.avi", "two.avi"}
    for clip in carriers.clips.clips:
        assert {"origin", "licence", "own_rate_bpm"} <= set(clip.scene)
        assert not clip.scene["for_tests"]  # no catalogue says that it has no pulse of its own
        assert clip.heart_rate is None
        assert clip.fps == pytest.approx(FPS, rel=1e-2)
    # As the engine sees the same video: the first box of the paper, 1.6 times the face.
    seen = as_float(carriers[[v.name for v in VIEWS].index("fixed 1.6")].appearance)
    assert 0.05 < seen.mean() < 0.95
    # The same command again finds everything done.
    assert main([*given, "--people", str(folder / "people.json")]) == 3


def test_carriers_of_other_people_are_left_out(folder: Path) -> None:
    found = find_videos(folder, "dev", folder / "people.json")
    assert [(video.name, video.person) for video in found] == [
        ("one.avi", "one.avi"),
        ("two.avi", "one.avi"),
    ]
    with pytest.raises(ValueError, match="holds no video of the part 'test'"):
        find_videos(folder, "test", folder / "people.json")


def test_a_folder_without_masks_is_refused(tmp_path: Path) -> None:
    make_carriers(tmp_path)
    (tmp_path / MASK).unlink()
    with pytest.raises(FileNotFoundError, match="holds no carriers"):
        Carriers.open(tmp_path)
    np.save(tmp_path / MASK, np.zeros((3, SIDE, SIDE), np.uint8))
    with pytest.raises(ValueError, match="3 masks"):
        Carriers.open(tmp_path)


def test_views_can_be_kept_by_rule_and_by_person(tmp_path: Path) -> None:
    carriers = make_carriers(tmp_path)
    fixed = carriers.keep(lambda clip: clip.stratum.startswith("fixed"))
    assert [clip.name for clip in fixed.clips.clips] == ["anna fixed 1.6", "bert fixed 1.6"]
    assert carriers.select(["bert"]).clips.subjects == ["bert"]
    assert len(carriers[0].times) == len(carriers[1].times) + 1
    assert carriers[0].times[JUMP] == carriers[0].times[JUMP - 1]
    with pytest.raises(ValueError, match="no carrier is chosen"):
        carriers.keep(lambda clip: False)


def test_nobody_is_learned_from_and_tested_or_chosen_by() -> None:
    dev = {person_of(name) for name in names_of_part("dev")}
    test = {person_of(name) for name in names_of_part("test")}
    chosen_by = chosen_by_people()
    assert not dev & test
    assert chosen_by < dev
    assert 6 <= len(chosen_by) <= len(dev) / 3
    groups = json.loads(SPLIT.read_text(encoding="utf-8"))["groups"]
    assert chosen_by <= {min(g["files"]) for g in groups if g["kind"] != "none"}


def test_a_view_has_a_name_of_its_own() -> None:
    names = [view.name for view in VIEWS]
    assert len(set(names)) == len(names)
    assert View(False, 1.6, 0.2, -0.1).name == "fixed 1.6 +0.2 -0.1"
    assert replace(View(True, 1.4)).name == "followed 1.4"
