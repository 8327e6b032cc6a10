"""Cross-validation and its tables, on tiny made-up clips."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")

from tests.made_up_clips import make_clips  # noqa: E402
from tests.small_runs import PAPER, SHORT, write  # noqa: E402
from training.data.clips import Clips  # noqa: E402
from training.data.splits import Fold, Split  # noqa: E402
from training.evaluate import tables  # noqa: E402
from training.evaluate.evaluation import Evaluation  # noqa: E402
from training.evaluate.recordings import evaluate  # noqa: E402
from training.evaluate.report import measure  # noqa: E402
from training.models.checkpoint import Checkpoint, fingerprint  # noqa: E402
from training.train import crossvalidate  # noqa: E402
from training.train.trainer import CHECKPOINT  # noqa: E402

pytestmark = pytest.mark.slow

# A table has four decimals.
TABLE_TOLERANCE = 1e-4

TEACHER = replace(SHORT, network="teacher", steps=2, peak_learning_rate=5e-4, validate_every=2)
PLAIN = replace(SHORT, steps=2, validate_every=2)
TAUGHT = replace(PLAIN, distillation=replace(PAPER, middle=0.0, last=0.0, output=1.0))


class Setting:
    """Two caches, a split of two folds with one tested subject each, and three configs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        train = make_clips(root / "train", seed=1, with_silent=False).subjects
        test = make_clips(root / "test", seed=2, with_silent=False).subjects
        folds = (
            Fold((train[0], train[2]), (train[1],), (test[0],)),
            Fold((train[1], train[2]), (train[0],), (test[1],)),
        )
        Split("two", folds).save(root / "split.json", "a test")
        self.configs = [
            write(root, TEACHER, "teacher"),
            write(root, PLAIN, "plain"),
            write(root, TAUGHT, "taught"),
        ]
        self.out = root / "runs"

    def run(self, *more: str) -> int:
        arguments = ["--split", self.root / "split.json", "--data", self.root / "train"]
        arguments += ["--test-data", self.root / "test", "--out", self.out, "--device", "cpu"]
        arguments += ["--seeds", "0,1", *more, *self.configs]
        return crossvalidate.main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """Return a finished cross-validation; tests must not change it."""
    setting = Setting(tmp_path_factory.mktemp("crossvalidate"))
    assert setting.run("--sources", "pos") == 0
    return setting


def results(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_every_config_seed_and_fold_is_trained_and_tested_on_its_own_subjects(
    done: Setting,
) -> None:
    split = Split.load(done.root / "split.json")
    for name in ("teacher", "plain", "taught"):
        for seed in (0, 1):
            for k, fold in enumerate(split.folds):
                folder = done.out / name / f"seed{seed}-fold{k}"
                checkpoint = Checkpoint.load(folder / CHECKPOINT)
                assert checkpoint.config.seed == seed
                assert checkpoint.subjects == sorted(fold.train)
                evaluation = Evaluation.from_json((folder / "test.json").read_text())
                assert [r.subject for r in evaluation.recordings] == list(fold.test)
                assert evaluation.data["fold"] == k
                taught_by = ""
                if name == "taught":
                    teacher = done.out / "teacher" / folder.name / CHECKPOINT
                    taught_by = fingerprint(Checkpoint.load(teacher).model)
                assert checkpoint.teacher == taught_by
    assert (done.out / "pos" / "fold1" / "test.json").is_file()


def test_what_is_there_is_not_made_again(done: Setting) -> None:
    before = results(done.out)
    assert done.run("--sources", "pos") == 0
    assert results(done.out) == before
    assert "TQDM_DISABLE" not in os.environ


def test_validation_leaves_the_test_subjects_alone(done: Setting) -> None:
    before = results(done.out)
    assert done.run("--part", "validation", "--folds", "1") == 0
    fresh = {path: text for path, text in results(done.out).items() if path not in before}
    assert {path.name for path in fresh} == {"validation.json"}
    assert len(fresh) == 6
    split = Split.load(done.root / "split.json")
    for text in fresh.values():
        evaluation = Evaluation.from_json(text.decode())
        assert [r.subject for r in evaluation.recordings] == list(split.folds[1].validation)


def test_a_table_has_the_means_over_folds_and_the_share_of_the_gap(
    done: Setting, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table.json"
    assert tables.main(["--runs", str(done.out), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    table = json.loads(out.read_text())
    rows = {row["name"]: row for row in table["rows"]}
    assert list(rows) == ["plain", "pos", "taught", "teacher"]
    for name, row in rows.items():
        assert row["seeds"] == ([0] if name == "pos" else [0, 1])
        for i, seed in enumerate(row["seeds"]):
            folder = "fold{}" if name == "pos" else f"seed{seed}-fold{{}}"
            folds = [
                Evaluation.from_json((done.out / name / folder.format(k) / "test.json").read_text())
                for k in (0, 1)
            ]
            mae = np.mean([measure(evaluation.recordings)[0] for evaluation in folds])
            assert row["values"]["mae"][i] == pytest.approx(mae, abs=TABLE_TOLERANCE)
    snr = {name: rows[name]["values"]["snr_db"] for name in ("plain", "taught", "teacher")}
    for i, share in enumerate(table["gap_closed"]["taught"]["snr_db"]):
        gap = snr["teacher"][i] - snr["plain"][i]
        assert share * gap == pytest.approx(snr["taught"][i] - snr["plain"][i], abs=1e-3)
    assert "| teacher | 2 |" in printed
    assert "Gap closed by `taught`" in printed
    assert tables.main(["--show", str(out)]) == 0
    assert capsys.readouterr().out == printed


def test_nobody_is_tested_on_whom_it_learned_from(done: Setting) -> None:
    checkpoint = done.out / "taught" / "seed0-fold0" / CHECKPOINT
    with pytest.raises(ValueError, match="has learned from subject made-up-1-0"):
        evaluate(str(checkpoint), Clips.open(done.root / "train"))


def test_the_share_of_a_gap() -> None:
    assert tables.gap_closed(plain=4.0, distilled=3.0, teacher=2.0) == 0.5
    assert tables.gap_closed(plain=4.0, distilled=5.0, teacher=2.0) == -0.5
    assert tables.gap_closed(plain=1.0, distilled=2.0, teacher=5.0) == 0.25


def test_results_of_something_else_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = Setting(tmp_path)
    setting.configs = setting.configs[1:2]
    assert setting.run("--folds", "0", "--sources", "pos") == 0
    write(tmp_path, replace(PLAIN, flip=0.25), "plain")
    assert setting.run("--folds", "0") == 2
    assert "another flip" in capsys.readouterr().err
    write(tmp_path, PLAIN, "plain")
    folds = Split.load(tmp_path / "split.json").folds
    Split("other", (replace(folds[0], test=folds[1].test),)).save(tmp_path / "split.json", "a test")
    assert setting.run("--sources", "pos") == 2
    assert "other weights or clips" in capsys.readouterr().err
    assert tables.main(["--runs", str(setting.out), "--out", str(tmp_path / "t.json")]) == 0
    assert tables.main(["--runs", str(setting.out), "--part", "validation", "--out", "t"]) == 2
    assert "no validation.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("drop", "more", "message"),
    [
        ("teacher", [], "needs exactly one teacher"),
        ("", ["--folds", "2"], "has folds 0 to 1, not [2]"),
        ("", ["--sources", "plain.safetensors"], "one name"),
    ],
)
def test_plans_that_make_no_sense(
    done: Setting, capsys: pytest.CaptureFixture[str], drop: str, more: list[str], message: str
) -> None:
    setting = Setting.__new__(Setting)
    setting.root, setting.out = done.root, done.root / "nowhere"
    setting.configs = [path for path in done.configs if path.stem != drop]
    assert setting.run(*more) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("error: ") == 1
    assert not setting.out.exists()
