"""Compare runs of predicted and true changes of the pulse in the heart's band."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.data.standard_pulse import BAND

STEP = 0.15
"""Distance between frequencies, Hz: finer than the resolution of a run of a few seconds."""

_LEAST = 1e-12  # added to a power, so that a run without power has a gradient


def band_correlation(predicted: Tensor, true: Tensor, seconds: Tensor) -> Tensor:
    """Correlate two pulses, given by their changes, in the heart's band.

    A reading uses the sum of the changes from 0.7 to 4 Hz; most of the noise of single frame steps
    is outside this band. The changes are multiplied by a Hann window, transformed at a grid of
    frequencies, and divided by the frequency, which gives the transform of their sum.

    Parameters
    ----------
    predicted, true : Tensor
        Changes over the steps of some runs, shape (runs, steps), in any unit.
    seconds : Tensor
        Times of the steps since each run's first, of the same shape.

    Returns
    -------
    Tensor
        Correlations from -1 to 1, shape (runs,).
    """
    low, high = BAND
    count = round((high - low) / STEP) + 1
    frequency = torch.linspace(low, high, count, dtype=predicted.dtype, device=predicted.device)
    waves = windowed_waves(seconds, frequency)
    (a, b), (c, d) = (transformed(changes, waves) for changes in (predicted, true))
    common = (a * c + b * d).sum(1)
    power = (a.square() + b.square()).sum(1) * (c.square() + d.square()).sum(1)
    return common / torch.sqrt(power + _LEAST)


def windowed_waves(seconds: Tensor, frequency: Tensor) -> tuple[Tensor, Tensor]:
    """Return cosines and sines in a Hann window, divided by their frequency.

    Parameters
    ----------
    seconds : Tensor
        As in `band_correlation`.
    frequency : Tensor
        In Hz, shape (frequencies,).

    Returns
    -------
    Tensor, Tensor
        Of shape (runs, steps, frequencies).
    """
    length = seconds[:, -1:] + seconds[:, -1:] / (seconds.shape[1] - 1)
    window = torch.sin(math.pi * (seconds + 0.5 * length / seconds.shape[1]) / length).square()
    phase = 2 * math.pi * frequency * seconds[..., None]
    weight = window[..., None] / frequency
    return weight * torch.cos(phase), weight * torch.sin(phase)


def transformed(changes: Tensor, waves: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Transform the sum of the changes of some runs.

    Parameters
    ----------
    changes : Tensor
        As in `band_correlation`.
    waves : Tensor, Tensor
        Those of `windowed_waves` for the same steps.

    Returns
    -------
    Tensor, Tensor
        Parts of cosine and sine, of shape (runs, frequencies), up to a common factor.
    """
    cosine, sine = waves
    centred = (changes - changes.mean(1, keepdim=True))[..., None]
    return (centred * cosine).sum(1), (centred * sine).sum(1)
