"""A recording of a person: a video with a PPG. Its frames come from a video file or from pictures.

Files are opened only when frames or trace are read, so that a broken recording does not stop the
others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import cv2
import numpy as np

import rppg_fast as rf
from rppg_fast.evaluation.traces import Trace
from rppg_fast.video import Frame
from training.data.trajectories import Times

FRAMES_APART = 3
"""Largest difference between the numbers of frames and of values of a trace with one value per
frame. The times may then be wrong by 0.1 s, a fraction of a beat."""

TimedFrame = tuple[Frame, float]


@dataclass(frozen=True)
class Recording:
    """A video of one person with the PPG of a finger.

    Attributes
    ----------
    name : str
        Name in the data set.
    subject : str
        Name of the person.
    frames : callable
        Opens the video and yields frames, uint8 (height, width, 3) in blue-green-red, with their
        times in seconds, as stored in the files. It raises OSError or ValueError, at any frame, if
        a file is missing or broken; the message names the file.
    trace : callable
        Reads the PPG. It raises the same errors.
    """

    name: str
    subject: str
    frames: Callable[[], Iterator[TimedFrame]]
    trace: Callable[[], Trace]


def natural(path: Path) -> tuple[list[tuple[str, int]], str]:
    """Return a sort key that compares numbers in a name by value."""
    parts = re.findall(r"(\D*)(\d*)", path.name)
    return [(text, int(number or 0)) for text, number in parts], path.name


def only(folder: Path, pattern: str) -> Path:
    """Return the only file that matches a pattern."""
    found = sorted(folder.glob(pattern))
    if not found:
        raise FileNotFoundError(f"{folder}: no {pattern}")
    if len(found) > 1:
        raise ValueError(f"{folder}: both {found[0].name} and {found[1].name}")
    return found[0]


def video_frames(folder: Path, name: str) -> Iterator[TimedFrame]:
    """Yield the frames of the only video that matches a pattern, with the container's times."""
    yield from rf.VideoFile(only(folder, name))


def timed_frames(video: Path, times: Times, source: Path, apart: int) -> Iterator[TimedFrame]:
    """Yield a video's frames with times from another file, until either ends.

    Raises
    ------
    ValueError
        If there are more than ``apart`` more frames than times, or fewer.
    """
    count = 0
    for frame, _ in rf.VideoFile(video):
        if count < times.size:
            yield frame, float(times[count])
        count += 1
    if abs(count - times.size) > apart:
        raise ValueError(f"{video}: {count} frames, but {source.name} has {times.size} values")


def picture_frames(pictures: Iterable[tuple[Path, float]]) -> Iterator[TimedFrame]:
    """Yield pictures with their times.

    Raises
    ------
    ValueError
        If a file is not a picture.
    """
    for path, time in pictures:
        frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if frame is None:
            raise ValueError(f"{path}: not a picture")
        yield np.asarray(frame, np.uint8), time
