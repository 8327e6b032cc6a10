"""What every benchmark measures with: one frame of VGA size, a face-sized box, the weights."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import rppg_fast as rf

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# A face one metre from a 640x480 camera, enlarged 1.6 times.
BOX = (150, 20, 490, 460)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Let every contender use one thread."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def frames() -> list[NDArray[np.uint8]]:
    """Return frames to rotate through, so that none stays in the cache."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(16)]


@pytest.fixture(scope="session")
def appearances(frames: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return their appearances, float32 (16, 3, 36, 36)."""
    return np.stack([rf.appearance(frame, BOX) for frame in frames])


@pytest.fixture(scope="session")
def student() -> rf.Student:
    """Return the bundled student."""
    return rf.Student.load()


@pytest.fixture(scope="session")
def torch_student(student: rf.Student) -> torch.nn.Module:
    """Return the same network in PyTorch."""
    from safetensors.torch import load_file

    from rppg_fast.student import BUNDLED_WEIGHTS

    weights = load_file(BUNDLED_WEIGHTS)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, padding=1),
        torch.nn.Tanh(),
        torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(32, 64, 3, padding=1),
        torch.nn.Tanh(),
        torch.nn.AvgPool2d(2),
        torch.nn.Flatten(),
        torch.nn.Linear(64 * 9 * 9, 1),
    )
    for name, layer in (("conv1", network[0]), ("conv2", network[3]), ("fc", network[7])):
        layer.load_state_dict({k: weights[f"{name}.{k}"] for k in ("weight", "bias")})
    return network.eval()


def as_onnx(student: torch.nn.Module) -> bytes:
    """Return the same network as an ONNX file, for any number of frames."""
    from onnx import TensorProto, helper, numpy_helper

    tensors = {name: value.numpy() for name, value in student.state_dict().items()}
    convolution: dict[str, Any] = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    pooling: dict[str, Any] = {"kernel_shape": [2, 2], "strides": [2, 2]}
    nodes = [
        helper.make_node("Conv", ["motion", "0.weight", "0.bias"], ["a"], **convolution),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("AveragePool", ["b"], ["c"], **pooling),
        helper.make_node("Conv", ["c", "3.weight", "3.bias"], ["d"], **convolution),
        helper.make_node("Tanh", ["d"], ["e"]),
        helper.make_node("AveragePool", ["e"], ["f"], **pooling),
        helper.make_node("Flatten", ["f"], ["g"]),
        helper.make_node("Gemm", ["g", "7.weight", "7.bias"], ["change"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "student",
        [helper.make_tensor_value_info("motion", TensorProto.FLOAT, ["n", 3, 36, 36])],
        [helper.make_tensor_value_info("change", TensorProto.FLOAT, ["n", 1])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    # An old format, which every runtime of the last years reads.
    opset = [helper.make_opsetid("", 13)]
    made: bytes = helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()
    return made


def peer_student(who: str, student: torch.nn.Module) -> Run:
    """Return the student as an inference engine runs it, or skip where that is not installed."""
    if who in ("PyTorch eager", "TorchScript"):
        network: Any = student
        if who == "TorchScript":
            with warnings.catch_warnings():  # that it is deprecated
                warnings.simplefilter("ignore")
                traced = torch.jit.trace(student, torch.zeros(1, 3, 36, 36))  # type: ignore[no-untyped-call]
                network = torch.jit.optimize_for_inference(traced)

        @torch.inference_mode()
        def run_torch(motion: NDArray[np.float32]) -> NDArray[np.float32]:
            return np.asarray(network(torch.from_numpy(motion)).numpy()[:, 0])

        return run_torch
    if who == "ONNX Runtime":
        runtime = pytest.importorskip("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = runtime.InferenceSession(
            as_onnx(student), options, providers=["CPUExecutionProvider"]
        )
        return lambda motion: np.asarray(session.run(None, {"motion": motion})[0][:, 0])
    if who == "OpenVINO":
        vino = pytest.importorskip("openvino")
        core = vino.Core()
        settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(core.read_model(as_onnx(student)), "CPU", settings)
        request = compiled.create_infer_request()
        return lambda motion: np.array(request.infer({0: motion})[0][:, 0])
    raise ValueError(f"there is no {who}")
