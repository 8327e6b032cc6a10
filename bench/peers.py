"""Run the student with other inference engines, in one thread and in float32."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import onnx_export

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]

# ncnn's own format. A layer has a kind, a name, the numbers of its inputs and outputs, and their
# names.
NCNN = """7767517
8 8
Input          input   0 1 motion        0=36 1=36 2=3
Convolution    conv1   1 1 motion a      0=32 1=3 4=1 5=1 6=864
TanH           tanh1   1 1 a b
Pooling        pool1   1 1 b c           0=1 1=2 2=2
Convolution    conv2   1 1 c d           0=64 1=3 4=1 5=1 6=18432
TanH           tanh2   1 1 d e
Pooling        pool2   1 1 e f           0=1 1=2 2=2
InnerProduct   fc      1 1 f change      0=1 1=1 2=5184
"""


def torch_network() -> torch.nn.Module:
    """Return the bundled student in PyTorch."""
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


def as_onnx() -> bytes:
    """Return the bundled student as an ONNX file, for any number of frames."""
    return onnx_export.as_onnx(rf.Student.load(), batch=True)


def ncnn_weights(student: torch.nn.Module) -> bytes:
    """Return the weights in ncnn's format: a zero before each layer's weights means float32."""
    parts = []
    for name, value in student.state_dict().items():
        parts += [bytes(4)] if name.endswith("weight") else []
        parts.append(value.numpy().tobytes())
    return b"".join(parts)


def peer_student(who: str, student: torch.nn.Module) -> Run:
    """Return the student as an inference engine runs it; skip if the engine is not installed."""
    if who in ("PyTorch eager", "TorchScript"):
        network: Any = student
        if who == "TorchScript":
            with warnings.catch_warnings():  # ignore the warning that torch.jit.trace is deprecated
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
        session = runtime.InferenceSession(as_onnx(), options, providers=["CPUExecutionProvider"])
        return lambda motion: np.asarray(session.run(None, {"motion": motion})[0])
    if who == "OpenVINO":
        vino = pytest.importorskip("openvino")
        core = vino.Core()
        settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
        compiled = core.compile_model(core.read_model(as_onnx()), "CPU", settings)
        request = compiled.create_infer_request()
        return lambda motion: np.array(request.infer({0: motion})[0])
    if who == "ncnn":
        ncnn = pytest.importorskip("ncnn")
        net = ncnn.Net()
        net.opt.num_threads = 1
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.load_param_mem(NCNN)
        with tempfile.NamedTemporaryFile() as file:  # ncnn keeps no weights loaded from memory
            file.write(ncnn_weights(student))
            file.flush()
            net.load_model(file.name)

        def run_ncnn(motion: NDArray[np.float32]) -> NDArray[np.float32]:
            changes = np.empty(len(motion), np.float32)
            for index, one in enumerate(motion):  # ncnn has no batches
                extractor = net.create_extractor()
                extractor.input("motion", ncnn.Mat(one))
                changes[index] = extractor.extract("change")[1][0]
            return changes

        return run_ncnn
    raise ValueError(f"there is no {who}")
