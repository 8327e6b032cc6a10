"""Collect the windows to which the confidence of a reading is fitted, and weigh their peaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rppg_fast.student import Student
from training.confidence.candidates import (
    Candidates,
    candidates_in_clips,
    candidates_in_videos,
)
from training.confidence.signals import Recorder
from training.confidence.videos import filmed_truths, variants_of
from training.data.clips import Clips
from training.evaluate.estimators import MethodSource, open_network
from training.evaluate.windows import Floats
from training.models.temporal import Unseen

CLOSE = 3.0
"""A peak with a smaller error is the heart's, bpm."""

FAR = 5.0
"""A peak with a larger error is not the heart's, bpm; peaks between the two limits are not used."""

FAMILIES = {"network": ("fusion",), "color": ("pos", "chrom", "green")}
"""The methods whose windows are used to fit each of the two networks."""

REAL_WEIGHT = 0.6
"""Share of the total weight that peaks of real video have in a fit, whatever their number."""

SILENT_WEIGHT = 12.0
"""Weight of a peak in a window without a pulse relative to other peaks: a heart rate where there is
no pulse is the worst error."""

CLIP_STEP = 3.0
"""Time between windows of a synthetic clip, s. Closer windows overlap more and add little."""


@dataclass(frozen=True)
class Examples:
    """Windows to which a confidence is fitted.

    Attributes
    ----------
    names : list of str
        Names of the sets.
    sets : list of Candidates
        The windows of each set.
    real : list of bool
        Whether a set is from real video.
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
        """Whether each window is from real video."""
        return np.repeat(self.real, [len(one.ok) for one in self.sets])


def gather(
    family: str,
    videos: Sequence[Path],
    clips: Sequence[Path],
    student: str,
    scale: float,
    carriers: Path | None,
    cache: Path,
    unseen: Unseen | None = None,
) -> Examples:
    """Collect the windows to which one of the two networks is fitted.

    Parameters
    ----------
    family
        One of ``FAMILIES``.
    videos
        Folders of ``training.data.inject``.
    clips
        Caches of synthetic clips.
    student
        Weights file of the student.
    scale
        Scale of the measured box relative to the face.
    carriers
        Folder of the real videos from which ``videos`` were made.
    cache
        Folder for the signals of the videos.
    unseen
        Temporal networks that have not learned from the persons of the videos.
    """
    names, sets, real = [], [], []
    recorder = Recorder(Student.load(student), scale, cache)
    for method in FAMILIES[family]:
        for folder in videos:
            truths = filmed_truths(folder, carriers)
            for variant in variants_of(truths):
                names.append(f"{folder.name} {variant} {method}")
                sets.append(candidates_in_videos(truths, method, variant, recorder, unseen=unseen))
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
    """Return features, labels and weights of the peaks that are clearly right or wrong."""
    clear = (seen.error < CLOSE) | ((seen.error > FAR) & ~seen.own)
    of_real = np.broadcast_to(real[:, None], clear.shape)[clear]
    share = np.where(of_real, REAL_WEIGHT, 1 - REAL_WEIGHT)
    if of_real.all() or not of_real.any():
        share = np.ones(len(of_real))
    count = np.where(of_real, of_real.sum(), (~of_real).sum())
    silent = np.broadcast_to(~seen.has_pulse[:, None], clear.shape)[clear]
    weight = share / count * np.where(silent, SILENT_WEIGHT, 1.0)
    return seen.features[clear], seen.error[clear] < CLOSE, weight
