from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.student import BUNDLED_WEIGHTS

torch = pytest.importorskip("torch")

from tests.made_up_clips import make_clips  # noqa: E402
from tests.made_up_evaluations import (  # noqa: E402
    PERFECT,
    PERFECT_BPM,
    Floats,
    brightness,
    seen_pulse,
    write_clips,
)
from tests.small_runs import SHORT  # noqa: E402
from training.data.clips import Clips, as_float  # noqa: E402
from training.evaluate.estimators import NetworkSource, open_source  # noqa: E402
from training.evaluate.evaluation import WINDOW, Evaluation  # noqa: E402
from training.evaluate.recordings import evaluate, main  # noqa: E402
from training.evaluate.report import MEASURES, measure, rows  # noqa: E402
from training.evaluate.validation import PREDICT_BATCH, predict, predict_clip  # noqa: E402
from training.models.checkpoint import Checkpoint  # noqa: E402
from training.models.export import fold, load_network, metadata, safetensors  # noqa: E402
from training.models.networks import Student, Teacher  # noqa: E402
from training.train.trainer import CHECKPOINT, execute  # noqa: E402

EXPORT_BPM = 0.01  # tolerance of folding and of other float32 kernels


# --- Predictions


def test_a_long_clip_is_predicted_in_parts_as_at_once(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "clips")
    frames = clips[1]
    assert len(frames.times) > PREDICT_BATCH + 1
    calls: list[int] = []

    def network(motion: Floats, seen: Floats) -> Floats:
        calls.append(len(motion))
        return np.asarray(motion.sum(axis=(1, 2, 3)) + 3 * seen[:, 0, 0, 0], np.float32)

    at_once = network(frames.motion("normalized"), as_float(frames.appearance[:-1]))
    calls.clear()
    np.testing.assert_array_equal(predict_clip(network, frames, "normalized"), at_once)
    assert max(calls) <= PREDICT_BATCH
    assert sum(calls) == len(frames.times) - 1


@pytest.mark.parametrize("network", [Student, Teacher])
def test_a_model_is_predicted_in_evaluation_mode(network: type[Any], tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "clips", seconds=2.0)
    torch.manual_seed(0)
    model = network()
    changes = predict(model, clips, "difference", torch.device("cpu"))
    assert model.training
    model.eval()
    with torch.inference_mode():
        for i, change in enumerate(changes):
            motion = torch.from_numpy(clips[i].motion("difference"))
            seen = torch.from_numpy(as_float(clips[i].appearance[:-1]))
            np.testing.assert_allclose(change, model(motion, seen).numpy(), atol=1e-6)


def test_a_constant_in_the_output_means_nothing(tmp_path: Path) -> None:
    clips = write_clips(tmp_path / "c", [seen_pulse("a", 72.0, 72.0)])

    def offset(motion: Floats, seen: Floats) -> Floats:
        return np.asarray(brightness(motion, seen) + 0.5, np.float32)

    plain = evaluate(PERFECT, clips).recordings[0].windows
    shifted = evaluate(replace(PERFECT, network=offset), clips).recordings[0].windows
    np.testing.assert_allclose(shifted["heart_rate"], plain["heart_rate"], atol=PERFECT_BPM)


def test_weights_and_checkpoint_of_a_student_read_the_same(tmp_path: Path) -> None:
    """Compares the engine's student with PyTorch's student before the export."""
    clips = make_clips(tmp_path / "clips", seconds=11.0)
    execute(SHORT, clips.select(clips.subjects[2:]), None, tmp_path, device="cpu")
    clips = clips.select(clips.subjects[:2])
    source = open_source(str(tmp_path / CHECKPOINT))
    assert isinstance(source, NetworkSource)
    checkpoint = Checkpoint.load(tmp_path / CHECKPOINT)
    student = load_network(checkpoint)
    weights = tmp_path / "student.safetensors"
    weights.write_bytes(safetensors(fold(student).state_dict(), metadata(checkpoint)))
    from_checkpoint = evaluate(source, clips)
    from_weights = evaluate(f"engine={weights}", clips)
    assert from_weights.name == "engine"
    for ours, theirs in zip(from_weights.recordings, from_checkpoint.recordings):
        np.testing.assert_allclose(
            ours.windows["heart_rate"], theirs.windows["heart_rate"], atol=EXPORT_BPM
        )
        assert (ours.windows["ok"] == theirs.windows["ok"]).all()
    for evaluation in (from_checkpoint, from_weights):
        assert evaluation.source["config_sha256"] == SHORT.sha256()
        assert evaluation.source["config"]["steps"] == SHORT.steps


# --- Files


def test_an_evaluation_survives_json(tmp_path: Path) -> None:
    clips = write_clips(tmp_path / "c", [seen_pulse("s", 90.0, None), seen_pulse("a", 72.0, 72.0)])
    evaluation = evaluate(PERFECT, clips, side={"split": "few", "fold": 2})
    text = evaluation.to_json()
    again = Evaluation.from_json(text)
    assert again.to_json() == text
    assert again.data == {"description": "for a test", "sha256": clips.sha256, "split": "few",
                          "fold": 2}  # fmt: skip
    for ours, theirs in zip(again.recordings, evaluation.recordings):
        for column in WINDOW.names or ():
            np.testing.assert_array_equal(ours.windows[column], theirs.windows[column])
    np.testing.assert_array_equal(measure(again.recordings), measure(evaluation.recordings))
    assert "NaN" not in text
    assert json.loads(text)["recordings"][0]["windows"]["true_rate"][0] is None


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda v: [], "not an evaluation"),
        (lambda v: {**v, "format": "other"}, "not an evaluation"),
        (lambda v: {**v, "version": 99}, "version 99"),
        (lambda v: {k: v[k] for k in v if k != "data"}, "damaged.*data"),
        (lambda v: {**v, "recordings": [{"name": "a"}]}, "damaged"),
    ],
)
def test_a_damaged_evaluation_is_refused(damage: Any, message: str, perfect: Evaluation) -> None:
    with pytest.raises(ValueError, match=message):
        Evaluation.from_json(json.dumps(damage(perfect.to_values())))


def test_columns_that_differ_in_length_are_refused(perfect: Evaluation) -> None:
    values = perfect.to_values()
    values["recordings"][1]["windows"]["ok"].pop()
    with pytest.raises(ValueError, match="b: columns of windows differ"):
        Evaluation.from_json(json.dumps(values))


def test_clips_too_short_for_a_window_are_counted_or_refused(tmp_path: Path) -> None:
    short, long = seen_pulse("short", 72.0, 72.0, seconds=9.0), seen_pulse("long", 72.0, 72.0)
    both = rows(evaluate(PERFECT, write_clips(tmp_path / "both", [short, long])), 0)[0]
    assert both.without_window == 1
    assert both.values["mae"] < PERFECT_BPM
    with pytest.raises(ValueError, match="no clip has a full window"):
        evaluate(PERFECT, write_clips(tmp_path / "short", [short]))


def test_times_that_go_back_are_an_error_of_their_clip(tmp_path: Path) -> None:
    clip, frames = seen_pulse("backwards", 72.0, 72.0)
    times = frames.times.copy()
    times[100] = times[98]
    clips = write_clips(tmp_path / "c", [(clip, replace(frames, times=times))])
    with pytest.raises(ValueError, match=r"clip backwards: .*later"):
        evaluate("green", clips)


def test_the_command_writes_all_there_is_to_know(faces: Path, tmp_path: Path) -> None:
    clips = Clips.open(faces)
    split = tmp_path / "split.json"
    one, two, three = clips.subjects
    sides = {"train": [one], "validation": [], "test": [two, three]}
    split.write_text(json.dumps({"name": "tiny", "folds": [sides]}))
    out = tmp_path / "results"
    options = ["--data", str(faces), "--out", str(out), "--split", str(split), "--fold", "0"]
    assert main([*options, "--figures", f"shipped={BUNDLED_WEIGHTS}", "pos"]) == 0

    results = json.loads((out / "results.json").read_text())
    shipped, pos = (Evaluation.from_json(json.dumps(e)) for e in results["evaluations"])
    assert (shipped.name, pos.name) == ("shipped", "pos")
    assert [r.subject for r in shipped.recordings] == [two, three]
    assert shipped.source["sha256"] == rf.Student.load().sha256
    assert shipped.data["split"] == "tiny"
    assert shipped.data["sha256"] == clips.select([two, three]).sha256
    assert shipped.made_with["rppg_fast"] == rf.__version__
    assert results["seed"] == 0

    with (out / "results.csv").open(newline="") as file:
        table = {(r["name"], r["kind"], r["group"]): r for r in csv.DictReader(file)}
    row = table["shipped", "all", "all"]
    expected = dict(zip(MEASURES, measure(shipped.recordings)))
    assert float(row["mae"]) == pytest.approx(expected["mae"], abs=1e-4)
    assert float(row["false_ok"]) == expected["false_ok"]
    assert table["pos", "stratum", "no pulse"]["mae"] == ""
    assert len([r for r in results["measures"] if r["kind"] == "subject"]) == 2 * 2

    text = (out / "results.md").read_text()
    for words in ("fold 0", "## By stratum", "## By skin", "| shipped | pos |", "2 subjects"):
        assert words in text
    for version in (shipped.source["sha256"], shipped.source["config_sha256"]):
        assert version in text
    assert shipped.data["sha256"] in text
    assert str(tmp_path) not in text + json.dumps(results)
    pictures = {path.name for path in out.glob("*.png")}
    assert pictures == {"errors.png", "pulses-shipped.png", "pulses-pos.png",
                        "bland-altman-shipped.png", "bland-altman-pos.png"}  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "'nonsense' is no source"),
        (["missing.pt"], "missing.pt"),
        (["missing.safetensors"], "missing.safetensors"),
        (["pos", "a=pos", "a=green"], "one name"),
        (["pos", "--fold", "0"], "--split and --fold"),
        (["pos", "--part", "validation"], "--part is of a fold"),
        (["pos", "--data", "nowhere"], "nowhere holds no cache"),
        (["pos", "--split", "SPLIT", "--fold", "7"], "folds 0 to 0, not 7"),
        (["pos", "--split", "SPLIT", "--fold", "-1"], "folds 0 to 0, not -1"),
        (["pos", "--split", "SPLIT", "--fold", "0", "--part", "validation"], "nobody"),
        (["pos", "--split", "SPLIT", "--fold", "0"], "no subject stranger"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str], message: str, faces: Path, tmp_path: Path, capsys: Any
) -> None:
    split = tmp_path / "split.json"
    sides = {"train": ["me"], "validation": [], "test": ["stranger"]}
    split.write_text(json.dumps({"name": "tiny", "folds": [sides]}))
    given = [str(split) if a == "SPLIT" else a for a in arguments]
    out = tmp_path / "out"
    assert main(["--data", str(faces), "--out", str(out), *given]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()
