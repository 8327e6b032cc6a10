"""Settings of the pulse's signal path, and the spectrum of a pulse."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rppg_fast import _core

_DEFAULTS = _core.PulseOptions()


@dataclass(frozen=True)
class PulseSettings:
    """How a pulse is filtered and read.

    The defaults of ``window``, ``low`` and ``high`` are the paper's.

    Attributes
    ----------
    window
        Length of the window from which a heart rate is read, s.
    low, high
        Lowest and highest heart rate, Hz; also the edges of the band-pass.
    order
        Order of the Butterworth prototype, 1 to 8; the band-pass has twice as many poles. A window
        is filtered forwards and backwards, the live waveform forwards only.
    rate
        Sampling rate of the uniform grid on which the pulse is filtered, Hz.
    min_confidence
        Confidence, 0 to 1, that a spectral peak needs to be a heart rate.
    peaks
        Number of peaks of the spectrum that are tried, 1 to 8, the highest first, until one reaches
        ``min_confidence``. With 1 only the highest peak can be the heart rate, as in the paper.
    max_gap
        Longest pause between two frames that does not start a new window, s. A pause of at most
        ``max_gap`` and of more than half a second is a hole in the window.
    min_window
        Shortest time, s, from which a heart rate is read. Readings begin after that time and become
        more certain until the window is full. It must hold at least two beats at ``low``.

    Raises
    ------
    TypeError
        If a value is not a number. A monitor checks whether the values fit together, and raises
        ValueError if not.
    """

    window: float = _DEFAULTS.window
    low: float = _DEFAULTS.low
    high: float = _DEFAULTS.high
    order: int = _DEFAULTS.order
    rate: float = _DEFAULTS.rate
    min_confidence: float = _DEFAULTS.min_confidence
    peaks: int = _DEFAULTS.peaks
    max_gap: float = _DEFAULTS.max_gap
    min_window: float = _DEFAULTS.min_window

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            whole = field.name == "order"
            if not isinstance(value, Integral if whole else Real):
                kind = "a whole number" if whole else "a number"
                raise TypeError(f"{field.name} must be {kind}, got {value!r}")

    def to_native(self, method: str = _DEFAULTS.method) -> _core.PulseOptions:
        """Return the native form for a method; the stream that receives it checks the values."""
        return _core.PulseOptions(
            rate=self.rate,
            low=self.low,
            high=self.high,
            order=self.order,
            window=self.window,
            min_confidence=self.min_confidence,
            peaks=self.peaks,
            max_gap=self.max_gap,
            min_window=self.min_window,
            method=method,
        )


class PulseSamples(NamedTuple):
    """Samples of the live waveform.

    Attributes
    ----------
    times, values
        float64 of shape (samples,): s, and the waveform, in standard deviations of the training
        label; relative to the color for a classical method.
    end
        Index of the sample that comes next.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    end: int


class UnfilteredSamples(NamedTuple):
    """Samples of the pulse before the filter.

    Attributes
    ----------
    times, values
        float64 of shape (samples,): s, and the pulse.
    missing
        bool of shape (samples,): which samples lie in a hole.
    end
        Index of the sample that comes next.
    """

    times: NDArray[np.float64]
    values: NDArray[np.float64]
    missing: NDArray[np.bool_]
    end: int


@dataclass(frozen=True)
class Spectrum:
    """The power spectrum of a window of pulse.

    Attributes
    ----------
    frequencies, power
        float64, shape (bins,): Hz, and the squared magnitude of the transform.
    heart_rate
        The interpolated peak inside the band, bpm; NaN if there is no peak in the band.
    snr_db
        Power within 0.1 Hz of the peak and of its first harmonic over the power of the rest of the
        band, dB; NaN if there is no peak in the band.
    """

    frequencies: NDArray[np.float64]
    power: NDArray[np.float64]
    heart_rate: float
    snr_db: float


def spectrum(
    pulse: ArrayLike,
    fs: float,
    low: float = _DEFAULTS.low,
    high: float = _DEFAULTS.high,
    backend: str = "auto",
) -> Spectrum:
    """Return the power spectrum of a pulse, with its peak between ``low`` and ``high``.

    The mean is removed, a Hann window is applied, and zeros are added until a bin is finer than
    0.5 bpm. A peak is a local maximum; the edge of a peak outside the band does not count.

    Parameters
    ----------
    pulse
        Real numbers, shape (samples,), at least 2.
    fs
        Sampling rate, Hz.
    low, high
        The band, Hz.
    backend
        One of ``backends()``, or "auto".

    Returns
    -------
    Spectrum
        The power at all frequencies, and the peak inside the band.

    Raises
    ------
    TypeError
        If the pulse is not real numbers.
    ValueError
        If there is no such backend, if the band does not lie between 0 and half the sampling rate,
        or if the pulse is too short or does not have one dimension.
    """
    bin_hz, power, _, frequency, snr_db = _core.spectrum(pulse, fs, low, high, backend)
    frequencies = np.arange(power.size, dtype=np.float64) * bin_hz
    return Spectrum(frequencies, power, 60.0 * frequency, snr_db)
