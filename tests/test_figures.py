"""Figures show the data that their labels state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from tests.made_up_clips import make_clips  # noqa: E402
from tests.made_up_evaluations import (  # noqa: E402
    HAND,
    PERFECT,
    seen_pulse,
    write_clips,
)
from tests.small_runs import SHORT  # noqa: E402
from training.data.clips import Clips, as_float  # noqa: E402
from training.evaluate import figures  # noqa: E402
from training.evaluate.evaluation import Evaluation  # noqa: E402
from training.evaluate.recordings import evaluate  # noqa: E402
from training.evaluate.report import rows  # noqa: E402
from training.models.networks import Teacher  # noqa: E402
from training.train.trainer import execute  # noqa: E402


def drawn(line: Any) -> NDArray[np.float64]:
    """Return the points of a line, (points, 2)."""
    return np.asarray(line.get_xydata())


def test_pulses_are_drawn_of_the_best_and_the_worst(tmp_path: Path) -> None:
    clips = write_clips(
        tmp_path / "c",
        [
            seen_pulse("bad", 100.0, 72.0),
            seen_pulse("good", 80.0, 80.0, stratum="easy"),
            seen_pulse("middling", 82.0, 80.0),
        ],
    )
    figure = figures.pulses(PERFECT, evaluate(PERFECT, clips), clips)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0].startswith("smallest mean error, 0.0")
    assert titles[0].endswith("good (easy)")
    assert titles[2].endswith("bad")
    labels = figure.axes[3].get_legend_handles_labels()[1]
    assert labels == ["predicted: 100.0 bpm", "true PPG: 72.0 bpm"]
    line = figure.axes[0].lines[0]
    assert np.ptp(drawn(line)[:, 0]) == pytest.approx(10.0, abs=0.2)


def test_bland_altman_marks_bias_and_limits() -> None:
    evaluation = Evaluation("hand", {}, {}, {}, HAND)
    figure = figures.bland_altman(evaluation)
    levels = sorted(drawn(line)[0, 1] for line in figure.axes[0].lines)
    error = np.array([-2.0, 8.0, 10.0, 6.0])
    assert levels == pytest.approx(
        [error.mean() - 1.96 * error.std(), error.mean(), error.mean() + 1.96 * error.std()]
    )
    points = np.concatenate([np.asarray(c.get_offsets()) for c in figure.axes[0].collections])
    assert sorted(points[:, 1].tolist()) == sorted(error.tolist())


def test_attention_is_that_of_the_teacher(faces: Path) -> None:
    clips = Clips.open(faces)
    torch.manual_seed(0)
    teacher = Teacher().eval()
    figure = figures.attention(teacher, clips)
    images = [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]
    faces_drawn, maps = images[: len(clips)], images[len(clips) :]
    np.testing.assert_allclose(faces_drawn[1], as_float(clips[1].appearance[0]).transpose(1, 2, 0))
    with torch.inference_mode():
        first, second = teacher.attention(torch.from_numpy(as_float(clips[1].appearance[:1])))
    np.testing.assert_allclose(maps[1], first[0, 0].numpy(), atol=1e-5)
    np.testing.assert_allclose(maps[len(clips) + 1], second[0, 0].numpy(), atol=1e-5)


def test_bars_show_each_stratum_of_each_source(perfect: Evaluation) -> None:
    figure = figures.errors([perfect, replace(perfect, name="again")])
    left: Any = figure.axes[0]
    assert [text.get_text() for text in left.get_yticklabels()] == ["slow", "fast"]
    assert len(left.patches) == 2 * 2
    slow = rows(perfect, 0)[1]
    assert slow.group == "slow"
    assert left.containers[0].patches[0].get_width() == pytest.approx(slow.values["mae"])
    people = [replace(r, groups={}) for r in perfect.recordings]
    figure = figures.errors([replace(perfect, recordings=tuple(people))])
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["one", "two"]


def test_losses_are_drawn_from_logs(tmp_path: Path, capsys: Any) -> None:
    clips = make_clips(tmp_path / "clips", seconds=3.0)
    validation = make_clips(tmp_path / "validation", seed=1, seconds=3.0)
    run = tmp_path / "run"
    execute(SHORT, clips, validation, run, device="cpu")
    log = figures.read_log(run / "log.csv")
    assert [row["step"] for row in log] == list(range(1, SHORT.steps + 1))
    figure = figures.losses({"run": log})
    assert drawn(figure.axes[0].lines[0])[:, 1].tolist() == [row["loss"] for row in log]
    assert drawn(figure.axes[1].lines[0])[:, 0].tolist() == [
        2,
        4,
        6,
    ]  # only rows with a validation have an SNR
    picture = tmp_path / "losses.png"
    assert figures.main(["--out", str(picture), str(run)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    (run / "log.csv").write_text("step,loss\n1,much\n")
    assert figures.main(["--out", str(picture), str(run)]) == 2
    assert "log.csv: not the log of a run" in capsys.readouterr().err
