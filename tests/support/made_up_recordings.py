"""Write recordings of noise in the layouts of the data sets, with a few frames each."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("scipy", "h5py", "av", "tqdm", "torch"):
    pytest.importorskip(module, reason="reading recordings needs the extra 'train'")

import h5py  # noqa: E402
import scipy.io  # noqa: E402

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


def write_mmpd(place: Path, seed: int = 0, values: int = COUNT) -> Written:
    place.mkdir(parents=True)
    frames = noise(seed)
    ppg, times = trace_values(values, 30)
    video = np.stack(frames)[..., ::-1] / 255.0  # red, green, blue
    labels = {"light": "LED-low", "motion": "Talking", "exercise": "False", "skin_color": 4}
    name = f"p{place.name.removeprefix('subject')}_0.mat"
    scipy.io.savemat(
        place / name, {"video": video, "GT_ppg": ppg[None], **labels}, do_compression=True
    )
    return Written(frames, np.arange(COUNT) / 30, ppg, times)


def write_scamps(place: Path, seed: int = 0, values: int = COUNT) -> Written:
    frames = noise(seed)
    ppg, times = trace_values(values, 30)
    video = np.stack(frames)[..., ::-1] / 255.0
    with h5py.File(place, "w", userblock_size=512) as file:  # MATLAB begins with a text
        file["RawFrames"] = video.transpose(3, 2, 1, 0)
        file["d_ppg"] = ppg[:, None]
        file["d_br"] = np.zeros((values, 1))
    return Written(frames, np.arange(COUNT) / 30, ppg, times)


def write_ibvp(place: Path, seed: int = 0, values: int = COUNT) -> Written:
    pictures = place / f"{place.name}_rgb"
    pictures.mkdir(parents=True)
    frames = noise(seed)
    for i, frame in enumerate(frames):
        # The numbers have 1 and 2 digits, so that the order of names is not that of numbers.
        cv2.imwrite(str(pictures / f"{8 + i}.bmp"), frame)
    ppg, times = trace_values(values, 30)
    rows = "\n".join(f"{v:.6f},1,1,0.9,2.5" for v in ppg)
    head = "BVP,SQPhysMD,SQ1,SQ2,Perfusion_Value"
    (place / f"{place.name}_bvp.csv").write_text(f"{head}\n{rows}\n")
    return Written(frames, np.arange(COUNT) / 30, ppg, times)


def write_mcd(place: Path, seed: int = 0, values: int = COUNT) -> Written:
    for name in ("video", "meta", "ppg_sync"):
        (place.parent / name).mkdir(parents=True, exist_ok=True)
    name, frames = "1020_FullHDwebcam_before", noise(seed)
    write_video(place.parent / "video" / f"{name}.avi", frames, "raw", 30, 1)
    times = np.round(uneven(values), 6)
    ppg = np.round(1e4 * np.sin(2 * np.pi * 1.2 * times))
    begin = datetime.datetime(2023, 11, 13, 14, 18, 10)  # no microseconds: the text is shorter
    stamps = [begin + datetime.timedelta(seconds=float(t)) for t in times]
    clock = "".join(f"{i + 1} {stamp}\n" for i, stamp in enumerate(stamps))
    (place.parent / "meta" / f"{name}.txt").write_text(clock)
    text = "".join(f"{v:.0f} 0.004\n" for v in ppg)
    (place.parent / "ppg_sync" / f"{name}.txt").write_text(text)
    return Written(frames, times, ppg, times)


def write_physrecorder(place: Path, seed: int = 0, video: str = "") -> Written:
    folder = place / "v01"
    folder.mkdir(parents=True)
    begin, frames, times = 1685590249.9497862, noise(seed), uneven()
    if video:
        write_video(folder / video, frames, "raw", 30, 1)
    else:
        (folder / "pictures_ZIP_RAW_RGB").mkdir()
        for i, frame in enumerate(frames):
            cv2.imwrite(str(folder / "pictures_ZIP_RAW_RGB" / f"{i:08d}.png"), frame)
    rows = "".join(f"{i},{begin + t!r}\n" for i, t in enumerate(times.tolist()))
    (folder / "frames_timestamp.csv").write_text(f"frame,timestamp\n{rows}")
    ppg, ppg_times = trace_values(12, 20, -0.05)
    ppg = np.round(100 * ppg)
    rows = "".join(f"{begin + t!r},{v:.0f}\n" for t, v in zip(ppg_times.tolist(), ppg))
    (folder / "BVP.csv").write_text(f"timestamp,bvp\n{rows}")
    (folder / "missed_frames.csv").write_text("")
    return Written(frames, times, ppg, ppg_times)


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
