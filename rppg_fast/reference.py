"""A finger's PPG that was recorded together with a video, and the heart rate in it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.pulse import PulseSettings, spectrum

Floats = NDArray[np.float64]

_WINDOW, _STEP = 10.0, 1.0  # s, of the heart rate over time


@dataclass(frozen=True)
class Reference:
    """A finger's PPG with its times.

    Attributes
    ----------
    ppg
        float64 of shape (samples,), in the unit of the sensor.
    heart_rate
        float64 of shape (samples,): the heart rate that the sensor reports, bpm.
    times
        float64 of shape (samples,): seconds on the clock of the video; they never go back.
    """

    ppg: NDArray[np.float64]
    heart_rate: NDArray[np.float64]
    times: NDArray[np.float64]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Reference:
        """Read a ``ground_truth.txt``: one row of PPG, one of heart rate (bpm), one of time (s).

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        Reference
            The trace.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If the file does not hold three rows of equal length with finite numbers, or if its
            times go back.
        """
        name = os.fspath(path)
        try:
            rows = [
                row.split() for row in Path(path).read_text("ascii").splitlines() if row.strip()
            ]
            values = [np.array(row, np.float64) for row in rows]
        except ValueError as error:
            raise ValueError(f"{name}: not a table of numbers: {error}") from None
        if len(values) != 3 or len({row.size for row in values}) != 1:
            raise ValueError(
                f"{name}: must have three rows of equal length (PPG, heart rate, time), "
                f"has rows of {[row.size for row in values]}"
            )
        if not all(np.isfinite(row).all() for row in values):
            raise ValueError(f"{name}: has a value that is not finite")
        if values[2].size < 2 or np.any(np.diff(values[2]) < 0):
            raise ValueError(f"{name}: its times must be at least two and never go back")
        return cls(*values)

    def mean_heart_rate(self, start: float, end: float) -> float:
        """Return the mean of the sensor's heart rate from ``start`` to ``end`` (s), bpm.

        Raises
        ------
        ValueError
            If the trace has no sample in this time.
        """
        inside = (self.times >= start) & (self.times <= end)
        if not inside.any():
            raise ValueError(f"the reference has no sample between {start} s and {end} s")
        return float(self.heart_rate[inside].mean())

    def pulse(
        self, settings: PulseSettings | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the PPG on the uniform grid, band-passed in the same way as a measured pulse.

        Parameters
        ----------
        settings
            Sampling rate, band and order; the defaults if not given.

        Returns
        -------
        times : ndarray
            float64 of shape (samples,), s.
        values : ndarray
            float64 of shape (samples,), in the unit of the sensor.
        """
        settings = settings or PulseSettings()
        resampler = _core.Resampler(settings.rate, max_gap=float(np.ptp(self.times)) + 1.0)
        band_pass = _core.BandPass(settings.low, settings.high, settings.rate, settings.order)
        fresh = np.concatenate([[True], np.diff(self.times) > 0])  # some sensors repeat a time
        cells = [
            resampler.push(time, [value])[1][:, 0]
            for time, value in zip(self.times[fresh], self.ppg[fresh])
        ]
        samples = band_pass.zero_phase(np.concatenate(cells))
        return self.times[0] + (np.arange(samples.size) + 0.5) / settings.rate, samples


def heart_rates(times: Floats, pulse: Floats, starts: Floats, ends: Floats) -> Floats:
    """Return the heart rate in each of some windows of a band-passed PPG.

    Parameters
    ----------
    times, pulse
        float64 (samples,): what ``Reference.pulse`` returns.
    starts, ends
        float64 (windows,): s.

    Returns
    -------
    ndarray
        float64 (windows,), bpm; NaN where there is no peak or fewer than 2 samples.
    """
    settings = PulseSettings()
    found = np.full(starts.shape, np.nan)
    for i, (start, end) in enumerate(zip(starts, ends)):
        inside = pulse[(times >= start) & (times <= end)]
        if inside.size >= 2:
            found[i] = spectrum(inside, settings.rate, settings.low, settings.high).heart_rate
    return found


def as_reference(times: Floats, ppg: Floats) -> Reference:
    """Return a PPG with its own heart rate: in windows of 10 s, one each second.

    Parameters
    ----------
    times, ppg
        float64 (samples,): s, and the PPG.
    """
    bare = Reference(ppg, np.zeros_like(ppg), times)
    at, pulse = bare.pulse()
    window = min(_WINDOW, float(at[-1] - at[0]))
    starts = np.arange(at[0], at[-1] - window + 1e-9, _STEP)
    rates = heart_rates(at, pulse, starts, starts + window)
    known = np.isfinite(rates)
    if not known.any():
        return Reference(ppg, np.full_like(ppg, np.nan), times)
    centres = starts + 0.5 * window
    return Reference(ppg, np.interp(times, centres[known], rates[known]), times)
