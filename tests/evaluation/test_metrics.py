from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf

scipy_stats = pytest.importorskip("scipy.stats")
from scipy import signal  # noqa: E402

from rppg_fast.evaluation.metrics import (  # noqa: E402
    PULSE,
    bootstrap,
    limits_of_agreement,
    mae,
    mape,
    mean,
    peak_rate,
    pearson,
    pearson_standard_error,
    rmse,
    rmse_standard_error,
    snr_db,
    standard_error,
    within,
)

Floats = NDArray[np.float64]

SECONDS = 10.0
GRID_BPM = 0.1  # error of interpolation between bins for a constant tone in a Hann window
SNR_TOLERANCE_DB = 0.02  # SciPy's Hann window is shifted by half a sample
# 95 % intervals of 20 clusters contain the truth in about 93 % of cases (the percentile bootstrap
# is slightly too narrow); with 200 trials this share scatters by 2 %.
LEAST_COVER = 0.88
# Taking 5 equal items as 5 independent ones makes intervals narrower by the square root of 5.
MOST_NAIVE_COVER = 0.75


def tone(*lines: tuple[float, float]) -> Floats:
    """Return a sum of sines of (bpm, amplitude) at the sampling rate of readings."""
    times = np.arange(round(SECONDS * PULSE.rate)) / PULSE.rate
    waves = [a * np.sin(2 * np.pi * bpm / 60 * times + bpm) for bpm, a in lines]
    return np.asarray(np.sum(waves, axis=0))


def spectrum(pulse: Floats) -> rf.Spectrum:
    return rf.spectrum(pulse, PULSE.rate, PULSE.low, PULSE.high)


def test_errors_of_a_case_worked_by_hand() -> None:
    error = [3.0, -4.0, 0.0, 5.0]
    assert mae(error) == 3.0
    assert rmse(error) == math.sqrt(50 / 4)
    assert within(error, 3.0) == 0.5  # an error of exactly 3 counts as within 3
    assert within(error, 2.9) == 0.25
    assert within([math.nan, 0.0], 5.0) == 0.5


def test_measures_are_those_that_rppg_toolbox_prints() -> None:
    """Its definitions, written out: means over n pairs, each with its standard error."""
    random = np.random.default_rng(4)
    true = random.uniform(50, 120, 40)
    measured = true + random.normal(1.0, 4.0, 40)
    n = len(true)
    absolute = [abs(a - b) for a, b in zip(measured, true)]
    squared = [one**2 for one in absolute]
    relative = [100 * one / b for one, b in zip(absolute, true)]

    def spread(values: Sequence[float]) -> float:
        middle = sum(values) / n
        return math.sqrt(sum((one - middle) ** 2 for one in values) / n)

    assert mae(measured - true) == pytest.approx(sum(absolute) / n)
    assert standard_error(absolute) == pytest.approx(spread(absolute) / math.sqrt(n))
    assert rmse(measured - true) == pytest.approx(math.sqrt(sum(squared) / n))
    assert rmse_standard_error(measured - true) == pytest.approx(
        math.sqrt(spread(squared) / math.sqrt(n))
    )
    assert mape(measured, true) == pytest.approx(sum(relative) / n)
    r = scipy_stats.pearsonr(measured, true)[0]
    assert pearson_standard_error(r, n) == pytest.approx(math.sqrt((1 - r**2) / (n - 2)))
    assert standard_error(absolute) == pytest.approx(scipy_stats.sem(absolute, ddof=0))


def test_limits_of_agreement_hold_95_percent_of_normal_errors() -> None:
    error = np.random.default_rng(5).normal(2.0, 3.0, 100_000)
    low, high = limits_of_agreement(error)
    assert (low, high) == pytest.approx(scipy_stats.norm(2.0, 3.0).interval(0.95), abs=0.1)
    middle, spread = sum(error[:9]) / 9, np.std(error[:9], ddof=1)
    assert limits_of_agreement(error[:9]) == pytest.approx(
        (middle - 1.96 * spread, middle + 1.96 * spread)
    )
    assert all(map(math.isnan, limits_of_agreement([1.0])))


def test_nothing_has_no_mean() -> None:
    assert math.isnan(mape([], []))
    assert math.isnan(standard_error([]))
    assert math.isnan(pearson_standard_error(1.0, 2))
    for value in (mae([]), rmse([]), within([], 5.0), mean([]), pearson([], []), pearson([1], [2])):
        assert math.isnan(value)


@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_correlation_is_that_of_scipy(offset: float) -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 77)) + offset
    y = y + 0.5 * x
    assert pearson(x, y) == pytest.approx(scipy_stats.pearsonr(x, y)[0], abs=1e-9)
    assert pearson(x, -2 * x) == pytest.approx(-1)


def test_a_constant_has_no_correlation() -> None:
    assert math.isnan(pearson([0.1, 0.1, 0.1], [1.0, 2.0, 3.0]))
    assert math.isnan(pearson([1.0, 2.0, 3.0], [0.1, 0.1, 0.1]))


@pytest.mark.parametrize("bpm", [48.0, 71.3, 133.7, 228.0])
def test_the_largest_line_is_the_heart_rate(bpm: float) -> None:
    assert peak_rate(spectrum(tone((bpm, 1.0), (100.0, 0.6)))) == pytest.approx(bpm, abs=GRID_BPM)


def test_the_flank_of_a_line_below_the_band_counts_as_the_bands_edge() -> None:
    """A reading refuses such a peak; the paper's protocol takes the largest power in the band."""
    slow = spectrum(tone((38.0, 1.0), (120.0, 0.05)))
    assert slow.heart_rate == pytest.approx(120.0, abs=1.0)
    assert peak_rate(slow) == pytest.approx(60 * PULSE.low, abs=60 * slow.frequencies[1])


def test_silence_still_gives_a_rate_but_no_snr() -> None:
    silence = spectrum(np.zeros(300))
    assert peak_rate(silence) == pytest.approx(60 * PULSE.low, abs=60 * silence.frequencies[1])
    assert math.isnan(snr_db(silence, 72.0))


@pytest.mark.parametrize("share", [0.1, 0.5, 2.0])
def test_snr_is_that_of_scipys_spectrum(share: float) -> None:
    pulse = tone((60.0, 1.0), (100.0, share))
    half_width, bins = 0.1, len(spectrum(pulse).power)
    frequencies, power = signal.periodogram(pulse, PULSE.rate, "hann", nfft=2 * (bins - 1))
    near = np.minimum(abs(frequencies - 1.0), abs(frequencies - 2.0)) <= half_width
    band = (frequencies >= 0.7) & (frequencies <= 4.0)
    expected = 10 * np.log10(power[band & near].sum() / power[band & ~near].sum())
    assert snr_db(spectrum(pulse), 60.0) == pytest.approx(expected, abs=SNR_TOLERANCE_DB)


def test_the_first_harmonic_is_signal_and_the_second_is_not() -> None:
    with_first = snr_db(spectrum(tone((60.0, 1.0), (120.0, 0.5))), 60.0)
    with_second = snr_db(spectrum(tone((60.0, 1.0), (180.0, 0.5))), 60.0)
    assert with_first > 8
    # At most the ratio of the powers: part of the line at the rate itself is beyond 0.1 Hz.
    assert with_second < 20 * math.log10(1 / 0.5)


def test_snr_at_a_wrong_rate_is_negative() -> None:
    assert snr_db(spectrum(tone((60.0, 1.0))), 90.0) < -20


def average(items: Sequence[float]) -> list[float]:
    return [float(np.mean(items)), max(items)]


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Subjects differ, windows of a subject hardly do; resampling windows would be too narrow."""
    random = np.random.default_rng(1)
    held = naive = 0
    trials = 200
    for trial in range(trials):
        subjects = np.repeat(random.normal(size=(20, 1)), 5, axis=1)
        low, high = bootstrap(average, subjects.tolist(), trial, 100)[0]
        held += low <= 0 <= high
        low, high = bootstrap(average, [[x] for x in subjects.ravel().tolist()], trial, 100)[0]
        naive += low <= 0 <= high
    assert held / trials > LEAST_COVER
    assert naive / trials < MOST_NAIVE_COVER


def test_intervals_follow_from_the_seed() -> None:
    clusters = [[float(i), float(i * i)] for i in range(7)]
    first, again, other = (bootstrap(average, clusters, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert first.shape == (2, 2)
    assert (first[:, 0] < first[:, 1]).all()


def test_one_subject_has_no_interval() -> None:
    assert np.isnan(bootstrap(average, [[1.0, 2.0]], 0)).all()


def test_a_measure_without_value_in_some_draws_keeps_those_that_have_one() -> None:
    def sometimes(items: Sequence[float]) -> list[float]:
        return [math.nan if items[0] == 0 else items[0], math.nan]

    known, never = bootstrap(sometimes, [[0.0], [1.0], [2.0]], 0)
    assert known.tolist() == [1.0, 2.0]
    assert np.isnan(never).all()
