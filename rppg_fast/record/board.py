"""What a board has said since it was plugged in: its samples, with times of the host's clock."""

from __future__ import annotations

from collections import deque

from rppg_fast.record.clock import BoardClock, RoundTrip, Unwrapped
from rppg_fast.record.protocol import (
    BAUD,
    MICROSECONDS,
    NUMBERS,
    AnswerLine,
    HelloLine,
    Line,
    SampleLine,
)

#: Time of a character on the line, s: eight bits, a start and a stop bit.
_CHARACTER = 10 / BAUD
#: A board whose clock goes back, or runs ahead of the host's, by more has restarted, s.
_RESTARTED = 1.0
_FASTEST = 1.01
#: Samples that wait for their channel or for the clock to be known.
_WAITING = 1000
#: A request that was not answered within so many others is forgotten.
_REQUESTS = 16


class Board:
    """Lines of a board from one start to the next.

    Attributes
    ----------
    clock
        The board's clock.
    lost
        Number of samples whose number is missing.
    """

    def __init__(self) -> None:
        self.clock = BoardClock()
        self.lost = 0
        self._time = Unwrapped(MICROSECONDS)
        self._requests: dict[int, float] = {}
        self._numbers: dict[str, int] = {}
        self._waiting: deque[tuple[str, float, int]] = deque(maxlen=_WAITING)
        self._first: tuple[float, float] | None = None
        self._last = 0.0

    def asked(self, number: int, time: float, length: int) -> None:
        """Note that a request of so many characters for the time is sent at ``time`` (s)."""
        self._requests[number] = time + length * _CHARACTER
        while len(self._requests) > _REQUESTS:
            del self._requests[next(iter(self._requests))]

    def take(self, line: Line, arrived: float) -> bool:
        """Take a line that arrived at ``arrived`` (s); return False if the board has restarted."""
        if isinstance(line, AnswerLine):
            return self._answer(line, arrived)
        if isinstance(line, HelloLine):
            return True
        return self._sample(line, arrived)

    def samples(self, channel: str) -> list[tuple[float, int]]:
        """Return a channel's new samples, (host's time in s, value), once the clock is known."""
        if not self.clock.ready:
            return []
        found = [(self.clock.to_host(t), v) for name, t, v in self._waiting if name == channel]
        self._waiting.clear()
        return found

    def _answer(self, line: AnswerLine, arrived: float) -> bool:
        asked, answered = self._seconds(line.asked_us), self._seconds(line.answered_us)
        if not self._goes_on(answered, arrived):
            return False
        sent = self._requests.pop(line.number, None)
        if sent is not None:
            received = arrived - line.length * _CHARACTER
            self.clock.add(RoundTrip(sent, received, asked, answered))
        return True

    def _sample(self, line: SampleLine, arrived: float) -> bool:
        time = self._seconds(line.time_us)
        if not self._goes_on(time, arrived):
            return False
        before = self._numbers.get(line.channel)
        if before is not None:
            self.lost += (line.number - before - 1) % NUMBERS
        self._numbers[line.channel] = line.number
        self._waiting.append((line.channel, time, line.value))
        return True

    def _seconds(self, microseconds: int) -> float:
        return self._time(microseconds) / 1e6

    def _goes_on(self, time: float, arrived: float) -> bool:
        """Return whether a time by the board's clock can follow those before."""
        if self._first is None:
            self._first = time, arrived
        elif time < self._last - _RESTARTED:
            return False
        first_time, first_arrived = self._first
        ahead = time - first_time - _FASTEST * (arrived - first_arrived)
        self._last = max(self._last, time)
        return ahead < _RESTARTED
