"""Files of folds: no subject is in two parts of a fold."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")

from tests.support.made_up_clips import make_clips
from training.data.clips import Clips
from training.data.splits import Fold, Split, deal, deal_strata, main, make_split

SPLITS = Path(__file__).parents[2] / "training" / "splits"

GOOD = Fold(("a", "b"), ("c",), ("d",))


# --- Folds


def test_a_split_keeps_what_it_is_given(tmp_path: Path) -> None:
    split = Split("two", (GOOD, Fold(("c", "d"), (), ("a", "b"))))
    split.save(tmp_path / "s.json", "a test")
    assert Split.load(tmp_path / "s.json") == split
    assert json.loads((tmp_path / "s.json").read_text())["made_by"] == "a test"


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([], "at least one fold"),
        ([Fold(("a", "b"), ("c",), ("b",))], "fold 0 has subject 'b' twice"),
        ([Fold(("a", "b"), ("b",), ("c",))], "fold 0 has subject 'b' twice"),
        ([Fold(("a",), ("b",), ("b",))], "fold 0 has subject 'b' twice"),
        ([Fold(("a", "a"), (), ("b",))], "fold 0 has subject 'a' twice"),
        ([Fold(("a",), (), ("b", "b"))], "fold 0 has subject 'b' twice"),
        ([GOOD, Fold(("c", "d"), (), ("c",))], "fold 1 has subject 'c' twice"),
        ([GOOD, Fold(("a", "b"), (), ("d",))], "subject 'd' is tested in two folds"),
        ([Fold((), ("c",), ("d",))], "fold 0 has nobody to train on"),
        ([GOOD, Fold(("a",), ("c",), ())], "fold 1 has nobody to test on"),
    ],
)
def test_folds_that_overlap_or_lack_a_side_are_refused(folds: list[Fold], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Split("wrong", tuple(folds))


def as_json(**changes: Any) -> str:
    fold = {"train": ["a"], "validation": [], "test": ["b"]}
    return json.dumps({"name": "n", "folds": [fold], **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting"),
        ("", "Expecting value"),
        ("[1, 2]", "needs the keys 'name' and 'folds'"),
        ("null", "needs the keys"),
        (json.dumps({"name": "n"}), "needs the keys"),
        (as_json(fold=[]), "needs the keys"),
        (as_json(name=None), "name must be a text"),
        (as_json(name=5), "name must be a text"),
        (as_json(folds=5), "folds a list"),
        (as_json(folds={"0": {}}), "folds a list"),
        (as_json(folds=[]), "at least one fold"),
        (as_json(folds=[5]), "needs the lists train, validation, test"),
        (as_json(folds=[{"train": ["a"], "test": ["b"]}]), "needs the lists"),
        (
            as_json(folds=[{"train": "ab", "validation": [], "test": ["c"]}]),
            "train must be a list of names",
        ),
        (
            as_json(folds=[{"train": ["a"], "validation": [], "test": [3]}]),
            "test must be a list of names",
        ),
        (
            as_json(folds=[{"train": ["a"], "validation": [], "test": ["a"]}]),
            "fold 0 has subject 'a' twice",
        ),
    ],
)
def test_what_is_no_split_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as error:
        Split.load(path)
    assert str(error.value).startswith(f"{path}: not a split file: ")


def test_bytes_that_are_no_text_are_no_split_file(tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_bytes(b"\xff\xfe{}")
    with pytest.raises(ValueError, match=r"wrong\.json: not a split file"):
        Split.load(tmp_path / "wrong.json")
    with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
        Split.load(tmp_path / "nowhere.json")


# --- Distribution of subjects


@given(count=st.integers(2, 60), folds=st.integers(2, 12), seed=st.integers(0, 1000))
def test_dealing_is_fair(count: int, folds: int, seed: int) -> None:
    subjects = [f"s{i}" for i in range(count)]
    if folds > count:
        with pytest.raises(ValueError, match=f"cannot make {folds} folds of {count} subjects"):
            deal(subjects, folds, seed)
        return
    parts = deal(subjects, folds, seed)
    assert parts == deal(subjects, folds, seed)
    assert len(parts) == folds
    assert Counter(s for part in parts for s in part) == Counter(subjects)
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_dealing_shuffles_and_follows_the_seed() -> None:
    subjects = [f"s{i}" for i in range(40)]
    dealt = [deal(subjects, 5, seed) for seed in range(4)]
    assert len({tuple(parts) for parts in dealt}) == 4
    assert dealt[0][0] != tuple(subjects[:8])
    assert dealt[0][0] != tuple(subjects[::5])
    with pytest.raises(ValueError, match="cannot make 1 folds"):
        deal(subjects, 1, 0)


# --- Splits of data


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clips, Clips]:
    root = tmp_path_factory.mktemp("splits")
    return tuple(make_clips(root / str(s), seed=s, seconds=1.0) for s in (1, 2))  # type: ignore[return-value]


def test_one_data_set_is_tested_on_once(clips: tuple[Clips, Clips]) -> None:
    data, _ = clips
    split = make_split("one", data, None, folds=2, seed=0)
    assert sorted(s for fold in split.folds for s in fold.test) == sorted(data.subjects)
    for fold in split.folds:
        assert not fold.validation
        assert set(fold.train) == set(data.subjects) - set(fold.test)


def test_two_data_sets_are_validated_and_tested_on_once(clips: tuple[Clips, Clips]) -> None:
    data, tests = clips
    split = make_split("two", data, tests, folds=4, seed=0)
    for side, whole in (("test", tests), ("validation", data)):
        named = sorted(s for fold in split.folds for s in getattr(fold, side))
        assert named == sorted(whole.subjects)
    for fold in split.folds:
        assert set(fold.train) == set(data.subjects) - set(fold.validation)


def test_a_share_of_the_training_subjects_changes_nothing_else(clips: tuple[Clips, Clips]) -> None:
    data, tests = clips
    whole = make_split("s", data, tests, folds=4, seed=0)
    assert make_split("s", data, tests, folds=4, seed=0, train_share=1.0) == whole
    third = make_split("s", data, tests, folds=4, seed=0, train_share=0.34)
    for fold, all_of_them in zip(third.folds, whole.folds):
        assert len(all_of_them.train) == 3
        assert len(fold.train) == 1
        assert set(fold.train) < set(all_of_them.train)
        assert (fold.validation, fold.test) == (all_of_them.validation, all_of_them.test)
    assert all(fold.train for fold in make_split("s", data, tests, 4, 0, 0.01).folds)
    for wrong in (0.0, 1.5, float("nan")):
        with pytest.raises(ValueError, match="share of training subjects"):
            make_split("s", data, tests, folds=4, seed=0, train_share=wrong)


def test_the_command_line_writes_what_it_says(
    clips: tuple[Clips, Clips], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, tests = clips
    out = tmp_path / "split.json"
    arguments = ["--data", str(data.folder), "--test-data", str(tests.folder)]
    arguments += ["--name", "made-up", "--out", str(out), "--seed", "3", "--folds"]
    assert main([*arguments, "2"]) == 0
    assert Split.load(out) == make_split("made-up", data, tests, folds=2, seed=3)
    made_by = json.loads(out.read_text())["made_by"]
    for fact in ("--folds 2 --seed 3", "made-up clips, seed 1", "made-up clips, seed 2"):
        assert fact in made_by
    assert main([*arguments, "2", "--train-share", "0.5"]) == 0
    assert [len(fold.train) for fold in Split.load(out).folds] == [1, 1]
    assert "--train-share 0.5" in json.loads(out.read_text())["made_by"]
    before = out.read_bytes()
    assert main([*arguments, "9"]) == 2
    error = capsys.readouterr().err
    assert error == "error: cannot make 9 folds of 4 subjects\n"
    assert out.read_bytes() == before


def test_each_stratum_is_dealt_by_itself(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "c", seconds=1.0)
    marked = [replace(c, stratum="easy" if i < 2 else "hard") for i, c in enumerate(clips.clips)]
    for seed in range(5):
        parts = deal_strata(replace(clips, clips=marked), 2, seed)
        for part in parts:
            assert len(part) == 2
            assert sum(name in clips.subjects[:2] for name in part) == 1


# --- The committed files


# Split files of videos and records in parts, not of subjects in folds.
OTHERS = {"beats.json", "real.json"}
COMMITTED = sorted(path for path in SPLITS.glob("*.json") if path.name not in OTHERS)


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
def test_every_committed_split_is_a_split(path: Path) -> None:
    split = Split.load(path)
    assert len(split.folds) == 5, "as the paper has it"
    sizes = [len(fold.test) for fold in split.folds]
    assert max(sizes) - min(sizes) <= 1
    assert json.loads(path.read_text(encoding="utf-8"))["made_by"]
    # Over the folds, every subject is held out once and is in the training data of the other folds.
    held_out = "validation" if split.folds[0].validation else "test"
    everyone = {s for fold in split.folds for s in getattr(fold, held_out)}
    for fold in split.folds:
        assert set(fold.train) == everyone - set(getattr(fold, held_out))


def test_the_split_of_ubfc_rppg_tests_each_subject_once() -> None:
    split = Split.load(SPLITS / "ubfc-rppg.json")
    numbers = [1, 3, 4, 5, *range(8, 19), 20, *range(22, 28), *range(30, 50)]
    subjects = [f"subject{number}" for number in numbers]
    assert len(subjects) == 42
    tested = [subject for fold in split.folds for subject in fold.test]
    assert sorted(tested) == sorted(subjects)
    assert sorted(len(fold.test) for fold in split.folds) == [8, 8, 8, 9, 9]
    for fold in split.folds:
        assert not fold.validation
        assert sorted((*fold.train, *fold.test)) == sorted(subjects)
    # The folds equal those of the command that the file states.
    assert [fold.test for fold in split.folds] == deal(subjects, 5, 0)
