"""The cache of clips: storage, selection and errors."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("tqdm", reason="the cache needs the extra 'train'")

import rppg_fast as rf
from tests.made_up_clips import RATES, make_clips
from training.data.clips import (
    LEVELS,
    Clip,
    Clips,
    ClipWriter,
    Frames,
    as_float,
    as_stored,
)

# Half a storage step, and float32 rounding near 1.
STORED_TOLERANCE = 0.5 / LEVELS + 6e-8
# Error of motion (b - a) / (a + b + 0.3) * 50 from two roundings; each derivative is at most 50 /
# 0.3.
MOTION_TOLERANCE = 2 * 50 / 0.3 * STORED_TOLERANCE
ARRAYS = ("appearance", "pulse", "times", "heart_rate")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return make_clips(tmp_path_factory.mktemp("clips") / "cache", seed=4, seconds=2.0)


# --- Storage


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=50))
def test_stored_appearance_is_within_half_a_level(values: list[float]) -> None:
    appearance = np.array(values, np.float32)
    stored = as_stored(appearance)
    assert stored.dtype == np.uint16
    back = as_float(stored)
    assert back.dtype == np.float32
    assert np.abs(back.astype(np.float64) - appearance).max() <= STORED_TOLERANCE


def test_every_level_survives_the_way_there_and_back() -> None:
    levels = np.arange(LEVELS + 1).astype(np.uint16)
    np.testing.assert_array_equal(as_stored(as_float(levels)), levels)
    assert as_float(levels)[[0, -1]].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("kind", ["normalized", "difference"])
def test_motion_is_that_of_inference_up_to_storage(kind: str) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (7, 61, 53, 3)).astype(np.uint8)
    pixels[2:4] //= 40  # dark frames, for which motion is most sensitive
    seen = np.stack([rf.appearance(frame, (5, 7, 50, 60)) for frame in pixels])
    frames = Frames(
        as_stored(seen), np.zeros(7, np.float32), np.arange(7.0), np.zeros(7, np.float32)
    )
    motion = frames.motion(kind)
    expected = rf.motion(seen[:-1], seen[1:], kind=kind)
    assert motion.shape == (6, 3, 36, 36)
    assert np.abs(motion - expected).max() <= MOTION_TOLERANCE
    assert np.abs(expected).max() > 100 * MOTION_TOLERANCE


def test_clips_lie_where_they_say(clips: Clips) -> None:
    assert len(clips) == 4
    assert clips.subjects == [f"made-up-4-{i}" for i in range(4)]
    for i, (rate, fps) in enumerate(RATES):
        clip, frames = clips.clips[i], clips[i]
        assert (clip.fps, clip.heart_rate) == (fps, rate)
        assert len(frames.times) == len(frames.appearance) == clip.stop - clip.start == 2 * fps
        np.testing.assert_allclose(np.diff(frames.times), 1 / fps)
        np.testing.assert_array_equal(frames.change, np.diff(frames.pulse))
        assert set(frames.heart_rate.tolist()) == {rate}
    assert clips.clips[3].heart_rate is None
    assert np.isnan(clips[3].heart_rate).all()


# --- Selections


def test_selected_clips_are_the_subjects_own(clips: Clips) -> None:
    some = clips.select(["made-up-4-3", "made-up-4-1"])
    assert some.subjects == ["made-up-4-1", "made-up-4-3"], "in the order of the arrays"
    for ours, theirs in ((0, 1), (1, 3)):
        for name in ARRAYS:
            np.testing.assert_array_equal(
                getattr(some[ours], name), getattr(clips[theirs], name), err_msg=name
            )
    assert some.description == "made-up clips, seed 4; 2 of 4 subjects"
    again = some.select(["made-up-4-3"])
    np.testing.assert_array_equal(again[0].appearance, clips[3].appearance)


def test_all_clips_of_a_subject_go_together(tmp_path: Path) -> None:
    writer = ClipWriter(
        tmp_path,
        {"description": "two of one person"},
        [Clip(f"c{i}", "ab"[i % 2], i, i + 1, 1.0, None, "", {}) for i in range(4)],
    )
    for i in range(4):
        one = np.full(1, i)
        still = np.zeros((1, 3, 36, 36), np.uint16)
        writer.write(i, Frames(still, one.astype("f4"), one.astype("f8"), one.astype("f4")))
    writer.finish()
    clips = Clips.open(tmp_path)
    assert clips.subjects == ["a", "b"]
    some = clips.select(["b"])
    assert [clip.name for clip in some.clips] == ["c1", "c3"]
    assert [float(some[i].pulse[0]) for i in range(2)] == [1.0, 3.0]


def test_each_selection_has_a_hash_of_its_own(clips: Clips, tmp_path: Path) -> None:
    names = clips.subjects
    selections = [names, names[:1], names[1:2], names[:2], names[1:]]
    hashes = [clips.select(some).sha256 for some in selections]
    assert len(set(hashes)) == len(hashes)
    assert clips.select(names[::-1]).sha256 == clips.sha256, "all are all"
    assert clips.select(names[1::-1]).sha256 == hashes[3], "in whatever order"
    assert Clips.open(clips.folder).sha256 == clips.sha256
    assert make_clips(tmp_path / "same", seed=4, seconds=2.0).sha256 == clips.sha256
    assert make_clips(tmp_path / "other", seed=5, seconds=2.0).sha256 != clips.sha256


def test_a_selection_of_nobody_or_of_strangers_is_refused(clips: Clips) -> None:
    with pytest.raises(ValueError, match=r"cache has no subject made-up-4-9, stranger$"):
        clips.select(["made-up-4-0", "stranger", "made-up-4-9"])
    with pytest.raises(ValueError, match="cache: no subject is selected"):
        clips.select([])
    with pytest.raises(ValueError, match="has no subject made-up-4-0"):
        clips.select(["made-up-4-1"]).select(["made-up-4-0"])


# --- Errors


@pytest.fixture
def copy(clips: Clips, tmp_path: Path) -> Path:
    return Path(shutil.copytree(clips.folder, tmp_path / "copy"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps({"format": 1, "clips": []}), "copy: format 1, this code reads 2; make it anew"),
        (json.dumps({"format": 99}), "copy: format 99"),
        (json.dumps({"clips": []}), r"clips\.json does not describe a cache"),
        ("[]", r"clips\.json does not describe a cache"),
        ("{", r"clips\.json does not describe a cache"),
    ],
)
def test_other_formats_and_other_files_are_refused(copy: Path, text: str, message: str) -> None:
    (copy / "clips.json").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        Clips.open(copy)


@pytest.mark.parametrize("name", ARRAYS)
def test_an_array_that_was_cut_off_or_lost_is_named(copy: Path, name: str) -> None:
    path = copy / f"{name}.npy"
    np.save(path, np.load(path)[:-1])
    with pytest.raises(ValueError, match=rf"{name}\.npy has 123 frames, the clips 124"):
        Clips.open(copy)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name}\.npy"):
        Clips.open(copy)


def test_an_unfinished_cache_is_told_from_none(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds no cache"):
        Clips.open(tmp_path)
    clip = Clip("a", "a", 0, 5, 10.0, None, "", {})
    writer = ClipWriter(tmp_path, {"description": ""}, [clip])
    with pytest.raises(FileNotFoundError, match="holds an unfinished cache"):
        Clips.open(tmp_path)
    with pytest.raises(RuntimeError, match="1 clips are missing"):
        writer.finish()
    short = Frames(
        np.zeros((4, 3, 36, 36), np.uint16), np.zeros(4, "f4"), np.zeros(4), np.zeros(4, "f4")
    )
    with pytest.raises(ValueError, match="clip a: 4 frames of appearance, 5 announced"):
        writer.write(0, short)
    assert writer.missing() == [0]
