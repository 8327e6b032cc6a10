"""The report: delays and errors that are known are found again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from rppg_fast.record.report import pulse_delay

Floats = NDArray[np.float64]
#: Of a delay, s: a thirtieth of a frame.
TOLERANCE = 1e-3


def pulse(times: Floats, seed: int = 0) -> Floats:
    """Return a pulse whose rate wanders, as that of a heart does."""
    rng = np.random.default_rng(seed)
    fine = np.arange(-5.0, 80.0, 0.001)
    rate = 1.2 + 0.1 * np.interp(fine, np.arange(-5, 81), rng.standard_normal(86))
    phase = 2 * np.pi * np.cumsum(rate) * 0.001
    return np.interp(times, fine, np.sin(phase) + 0.3 * np.sin(2 * phase + 0.5))


@pytest.mark.parametrize("delay", [-0.21, -0.0137, 0.0, 0.05, 0.333])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_delay_is_found_again(delay: float, noise: float) -> None:
    times, other = np.arange(0, 60, 1 / 30), np.arange(-0.5123, 61, 1 / 30)
    rng = np.random.default_rng(1)
    late = pulse(times - delay) + noise * rng.standard_normal(times.size)
    found, correlation = pulse_delay(times, 3 * late, other, pulse(other))
    # With noise, what is seen of a delay is uncertain by 0.3 / (7.5 rad/s * sqrt(1800)) s.
    assert found == pytest.approx(delay, abs=TOLERANCE + noise / (7.5 * math.sqrt(1800)) * 3)
    assert correlation > (0.99 if noise == 0 else 0.85)


def test_pulses_of_two_hearts_do_not_resemble_each_other() -> None:
    times = np.arange(0, 60, 1 / 30)
    _, correlation = pulse_delay(times, pulse(times, 0), times, pulse(1.1 * times, 5))
    assert correlation < 0.5


@pytest.mark.parametrize("seconds", [0.0, 2.0])
def test_too_little_has_no_delay(seconds: float) -> None:
    times = np.arange(0, seconds, 1 / 30)
    assert all(map(math.isnan, pulse_delay(times, pulse(times), times, pulse(times))))


def test_a_level_line_has_no_delay() -> None:
    times = np.arange(0, 60, 1 / 30)
    assert all(map(math.isnan, pulse_delay(times, 0 * times, times, pulse(times))))
