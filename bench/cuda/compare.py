r"""Time the student on a CUDA device beside PyTorch, for one frame and for batches.

    python -m bench.cuda.compare [--batch 4096] [--rounds 200]

prints Markdown tables with the device's name, medians over rounds in which the contenders take
turns, and ratios to rppg_fast's time. The contenders are PyTorch eager, a CUDA graph of it and
torch.compile. It also prints the share of the device's own peak, measured in the same run. Every
contender's output is checked before it is timed. Needs a CUDA device, a build with RPPG_CUDA=ON and
a PyTorch with CUDA; a message says which of them is missing.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

import rppg_fast as rf
from bench.cuda.estimate import whole
from bench.peers import torch_network

TOLERANCE = 1e-4
"""The contenders differ only in the order of their float32 operations."""

Run = Callable[[], Any]


def why_not() -> str | None:
    """Return what is missing for the comparison; None if nothing is."""
    if rf.cuda.build() == "not built":
        return "this build of rppg_fast has no CUDA: it takes a CUDA toolkit and RPPG_CUDA=ON"
    if rf.cuda.devices().startswith("no device"):
        return f"CUDA: {rf.cuda.devices()}"
    if not torch.cuda.is_available():
        return f"PyTorch {torch.__version__} sees no CUDA device"
    return None


def as_graph(run: Run) -> Run:
    """Return a function that replays a run as a CUDA graph."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        kept = run()

    def replay() -> Any:
        graph.replay()
        return kept

    return replay


def contenders(count: int) -> tuple[dict[str, Run], np.ndarray[Any, Any]]:
    """Return the contenders on a batch in device memory, and the expected output."""
    rng = np.random.default_rng(0)
    motion = (3 * rng.standard_normal((count, 3, 36, 36))).astype(np.float32)
    there = torch.from_numpy(motion).cuda()
    network = torch_network().cuda()
    student = rf.Student.load(backend="cuda")
    out = torch.full((count,), float("nan"), device="cuda")
    stream = torch.cuda.current_stream().cuda_stream
    compiled = torch.compile(network)
    runs: dict[str, Run] = {
        "rppg_fast": lambda: student(there, out=out, stream=stream),
        "PyTorch eager": lambda: network(there)[:, 0],
        "PyTorch, CUDA graph": as_graph(lambda: network(there)[:, 0]),
        "torch.compile": lambda: compiled(there)[:, 0],
    }
    return runs, rf.Student.load()(motion)


def seconds(run: Run) -> float:
    """Return the time from the start of a run until the device has finished it, s."""
    torch.cuda.synchronize()
    begin = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return time.perf_counter() - begin


def medians(runs: dict[str, Run], rounds: int) -> dict[str, float]:
    """Return the median time of each contender, s; the contenders take turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds(run))
    return {name: statistics.median(each) for name, each in times.items()}


def peaks() -> tuple[float, float]:
    """Return the device's peak rates: float32 matrix product, FLOP/s, and copying, bytes/s."""
    size = 8192
    a, b = (torch.randn(size, size, device="cuda") for _ in range(2))
    from_, to = (torch.empty(1 << 28, device="cuda") for _ in range(2))
    least = medians({"product": lambda: a @ b, "copy": lambda: to.copy_(from_)}, 20)
    return 2.0 * size**3 / least["product"], 2.0 * from_.nbytes / least["copy"]


@torch.inference_mode()
def compare(count: int, rounds: int) -> None:
    """Check the output of every contender and print one table."""
    runs, expected = contenders(count)
    for name, run in runs.items():
        for _ in range(5):
            found = run()
        np.testing.assert_allclose(found.cpu().numpy(), expected, atol=TOLERANCE, err_msg=name)
    found = medians(runs, rounds)
    print(f"\n| Batch {count} | us | times rppg_fast's |\n|---|---|---|")
    for name, each in found.items():
        print(f"| {name} | {1e6 * each:.1f} | {each / found['rppg_fast']:.2f} |")
    flops, bandwidth = peaks()
    work, ours = whole(), found["rppg_fast"]
    floor = max(2 * work.products * count / flops, 4 * 3 * 36 * 36 * count / bandwidth)
    print(
        f"\nThe device's measured peaks: {flops / 1e12:.1f} TFLOP/s in float32 without TF32, "
        f"{bandwidth / 1e9:.0f} GB/s; they would take {1e6 * floor:.1f} us: {floor / ours:.0%} "
        "of the time."
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.cuda.compare", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--batch", type=int, default=4096)
    parser.add_argument("--rounds", type=int, default=200)
    given = parser.parse_args(arguments)
    missing = why_not()
    if missing is not None:
        print(f"bench.cuda.compare: {missing}", file=sys.stderr)
        return 2
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, {rf.cuda.build()}")
    for count in (1, given.batch):
        compare(count, given.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
