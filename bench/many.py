"""Measure many clips with one process and with two: time, processor time, memory.

    python -m bench.many --clips 1000

Makes ten-second clips of a face, 640x480 in H.264, and measures them with ``rppg-fast measure
--out`` and ``--jobs 1`` and ``--jobs 2`` in turns. It prints the clips per second, the processor
time per clip of all processes, the largest memory of all processes together (proportional set
size), and how much faster two processes are. The tables must be equal to the last byte. Linux only:
the memory is read from /proc.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import rppg_fast as rf
from bench.file import BIT_RATE
from bench.tracking import FPS, SCENES, film
from rppg_fast.face import ASSETS
from training.synthetic.codec import write_video

SECONDS = 10
#: Clips that differ; the others are links to these.
DIFFERENT = ("sits", "walks")
JOBS = (1, 2)
#: Time between two looks at the memory, s.
INTERVAL = 0.5


@dataclass(frozen=True)
class Cost:
    """What a run cost.

    Attributes
    ----------
    wall, cpu
        Time, and processor time of all processes, s.
    memory
        Largest memory of all processes together, MB.
    """

    wall: float
    cpu: float
    memory: float


def make_clips(folder: Path, count: int) -> None:
    """Write some clips, and links to them."""
    portrait = [frame for frame, _ in rf.VideoFile(ASSETS / "demo.mp4")]
    folder.mkdir()
    for number, scene in enumerate(DIFFERENT[:count]):
        frames = (frame for frame, _ in islice(film(portrait, SCENES[scene]), SECONDS * FPS))
        settings = {"preset": "medium", "tune": "film"}
        write_video(folder / f"{number:05d}.mp4", frames, "h264", FPS, BIT_RATE, settings)
    for number in range(len(DIFFERENT), count):
        target = folder / f"{number % len(DIFFERENT):05d}.mp4"
        (folder / f"{number:05d}.mp4").symlink_to(target)


def family(process: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield process
    try:
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in (task / "children").read_text().split():
                yield from family(int(child))
    except OSError:  # it has ended
        return


def memory_of(process: int) -> float:
    """Return the proportional set size of a process and its descendants, MB."""
    total = 0
    for one in family(process):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def run(folder: Path, out: Path, jobs: int) -> Cost:
    """Measure all clips in a folder."""
    command = [sys.executable, "-m", "rppg_fast.cli", "measure", str(folder), "--out", str(out)]
    begin, before = time.perf_counter(), os.times()
    process = subprocess.Popen([*command, "--jobs", str(jobs)], stdout=subprocess.DEVNULL)
    largest, ended = 0.0, threading.Event()

    def watch() -> None:
        nonlocal largest
        while not ended.wait(INTERVAL):
            largest = max(largest, memory_of(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    ended.set()
    watcher.join()
    assert code == 0, code
    after = os.times()
    user = after.children_user - before.children_user
    system = after.children_system - before.children_system
    return Cost(time.perf_counter() - begin, user + system, largest)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.many", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--clips", type=int, default=24, help="number of clips (24)")
    parser.add_argument("--rounds", type=int, default=1, help="runs with each number of processes")
    given = parser.parse_args(arguments)
    costs: dict[int, list[Cost]] = {jobs: [] for jobs in JOBS}
    tables = set()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "clips")
        make_clips(folder, given.clips)
        for turn in range(given.rounds):
            for jobs in JOBS:
                out = Path(place, f"{turn}-{jobs}.csv")
                costs[jobs].append(run(folder, out, jobs))
                tables.add(out.read_bytes())
    assert len(tables) == 1, "the tables differ"
    rows = {jobs: min(found, key=lambda cost: cost.wall) for jobs, found in costs.items()}
    for jobs, cost in rows.items():
        print(
            f"{jobs} processes: {given.clips / cost.wall:.2f} clips a second, "
            f"{1e3 * cost.cpu / given.clips:.0f} ms of processor a clip, {cost.memory:.0f} MB"
        )
    one, two = rows[1], rows[2]
    print(
        f"two processes: {one.wall / two.wall:.2f} times as fast, "
        f"{two.cpu / one.cpu:.3f} times the processor time"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
