"""Compare the teacher in each backend with the same network in ONNX Runtime, in one thread.

    python -m bench.teacher

All contenders process a few frames in turn, many times, so that other load on the machine affects
all of them; the medians are printed. The weights are random, because they do not affect the time.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.onnx_export import as_onnx
from training.models.export import FORMAT, VERSION, file_tensors, fold, safetensors
from training.models.networks import Teacher

Floats = NDArray[np.float32]
Run = Callable[[Floats, Floats], Floats]

ROUNDS, FRAMES = 200, 5
SEED = 7
PEER = "ONNX Runtime"
# The contenders differ only in the order of their float32 operations; the output is about 1.
TOLERANCE = 1e-4


def torch_teacher() -> Teacher:
    """Return a teacher with random weights in PyTorch, batch normalisation folded in."""
    torch.manual_seed(SEED)
    return fold(Teacher())


def our_teacher(network: Teacher, backend: str) -> rf.Teacher:
    """Return the same network in a backend."""
    about = {"format": FORMAT + "teacher", "version": VERSION, "input": "normalized"}
    return rf.Teacher(safetensors(file_tensors(network), about), "random weights", backend)


def torch_run(network: Teacher) -> Run:
    """Return a function that runs it in PyTorch."""

    @torch.inference_mode()
    def run(motion: Floats, appearance: Floats) -> Floats:
        return np.asarray(network(torch.from_numpy(motion), torch.from_numpy(appearance)).numpy())

    return run


def onnx_run(network: Teacher) -> Run:
    """Return a function that runs it in ONNX Runtime."""
    import onnxruntime  # type: ignore[import-untyped]

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        as_onnx(our_teacher(network, "auto"), batch=True),
        options,
        providers=["CPUExecutionProvider"],
    )
    return lambda *given: np.asarray(
        session.run(None, dict(zip(("motion", "appearance"), given)))[0]
    )


def steps(count: int) -> tuple[Floats, Floats]:
    """Return random motion and appearance, float32 (count, 3, 36, 36) each."""
    random = np.random.default_rng(SEED)
    motion = random.standard_normal((count, 3, 36, 36), np.float32)
    return motion, random.random((count, 3, 36, 36), np.float32)


def main() -> int:
    """Command line; returns the exit code."""
    network = torch_teacher()
    runs: dict[str, Run] = {name: our_teacher(network, name) for name in rf.backends()}
    runs[PEER] = onnx_run(network)
    for run in runs.values():
        given = steps(3)
        np.testing.assert_allclose(run(*given), torch_run(network)(*given), atol=TOLERANCE)
    times: dict[str, list[float]] = {who: [] for who in runs}
    motion, seen = steps(FRAMES)
    for _ in range(ROUNDS):
        for who, run in runs.items():
            for i in range(FRAMES):
                start = time.perf_counter()
                run(motion[i : i + 1], seen[i : i + 1])
                times[who].append(time.perf_counter() - start)
    peer = statistics.median(times.pop(PEER))
    print(f"{PEER}: {1e3 * peer:.3f} ms a frame")
    for who, each in times.items():
        median = statistics.median(each)
        print(f"{who}: {1e3 * median:.3f} ms a frame, {peer / median:.2f} times as fast")
    return 0


if __name__ == "__main__":
    sys.exit(main())
