"""Unfold the shipped weights and train them further on recordings."""

from __future__ import annotations

import math
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")
pytest.importorskip("scipy", reason="training needs SciPy")
pytest.importorskip("av", reason="training needs av")

from torch import Tensor  # noqa: E402

import rppg_fast as rf  # noqa: E402
from rppg_fast.student import BUNDLED_WEIGHTS  # noqa: E402
from tests.made_up_clips import make_clips  # noqa: E402
from tests.small_runs import CONFIG, PAPER, SHORT, bits, killed_at, write  # noqa: E402
from tests.weights import random_tensors, safetensors_bytes  # noqa: E402
from training.data.clips import Clips, ClipWriter  # noqa: E402
from training.evaluate.report import MEASURES, Row  # noqa: E402
from training.models.checkpoint import Checkpoint, fingerprint  # noqa: E402
from training.models.config import Config  # noqa: E402
from training.models.config import load as load_config  # noqa: E402
from training.models.export import fold  # noqa: E402
from training.support.parallel import Processes  # noqa: E402
from training.synthetic.codec import write_video  # noqa: E402
from training.synthetic.parameters import OFF, Between, Choice, Law, OneOf  # noqa: E402
from training.synthetic.render import place_in_frame, render  # noqa: E402
from training.synthetic.scene import sample_scene  # noqa: E402
from training.synthetic.timeline import pulse_wave  # noqa: E402
from training.train import import_weights as import_weights_module  # noqa: E402
from training.train.batches import Batches  # noqa: E402
from training.train.finetune import (  # noqa: E402
    CONFIG as SHIPPED_CONFIG,
)
from training.train.finetune import REPORT, WEIGHTS, check_config, hold_out, main, verdict  # noqa: E402
from training.train.import_weights import import_weights  # noqa: E402
from training.train.trainer import CHECKPOINT  # noqa: E402

# Division by a deviation and multiplication by it, in float32; relative to the largest output.
UNFOLD_TOLERANCE = 1e-5
# In training mode, the statistics of one batch replace those of many batches.
TRAINING_CORRELATION = 0.95
# Difference of a channel's mean and deviation on other batches of the same clips.
STATISTICS_TOLERANCE = 0.25

TINY = replace(SHORT, reverse=0.0)


# Unfolding


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_weights_module, "SAMPLES", 96)


def motion_of(clips: Clips, config: Config, step: int) -> Tensor:
    label = np.zeros(len(clips.pulse), np.float32)
    return Batches(clips, config, label, torch.device("cpu"), Processes())(step).motion


@pytest.fixture(params=["shipped", "random"])
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "shipped":
        return BUNDLED_WEIGHTS
    path = tmp_path / "random.safetensors"
    path.write_bytes(safetensors_bytes(random_tensors()))
    return path


def test_unfolding_changes_the_form_and_not_the_function(weights: Path, clips: Clips) -> None:
    student = import_weights(weights, clips, CONFIG)
    assert not student.training
    assert isinstance(student.norm1, torch.nn.BatchNorm2d)
    # Batches that were not used for the statistics; the export must reverse the import.
    motion = motion_of(clips, CONFIG, 1000)
    expected = rf.Student.load(weights)(motion.numpy())
    for model in (student, fold(student)):
        with torch.no_grad():
            change = model(motion).numpy()
        assert np.abs(change - expected).max() <= UNFOLD_TOLERANCE * np.abs(expected).max()


def test_training_begins_near_the_same_function(weights: Path, clips: Clips) -> None:
    motion = motion_of(clips, CONFIG, 1000)
    expected = rf.Student.load(weights)(motion.numpy())
    with torch.no_grad():
        change = import_weights(weights, clips, CONFIG).train()(motion).numpy()
    assert np.corrcoef(change, expected)[0, 1] > TRAINING_CORRELATION


def test_what_is_normalised_has_unit_deviation(weights: Path, clips: Clips) -> None:
    student = import_weights(weights, clips, CONFIG)
    seen: list[Tensor] = []
    for norm in (student.norm1, student.norm2):
        norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        student(torch.cat([motion_of(clips, CONFIG, step) for step in range(1000, 1004)]))
    for norm, maps in zip((student.norm1, student.norm2), seen):
        assert isinstance(norm.running_mean, Tensor)
        assert torch.equal(norm.running_var, torch.ones_like(norm.running_mean))
        deviation = maps.std((0, 2, 3))
        assert bool((deviation - 1).abs().max() < STATISTICS_TOLERANCE)
        shift = (maps.mean((0, 2, 3)) - norm.running_mean) / deviation
        assert bool(shift.abs().max() < STATISTICS_TOLERANCE)


def test_unfolding_does_not_depend_on_the_number_of_threads(clips: Clips) -> None:
    """Otherwise a resumed run with another number of threads would have other initial weights."""
    threads = torch.get_num_threads()
    found = set()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            found.add(fingerprint(import_weights(BUNDLED_WEIGHTS, clips, CONFIG).state_dict()))
    finally:
        torch.set_num_threads(threads)
    assert len(found) == 1


def test_what_cannot_be_unfolded_is_refused(clips: Clips, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"student\.safetensors: made for input 'normalized'"):
        import_weights(BUNDLED_WEIGHTS, clips, replace(CONFIG, input="difference"))
    wrong = tmp_path / "wrong.safetensors"
    tensors = random_tensors()
    del tensors["fc.bias"]
    wrong.write_bytes(safetensors_bytes(tensors))
    with pytest.raises(ValueError, match=r"wrong\.safetensors"):
        import_weights(wrong, clips, CONFIG)
    with pytest.raises(FileNotFoundError):
        import_weights(tmp_path / "nothing.safetensors", clips, CONFIG)
    # Nothing moves, so nothing can be normalised.
    writer = ClipWriter(tmp_path / "still", {"description": "a photograph"}, clips.clips)
    for i in range(len(clips)):
        frames = clips[i]
        writer.write(i, replace(frames, appearance=np.full_like(frames.appearance, 20_000)))
    writer.finish()
    with pytest.raises(ValueError, match=r"still: a channel .* is constant"):
        import_weights(BUNDLED_WEIGHTS, Clips.open(tmp_path / "still"), CONFIG)


# Which subjects are held out


def of_one_person(clips: Clips) -> Clips:
    return replace(clips, clips=[replace(clip, subject="me") for clip in clips.clips])


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("strangers", [True, False])
def test_a_fifth_is_held_out(seed: int, strangers: bool, clips: Clips) -> None:
    given = clips if strangers else of_one_person(clips)
    sides = hold_out(given, seed)
    assert sides.strangers == strangers
    training, held_out = ([clip.name for clip in c.clips] for c in (sides.training, sides.held_out))
    assert sorted(training + held_out) == sorted(clip.name for clip in clips.clips)
    assert len(held_out) == 1
    assert sides.held_out.sha256 != sides.training.sha256


def test_all_recordings_of_a_person_are_on_one_side(clips: Clips) -> None:
    names = ("a", "b", "a", "b")
    named = replace(clips, clips=[replace(c, subject=n) for c, n in zip(clips.clips, names)])
    for seed in range(4):
        sides = hold_out(named, seed)
        assert sides.strangers
        assert {len(sides.training.subjects), len(sides.held_out.subjects)} == {1}
        assert sides.training.subjects != sides.held_out.subjects
    assert len({hold_out(named, seed).held_out.subjects[0] for seed in range(4)}) == 2


def test_a_single_recording_cannot_be_held_out(clips: Clips) -> None:
    single = replace(clips, clips=clips.clips[:1])
    with pytest.raises(ValueError, match="one recording cannot be both trained and tested on"):
        hold_out(single, 0)


# Whether fine-tuning has helped


def table(before: float, after: float) -> list[Row]:
    """Return rows with given errors; rows of groups have the opposite result."""

    def row(name: str, kind: str, error: float) -> Row:
        values = {**dict.fromkeys(MEASURES, math.nan), "window_mae": error}
        return Row(name, kind, kind, 1, 1, 1, 0, values, {})

    return [
        row("before", "all", before),
        row("before", "subject", after),
        row("after", "all", after),
        row("after", "subject", before),
        row("pos", "all", 0.0),
    ]


def test_the_verdict_is_honest() -> None:
    assert verdict(table(3.0, 2.0)).startswith("The fine-tuned weights are better")
    assert "3.00 bpm before and is 2.00 bpm after" in verdict(table(3.0, 2.0))
    for before, after in ((2.0, 3.0), (2.0, 2.0), (2.004, 2.001), (math.nan, math.nan)):
        said = verdict(table(before, after))
        assert said.startswith("Warning: the fine-tuned weights are not better")
        assert said.endswith("Keep the old ones.")


def test_the_config_that_ships_can_fine_tune() -> None:
    config = load_config(SHIPPED_CONFIG)
    check_config(config)
    assert config.input == rf.Student.load().metadata["input"]


# The command

SIZE = (256, 192)
FPS = 15.0
SECONDS = 11.0  # leaves a window of 10 s
SHORT_SECONDS = 3.0
PPG_FS = 50.0
STEADY: dict[str, Law] = {
    "camera.fps": OneOf((FPS,)),
    "camera.time_jitter": OFF,
    "camera.drops": OFF,
    "camera.codec": Choice({"none": 1.0}),
    "pulse.amplitude": Between(0.01, 0.012),
}


def write_recording(folder: Path, index: int, seconds: float) -> None:
    """Write a recording of a face in the layout `own`."""
    scene = sample_scene(9, index, STEADY)
    times = np.arange(int(seconds * FPS)) / FPS
    folder.mkdir(parents=True)
    frames = render(scene, place_in_frame(scene, *SIZE), times)
    write_video(folder / "video.avi", frames, "raw", FPS, 1)
    clock = np.arange(int((seconds + 1) * PPG_FS)) / PPG_FS
    lines = [f"{t:.4f},{p:.6f}" for t, p in zip(clock, pulse_wave(scene).ppg(clock))]
    (folder / "ppg.csv").write_text("\n".join(["time_s,ppg", *lines]) + "\n")


@dataclass(frozen=True)
class Done:
    """The result of a fine-tuning without interruption."""

    recordings: Path
    config: Path
    out: Path
    said: str

    def run(self, out: Path, *more: str) -> int:
        options = ["--recordings", self.recordings, "--out", out, "--config", self.config]
        return main([*map(str, options), "--device", "cpu", *more])


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    root = tmp_path_factory.mktemp("finetune")
    for index, name in enumerate(("anna", "bert")):
        write_recording(root / "recordings" / name, index, SECONDS)
    (root / "recordings" / "empty").mkdir()
    made = Done(root / "recordings", write(root, TINY), root / "out", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_weights_module, "SAMPLES", 96)
        said: list[str] = []
        patch.setattr("builtins.print", lambda text, **_: said.append(text))
        assert made.run(made.out) == 0
    return replace(made, said="\n".join(said))


def test_the_output_folder_holds_what_was_promised(done: Done) -> None:
    names = {path.name for path in done.out.iterdir()}
    assert names - {"figures"} == {"clips", "run", WEIGHTS, "student.md", REPORT}
    checkpoint = Checkpoint.load(done.out / "run" / CHECKPOINT)
    clips = Clips.open(done.out / "clips")
    sides = hold_out(clips, TINY.seed)
    assert checkpoint.step == TINY.steps
    assert checkpoint.data == sides.training.description
    assert checkpoint.start == rf.Student.load().sha256
    assert checkpoint.start in (done.out / "student.md").read_text()


def test_the_weights_measure_a_video(done: Done) -> None:
    student = rf.Student.load(done.out / WEIGHTS)
    assert student.sha256 != rf.Student.load().sha256
    assert student.metadata["input"] == TINY.input
    video = done.recordings / "anna" / "video.avi"
    measured = rf.measure(video, student=student)
    assert measured.frames == int(SECONDS * FPS)
    assert measured.windows


def test_the_report_says_what_was_done(done: Done) -> None:
    text = (done.out / REPORT).read_text()
    sides = hold_out(Clips.open(done.out / "clips"), TINY.seed)
    (held_out,), (trained,) = sides.held_out.subjects, sides.training.subjects
    assert f"- Trained on 1 recording ({trained})." in text
    assert f"- Held out: 1 recording ({held_out})." in text
    assert "No one in the held-out recordings was trained on." in text
    assert "- Not used: empty: " in text
    assert "| before | after | pos |" in text
    for weights in (BUNDLED_WEIGHTS, done.out / WEIGHTS):
        assert rf.Student.load(weights).sha256 in text
    # The verdict is the same in both places, and every picture exists.
    verdict = done.said.splitlines()[0]
    assert f"**{verdict}**" in text
    assert REPORT in done.said
    pictures = list((done.out / "figures").glob("*.png"))
    assert all(f"(figures/{path.name})" in text for path in pictures)


def test_a_run_that_was_killed_ends_with_the_same_bits(done: Done, tmp_path: Path) -> None:
    shutil.copytree(done.out / "clips", tmp_path / "clips")
    with killed_at(5):
        done.run(tmp_path)
    assert Checkpoint.load(tmp_path / "run" / CHECKPOINT).step == 4
    assert not (tmp_path / WEIGHTS).exists()
    assert done.run(tmp_path) == 0
    assert bits(tmp_path / "run") == bits(done.out / "run")
    for name in (WEIGHTS, "student.md", REPORT):
        assert (tmp_path / name).read_bytes() == (done.out / name).read_bytes(), name


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (replace(TINY, label_power=0.5), "label_power must be 0"),
        (replace(TINY, network="teacher"), "only the student"),
        (replace(TINY, activation="relu"), "only the student"),
        (replace(TINY, distillation=PAPER), "no [distillation]"),
    ],
)
def test_configs_that_cannot_fine_tune_are_refused(
    config: Config, reason: str, done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(done, config=write(tmp_path, config))
    assert other.run(tmp_path / "out") == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("error: ")
    assert reason in said
    assert not (tmp_path / "out").exists()


def test_other_weights_or_another_config_do_not_continue_a_run(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = bits(done.out / "run")
    random = tmp_path / "random.safetensors"
    random.write_bytes(safetensors_bytes(random_tensors()))
    assert done.run(done.out, "--weights", str(random)) == 2
    assert "other first weights" in capsys.readouterr().err
    done_anew = replace(done, config=write(tmp_path, replace(TINY, weight_decay=0.0)))
    assert done_anew.run(done.out) == 2
    assert "another weight_decay" in capsys.readouterr().err
    assert bits(done.out / "run") == before
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"weights")
    assert done.run(tmp_path / "out", "--weights", str(broken)) == 2
    assert "broken.safetensors" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_too_little_to_train_and_test_on_is_said_before_the_training(
    done: Done, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = replace(done, recordings=tmp_path / "recordings")
    write_recording(few.recordings / "one", 0, SHORT_SECONDS)
    assert few.run(tmp_path / "single") == 2
    assert "one recording cannot be both trained and tested on" in capsys.readouterr().err
    shutil.copytree(few.recordings / "one", few.recordings / "two")
    assert few.run(tmp_path / "short") == 2
    assert "no clip has a full window" in capsys.readouterr().err
    assert not (tmp_path / "short" / "run").exists()
    assert few.run(tmp_path / "out", "--layout", "pure") == 2
    assert "no folder of a recording" in capsys.readouterr().err
