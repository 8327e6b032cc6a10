"""The measures of evaluation, each once: of heart rates, of spectra, and how sure a mean is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Callable, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

import rppg_fast as rf

PULSE = rf.PulseSettings()
"""Band, sampling rate and window: the ones that readings use."""

PEAK = 0.1
"""Half-width of a peak in the spectrum, Hz."""

CONFIDENCE = 0.95
"""Share of intervals that are to hold the true value."""

RESAMPLES = 1000
"""Bootstrap resamples: the ends of an interval vary by a few percent of its width."""

Item = TypeVar("Item")


def mae(error: ArrayLike) -> float:
    """Mean absolute error; NaN where there is nothing to average."""
    return mean(np.abs(np.asarray(error, np.float64)))


def rmse(error: ArrayLike) -> float:
    """Root of the mean squared error; NaN where there is nothing to average."""
    return math.sqrt(mean(np.square(np.asarray(error, np.float64))))


def within(error: ArrayLike, tolerance: float) -> float:
    """Share of errors of at most a tolerance; NaN where there are none."""
    return mean(np.abs(np.asarray(error, np.float64)) <= tolerance)


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Pearson correlation; NaN where one of them is constant or there are fewer than two."""
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))


def mean(values: ArrayLike) -> float:
    """Mean; NaN where there is nothing to average."""
    given = np.asarray(values)
    return float(given.mean()) if given.size else math.nan


def in_band(spectrum: rf.Spectrum) -> NDArray[np.bool_]:
    """Mark the bins of a spectrum that lie in the heart's band."""
    return (spectrum.frequencies >= PULSE.low) & (spectrum.frequencies <= PULSE.high)


def peak_rate(spectrum: rf.Spectrum) -> float:
    """Heart rate in bpm: 60 times the frequency of the largest power in the band.

    Interpolated between bins as a reading is. A reading has no heart rate where the largest power
    is the flank of something outside the band; here the band's edge is taken then, and for a pulse
    of nothing but zeros its lower edge, so that no window drops out of a mean.
    """
    band = np.flatnonzero(in_band(spectrum))
    bpm = 60 * spectrum.frequencies
    largest = float(bpm[band[np.argmax(spectrum.power[band])]])
    if abs(spectrum.heart_rate - largest) <= bpm[1]:
        return spectrum.heart_rate
    return largest


def snr_db(spectrum: rf.Spectrum, heart_rate: float) -> float:
    """Signal-to-noise ratio of a pulse at a known heart rate.

    Power within 0.1 Hz of the rate and of its first harmonic against the rest of the band.

    Parameters
    ----------
    spectrum
        Of the pulse.
    heart_rate
        The true one, bpm.

    Returns
    -------
    float
        In dB; NaN where either power is zero.
    """
    band = in_band(spectrum)
    near = np.zeros_like(band)
    for harmonic in (1, 2):
        near |= np.abs(spectrum.frequencies - harmonic * heart_rate / 60) <= PEAK
    signal = float(spectrum.power[band & near].sum())
    noise = float(spectrum.power[band & ~near].sum())
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else math.nan


def bootstrap(
    measure: Callable[[Sequence[Item]], Sequence[float]],
    clusters: Sequence[Sequence[Item]],
    seed: int,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Confidence intervals of measures, by the percentile bootstrap over clusters.

    Windows of one subject are alike: what is drawn, with replacement, is whole subjects.

    Parameters
    ----------
    measure
        Gives some measures of a list of items.
    clusters
        Lists of items, one for each subject.
    seed
        Of the drawing.
    resamples
        How often to draw.

    Returns
    -------
    float64 (measures, 2)
        Lower and upper ends; NaN where a measure never has a value, and everywhere if there is but
        one cluster: one subject says nothing about others.
    """
    if len(clusters) < 2:
        return np.full((len(measure(clusters[0])), 2), math.nan)
    random = np.random.default_rng(seed)
    draws = []
    for _ in range(resamples):
        drawn = random.integers(len(clusters), size=len(clusters))
        draws.append(measure([item for c in drawn for item in clusters[c]]))
    tails = (0.5 - CONFIDENCE / 2, 0.5 + CONFIDENCE / 2)
    columns = [column[~np.isnan(column)] for column in np.array(draws, np.float64).T]
    return np.array(
        [np.quantile(known, tails) if known.size else (math.nan, math.nan) for known in columns]
    )
