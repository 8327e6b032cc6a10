"""The summary of a recording from its windows, with made-up readings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core

STEP, MAX_GAP, LEAST = 1.0, 2.0, 0.75
# A hundredth of the variation of a heart's rate from beat to beat.
RATE_TOLERANCE_BPM = 0.05
# Windows of noise whose rates are close by chance join a track, with a small weight.
CHANCE_TOLERANCE_BPM = 2.0

Floats = NDArray[np.float64]


@dataclass
class Summary:
    """The results of the native summary, by name."""

    status: rf.Status
    heart_rate: float
    snr_db: float
    confidence: float
    coverage: float
    spread: float
    frames: int
    duration: float
    fps: float
    candidate: float


def summed_up(
    rates: Sequence[float] | Floats,
    confidences: Sequence[float] | Floats,
    coverage: float = 1.0,
    least: float = LEAST,
) -> Summary:
    """Summarise a recording with a window every second."""
    recording = _core.RecordingSummary(STEP, MAX_GAP, least)
    for i, (rate, confidence) in enumerate(zip(rates, confidences)):
        status = rf.Status.OK if confidence >= LEAST else rf.Status.LOW_SIGNAL
        end = 10.0 + i
        took = recording.push(end, status, 3.0, confidence, end - 10, end, coverage, rate)
        assert took
    return Summary(*recording.summary())


def wrong_windows(count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return rates from the whole band, with the confidence of noise."""
    return rng.uniform(45.0, 230.0, count), rng.uniform(0.0, 0.4, count)


@pytest.mark.parametrize("seed", range(10))
def test_nineteen_of_forty_one_windows_that_agree_are_a_heart_rate(seed: int) -> None:
    """The windows between them are wrong: a hand before the face, or a turned head."""
    rng = np.random.default_rng(seed)
    rates, sure = wrong_windows(41, rng)
    right = rng.choice(41, 19, replace=False)
    rates[right] = 64.0 + rng.normal(0.0, 0.5, 19)
    sure[right] = rng.uniform(0.8, 0.99, 19)
    found = summed_up(rates, sure)
    assert found.status is rf.Status.OK
    assert found.heart_rate == pytest.approx(64.0, abs=CHANCE_TOLERANCE_BPM)
    assert 19 / 41 <= found.coverage < 27 / 41
    assert found.spread < CHANCE_TOLERANCE_BPM


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("count", [1, 6, 41, 120])
def test_noise_is_no_heart_rate_however_long(count: int, seed: int) -> None:
    found = summed_up(*wrong_windows(count, np.random.default_rng(seed)))
    assert found.status is rf.Status.LOW_SIGNAL
    assert math.isnan(found.heart_rate)
    assert math.isnan(found.spread)
    assert found.confidence < LEAST


def test_windows_that_agree_are_more_together_than_each_alone() -> None:
    few, many = (summed_up([64.0] * 6 * n, [0.98, 0.5, 0.5, 0.5, 0.5, 0.5] * n) for n in (1, 10))
    assert few.confidence < many.confidence


@pytest.mark.parametrize("count", [1, 4, 60])
def test_a_recording_is_never_surer_than_its_surest_window(count: int) -> None:
    """Windows of which none is trusted may agree on a lamp, too."""
    below = LEAST - 0.01
    found = summed_up([64.0] * count, [below] * count)
    assert found.status is rf.Status.LOW_SIGNAL
    assert math.isnan(found.heart_rate)
    assert found.confidence <= below
    if count > 1:
        one_is_sure = summed_up([64.0] * count, [0.99] + [below] * (count - 1))
        assert one_is_sure.status is rf.Status.OK
        assert one_is_sure.heart_rate == pytest.approx(64.0)


def test_windows_that_disagree_are_less_than_their_confidence() -> None:
    """Half of the windows have 64 bpm and half 128 bpm, so each half contradicts the other."""
    rates = [64.0, 128.0] * 20
    torn, whole = summed_up(rates, [0.8] * 40), summed_up([64.0] * 40, [0.8] * 40)
    assert torn.coverage == 0.5
    assert torn.confidence < whole.confidence
    if torn.status is rf.Status.OK:  # the mean of both would be wrong
        assert min(abs(torn.heart_rate - 64.0), abs(torn.heart_rate - 128.0)) < RATE_TOLERANCE_BPM


@pytest.mark.parametrize("slope", [0.5, -0.5, 1.0])
def test_a_rate_that_drifts_is_followed(slope: float) -> None:
    rates = np.linspace(100.0, 100.0 + 40 * slope, 41)
    found = summed_up(rates, np.full(41, 0.95))
    assert found.status is rf.Status.OK
    assert found.coverage == 1.0
    assert found.heart_rate == pytest.approx(rates.mean(), abs=RATE_TOLERANCE_BPM)
    assert found.spread == pytest.approx(rates.std(), abs=RATE_TOLERANCE_BPM)


def test_sure_windows_weigh_more_and_so_do_full_ones() -> None:
    found = summed_up([70.0, 72.0], [0.9, 0.3], least=0.0)
    assert found.heart_rate == pytest.approx((0.9 * 70 + 0.3 * 72) / 1.2, abs=RATE_TOLERANCE_BPM)
    recording = _core.RecordingSummary(STEP, MAX_GAP, 0.0)
    ok = rf.Status.OK
    recording.push(10.0, ok, 3.0, 0.9, 0.0, 10.0, 0.5, 70.0)
    recording.push(11.0, ok, 3.0, 0.9, 1.0, 11.0, 1.0, 72.0)
    rate = recording.summary()[1]
    assert rate == pytest.approx((70 + 2 * 72) / 3, abs=RATE_TOLERANCE_BPM)


def test_a_window_that_grows_counts_once_in_the_mean() -> None:
    """The last window contains the shorter ones and gives the best rate."""
    recording = _core.RecordingSummary(STEP, MAX_GAP, 0.0)
    ok = rf.Status.OK
    for end, rate in ((5.0, 66.0), (6.0, 68.0), (7.0, 70.0), (8.0, 72.0)):
        recording.push(end, ok, 3.0, 0.9, max(0.0, end - 7.0), end, end / 7.0, rate)
    found = recording.summary()
    assert found[1] == pytest.approx((70 * 1.0 + 72 * 8 / 7) / (15 / 7), abs=RATE_TOLERANCE_BPM)
    assert found[4] == 1.0  # all windows agree


def test_an_outlier_of_high_confidence_does_not_bend_the_track() -> None:
    rates, sure = np.full(21, 64.0), np.full(21, 0.9)
    rates[10], sure[10] = 130.0, 0.99
    found = summed_up(rates, sure)
    assert found.heart_rate == pytest.approx(64.0, abs=RATE_TOLERANCE_BPM)
    assert found.coverage == pytest.approx(20 / 21)


def test_windows_without_a_peak_count_against_a_track() -> None:
    rates = [64.0] * 10 + [math.nan] * 30
    found = summed_up(rates, [0.9] * 10 + [math.nan] * 30)
    assert found.coverage == 0.25
    assert found.confidence < summed_up([64.0] * 10, [0.9] * 10).confidence


def test_the_least_confidence_is_the_given_one() -> None:
    sure = summed_up([64.0] * 3, [0.5] * 3).confidence
    for least, status in ((sure - 0.01, rf.Status.OK), (sure + 0.01, rf.Status.LOW_SIGNAL)):
        assert summed_up([64.0] * 3, [0.5] * 3, least=least).status is status


def test_nothing_has_no_track() -> None:
    found = summed_up([], [])
    assert found.status is rf.Status.NO_FACE
    assert (found.frames, found.duration, found.fps, found.coverage) == (0, 0.0, 0.0, 0.0)
    assert math.isnan(found.confidence)
    empty = summed_up([math.nan] * 3, [math.nan] * 3)
    assert empty.status is rf.Status.LOW_SIGNAL
    assert empty.coverage == 0.0


def test_windows_count_a_step_apart_and_at_once_after_a_gap() -> None:
    recording = _core.RecordingSummary(STEP, MAX_GAP, LEAST)
    times = [5.0, 5.5, 6.0, 6.9, 7.0, 12.0, 12.5, 13.0]
    low = rf.Status.LOW_SIGNAL
    took = [recording.push(t, low, 3.0, 0.1, t - 5, t, 0.5, 70.0) for t in times]
    assert took == [True, False, True, False, True, True, False, True]
    waiting = rf.Status.WARMING_UP
    assert not recording.push(14.0, waiting, math.nan, math.nan, 13.0, 14.0, 0.1, math.nan)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((0.0, MAX_GAP, LEAST), "step must be positive"),
        ((STEP, math.nan, LEAST), "max_gap must be positive"),
        ((STEP, MAX_GAP, 1.1), "least confidence must lie between 0 and 1, is 1.1"),
        ((STEP, MAX_GAP, math.nan), "least confidence must lie between 0 and 1"),
    ],
)
def test_bad_settings_are_named(arguments: tuple[float, float, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        _core.RecordingSummary(*arguments)


def test_a_track_that_is_not_trusted_has_a_rate_but_no_heart_rate() -> None:
    found = summed_up(np.full(8, 64.0), np.full(8, 0.2))
    assert found.status is rf.Status.LOW_SIGNAL
    assert math.isnan(found.heart_rate)
    assert found.candidate == pytest.approx(64.0)
    trusted = summed_up(np.full(8, 64.0), np.full(8, 0.95))
    assert trusted.heart_rate == trusted.candidate
    assert math.isnan(summed_up([], []).candidate)
