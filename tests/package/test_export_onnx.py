"""The networks as ONNX files, run by ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Union

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.cli import BAD_INPUT, OK, main
from rppg_fast.student import BUNDLED_WEIGHTS
from tests.support.golden import golden
from tests.support.weights import TEACHER_METADATA, random_teacher, safetensors_bytes

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("safetensors")

from rppg_fast.onnx_export import as_onnx  # noqa: E402

Floats = NDArray[np.float32]
Network = Union[rf.Student, rf.Teacher]

# Both compute in float32 in another order. Relative to the deviation of the output over the steps:
# the root mean square of the difference, and the largest difference of some hundred steps.
TOLERANCE = 1e-5
LARGEST = 5e-5
# Only "amx" computes in bf16.
BACKENDS = [name for name in rf.backends() if name != "amx"]
BATCHES = (1, 2, 7, 129)  # the engine splits batches; odd ones end within a block


def network(name: str, backend: str = "auto") -> Network:
    if name == "student":
        return rf.Student.load(backend=backend)
    return rf.Teacher(safetensors_bytes(random_teacher(), TEACHER_METADATA), "random", backend)


def steps(name: str, count: int) -> dict[str, Floats]:
    """Return steps of noise, at most as large as motion can be."""
    random = np.random.default_rng(count)
    motion = np.clip(random.standard_normal((count, 3, 36, 36), np.float32), -10, 10)
    if name == "student":
        return {"motion": motion}
    return {"motion": motion, "appearance": random.random((count, 3, 36, 36), np.float32)}


def run(content: bytes, inputs: dict[str, Floats]) -> Floats:
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert [one.name for one in session.get_inputs()] == list(inputs)
    (change,) = session.run(["change"], inputs)
    return np.asarray(change)


def engine(ours: Network, inputs: dict[str, Floats]) -> Floats:
    if isinstance(ours, rf.Student):
        return ours(inputs["motion"])
    return ours(inputs["motion"], inputs["appearance"])


def assert_same(found: Floats, expected: Floats) -> None:
    assert found.shape == expected.shape
    assert found.dtype == np.float32
    difference, deviation = found - expected, expected.std()
    assert np.sqrt(np.mean(difference**2)) <= TOLERANCE * deviation
    assert abs(difference).max() <= LARGEST * deviation


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["student", "teacher"])
def test_a_batch_of_any_size_gives_what_the_engine_gives(name: str, backend: str) -> None:
    ours = network(name, backend)
    content = as_onnx(ours, batch=True)
    batches = [steps(name, count) for count in BATCHES]
    assert_same(
        np.concatenate([run(content, given) for given in batches]),
        np.concatenate([engine(ours, given) for given in batches]),
    )


@pytest.mark.parametrize("name", ["student", "teacher"])
def test_a_single_step_gives_what_the_engine_gives(name: str) -> None:
    ours = network(name)
    content = as_onnx(ours)
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    assert [one.shape for one in session.get_inputs()] == [[1, 3, 36, 36]] * len(steps(name, 1))
    given = steps(name, 31)
    one_by_one = [
        run(content, {key: values[i : i + 1] for key, values in given.items()}) for i in range(31)
    ]
    assert_same(np.concatenate(one_by_one), engine(ours, given))
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument):
        session.run(None, given)


def test_the_golden_inputs_give_the_golden_outputs() -> None:
    motion, exact = golden()
    found = run(as_onnx(rf.Student.load(), batch=True), {"motion": motion})
    np.testing.assert_allclose(found, exact, atol=TOLERANCE * exact.std())


def test_the_file_says_what_it_is() -> None:
    student = rf.Student.load()
    model = onnx.load_from_string(as_onnx(student))
    onnx.checker.check_model(model, full_check=True)
    said = {one.key: one.value for one in model.metadata_props}
    assert said["weights_sha256"] == student.sha256
    assert said["licence"] == "MIT"
    assert said["fs"] == "30"
    assert said["training_data"] == student.metadata["training_data"]
    for name in ("motion", "change"):
        assert said[name].startswith("float32 (steps,")
    assert "rppg_fast.motion" in model.graph.input[0].doc_string
    assert model.producer_version == rf.__version__
    of_teacher = onnx.load_from_string(as_onnx(network("teacher")))
    said = {one.key: one.value for one in of_teacher.metadata_props}
    assert said["licence"] == "that of the weights file"
    assert "rppg_fast.appearance" in said["appearance"]
    assert [one.name for one in of_teacher.graph.input] == ["motion", "appearance"]


def test_the_same_weights_give_the_same_bytes() -> None:
    assert as_onnx(rf.Student.load()) == as_onnx(rf.Student.load())


def test_the_command_writes_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "student.onnx"
    assert main(["export", "--onnx", str(out), "--batch"]) == OK
    assert out.read_bytes() == as_onnx(rf.Student.load(), batch=True)
    assert "motion of any number of steps" in capsys.readouterr().out
    weights = tmp_path / "teacher.safetensors"
    weights.write_bytes(safetensors_bytes(random_teacher(), TEACHER_METADATA))
    options = ["--network", "teacher", "--weights", str(weights)]
    assert main(["export", "--onnx", str(out), *options]) == OK
    assert out.read_bytes() == as_onnx(network("teacher"))
    assert "motion and appearance of 1 step" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--network", "teacher", "--weights", str(BUNDLED_WEIGHTS)], "student.safetensors"),
        (["--weights", "nowhere.safetensors"], "nowhere.safetensors: No such file"),
    ],
)
def test_bad_input_is_named(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.onnx"
    assert main(["export", "--onnx", str(out), *options]) == BAD_INPUT
    assert message in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "--onnx", str(tmp_path / "no" / "out.onnx")]) == BAD_INPUT
    assert "out.onnx: No such file or directory" in capsys.readouterr().err
