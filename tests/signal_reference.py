"""Filter and resampling in SciPy and NumPy: references for the engine."""

from __future__ import annotations

import math

import numpy as np
import scipy.signal
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Extension at either end, in periods of the band's lower edge, as in csrc/signal/band_pass.cpp.
PADDED_PERIODS = 1.0


def zero_phase(samples: Floats, low: float, high: float, fs: float, order: int) -> Floats:
    """Band-pass forwards and backwards along the first axis, with SciPy.

    Parameters
    ----------
    samples
        Shape (samples, ...), at least two.
    low, high, fs
        Band and sampling rate, Hz.
    order
        Order of the Butterworth prototype.
    """
    sections = scipy.signal.butter(order, (low, high), "bandpass", fs=fs, output="sos")
    padding = min(math.ceil(PADDED_PERIODS * fs / low), len(samples) - 1)
    return np.asarray(
        scipy.signal.sosfiltfilt(sections, samples, axis=0, padtype="even", padlen=padding)
    )


def cell_means(times: Floats, values: Floats, rate: float, count: int) -> Floats:
    """Return the means of a polyline over the first cells of a grid, by the trapezium rule.

    Parameters
    ----------
    times, values
        Corners of the polyline, (corners,); the grid begins at the first one.
    rate
        Cells per second, Hz.
    count
        Number of cells.
    """
    edges = times[0] + np.arange(count + 1) / rate
    corners = np.union1d(edges, times)
    heights = np.interp(corners, times, values)
    areas = np.concatenate([[0.0], np.cumsum(np.diff(corners) * (heights[1:] + heights[:-1]) / 2)])
    return np.asarray(np.diff(np.interp(edges, corners, areas)) * rate)
