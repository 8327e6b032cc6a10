"""What every benchmark measures with: one frame of VGA size, a face-sized box, the weights."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import rppg_fast as rf

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


def pytest_benchmark_update_json(benchmarks: list[Any], output_json: dict[str, Any]) -> None:
    """Add the 99th percentile to what is stored of each benchmark."""
    finished = (each for each in benchmarks if not each.has_error)
    for measured, stored in zip(finished, output_json["benchmarks"]):
        stored["stats"]["p99"] = float(np.quantile(measured.stats.data, 0.99))
