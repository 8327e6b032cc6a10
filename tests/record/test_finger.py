"""Whether a finger lies well: on signals of which the answer is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from rppg_fast.record.finger import ADVICE, FingerCheck, FingerState
from rppg_fast.record.sensor import Sample
from rppg_fast.reference import as_reference, heart_rates

Floats = NDArray[np.float64]
FULL_SCALE = 1023.0
RATE_TOLERANCE_BPM = 2.0  # of 6 s


def beats(times: Floats, bpm: float) -> Floats:
    phase = 2 * np.pi * bpm / 60 * times
    return np.sin(phase) + 0.3 * np.sin(2 * phase + 0.5)


def check(
    values: Sequence[float] | Floats, rate: float, full_scale: float | None = FULL_SCALE
) -> tuple[FingerState, float | None]:
    finger = FingerCheck(full_scale)
    times = np.arange(len(values)) / rate
    for time, value in zip(times, values):
        finger.push([Sample(float(time), float(value))])
    found = finger.read(float(times[-1]) + 0.1)
    return found.state, found.heart_rate_bpm


@pytest.mark.parametrize("rate", [25.0, 100.0, 130.0])
@pytest.mark.parametrize("bpm", [48.0, 72.0, 150.0])
def test_a_pulse_is_seen_with_its_rate(rate: float, bpm: float) -> None:
    times = np.arange(0, 8, 1 / rate)
    noise = np.random.default_rng(0).normal(0, 5, times.size)
    state, found = check(500 + 60 * beats(times, bpm) + 20 * times + noise, rate)
    assert state is FingerState.GOOD
    assert found == pytest.approx(bpm, abs=RATE_TOLERANCE_BPM)


def test_noise_is_no_pulse() -> None:
    """At most one of a hundred windows of noise may look like a pulse for a moment."""
    rng = np.random.default_rng(1)
    seen = [check(500 + rng.normal(0, 30, 600), 100.0)[0] for _ in range(100)]
    assert seen.count(FingerState.GOOD) <= 2
    assert set(seen) <= {FingerState.NO_PULSE, FingerState.GOOD}


def test_a_level_line_is_no_pulse() -> None:
    assert check(np.full(600, 500.0), 100.0)[0] is FingerState.NO_PULSE


@pytest.mark.parametrize("level", [1000.0, 20.0])
def test_a_signal_at_an_end_of_the_scale_is_pressed_too_hard(level: float) -> None:
    times = np.arange(0, 6, 0.01)
    values = np.clip(level + 80 * beats(times, 72.0), 0, FULL_SCALE)
    assert check(values, 100.0)[0] is FingerState.CUT_OFF
    assert "press lighter" in ADVICE[FingerState.CUT_OFF]
    assert check(values, 100.0, None)[0] is not FingerState.CUT_OFF  # of a sensor without ends


def test_silence_and_a_short_signal_are_said() -> None:
    finger = FingerCheck(FULL_SCALE)
    assert finger.read(10.0).state is FingerState.NO_DATA
    finger.push([Sample(t, 500 + 50 * np.sin(7 * t)) for t in np.arange(10, 12, 0.01)])
    assert finger.read(12.0).state is FingerState.TOO_SHORT
    assert finger.read(14.0).state is FingerState.NO_DATA


def test_the_fingers_heart_rate_over_time_is_its_own() -> None:
    times = np.arange(0, 60, 0.01)
    rate = 60 + 0.4 * times
    phase = 2 * np.pi * np.cumsum(rate) / 60 * 0.01
    found = as_reference(times + 5.0, 500 + 50 * np.sin(phase))
    inside = (times > 6) & (times < 54)  # a window of 10 s is centred there
    np.testing.assert_allclose(found.heart_rate[inside], rate[inside], atol=RATE_TOLERANCE_BPM)
    at, pulse = found.pulse()
    windows = heart_rates(at, pulse, np.array([5.0, 40.0]), np.array([15.0, 50.0]))
    np.testing.assert_allclose(windows, [62.0, 76.0], atol=RATE_TOLERANCE_BPM)
