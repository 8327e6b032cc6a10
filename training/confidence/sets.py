"""The windows that the confidence of a reading is fitted to, and what their peaks weigh."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.confidence.candidates import (
    Candidates,
    candidates_in_clips,
    candidates_in_videos,
    filmed_truths,
    variants_of,
)
from training.data.clips import Clips
from training.evaluate.estimators import MethodSource, open_network
from training.evaluate.windows import Floats

CLOSE = 3.0
"""A peak at most this far from the true rate is the heart's, bpm."""

FAR = 5.0
"""A peak further off is not; what lies between teaches nothing, bpm."""

FAMILIES = {"network": ("fusion",), "colour": ("pos", "chrom", "green")}
"""The methods whose windows each of the two networks is fitted to."""

REAL_WEIGHT = 0.6
"""Share of the whole that peaks of real video weigh in a fit, however few they are."""

SILENT_WEIGHT = 8.0
"""A peak of a window without any pulse weighs so many times as much as another one: a heart rate
where there is none is the worst mistake."""

CLIP_STEP = 3.0
"""From one window of a synthetic clip to the next, s: windows overlap and tell little new."""


@dataclass(frozen=True)
class Examples:
    """Windows that a confidence is fitted to.

    Attributes
    ----------
    names : list of str
        Of the sets.
    sets : list of Candidates
        The windows of each.
    real : list of bool
        Whether a set is of real video.
    """

    names: list[str]
    sets: list[Candidates]
    real: list[bool]

    @property
    def joined(self) -> Candidates:
        """All windows."""
        return Candidates.joined(self.sets)

    @property
    def is_real(self) -> NDArray[np.bool_]:
        """Whether each window is of real video."""
        return np.repeat(self.real, [len(one.ok) for one in self.sets])


def gather(
    family: str,
    videos: Sequence[Path],
    clips: Sequence[Path],
    student: str,
    scale: float,
    carriers: Path | None,
    cache: Path,
) -> Examples:
    """Gather the windows that one of the two networks is fitted to.

    Parameters
    ----------
    family
        One of ``FAMILIES``.
    videos
        Folders of ``training.data.inject``.
    clips
        Caches of synthetic clips.
    student
        Weights of the student.
    scale
        How much larger than the face the measured box is.
    carriers
        Where the real videos lie that the folders were made of.
    cache
        A folder for what is taken of the videos.
    """
    names, sets, real = [], [], []
    for method in FAMILIES[family]:
        for folder in videos:
            truths = filmed_truths(folder, carriers)
            for variant in variants_of(truths):
                names.append(f"{folder.name} {variant} {method}")
                sets.append(candidates_in_videos(truths, method, variant, scale, cache))
                real.append(True)
        for folder in clips:
            source = open_network(student, method) if family == "network" else None
            measured_by = source or MethodSource(method, method)
            names.append(f"{folder.name} {method}")
            sets.append(candidates_in_clips(measured_by, Clips.open(folder), CLIP_STEP))
            real.append(False)
    return Examples(names, sets, real)


def weighed_peaks(
    seen: Candidates, real: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Give what is known of peaks that are the heart's and that are not, which, and weights."""
    clear = (seen.error < CLOSE) | ((seen.error > FAR) & ~seen.own)
    of_real = np.broadcast_to(real[:, None], clear.shape)[clear]
    share = np.where(of_real, REAL_WEIGHT, 1 - REAL_WEIGHT)
    if of_real.all() or not of_real.any():
        share = np.ones(len(of_real))
    count = np.where(of_real, of_real.sum(), (~of_real).sum())
    silent = np.broadcast_to(~seen.has_pulse[:, None], clear.shape)[clear]
    weight = share / count * np.where(silent, SILENT_WEIGHT, 1.0)
    return seen.said[clear], seen.error[clear] < CLOSE, weight
