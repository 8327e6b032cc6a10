"""The pulse as networks learn it: band-passed, over its standard deviation."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import butter, sosfiltfilt

from training.data.trajectories import Times

BAND = (0.7, 4.0)  # Hz, of the labels, as in the paper
LABEL_FS = 120.0  # Hz
LABEL_PAD = 8.0  # s on either side, so that the filter's ends lie outside the clip


def band_pass(ppg: Times) -> Times:
    """Band-pass a PPG of ``LABEL_FS`` samples a second: 0.7-4 Hz, Butterworth, zero phase.

    The order is 2, once forward and once backward.
    """
    sos = butter(2, BAND, "bandpass", fs=LABEL_FS, output="sos")
    return np.asarray(sosfiltfilt(sos, ppg))


def standard_pulse(grid: Times, band: Times, times: Times) -> Times:
    """Give a band-passed PPG at the frames' times, over its standard deviation between them.

    Parameters
    ----------
    grid, band : (samples,)
        Times in seconds, evenly spaced, and the values there.
    times : (frames,)
        Increasing, within ``grid``.
    """
    inside = (grid >= times[0]) & (grid <= times[-1])
    return np.asarray(CubicSpline(grid, band)(times) / band[inside].std())
