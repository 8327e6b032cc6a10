"""The chain from data to an evaluated student: it learns, is complete, and can be interrupted."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")
pytest.importorskip("av", reason="training needs av")
pytest.importorskip("matplotlib", reason="the chain draws pictures")

import rppg_fast as rf  # noqa: E402
from tests.support.small_runs import PAPER, SHORT, bits, toml  # noqa: E402
from training.data.clips import Clips  # noqa: E402
from training.evaluate.evaluation import Evaluation  # noqa: E402
from training.evaluate.figures import draw_all  # noqa: E402
from training.evaluate.recordings import evaluate  # noqa: E402
from training.evaluate.validation import predict  # noqa: E402
from training.models.checkpoint import LOG, Checkpoint  # noqa: E402
from training.models.config import load as load_config  # noqa: E402
from training.models.networks import load_model  # noqa: E402
from training.smoke import CONFIGS, EVALUATION, WEIGHTS, chain, main  # noqa: E402
from training.train.trainer import CHECKPOINT  # noqa: E402

pytestmark = pytest.mark.slow

NETWORKS = ("teacher", "plain", "distilled")
STUDENTS = ("plain", "distilled")

CLIPS = 2  # of each kind
SECONDS = 11.0  # leaves two windows of 10 s
CONFIG = replace(SHORT, steps=16, batch=16, peak_learning_rate=1e-3, reverse=0.0, validate_every=8)

# Native float32 against PyTorch's float32, relative to the output's deviation.
NATIVE_TOLERANCE = 1e-5
# Largest effect of such a difference on a heart rate.
RATE_TOLERANCE = 0.01  # bpm
# Mean of the last rows of the log, because a single row is noisy with such a batch.
ROWS = 4
# Correlation of predicted and true changes on the validation clips: 0.61 to 0.68 was seen; without
# learning it is 0.
LEARNED_CORRELATION = 0.4
# Longest time for a process that trains a few steps.
PATIENCE = 120.0  # s


@dataclass(frozen=True)
class Done:
    """The result of a chain without interruption."""

    configs: Path
    out: Path
    evaluations: list[Evaluation]

    def test_clips(self) -> Clips:
        return Clips.open(self.out / "data" / "test")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    configs, out = tmp_path_factory.mktemp("configs"), tmp_path_factory.mktemp("chain")
    for name, config in (
        ("teacher", replace(CONFIG, network="teacher")),
        ("plain", CONFIG),
        ("distilled", replace(CONFIG, distillation=replace(PAPER, middle=0.1, last=0.1))),
    ):
        (configs / f"{name}.toml").write_text(toml(config))

    def draw_the_first(sources: list[Any], evaluations: list[Any], *rest: Any) -> list[Path]:
        return draw_all(sources[:1], evaluations[:1], *rest)  # drawing the others takes long

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.evaluate.figures.draw_all", draw_the_first)
        return Done(configs, out, chain(out, configs, CLIPS, SECONDS))


def test_no_one_is_on_two_sides(done: Done) -> None:
    sides = [
        Clips.open(done.out / "data" / side).subjects for side in ("train", "validation", "test")
    ]
    everyone = [subject for side in sides for subject in side]
    assert len(everyone) == len(set(everyone))
    assert len(sides[0]) == 2 * CLIPS


@pytest.mark.parametrize("name", NETWORKS)
def test_the_loss_falls(name: str, done: Done) -> None:
    with (done.out / name / LOG).open(newline="") as file:
        rows = list(csv.DictReader(file))
    loss = [float(row["task" if name == "distilled" else "loss"]) for row in rows]
    assert len(loss) == CONFIG.steps
    assert np.mean(loss[-ROWS:]) < loss[0]  # the first row has the loss of the initial weights
    assert float(rows[-1]["correlation"]) > LEARNED_CORRELATION


@pytest.mark.parametrize("name", STUDENTS)
def test_exported_weights_give_pytorchs_numbers(name: str, done: Done) -> None:
    clips = done.test_clips()
    model = load_model(Checkpoint.load(done.out / name / CHECKPOINT))
    native = rf.Student.load(done.out / name / WEIGHTS)
    expected = predict(model, clips, CONFIG.input, torch.device("cpu"))
    for i, change in enumerate(expected):
        difference = native(clips[i].motion(CONFIG.input)) - change
        assert np.abs(difference).max() <= NATIVE_TOLERANCE * change.std()


@pytest.mark.parametrize("name", STUDENTS)
def test_the_evaluation_is_that_of_the_networks(name: str, done: Done) -> None:
    found = {evaluation.name: evaluation for evaluation in done.evaluations}
    assert list(found) == [*NETWORKS, "pos"]
    assert found[name].source["kind"] == "weights"
    again = evaluate(str(done.out / name / CHECKPOINT), done.test_clips(), device="cpu")
    assert len(again.recordings) == len(done.test_clips())
    for ours, theirs in zip(found[name].recordings, again.recordings):
        assert ours.name == theirs.name
        assert len(ours.windows) > 0
        difference = ours.windows["heart_rate"] - theirs.windows["heart_rate"]
        assert np.abs(difference).max() <= RATE_TOLERANCE
    assert all(name in (done.out / EVALUATION / "results.md").read_text() for name in found)
    assert list((done.out / EVALUATION).glob("*.png"))


def run_and_kill(command: list[str], log: Path, rows: int) -> None:
    """Start a command, and kill it when its log has ``rows`` rows."""
    # The bits depend on the number of threads, and other tests may have changed it.
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        if log.exists() and len(log.read_text().splitlines()) > rows:
            break
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert log.exists()


def test_a_chain_that_was_killed_ends_with_the_same_bits(
    done: Done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(done.out / "data", tmp_path / "data")
    options = ["--out", tmp_path, "--configs", done.configs]
    options += ["--clips", str(CLIPS), "--seconds", str(SECONDS)]
    run_and_kill(
        [sys.executable, "-m", "training.smoke", *map(str, options)],
        tmp_path / "teacher" / LOG,
        CONFIG.validate_every + 1,
    )
    assert Checkpoint.load(tmp_path / "teacher" / CHECKPOINT).step == CONFIG.validate_every
    # Skip the evaluation after the training: it takes seconds and is not tested here.
    for name in ("smoke.evaluate", "smoke.write_results", "evaluate.figures.draw_all"):
        monkeypatch.setattr(f"training.{name}", lambda *_: None)
    chain(tmp_path, done.configs, CLIPS, SECONDS)
    for name in NETWORKS:
        assert bits(tmp_path / name) == bits(done.out / name), name
    for name in STUDENTS:
        weights = (tmp_path / name / WEIGHTS).read_bytes()
        assert weights == (done.out / name / WEIGHTS).read_bytes()


def test_wrong_options_are_one_line(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path / "out")]
    for options in (
        [*out, "--configs", str(tmp_path)],
        [*out, "--clips", "0"],
        # The folder holds clips of another length.
        ["--out", str(done.out), "--configs", str(done.configs), "--clips", str(CLIPS)],
    ):
        assert main(options) == 2
        said = capsys.readouterr().err.splitlines()
        assert said[-1].startswith("error: ")
        assert not any("Traceback" in line for line in said)


def test_the_configs_that_ship_fit_together() -> None:
    configs = {name: load_config(CONFIGS / f"{name}.toml") for name in NETWORKS}
    assert [config.network for config in configs.values()] == ["teacher", "student", "student"]
    assert replace(configs["distilled"], distillation=None) == configs["plain"]
    assert configs["distilled"].distillation is not None
