from __future__ import annotations

import csv
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.student import BUNDLED_WEIGHTS
from tests.clips import BOX, frame_times, skin

torch = pytest.importorskip("torch")
from scipy import signal  # noqa: E402

from tests.made_up_clips import RATES, make_clips  # noqa: E402
from tests.small_runs import SHORT  # noqa: E402
from training import figures  # noqa: E402
from training.checkpoint import Checkpoint  # noqa: E402
from training.data.clips import Clip, Clips, ClipWriter, Frames, as_float, as_stored  # noqa: E402
from training.data.ingredients import OFF  # noqa: E402
from training.data.scene import sample_scene  # noqa: E402
from training.data.synthetic import Recipe, Stratum, make_cache  # noqa: E402
from training.evaluate import CALM, conditions, evaluate, main  # noqa: E402
from training.evaluation import WINDOW, Evaluation, Recording  # noqa: E402
from training.export import fold, load_student, metadata, safetensors  # noqa: E402
from training.models import Student, Teacher  # noqa: E402
from training.readout import true_windows, window_ends  # noqa: E402
from training.report import MEASURES, groups, mean_over_folds, measure, rows  # noqa: E402
from training.run import CHECKPOINT, execute  # noqa: E402
from training.score import PREDICT_BATCH, predict, predict_clip  # noqa: E402
from training.sources import NetworkSource, open_source  # noqa: E402

Floats = NDArray[np.float32]

# Appearance is stored in steps of 1/257 of a grey level, so a level of a pulse differs a little
# from the live one; a rate then differs by some 1e-3 bpm.
LIVE_TOLERANCE_BPM = 0.02
LIVE_TOLERANCE_DB = 0.05
PERFECT_BPM = 0.05  # 16 bits of appearance
SCIPY_BPM = 0.5  # points picked, in place of averages over cells of the grid
EXPORT_BPM = 0.01  # folding and other kernels: the engine's float32 tier


def write_clips(folder: Path, clips: list[tuple[Clip, Frames]]) -> Clips:
    start, placed = 0, []
    for clip, frames in clips:
        placed.append(replace(clip, start=start, stop=start + len(frames.times)))
        start += len(frames.times)
    writer = ClipWriter(folder, {"description": "for a test"}, placed)
    for i, (_, frames) in enumerate(clips):
        writer.write(i, frames)
    writer.finish()
    return Clips.open(folder)


def seen_pulse(
    name: str,
    seen_bpm: float,
    true_bpm: float | None,
    seconds: float = 13.0,
    subject: str | None = None,
    stratum: str = "",
    noise: bool = False,
    pause: float = 0.0,
) -> tuple[Clip, Frames]:
    """Make a clip whose whole brightness is a sine, of the true pulse's rate or another."""
    times = np.arange(round(30 * seconds)) / 30.0 + 2.0
    times[len(times) // 2 :] += pause
    level = np.sin(2 * np.pi * seen_bpm / 60 * times)
    if noise:
        level = np.random.default_rng(len(name)).normal(size=times.size)
    appearance = np.broadcast_to(
        (0.5 + 0.1 * level)[:, None, None, None].astype(np.float32), (times.size, 3, 36, 36)
    )
    rate = true_bpm or 0.0
    pulse = np.sqrt(2) * np.sin(2 * np.pi * rate / 60 * times).astype(np.float32)
    frames = Frames(
        as_stored(appearance), pulse, times, np.full(times.size, true_bpm or np.nan, np.float32)
    )
    return Clip(name, subject or name, 0, 0, 30.0, true_bpm, stratum, {}), frames


def brightness(motion: Floats, _: Floats) -> Floats:
    """Predict the change of the whole brightness: perfect for ``seen_pulse``."""
    return np.asarray(motion.mean(axis=(1, 2, 3)))


PERFECT = NetworkSource("perfect", {}, brightness, "difference", None, [])


def everything(evaluation: Evaluation) -> dict[str, float]:
    return dict(zip(MEASURES, measure(evaluation.recordings)))


# --- The engine's own windows


@pytest.mark.parametrize("method", ["student", "pos", "green"])
@pytest.mark.parametrize("amplitude", [0.02, 0.0])
def test_windows_are_those_of_a_live_measurement(
    method: str, amplitude: float, tmp_path: Path
) -> None:
    """Uneven frames with a pause of a second: the same windows, rates and status."""
    times = [t + (1.0 if t > 12.5 else 0.0) for t in frame_times(29.97, 24.0, jitter=0.4)]
    video = list(skin(times, 84.0, amplitude))
    live = rf.measure_frames(video, rf.HeartRateMonitor(method=method, box=BOX)).windows
    assert len(live) >= 4
    assert {w.status for w in live} == {rf.Status.OK if amplitude else rf.Status.LOW_SIGNAL}

    seen = np.stack([rf.appearance(frame, BOX) for frame, _ in video])
    clip, frames = seen_pulse("skin", 84.0, 84.0)
    nothing = np.zeros(len(times), np.float32)
    frames = Frames(as_stored(seen), nothing, np.array(times), nothing)
    source = open_source(str(BUNDLED_WEIGHTS) if method == "student" else method)
    ends = window_ends(frames.times)
    windows = source.windows(write_clips(tmp_path / "c", [(clip, frames)])[0], ends)

    assert len(windows) == len(live)
    for ours, theirs in zip(windows, live):
        assert ours.reading.status == theirs.status
        assert ours.reading.end == pytest.approx(theirs.end, abs=1e-9)
        assert ours.reading.start == pytest.approx(theirs.start, abs=1e-9)
        assert ours.times[-1] < theirs.end
        if amplitude:
            assert ours.reading.heart_rate == pytest.approx(
                theirs.heart_rate, abs=LIVE_TOLERANCE_BPM
            )
            assert ours.reading.snr_db == pytest.approx(theirs.snr_db, abs=LIVE_TOLERANCE_DB)


def test_no_window_spans_a_pause() -> None:
    _, frames = seen_pulse("paused", 72.0, 72.0, seconds=26.0, pause=0.6)
    middle = float(frames.times[len(frames.times) // 2])
    windows = true_windows(frames, window_ends(frames.times))
    before = [w for w in windows if w.reading.end < middle]
    after = [w for w in windows if w.reading.start >= middle]
    assert len(before) >= 3
    assert len(after) >= 3
    assert len(before) + len(after) == len(windows)


def test_frames_too_slow_for_the_band_leave_no_window() -> None:
    assert window_ends(np.arange(150) / 7.0) == []
    assert len(window_ends(np.arange(150) / 9.0)) >= 6


def test_rates_of_windows_are_those_of_scipy() -> None:
    """Band-pass of the paper and the largest line of a window of 10 s, every second."""
    random = np.random.default_rng(5)
    times = np.arange(900) / 30.0
    phase = 2 * np.pi * np.cumsum(1.3 + 0.1 * np.sin(times / 4)) / 30
    pulse = np.sin(phase) + 0.2 * random.normal(size=times.size)
    nothing = np.zeros((times.size, 3, 36, 36), np.uint16)
    frames = Frames(nothing, pulse.astype(np.float32), times, np.zeros(times.size, np.float32))
    windows = true_windows(frames, window_ends(times))
    assert len(windows) == 21
    sections = signal.butter(2, (0.7, 4.0), "bandpass", fs=30, output="sos")
    filtered = signal.sosfilt(sections, pulse - pulse[0])
    for window in windows:
        last = int(np.searchsorted(times, window.reading.end))
        part = filtered[max(0, last - 300) : last]
        frequencies, power = signal.periodogram(part, 30, "hann", nfft=1 << 15)
        expected = 60 * frequencies[np.argmax(power * (frequencies > 0.7) * (frequencies < 4))]
        assert window.spectrum.heart_rate == pytest.approx(expected, abs=SCIPY_BPM)


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
    """The engine's student, and PyTorch's before it was exported."""
    clips = make_clips(tmp_path / "clips", seconds=11.0)
    execute(SHORT, clips.select(clips.subjects[2:]), None, tmp_path, device="cpu")
    clips = clips.select(clips.subjects[:2])
    source = open_source(str(tmp_path / CHECKPOINT))
    assert isinstance(source, NetworkSource)
    checkpoint = Checkpoint.load(tmp_path / CHECKPOINT)
    student = load_student(checkpoint)
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


# --- What the numbers say


@pytest.fixture(scope="module")
def perfect(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    clips = [
        seen_pulse("a", 55.0, 55.0, subject="one", stratum="slow"),
        seen_pulse("b", 72.0, 72.0, subject="one", stratum="slow"),
        seen_pulse("c", 150.0, 150.0, subject="two", stratum="fast"),
    ]
    return evaluate(PERFECT, write_clips(tmp_path_factory.mktemp("e") / "clips", clips))


def test_a_perfect_prediction_has_no_error(perfect: Evaluation) -> None:
    values = everything(perfect)
    for name in ("mae", "rmse", "window_mae", "window_rmse", "ok_mae"):
        assert values[name] < PERFECT_BPM, name
    for name in ("within_5", "within_3", "coverage", "ok_within_5"):
        assert values[name] == 1.0, name
    assert values["correlation"] == pytest.approx(1.0, abs=1e-6)
    assert values["snr_db"] > 10
    assert math.isnan(values["false_ok"])
    assert perfect.recordings[2].windows["true_rate"] == pytest.approx(150.0, abs=0.3)


def test_a_clear_but_wrong_rate_shows_as_wrong(tmp_path: Path) -> None:
    clips = write_clips(tmp_path / "c", [seen_pulse("a", 100.0, 72.0)])
    values = everything(evaluate(PERFECT, clips))
    assert values["mae"] == pytest.approx(28.0, abs=0.5)
    assert values["rmse"] == pytest.approx(28.0, abs=0.5)
    assert values["within_5"] == 0.0
    assert values["snr_db"] < -10
    assert values["coverage"] == 1.0  # nothing in such a clip says that it is wrong
    assert values["ok_mae"] == pytest.approx(28.0, abs=0.5)


def test_noise_is_hardly_ever_ok_and_yet_counts(tmp_path: Path) -> None:
    clips = [seen_pulse("n" * (1 + i), 72.0, 72.0, noise=True) for i in range(4)]
    evaluation = evaluate(PERFECT, write_clips(tmp_path / "c", clips))
    values = everything(evaluation)
    assert values["coverage"] < 0.2
    assert values["mae"] > 10
    assert values["within_3"] < 0.5
    assert not math.isnan(values["window_mae"])


def test_a_clip_without_pulse_has_no_error_but_can_be_read_wrongly(tmp_path: Path) -> None:
    alone = write_clips(tmp_path / "alone", [seen_pulse("s", 90.0, None)])
    values = everything(evaluate(PERFECT, alone))
    assert values.pop("false_ok") == 1.0
    assert all(math.isnan(value) for value in values.values())
    both = [seen_pulse("s", 90.0, None), seen_pulse("a", 72.0, 72.0)]
    values = everything(evaluate(PERFECT, write_clips(tmp_path / "both", both)))
    assert values["mae"] < PERFECT_BPM
    assert values["coverage"] == 1.0
    silent = make_clips(tmp_path / "made-up")
    pos = evaluate("pos", silent)
    assert [r.has_pulse for r in pos.recordings] == [True] * len(RATES) + [False]
    assert everything(pos)["false_ok"] == 0.0


def recording(name: str, subject: str, *windows: tuple[float, float, float, bool]) -> Recording:
    """Build one from (heart rate, true rate, SNR, ok); a true rate of 0 is none."""
    table = np.zeros(len(windows), WINDOW)
    for row, (rate, true, snr, ok) in zip(table, windows):
        row["heart_rate"], row["true_rate"], row["true_snr_db"] = rate, true or np.nan, snr
        row["ok"] = ok
    has_pulse = not windows or bool(windows[0][1])
    return Recording(name, subject, {}, has_pulse, table)


HAND = (
    recording("a", "x", (70.0, 72.0, 5.0, True), (80.0, 72.0, 1.0, False)),
    recording("b", "y", (90.0, 80.0, -6.0, True), (86.0, 80.0, 0.0, True)),
    recording("c", "z", (60.0, 0.0, 0.0, True), (61.0, 0.0, 0.0, False)),
    recording("d", "z"),
)


def test_measures_of_a_case_worked_by_hand() -> None:
    values = dict(zip(MEASURES, measure(HAND)))
    # Recordings: means 75 against 72, 88 against 80. Windows: -2, 8, 10, 6.
    assert values["mae"] == 5.5
    assert values["rmse"] == pytest.approx(math.sqrt((9 + 64) / 2))
    assert values["window_mae"] == 6.5
    assert values["window_rmse"] == pytest.approx(math.sqrt((4 + 64 + 100 + 36) / 4))
    assert values["within_5"] == 0.25
    assert values["within_3"] == 0.25
    assert values["snr_db"] == 0.0
    assert values["coverage"] == 0.75
    assert values["ok_mae"] == 6.0
    assert values["ok_within_5"] == pytest.approx(1 / 3)
    assert values["false_ok"] == 0.5
    expected = np.corrcoef([70, 80, 90, 86], [72, 72, 80, 80])[0, 1]
    assert values["correlation"] == pytest.approx(expected)


def test_rows_count_what_they_rest_on() -> None:
    evaluation = Evaluation("hand", {}, {"description": "d"}, {}, HAND)
    first = rows(evaluation, 0)[0]
    assert (first.kind, first.group) == ("all", "all")
    assert (first.subjects, first.recordings) == (3, 4)
    assert (first.windows, first.without_window) == (6, 1)
    low, high = first.intervals["mae"]
    assert low <= first.values["mae"] <= high
    one = next(r for r in rows(evaluation, 0) if (r.kind, r.group) == ("subject", "x"))
    assert math.isnan(one.intervals["mae"][0])


def test_folds_are_averaged_as_the_paper_does() -> None:
    mean = mean_over_folds([Evaluation("hand", {}, {}, {}, (r,)) for r in HAND[:2]])
    assert mean["mae"] == pytest.approx((3.0 + 8.0) / 2)
    assert mean["rmse"] == 5.5  # not the 6.04 of all recordings together
    assert mean["ok_mae"] == pytest.approx((2.0 + 8.0) / 2)


def test_groups_are_complete_and_disjoint(perfect: Evaluation) -> None:
    found = groups(perfect.recordings)
    assert [r.name for r in found["all", "all"]] == ["a", "b", "c"]
    assert [r.name for r in found["stratum", "slow"]] == ["a", "b"]
    assert [r.name for r in found["subject", "one"]] == ["a", "b"]
    for kind in ("stratum", "subject"):
        members = [r.name for (k, _), group in found.items() if k == kind for r in group]
        assert sorted(members) == ["a", "b", "c"]


def test_scenes_are_sorted_by_skin_and_motion() -> None:
    found: dict[tuple[str, str], int] = {}
    for index in range(120):
        scene = sample_scene(17, index)
        clip = Clip("n", "s", 0, 1, 30.0, 60.0, "", scene.to_json())
        kinds = conditions(clip)
        assert set(kinds) == {"skin", "motion"}
        third = ("light", "medium", "dark").index(kinds["skin"])
        assert third / 3 <= scene.skin.melanin <= (third + 1) / 3
        still = scene.motion.rhythm == 0 and scene.motion.moves == 0
        assert (kinds["motion"] in ("calm", "swaying")) == still
        if still:
            assert (kinds["motion"] == "calm") == (scene.motion.sway <= CALM)
        for kind in kinds.items():
            found[kind] = found.get(kind, 0) + 1
    assert len(found) == 3 + 4  # each occurs
    darkest = sample_scene(17, 0).to_json()
    darkest["skin"]["melanin"] = 1.0
    clip = Clip("n", "s", 0, 1, 30.0, 60.0, "hard", darkest)
    assert conditions(clip)["skin"] == "dark"
    assert conditions(clip)["stratum"] == "hard"
    assert conditions(replace(clip, scene={}, stratum="")) == {}


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


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny benchmark."""
    folder = tmp_path_factory.mktemp("faces") / "clips"
    silent = {"pulse.amplitude": OFF}
    make_cache(
        Recipe("tiny", 4711, 11.0, (Stratum("any", 2, {}), Stratum("no pulse", 1, silent))), folder
    )
    return folder


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


# --- Pictures


def drawn(line: Any) -> NDArray[np.float64]:
    """Give the points of a line, (points, 2)."""
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
    ]  # only validations have an SNR
    picture = tmp_path / "losses.png"
    assert figures.main(["--out", str(picture), str(run)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    (run / "log.csv").write_text("step,loss\n1,much\n")
    assert figures.main(["--out", str(picture), str(run)]) == 2
    assert "log.csv: not the log of a run" in capsys.readouterr().err
