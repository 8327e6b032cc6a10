"""Distillation: equation 4, which parameters change, and errors."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")

from tests.support.made_up_clips import make_clips  # noqa: E402
from tests.support.small_runs import PAPER, SHORT, bits, killed_at, write  # noqa: E402
from training.data.clips import Clips  # noqa: E402
from training.models import losses  # noqa: E402
from training.models.checkpoint import (  # noqa: E402
    LOG,
    Checkpoint,
    fingerprint,
)
from training.models.config import Config  # noqa: E402
from training.models.config_tables import Distillation  # noqa: E402
from training.models.networks import Student, Teacher, load_model, new_model  # noqa: E402
from training.support.parallel import Processes  # noqa: E402
from training.train import train  # noqa: E402
from training.train.batches import Batch, Batches  # noqa: E402
from training.train.distill import Distillation as Objective  # noqa: E402
from training.train.distill import distill, main  # noqa: E402
from training.train.labels import labels  # noqa: E402
from training.train.trainer import CHECKPOINT, Trainer, execute  # noqa: E402

CPU = torch.device("cpu")
SECONDS = 4.0

# Both sides have the same float32 operations in another order.
SAME_TOLERANCE = 1e-5
# bfloat16 keeps 8 bits: 0.4 % for each product, less for a mean over a batch.
BFLOAT16_TOLERANCE = 0.03
# Distances after 20 steps with equation 4, relative to those after 20 steps without it: 0.7 was
# seen.
CLOSER = 0.8

TEACHER = replace(SHORT, network="teacher", steps=4, validate_every=4, batch=16)
DISTILLED = replace(SHORT, distillation=PAPER)
PROJECTED = replace(
    PAPER,
    output=0.5,
    orientation="target",
    features="standard",
    temperature=4.0,
    projection=True,
    distance="mean square",
    maps="pooled",
)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return make_clips(tmp_path_factory.mktemp("clips") / "train", seed=1, seconds=SECONDS)


@pytest.fixture(scope="module")
def teacher_file(clips: Clips, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the checkpoint of a teacher after a short training."""
    folder = tmp_path_factory.mktemp("teacher")
    execute(TEACHER, clips, None, folder, device="cpu")
    return folder / CHECKPOINT


@pytest.fixture(scope="module")
def taught(teacher_file: Path) -> Checkpoint:
    return Checkpoint.load(teacher_file)


def load_teacher(checkpoint: Checkpoint) -> Teacher:
    teacher = load_model(checkpoint)
    assert isinstance(teacher, Teacher)
    return teacher


def first_batch(clips: Clips, config: Config) -> Batch:
    label, _ = labels(clips, config.label_power)
    return Batches(clips, config, label, CPU, Processes())(0)


def make_run(config: Config, clips: Clips, teacher: Teacher) -> Trainer:
    """Create a distillation for tests that make single steps."""

    def objective(model: Student | Teacher, _: float) -> Objective:
        assert isinstance(model, Student)
        assert config.distillation is not None
        return Objective(model, teacher, config.distillation)

    return Trainer(config, clips, None, CPU, objective)


def named(objective: Objective, batch: Batch) -> dict[str, float]:
    return dict(zip(objective.terms, objective(batch).tolist()))


# --- Equation 4


def expected_terms(
    student: Student, teacher: Teacher, batch: Batch, settings: Distillation, unit: float
) -> dict[str, float]:
    """Compute each term separately from the networks' outputs and maps."""
    with torch.no_grad():
        predicted, ours = student.run(batch.motion)
        target, theirs = teacher.run(batch.motion, batch.appearance)
    terms = {
        "task": np.mean((predicted.numpy() - batch.label.numpy()) ** 2),
        "output": np.mean((predicted.numpy() - unit * target.numpy()) ** 2),
    }
    full = settings.maps == "full"
    for name, a, b in (
        ("middle", ours.middle_full if full else ours.middle, theirs[2 if full else 0]),
        ("last", ours.last_full if full else ours.last, theirs[3 if full else 1]),
    ):
        loss, spread = losses.distance(losses.embed(a), losses.embed(b), settings)
        terms[name], terms[name + "_spread"] = loss, spread
    return {name: float(value) for name, value in terms.items()}


@pytest.mark.parametrize(
    "settings",
    [
        PAPER,
        replace(PAPER, task=0.7, middle=0.2, last=0.3, output=1.5),
        replace(PAPER, task=0.5, middle=0.1, maps="full", orientation="target"),
        replace(PAPER, distance="mean square", features="standard", temperature=3.0),
    ],
    ids=["paper", "weighted", "full", "standard"],
)
def test_the_loss_is_the_weighted_sum_of_its_terms(
    clips: Clips, taught: Checkpoint, settings: Distillation
) -> None:
    torch.manual_seed(1)
    student, teacher, batch = Student(), load_teacher(taught), first_batch(clips, SHORT)
    found = named(Objective(student, teacher, settings, unit=1.7), batch)
    expected = expected_terms(student, teacher, batch, settings, unit=1.7)
    expected["loss"] = (
        settings.task * expected["task"]
        + settings.middle * expected["middle"]
        + settings.last * expected["last"]
        + settings.output * expected["output"]
    )
    assert found == pytest.approx(expected, rel=SAME_TOLERANCE)


def test_a_weight_of_0_leaves_its_term_out(clips: Clips, taught: Checkpoint) -> None:
    student, teacher, batch = Student(), load_teacher(taught), first_batch(clips, SHORT)
    settings = replace(PAPER, task=0.0, middle=0.0, output=1.0, projection=True)
    objective = Objective(student, teacher, settings)
    found = named(objective, batch)
    assert found["middle"] == found["middle_spread"] == 0
    assert found["task"] > 0, "what is not learned is still reported"
    assert found["loss"] == pytest.approx(found["last"] + found["output"], rel=SAME_TOLERANCE)
    assert list(objective.helper) == ["last"], "no layer that nothing would train"


def test_maps_pull_as_strongly_as_the_config_says_and_when(
    clips: Clips, taught: Checkpoint
) -> None:
    teacher, batch = load_teacher(taught), first_batch(clips, SHORT)
    torch.manual_seed(1)
    student = Student()
    settings = replace(PAPER, balance=0.25, begin=0.5)
    objective = Objective(student, teacher, settings)
    before = named(objective, batch)
    assert before["middle"] == before["last"] == before["middle_spread"] == 0
    assert before["loss"] == pytest.approx(before["task"], rel=SAME_TOLERANCE)
    objective.done = 0.5
    terms = dict(zip(objective.terms, objective(batch)))
    total = terms["task"] + terms["middle"] + terms["last"]
    assert float(terms["loss"].detach()) == pytest.approx(float(total.detach()), rel=SAME_TOLERANCE)
    maps: list[Any] = []
    hook = student.run

    def remember(motion: Any) -> Any:
        predicted, ours = hook(motion)
        maps[:] = [ours.middle, ours.last]
        return predicted, ours

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(student, "run", remember)
        terms = dict(zip(objective.terms, objective(batch)))
    for name, at in zip(("middle", "last"), maps):
        of_maps, of_task = (
            torch.autograd.grad(terms[term], at, retain_graph=True)[0].norm()
            for term in (name, "task")
        )
        assert float(of_maps / of_task) == pytest.approx(0.25, rel=1e-4), name


def test_the_log_tells_each_term_in_the_students_unit(
    clips: Clips, taught: Checkpoint, tmp_path: Path
) -> None:
    # A teacher whose labels have another deviation has another unit of output.
    other = replace(taught, label_std=3 * taught.label_std)
    config = replace(DISTILLED, steps=1, validate_every=1)
    config = replace(config, distillation=replace(PAPER, output=1.0))
    distill(config, other, clips, None, tmp_path, device="cpu")
    with (tmp_path / LOG).open(encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert config.distillation is not None
    student, teacher = new_model(config), load_teacher(taught)
    assert isinstance(student, Student)
    batch = first_batch(clips, config)
    expected = expected_terms(student, teacher, batch, config.distillation, unit=3.0)
    for name, value in expected.items():
        assert float(row[name]) == pytest.approx(value, rel=SAME_TOLERANCE), name
    assert row["mae_bpm"] == ""  # there is no validation


# --- Which parameters change


@pytest.mark.parametrize("settings", [PAPER, PROJECTED], ids=["paper", "projected"])
def test_only_the_student_learns(clips: Clips, taught: Checkpoint, settings: Distillation) -> None:
    teacher = load_teacher(taught)
    before = fingerprint(teacher.state_dict())
    run = make_run(replace(DISTILLED, distillation=settings), clips, teacher)
    start = {name: tensor.clone() for name, tensor in run.objective.named_parameters()}
    run.objective.train()  # as a training loop does
    for _ in range(2):
        run.training_step()
    assert fingerprint(teacher.state_dict()) == before
    assert not any(module.training for module in teacher.modules())
    assert all(parameter.grad is None for parameter in teacher.parameters())
    assert run.model.training
    assert int(run.model.norm1.num_batches_tracked) == 2  # type: ignore[arg-type, union-attr]
    changed = {n for n, p in run.objective.named_parameters() if not torch.equal(p, start[n])}
    helped = {"helper.middle.weight", "helper.last.weight"} if settings.projection else set()
    assert {"model.conv1.weight", "model.conv2.weight", "model.fc.weight", *helped} <= changed
    assert not any(name.startswith("teacher.") for name in changed)


@pytest.mark.slow
def test_distilling_brings_the_student_closer(clips: Clips, taught: Checkpoint) -> None:
    left = {}
    for weight in (0.0, 1.0):
        settings = replace(PAPER, middle=weight, last=weight)
        config = replace(DISTILLED, steps=20, validate_every=20, distillation=settings)
        run = make_run(config, clips, load_teacher(taught))
        for _ in range(config.steps):
            run.training_step()
        assert isinstance(run.model, Student)
        run.model.eval()
        batch = first_batch(clips, replace(config, batch=64, seed=99))
        left[weight] = expected_terms(run.model, load_teacher(taught), batch, PAPER, 1.0)
    for name in ("middle", "last"):
        assert left[1.0][name] < CLOSER * left[0.0][name], name


def test_bfloat16_terms_are_close_to_those_in_float32(clips: Clips, taught: Checkpoint) -> None:
    config = replace(DISTILLED, distillation=replace(PROJECTED, projection=False))
    exact, rounded = (
        make_run(replace(config, precision=p), clips, load_teacher(taught)).training_step().tolist()
        for p in ("float32", "bfloat16")
    )
    assert rounded != exact
    assert rounded == pytest.approx(exact, rel=BFLOAT16_TOLERANCE)


# --- Runs


@pytest.fixture(scope="module")
def whole(clips: Clips, taught: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a distillation without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    config = replace(DISTILLED, distillation=PROJECTED)
    distill(config, taught, clips, clips_of_others(clips, folder), folder, device="cpu")
    return folder


def clips_of_others(clips: Clips, folder: Path) -> Clips:
    return make_clips(folder / "validation", seed=2, seconds=SECONDS)


@pytest.mark.slow
def test_a_killed_and_resumed_distillation_ends_with_the_same_bits(
    clips: Clips, taught: Checkpoint, whole: Path, tmp_path: Path
) -> None:
    config = replace(DISTILLED, distillation=PROJECTED)
    validation = Clips.open(whole / "validation")
    with killed_at(3):
        distill(config, taught, clips, validation, tmp_path, device="cpu")
    assert Checkpoint.load(tmp_path / CHECKPOINT).step == 2
    torch.manual_seed(99)  # a new process may have any random state
    distill(config, taught, clips, validation, tmp_path, resume=True, device="cpu")
    ours, theirs = bits(tmp_path), bits(whole)
    assert len(ours) > 70  # all tensors of model, helper and optimizer, schedule and log
    assert ours == theirs


def test_the_projection_is_kept_for_resuming_and_no_part_of_the_student(
    taught: Checkpoint, whole: Path
) -> None:
    checkpoint = Checkpoint.load(whole / CHECKPOINT)
    shapes = {name: tuple(tensor.shape) for name, tensor in checkpoint.helper.items()}
    assert shapes == {
        "middle.weight": (32, 32),
        "middle.bias": (32,),
        "last.weight": (64, 64),
        "last.bias": (64,),
    }
    assert set(checkpoint.model) == set(Student().state_dict())
    assert checkpoint.config.distillation == PROJECTED
    assert checkpoint.teacher == fingerprint(taught.model)
    assert isinstance(load_model(checkpoint), Student)


def test_a_run_goes_on_with_the_same_teacher_and_settings_only(
    clips: Clips, taught: Checkpoint, tmp_path: Path
) -> None:
    def resume(config: Config, teacher: Checkpoint) -> None:
        distill(config, teacher, clips, None, tmp_path, resume=True, device="cpu")

    with killed_at(0):
        distill(DISTILLED, taught, clips, None, tmp_path, device="cpu")
    other = {**taught.model, "fc2.bias": taught.model["fc2.bias"] + 1}
    with pytest.raises(ValueError, match="other first weights or another teacher"):
        resume(DISTILLED, replace(taught, model=other))
    with pytest.raises(ValueError, match="another distillation"):
        resume(replace(DISTILLED, distillation=replace(PAPER, middle=0.5)), taught)
    with pytest.raises(ValueError, match="no checkpoint to resume"):
        distill(DISTILLED, taught, clips, None, tmp_path / "x", resume=True, device="cpu")
    with pytest.raises(ValueError, match="another distillation"):
        execute(SHORT, clips, None, tmp_path, resume=True, device="cpu")


# --- Errors


def command(config: Path, teacher: Path, data: Path, out: Path) -> int:
    arguments: list[Any] = ["--config", config, "--teacher", teacher, "--data", data]
    return main([str(argument) for argument in (*arguments, "--out", out, "--device", "cpu")])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"step": 2}, "the teacher stands at step 2 of 4"),
        ({"config": replace(TEACHER, input="difference")}, "trained with input = 'difference'"),
        ({"config": replace(TEACHER, label_power=0.5)}, "trained with label_power = 0.5"),
        (
            {"config": replace(TEACHER, network="student"), "model": Student().state_dict()},
            "holds a student, not a teacher",
        ),
        ({"model": Student().state_dict()}, "does not hold a teacher"),
        ({"model": {}}, "does not hold a teacher"),
    ],
    ids=["unfinished", "input", "label_power", "student", "other weights", "no weights"],
)
def test_who_cannot_teach_is_told_in_one_line(
    clips: Clips,
    taught: Checkpoint,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, Any],
    message: str,
) -> None:
    replace(taught, **changes).save(tmp_path / "teacher.pt")
    config = write(tmp_path, DISTILLED)
    assert command(config, tmp_path / "teacher.pt", clips.folder, tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error
    assert not (tmp_path / "out").exists()


def test_each_command_takes_its_own_configs(
    clips: Clips, teacher_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    config = write(tmp_path, SHORT)
    assert command(config, teacher_file, clips.folder, out) == 2
    assert "the config has no [distillation]" in capsys.readouterr().err
    write(tmp_path, DISTILLED)
    arguments = ["--config", config, "--data", clips.folder, "--out", out]
    assert train.main([str(argument) for argument in arguments]) == 2
    assert "has a [distillation]: use training.train.distill" in capsys.readouterr().err
    assert command(config, tmp_path / "nobody.pt", clips.folder, out) == 2
    assert "nobody.pt" in capsys.readouterr().err
    assert not out.exists()


def test_the_command_line_distils(clips: Clips, teacher_file: Path, tmp_path: Path) -> None:
    config = write(tmp_path, replace(DISTILLED, steps=1, validate_every=1))
    out = tmp_path / "out"
    assert command(config, teacher_file, clips.folder, out) == 0
    checkpoint = Checkpoint.load(out / CHECKPOINT)
    assert checkpoint.step == 1
    assert checkpoint.validation == ""
    header = (out / LOG).read_text(encoding="utf-8").splitlines()[0].split(",")
    assert set(Objective.TERMS) < set(header)
