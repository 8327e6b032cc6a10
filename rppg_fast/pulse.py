"""Settings of the pulse's signal path, and the spectrum of a pulse."""

from __future__ import annotations

from dataclasses import dataclass, fields
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rppg_fast import _core

_DEFAULTS = _core.PulseOptions()


@dataclass(frozen=True)
class PulseSettings:
    """How a pulse is filtered and read; the defaults are the paper's where it names a value.

    Attributes
    ----------
    window
        Length of the window that a heart rate is read from, s.
    low, high
        The band that a heart rate may lie in, Hz; also the band-pass's edges.
    order
        Order of the Butterworth prototype (the band-pass has twice as many poles). A window is
        filtered forwards and backwards, the live waveform forwards alone.
    rate
        Sampling rate of the uniform grid on which the pulse is filtered, Hz.
    min_confidence
        A spectral peak below this confidence, 0 to 1, is no heart rate.
    peaks
        How many peaks of the spectrum are tried, the highest first, until one reaches
        ``min_confidence``; 1 to 8. With 1 the highest is the heart's or none, as in the paper.
    max_gap
        A longer pause between two frames starts the window anew, s. A shorter one, over half a
        second, is a hole in it.
    min_window
        Time that must have been seen in a window before it is read, s: readings begin after that
        time, and grow surer until the window is full. At least two beats at ``low`` are needed.

    Raises
    ------
    TypeError
        If one of them is no number. Whether they make sense together is checked where they are
        used.
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
        """Return the native form for a method, which is checked where it is used."""
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


@dataclass(frozen=True)
class Spectrum:
    """The power spectrum of a window of pulse.

    Attributes
    ----------
    frequencies, power
        float64, shape (bins,): Hz, and the squared magnitude of the transform.
    heart_rate
        The interpolated peak inside the band, bpm; NaN where the band holds no peak.
    snr_db
        Power within 0.1 Hz of the peak and of its first harmonic against the rest of the band, dB;
        NaN where the band holds no peak.
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

    The mean is removed, a Hann window applied, and zeros are added until a bin is finer than
    0.5 bpm. A peak is a local maximum: the flank of something outside the band is none.

    Parameters
    ----------
    pulse
        Real numbers, shape (samples,), at least 2.
    fs
        Sampling rate, Hz.
    low, high
        The band, Hz.
    backend
        One of ``backends()``, or ``"auto"``.

    Raises
    ------
    ValueError
        If there is no such backend, the band does not lie between 0 and half the sampling rate, or
        the pulse is too short or has not one dimension.
    """
    bin_hz, power, _, frequency, snr_db = _core.spectrum(pulse, fs, low, high, backend)
    frequencies = np.arange(power.size, dtype=np.float64) * bin_hz
    return Spectrum(frequencies, power, 60.0 * frequency, snr_db)
