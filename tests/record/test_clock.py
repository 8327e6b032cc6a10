"""A board's clock on the host's: by round trips of which many were late."""

from __future__ import annotations

import numpy as np
import pytest

from rppg_fast.record.clock import BoardClock, FrameClock, RoundTrip, Unwrapped

#: Of a mapped time, s. A sample every 40 ms is the slowest; the labels of training have a step of
#: 33 ms, and a delay of a tenth of that is not seen in them.
TOLERANCE = 1e-3


def trips(
    seconds: float, drift: float, offset: float, late: float, seed: int = 0
) -> list[RoundTrip]:
    """Return round trips every 0.5 s; a share ``late`` of them waited for up to 300 ms one way."""
    rng = np.random.default_rng(seed)
    found = []
    for sent in np.arange(1000.0, 1000.0 + seconds, 0.5):
        there, back = 1e-3 + rng.exponential(3e-4, 2)
        if rng.random() < late:
            there, back = rng.permutation([there, back + rng.uniform(0.0, 0.3)])
        asked, answered = sent + there, sent + there + 0.002
        to_board = [(time - offset) * (1 + drift) for time in (asked, answered)]
        found.append(RoundTrip(sent, answered + back, *to_board))
    return found


@pytest.mark.parametrize("drift", [0.0, 40e-6, -5e-3])
@pytest.mark.parametrize("late", [0.0, 0.4])
def test_a_clock_is_known_to_a_millisecond(drift: float, late: float) -> None:
    offset = 987.0
    clock = BoardClock()
    worst = []
    for trip in trips(300.0, drift, offset, late):
        clock.add(trip)
        if clock.statistics.round_trips > 10:
            now = trip.answered
            worst.append(abs(clock.to_host(now) - (now / (1 + drift) + offset)))
    assert max(worst) < TOLERANCE
    statistics = clock.statistics
    assert statistics.drift_ppm == pytest.approx(-1e6 * drift / (1 + drift), abs=5)
    assert statistics.residual_ms < 1.0


def test_a_clock_whose_rate_changes_is_followed() -> None:
    """A resonator that warms up: 100 ppm in five minutes."""
    clock, worst = BoardClock(), 0.0
    for trip in trips(600.0, 0.0, 0.0, 0.2):
        elapsed = trip.sent - 1000.0
        slow = 100e-6 * elapsed**2 / 300.0 / 2
        moved = RoundTrip(trip.sent, trip.received, trip.asked - slow, trip.answered - slow)
        clock.add(moved)
        if elapsed > 10:
            worst = max(worst, abs(clock.to_host(moved.answered) - trip.answered))
    assert worst < TOLERANCE


def test_few_round_trips_do_not_make_a_slope() -> None:
    clock = BoardClock()
    for trip in trips(1.5, 0.0, 0.0, 0.0):
        assert not clock.ready
        clock.add(trip)
    assert clock.ready
    assert abs(clock.to_host(1010.0) - 1010.0) < 10 * 5e-3  # not more than a resonator may be off


def test_counters_begin_again() -> None:
    unwrapped = Unwrapped(1 << 32)
    times = np.arange(0, 3 << 32, 1 << 28) + 7
    assert [unwrapped(int(t) % (1 << 32)) for t in times] == times.tolist()
    assert unwrapped(int(times[-1] - 1000) % (1 << 32)) == times[-1] - 1000  # a step back


def test_frames_that_arrive_late_keep_their_times() -> None:
    rng = np.random.default_rng(0)
    clock = FrameClock()
    times = np.arange(0, 60, 1 / 30)
    late = 0.01 + rng.exponential(0.01, times.size)
    late[rng.random(times.size) < 0.5] = 0.01
    found = np.array([clock.to_host(t, 500 + t + d) for t, d in zip(times, late)])
    np.testing.assert_allclose(found[30:], 500.01 + times[30:], atol=1e-6)
    assert (np.diff(found) > 0).all()


def test_a_camera_that_was_opened_again_goes_on() -> None:
    """The source's clock lies elsewhere after a new opening; half a minute later it is followed."""
    clock = FrameClock()
    times = [clock.to_host(t, 500 + t) for t in np.arange(0, 40, 0.1)]
    times += [clock.to_host(t, 500.05 + t) for t in np.arange(40, 90, 0.1)]
    assert (np.diff(times) > 0).all()
    assert times[-1] == pytest.approx(500.05 + 89.9)
