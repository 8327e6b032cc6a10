"""What readings are worth, as training.trust and training.confidence count it, on made-up peaks."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

from rppg_fast import PulseSettings
from training.confidence import Candidates, Model, as_header, fit
from training.trust import by_kind, continued, curve, reliability, right_at, summary

LIMIT = PulseSettings().min_confidence
SURE, UNSURE = LIMIT + 0.1, LIMIT - 0.3
NAN, INF = math.nan, math.inf
# Of float32 weights, written with eight digits.
HEADER_TOLERANCE = 1e-7


def windows(
    confidence: list[list[float]],
    error: list[list[float]],
    clip: list[int] | None = None,
    rate: list[list[float]] | None = None,
) -> Candidates:
    """Some windows of two peaks; without a pulse where the error is infinite."""
    errors = np.array(error)
    return Candidates(
        said=np.zeros((*errors.shape, 1)),
        rate=np.full(errors.shape, 60.0) if rate is None else np.array(rate),
        error=errors,
        confidence=np.array(confidence),
        has_pulse=np.isfinite(errors[:, 0]),
        clip=np.zeros(len(errors), np.int64) if clip is None else np.array(clip),
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


def test_right_windows_are_counted_where_a_share_without_a_pulse_passes() -> None:
    none = [[0.1 * i, 0] for i in range(10)]
    right = [[0.85, 0], [0.75, 0], [0.95, 0], [0.2, 0]]
    seen = windows(none + right, [[INF, INF]] * 10 + [[1, 9]] * 4)
    assert right_at(seen, 0.0) == 0.25  # above all ten
    assert right_at(seen, 1.0) == 1.0


def test_a_peak_that_stays_gains_and_one_that_jumps_loses() -> None:
    stays = windows([[0.7, NAN]] * 3, [[1, 9]] * 3, rate=[[60, NAN], [62, NAN], [61, NAN]])
    first, second, third = continued(stays).confidence[:, 0]
    assert first == pytest.approx(0.7)
    assert first < second < third
    jumps = windows([[0.7, 0]] * 2, [[1, 9]] * 2, rate=[[60, NAN], [90, NAN]])
    assert continued(jumps).confidence[1, 0] < 0.7


def test_a_clip_knows_nothing_of_the_one_before() -> None:
    seen = windows([[0.7, 0]] * 2, [[1, 9]] * 2, clip=[0, 1])
    np.testing.assert_allclose(continued(seen).confidence[:, 0], 0.7)


def test_joined_clips_stay_apart() -> None:
    one = windows([[SURE, 0]] * 2, [[1, 9]] * 2, clip=[0, 1])
    assert Candidates.joined([one, one]).clip.tolist() == [0, 1, 2, 3]


def test_there_are_no_kinds_of_no_clips() -> None:
    assert by_kind([]) == {}


@pytest.fixture(scope="module")
def model() -> Model:
    """A network fitted to peaks of which those are right whose items are alike: no line does."""
    said = np.random.default_rng(3).normal(size=(1000, 2))
    return fit(said, said[:, 0] * said[:, 1] > 0, seed=0)


def test_a_network_learns_which_peaks_are_right(model: Model) -> None:
    found = model(np.array([[1.0, 1.2], [-1.0, -0.8], [1.0, -1.0], [-1.1, 1.0]]))
    assert np.all(found[:2] > 0.9)
    assert np.all(found[2:] < 0.1)


def test_what_nobody_said_is_worth_nothing(model: Model) -> None:
    assert model(np.array([[NAN, 1.0], [1.0, INF]])).tolist() == [0.0, 0.0]


def test_a_header_holds_the_network(model: Model) -> None:
    text = as_header(model, "made up")
    assert "made up" in text.splitlines()[0]
    weights = model.hidden_weights.T
    rows = text.split(f"kHiddenWeights[{len(weights)}][kHidden] = {{")[1].split("};")[0]
    numbers = [float(part.strip(" {}\nf")) for part in rows.split(",")]
    np.testing.assert_allclose(np.reshape(numbers, weights.shape), weights, rtol=HEADER_TOLERANCE)
