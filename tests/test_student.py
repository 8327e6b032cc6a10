from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

import rppg_fast as rf
from rppg_fast.student import BUNDLED_WEIGHTS
from rppg_fast.video import VideoFile
from tests.tiers import BF16_NOISE_TIER, BF16_TIER, FLOAT32_TIER, allowed
from tests.weights import random_tensors, safetensors_bytes, torch_student

# With random weights and white noise, the output is small relative to the terms of its sums, and
# Winograd's transforms round about ten times as coarsely in float32 as plain sums.
NOISE_TIER = 3e-5
# Sums a thousand times too large have rounding errors a thousand times as large, which matter for
# the few values of tanh that are not saturated; 25 times the difference that was seen.
SATURATED_TOLERANCE = 1e-4
BF16_SATURATED_TOLERANCE = 1e-2


def student(seed: int = 0, backend: str = "auto") -> rf.Student:
    return rf.Student(safetensors_bytes(random_tensors(seed)), "made up", backend)


def random_motion(count: int, seed: int = 0, scale: float = 1.0) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    return (scale * rng.standard_normal((count, 3, 36, 36))).astype(np.float32)


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("scale", [1e-30, 0.01, 1.0, 10.0])
def test_forward_pass_is_pytorchs(backend: str, seed: int, scale: float) -> None:
    motion = random_motion(40, seed, scale)
    tensors = random_tensors(seed)
    deviation = torch_student(tensors, random_motion(40, seed)).std()
    error = student(seed, backend)(motion) - torch_student(tensors, motion)
    assert np.abs(error).max() <= allowed(backend, NOISE_TIER, BF16_NOISE_TIER) * deviation


def test_forward_pass_of_the_shipped_weights_on_a_face_is_pytorchs(backend: str) -> None:
    video = islice(VideoFile(BUNDLED_WEIGHTS.parent / "demo.mp4"), 90)
    faces = np.stack([rf.appearance(frame) for frame, _ in video])
    motion = rf.motion(faces[:-1], faces[1:])
    expected = torch_student(load_file(BUNDLED_WEIGHTS), motion)
    error = rf.Student.load(backend=backend)(motion) - expected
    assert np.abs(error).max() <= allowed(backend, FLOAT32_TIER * expected.std(), BF16_TIER)


def test_every_input_pixel_reaches_the_output_as_in_pytorch(backend: str) -> None:
    """One pixel at a time is lit, so that errors of border, stride or order cannot cancel out."""
    places = [(c, y, x) for c in range(3) for y in (0, 1, 17, 34, 35) for x in (0, 1, 18, 34, 35)]
    motion = np.zeros((len(places), 3, 36, 36), np.float32)
    for index, place in enumerate(places):
        motion[(index,) + place] = 3.0  # noqa: RUF005 (a star needs Python 3.11)
    expected = torch_student(random_tensors(), motion)
    assert np.unique(expected).size == len(places)
    error = student(backend=backend)(motion) - expected
    deviation = torch_student(random_tensors(), random_motion(40)).std()
    assert np.abs(error).max() <= allowed(backend, NOISE_TIER, BF16_NOISE_TIER) * deviation


def test_batches_of_any_size_give_the_same_bits(backend: str) -> None:
    network, motion = student(backend=backend), random_motion(17)
    whole = network(motion)
    assert whole.shape == (17,)
    assert whole.dtype == np.float32
    for size in (1, 2, 5):
        pieces = [network(motion[at : at + size]) for at in range(0, 17, size)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole)
    for threads in (2, 3, 17, 40):
        np.testing.assert_array_equal(network(motion, threads=threads), whole)
    assert network(motion[:0], threads=3).shape == (0,)
    assert network(motion[:0]).shape == (0,)


def test_views_give_what_copies_give(backend: str) -> None:
    network, motion = student(backend=backend), random_motion(6)
    np.testing.assert_array_equal(network(motion[::-2]), network(motion[::-2].copy()))


def test_threads_share_a_student(backend: str) -> None:
    network, motion = student(backend=backend), random_motion(30)
    expected = network(motion)
    found: list[NDArray[np.float32]] = []
    threads = [threading.Thread(target=lambda: found.append(network(motion))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    for each in found:
        np.testing.assert_array_equal(each, expected)


def test_a_value_that_is_no_number_is_not_hidden(backend: str) -> None:
    motion = random_motion(3)
    motion[1, 2, 20, 20] = np.nan
    assert list(np.isnan(student(backend=backend)(motion))) == [False, True, False]
    motion.view(np.uint32)[1, 2, 20, 20] = 0x7FC00001  # a NaN with a payload
    assert list(np.isnan(student(backend=backend)(motion))) == [False, True, False]


def test_strong_motion_saturates_as_in_pytorch(backend: str) -> None:
    """Motion far beyond its range must not overflow."""
    motion = random_motion(4, scale=1e4)
    error = student(backend=backend)(motion) - torch_student(random_tensors(), motion)
    assert np.abs(error).max() <= allowed(backend, SATURATED_TOLERANCE, BF16_SATURATED_TOLERANCE)


def test_nobody_runs_on_no_thread() -> None:
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        student()(random_motion(1), threads=0)


@pytest.mark.parametrize(
    ("motion", "error", "named"),
    [
        (np.zeros((2, 3, 36, 36)), ValueError, "float32 array, got float64"),
        (np.zeros((3, 36, 36), np.float32), ValueError, r"\(N, 3, 36, 36\), got .*\(3, 36, 36\)"),
        (np.zeros((1, 36, 36, 3), np.float32), ValueError, r"got float32 \(1, 36, 36, 3\)"),
        (None, TypeError, "got NoneType"),
    ],
)
def test_bad_motion_is_named(motion: object, error: type[Exception], named: str) -> None:
    with pytest.raises(error, match=named):
        student()(motion)  # type: ignore[call-overload]


def test_unknown_backend_is_named() -> None:
    names = ", ".join(["auto", *rf.backends()])
    message = f"'sse9' is not available here; there are: {names}"
    for use in (
        lambda: student(backend="sse9"),
        lambda: rf.appearance(np.zeros((8, 8, 3), np.uint8), backend="sse9"),
        lambda: rf.motion(random_motion(1), random_motion(1), backend="sse9"),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.skipif(
    platform.machine() != "x86_64" or "amx" in rf.backends(), reason="only where amx cannot run"
)
def test_what_amx_misses_is_named() -> None:
    with pytest.raises(ValueError, match=r"'amx' is not available here \(missing: .*amx-tile"):
        student(backend="amx")


def test_amx_is_never_chosen_by_itself() -> None:
    assert rf.backends()[0] != "amx"


def ask_for(backend: str) -> subprocess.CompletedProcess[str]:
    program = "import rppg_fast as rf; print(rf.Student.load().backend)"
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "RPPG_BACKEND": backend},
        capture_output=True,
        text=True,
    )


def test_the_environment_chooses_the_backend(backend: str) -> None:
    assert ask_for(backend).stdout == f"{backend}\n"


def test_the_fastest_backend_is_chosen_by_itself() -> None:
    assert ask_for("").stdout == ask_for("auto").stdout == f"{rf.backends()[0]}\n"


def test_a_wrong_backend_in_the_environment_is_named() -> None:
    error = ask_for("sse9").stderr
    assert "backend 'sse9', the value of RPPG_BACKEND, is not available here" in error


def test_bundled_weights_load_and_say_where_they_come_from() -> None:
    network = rf.Student.load()
    assert network.backend in rf.backends()
    assert network.metadata["training_data"]
    assert len(network.sha256) == 64
    assert network(random_motion(2)).shape == (2,)
