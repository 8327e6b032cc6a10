"""Folding batch normalisation, the weights file, its card and the golden file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")

import rppg_fast as rf  # noqa: E402
from tests.support.weights import SHAPES, TEACHER_SHAPES, numpy_teacher  # noqa: E402
from training.models import config as config_module  # noqa: E402
from training.models.checkpoint import Checkpoint  # noqa: E402
from training.models.export import (  # noqa: E402
    export,
    file_tensors,
    fold,
    golden_appearance,
    golden_motion,
    load_network,
    main,
)
from training.models.networks import Student, Teacher  # noqa: E402

ROOT = Path(__file__).parents[2]

# The folded weights are rounded to float32 once (6e-8 each); relative to the output's deviation.
FOLD_TOLERANCE = 1e-6
# Required accuracy of a native float32 network, relative to the output's deviation.
NATIVE_TOLERANCE = 1e-5
# Steps of training of a small teacher, and an upper bound of its error afterwards, relative to the
# deviation of the labels. 0.59 was measured.
TEACHER_STEPS, TEACHER_BATCH = 20, 8
TEACHER_LEFT = 0.8


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    """Return the checkpoint of a finished run with batch normalisation far from the identity."""
    torch.manual_seed(5)
    student = Student()
    for norm in (student.norm1, student.norm2):
        torch.nn.init.uniform_(norm.weight, -2, -0.5)
        torch.nn.init.normal_(norm.bias)
        torch.nn.init.normal_(norm.running_mean)
        torch.nn.init.uniform_(norm.running_var, 0.25, 4)
    torch.nn.init.normal_(student.fc.weight, std=0.1)
    config = config_module.load(ROOT / "training" / "configs" / "student.toml")
    row = {"step": config.steps, "loss": 0.5, "learning_rate": 1e-8}
    row |= {"correlation": 0.71, "mae_bpm": 1.23, "within_3_bpm": 0.95, "snr_db": 4.5}
    return Checkpoint(
        step=config.steps,
        config=config,
        data='made-up "clips", skin in \u00e9bony and ivory',
        data_sha256="",
        validation="other made-up clips",
        validation_sha256="",
        subjects=["made-up"],
        start="",
        teacher="",
        label_std=0.25,
        model=student.state_dict(),
        average={},
        helper={},
        optimizer={},
        schedule={},
        log=[row],
    )


def made_up_steps(count: int) -> tuple[Any, Any, Any]:
    """Motion in which bright places pulse, appearance, and the changes of the pulse."""
    coarse = torch.randn(count, 3, 6, 6)
    smooth = torch.nn.functional.interpolate(coarse, size=(36, 36), mode="bicubic")
    seen = (0.5 + 0.2 * smooth).clamp(0, 1)
    change = torch.randn(count)
    color = torch.tensor([0.33, 0.77, 0.53]).view(1, 3, 1, 1)
    pulse = (seen.mean(1, keepdim=True) > 0.45) * change.view(-1, 1, 1, 1) * color
    return 0.5 * pulse + 0.3 * torch.randn(count, 3, 36, 36), seen, change


@pytest.fixture(scope="module")
def teacher(checkpoint: Checkpoint) -> Checkpoint:
    """Make the checkpoint of a teacher that has learned something, in a few steps."""
    torch.manual_seed(3)
    network = Teacher().train()
    optimizer = torch.optim.AdamW(network.parameters(), 2e-3)
    for _ in range(TEACHER_STEPS):
        motion, seen, change = made_up_steps(TEACHER_BATCH)
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(network(motion, seen), change).backward()
        optimizer.step()
    config = replace(checkpoint.config, network="teacher")
    return replace(checkpoint, config=config, model=network.eval().state_dict())


def test_folding_changes_the_form_and_not_the_function(checkpoint: Checkpoint) -> None:
    student = load_network(checkpoint)
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    folded = fold(student)
    assert {name: tuple(t.shape) for name, t in folded.state_dict().items()} == SHAPES
    assert all(t.dtype == torch.float32 for t in folded.state_dict().values())
    motion = torch.from_numpy(golden_motion()).double()
    with torch.inference_mode():
        expected = student.double()(motion).numpy()
        change = folded.double()(motion).numpy()
    assert np.abs(change - expected).max() <= FOLD_TOLERANCE * expected.std()
    for name, tensor in load_network(checkpoint).state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_golden_inputs_reach_where_parity_breaks() -> None:
    motion = golden_motion()
    assert motion.dtype == np.float32
    assert motion.shape[1:] == (3, 36, 36)
    assert np.array_equal(motion, golden_motion())
    assert not motion[0].any()
    assert (motion.min(), motion.max()) == (-10, 10)
    # no symmetry may hide exchanged colors, or a mirrored or transposed image
    last = motion[-1]
    for wrong in (last[::-1], last[:, ::-1], last[:, :, ::-1], last.transpose(0, 2, 1)):
        assert not np.allclose(last, wrong, atol=0.1)


def test_export_writes_what_the_native_reader_wants(checkpoint: Checkpoint, tmp_path: Path) -> None:
    safe_open = pytest.importorskip("safetensors").safe_open
    out, golden = tmp_path / "student.safetensors", tmp_path / "golden.npz"
    export(checkpoint, out, golden)
    folded = fold(load_network(checkpoint)).state_dict()
    with safe_open(out, "np") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in SHAPES}
        assert set(file.keys()) == set(SHAPES)
    for name, tensor in tensors.items():
        np.testing.assert_array_equal(tensor, folded[name].numpy())
    config = checkpoint.config
    assert about == {
        "format": "rppg_fast.student",
        "version": "1",
        "input": "normalized",
        "training_data": checkpoint.data,
        "config": config.to_json(),
        "config_sha256": hashlib.sha256(config.to_json().encode()).hexdigest(),
    }
    assert json.loads(about["config"])["seed"] == config.seed

    sha256 = hashlib.sha256(out.read_bytes()).hexdigest()
    card = (tmp_path / "student.md").read_text(encoding="utf-8")
    for fact in (
        sha256,
        checkpoint.data,
        checkpoint.validation,
        config.to_json(),
        "1.23 bpm",
        "95.0%",
        "MIT",
    ):
        assert fact in card

    assert golden.stat().st_size < 1_000_000
    with np.load(golden) as values:
        assert str(values["weights_sha256"]) == sha256
        change = values["change"]
        assert change.dtype == np.float64
        assert change.shape == (len(values["motion"]),)
        for name in ("change_unfolded", "change_float32"):
            assert np.abs(values[name] - change).max() <= NATIVE_TOLERANCE * change.std(), name
        assert values["change_float32"].dtype == np.float32


def test_export_is_the_same_to_the_byte_each_time(checkpoint: Checkpoint, tmp_path: Path) -> None:
    files = []
    for run in ("a", "b"):
        (tmp_path / run).mkdir()
        export(checkpoint, tmp_path / run / "s.safetensors", tmp_path / run / "g.npz")
        files.append({path.name: path.read_bytes() for path in (tmp_path / run).iterdir()})
    assert sorted(files[0]) == ["g.npz", "s.md", "s.safetensors"]
    assert files[0] == files[1]


def test_the_native_student_loads_and_agrees(checkpoint: Checkpoint, tmp_path: Path) -> None:
    out, golden = tmp_path / "student.safetensors", tmp_path / "golden.npz"
    export(checkpoint, out, golden)
    with np.load(golden) as values:
        native = rf.Student.load(out)(values["motion"])
        change = values["change"]
    assert np.abs(native - change).max() <= NATIVE_TOLERANCE * change.std()


def test_the_native_teacher_is_pytorchs(teacher: Checkpoint, tmp_path: Path, backend: str) -> None:
    """On the motion and appearance that it has learned from, and on those of the golden file."""
    out, golden = tmp_path / "teacher.safetensors", tmp_path / "golden.npz"
    export(teacher, out, golden)
    native = rf.Teacher.load(out, backend)
    assert native.metadata["format"] == "rppg_fast.teacher"
    assert native.metadata["config_sha256"] == teacher.config.sha256()
    torch.manual_seed(4)
    motion, seen, truth = made_up_steps(30)
    with torch.inference_mode():
        expected = load_network(teacher).double()(motion.double(), seen.double()).numpy()
    assert np.abs(expected - truth.numpy()).std() <= TEACHER_LEFT * truth.numpy().std()
    found = native(motion.numpy(), seen.numpy())
    assert np.abs(found - expected).max() <= NATIVE_TOLERANCE * expected.std()
    with np.load(golden) as values:
        change = values["change"]
        found = native(values["motion"], values["appearance"])
        assert np.abs(values["change_unfolded"] - change).max() <= FOLD_TOLERANCE * change.std()
    assert np.abs(found - change).max() <= NATIVE_TOLERANCE * change.std()


def test_the_teacher_that_tests_compare_with_is_pytorchs(teacher: Checkpoint) -> None:
    tensors = {
        name: tensor.numpy() for name, tensor in file_tensors(fold(load_network(teacher))).items()
    }
    assert {name: tensor.shape for name, tensor in tensors.items()} == TEACHER_SHAPES
    motion, seen = golden_motion()[-3:], golden_appearance()[-3:]
    with torch.inference_mode():
        expected = load_network(teacher).double()(
            torch.from_numpy(motion).double(), torch.from_numpy(seen).double()
        )
    found = numpy_teacher(tensors, motion, seen)
    assert np.abs(found - expected.numpy()).max() <= FOLD_TOLERANCE * expected.numpy().std()


def test_golden_appearances_are_colors_from_0_to_1() -> None:
    seen = golden_appearance()
    assert seen.shape == golden_motion().shape
    assert seen.dtype == np.float32
    assert (seen.min(), seen.max()) == (0, 1)
    assert np.array_equal(seen, golden_appearance())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a checkpoint"),
        (b"steps = 8000\n", "not a checkpoint"),
        ({"weights": torch.zeros(3)}, "not a checkpoint of rppg_fast"),
        (torch.zeros(3), "not a checkpoint of rppg_fast"),
        ({"format": "rppg_fast.checkpoint", "version": 1, "step": 3}, "version 1, expected 3"),
        ({"format": "rppg_fast.checkpoint", "version": 3, "step": 3}, "lacks config, data"),
        ({"format": Path}, "not a checkpoint"),  # an arbitrary object, which must not be executed
    ],
)
def test_what_is_no_checkpoint_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: object, message: str
) -> None:
    path = tmp_path / "wrong.pt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    out = tmp_path / "s.safetensors"
    arguments = ["--checkpoint", path, "--out", out, "--golden", tmp_path / "g.npz"]
    assert main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {path}: ")
    assert error.count("\n") == 1
    assert message in error
    assert list(tmp_path.iterdir()) == [path]


def test_an_unfinished_or_broken_model_is_not_exported(
    checkpoint: Checkpoint, tmp_path: Path
) -> None:
    files = tmp_path / "s.safetensors", tmp_path / "g.npz"
    with pytest.raises(ValueError, match="step 5 of"):
        export(replace(checkpoint, step=5), *files)
    broken = {**checkpoint.model, "conv2.bias": torch.full((64,), float("nan"))}
    with pytest.raises(ValueError, match=r"conv2\.bias has values that are not finite"):
        export(replace(checkpoint, model=broken), *files)
    lacking = {k: v for k, v in checkpoint.model.items() if k != "fc.bias"}
    with pytest.raises(ValueError, match=r"does not hold a student.*fc\.bias"):
        export(replace(checkpoint, model=lacking), *files)
    assert not list(tmp_path.iterdir())


def test_only_networks_that_the_engine_runs_are_exported(
    checkpoint: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = checkpoint.config
    teacher = replace(config, network="teacher")
    for wrong, model, message in (
        (teacher, checkpoint.model, "does not hold a teacher"),
        (config, Teacher().state_dict(), "does not hold a student"),
        (replace(config, activation="relu"), checkpoint.model, "not relu and average pooling"),
        (replace(config, pooling="max"), checkpoint.model, "not tanh and max pooling"),
    ):
        path = tmp_path / "wrong.pt"
        replace(checkpoint, config=wrong, model=model).save(path)
        out = ["--out", str(tmp_path / "s.safetensors"), "--golden", str(tmp_path / "g.npz")]
        assert main(["--checkpoint", str(path), *out]) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1
        assert message in error
        assert list(tmp_path.iterdir()) == [path]


def test_a_student_that_nobody_validated_says_so(checkpoint: Checkpoint, tmp_path: Path) -> None:
    row = {"step": float(checkpoint.step), "loss": 0.5, "learning_rate": 1e-8}
    bare = replace(checkpoint, validation="", log=[row])
    export(bare, tmp_path / "s.safetensors", tmp_path / "g.npz")
    card = (tmp_path / "s.md").read_text(encoding="utf-8")
    assert "There were none." in card
    assert "MAE" not in card


def test_what_helped_in_training_is_not_exported(checkpoint: Checkpoint, tmp_path: Path) -> None:
    helped = replace(checkpoint, helper={"middle.weight": torch.eye(32)}, teacher="0" * 64)
    for name, each in (("plain", checkpoint), ("helped", helped)):
        export(each, tmp_path / f"{name}.safetensors", tmp_path / f"{name}.npz")
    plain, other = (tmp_path / f"{name}.safetensors" for name in ("plain", "helped"))
    assert plain.read_bytes() == other.read_bytes()


def test_the_shipped_student_names_its_data_and_its_config() -> None:
    student = rf.Student.load()
    config = student.metadata["config"]
    assert student.metadata["config_sha256"] == hashlib.sha256(config.encode()).hexdigest()
    assert student.metadata["training_data"]
