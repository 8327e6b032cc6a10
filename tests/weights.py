"""Random weights for tests, and references: the student in PyTorch, the teacher in NumPy."""

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
TEACHER_SHAPES: dict[str, tuple[int, ...]] = {
    f"{branch}.conv{i + 1}.{kind}": (after, before, 3, 3) if kind == "weight" else (after,)
    for branch in ("motion", "appearance")
    for i, (before, after) in enumerate(((3, 32), (32, 32), (32, 64), (64, 64)))
    for kind in ("weight", "bias")
} | {
    "attention1.weight": (1, 32, 1, 1),
    "attention1.bias": (1,),
    "attention2.weight": (1, 64, 1, 1),
    "attention2.bias": (1,),
    "fc1.weight": (128, 5184),
    "fc1.bias": (128,),
    "fc2.weight": (1, 128),
    "fc2.bias": (1,),
}
METADATA = {"format": "rppg_fast.student", "version": "1", "input": "normalized"}
TEACHER_METADATA = {**METADATA, "format": "rppg_fast.teacher"}

Tensors = dict[str, NDArray[np.float32]]


def random_tensors(seed: int = 0, shapes: dict[str, tuple[int, ...]] = SHAPES) -> Tensors:
    """Return weights of the size that training gives: every layer keeps its input's variance."""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]) or 10)).astype(np.float32)
        for name, shape in shapes.items()
    }


def random_teacher(seed: int = 0) -> Tensors:
    """Return teacher weights for which the sums of every layer have a deviation of about 1."""
    tensors = random_tensors(seed, TEACHER_SHAPES)
    for name in ("conv2", "conv3", "conv4"):
        for branch in ("motion", "appearance"):
            tensors[f"{branch}.{name}.weight"] *= 2.5
    hidden = tensors["fc1.weight"].reshape(128, 64, 81)
    hidden -= hidden.mean(axis=2, keepdims=True)  # so that the output depends on the motion
    hidden *= 5
    return tensors


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


def numpy_teacher(
    tensors: Tensors, motion: NDArray[np.float32], appearance: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Compute the teacher's output in NumPy, in float64."""
    weight = {name: tensor.astype(np.float64) for name, tensor in tensors.items()}

    def layer(maps: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        padded = np.pad(maps, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(2, 3))
        sums = np.tensordot(windows, weight[f"{name}.weight"], ((1, 4, 5), (1, 2, 3)))
        return np.asarray(np.tanh(np.moveaxis(sums + weight[f"{name}.bias"], -1, 1)))

    def mask(maps: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        sums = np.tensordot(weight[f"{name}.weight"][0, :, 0, 0], maps, ((0,), (1,)))
        return np.asarray(1 / (1 + np.exp(-(sums + weight[f"{name}.bias"])))[:, None])

    def pool(maps: NDArray[np.float64]) -> NDArray[np.float64]:
        n, channels, height, width = maps.shape
        return np.asarray(maps.reshape(n, channels, height // 2, 2, width // 2, 2).mean((3, 5)))

    moved, seen = motion.astype(np.float64), appearance.astype(np.float64)
    for half in (1, 2):
        for name in (f"conv{2 * half - 1}", f"conv{2 * half}"):
            moved, seen = layer(moved, f"motion.{name}"), layer(seen, f"appearance.{name}")
        moved, seen = pool(mask(seen, f"attention{half}") * moved), pool(seen)
    hidden = np.tanh(moved.reshape(len(moved), -1) @ weight["fc1.weight"].T + weight["fc1.bias"])
    return np.asarray((hidden @ weight["fc2.weight"].T + weight["fc2.bias"])[:, 0])
