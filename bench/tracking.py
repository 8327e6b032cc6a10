"""Measure the time per frame while a face is followed.

    python -m bench.tracking

Pushes 640x480 frames of a face that sits, walks, or comes and goes, and of no face. It prints the
median, the 99th percentile and the maximum of the processor time of ``push`` in one thread, in ms,
for each way of tracking. Processor time is used because the clock time of a shared machine includes
other programs. The readings are asserted before a time is printed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.face import ASSETS
from rppg_fast.reference import Reference

Frame = NDArray[np.uint8]
FPS = 30
WIDTH, HEIGHT = 640, 480
RATE_TOLERANCE_BPM = 3.0

Place = Callable[[float], "int | None"]
SCENES: dict[str, Place] = {
    "sits": lambda t: 160,
    "walks": lambda t: round(160 + 140 * np.sin(2 * np.pi * 0.05 * t)),
    "comes and goes": lambda t: 160 if t % 5.0 < 2.5 else None,
    "nobody": lambda t: None,
}


def film(portrait: list[Frame], place: Place) -> Iterator[tuple[Frame, float]]:
    """Yield the frames of a clip, pasted into larger frames at a place that varies with time."""
    wall = np.random.default_rng(0).integers(90, 130, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for index, face in enumerate(portrait):
        frame, left = wall.copy(), place(index / FPS)
        if left is not None:
            frame[80 : 80 + face.shape[0], left : left + face.shape[1]] = face
        yield frame, index / FPS


def check(scene: str, tracking: str, readings: list[rf.Reading], truth: float) -> None:
    """Assert that the readings are right for the scene."""
    seen = {reading.status for reading in readings}
    if scene == "sits" or (scene, tracking) == ("walks", "follow"):
        rate = readings[-1].heart_rate_bpm
        assert rate is not None
        assert abs(rate - truth) < RATE_TOLERANCE_BPM, rate
    if scene == "comes and goes" and tracking == "follow":
        assert seen == {rf.Status.WARMING_UP, rf.Status.NO_FACE}, seen
    if scene == "nobody":
        assert seen == {rf.Status.NO_FACE}, seen


def main() -> int:
    """Run the command line; return the exit code."""
    cv2.setNumThreads(1)
    portrait = [frame for frame, _ in rf.VideoFile(ASSETS / "demo.mp4")]
    reference = Reference.read(ASSETS / "demo_truth.txt")
    print(f"{rf.Student.load().backend}, {WIDTH}x{HEIGHT} frames, processor time of push, ms")
    for scene, place in SCENES.items():
        for tracking in ("paper", "follow"):
            monitor = rf.HeartRateMonitor(tracking=tracking)
            spent, readings = [], []
            for frame, at in film(portrait, place):
                begin = time.thread_time()
                readings.append(monitor.push(frame, at))
                spent.append(1e3 * (time.thread_time() - begin))
            end = readings[-1].end_s
            check(scene, tracking, readings, reference.mean_heart_rate(end - 10.0, end))
            # The first frame loads the detector's networks.
            half, most, longest = np.percentile(spent[1:], [50, 99, 100])
            print(f"{scene:15} {tracking:7} {half:6.2f} p99 {most:6.2f} longest {longest:6.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
