r"""Measure many streams at once, the memory of each, and a simulated day in one stream.

    python -m bench.streams --streams 1,2,8 --day

Prints the frames per second of all streams together and of one core, and the resident memory that
one more stream takes. With --day, it also prints the memory before and after a day of 30 frames per
second with random faults in their times, pushed as fast as possible. Linux only: the memory is read
from /proc.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import rppg_fast as rf
from bench.conftest import BOX
from bench.soak import faulty_times

Frame = NDArray[np.uint8]
FPS = 30
DAY = 24 * 3600
"""Length of a day, s."""


def resident() -> float:
    """Return the resident memory of this process, MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def push_all(monitor: rf.HeartRateMonitor, frames: Sequence[Frame], first: int, count: int) -> None:
    """Push `count` frames; the first has the number `first`."""
    for i in range(first, first + count):
        monitor.push(frames[i % len(frames)], i / FPS)


def throughput(streams: int, frames: Sequence[Frame], count: int) -> tuple[float, float]:
    """Return the frames per second of all streams, one thread each, and per second of CPU time."""
    student = rf.Student.load()
    monitors = [rf.HeartRateMonitor(student=student, box=BOX) for _ in range(streams)]
    for monitor in monitors:
        push_all(monitor, frames, 0, 10 * FPS)  # fill the window first
    with ThreadPoolExecutor(streams) as pool:
        begin, used = time.perf_counter(), time.process_time()
        list(pool.map(lambda m: push_all(m, frames, 10 * FPS, count), monitors))
        seconds, cpu = time.perf_counter() - begin, time.process_time() - used
    return streams * count / seconds, streams * count / cpu


def memory_of_a_stream(frames: Sequence[Frame], streams: int = 50) -> float:
    """Return the resident memory that one more stream takes, MB."""
    student = rf.Student.load()
    first = rf.HeartRateMonitor(student=student, box=BOX)
    push_all(first, frames, 0, 11 * FPS)
    before, monitors = resident(), []
    for _ in range(streams):
        monitors.append(rf.HeartRateMonitor(student=student, box=BOX))
        push_all(monitors[-1], frames, 0, 11 * FPS)
    return (resident() - before) / streams


def long_run(frames: Sequence[Frame], seconds: float) -> tuple[float, float]:
    """Push frames for a simulated time, including faulty times.

    Returns
    -------
    Resident memory after the first minute and at the end, MB.
    """
    monitor = rf.HeartRateMonitor(box=BOX)
    before = resident()
    shown_so_far = tqdm(total=round(seconds), unit="s", disable=seconds < DAY)
    for index, (shown, true) in enumerate(faulty_times(seconds)):
        try:
            monitor.push(frames[index % len(frames)], shown)
        except rf.TimeError:
            continue
        if true < 60:
            before = resident()
        shown_so_far.update(int(true) - shown_so_far.n)
    return before, resident()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.streams", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--streams", default="1,2,8", help="how many at once, such as 1,2,8")
    parser.add_argument("--frames", type=int, default=2000, help="of each stream")
    parser.add_argument("--day", action="store_true", help="push a day of frames as well")
    given = parser.parse_args(arguments)
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(16)]
    print(f"{rf.Student.load().backend}, {os.cpu_count()} cores, 640x480 frames")
    for streams in map(int, given.streams.split(",")):
        total, core = throughput(streams, frames, given.frames)
        print(f"{streams} streams: {total:.0f} frames/s, {core:.0f} per second of one core")
    print(f"one more stream: {memory_of_a_stream(frames):.2f} MB")
    if given.day:
        before, after = long_run(frames, DAY)
        print(f"a day: {before:.1f} MB after a minute, {after:.1f} MB at its end")
    return 0


if __name__ == "__main__":
    sys.exit(main())
