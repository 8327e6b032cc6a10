"""Score predicted changes by the heart rates of validation clips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

import rppg_fast as rf
from rppg_fast.evaluation.metrics import PULSE, mae, mean, peak_rate, pearson, snr_db, within
from training.data.clips import Clips, Frames, as_float

CLOSE = 3.0  # bpm
PREDICT_BATCH = 128  # larger batches do not fit the processor's cache and are slower


@dataclass(frozen=True)
class Score:
    """Scores, as means over clips.

    Attributes
    ----------
    correlation : float
        Pearson correlation of predicted and true changes.
    mae_bpm : float
        Absolute error of the heart rate of a whole clip, bpm.
    within_3_bpm : float
        Share of clips with an error of at most 3 bpm.
    snr_db : float
        Power of the predicted pulse at the true rate and its first harmonic over the power in the
        rest of the band, dB.
    """

    correlation: float
    mae_bpm: float
    within_3_bpm: float
    snr_db: float


Floats = NDArray[np.float32]
Network = Callable[[Floats, Floats], Floats]
"""Computes changes (N,) from motion and appearance, (N, 3, 36, 36) each."""


def predict(model: nn.Module, clips: Clips, kind: str, device: torch.device) -> list[Floats]:
    """Predict the change of every frame step of all clips.

    Parameters
    ----------
    model : nn.Module
        Called as ``model(motion, appearance)`` with two float32 arrays (N, 3, 36, 36); returns
        (N,). Its mode, training or evaluation, is restored at the end.
    clips : Clips
        The clips.
    kind : str
        Kind of motion, as in ``rppg_fast.motion``.
    device : torch.device
        Device of the model.

    Returns
    -------
    list of float32 (frames - 1,)
        One array for each clip.
    """
    training = model.training
    model.eval()
    run = as_network(model, device)
    changes = [
        predict_clip(run, clips[i], kind)
        for i in tqdm(range(len(clips)), "predict", unit="clip", leave=False)
    ]
    model.train(training)
    return changes


def as_network(model: nn.Module, device: torch.device) -> Network:
    """Wrap a PyTorch model on a device as a function of arrays."""

    def run(motion: Floats, appearance: Floats) -> Floats:
        with torch.inference_mode():
            given = (torch.from_numpy(array).to(device) for array in (motion, appearance))
            return np.asarray(model(*given).float().cpu().numpy())

    return run


def predict_clip(network: Network, frames: Frames, kind: str) -> Floats:
    """Predict the changes of one clip in batches, so that a clip of any length fits in memory.

    Parameters
    ----------
    network : callable
        Gets the motion of each step and the appearance of its earlier frame.
    frames : Frames
        The clip, with at least two frames.
    kind : str
        Kind of motion, as in ``rppg_fast.motion``.

    Returns
    -------
    float32 (frames - 1,)
    """
    parts = []
    for start in range(0, len(frames.times) - 1, PREDICT_BATCH):
        seen = as_float(frames.appearance[start : start + PREDICT_BATCH + 1])
        parts.append(network(rf.motion(seen[:-1], seen[1:], kind=kind), seen[:-1]))
    return np.concatenate(parts)


def score(clips: Clips, changes: Sequence[Floats]) -> Score:
    """Score predicted changes on every clip that has a pulse.

    Parameters
    ----------
    clips : Clips
        The clips, with their true pulse and heart rates.
    changes : sequence of float32 (frames - 1,)
        Predicted changes of each clip, in any unit.

    Raises
    ------
    ValueError
        If there is not one array of the right length for each clip, or if no clip has a pulse.
    """
    if len(changes) != len(clips):
        raise ValueError(f"{clips.folder}: {len(changes)} predictions for {len(clips)} clips")
    correlations, errors, ratios = [], [], []
    for i, (clip, change) in enumerate(zip(clips.clips, changes)):
        if clip.heart_rate is None:
            continue
        frames = clips[i]
        if len(change) != len(frames.times) - 1:
            raise ValueError(
                f"clip {clip.name}: {len(change)} changes for {len(frames.times)} frames"
            )
        spectrum = whole(change, frames.times)
        correlations.append(pearson(change, frames.change))
        errors.append(peak_rate(spectrum) - clip.heart_rate)
        ratios.append(snr_db(spectrum, clip.heart_rate))
    if not errors:
        raise ValueError(f"{clips.folder}: no clip has a pulse to score")
    return Score(
        correlation=mean(correlations),
        mae_bpm=mae(errors),
        within_3_bpm=within(errors, CLOSE),
        snr_db=mean(ratios),
    )


def whole(change: Floats, times: NDArray[np.float64]) -> rf.Spectrum:
    """Return the spectrum of a whole clip, by cumulative sum, band-pass and transform.

    Parameters
    ----------
    change : float32 (frames - 1,)
        Predicted changes.
    times : float64 (frames,)
        Times of the frames, s.
    """
    level = np.cumsum(change - change.mean(), dtype=np.float64)
    resampler = rf.Resampler(PULSE.rate, max_gap=float(times[-1] - times[0]))
    uniform = [resampler.push(time, [value])[1] for time, value in zip(times[1:], level)]
    pulse = rf.BandPass(PULSE.low, PULSE.high, PULSE.rate)(np.concatenate(uniform)[:, 0])
    return rf.spectrum(pulse, PULSE.rate, PULSE.low, PULSE.high)
