"""Beats of a pulse: their times are right, and their quality says which ones are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.beat import LONGEST, SDNN_SECONDS, SHORTEST, within

Floats = NDArray[np.float64]

# Largest error of an interval of a pulse without noise, s, by heart rate. At 140 bpm the waves of
# neighbouring beats overlap, and their distances differ; 0.0135 was seen.
CLEAN_TOLERANCES = {48.0: 0.001, 75.0: 0.001, 140.0: 0.016}
# Median error with noise of 0.1 of the pulse's height at 30 samples a second, s. 0.009 was seen.
NOISY_TOLERANCE = 0.012
# Share of the intervals in white noise that may be called good. 0.002 was seen.
NOISE_GOOD = 0.01
# Relative error of SDNN, at the noise above.
SDNN_TOLERANCE = 0.1


def beat_times(seconds: float, bpm: float, seed: int = 0, jitter: float = 0.04) -> Floats:
    """Return times of beats whose intervals differ by ``jitter`` of their mean, and drift."""
    rng = np.random.default_rng(seed)
    count = int(seconds * bpm / 60) + 3
    drift = 0.05 * np.sin(np.arange(count) / 4)
    intervals = 60 / bpm * (1 + drift + jitter * rng.standard_normal(count))
    return np.asarray(np.cumsum(intervals) - 60 / bpm)


def pulse_at(times: Floats, beats: Floats, noise: float = 0.0, seed: int = 0) -> Floats:
    """Return a pulse of height 1: for each beat a steep rise, a slow fall and a second wave."""
    after = times[:, None] - beats
    first = np.exp(-0.5 * ((after - 0.10) / np.where(after < 0.10, 0.06, 0.13)) ** 2)
    second = 0.35 * np.exp(-0.5 * ((after - 0.38) / 0.08) ** 2)
    wave = (first + second).sum(axis=1)
    return np.asarray(wave + noise * np.random.default_rng(seed).standard_normal(times.size))


def grid(seconds: float, fs: float) -> Floats:
    return np.arange(round(seconds * fs)) / fs


def errors(found: rf.Beats, truth: Floats) -> tuple[Floats, int]:
    """Return errors of the intervals, s, and how many beats are missing or too many.

    The first and the last second of the truth are left out.
    """
    inside = truth[(truth > found.times[0] - 0.2) & (truth < found.times[-1] + 0.2)]
    delay = float(np.median(found.times - inside[nearest(inside, found.times)]))
    index = nearest(inside + delay, found.times)
    wrong = abs(inside.size - np.unique(index).size) + index.size - np.unique(index).size
    step = np.diff(index) == 1
    return found.intervals[step] - np.diff(inside)[index[:-1][step]], wrong


def nearest(times: Floats, wanted: Floats) -> NDArray[np.intp]:
    return np.asarray(np.abs(times - wanted[:, None]).argmin(axis=1))


@pytest.mark.parametrize("fs", [20.0, 25.0, 29.97, 30.0, 64.0, 100.0, 256.0])
@pytest.mark.parametrize("bpm", CLEAN_TOLERANCES)
def test_known_beats_come_back_at_any_sampling_rate(fs: float, bpm: float) -> None:
    truth, times = beat_times(40, bpm), grid(40, fs)
    found = rf.beats(pulse_at(times, truth), fs=fs)
    error, wrong = errors(found, truth)
    assert wrong == 0
    assert abs(found.times.size - truth[truth < 39.5].size) <= 2
    assert np.abs(error[1:-1]).max() < CLEAN_TOLERANCES[bpm]
    assert np.mean(found.good) > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_noise_moves_beats_little_and_costs_none(seed: int) -> None:
    truth, times = beat_times(60, 72, seed), grid(60, 30.0)
    found = rf.beats(pulse_at(times, truth, 0.1, seed), fs=30.0)
    error, wrong = errors(found, truth)
    assert wrong == 0
    assert np.median(np.abs(error)) < NOISY_TOLERANCE


def test_times_may_be_those_of_frames_with_jitter() -> None:
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.02, 0.047, 1200)) + 1000.0
    truth = beat_times(42, 66) + 1000.0
    found = rf.beats(pulse_at(times, truth), times=times)
    error, wrong = errors(found, truth)
    assert wrong == 0
    assert np.median(np.abs(error)) < NOISY_TOLERANCE


def test_an_early_beat_and_a_pause_are_intervals_of_their_length() -> None:
    """A beat that comes early is a finding; a method that smooths the rhythm would move it."""
    regular = np.arange(40) * 0.8
    early = regular.copy()
    early[20] -= 0.24
    found = rf.beats(pulse_at(grid(32, 30.0), early), fs=30.0)
    error, wrong = errors(found, early)
    assert wrong == 0
    assert found.intervals.min() == pytest.approx(0.56, abs=0.04)
    assert found.intervals.max() == pytest.approx(1.04, abs=0.04)
    assert np.abs(error).max() < 0.04


def test_the_quality_tells_a_disturbed_part_from_the_rest() -> None:
    truth, times = beat_times(90, 72), grid(90, 30.0)
    pulse = pulse_at(times, truth, 0.05)
    disturbed = (times > 30) & (times < 50)
    pulse[disturbed] += np.random.default_rng(1).standard_normal(int(disturbed.sum()))
    found = rf.beats(pulse, fs=30.0)
    within_it = (found.times > 32) & (found.times < 48)
    outside = (found.times < 24) | (found.times > 56)
    assert np.mean(found.quality[within_it] >= 0.9) < 0.2
    assert np.mean(found.quality[outside] >= 0.9) > 0.95


@pytest.mark.parametrize("kind", ["white", "drift", "steps", "flat"])
def test_what_is_no_pulse_has_no_good_beats(kind: str) -> None:
    rng = np.random.default_rng(0)
    good = intervals = 0
    for _ in range(3 if kind == "flat" else 20):
        makers: dict[str, Callable[[], NDArray[np.float64]]] = {
            "white": lambda: rng.standard_normal(1800),
            # A saturated sensor that seldom leaves its limit shows the filter's own shape.
            "steps": lambda: np.where(rng.random(1800) < 0.02, 254.0, 255.0),
            "flat": lambda: np.full(1800, 187.3),
            "drift": lambda: np.linspace(0.0, 1e3, 1800) + rng.standard_normal(1800),
        }
        found = rf.beats(makers[kind](), fs=30.0)
        good, intervals = good + int(found.good.sum()), intervals + found.good.size
        assert found.sdnn is None
    assert good <= NOISE_GOOD * intervals


def test_a_hole_has_no_beats_and_no_interval() -> None:
    truth, times = beat_times(60, 72), grid(60, 30.0)
    pulse = pulse_at(times, truth)
    hole = (times > 20) & (times < 24)
    missing = np.where(hole, np.nan, pulse)
    for found in (
        rf.beats(missing, fs=30.0),
        rf.beats(pulse[~hole], times=times[~hole]),
    ):
        assert not ((found.times > 20) & (found.times < 24)).any()
        assert np.isnan(found.intervals).sum() == 1
        across = int(np.flatnonzero(np.isnan(found.intervals))[0])
        assert found.times[across] < 20
        assert found.times[across + 1] > 24
        assert not found.good[across]


def test_the_level_and_the_scale_of_a_pulse_do_not_matter() -> None:
    truth, times = beat_times(30, 72), grid(30, 30.0)
    pulse = pulse_at(times, truth, 0.05)
    one, other = rf.beats(pulse, fs=30.0), rf.beats(1e-3 * pulse + 50.0, fs=30.0)
    np.testing.assert_allclose(one.times, other.times, atol=1e-6)
    np.testing.assert_allclose(one.quality, other.quality, atol=1e-6)


def test_sdnn_is_right_and_needs_a_minute_of_good_beats() -> None:
    truth, times = beat_times(90, 72), grid(90, 30.0)
    pulse = pulse_at(times, truth, 0.1)
    found = rf.beats(pulse, fs=30.0).sdnn
    assert found == pytest.approx(np.std(np.diff(truth[truth < 90]), ddof=1), rel=SDNN_TOLERANCE)
    short = times < SDNN_SECONDS - 1
    assert rf.beats(pulse[short], fs=30.0).sdnn is None
    disturbed = np.where(times < 30, np.random.default_rng(0).standard_normal(times.size), pulse)
    assert rf.beats(disturbed, fs=30.0).sdnn is None


def test_beats_that_are_left_out_leave_no_interval() -> None:
    found = rf.beats(pulse_at(grid(30, 30.0), beat_times(30, 72)), fs=30.0)
    inside = np.ones(found.times.size, np.bool_)
    inside[10] = False
    rest = within(found, inside)
    assert rest.times.size == found.times.size - 1
    assert np.flatnonzero(np.isnan(rest.intervals)).tolist() == [9]
    assert within(found, np.zeros_like(inside)).intervals.size == 0


def test_intervals_that_no_heart_has_are_none() -> None:
    found = rf.beats(np.random.default_rng(0).standard_normal(3000), fs=30.0)
    known = found.intervals[np.isfinite(found.intervals)]
    assert known.min() >= SHORTEST
    assert known.max() <= LONGEST


@pytest.mark.parametrize("samples", [0, 1, 2, 60])
def test_too_short_a_pulse_has_no_beats(samples: int) -> None:
    found = rf.beats(np.sin(np.arange(samples)), fs=30.0)
    assert found.times.size == found.quality.size == found.intervals.size == found.good.size == 0


@pytest.mark.parametrize(
    ("error", "said", "given"),
    [
        (TypeError, "give the times", {"pulse": [1.0]}),
        (TypeError, "give the times", {"pulse": [1.0], "times": [0.0], "fs": 30.0}),
        (TypeError, "pulse must be real numbers", {"pulse": ["a"], "fs": 30.0}),
        (TypeError, "pulse must be real numbers", {"pulse": [1j], "fs": 30.0}),
        (ValueError, "pulse must have one dimension", {"pulse": [[1.0]], "fs": 30.0}),
        (ValueError, "infinite", {"pulse": [np.inf], "fs": 30.0}),
        (ValueError, "fs must be a positive number", {"pulse": [1.0], "fs": 0.0}),
        (ValueError, "fs must be a positive number", {"pulse": [1.0], "fs": float("nan")}),
        (ValueError, "there are 1 times", {"pulse": [1.0, 2.0], "times": [0.0]}),
        (ValueError, "finite and rise", {"pulse": [1.0, 2.0], "times": [0.0, 0.0]}),
        (ValueError, "finite and rise", {"pulse": [1.0, 2.0], "times": [0.0, np.nan]}),
        (ValueError, "too few for pulses up to 4 Hz", {"pulse": np.ones(99), "fs": 7.0}),
        (ValueError, "the band must lie", {"pulse": [1.0], "fs": 30.0, "low": 3.0, "high": 1.0}),
        (ValueError, "the band must lie", {"pulse": [1.0], "fs": 500.0, "high": 60.0}),
    ],
)
def test_bad_arguments_are_named(error: type[Exception], said: str, given: dict[str, Any]) -> None:
    with pytest.raises(error, match=said):
        rf.beats(given.pop("pulse"), **given)
