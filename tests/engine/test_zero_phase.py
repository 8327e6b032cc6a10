"""The zero-phase band-pass against SciPy's, and its behaviour at ends and holes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from tests.support.signal_reference import zero_phase

# Both sides filter twice in float64; a narrow band of order 5 amplifies rounding most.
FILTER_TOLERANCE = 1e-8
# The mirror image of a ramp has a kink. The response to it is at most this number of seconds' rise;
# it has settled after one and a half periods of the lower band edge.
KINK, SETTLED = 0.2, 1e-3
# Largest delay of a sine in the middle of the band, samples.
DELAY_TOLERANCE = 0.05
RATE = 30.0
SHORTEST = 15  # samples in half a second; shorter stretches are not used
BANDS = [(0.7, 4.0, 30.0), (0.5, 7.0, 15.0), (0.1, 12.0, 30.0), (0.7, 4.0, 120.0), (1.0, 1.2, 25.0)]

Floats = NDArray[np.float64]


def noise(count: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).standard_normal(count)


def rows(level: Floats) -> Floats:
    """Return samples for a window in which only the pulse matters."""
    out = np.zeros((level.size, _core.SIGNALS))
    out[:, 0] = level
    return out


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("low", "high", "fs"), BANDS)
@pytest.mark.parametrize("count", [2, 3, 17, 64, 65, 300, 1001])
def test_it_is_scipys(low: float, high: float, fs: float, order: int, count: int) -> None:
    samples = noise(count).cumsum() + 40.0
    expected = zero_phase(samples, low, high, fs, order)
    found = rf.BandPass(low, high, fs, order).zero_phase(samples)
    np.testing.assert_allclose(found, expected, atol=FILTER_TOLERANCE * np.abs(samples).max())


@pytest.mark.parametrize("count", [0, 1])
def test_less_than_two_samples_have_no_rhythm(count: int) -> None:
    assert rf.BandPass(0.7, 4.0, RATE).zero_phase(np.full(count, 7.0)).tolist() == [0.0] * count


def test_it_keeps_no_state_and_disturbs_none() -> None:
    samples = noise(400)
    calm, disturbed = rf.BandPass(0.7, 4.0, RATE), rf.BandPass(0.7, 4.0, RATE)
    first = disturbed.zero_phase(samples)
    halves = []
    for part in np.split(samples, 2):
        halves.append(disturbed(part))
        np.testing.assert_array_equal(disturbed.zero_phase(samples), first)
    np.testing.assert_array_equal(np.concatenate(halves), calm(samples))


@pytest.mark.parametrize("order", [1, 2])
def test_nothing_is_delayed(order: int) -> None:
    times = np.arange(300) / RATE
    for frequency in (0.9, 1.3, 2.5, 3.5):
        angle = 2 * np.pi * frequency * times
        found = rf.BandPass(0.7, 4.0, RATE, order).zero_phase(np.sin(angle))[60:240]
        phase = np.angle(np.sum(found * np.exp(-1j * angle[60:240])) * 1j)
        assert abs(phase) / (2 * np.pi * frequency) * RATE < DELAY_TOLERANCE


@pytest.mark.parametrize("slope", [0.0, 1.0, -1e3])
def test_a_level_leaves_nothing_and_a_drift_a_kink_at_the_ends(slope: float) -> None:
    """A level that starts far from zero and drifts, like the sum of changes."""
    drift = 1e4 + slope * np.arange(300) / RATE
    found = rf.BandPass(0.7, 4.0, RATE, 1).zero_phase(drift)
    rounding = 1e-9 * np.abs(drift).max()
    assert np.abs(found).max() <= KINK * abs(slope) + rounding
    settled = math.ceil(1.5 * RATE / 0.7)
    assert np.abs(found[settled:-settled]).max() <= SETTLED * abs(slope) + rounding


@given(
    lengths=st.lists(st.tuples(st.integers(1, 90), st.integers(1, 60)), min_size=1, max_size=4),
    first_missing=st.booleans(),
    order=st.integers(1, 3),
)
def test_each_stretch_between_holes_is_filtered_by_itself(
    lengths: list[tuple[int, int]], first_missing: bool, order: int
) -> None:
    window = _core.PulseWindow(rf.PulseSettings(order=order).to_native())
    window.restart(0.0, False)
    level, missing = [0.0], np.zeros(0, bool)
    for seen, lost in lengths:
        pieces = [(seen, False), (lost, True)]
        for count, hole in pieces[::-1] if first_missing else pieces:
            samples = level[-1] + noise(count, seed=count).cumsum()
            window.push(rows(samples), missing=hole)
            level.extend(samples)
            missing = np.append(missing, np.full(count, hole))
    size = window.size
    pulse, missing = np.array(level[1:])[-size:], missing[-size:]
    np.testing.assert_array_equal(window.newest(size, filtered=False), pulse)
    np.testing.assert_array_equal(window.missing(size), missing)
    expected = np.zeros(size)
    for part in np.split(np.arange(size), np.flatnonzero(np.diff(missing)) + 1):
        if not missing[part[0]] and len(part) >= min(SHORTEST, size) and len(part) > 1:
            expected[part] = zero_phase(pulse[part], 0.7, 4.0, RATE, order)
    np.testing.assert_allclose(
        window.filtered(), expected, atol=FILTER_TOLERANCE * (1 + np.abs(pulse).max())
    )


def test_three_colors_at_once_are_filtered_as_one_by_one() -> None:
    """CHROM in a window filters the colors together; the result equals filtering each alone."""
    rng = np.random.default_rng(4)
    for count in (2, 31, 150, 299, 300, 377):
        colors = 0.5 + 0.01 * rng.standard_normal((count, 3)).cumsum(axis=0) / math.sqrt(count)
        samples = np.zeros((count, _core.SIGNALS))
        samples[:, 1:4] = colors
        window = _core.PulseWindow(rf.PulseSettings().to_native("chrom"))
        window.restart(0.0, False)
        window.push(samples)
        newest = colors[-window.size :]
        filtered = zero_phase(newest, 0.7, 4.0, RATE, rf.PulseSettings().order)
        expected = _core.chrom(newest, filtered, RATE)
        found = window.newest(window.size, filtered=False)
        np.testing.assert_allclose(found, expected, atol=FILTER_TOLERANCE)
