"""Measures for evaluations: errors of heart rates, SNR of spectra, and confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Callable, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

import rppg_fast as rf

PULSE = rf.PulseSettings()
"""Band, sampling rate and window of readings."""

PEAK = 0.1
"""Half the width of a peak in the spectrum, Hz."""

CONFIDENCE = 0.95
"""Probability with which a confidence interval contains the true value."""

NORMAL_95 = 1.96
"""Standard deviations on both sides of the mean that hold 95 % of a normal distribution."""

RESAMPLES = 1000
"""Number of bootstrap resamples; an interval's ends vary by a few percent of its width."""

Item = TypeVar("Item")


def mae(error: ArrayLike) -> float:
    """Return the mean absolute error; NaN if there is no value."""
    return mean(np.abs(np.asarray(error, np.float64)))


def rmse(error: ArrayLike) -> float:
    """Return the root mean square error; NaN if there is no value."""
    return math.sqrt(mean(np.square(np.asarray(error, np.float64))))


def mape(measured: ArrayLike, true: ArrayLike) -> float:
    """Return the mean absolute error as a percentage of the truth; NaN if there is no value."""
    a, b = np.asarray(measured, np.float64), np.asarray(true, np.float64)
    return 100 * mean(np.abs((a - b) / b))


def within(error: ArrayLike, tolerance: float) -> float:
    """Return the share of errors whose size is at most ``tolerance``; NaN if there is no value."""
    return mean(np.abs(np.asarray(error, np.float64)) <= tolerance)


def pearson(x: ArrayLike, y: ArrayLike) -> float:
    """Return the Pearson correlation; NaN if an input is constant or has fewer than two values."""
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if a.size < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b) / math.sqrt(float(a @ a) * float(b @ b))


def limits_of_agreement(error: ArrayLike) -> tuple[float, float]:
    """Return Bland and Altman's limits: the mean error minus and plus 1.96 standard deviations.

    The standard deviation is that of a sample, with one degree of freedom less than there are
    errors. NaN if there are fewer than two.
    """
    given = np.asarray(error, np.float64)
    if given.size < 2:
        return math.nan, math.nan
    bias, spread = float(given.mean()), NORMAL_95 * float(given.std(ddof=1))
    return bias - spread, bias + spread


def standard_error(values: ArrayLike) -> float:
    """Return the standard error of a mean, as rPPG-Toolbox prints it; NaN if there is no value.

    The standard deviation is that of the values themselves, without the correction for a sample.
    """
    given = np.asarray(values, np.float64)
    return float(given.std()) / math.sqrt(given.size) if given.size else math.nan


def rmse_standard_error(error: ArrayLike) -> float:
    """Return what rPPG-Toolbox prints beside the RMSE, in the unit of the error.

    It is the square root of the standard error of the squared errors.
    """
    return math.sqrt(standard_error(np.square(np.asarray(error, np.float64))))


def pearson_standard_error(correlation: float, count: int) -> float:
    """Return the standard error of a correlation; NaN if there are fewer than three pairs."""
    return math.sqrt((1 - correlation**2) / (count - 2)) if count > 2 else math.nan


def mean(values: ArrayLike) -> float:
    """Return the mean; NaN if there is no value."""
    given = np.asarray(values)
    return float(given.mean()) if given.size else math.nan


def in_band(spectrum: rf.Spectrum) -> NDArray[np.bool_]:
    """Return which bins of a spectrum lie in the heart's band, bool of shape (bins,)."""
    return (spectrum.frequencies >= PULSE.low) & (spectrum.frequencies <= PULSE.high)


def peak_rate(spectrum: rf.Spectrum) -> float:
    """Return the heart rate at the largest power in the band, bpm.

    The frequency is interpolated between bins, as in a reading. If the largest power belongs to the
    flank of a peak outside the band, a reading has no heart rate; here the result is then the edge
    of the band, and for a pulse of zeros its lower edge, so that no window is left out of a mean.
    """
    band = np.flatnonzero(in_band(spectrum))
    bpm = 60 * spectrum.frequencies
    largest = float(bpm[band[np.argmax(spectrum.power[band])]])
    if abs(spectrum.heart_rate - largest) <= bpm[1]:
        return spectrum.heart_rate
    return largest


def snr_db(spectrum: rf.Spectrum, heart_rate: float) -> float:
    """Return the signal-to-noise ratio of a pulse at a known heart rate.

    This is the power within 0.1 Hz of the rate and of its first harmonic over the power in the rest
    of the band.

    Parameters
    ----------
    spectrum
        Spectrum of the pulse.
    heart_rate
        True heart rate, bpm.

    Returns
    -------
    float
        SNR in dB; NaN if either power is zero.
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
    """Return confidence intervals of measures, by the percentile bootstrap over clusters.

    Windows of one subject are not independent. Therefore whole subjects are drawn, with
    replacement.

    Parameters
    ----------
    measure
        Computes one or more measures of a list of items.
    clusters
        Lists of items, one for each subject.
    seed
        Seed of the random draws.
    resamples
        Number of resamples.

    Returns
    -------
    float64 (measures, 2)
        Lower and upper ends. NaN if a measure has no value in any resample. All NaN if there is
        only one cluster, because one subject gives no information about the spread over subjects.
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
