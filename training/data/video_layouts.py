"""Layouts with a video file for each recording: UBFC-rPPG, UBFC-Phys, MCD-rPPG, and our own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path

import numpy as np

from rppg_fast.evaluation.traces import (
    Trace,
    number_table,
    own_frame_times,
    own_subject,
    read_ground_truth,
    read_gtdump,
    read_own,
)
from rppg_fast.reference import Reference
from training.data.recording import (
    FRAMES_APART,
    Recording,
    TimedFrame,
    only,
    timed_frames,
    video_frames,
)
from training.data.trajectories import Times

# A recording that was killed may have a frame whose time was not written.
_KILLED_APART = 1

_PHYS_FS = 64.0  # Hz
_PHYS_TASKS = (1, 2, 3)

_MCD_NAME = re.compile(r"(?P<subject>\d+)_[A-Za-z]+_(before|after)")


def ubfc_rppg_1(folder: Path) -> list[Recording]:
    """List the recording in a folder of UBFC-rPPG's DATASET_1."""
    frames = partial(video_frames, folder, "vid*.avi")
    trace = partial(read_gtdump, folder / "gtdump.xmp")
    return [Recording(folder.name, folder.name, frames, trace)]


def ubfc_rppg_2(folder: Path) -> list[Recording]:
    """List the recording in a folder of UBFC-rPPG's DATASET_2."""
    truth = folder / "ground_truth.txt"
    frames = partial(_frame_by_frame, folder / "vid.avi", truth)
    return [Recording(folder.name, folder.name, frames, partial(read_ground_truth, truth))]


def _frame_by_frame(video: Path, truth: Path) -> Iterator[TimedFrame]:
    return timed_frames(video, Reference.read(truth).times, truth, FRAMES_APART)


def ubfc_phys(folder: Path) -> list[Recording]:
    """List the three recordings of a subject of UBFC-Phys."""
    return [
        Recording(
            f"{folder.name}_T{task}",
            folder.name,
            partial(video_frames, folder, f"vid_{folder.name}_T{task}.avi"),
            partial(_phys_trace, folder / f"bvp_{folder.name}_T{task}.csv"),
        )
        for task in _PHYS_TASKS
    ]


def _phys_trace(path: Path) -> Trace:
    ppg = number_table(path, 1)[:, 0]
    return Trace.checked(path, ppg, np.arange(ppg.size) / _PHYS_FS)


def mcd_rppg(folder: Path) -> list[Recording]:
    """List the recordings of MCD-rPPG, from its folder ``video``."""
    root = folder.parent
    found = []
    for video in sorted(folder.glob("*.avi")):
        name = _MCD_NAME.fullmatch(video.stem)
        if name is None:
            continue
        clock = root / "meta" / f"{video.stem}.txt"
        values = root / "ppg_sync" / f"{video.stem}.txt"
        found.append(
            Recording(
                video.stem,
                name["subject"],
                partial(_mcd_frames, video, clock),
                partial(_mcd_trace, values, clock),
            )
        )
    return found


def _mcd_frames(video: Path, clock: Path) -> Iterator[TimedFrame]:
    return timed_frames(video, _mcd_times(clock), clock, FRAMES_APART)


def _mcd_trace(values: Path, clock: Path) -> Trace:
    # The second column says how far the time of the sample was from that of the frame.
    ppg, times = number_table(values, 2, separator=None)[:, 0], _mcd_times(clock)
    if ppg.size != times.size:
        raise ValueError(f"{values}: {ppg.size} values, but {clock} has {times.size} times")
    return Trace.checked(values, ppg, times)


def _mcd_times(path: Path) -> Times:
    """Read lines of the number, the date and the time of a frame; returns s from the first one."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    try:
        stamps = [datetime.fromisoformat(f"{date} {time}") for _, date, time in lines]
    except ValueError as error:
        raise ValueError(f"{path}: not a table of frames and times: {error}") from None
    if not stamps:
        raise ValueError(f"{path}: lists no frame")
    return np.array([(stamp - stamps[0]).total_seconds() for stamp in stamps])


def own(folder: Path) -> list[Recording]:
    """List the recording in a folder of our own layout."""
    frames, trace = partial(_own_frames, folder), partial(read_own, folder)
    return [Recording(folder.name, own_subject(folder), frames, trace)]


def _own_frames(folder: Path) -> Iterator[TimedFrame]:
    times = own_frame_times(folder)
    if times is None:
        return video_frames(folder, "video.*")
    return timed_frames(only(folder, "video.*"), times, folder / "frames.csv", _KILLED_APART)
