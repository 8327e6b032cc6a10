"""Compute the pulse in the form that networks learn: band-passed, unit standard deviation."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from training.data.trajectories import Times

BAND = (0.7, 4.0)  # Hz; band of the labels, as in the paper
LABEL_FS = 120.0  # Hz
LABEL_PAD = 8.0  # s on both sides, so that the transients of the filter are outside the clip


def band_pass(ppg: Times) -> Times:
    """Band-pass a PPG sampled at ``LABEL_FS``: 0.7-4 Hz, Butterworth, zero phase.

    A filter of order 2 is applied once forwards and once backwards.
    """
    sos = butter(2, BAND, "bandpass", fs=LABEL_FS, output="sos")
    return np.asarray(sosfiltfilt(sos, ppg))


def standard_pulse(grid: Times, band: Times, times: Times) -> Times:
    """Return a band-passed PPG at the frames' times, divided by its standard deviation there.

    Parameters
    ----------
    grid, band : (samples,)
        Evenly spaced times, s, and the values at these times.
    times : (frames,)
        Times of the frames, s, increasing, within ``grid``.
    """
    inside = (grid >= times[0]) & (grid <= times[-1])
    return np.asarray(CubicSpline(grid, band)(times) / band[inside].std())
