"""Make clips from real ones in which only the original's own pulse may be found.

``exposure``
    The clip with a slow change of exposure, of 5 to 10 % at 0.3 to 0.5 Hz.
``flicker``
    The clip under light that flickers in the heart's band, by 0.5 to 1.5 %.
``grey``
    The clip without color.
``photo-shaken``, ``photo-panned``
    One frame of the clip as a photograph, shaken or panned, with camera noise; it has no pulse.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from rppg_fast.video import Frame
from training.data.clip_folder import Carrier, finish, is_complete
from training.data.follow import follow_face
from training.data.injection import dithered
from training.data.timed_video import ENCODERS, write_timed_video
from training.data.trajectories import Wander

VARIANTS = ("exposure", "flicker", "grey", "photo-shaken", "photo-panned")
"""The variants that are made of each clip."""

_CRF = 14
_PHOTO_SECONDS, _PHOTO_FPS = 15.0, 30.0
# Weights of blue, green and red in luma (BT.601).
_LUMA = np.array([0.114, 0.587, 0.299], np.float32)


@dataclass(frozen=True)
class Negative:
    """The description of a negative.

    Attributes
    ----------
    carrier : Carrier
        The clip from which it is made.
    variant : str
        One of ``VARIANTS``.
    out : Path
        Folder of the clips' folders.
    encoder : str
        One of ``ENCODERS``.
    seed : int
        Seed of all random values, together with the clip's name and the variant.
    """

    carrier: Carrier
    variant: str
    out: Path
    encoder: str
    seed: int

    @property
    def is_photo(self) -> bool:
        """Whether the negative shows a still picture."""
        return self.variant.startswith("photo")

    @property
    def folder(self) -> Path:
        """Folder of the clip."""
        return self.out / f"{self.carrier.clip.path.stem}-{self.variant}"

    def made_from(self) -> dict[str, Any]:
        """Return the values that determine the clip."""
        return {
            "carrier": self.carrier.clip.name,
            "limit_s": self.carrier.limit,
            "variant": self.variant,
            "seed": self.seed,
            "encoder": self.encoder,
        }


def make_negative(job: Negative) -> None:
    """Make the clip if it does not exist.

    Raises
    ------
    OSError
        If a file cannot be read or written, or if the folder holds another clip.
    ValueError
        If a photograph is to be made from a clip without a face.
    """
    if is_complete(job.folder, job.made_from()):
        return
    random = np.random.default_rng([job.seed, job.carrier.number, VARIANTS.index(job.variant)])
    rhythm: float | None = None
    if job.is_photo:
        frames = _photograph(job, random)
    elif job.variant == "grey":
        frames = _grey(job.carrier, random)
    else:
        slow = job.variant == "exposure"
        rhythm = float(random.uniform(0.3, 0.5) if slow else random.uniform(0.8, 2.5))
        size = random.uniform(0.05, 0.1) if slow else random.uniform(0.005, 0.015)
        frames = _lit(job.carrier, rhythm, float(size), random)
    job.folder.mkdir(parents=True, exist_ok=True)
    video = job.folder / f"video{ENCODERS[job.encoder]}"
    write_timed_video(video, frames, job.encoder, _CRF)
    about = {
        "kind": "negative",
        "video": video.name,
        "made_from": job.made_from(),
        "carrier": job.carrier.about(),
        "variant": job.variant,
        "living": not job.is_photo,
        "rhythm_bpm": None if rhythm is None else round(60 * rhythm, 2),
    }
    finish(job.folder, about, None)


def _lit(
    carrier: Carrier, rhythm: float, size: float, random: np.random.Generator
) -> Iterator[tuple[Frame, float]]:
    phase = random.uniform(0, 2 * np.pi)
    for frame, time in carrier.frames():
        gain = np.float32(1 + size * np.sin(2 * np.pi * rhythm * time + phase))
        yield dithered(frame * gain, random), time


def _grey(carrier: Carrier, random: np.random.Generator) -> Iterator[tuple[Frame, float]]:
    for frame, time in carrier.frames():
        grey = dithered(frame.astype(np.float32) @ _LUMA, random)
        yield np.repeat(grey[..., None], 3, axis=2), time


def _photograph(job: Negative, random: np.random.Generator) -> Iterator[tuple[Frame, float]]:
    path, _ = follow_face(job.carrier.frames())
    shown = int(random.choice(np.flatnonzero(path.presence > 0.99 * path.presence.max())))
    picture = next(frame for i, (frame, _) in enumerate(job.carrier.frames()) if i == shown).astype(
        np.float32
    )
    side, (height, width) = float(path.size[shown].max()), picture.shape[:2]
    times = np.arange(round(_PHOTO_SECONDS * _PHOTO_FPS)) / _PHOTO_FPS
    if job.variant == "photo-shaken":
        sizes, band = random.uniform(0.005, 0.03, 2), (0.4, 5.0)
    else:
        sizes, band = random.uniform(0.15, 0.4, 2), (0.08, 0.3)
    x, y = (side * size * Wander(random, *band)(times) for size in sizes)
    roll = np.degrees(0.1 * sizes[0]) * Wander(random, *band)(times)
    noise = float(random.uniform(1.0, 2.5))
    for i, time in enumerate(times):
        place = cv2.getRotationMatrix2D((width / 2, height / 2), float(roll[i]), 1.0)
        place[:, 2] += x[i], y[i]
        moved = cv2.warpAffine(
            picture, place, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        grain = noise * random.standard_normal(moved.shape, np.float32)
        yield dithered(np.asarray(moved + grain, np.float32), random), float(time)
