"""How well predicted changes tell the heart rate of validation clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

import rppg_fast as rf
from training.data.clips import Clips

PULSE = rf.PulseSettings()  # band and sampling rate: the ones that readings use
PEAK = 0.1  # half-width of a peak in the spectrum, Hz
CLOSE = 3.0  # bpm
PREDICT_BATCH = 128  # larger ones are slower on a CPU: they leave its cache


@dataclass(frozen=True)
class Score:
    """Means over clips.

    Attributes
    ----------
    correlation : float
        Pearson, of predicted and true changes.
    mae_bpm : float
        Absolute error of the heart rate of a whole clip.
    within_3_bpm : float
        Share of clips with an error of at most 3 bpm.
    snr_db : float
        Power of the predicted pulse at the true rate and its first harmonic against the rest
        of the band.
    """

    correlation: float
    mae_bpm: float
    within_3_bpm: float
    snr_db: float


def predict(model: nn.Module, clips: Clips, device: torch.device) -> NDArray[np.float32]:
    """Predict the change of every frame step of all clips.

    Returns
    -------
    NDArray[np.float32]
        Shape (frames,).
    """
    training = model.training
    model.eval()
    parts = []
    with torch.inference_mode():
        for start in tqdm(range(0, len(clips.motion), PREDICT_BATCH), "validate", leave=False):
            motion = np.asarray(clips.motion[start : start + PREDICT_BATCH], np.float32)
            parts.append(model(torch.from_numpy(motion).to(device)).float().cpu().numpy())
    model.train(training)
    return np.concatenate(parts)


def score(clips: Clips, change: NDArray[np.float32]) -> Score:
    """Score predicted changes on every clip that has a pulse.

    Parameters
    ----------
    clips : Clips
        The clips, with their true changes and heart rates.
    change : NDArray[np.float32]
        Predicted changes, shape (steps,), in any unit.

    Raises
    ------
    ValueError
        If no clip has a pulse.
    """
    rows = []
    for clip in clips.clips:
        if clip.heart_rate is None:
            continue
        steps = slice(clip.start, clip.stop)
        correlation = np.corrcoef(change[steps], clips.change[steps])[0, 1]
        heart_rate, snr_db = read(change[steps], clips.times[steps], clip.heart_rate)
        error = abs(heart_rate - clip.heart_rate)
        rows.append((correlation, error, error <= CLOSE, snr_db))
    if not rows:
        raise ValueError(f"{clips.folder}: no clip has a pulse to score")
    return Score(*(float(mean) for mean in np.mean(rows, axis=0)))


def read(
    change: NDArray[np.float32], times: NDArray[np.float64], true_rate: float
) -> tuple[float, float]:
    """Read the heart rate of a whole clip, and the SNR at the true rate.

    The steps of the paper: cumulative sum, band-pass, spectrum.

    Parameters
    ----------
    change : NDArray[np.float32]
        Predicted changes, shape (steps,).
    times : NDArray[np.float64]
        Time of each step's later frame, s.
    true_rate : float
        In bpm.

    Returns
    -------
    heart_rate, snr_db : float
        In bpm and dB.
    """
    level = np.cumsum(change - change.mean(), dtype=np.float64)
    resampler = rf.Resampler(PULSE.rate, max_gap=float(times[-1] - times[0]))
    uniform = [resampler.push(time, [value])[1] for time, value in zip(times, level)]
    pulse = rf.BandPass(PULSE.low, PULSE.high, PULSE.rate)(np.concatenate(uniform)[:, 0])
    spectrum = rf.spectrum(pulse, PULSE.rate, PULSE.low, PULSE.high)
    frequency, power = spectrum.frequencies, spectrum.power
    band = (PULSE.low <= frequency) & (frequency <= PULSE.high)
    near = np.zeros_like(band)
    for harmonic in (1, 2):
        near |= np.abs(frequency - harmonic * true_rate / 60) <= PEAK
    snr_db = 10 * np.log10(power[band & near].sum() / power[band & ~near].sum())
    return spectrum.heart_rate, float(snr_db)
