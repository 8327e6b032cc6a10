"""What measuring a video costs beyond decoding it.

    python -m bench.file

writes a minute of a face at 640x480 and compares the processor time of two whole processes, start
and imports included, in turns: one that decodes the file with OpenCV and drops the frames, and
``rppg-fast measure``. With a box given, and with the face found and followed.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
from tqdm import tqdm

import rppg_fast as rf
from bench.tracking import FPS, HEIGHT, RATE_TOLERANCE_BPM, SCENES, WIDTH, film
from rppg_fast.face import ASSETS
from rppg_fast.reference import Reference

ROUNDS = 7
LOOPS = 3
"""Of the demonstration clip."""
DECODE = """
import sys, cv2
video = cv2.VideoCapture(sys.argv[1])
frames = 0
while video.read()[0]:
    frames += 1
print(frames)
"""
BOX = ("--box", "160,80,480,400")


def write(video: Path) -> int:
    """Write the file; returns its frames."""
    portrait = [frame for frame, _ in rf.VideoFile(ASSETS / "demo.mp4")]
    out = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (WIDTH, HEIGHT))
    frames = [frame for frame, _ in film(portrait, SCENES["sits"])] * LOOPS
    for frame in tqdm(frames, "write", unit="frame", leave=False):
        out.write(frame)
    out.release()
    return len(frames)


def run(*command: object) -> tuple[float, str]:
    """Return the processor time (s) of a Python process, and what it printed."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, *map(str, command)], check=True, capture_output=True, text=True
    )
    after = os.times()
    user, system = after.children_user, after.children_system
    return user - before.children_user + system - before.children_system, done.stdout


def main() -> int:
    """Command line; returns the exit code."""
    truth = float(Reference.read(ASSETS / "demo_truth.txt").heart_rate.mean())
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder, "face.mp4")
        frames = write(video)
        measure = ("-m", "rppg_fast.cli", "measure", video, "--json", "-")
        seconds: dict[str, list[float]] = {"decode": [], "box given": [], "face followed": []}
        for _ in tqdm(range(ROUNDS), "measure", unit="round", leave=False):
            taken, printed = run("-c", DECODE, video)
            assert int(printed) == frames
            seconds["decode"].append(taken)
            for how, options in (("box given", BOX), ("face followed", ())):
                taken, printed = run(*measure, *options)
                rate = json.loads(printed)[0]["heart_rate_bpm"]
                assert rate is not None
                assert abs(rate - truth) < RATE_TOLERANCE_BPM, rate
                seconds[how].append(taken)
    decode = statistics.median(seconds.pop("decode"))
    print(f"{frames} frames: decoding alone {1e3 * decode / frames:.3f} ms of processor a frame")
    for how, taken_ in seconds.items():
        beyond = statistics.median(taken_) - decode
        print(f"{how}: {1e3 * beyond / frames:.3f} ms beyond")
    return 0


if __name__ == "__main__":
    sys.exit(main())
