"""Common inputs of the benchmarks: frames of VGA size, a face-sized box, the weights."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import rppg_fast as rf
from bench.peers import torch_network

# Box of a face one metre from a 640x480 camera, enlarged 1.6 times.
BOX = (150, 20, 490, 460)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Set OpenCV and PyTorch to one thread."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def frames() -> list[NDArray[np.uint8]]:
    """Return different frames to use in turn, so that none stays in the processor's cache."""
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(16)]


@pytest.fixture(scope="session")
def appearances(frames: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """Return the appearances of the frames, float32 of shape (16, 3, 36, 36)."""
    return np.stack([rf.appearance(frame, BOX) for frame in frames])


@pytest.fixture(scope="session")
def student() -> rf.Student:
    """Return the bundled student."""
    return rf.Student.load()


@pytest.fixture(scope="session")
def torch_student() -> torch.nn.Module:
    """Return the same network in PyTorch."""
    return torch_network()


def pytest_benchmark_update_json(benchmarks: list[Any], output_json: dict[str, Any]) -> None:
    """Add the 99th percentile to the stored results of each benchmark."""
    finished = (each for each in benchmarks if not each.has_error)
    for measured, stored in zip(finished, output_json["benchmarks"]):
        stored["stats"]["p99"] = float(np.quantile(measured.stats.data, 0.99))
