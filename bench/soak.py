r"""Run the signal path for a simulated day with random faults, and compare it with SciPy.

    python -m bench.soak --hours 24

pushes values at 30 per second through clock, resampler, band-pass and window. The times have
jitter, drops, repetitions, steps back, pauses and clock changes. At some moments it compares the
samples in the window with those that NumPy and SciPy compute offline from all values. It prints the
largest differences, in units of the pulse's amplitude: they must not grow. (python -m bench.streams
--day measures the memory.)
"""

from __future__ import annotations

import argparse
import sys
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.signal
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core

FPS = 30.0
HEART = 1.3
"""Frequency of the pulse, Hz."""
LIGHT = 1 / 3600
"""Frequency of the drift, Hz; the sum of the changes may drift by 1000 pulse amplitudes."""
CHECKS = 40
RESTARTS = 3
"""Expected number of restarts in a run of any length, so that long stretches remain."""
EPOCH = 1.7e9
"""A clock's time in seconds since 1970, to test large times."""
SETTINGS = rf.PulseSettings(min_confidence=0.0, peaks=1)  # only the pulse is tested

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """The window at one moment: its largest difference from the offline result, and its reading."""

    time: float
    difference: float
    reading: rf.Reading


def faulty_times(seconds: float, seed: int = 0) -> Iterator[tuple[float, float]]:
    """Yield the clock's time and the true time, s, of frames with every kind of fault."""
    rng = np.random.default_rng(seed)
    rare = RESTARTS / (seconds * FPS)
    ahead, true = EPOCH, 0.0
    while true < seconds:
        true += (1.0 + 0.3 * rng.uniform(-1.0, 1.0)) / FPS
        fault, size = rng.random(2)
        if fault < rare:
            ahead += 200.0 * size - 100.0  # the clock is changed
        elif fault < 2 * rare:
            yield 1e12 * size, true
        elif fault < 0.02:
            continue  # a drop
        elif fault < 0.04:
            yield ahead + true, true  # a repeated frame
        elif fault < 0.041:
            yield ahead + true - 30.0 * size, true  # a step back
        elif fault < 0.0411:
            true += 0.4 * size  # a pause
        elif fault < 0.0412:
            yield np.nan, true
        yield ahead + true, true


def signal(true: float) -> float:
    """Return the pulse plus a slow drift of the light at a true time, s."""
    return float(np.sin(2 * np.pi * HEART * true) + 1e3 * np.sin(2 * np.pi * LIGHT * true))


def offline(times: Floats, values: Floats, count: int) -> Floats:
    """Return the band-passed means over the first cells of the line through all values."""
    edges = times[0] + np.arange(count + 1) / SETTINGS.rate
    corners = np.union1d(edges, times)
    heights = np.interp(corners, times, values)
    areas = np.append(0.0, np.cumsum(np.diff(corners) * (heights[1:] + heights[:-1]) / 2))
    means = np.diff(np.interp(edges, corners, areas)) * SETTINGS.rate
    band = (SETTINGS.low, SETTINGS.high)
    sections = scipy.signal.butter(SETTINGS.order, band, "bandpass", fs=SETTINGS.rate, output="sos")
    return np.asarray(scipy.signal.sosfilt(sections, means))


def soak(seconds: float, seed: int = 0) -> Iterator[Check]:
    """Push values for a simulated time; yield a check of the full window at regular intervals."""
    resampler = _core.Resampler(SETTINGS.rate, 1, SETTINGS.max_gap)
    window = _core.PulseWindow(SETTINGS.to_native())
    times, values = array("d"), array("d")  # since the window began
    due = 0.0
    for shown, true in faulty_times(seconds, seed):
        value = signal(true)
        try:
            step, samples = resampler.push(shown, [value])
        except rf.TimeError:
            continue
        if step in (_core.Step.FIRST, _core.Step.GAP):
            window.restart(shown, step is _core.Step.GAP)
            times, values = array("d"), array("d")
        times.append(shown)
        values.append(value)
        rows = np.zeros((len(samples), _core.SIGNALS))
        rows[:, :1] = samples
        window.push(rows, missing=step is _core.Step.HOLE)
        if true >= due and window.size == window.capacity:
            due = true + seconds / CHECKS
            expected = offline(np.array(times), np.array(values), window.total)
            # The last cell may have been completed just before its end.
            found = window.newest(window.size)[:-1]
            difference = np.abs(found - expected[-1 - found.size : -1]).max()
            yield Check(true, float(difference), window.read(shown))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--hours", type=float, default=24.0)
    given = parser.parse_args(arguments)
    for check in soak(given.hours * 3600):
        rate = check.reading.heart_rate_bpm
        said = check.reading.status if rate is None else f"{rate:.2f} bpm"
        print(f"{check.time / 3600:6.2f} h: differs by {check.difference:.1e}, {said}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
