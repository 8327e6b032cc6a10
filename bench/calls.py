r"""Measure the overhead of Python for a call of the student and for a push to a monitor.

    python -m bench.calls

The time of one call of the student per frame is compared with that of one call for all frames. The
time of a monitor's pushes is compared with that of a native loop, in an engine built for this
comparison. The network's time is subtracted on both sides, because it varies with the place of its
weights and code in memory by more than the overhead. The fastest round of each counts, so that
other load on the machine matters least.
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
"""Number of calls in a round."""
SIDE = 4
"""Side of the frames, pixels: small, so that the native work is as small as possible."""


def seconds_each(call: Callable[[int], object]) -> float:
    """Return the mean time of one call in a round, s."""
    start = time.perf_counter()
    for i in range(TIMES):
        call(i)
    return (time.perf_counter() - start) / TIMES


def main() -> int:
    """Run the command line; return the exit code."""
    compiler = os.environ.get("CXX", "c++")
    weights = str(BUNDLED_WEIGHTS).encode()
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), compiler)
        source = ROOT / "bench" / "native" / "loops.cpp"
        loops = ctypes.CDLL(str(link(Path(folder), compiler, source, shared=True)))
    loops.student_loop.restype = loops.push_loop.restype = ctypes.c_double

    student = rf.Student.load()
    motion = np.full((TIMES, 3, 36, 36), 0.5, np.float32)
    one, frame = motion[:1], np.full((SIDE, SIDE, 3), 120, np.uint8)
    monitor = rf.HeartRateMonitor(student=student, box=(0, 0, SIDE, SIDE))
    pixels = frame.ctypes.data_as(ctypes.c_void_p)
    empty = seconds_each(lambda _: None)

    def at_once() -> float:
        start = time.perf_counter()
        student(motion)
        return (time.perf_counter() - start) / TIMES

    def pushed() -> float:
        monitor.reset()
        return seconds_each(lambda i: monitor.push(frame, i / 30.0)) - empty

    contenders: list[Callable[[], float]] = [
        lambda: seconds_each(lambda _: student(one)) - empty,
        at_once,
        pushed,
        lambda: float(loops.push_loop(weights, pixels, SIDE, SIDE, TIMES)),
        lambda: float(loops.student_loop(weights, TIMES)),
    ]
    rounds = [[run() for run in contenders] for _ in range(ROUNDS)]
    call, batch, push, native_push, native = (1e6 * min(times) for times in zip(*rounds))
    print(
        f"Student.__call__: {call:.1f} µs, of a batch {batch:.1f} µs:"
        f" Python adds {call - batch:.2f} µs"
    )
    beyond, native_beyond = push - batch, native_push - native
    print(
        f"HeartRateMonitor.push: {beyond:.1f} µs beyond the network, in a native loop"
        f" {native_beyond:.1f} µs: Python adds {beyond - native_beyond:.2f} µs"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
