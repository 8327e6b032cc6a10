"""Compute the true pulse and heart rate at the times of a video's frames from a recorded PPG."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

import rppg_fast as rf
from rppg_fast.evaluation.traces import Trace
from training.data.standard_pulse import BAND, LABEL_FS, LABEL_PAD, band_pass, standard_pulse
from training.data.trajectories import Times

SHORTEST = 2.0
"""Shortest video, s; a shorter one may not contain two beats."""

_WINDOW = 10.0  # s, as in the paper
_STEP = 1.0  # s


@dataclass(frozen=True)
class Truth:
    """The true pulse and heart rate at some frames.

    Attributes
    ----------
    pulse : float64 (frames,)
        The PPG, band-passed to 0.7-4 Hz, with unit standard deviation over the frames.
    heart_rate : float64 (frames,)
        Heart rate, bpm.
    """

    pulse: Times
    heart_rate: Times


def truth(trace: Trace, times: Times) -> Truth:
    """Compute the pulse and the heart rate at the frames' times.

    The pulse is that of ``standard_pulse``, filtered over the whole trace. The heart rate is the
    peak of the pulse's spectrum in windows of 10 s, one per second, as in the paper. The rate of a
    frame is interpolated linearly between the windows centred before and after it. A trace of less
    than 10 s is one window.

    Parameters
    ----------
    trace
        The recorded PPG.
    times
        Times of the frames, s, increasing, within those of the trace.

    Raises
    ------
    ValueError
        If the frames last less than ``SHORTEST``, if the trace does not cover them, is sampled too
        slowly for the band or is constant, or if no window has a peak in the band.
    """
    if times.size < 2 or times[-1] - times[0] < SHORTEST:
        raise ValueError(f"{times.size} frames, which is less than {SHORTEST:g} s")
    if times[0] < trace.times[0] or times[-1] > trace.times[-1]:
        raise ValueError("the frames go beyond the PPG")
    inside = (trace.times >= times[0]) & (trace.times <= times[-1])
    trace.check_rate(BAND[1])
    if np.ptp(trace.ppg[inside]) == 0:
        raise ValueError("the PPG is constant")
    grid = np.arange(trace.times[0], trace.times[-1], 1 / LABEL_FS)
    ppg = CubicSpline(trace.times, trace.ppg)(grid)
    # The trace is mirrored beyond its ends. Of the paddings of scipy.signal.sosfiltfilt, this one
    # has the smallest error there; it is longer here than SciPy's default.
    pad = round(LABEL_PAD * LABEL_FS)
    band = band_pass(np.pad(ppg, pad, mode="reflect"))[pad:-pad]
    return Truth(standard_pulse(grid, band, times), _heart_rate(grid, band, times))


def _heart_rate(grid: Times, band: Times, times: Times) -> Times:
    """Return the heart rate at the frames, from the windows that have a peak in the band, bpm."""
    window = min(round(_WINDOW * LABEL_FS), grid.size)
    starts = np.arange(0, grid.size - window + 1, round(_STEP * LABEL_FS))
    centres = grid[starts] + window / LABEL_FS / 2
    parts = (band[start : start + window] for start in starts)
    peaks = np.array([rf.spectrum(part, LABEL_FS, *BAND).heart_rate for part in parts])
    read = np.isfinite(peaks)
    if not read.any():
        raise ValueError("the PPG has no peak from 0.7 to 4 Hz")
    return np.asarray(np.interp(times, centres[read], peaks[read]))
