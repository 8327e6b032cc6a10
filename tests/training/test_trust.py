"""The figures of ``training.confidence``, on made-up peaks."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

from rppg_fast import PulseSettings, Status, _core
from training.confidence.candidates import Candidates
from training.confidence.evaluate import by_kind, curve, recordings, reliability, summary
from training.confidence.fit import Model, TrackModel, fit, fit_tracks
from training.confidence.sets import Examples as Sets
from training.confidence.tracks import chosen_peak, summed_up, tracks
from training.confidence.train import as_header

LIMIT = PulseSettings().min_confidence
SURE, UNSURE = LIMIT + 0.1, LIMIT - 0.3
NAN, INF = math.nan, math.inf
TRUE = 60.0
# Error of float32 weights written with eight digits.
HEADER_TOLERANCE = 1e-7


def windows(
    confidence: list[list[float]],
    error: list[list[float]],
    clip: list[int] | None = None,
    highest: list[list[bool]] | None = None,
) -> Candidates:
    """Return windows of two peaks; without a pulse if the error is infinite."""
    errors, sure = np.array(error), np.array(confidence)
    none = np.isinf(errors[:, 0])
    rate = TRUE + np.where(np.isinf(errors), 20.0, errors)
    first = np.tile([True, False], (len(rate), 1)) if highest is None else np.array(highest)
    best = [chosen_peak(*pair) for pair in zip(sure, first)]
    rows = np.arange(len(rate))
    return Candidates(
        features=np.full((*errors.shape, _core.PEAK_FEATURES), 1.0),
        rate=rate,
        highest=first,
        confidence=sure,
        ok=sure[rows, best] >= LIMIT,
        chosen=rate[rows, best],
        true=np.where(none, INF, TRUE),
        own=np.zeros(errors.shape, bool),
        start=np.linspace(0.0, len(rows) - 1.0, len(rows)),
        end=np.linspace(10.0, 9.0 + len(rows), len(rows)),
        clip=np.zeros(len(rows), np.int64) if clip is None else np.array(clip),
        person=np.zeros(len(rows), np.int64),
    )


def test_what_passes_without_a_pulse_is_counted() -> None:
    seen = windows([[SURE, 0], [UNSURE, 0], [UNSURE, SURE], [0, 0]], [[INF, INF]] * 4)
    found = summary(seen)
    assert found["windows"] == 4
    assert found["ok"] == 0.5
    assert "mae" not in found


def test_the_first_trusted_peak_is_the_one_that_is_read() -> None:
    seen = windows([[SURE, 0], [UNSURE, SURE], [UNSURE, 0]], [[1, 30], [50, 2], [20, 1]])
    found = summary(seen)
    assert found["ok"] == pytest.approx(2 / 3)
    assert found["ok_of_right"] == 1.0  # only the first window's highest peak is right
    assert found["wrong_of_ok"] == 0.0
    assert found["plain_mae"] == pytest.approx((1 + 50 + 20) / 3)
    assert found["mae"] == pytest.approx((1 + 2 + 20) / 3)
    assert found["plain_gross"] == pytest.approx(2 / 3)
    assert found["gross"] == pytest.approx(1 / 3)


def test_a_wrong_rate_that_reads_ok_is_counted() -> None:
    assert summary(windows([[SURE, 0], [SURE, 0]], [[1, 9], [40, 9]]))["wrong_of_ok"] == 0.5


def test_reliability_compares_what_is_claimed_with_what_is_right() -> None:
    seen = windows([[0.85, 0]] * 3 + [[0.15, 0]], [[1, 9], [2, 9], [40, 9], [INF, INF]])
    low, high = reliability([seen])
    assert low == {"confidence": pytest.approx(0.15), "right": 0.0, "windows": 1.0}
    assert high == {"confidence": pytest.approx(0.85), "right": pytest.approx(2 / 3), "windows": 3}


def test_a_curve_falls_from_all_to_few() -> None:
    score = np.array([0.1, 0.4, 0.6, 0.9])
    none = np.array([True, True, False, False])
    false, true = curve(score, none, ~none)
    assert (false[0], true[0]) == (1.0, 1.0)
    assert (false[-1], true[-1]) == (0.0, 0.5)
    assert np.all(np.diff(false) <= 0)
    assert np.all(np.diff(true) <= 0)


def test_the_highest_trusted_peak_comes_before_a_surer_one_that_is_not() -> None:
    highest = np.array([True, False])
    assert chosen_peak(np.array([SURE, 0.99]), highest) == 0
    assert chosen_peak(np.array([UNSURE, SURE]), highest) == 1
    assert chosen_peak(np.array([UNSURE, UNSURE - 0.1]), highest) == 0


def test_recordings_are_counted_and_judged_one_by_one() -> None:
    """One recording is right, one is wrong, and one is noise."""
    clip = [0] * 8 + [1] * 8 + [2] * 8
    error = [[1, 30]] * 8 + [[40, 9]] * 8 + [[20 * (-1) ** i, 50] for i in range(8)]
    confidence = [[0.95, 0.01]] * 16 + [[0.02, 0.01]] * 8
    found = recordings(windows(confidence, error, clip))
    assert found["recordings"] == 3
    assert found["ok"] == pytest.approx(2 / 3)
    assert found["wrong_of_ok"] == 0.5
    assert found["mae_of_ok"] == pytest.approx((1 + 40) / 2)
    silent = recordings(windows(confidence[16:], [[INF, INF]] * 8))
    assert silent == {"recordings": 1.0, "ok": 0.0}


def test_a_recording_is_summed_up_as_the_engine_does() -> None:
    status, rate = summed_up(windows([[0.95, 0.01]] * 8, [[1, 30]] * 8))
    assert status is Status.OK
    assert rate == pytest.approx(TRUE + 1)


def test_a_tracks_confidence_learns_that_longer_and_surer_is_better() -> None:
    rng = np.random.default_rng(0)
    confidence, error, clip = [], [], []
    for number in range(60):
        right = number % 2 == 0
        for _ in range(12):
            sure = rng.uniform(0.5, 0.99) if right else rng.uniform(0.0, 0.5)
            confidence.append([sure, 0.0])
            error.append([rng.normal(0, 1) if right else rng.uniform(10, 90), 50])
            clip.append(number)
    seen = windows(confidence, error, clip)
    model = fit_tracks(Sets(["made up"], [seen], [True]), seen.confidence)
    evidence, rates, true = tracks(seen, seen.confidence)
    found = model(evidence)
    close = np.abs(rates - true) < 3
    assert np.count_nonzero(close) >= 30
    assert found[close].min() > 0.5
    assert found[~close].mean() < 0.2
    assert np.all(model.weights >= 0)


def test_joined_clips_stay_apart() -> None:
    one = windows([[SURE, 0]] * 2, [[1, 9]] * 2, clip=[0, 1])
    joined = Candidates.joined([one, one])
    assert joined.clip.tolist() == [0, 1, 2, 3]
    assert joined.person.tolist() == [0] * 4  # the same number in both sets


def test_there_are_no_kinds_of_no_clips() -> None:
    assert by_kind([]) == {}


@pytest.fixture(scope="module")
def model() -> Model:
    """Return a network fitted to peaks that are right if both items have the same sign."""
    features = np.random.default_rng(3).normal(size=(1000, 2))
    return fit(
        features, features[:, 0] * features[:, 1] > 0, np.ones(len(features)), seed=0, members=2
    )


def test_a_network_learns_which_peaks_are_right(model: Model) -> None:
    found = model(np.array([[1.0, 1.2], [-1.0, -0.8], [1.0, -1.0], [-1.1, 1.0]]))
    assert np.all(found[:2] > 0.9)
    assert np.all(found[2:] < 0.1)


def test_what_nobody_said_is_worth_nothing(model: Model) -> None:
    assert model(np.array([[NAN, 1.0], [1.0, INF]])).tolist() == [0.0, 0.0]


def test_peaks_without_weight_teach_nothing() -> None:
    rng = np.random.default_rng(4)
    features = rng.normal(size=(600, 2))
    right = features[:, 0] > 0
    weight = np.ones(len(features))
    right[300:], weight[300:] = ~right[300:], 0.0
    found = fit(features, right, weight, seed=0, members=2)(np.array([[1.5, 0.0], [-1.5, 0.0]]))
    assert found[0] > 0.9 > 0.1 > found[1]


def test_a_header_holds_the_networks(model: Model) -> None:
    other = Model(*(2 * np.asarray(value) for value in vars(model).values()))  # type: ignore[arg-type]
    track = TrackModel(np.array([1.0, 2.5]), -0.75)
    text = as_header({"network": model, "color": other}, track, "made up")
    assert "made up" in text.splitlines()[0]
    items, hidden = model.hidden_weights.T.shape
    assert f"kItems = {items}, kHidden = {hidden};" in text
    for name, network in (("Network", model), ("Color", other)):
        found = re.search(rf"Network k{name} = ([^;]*);", text)
        assert found
        numbers = np.array([float(v) for v in re.findall(r"-?\d[\d.e+-]*", found[1])])
        unit, weights = numbers[2 * items], slice(2 * items + 1, 2 * items + 1 + items * hidden)
        numbers[weights] *= unit
        expected = [network.mean, network.deviation, [unit], network.hidden_weights.T.ravel()]
        expected += [network.hidden_bias, network.output_weights, [float(network.output_bias)]]
        close = np.full(len(numbers), 0.0)
        close[weights] = unit / 2  # they are rounded to multiples of it
        away = np.abs(numbers - np.concatenate(expected))
        assert (away <= close + HEADER_TOLERANCE * np.abs(np.concatenate(expected))).all()
    assert "kTrackWeights[] = {1.0000000, 2.5000000};" in text
    assert "kTrackBias = -0.75;" in text
