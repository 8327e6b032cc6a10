"""Clocks of other devices on the host's clock, ``time.monotonic``."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

#: Round trips of so many seconds make the line: long enough for its slope to be certain, short
#: enough for the drift to be constant while the board warms up.
_OVER = 120.0
#: Round trips without which no time is mapped.
_LEAST_TRIPS = 3
#: Error of the fastest round trip, s: it may have been slower one way than the other.
_LEAST_ERROR = 2e-4
#: How wrong a board's clock may be: ceramic resonators are within 0.5 %.
_DRIFT = 5e-3
#: Weights depend on the distance from the line, which depends on the weights.
_FITS = 4
#: Frames of so many seconds tell how much later a frame arrives than it was taken.
_ARRIVALS_OVER = 30.0


@dataclass(frozen=True)
class RoundTrip:
    """A request for the time and its answer.

    Attributes
    ----------
    sent, received
        When the request left and when the answer had come, by the host's clock, s.
    asked, answered
        When the request had come and when the answer left, by the board's clock, s.
    """

    sent: float
    received: float
    asked: float
    answered: float

    @property
    def delay(self) -> float:
        """Time on the way, there and back, s."""
        return (self.received - self.sent) - (self.answered - self.asked)

    @property
    def offset(self) -> float:
        """The host's clock less the board's in the middle, s; wrong by half the delay at most."""
        return 0.5 * ((self.sent + self.received) - (self.asked + self.answered))

    @property
    def middle(self) -> float:
        """The middle of the round trip by the board's clock, s."""
        return 0.5 * (self.asked + self.answered)


@dataclass(frozen=True)
class ClockStatistics:
    """How well a clock is known.

    Attributes
    ----------
    round_trips
        Number of round trips so far.
    offset_s
        The host's clock less the board's, now, s.
    drift_ppm
        By how much the board's clock is slow, parts per million.
    residual_ms
        Median distance of the faster half of the round trips from the line, ms.
    least_delay_ms
        Time on the way of the fastest round trip, ms.
    """

    round_trips: int
    offset_s: float
    drift_ppm: float
    residual_ms: float
    least_delay_ms: float


class BoardClock:
    """A line that maps the board's clock to the host's, by regression over recent round trips.

    The offset of a round trip is wrong by at most half its delay. So each is weighted by the
    inverse square of half of what it was slower than the fastest one, and of how far it is from the
    line: those that waited in a buffer hardly count, and no threshold tells them from others.
    """

    def __init__(self) -> None:
        self._trips: deque[RoundTrip] = deque()
        self._count = 0
        self._middle = self._offset = self._drift = self._residual = 0.0
        self._least = math.inf

    def add(self, trip: RoundTrip) -> None:
        """Take a round trip and fit the line anew."""
        self._count += 1
        self._trips.append(trip)
        while trip.middle - self._trips[0].middle > _OVER:
            self._trips.popleft()
        times = np.array([one.middle for one in self._trips])
        offsets = np.array([one.offset for one in self._trips])
        delays = np.array([one.delay for one in self._trips])
        self._least = float(delays.min())
        errors = _LEAST_ERROR + 0.5 * (delays - self._least)
        residuals = np.zeros(times.shape)
        for _ in range(_FITS):
            weights = 1.0 / (errors**2 + residuals**2)
            share = weights / weights.sum()
            self._middle, self._offset = float(share @ times), float(share @ offsets)
            away, over = times - self._middle, offsets - self._offset
            # Without a prior on the drift, the slope through the first trips could be anything.
            steep = float((weights * away) @ away) + _DRIFT**-2
            self._drift = float((weights * away) @ over) / steep
            residuals = over - self._drift * away
        fast = errors <= np.median(errors)
        self._residual = float(np.median(np.abs(residuals[fast])))

    @property
    def ready(self) -> bool:
        """Whether there are enough round trips."""
        return self._count >= _LEAST_TRIPS

    def to_host(self, board: float) -> float:
        """Return the host's time for one of the board, s."""
        return board + self._offset + self._drift * (board - self._middle)

    @property
    def statistics(self) -> ClockStatistics:
        """How well the clock is known."""
        now = self._trips[-1].middle if self._trips else 0.0
        return ClockStatistics(
            round_trips=self._count,
            offset_s=self.to_host(now) - now,
            drift_ppm=1e6 * self._drift,
            residual_ms=1e3 * self._residual,
            least_delay_ms=1e3 * self._least if self._trips else 0.0,
        )


class Unwrapped:
    """A counter that begins again at 0 after so many steps, as a number that goes on.

    Parameters
    ----------
    modulus
        The counter's number of values.
    """

    def __init__(self, modulus: int) -> None:
        self._modulus = modulus
        self._last: int | None = None

    def __call__(self, value: int) -> int:
        """Return the number; it may be less than the last one by half the modulus."""
        if self._last is None:
            self._last = value
            return value
        step = (value - self._last) % self._modulus
        if step >= self._modulus // 2:
            step -= self._modulus
        self._last += step
        return self._last


class FrameClock:
    """Times of a camera's frames on the host's clock.

    A frame arrives some time after it was taken, sometimes later, never earlier. The least
    difference over the last half minute is taken off the arrival; what is left of the way, such as
    exposure and transfer, is constant and cannot be known from here.
    """

    def __init__(self) -> None:
        self._late: deque[tuple[float, float]] = deque()  # times, and differences that increase
        self._last = -math.inf

    def to_host(self, time: float, arrived: float) -> float:
        """Return the host's time of a frame, s, later than that of the frame before.

        Parameters
        ----------
        time
            Time by the source, s.
        arrived
            ``time.monotonic()`` when it arrived, s.
        """
        late = arrived - time
        while self._late and self._late[-1][1] >= late:
            self._late.pop()
        self._late.append((arrived, late))
        while arrived - self._late[0][0] > _ARRIVALS_OVER:
            self._late.popleft()
        self._last = max(time + self._late[0][1], self._last + 1e-6)
        return self._last
