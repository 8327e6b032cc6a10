"""Videos with a known heart rate, and the changes that are made to them while they are read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.catalogue import person_of
from training.data.clip_folder import ABOUT, TRUTH
from training.synthetic.parameters import stream

VARIANTS = ("plain", "holes", "grey", "exposure")
"""Changes that can be made to a video while it is read; see ``varied``."""


@dataclass(frozen=True)
class FilmedTruth:
    """A video and its true heart rate.

    Attributes
    ----------
    video : Path
        The file.
    person : str
        Name of the person in the video.
    truth : Path or None
        ``ground_truth.txt`` in the layout of UBFC-rPPG; None if there is no pulse.
    carrier : Path or None
        The real video into which a pulse was put.
    """

    video: Path
    person: str
    truth: Path | None
    carrier: Path | None = None


def varied(
    frames: Iterable[tuple[NDArray[np.uint8], float]], variant: str, seed: int, index: int
) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Change the frames of a video as difficult conditions of a camera do.

    Parameters
    ----------
    frames
        uint8 (H, W, 3) BGR with their times, s.
    variant
        "plain": no change. "holes": about every 8 s, 0.6 to 1.9 s of frames are lost. "grey": no
        color. "exposure": the brightness changes slowly, by 5 to 10 % at 0.3 to 0.5 Hz.
    seed, index
        Seed of the random numbers, and number of the video.

    Raises
    ------
    ValueError
        If there is no such variant.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {list(VARIANTS)}, got {variant!r}")
    random = stream(seed, index, f"variant.{variant}")
    depth, speed, phase = random.uniform([0.05, 0.3, 0.0], [0.10, 0.5, 2 * np.pi])
    begin = random.uniform(1.0, 6.0)
    end = begin + random.uniform(0.6, 1.9)
    first = None
    for frame, time in frames:
        first = time if first is None else first
        at = time - first
        if variant == "holes":
            while at >= end:
                begin = end + random.uniform(4.0, 10.0)
                end = begin + random.uniform(0.6, 1.9)
            if begin <= at < end:
                continue
        elif variant == "grey":
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            frame = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
        elif variant == "exposure":
            gain = 1 - depth + depth * np.sin(2 * np.pi * speed * at + phase)
            noise = random.random(frame.shape, np.float32)  # dither: rounding has no bias
            frame = np.asarray(np.clip(frame * np.float32(gain) + noise, 0, 255), np.uint8)
        yield frame, time


def filmed_truths(folder: Path, carriers: Path | None = None) -> list[FilmedTruth]:
    """List the clips that ``training.data.inject`` made in a folder, with their persons.

    Clips without an added pulse are left out if their carrier seems to have a pulse of its own.

    Parameters
    ----------
    folder
        Contains a folder for each clip.
    carriers
        Folder of the real videos from which the clips were made.

    Raises
    ------
    FileNotFoundError
        If the folder contains no such clip.
    """
    found = []
    for path in sorted(folder.glob(f"*/{ABOUT}")):
        about = json.loads(path.read_text(encoding="utf-8"))
        truth = path.parent / TRUTH
        alive = not about["made_from"].get("variant", "").startswith("photo")
        if not truth.is_file() and alive and about["carrier"]["own_rate_bpm"] is not None:
            continue
        person = person_of(about["carrier"]["file"])
        video = path.parent / about["video"]
        carrier = None if carriers is None else carriers / about["carrier"]["file"]
        found.append(FilmedTruth(video, person, truth if truth.is_file() else None, carrier))
    if not found:
        raise FileNotFoundError(f"{folder}: holds no clip made by training.data.inject")
    return found


def variants_of(videos: Sequence[FilmedTruth]) -> tuple[str, ...]:
    """Return the variants for a folder's videos; only "plain" if none of them has a pulse."""
    return VARIANTS[:1] if all(video.truth is None for video in videos) else VARIANTS
