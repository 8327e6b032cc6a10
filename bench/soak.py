r"""A simulated day of the signal path with random faults, beside an offline computation.

    python -m bench.soak --hours 24

pushes values at 30 per second, with jitter, drops, repetitions, slips, pauses and a clock that is
set, through clock, resampler, band-pass and window, and compares what is in the window now and then
with what NumPy and SciPy make of the same values at once. Prints the largest differences, in units
of the pulse's amplitude: they must not grow. (python -m bench.streams --day shows the memory.)
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
"""Hz."""
LIGHT = 1 / 3600
"""Hz: the sum of the network's changes may wander like that, a thousand times the pulse."""
FIRST, GAP, HOLE = 0, 2, 3
"""What the native resampler says of a value: see ``csrc/signal/clock.hpp``."""
CHECKS = 40
RESTARTS = 3
"""Expected in all, however long it takes, so that there are long stretches to drift in."""
EPOCH = 1.7e9
"""s: what a clock shows that counts from 1970."""
SETTINGS = rf.PulseSettings(min_confidence=0.0, peaks=1)  # nothing is seen but the pulse

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """The window at one moment: its distance from the offline one, and what was read."""

    time: float
    difference: float
    reading: rf.Reading


def faulty_times(seconds: float, seed: int = 0) -> Iterator[tuple[float, float]]:
    """Yield the time that a clock shows and the true one, s, of frames with every kind of fault."""
    rng = np.random.default_rng(seed)
    rare = RESTARTS / (seconds * FPS)
    ahead, true = EPOCH, 0.0
    while true < seconds:
        true += (1.0 + 0.3 * rng.uniform(-1.0, 1.0)) / FPS
        fault, size = rng.random(2)
        if fault < rare:
            ahead += 200.0 * size - 100.0  # the clock is set
        elif fault < 2 * rare:
            yield 1e12 * size, true
        elif fault < 0.02:
            continue  # a drop
        elif fault < 0.04:
            yield ahead + true, true  # seen twice
        elif fault < 0.041:
            yield ahead + true - 30.0 * size, true  # a slip
        elif fault < 0.0411:
            true += 0.4 * size  # a pause
        elif fault < 0.0412:
            yield np.nan, true
        yield ahead + true, true


def signal(true: float) -> float:
    """Return the pulse on a light that drifts, at a true time."""
    return float(np.sin(2 * np.pi * HEART * true) + 1e3 * np.sin(2 * np.pi * LIGHT * true))


def offline(times: Floats, values: Floats, count: int) -> Floats:
    """Return the band-passed means of the polyline over the first cells, all at once."""
    edges = times[0] + np.arange(count + 1) / SETTINGS.rate
    corners = np.union1d(edges, times)
    heights = np.interp(corners, times, values)
    areas = np.append(0.0, np.cumsum(np.diff(corners) * (heights[1:] + heights[:-1]) / 2))
    means = np.diff(np.interp(edges, corners, areas)) * SETTINGS.rate
    band = (SETTINGS.low, SETTINGS.high)
    sections = scipy.signal.butter(SETTINGS.order, band, "bandpass", fs=SETTINGS.rate, output="sos")
    return np.asarray(scipy.signal.sosfilt(sections, means))


def soak(seconds: float, seed: int = 0) -> Iterator[Check]:
    """Push so much simulated time; yield what is found in full windows on the way."""
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
        if step in (FIRST, GAP):
            window.restart(shown, step == GAP)
            times, values = array("d"), array("d")
        times.append(shown)
        values.append(value)
        rows = np.zeros((len(samples), _core.SIGNALS))
        rows[:, :1] = samples
        window.push(rows, missing=step == HOLE)
        if true >= due and window.size == window.capacity:
            due = true + seconds / CHECKS
            expected = offline(np.array(times), np.array(values), window.total)
            # The last cell may have been closed just before its end.
            found = window.newest(window.size)[:-1]
            difference = np.abs(found - expected[-1 - found.size : -1]).max()
            yield Check(true, float(difference), window.read(shown))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--hours", type=float, default=24.0)
    given = parser.parse_args(arguments)
    for check in soak(given.hours * 3600):
        rate = check.reading.heart_rate
        said = check.reading.status if rate is None else f"{rate:.2f} bpm"
        print(f"{check.time / 3600:6.2f} h: differs by {check.difference:.1e}, {said}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
