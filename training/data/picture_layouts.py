"""Layouts with a picture for each frame: PURE and iBVP; and PhysRecorder's, which can have them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from rppg_fast.evaluation.traces import PureLog, Trace, number_table, read_pure
from training.data.recording import (
    FRAMES_APART,
    Recording,
    TimedFrame,
    natural,
    picture_frames,
    timed_frames,
)

_IBVP_FS = 30.0  # Hz, of the pictures; the PPG was brought to the same rate

#: What PhysRecorder can write of a recording, in the order in which it is chosen: lossless first.
_PHYSRECORDER_VIDEOS = (
    "video_RAW_RGBA.avi",
    "video_RAW_I420.avi",
    "video_ZIP_MJPG.avi",
    "video_ZIP_H264.avi",
)
_PHYSRECORDER_PICTURES = "pictures_ZIP_RAW_RGB"


def pure(folder: Path) -> list[Recording]:
    """List the recording in a folder of PURE."""
    log = folder / f"{folder.name}.json"
    frames = partial(_pure_frames, folder / folder.name, log)
    return [Recording(folder.name, folder.name.partition("-")[0], frames, partial(read_pure, log))]


def _pure_frames(folder: Path, log: Path) -> Iterator[TimedFrame]:
    stamps = PureLog.read(log).images
    names = {f"Image{stamp}.png" for stamp in stamps}
    there = {path.name for path in folder.glob("Image*.png")}
    if names != there:
        raise ValueError(
            f"{folder}: {len(there)} images, {log.name} lists {len(stamps)};"
            f" {min(names ^ there)} is only in one of them"
        )
    return picture_frames(
        (folder / f"Image{stamp}.png", (stamp - stamps[0]) / 1e9) for stamp in stamps
    )


def ibvp(folder: Path) -> list[Recording]:
    """List the recording in a folder of iBVP."""
    pictures = folder / f"{folder.name}_rgb"
    values = folder / f"{folder.name}_bvp.csv"
    frames, trace = partial(_ibvp_frames, pictures, values), partial(_ibvp_trace, values)
    return [Recording(folder.name, folder.name.partition("_")[0], frames, trace)]


def _ibvp_frames(folder: Path, values: Path) -> Iterator[TimedFrame]:
    pictures = sorted(folder.glob("*.bmp"), key=natural)
    samples = _ibvp_trace(values).ppg.size
    if abs(len(pictures) - samples) > FRAMES_APART:
        raise ValueError(
            f"{folder}: {len(pictures)} pictures, but {values.name} has {samples} values"
        )
    return picture_frames((path, i / _IBVP_FS) for i, path in enumerate(pictures))


def _ibvp_trace(path: Path) -> Trace:
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        try:
            ppg = np.array([float(row["BVP"]) for row in table])
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path}: not a table with numbers in a column BVP ({type(error).__name__}:"
                f" {error})"
            ) from None
    return Trace.checked(path, ppg, np.arange(ppg.size) / _IBVP_FS)


def physrecorder(folder: Path) -> list[Recording]:
    """List the recordings of a participant of PhysRecorder."""
    places = sorted((path.parent for path in folder.glob("*/BVP.csv")), key=natural)
    return [
        Recording(
            f"{folder.name}_{place.name}",
            folder.name,
            partial(_physrecorder_frames, place),
            partial(_physrecorder_trace, place),
        )
        for place in places
    ]


def _physrecorder_frames(folder: Path) -> Iterator[TimedFrame]:
    clock = folder / "frames_timestamp.csv"
    numbers, times = _physrecorder_times(clock)
    pictures = folder / _PHYSRECORDER_PICTURES
    if pictures.is_dir():
        of_number = dict(zip(numbers, times))
        named = sorted(pictures.glob("*.png"))
        unknown = [p for p in named if not (p.stem.isdigit() and int(p.stem) in of_number)]
        if unknown:
            raise ValueError(f"{unknown[0]}: {clock.name} has no time for this picture")
        return picture_frames((path, of_number[int(path.stem)]) for path in named)
    videos = [folder / name for name in _PHYSRECORDER_VIDEOS if (folder / name).is_file()]
    if not videos:
        raise FileNotFoundError(
            f"{folder}: neither {_PHYSRECORDER_PICTURES} nor {_PHYSRECORDER_VIDEOS[0]} or another"
            " of PhysRecorder's videos"
        )
    return timed_frames(videos[0], np.array(times), clock, FRAMES_APART)


def _physrecorder_times(path: Path) -> tuple[list[int], list[float]]:
    """Return the numbers of the frames and their times, s from the first one."""
    numbers, stamps = number_table(path, 2, "frame,timestamp").T
    return numbers.astype(int).tolist(), (stamps - stamps[0]).tolist()


def _physrecorder_trace(folder: Path) -> Trace:
    path, clock = folder / "BVP.csv", folder / "frames_timestamp.csv"
    stamps, ppg = number_table(path, 2, "timestamp,bvp").T
    begin = number_table(clock, 2, "frame,timestamp")[0, 1]
    return Trace.checked(path, ppg, stamps - begin)
