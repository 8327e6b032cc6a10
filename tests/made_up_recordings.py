"""Write recordings of noise in the layouts of the data sets, with a few frames each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("scipy", "av", "tqdm", "torch"):
    pytest.importorskip(module, reason="reading recordings needs the extra 'train'")

from training.data.ubfc_format import write_ground_truth  # noqa: E402
from training.synthetic.codec import write_video  # noqa: E402

Values = NDArray[np.float64]
Frame = NDArray[np.uint8]


# Recordings of noise for tests of the readers.

COUNT = 7


def noise(seed: int, count: int = COUNT, width: int = 18, height: int = 14) -> list[Frame]:
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 256, (count, height, width, 3), np.uint8))


def trace_values(count: int, fs: float, start: float = 0.0) -> tuple[Values, Values]:
    times = start + np.arange(count) / fs
    return np.sin(2 * np.pi * 1.2 * times), times


def uneven(count: int = COUNT) -> Values:
    """Return times of frames in pairs, as in UBFC-rPPG."""
    return np.arange(count) / 30 + 0.01 * (np.arange(count) % 2)


@dataclass
class Written:
    """The content of a folder that a test has written."""

    frames: list[Frame]
    times: Values
    ppg: Values
    ppg_times: Values


def write_ubfc_1(place: Path, seed: int = 0, video: str = "vid.avi") -> Written:
    place.mkdir(parents=True)
    frames = noise(seed)
    write_video(place / video, frames, "raw", 28, 1)
    ppg, times = trace_values(40, 62)
    rows = (f"{round(1000 * t)},81,98,{v:.6f}" for t, v in zip(times, ppg))
    (place / "gtdump.xmp").write_text("\n".join(rows) + "\n")
    return Written(frames, np.arange(COUNT) / 28, ppg, np.round(times, 3))


def write_ubfc_2(place: Path, seed: int = 0, frames: int = COUNT, values: int = COUNT) -> Written:
    place.mkdir(parents=True)
    pictures = noise(seed, frames)
    write_video(place / "vid.avi", pictures, "raw", 30, 1)
    times = uneven(values)
    ppg = np.sin(2 * np.pi * 1.2 * times)
    write_ground_truth(place / "ground_truth.txt", ppg, np.full(values, 72.0), times)
    return Written(pictures, times, ppg, times)


def write_pure(place: Path, seed: int = 0) -> Written:
    (place / place.name).mkdir(parents=True)
    frames = noise(seed, width=17, height=13)
    # Nineteen digits, as in the data set: more than float64 can hold.
    begin = 1392643993642815001
    stamps = [begin + round(t * 1e9) for t in uneven()]
    for stamp, frame in zip(stamps, frames):
        cv2.imwrite(str(place / place.name / f"Image{stamp}.png"), frame)
    ppg, times = trace_values(20, 60, -0.05)
    package = [
        {"Timestamp": begin + round(t * 1e9), "Value": {"waveform": float(v), "pulseRate": 72}}
        for t, v in zip(times, ppg)
    ]
    log = {"/FullPackage": package, "/Image": [{"Timestamp": stamp} for stamp in stamps]}
    (place / f"{place.name}.json").write_text(json.dumps(log))
    return Written(frames, uneven(), ppg, times)


def write_phys(place: Path, seed: int = 0, tasks: tuple[int, ...] = (1, 2, 3)) -> Written:
    place.mkdir(parents=True)
    frames = noise(seed)
    ppg, times = trace_values(30, 64)
    for task in tasks:
        write_video(place / f"vid_{place.name}_T{task}.avi", frames, "raw", 35, 1)
        text = "\n".join(f"{v:.6f}" for v in ppg)
        (place / f"bvp_{place.name}_T{task}.csv").write_text(text + "\n")
    return Written(frames, np.arange(COUNT) / 35, ppg, times)


def write_own(place: Path, seed: int = 0, stamped: bool = True, fps: float = 30.0) -> Written:
    place.mkdir(parents=True)
    frames = noise(seed)
    write_video(place / "video.mkv", frames, "ffv1", fps, 1)
    times = np.arange(COUNT) / fps
    if stamped:
        times = 100 + uneven()
        rows = "\n".join(f"{t:.6f}" for t in times)
        (place / "frames.csv").write_text(f"time_s\n{rows}\n")
    ppg, ppg_times = trace_values(25, 25, times[0])
    rows = "\n".join(f"{t:.6f}, {v:.6f}" for t, v in zip(ppg_times, ppg))
    (place / "ppg.csv").write_text(f"time_s,ppg\n{rows}\n")
    return Written(frames, times, ppg, ppg_times)
