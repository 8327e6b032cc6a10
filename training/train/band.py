"""How much of a pulse a run of predicted changes holds, in the heart's band."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.data.standard_pulse import BAND

STEP = 0.15
"""Hz between the frequencies that are looked at: finer than runs of some seconds resolve."""

_LEAST = 1e-12  # of a power, so that a run without any has a gradient


def band_correlation(predicted: Tensor, true: Tensor, seconds: Tensor) -> Tensor:
    """Correlate two pulses, given by their changes, in the heart's band.

    A reading looks at the sum of the changes, from 0.7 to 4 Hz; most of what a single frame step
    shows of noise lies elsewhere. Changes are weighed by a Hann window, transformed at some
    frequencies, and divided by the frequency, which sums them up.

    Parameters
    ----------
    predicted, true : Tensor
        Changes over the steps of some runs, shape (runs, steps), in any unit.
    seconds : Tensor
        Times of the steps since each run's first, of the same shape.

    Returns
    -------
    Tensor
        From -1 to 1, shape (runs,).
    """
    low, high = BAND
    count = round((high - low) / STEP) + 1
    frequency = torch.linspace(low, high, count, dtype=predicted.dtype, device=predicted.device)
    length = seconds[:, -1:] + seconds[:, -1:] / (seconds.shape[1] - 1)
    window = torch.sin(math.pi * (seconds + 0.5 * length / seconds.shape[1]) / length).square()
    phase = 2 * math.pi * frequency * seconds[..., None]
    weight = window[..., None] / frequency
    cosine, sine = weight * torch.cos(phase), weight * torch.sin(phase)

    def transformed(changes: Tensor) -> tuple[Tensor, Tensor]:
        centred = (changes - changes.mean(1, keepdim=True))[..., None]
        return (centred * cosine).sum(1), (centred * sine).sum(1)

    (a, b), (c, d) = transformed(predicted), transformed(true)
    common = (a * c + b * d).sum(1)
    power = (a.square() + b.square()).sum(1) * (c.square() + d.square()).sum(1)
    return common / torch.sqrt(power + _LEAST)
