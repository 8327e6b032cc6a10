"""What a recorded PPG says at the times of a video's frames: the pulse, and the heart rate."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

import rppg_fast as rf
from training.data.recordings import Trace
from training.data.standard_pulse import BAND, LABEL_FS, LABEL_PAD, band_pass, standard_pulse
from training.data.trajectories import Times

SHORTEST = 2.0
"""A shorter video, in seconds, is refused: it may not hold two beats."""

_WINDOW = 10.0  # s, as in the paper
_STEP = 1.0  # s


@dataclass(frozen=True)
class Truth:
    """The truth about some frames.

    Attributes
    ----------
    pulse : float64 (frames,)
        The PPG, band-passed to 0.7-4 Hz, of unit standard deviation over the frames.
    heart_rate : float64 (frames,)
        In bpm.
    """

    pulse: Times
    heart_rate: Times


def truth(trace: Trace, times: Times) -> Truth:
    """Work out the pulse and the heart rate at the frames' times.

    The pulse is that of ``pulse.label``, filtered over the whole trace. The heart rate is the peak
    of the pulse's spectrum in windows of 10 s, one a second, as the paper takes it; a frame has
    that of the windows centred before and after it, interpolated linearly, and a trace of less
    than 10 s is one window.

    Parameters
    ----------
    trace
        The recorded PPG.
    times
        Times of the frames in seconds, increasing, within those of the trace.

    Raises
    ------
    ValueError
        If the frames take less than ``SHORTEST``, the trace leaves out some of them, is too slow
        for the band or does not change, or no window has a peak in the band.
    """
    if times.size < 2 or times[-1] - times[0] < SHORTEST:
        raise ValueError(f"{times.size} frames, which is less than {SHORTEST:g} s")
    if times[0] < trace.times[0] or times[-1] > trace.times[-1]:
        raise ValueError("the frames go beyond the PPG")
    inside = (trace.times >= times[0]) & (trace.times <= times[-1])
    rate = (trace.times.size - 1) / (trace.times[-1] - trace.times[0])
    if rate <= 2 * BAND[1]:
        raise ValueError(f"the PPG has {rate:.1f} samples a second, needs more than {2 * BAND[1]}")
    if np.ptp(trace.ppg[inside]) == 0:
        raise ValueError("the PPG is constant")
    grid = np.arange(trace.times[0], trace.times[-1], 1 / LABEL_FS)
    ppg = CubicSpline(trace.times, trace.ppg)(grid)
    # Mirrored beyond its ends: of the paddings that scipy.signal.sosfiltfilt has, the one with
    # the smallest error there, and longer than what it takes by itself.
    pad = round(LABEL_PAD * LABEL_FS)
    band = band_pass(np.pad(ppg, pad, mode="reflect"))[pad:-pad]
    return Truth(standard_pulse(grid, band, times), _heart_rate(grid, band, times))


def _heart_rate(grid: Times, band: Times, times: Times) -> Times:
    """Heart rate at the frames, from the windows that have a peak in the band."""
    window = min(round(_WINDOW * LABEL_FS), grid.size)
    starts = np.arange(0, grid.size - window + 1, round(_STEP * LABEL_FS))
    centres = grid[starts] + window / LABEL_FS / 2
    parts = (band[start : start + window] for start in starts)
    peaks = np.array([rf.spectrum(part, LABEL_FS, *BAND).heart_rate for part in parts])
    read = np.isfinite(peaks)
    if not read.any():
        raise ValueError("the PPG has no peak from 0.7 to 4 Hz")
    return np.asarray(np.interp(times, centres[read], peaks[read]))
