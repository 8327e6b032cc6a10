"""Config, model, batches, checkpoints and the training loop, on tiny made-up clips."""

from __future__ import annotations

import csv
import errno
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")

import rppg_fast as rf  # noqa: E402
from training import config as config_module  # noqa: E402
from training.batches import Batches  # noqa: E402
from training.checkpoint import Checkpoint, replace_file  # noqa: E402
from training.config import Config  # noqa: E402
from training.data.clips import Clip, Clips, ClipWriter, Steps  # noqa: E402
from training.labels import labels  # noqa: E402
from training.models import STUDENT_PARAMETERS, Student, parameters  # noqa: E402
from training.score import predict, score  # noqa: E402
from training.train import CHECKPOINT, LOG, Run, main, train  # noqa: E402

SHIPPED_CONFIG = Path(__file__).parents[1] / "training" / "configs" / "student.toml"

# Both sides in float64: only the order of additions differs.
FORWARD_TOLERANCE = 1e-12
# Heart rate of a noiseless clip of 12 s whose true rate is constant: far below a spectral bin.
CLEAN_HEART_RATE_TOLERANCE = 0.5
# What 60 steps reach on clips whose motion is the label times a pattern, plus noise: seen 0.02.
LEARNED_LOSS = 0.25
# bfloat16 keeps 8 bits: 0.4 % for each product, less for the loss over a batch.
BFLOAT16_LOSS_TOLERANCE = 0.02

CONFIG = Config(
    input="normalized",
    seed=3,
    steps=60,
    batch=32,
    peak_learning_rate=3e-3,
    weight_decay=1e-3,
    label_power=0.0,
    flip=0.5,
    reverse=0.5,
    precision="float32",
    log_every=10,
    validate_every=20,
)

SECONDS = 12.0
RATES = ((60.0, 12.0), (75.0, 20.0), (96.0, 15.0))  # heart rate in bpm, frames per second
CPU = torch.device("cpu")


def make_clips(folder: Path, seed: int = 0, with_silent: bool = True) -> Clips:
    """Make a cache in which the label shows in the motion, times a smooth pattern, in noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:36, :36] / 35.0
    pattern = np.stack([0.3, 0.8, 0.5] * np.exp(-8 * ((x - 0.5) ** 2 + (y - 0.5) ** 2))[..., None])
    pattern = np.moveaxis(pattern, -1, 0)
    clips, parts, start = [], [], 0
    for index, (rate, fps) in enumerate((*RATES, (0.0, 15.0)) if with_silent else RATES):
        times = np.arange(int(SECONDS * fps)) / fps
        pulse = np.sqrt(2) * np.sin(2 * np.pi * rate / 60 * times + index)
        change = np.diff(pulse) if rate else np.zeros(len(times) - 1)
        motion = 4 * change[:, None, None, None] * pattern
        motion = motion + 0.3 * random.normal(size=motion.shape)
        heart_rate = np.full(len(change), rate or np.nan, np.float32)
        parts.append(Steps(motion.astype("f2"), change.astype("f4"), times[1:].copy(), heart_rate))
        stop = start + len(change)
        scene = {"seed": seed, "index": index}
        clips.append(Clip(start, stop, index, fps, 0.0, rate or None, scene))
        start = stop
    about = {"input": "normalized", "description": f"made-up clips, seed {seed}"}
    writer = ClipWriter(folder, about, clips)
    for i, part in enumerate(parts):
        writer.write(i, part)
    writer.finish()
    return Clips.open(folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of training and of validation clips."""
    root = tmp_path_factory.mktemp("clips")
    make_clips(root / "train", seed=1)
    make_clips(root / "val", seed=2)
    return root / "train", root / "val"


def make_run(config: Config, folders: tuple[Path, Path]) -> Run:
    return Run(config, Clips.open(folders[0]), Clips.open(folders[1]), CPU)


# --- The model


def test_the_student_has_the_papers_parameters() -> None:
    assert parameters(Student()) == STUDENT_PARAMETERS == 24_769


def plain_student(state: dict[str, NDArray[np.float64]], motion: NDArray[Any]) -> NDArray[Any]:
    """Compute the student in NumPy, straight from its definition."""

    def block(maps: NDArray[Any], i: int) -> NDArray[Any]:
        weight, bias = state[f"conv{i}.weight"], state[f"conv{i}.bias"]
        side = maps.shape[-1]
        padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
        out = np.zeros((len(maps), len(weight), side, side)) + bias[:, None, None]
        for dy in range(3):
            for dx in range(3):
                shifted = padded[:, :, dy : dy + side, dx : dx + side]
                out += np.einsum("oc,ncyx->noyx", weight[:, :, dy, dx], shifted)
        mean, var = state[f"norm{i}.running_mean"], state[f"norm{i}.running_var"]
        out = (out - mean[:, None, None]) / np.sqrt(var[:, None, None] + 1e-5)
        out = out * state[f"norm{i}.weight"][:, None, None] + state[f"norm{i}.bias"][:, None, None]
        out = np.tanh(out)
        return (
            out[..., ::2, ::2] + out[..., 1::2, ::2] + out[..., ::2, 1::2] + out[..., 1::2, 1::2]
        ) / 4

    last = block(block(motion, 1), 2)
    change: NDArray[Any] = (
        last.reshape(len(motion), -1) @ state["fc.weight"][0] + state["fc.bias"][0]
    )
    return change


def test_forward_is_what_the_definition_says() -> None:
    torch.manual_seed(0)
    student = Student().double()
    motion = torch.randn(5, 3, 36, 36, dtype=torch.float64)
    for _ in range(3):
        student(2 * motion + 0.5)  # gives batch normalisation statistics of its own
    student.eval()
    state = {name: tensor.numpy() for name, tensor in student.state_dict().items()}
    with torch.inference_mode():
        change = student(motion).numpy()
    assert change.shape == (5,)
    np.testing.assert_allclose(
        change, plain_student(state, motion.numpy()), rtol=0, atol=FORWARD_TOLERANCE
    )


# --- The config


def test_the_shipped_config_loads_and_its_json_is_stable() -> None:
    config = config_module.load(SHIPPED_CONFIG)
    assert (config.input, config.batch, config.peak_learning_rate) == ("normalized", 128, 3e-3)
    assert config.to_json() == config_module.load(SHIPPED_CONFIG).to_json()
    assert " " not in config.to_json()
    assert config.sha256() != replace(config, seed=config.seed + 1).sha256()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 0", "seed = 0\nsede = 1", "unknown key 'sede'"),
        ("seed = 0", "", "key 'seed' is missing"),
        ("seed = 0", "seed = '0'", "seed must be int, not str"),
        ("seed = 0", "seed = true", "seed must be int, not bool"),
        ("seed = 0", "seed = 0.5", "seed must be int, not float"),
        ("seed = 0", "seed = -1", "seed must not be negative"),
        ("batch = 128", "batch = 0", "batch must be above 0"),
        ("flip = 0.5", "flip = 1.5", "flip lies between 0 and 1"),
        ("flip = 0.5", "flip = nan", "flip lies between 0 and 1"),
        ('input = "normalized"', 'input = "raw"', "input must be one of"),
        ('precision = "float32"', 'precision = "half"', "precision must be one of"),
        ("log_every = 50", "log_every = 33", "multiple"),
        ("seed = 0", "seed = = 0", "Invalid value"),
    ],
)
def test_a_wrong_config_is_named_with_its_file(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = SHIPPED_CONFIG.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as error:
        config_module.load(path)
    assert "wrong.toml" in str(error.value)


def test_a_whole_number_may_stand_for_a_float(tmp_path: Path) -> None:
    text = SHIPPED_CONFIG.read_text(encoding="utf-8").replace("flip = 0.5", "flip = 1")
    (tmp_path / "c.toml").write_text(text, encoding="utf-8")
    flip = config_module.load(tmp_path / "c.toml").flip
    assert flip == 1.0
    assert isinstance(flip, float)


# --- The batches


def test_a_batch_follows_from_seed_and_step_alone(folders: tuple[Path, Path]) -> None:
    clips = Clips.open(folders[0])
    batches = Batches(clips, CONFIG, clips.change, CPU)
    batches(0)
    again = Batches(clips, CONFIG, clips.change, CPU)
    for ours, theirs in zip(batches(7), again(7)):
        assert torch.equal(ours, theirs)
    other_seed = Batches(clips, replace(CONFIG, seed=4), clips.change, CPU)
    assert not torch.equal(batches(7)[0], batches(8)[0])
    assert not torch.equal(batches(7)[0], other_seed(7)[0])


def test_clips_are_drawn_alike_whatever_their_length(folders: tuple[Path, Path]) -> None:
    clips = Clips.open(folders[0])
    frames = Batches(clips, replace(CONFIG, batch=40_000), clips.change, CPU).draw(0).frame
    share = np.histogram(frames, [clip.start for clip in clips.clips] + [clips.clips[-1].stop])[0]
    # the standard deviation of a share of 10,000 in 40,000 is 87
    np.testing.assert_allclose(share, 10_000, atol=450)
    first = clips.clips[0]
    assert set(range(first.start, first.stop)) <= set(frames.tolist())


def test_flips_and_reversals_do_what_they_say(folders: tuple[Path, Path]) -> None:
    clips = Clips.open(folders[0])
    batches = Batches(clips, CONFIG, 4 * clips.change, CPU)
    draw = batches.draw(0)
    motion, change = batches(0)
    seen = set()
    for i, frame in enumerate(draw.frame):
        sign = -1 if draw.reverse[i] else 1
        expected = clips.motion[frame].astype(np.float32) * sign
        if draw.flip[i]:
            expected = expected[:, :, ::-1]
        np.testing.assert_array_equal(motion[i].numpy(), expected)
        assert float(change[i]) == 4 * clips.change[frame] * sign
        seen.add((bool(draw.flip[i]), sign))
    assert len(seen) == 4


def test_labels_follow_the_pulses_amplitude(folders: tuple[Path, Path]) -> None:
    clips = Clips.open(folders[0])
    label, deviation = labels(clips, 0.0)
    assert deviation == pytest.approx(float(clips.change.std()))
    np.testing.assert_allclose(label * deviation, clips.change, atol=1e-6)
    with pytest.raises(ValueError, match="clip 0 does not say its pulse's amplitude"):
        labels(clips, 0.5)
    for clip in clips.clips:
        clip.scene["pulse"] = {"amplitude": 0.01 * (clip.index + 1) ** 2}
    label, deviation = labels(clips, 0.5)
    assert label.std() == pytest.approx(1.0)
    for clip in clips.clips:
        steps = slice(clip.start, clip.stop)
        np.testing.assert_allclose(
            label[steps] * deviation, clips.change[steps] * 0.1 * (clip.index + 1), atol=1e-6
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


def test_true_changes_score_perfectly_and_noise_does_not(folders: tuple[Path, Path]) -> None:
    clips = Clips.open(folders[1])
    best = score(clips, 5 * clips.change)
    assert best.correlation == pytest.approx(1)
    assert best.mae_bpm < CLEAN_HEART_RATE_TOLERANCE
    assert best.within_3_bpm == 1
    assert best.snr_db > 10
    noise = np.random.default_rng(0).normal(size=len(clips.change)).astype(np.float32)
    worst = score(clips, noise)
    assert abs(worst.correlation) < 0.3
    assert worst.snr_db < 0
    assert worst.mae_bpm > 10


def test_clips_without_a_pulse_are_refused_if_there_are_no_others(tmp_path: Path) -> None:
    clips = make_clips(tmp_path / "clips")
    silent = replace(clips, clips=clips.clips[-1:])
    with pytest.raises(ValueError, match="no clip has a pulse"):
        score(silent, clips.change)


def test_predicting_leaves_the_model_as_it_was(folders: tuple[Path, Path]) -> None:
    clips = Clips.open(folders[1])
    torch.manual_seed(0)
    student = Student()
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    change = predict(student, clips, CPU)
    assert student.training
    assert change.shape == clips.change.shape
    assert change.dtype == np.float32
    for name, tensor in student.state_dict().items():
        assert torch.equal(tensor, before[name]), name


# --- Training


def test_training_learns_what_the_clips_show(folders: tuple[Path, Path], tmp_path: Path) -> None:
    train(CONFIG, *folders, tmp_path, resume=False, device="cpu")
    with (tmp_path / LOG).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [10, 20, 30, 40, 50, 60]
    losses = [float(row["loss"]) for row in rows]
    assert losses[-1] < LEARNED_LOSS < losses[0]
    assert [row["mae_bpm"] != "" for row in rows] == [False, True] * 3
    assert float(rows[-1]["correlation"]) > 0.9
    assert float(rows[-1]["mae_bpm"]) < CLEAN_HEART_RATE_TOLERANCE
    checkpoint = Checkpoint.load(tmp_path / CHECKPOINT)
    assert checkpoint.step == 60
    assert checkpoint.config == CONFIG
    assert (checkpoint.data, checkpoint.validation) == (
        "made-up clips, seed 1",
        "made-up clips, seed 2",
    )
    assert checkpoint.label_std == pytest.approx(float(Clips.open(folders[0]).change.std()))


class Killed(Exception):
    """Stands for a signal."""


def flat(values: Any, path: str = "") -> dict[str, Any]:
    """Flatten nested containers, tensors to their bytes, so that == compares every bit."""
    if isinstance(values, dict):
        values = values.items()
    elif isinstance(values, (list, tuple)):
        values = enumerate(values)
    elif isinstance(values, torch.Tensor):
        return {path: (values.dtype, values.shape, values.numpy().tobytes())}
    else:
        return {path: values}
    parts = {}
    for name, value in values:
        parts.update(flat(value, f"{path}/{name}"))
    return parts


SHORT = replace(CONFIG, steps=12, batch=8, log_every=2, validate_every=4)


@pytest.fixture(scope="module")
def whole(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a short run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    train(SHORT, *folders, folder, resume=False, device="cpu")
    return folder


@pytest.mark.parametrize("killed_at", [1, 4, 11])
def test_a_killed_and_resumed_run_ends_with_the_same_bits(
    folders: tuple[Path, Path],
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_at: int,
) -> None:
    advance = Run.advance

    def advance_or_die(run: Run) -> Any:
        if run.step == killed_at:
            raise Killed
        return advance(run)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "advance", advance_or_die)
        with pytest.raises(Killed):
            train(SHORT, *folders, tmp_path, resume=False, device="cpu")
    assert Checkpoint.load(tmp_path / CHECKPOINT).step == killed_at // 4 * 4
    torch.manual_seed(99)  # whatever state the new process is in
    train(SHORT, *folders, tmp_path, resume=True, device="cpu")
    assert (tmp_path / LOG).read_bytes() == (whole / LOG).read_bytes()
    ours, theirs = (flat(vars(Checkpoint.load(run / CHECKPOINT))) for run in (tmp_path, whole))
    assert len(ours) > 60  # every tensor of model and optimizer, schedule and log
    assert ours == theirs


def test_bfloat16_steps_are_close_to_those_in_float32(folders: tuple[Path, Path]) -> None:
    config = replace(CONFIG, batch=8)
    runs = [make_run(replace(config, precision=p), folders) for p in ("float32", "bfloat16")]
    for _ in range(3):
        exact, rounded = (float(run.advance()) for run in runs)
        assert rounded != exact
        assert rounded == pytest.approx(exact, rel=BFLOAT16_LOSS_TOLERANCE)
    assert all(p.dtype == torch.float32 for p in runs[1].model.parameters())


def test_a_run_is_neither_overwritten_nor_made_up(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="no checkpoint to resume"):
        train(CONFIG, *folders, tmp_path / "none", resume=True, device="cpu")
    short = replace(CONFIG, steps=2, log_every=1, validate_every=1)
    train(short, *folders, tmp_path / "run", resume=False, device="cpu")
    with pytest.raises(ValueError, match="already holds a run"):
        train(short, *folders, tmp_path / "run", resume=False, device="cpu")
    other = replace(short, seed=5, batch=16)
    with pytest.raises(ValueError, match="another seed, batch"):
        train(other, *folders, tmp_path / "run", resume=True, device="cpu")
    with pytest.raises(ValueError, match="other data: made-up clips, seed 1"):
        train(short, folders[1], folders[0], tmp_path / "run", resume=True, device="cpu")
    with pytest.raises(ValueError, match="clip 0 is one of the training clips"):
        make_run(CONFIG, (folders[0], folders[0]))
    with pytest.raises(ValueError, match="holds 'normalized' motion"):
        make_run(replace(CONFIG, input="difference"), folders)


def test_a_full_disk_loses_no_earlier_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            replace_file(path, b"new and longer")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"


def test_checkpoints_come_back_as_they_were(folders: tuple[Path, Path], tmp_path: Path) -> None:
    run = make_run(CONFIG, folders)
    run.advance()
    run.log.append({"step": 1, "loss": 0.5})
    run.checkpoint().save(tmp_path / "c.pt")
    ours, theirs = vars(run.checkpoint()), vars(Checkpoint.load(tmp_path / "c.pt"))
    assert list(ours) == list(theirs)
    for name in ("step", "config", "data", "label_std", "schedule", "log"):
        assert ours[name] == theirs[name], name
    for name, tensor in ours["model"].items():
        assert torch.equal(tensor, theirs["model"][name]), name


def test_the_command_line_says_what_is_wrong_in_one_line(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(config: Path, data: Path, device: str = "cpu") -> str:
        arguments = ["--config", config, "--data", data, "--validation", folders[1]]
        arguments += ["--out", tmp_path / "out", "--device", device]
        assert main([str(argument) for argument in arguments]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        return error

    assert "nowhere.toml" in run(tmp_path / "nowhere.toml", folders[0])
    assert "no cache of clips" in run(SHIPPED_CONFIG, tmp_path)
    assert "abacus" in run(SHIPPED_CONFIG, folders[0], "abacus")
    assert not (tmp_path / "out").exists()


def test_the_command_line_trains(folders: tuple[Path, Path], tmp_path: Path) -> None:
    config = tmp_path / "tiny.toml"
    values = {**asdict(CONFIG), "steps": 2, "log_every": 1, "validate_every": 1}
    lines = [f"{k} = {v!r}".replace("'", '"') for k, v in values.items()]
    config.write_text("\n".join(lines), encoding="utf-8")
    arguments = ["--config", config, "--data", folders[0], "--validation", folders[1]]
    arguments += ["--out", tmp_path / "out", "--device", "cpu"]
    assert main([str(argument) for argument in arguments]) == 0
    assert main([str(argument) for argument in (*arguments, "--resume")]) == 0
    assert Checkpoint.load(tmp_path / "out" / CHECKPOINT).step == 2
