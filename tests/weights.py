"""Random student weights for tests, and the student in PyTorch as a reference."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
from numpy.typing import NDArray

SHAPES: dict[str, tuple[int, ...]] = {
    "conv1.weight": (32, 3, 3, 3),
    "conv1.bias": (32,),
    "conv2.weight": (64, 32, 3, 3),
    "conv2.bias": (64,),
    "fc.weight": (1, 5184),
    "fc.bias": (1,),
}
METADATA = {"format": "rppg_fast.student", "version": "1", "input": "normalized"}

Tensors = dict[str, NDArray[np.float32]]


def random_tensors(seed: int = 0) -> Tensors:
    """Return weights of the size that training gives: every layer keeps its input's variance."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 10)).astype(np.float32)
        for name, shape in SHAPES.items()
    }


def safetensors_bytes(tensors: Tensors, metadata: dict[str, str] | None = None) -> bytes:
    """Return a safetensors file, written without any library."""
    header: dict[str, object] = {"__metadata__": METADATA if metadata is None else metadata}
    at, parts = 0, []
    for name, tensor in tensors.items():
        data = tensor.tobytes()
        kind = {"float32": "F32", "float64": "F64", "float16": "F16"}[str(tensor.dtype)]
        header[name] = {
            "dtype": kind,
            "shape": list(tensor.shape),
            "data_offsets": [at, at + len(data)],
        }
        at += len(data)
        parts.append(data)
    return with_header(json.dumps(header), b"".join(parts))


def with_header(header: str, data: bytes) -> bytes:
    encoded = header.encode()
    return struct.pack("<Q", len(encoded)) + encoded + data


def torch_student(tensors: Tensors, motion: NDArray[np.float32]) -> NDArray[np.float64]:
    """Run the student in PyTorch, float64; skip the test if PyTorch is not installed."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    weight = {name: torch.from_numpy(tensor).double() for name, tensor in tensors.items()}
    maps = torch.from_numpy(motion).double()
    for layer in ("conv1", "conv2"):
        maps = functional.conv2d(
            maps, weight[f"{layer}.weight"], weight[f"{layer}.bias"], padding=1
        )
        maps = functional.avg_pool2d(torch.tanh(maps), 2)
    change = functional.linear(maps.flatten(1), weight["fc.weight"], weight["fc.bias"])
    return np.asarray(change[:, 0].numpy())
