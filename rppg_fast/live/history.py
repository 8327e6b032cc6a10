"""What a session keeps: the pulse of each face, and a reading for every second, both bounded."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rppg_fast.reading import Box, Reading

#: Seconds of pulse that are kept for each face, at 30 samples a second.
PULSE_SECONDS = 600
_SAMPLES = 30 * PULSE_SECONDS
#: Faces whose pulse is kept; the one that came first is forgotten first.
_FACES = 8
#: Rows of readings that are kept: four hours of one face.
_ROWS = 4 * 3600


class PulsePiece(NamedTuple):
    """Samples of the live waveform of a face.

    Attributes
    ----------
    first
        Index of the first sample.
    times, values
        float64 of shape (samples,): s on the session's clock, and the waveform.
    """

    first: int
    times: NDArray[np.float64]
    values: NDArray[np.float64]


class PulseRing:
    """The newest samples of a waveform."""

    def __init__(self, size: int = _SAMPLES) -> None:
        self._times, self._values = np.empty(size), np.empty(size)
        self.count = 0

    def extend(self, times: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        """Add samples."""
        size = len(self._times)
        for time, value in zip(times.tolist(), values.tolist()):  # one or two, most times
            place = self.count % size
            self._times[place], self._values[place] = time, value
            self.count += 1

    def since(self, index: int, most: int, end: int | None = None) -> PulsePiece:
        """Return the samples from an index on and before ``end``, at most the newest ``most``."""
        end = self.count if end is None else min(end, self.count)
        first = max(index, end - most, self.count - len(self._times), 0)
        places = np.arange(first, max(end, first)) % len(self._times)
        return PulsePiece(first, self._times[places], self._values[places])


class Row(NamedTuple):
    """A reading as it is kept for a download.

    Attributes
    ----------
    unix_s
        Seconds since 1970, UTC.
    time_s
        Seconds on the session's clock.
    run
        Number of the measurement; see ``Snapshot``.
    method
        The method that measured.
    face, reading, box
        Number, reading and box of a face; all None where no face was seen.
    advice
        What the person could do.
    """

    unix_s: float
    time_s: float
    run: int
    method: str
    face: int | None
    reading: Reading | None
    box: Box | None
    advice: str


class History:
    """Pulses and readings of a session; one thread writes, any thread reads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pulses: dict[int, PulseRing] = {}
        self._rows: deque[Row] = deque(maxlen=_ROWS)

    def add_pulse(self, face: int, times: NDArray[np.float64], values: NDArray[np.float64]) -> int:
        """Add samples of a face's pulse, and return how many it has had."""
        with self._lock:
            ring = self._pulses.get(face)
            if ring is None:
                ring = self._pulses[face] = PulseRing()
                while len(self._pulses) > _FACES:
                    del self._pulses[next(iter(self._pulses))]
            if len(times):
                ring.extend(times, values)
            return ring.count

    def add_row(self, row: Row) -> None:
        """Keep a reading."""
        with self._lock:
            self._rows.append(row)

    def pulse_since(
        self, face: int, index: int, most: int = _SAMPLES, end: int | None = None
    ) -> PulsePiece:
        """Return the newest samples of a face from an index on; none if it is not known.

        With ``end``, only samples before that index.
        """
        with self._lock:
            ring = self._pulses.get(face)
            if ring is None:
                return PulsePiece(0, np.empty(0), np.empty(0))
            return ring.since(index, most, end)

    @property
    def faces(self) -> list[int]:
        """Numbers of the faces whose pulse is kept."""
        with self._lock:
            return list(self._pulses)

    @property
    def rows(self) -> list[Row]:
        """The readings that are kept, oldest first."""
        with self._lock:
            return list(self._rows)

    def clear_pulses(self) -> None:
        """Forget the pulses; numbers of faces begin again."""
        with self._lock:
            self._pulses.clear()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._pulses.clear()
            self._rows.clear()
