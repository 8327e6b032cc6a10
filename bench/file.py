"""Measure what reading and measuring a video file costs, decoding included.

    python -m bench.file [VIDEO]

writes one minute of a face at 640x480 in H.264, or takes VIDEO. It compares the processor time per
frame, summed over all threads, of: a loop of OpenCV that decodes the file and drops the frames; the
same loop of PyAV, which converts nothing; the frames of ``open_source``; and ``measure``, with a
given box and with the face found and followed. The contenders take turns.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
from tqdm import tqdm

import rppg_fast as rf
from bench.tracking import FPS, RATE_TOLERANCE_BPM, SCENES, film
from rppg_fast.face import ASSETS
from rppg_fast.reference import Reference
from training.synthetic.codec import write_video

ROUNDS = 9
LOOPS = 3
"""Number of times that the demonstration clip is repeated."""
BIT_RATE = 800_000
"""Bit rate of the written video, typical of a webcam's recording, bits per second."""
BOX = (160, 80, 480, 400)
STARTS = (
    "import numpy",
    "import cv2",
    "import rppg_fast",
    "from rppg_fast import measure",
)


def write(video: Path) -> None:
    """Write a video of a face with small movements and a known pulse."""
    portrait = [frame for frame, _ in rf.VideoFile(ASSETS / "demo.mp4")]
    frames = [frame for frame, _ in film(portrait, SCENES["sits"])] * LOOPS
    shown = tqdm(frames, "write", unit="frame", leave=False)
    write_video(video, shown, "h264", FPS, BIT_RATE, {"preset": "medium", "tune": "film"})


def opencv(video: str) -> int:
    """Decode the frames, convert them to BGR and drop them; return their number."""
    capture = cv2.VideoCapture(video)
    frames = 0
    while capture.read()[0]:
        frames += 1
    return frames


def pyav(video: str, threads: int, kind: str) -> int:
    """Decode the frames and drop them; return their number."""
    with av.open(video) as container:
        stream = container.streams.video[0]
        stream.thread_type = kind
        stream.codec_context.thread_count = threads
        return sum(1 for _ in container.decode(stream))


def per_frame(work: Callable[[], int]) -> float:
    """Return the processor time of all threads, ms per frame."""
    before = time.process_time()
    frames = work()
    return 1e3 * (time.process_time() - before) / frames


def start(code: str) -> float:
    """Return the processor time of a Python process that runs one import, s."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()
    user, system = after.children_user, after.children_system
    return user - before.children_user + system - before.children_system


def main() -> int:
    """Run the command line; return the exit code."""
    truth = float(Reference.read(ASSETS / "demo_truth.txt").heart_rate.mean())
    with tempfile.TemporaryDirectory() as folder:
        given = sys.argv[1] if len(sys.argv) > 1 else None
        video = given or str(Path(folder, "face.mp4"))
        if given is None:
            write(Path(video))
        rates: list[float | None] = []

        def measure(box: tuple[int, int, int, int] | None = None) -> int:
            found = rf.measure(video, box=box)
            rates.append(found.heart_rate_bpm)
            return found.frames

        ways: dict[str, Callable[[], int]] = {
            "cv2.VideoCapture.read": lambda: opencv(video),
            "av, one thread": lambda: pyav(video, 1, "NONE"),
            "av, two threads on slices": lambda: pyav(video, 2, "SLICE"),
            "av, as it chooses": lambda: pyav(video, 0, "AUTO"),
            "open_source": lambda: sum(1 for _ in rf.open_source(video)),
            "measure, box given": lambda: measure(box=BOX),
            "measure, face followed": measure,
        }
        taken: dict[str, list[float]] = {name: [] for name in (*ways, *STARTS)}
        for _ in tqdm(range(ROUNDS), "measure", unit="round", leave=False):
            for name, work in ways.items():
                taken[name].append(per_frame(work))
            for code in STARTS:
                taken[code].append(start(code))
        if given is None:
            assert all(
                rate is not None and abs(rate - truth) < RATE_TOLERANCE_BPM for rate in rates
            )
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name in ways:
        share = medians[name] / medians["cv2.VideoCapture.read"]
        print(
            f"{name:32}{medians[name]:7.3f} ms of processor a frame, {share:.2f} of OpenCV's loop"
        )
    for name in STARTS:
        print(f"{name:32}{medians[name]:7.3f} s of processor")
    return 0


if __name__ == "__main__":
    sys.exit(main())
