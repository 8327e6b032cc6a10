r"""What a call from Python costs beyond the native work: a student's call, a monitor's push.

    python -m bench.calls

runs both in turns, one by one from Python and in a native loop of the same engine, built for it,
and compares the fastest round of each, whatever else the machine does.
"""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import rppg_fast as rf
from bench.engine import ROOT, build, link
from rppg_fast.student import BUNDLED_WEIGHTS

ROUNDS = 400
TIMES = 40
"""Calls in a round."""
SIDE = 4
"""Of the frames, pixels: as little native work as there can be."""


def seconds_each(call: Callable[[int], object]) -> float:
    """Return the time of one call, mean over a round."""
    start = time.perf_counter()
    for i in range(TIMES):
        call(i)
    return (time.perf_counter() - start) / TIMES


def compare(name: str, native: Callable[[], float], called: Callable[[], float]) -> None:
    """Print what both take, and the difference."""
    rounds = [(native(), called()) for _ in range(ROUNDS)]
    in_loop, from_python = (1e6 * min(times) for times in zip(*rounds))
    print(
        f"{name}: {from_python:.1f} µs, in a native loop {in_loop:.1f} µs:"
        f" Python adds {from_python - in_loop:.2f} µs"
    )


def main() -> int:
    """Command line; returns the exit code."""
    compiler = os.environ.get("CXX", "c++")
    weights = str(BUNDLED_WEIGHTS).encode()
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), compiler)
        source = ROOT / "bench" / "native" / "loops.cpp"
        loops = ctypes.CDLL(str(link(Path(folder), compiler, source, shared=True)))
    loops.student_loop.restype = loops.push_loop.restype = ctypes.c_double

    student = rf.Student.load()
    motion = np.full((1, 3, 36, 36), 0.5, np.float32)
    empty = seconds_each(lambda _: None)
    compare(
        "Student.__call__",
        lambda: float(loops.student_loop(weights, TIMES)),
        lambda: seconds_each(lambda _: student(motion)) - empty,
    )

    frame = np.full((SIDE, SIDE, 3), 120, np.uint8)
    monitor = rf.HeartRateMonitor(student=student, box=(0, 0, SIDE, SIDE))
    pixels = frame.ctypes.data_as(ctypes.c_void_p)

    def pushed() -> float:
        monitor.reset()
        return seconds_each(lambda i: monitor.push(frame, i / 30.0)) - empty

    compare(
        "HeartRateMonitor.push",
        lambda: float(loops.push_loop(weights, pixels, SIDE, SIDE, TIMES)),
        pushed,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
