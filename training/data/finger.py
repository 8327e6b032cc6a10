"""Take the pulse of a real finger, stretched in time to a given mean heart rate.

A record is a phone camera's (Welltory: ``PPG.csv`` with the columns time in ms, R, G, B; red has
the pulse) or any trace in UBFC-rPPG's ``ground_truth.txt``. Beats are found in it. A random piece
is taken from the longest part without a doubtful beat; its beats keep their shapes and their
variability.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import median_filter
from scipy.signal import butter, find_peaks, sosfiltfilt

import rppg_fast as rf
from rppg_fast.reference import Reference
from training.data.trajectories import Times

CLOSE = 3.0
"""Largest difference between the spectral peak of an injected pulse and its mean rate, bpm."""

_FS = 100.0  # Hz; uniform grid on which a record is analysed
_BAND = (0.5, 8.0)  # Hz; band that is kept: six harmonics at resting rates
_BEAT_BAND = (0.5, 3.0)  # Hz; band in which beats are found
_MIN_INTERVAL = 0.4  # s; shortest interval between beats
_DOUBTFUL = 0.3  # relative difference from the median of neighbours that means a missed beat
_NEIGHBOURS = 9
_END = 0.5  # s left out at both ends of a record, where the filter has a transient
_DRAWS = 200
_MIN_SWING = 0.5  # standard deviation of red in 8-bit levels; a saturated channel has less

PULSE = rf.PulseSettings()


@dataclass(frozen=True)
class Finger:
    """A record of a finger's pulse.

    Attributes
    ----------
    name : str
        Name in results.
    times : float64 (samples,)
        Times, s, increasing.
    ppg : float64 (samples,)
        PPG in the sensor's unit; it rises with the blood volume.
    """

    name: str
    times: Times
    ppg: Times

    @classmethod
    def read(cls, path: Path) -> Finger:
        """Read a Welltory ``PPG.csv``, or any other file as a ``ground_truth.txt``.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If the file has another layout; the message names it.
        """
        name = f"{path.parent.name}/{path.name}"
        if path.suffix != ".csv":
            reference = Reference.read(path)
            fresh = np.concatenate([[True], np.diff(reference.times) > 0])
            return cls(name, reference.times[fresh], reference.ppg[fresh])
        try:
            table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
        except ValueError as error:
            raise ValueError(f"{path}: not a table of numbers: {error}") from None
        if table.shape[1] != 4 or np.any(np.diff(table[:, 0]) <= 0):
            raise ValueError(f"{path}: must have the columns time (ms), R, G, B, and rising times")
        # The red of a finger becomes darker when blood flows in.
        return cls(name, table[:, 0] / 1000, -table[:, 1])

    @cached_property
    def wave(self) -> tuple[Times, Times]:
        """Times in s at a rate of ``_FS``, and the band-passed PPG at these times."""
        grid = np.arange(self.times[0], self.times[-1], 1 / _FS)
        sos = butter(2, _BAND, "bandpass", fs=_FS, output="sos")
        return grid, np.asarray(sosfiltfilt(sos, CubicSpline(self.times, self.ppg)(grid)))

    @cached_property
    def beats(self) -> Times:
        """Times of the steepest rises in the longest part without a doubtful beat, s."""
        grid, wave = self.wave
        sos = butter(2, _BEAT_BAND, "bandpass", fs=_FS, output="sos")
        slope = np.gradient(sosfiltfilt(sos, wave))
        least = 0.4 * np.percentile(slope, 95)
        found, _ = find_peaks(slope, distance=round(_MIN_INTERVAL * _FS), height=least)
        beats = grid[found]
        beats = beats[(beats > grid[0] + _END) & (beats < grid[-1] - _END)]
        interval = np.diff(beats)
        usual = median_filter(interval, _NEIGHBOURS, mode="nearest")
        good = np.concatenate([[False], np.abs(interval / usual - 1) < _DOUBTFUL, [False]])
        edges = np.flatnonzero(np.diff(good.astype(int)))
        starts, stops = edges[::2], edges[1::2]
        if starts.size == 0:
            return np.empty(0)
        longest = int(np.argmax(stops - starts))
        return np.asarray(beats[starts[longest] : stops[longest] + 1])


@dataclass(frozen=True)
class InjectedPulse:
    """A pulse at the frames of a video.

    Attributes
    ----------
    ppg : float64 (frames,)
        Rises with the blood volume; zero mean and unit standard deviation over the frames.
    slope : float64 (frames,)
        Change of ``ppg`` per second.
    heart_rate : float64 (frames,)
        60 over the interval between the surrounding beats, interpolated, bpm.
    finger : str
        Name of the record.
    stretch : float
        Seconds of video per second of the record.
    """

    ppg: Times
    slope: Times
    heart_rate: Times
    finger: str
    stretch: float


def fingers(folder: Path) -> list[Finger]:
    """Read the usable records of a Welltory folder (``subject_*/PPG.csv``), in order of name.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If there is no usable record.
    """
    found = [Finger.read(path) for path in sorted(folder.glob("subject_*/PPG.csv"))]
    usable = [finger for finger in found if finger.ppg.std() >= _MIN_SWING and finger.beats.size]
    if not usable:
        raise ValueError(f"{folder}: no subject_*/PPG.csv in which a pulse is seen")
    return usable


def draw_pulse(
    records: Sequence[Finger], times: Times, rate: float, random: np.random.Generator
) -> InjectedPulse:
    """Draw a piece of a finger's record and stretch it to a mean heart rate over the frames.

    The draw is repeated until the pulse's own spectrum has its peak within ``CLOSE`` of the mean
    rate of the beats in every window of 10 s. With too uneven beats, or a beat that is counted
    twice, an error of a few bpm would have no meaning.

    Parameters
    ----------
    records
        The records; those with too few beats are not used.
    times
        Times of the frames, s, increasing.
    rate
        Requested mean heart rate, bpm.
    random
        Generator for the record and the piece.

    Raises
    ------
    ValueError
        If no record is long enough, or if no suitable piece is found.
    """
    beats = rate / 60 * float(np.ptp(times))
    fitting = [finger for finger in records if finger.beats.size - 1 >= beats]
    if not fitting:
        raise ValueError(
            f"no finger's record has {beats:.0f} beats without a doubtful one, as {rate:.0f} bpm"
            f" over {np.ptp(times):.1f} s take; take a shorter clip or a lower rate"
        )
    for _ in range(_DRAWS):
        finger = fitting[random.integers(len(fitting))]
        pulse = _piece(finger, random.uniform(0, finger.beats.size - 1 - beats), beats, times)
        if _disagreement(pulse, times) <= CLOSE:
            return pulse
    raise ValueError(f"no piece of a finger's record beats evenly enough at {rate:.0f} bpm")


def _piece(finger: Finger, first: float, beats: float, times: Times) -> InjectedPulse:
    """Take ``beats`` beats of a record, starting at beat ``first``; stretch them to the frames."""
    count = np.arange(finger.beats.size)
    start, end = np.interp([first, first + beats], count, finger.beats)
    stretch = float(np.ptp(times)) / float(end - start)
    record_times = start + (times - times[0]) / stretch
    spline = CubicSpline(*finger.wave)
    ppg = spline(record_times)
    between = (finger.beats[1:] + finger.beats[:-1]) / 2
    return InjectedPulse(
        ppg=(ppg - ppg.mean()) / ppg.std(),
        slope=spline(record_times, 1) / stretch / ppg.std(),
        heart_rate=np.interp(record_times, between, 60 / (np.diff(finger.beats) * stretch)),
        finger=finger.name,
        stretch=stretch,
    )


def _disagreement(pulse: InjectedPulse, times: Times) -> float:
    """Return the largest difference between spectral peak and mean rate over all windows, bpm."""
    grid = np.arange(times[0], times[-1], 1 / PULSE.rate)
    ppg = np.interp(grid, times, pulse.ppg)
    rates = np.interp(grid, times, pulse.heart_rate)
    length = min(grid.size, round(PULSE.window * PULSE.rate))
    worst = 0.0
    for start in range(0, grid.size - length + 1, round(PULSE.rate)):
        inside = slice(start, start + length)
        peak = rf.spectrum(ppg[inside], PULSE.rate, PULSE.low, PULSE.high).heart_rate
        error = abs(peak - float(rates[inside].mean()))
        worst = max(worst, error if np.isfinite(error) else np.inf)
    return worst
