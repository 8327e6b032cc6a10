"""Batches, labels, scores, checkpoints and the training loop, on tiny made-up clips."""

from __future__ import annotations

import csv
import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")

import rppg_fast as rf  # noqa: E402
from rppg_fast.student import BUNDLED_WEIGHTS  # noqa: E402
from tests.support.made_up_clips import make_clips  # noqa: E402
from tests.support.small_runs import CONFIG, SHORT, bits, killed_at, write  # noqa: E402
from training.data.clips import Clips, as_float  # noqa: E402
from training.evaluate.validation import predict, score  # noqa: E402
from training.models.checkpoint import (  # noqa: E402
    LOG,
    Checkpoint,
    fingerprint,
)
from training.models.config import Config  # noqa: E402
from training.models.networks import Student, Teacher, load_model  # noqa: E402
from training.support.files import replace_file  # noqa: E402
from training.support.parallel import Processes  # noqa: E402
from training.synthetic.scene import BENCHMARK_SEED  # noqa: E402
from training.train.batches import Batches  # noqa: E402
from training.train.labels import labels  # noqa: E402
from training.train.start import Start, read_start  # noqa: E402
from training.train.train import main  # noqa: E402
from training.train.trainer import CHECKPOINT, Trainer, execute  # noqa: E402

# For a noiseless clip of 12 s with a constant heart rate: far below a spectral bin.
CLEAN_HEART_RATE_TOLERANCE = 0.5
# Loss after 40 steps on clips whose motion is the label times a pattern, plus noise: 0.05 was seen.
LEARNED_LOSS = 0.25
# bfloat16 has 8 significant bits: 0.4 % per product, less for the loss over a batch.
BFLOAT16_LOSS_TOLERANCE = 0.02
# A float32 convolution of other batches, or with another memory layout.
SAME_TOLERANCE = 1e-5

CPU = torch.device("cpu")
ALONE = Processes()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Return training clips."""
    return make_clips(tmp_path_factory.mktemp("clips") / "train", seed=1)


@pytest.fixture(scope="module")
def validation(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Return clips of other subjects."""
    return make_clips(tmp_path_factory.mktemp("clips") / "validation", seed=2)


def plain_labels(clips: Clips) -> NDArray[np.float32]:
    return labels(clips, 0.0)[0]


def make_batches(clips: Clips, config: Config = CONFIG, processes: Processes = ALONE) -> Batches:
    return Batches(clips, config, plain_labels(clips), CPU, processes)


# --- The batches


def test_a_batch_follows_from_seed_and_step_alone(clips: Clips) -> None:
    batches, again = make_batches(clips), make_batches(clips)
    batches(0)
    for ours, theirs in zip(batches(7)[:4], again(7)[:4]):
        assert torch.equal(ours, theirs)
    other_seed = make_batches(clips, replace(CONFIG, seed=4))
    assert not torch.equal(batches(7).motion, batches(8).motion)
    assert not torch.equal(batches(7).motion, other_seed(7).motion)


def test_clips_are_drawn_alike_whatever_their_length(clips: Clips) -> None:
    frames = make_batches(clips, replace(CONFIG, batch=40_000)).draw(0).frame
    share = np.histogram(frames, [clip.start for clip in clips.clips] + [clips.clips[-1].stop])[0]
    # the standard deviation of a share of 10,000 in 40,000 is 87
    np.testing.assert_allclose(share, 10_000, atol=450)
    first = clips.clips[0]
    # All steps of a clip, but none from its last frame to the next clip.
    drawn = set(frames[frames < first.stop].tolist())
    assert drawn == set(range(first.start, first.stop - 1))


def test_flips_and_reversals_do_what_they_say(clips: Clips) -> None:
    batches = make_batches(clips)
    draw, batch, label = batches.draw(0), batches(0), plain_labels(clips)
    seen = set()
    for i, frame in enumerate(draw.frame):
        a, b = as_float(clips.appearance[frame : frame + 2])
        expected = label[frame]
        if draw.reverse[i]:  # a step that is played backwards begins with its last frame
            a, b, expected = b, a, -expected
        motion = rf.motion(a[None], b[None], kind="normalized")[0]
        if draw.flip[i]:
            motion, a = motion[:, :, ::-1], a[:, :, ::-1]
        np.testing.assert_array_equal(batch.motion[i].numpy(), motion)
        np.testing.assert_array_equal(batch.appearance[i].numpy(), a)
        assert float(batch.label[i]) == expected
        seen.add((bool(draw.flip[i]), bool(draw.reverse[i])))
    assert len(seen) == 4


def test_the_kind_of_motion_is_the_configs(clips: Clips) -> None:
    config = replace(CONFIG, flip=0.0, reverse=0.0, input="difference")
    batches = make_batches(clips, config)
    frame = batches.draw(0).frame
    a, b = as_float(clips.appearance[frame]), as_float(clips.appearance[frame + 1])
    expected = rf.motion(a, b, kind="difference")
    np.testing.assert_array_equal(batches(0).motion.numpy(), expected)


def test_batches_of_some_subjects_show_those_alone(clips: Clips) -> None:
    some = clips.select([clips.subjects[2], clips.subjects[0]])
    batches = make_batches(some, replace(CONFIG, batch=5000))
    frames = set(batches.draw(0).frame.tolist())
    kept = [clips.clips[0], clips.clips[2]]
    assert frames == {i for clip in kept for i in range(clip.start, clip.stop - 1)}
    assert bool(torch.isfinite(make_batches(some)(0).label).all())


@pytest.mark.parametrize("count", [2, 4])
def test_processes_share_out_one_batch(clips: Clips, count: int) -> None:
    whole = make_batches(clips)(5)
    for rank in range(count):
        part = make_batches(clips, processes=Processes(rank, count))(5)
        for ours, all_ in zip(part[:4], whole[:4]):
            assert torch.equal(ours, all_[rank::count])


def test_a_batch_that_cannot_be_shared_out_is_refused(clips: Clips) -> None:
    with pytest.raises(ValueError, match="3 processes cannot share a batch of 32"):
        make_batches(clips, processes=Processes(0, 3))


# --- Labels


def test_labels_are_the_changes_with_unit_deviation(clips: Clips) -> None:
    label, deviation = labels(clips, 0.0)
    changes = [clips[i].change for i in range(len(clips))]
    assert deviation == pytest.approx(float(np.concatenate(changes).std()))
    for clip, change in zip(clips.clips, changes):
        steps = label[clip.start : clip.stop - 1]
        np.testing.assert_allclose(steps * deviation, change, atol=1e-6)
        assert np.isnan(label[clip.stop - 1]), "no step begins with the last frame"
    some = clips.select(clips.subjects[:1])
    label, deviation = labels(some, 0.0)
    assert deviation == pytest.approx(float(changes[0].std()))
    assert len(label) == len(clips.pulse)
    assert np.isnan(label[some.clips[0].stop :]).all()


def test_labels_follow_the_pulses_amplitude(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "clips", seed=1)
    with pytest.raises(ValueError, match="clip made-up-1-0 does not say its pulse's amplitude"):
        labels(clips, 0.5)
    for index, clip in enumerate(clips.clips):
        clip.scene["pulse"] = {"amplitude": 0.01 * (index + 1) ** 2}
    label, deviation = labels(clips, 0.5)
    assert np.nanstd(label) == pytest.approx(1.0)
    for index, clip in enumerate(clips.clips):
        np.testing.assert_allclose(
            label[clip.start : clip.stop - 1] * deviation,
            clips[index].change * 0.1 * (index + 1),
            atol=1e-6,
        )
    for clip in clips.clips:
        clip.scene["pulse"] = {"amplitude": 0.0}
    with pytest.raises(ValueError, match="no clip has a pulse to learn"):
        labels(clips, 0.5)


@pytest.mark.parametrize("kind", ["normalized", "difference"])
def test_a_clip_played_backwards_has_the_motion_negated(kind: str) -> None:
    a, b = np.random.default_rng(0).random((2, 4, 3, 36, 36), dtype=np.float32)
    np.testing.assert_array_equal(rf.motion(b, a, kind), -rf.motion(a, b, kind))


# --- Scores


def test_true_changes_score_perfectly_and_noise_does_not(validation: Clips) -> None:
    changes = [5 * validation[i].change for i in range(len(validation))]
    best = score(validation, changes)
    assert best.correlation == pytest.approx(1)
    assert best.mae_bpm < CLEAN_HEART_RATE_TOLERANCE
    assert best.within_3_bpm == 1
    assert best.snr_db > 10
    random = np.random.default_rng(0)
    worst = score(validation, [random.normal(size=len(c)).astype(np.float32) for c in changes])
    assert abs(worst.correlation) < 0.3
    assert worst.snr_db < 0
    assert worst.mae_bpm > 10


def test_clips_without_a_pulse_are_refused_if_there_are_no_others(validation: Clips) -> None:
    silent = validation.select(validation.subjects[-1:])
    with pytest.raises(ValueError, match="no clip has a pulse"):
        score(silent, [silent[0].change])


@pytest.mark.parametrize("network", [Student, Teacher])
def test_predicting_leaves_the_model_as_it_was(validation: Clips, network: Any) -> None:
    some = validation.select(validation.subjects[:1])
    torch.manual_seed(0)
    model = network()
    before = fingerprint(model.state_dict())
    (change,) = predict(model, some, "normalized", CPU)
    assert model.training
    assert fingerprint(model.state_dict()) == before
    assert change.dtype == np.float32
    # The whole clip at once: the motion of each step with its earlier frame.
    frames = some[0]
    with torch.inference_mode():
        expected = model.eval()(
            torch.from_numpy(frames.motion("normalized")),
            torch.from_numpy(as_float(frames.appearance[:-1])),
        ).numpy()
    np.testing.assert_allclose(change, expected, rtol=0, atol=SAME_TOLERANCE * expected.std())


# --- Training


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / LOG).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_training_learns_what_the_clips_show(
    clips: Clips, validation: Clips, tmp_path: Path
) -> None:
    execute(CONFIG, clips, validation, tmp_path, device="cpu")
    rows = rows_of(tmp_path)
    assert [int(row["step"]) for row in rows] == [10, 20, 30, 40]
    losses = [float(row["loss"]) for row in rows]
    assert losses[-1] < LEARNED_LOSS < losses[0]
    assert [row["mae_bpm"] != "" for row in rows] == [False, True] * 2
    assert float(rows[-1]["correlation"]) > 0.9
    assert float(rows[-1]["mae_bpm"]) < CLEAN_HEART_RATE_TOLERANCE
    checkpoint = Checkpoint.load(tmp_path / CHECKPOINT)
    assert checkpoint.step == 40
    assert checkpoint.config == CONFIG
    assert (checkpoint.data, checkpoint.validation) == (
        "made-up clips, seed 1",
        "made-up clips, seed 2",
    )
    assert checkpoint.data_sha256 == clips.sha256
    assert (checkpoint.start, checkpoint.teacher, checkpoint.helper) == ("", "", {})
    assert checkpoint.label_std == pytest.approx(labels(clips, 0.0)[1])


def test_a_logged_loss_is_the_mean_since_the_row_before(clips: Clips, tmp_path: Path) -> None:
    config = replace(SHORT, steps=4, log_every=2, validate_every=2, batch=4)
    run = Trainer(config, clips, None, CPU)
    losses = [float(run.training_step()[0]) for _ in range(4)]
    execute(config, clips, None, tmp_path, device="cpu")
    for row, expected in zip(rows_of(tmp_path), (losses[:2], losses[2:])):
        assert float(row["loss"]) == pytest.approx(np.mean(expected), rel=SAME_TOLERANCE)


def test_a_teacher_is_trained_like_a_student(clips: Clips, tmp_path: Path) -> None:
    config = replace(SHORT, network="teacher", batch=16, steps=10, validate_every=10)
    config = replace(config, peak_learning_rate=5e-4)
    execute(config, clips, None, tmp_path, device="cpu")
    losses = [float(row["loss"]) for row in rows_of(tmp_path)]
    assert losses[-1] < 0.7 * losses[0]
    teacher = load_model(Checkpoint.load(tmp_path / CHECKPOINT))
    assert isinstance(teacher, Teacher)
    assert not teacher.training
    assert int(teacher.motion.norms[0].num_batches_tracked) == 10  # type: ignore[arg-type]


def test_a_run_needs_no_validation(clips: Clips, tmp_path: Path) -> None:
    execute(replace(SHORT, steps=2), clips, None, tmp_path, device="cpu")
    rows = rows_of(tmp_path)
    assert [row["step"] for row in rows] == ["1", "2"]
    assert all(row["loss"] and not row["correlation"] for row in rows)
    assert Checkpoint.load(tmp_path / CHECKPOINT).validation == ""


def test_nobody_is_validated_on_who_is_trained_on(
    clips: Clips, validation: Clips, tmp_path: Path
) -> None:
    some, others = clips.select(clips.subjects[:2]), clips.select(clips.subjects[2:])
    Trainer(SHORT, some, others, CPU)
    overlap = clips.select(clips.subjects[1:])
    with pytest.raises(ValueError, match="subject made-up-1-1 is one of the training data"):
        execute(SHORT, some, overlap, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


@pytest.fixture(scope="module")
def few(validation: Clips) -> Clips:
    """Return validation clips that need little time."""
    return validation.select(validation.subjects[:1])


@pytest.fixture(scope="module")
def whole(clips: Clips, few: Clips, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a short run without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    execute(SHORT, clips, few, folder, device="cpu")
    return folder


@pytest.mark.parametrize("step", [1, 2, 5])
def test_a_killed_and_resumed_run_ends_with_the_same_bits(
    clips: Clips, few: Clips, whole: Path, tmp_path: Path, step: int
) -> None:
    with killed_at(step):
        execute(SHORT, clips, few, tmp_path, device="cpu")
    assert Checkpoint.load(tmp_path / CHECKPOINT).step == step // 2 * 2
    torch.manual_seed(99)  # a new process may have any random state
    execute(SHORT, clips, few, tmp_path, resume=True, device="cpu")
    ours, theirs = bits(tmp_path), bits(whole)
    assert len(ours) > 60  # all tensors of model and optimizer, schedule and log
    assert ours == theirs


def test_bfloat16_steps_are_close_to_those_in_float32(clips: Clips) -> None:
    config = replace(CONFIG, batch=8)
    runs = [
        Trainer(replace(config, precision=p), clips, None, CPU) for p in ("float32", "bfloat16")
    ]
    for _ in range(3):
        exact, rounded = (float(run.training_step()[0]) for run in runs)
        assert rounded != exact
        assert rounded == pytest.approx(exact, rel=BFLOAT16_LOSS_TOLERANCE)
    assert all(p.dtype == torch.float32 for p in runs[1].model.parameters())


def test_a_run_is_neither_overwritten_nor_made_up(
    clips: Clips, validation: Clips, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="no checkpoint to resume"):
        execute(CONFIG, clips, None, tmp_path / "none", resume=True, device="cpu")
    out = tmp_path / "run"
    short = replace(SHORT, steps=2)
    execute(short, clips, None, out, device="cpu")
    with pytest.raises(ValueError, match="already holds a run"):
        execute(short, clips, None, out, device="cpu")
    other = replace(short, seed=5, batch=16)
    with pytest.raises(ValueError, match="another seed, batch"):
        execute(other, clips, None, out, resume=True, device="cpu")
    with pytest.raises(ValueError, match="other data: made-up clips, seed 1"):
        execute(short, validation, None, out, resume=True, device="cpu")
    with pytest.raises(ValueError, match="other data"):
        execute(short, clips.select(clips.subjects[1:]), None, out, resume=True, device="cpu")


def test_a_run_may_begin_with_given_weights(clips: Clips, tmp_path: Path) -> None:
    torch.manual_seed(7)
    model = Student()
    given = fingerprint(model.state_dict())
    with killed_at(0):
        execute(SHORT, clips, None, tmp_path, device="cpu", start=Start(model, "abc"))
    checkpoint = Checkpoint.load(tmp_path / CHECKPOINT)
    assert checkpoint.start == "abc"
    assert fingerprint(checkpoint.model) == given
    with pytest.raises(ValueError, match="other first weights"):
        execute(SHORT, clips, None, tmp_path, resume=True, device="cpu")


def test_a_run_starts_from_a_checkpoint_of_the_same_network(
    clips: Clips, validation: Clips, tmp_path: Path
) -> None:
    teacher = replace(SHORT, network="teacher", steps=2)
    execute(teacher, clips.select(clips.subjects[1:]), None, tmp_path / "first", device="cpu")
    first = tmp_path / "first" / CHECKPOINT
    start = read_start(first, clips, teacher)
    assert fingerprint(start.model.state_dict()) == fingerprint(Checkpoint.load(first).network)
    own = clips.select(clips.subjects[:1])
    with killed_at(0):
        execute(teacher, own, validation, tmp_path / "second", device="cpu", start=start)
    second = Checkpoint.load(tmp_path / "second" / CHECKPOINT)
    assert fingerprint(second.model) == fingerprint(Checkpoint.load(first).network)
    assert second.subjects == sorted(clips.subjects)
    with pytest.raises(ValueError, match="is one of the training data, too"):
        execute(teacher, own, clips, tmp_path / "third", device="cpu", start=start)


def test_a_start_that_does_not_fit_is_refused(clips: Clips, tmp_path: Path) -> None:
    with killed_at(2):
        execute(SHORT, clips, None, tmp_path, device="cpu")
    checkpoint = tmp_path / CHECKPOINT
    with pytest.raises(ValueError, match="stands at step 2 of 6; finish it with --resume"):
        read_start(checkpoint, clips, SHORT)
    teacher = replace(SHORT, network="teacher")
    with pytest.raises(ValueError, match="made with network = 'student', the config says"):
        read_start(checkpoint, clips, teacher)
    with pytest.raises(ValueError, match="a weights file can start a student only"):
        read_start(BUNDLED_WEIGHTS, clips, teacher)


# --- Files


def full_disk(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_loses_no_earlier_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(OSError, match="No space left"):
            replace_file(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_a_run_whose_disk_is_full_can_go_on_later(
    clips: Clips, few: Clips, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save = Checkpoint.save

    def save_once_more(checkpoint: Checkpoint, path: Path) -> None:
        if checkpoint.step == 4:
            monkeypatch.setattr(os, "fsync", full_disk)
        save(checkpoint, path)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_once_more)
        with pytest.raises(OSError, match="No space left"):
            execute(SHORT, clips, few, tmp_path, device="cpu")
    monkeypatch.undo()
    assert Checkpoint.load(tmp_path / CHECKPOINT).step == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == [CHECKPOINT, LOG]
    execute(SHORT, clips, few, tmp_path, resume=True, device="cpu")
    assert bits(tmp_path) == bits(whole)


def test_checkpoints_come_back_as_they_were(clips: Clips, tmp_path: Path) -> None:
    run = Trainer(CONFIG, clips, None, CPU)
    run.training_step()
    run.log.append({"step": 1, "loss": 0.5})
    run.checkpoint().save(tmp_path / "c.pt")
    ours, theirs = vars(run.checkpoint()), vars(Checkpoint.load(tmp_path / "c.pt"))
    assert list(ours) == list(theirs)
    for name in ("step", "config", "data", "data_sha256", "label_std", "schedule", "log"):
        assert ours[name] == theirs[name], name
    assert fingerprint(ours["model"]) == fingerprint(theirs["model"])


# --- The command line


def arguments(config: Path, data: Path, out: Path, *more: object) -> list[str]:
    given = ["--config", config, "--data", data, "--out", out, *more]
    return [str(argument) for argument in given]


def test_the_command_line_says_what_is_wrong_in_one_line(
    clips: Clips, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(config: Path, data: Path, *more: object) -> str:
        assert main(arguments(config, data, tmp_path / "out", *more)) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        return error

    config = write(tmp_path, SHORT)
    assert "nowhere.toml" in run(tmp_path / "nowhere.toml", clips.folder)
    assert "no cache of clips" in run(config, tmp_path)
    assert "abacus" in run(config, clips.folder, "--device", "abacus")
    assert "is one of the training data" in run(config, clips.folder, "--validation", clips.folder)
    assert "no checkpoint to resume" in run(config, clips.folder, "--resume")
    assert not (tmp_path / "out").exists()


def test_the_command_line_trains(clips: Clips, validation: Clips, tmp_path: Path) -> None:
    config = write(tmp_path, replace(SHORT, steps=2))
    given = arguments(config, clips.folder, tmp_path / "out", "--device", "cpu")
    given += ["--validation", str(validation.folder)]
    assert main(given) == 0
    assert main([*given, "--resume"]) == 0
    checkpoint = Checkpoint.load(tmp_path / "out" / CHECKPOINT)
    assert checkpoint.step == 2
    assert checkpoint.validation == "made-up clips, seed 2"


def test_nobody_trains_on_the_benchmark(clips: Clips, tmp_path: Path) -> None:
    first, *rest = clips.clips
    scene = {**first.scene, "seed": BENCHMARK_SEED}
    tempting = replace(clips, clips=[*rest, replace(first, scene=scene)])
    with pytest.raises(ValueError, match=f"{first.name} is one of the benchmark's"):
        execute(SHORT, tempting, None, tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()
