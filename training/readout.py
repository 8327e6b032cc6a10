"""From a signal at frames' times to windows of pulse, by the engine's own parts.

Resampling, filter, window and status are those of a live measurement.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

import rppg_fast as rf
from rppg_fast import _core
from rppg_fast.rgb_stream import GAP, NEXT
from training.data.clips import Frames, as_float
from training.metrics import PULSE

STEP = 1.0
"""From one window to the next, s."""

_TIME_TOLERANCE = 1e-6  # s, of sums of grid steps

Floats = NDArray[np.float64]


class Stream(Protocol):
    """One signal over time, such as ``rppg_fast.rgb_stream.RgbStream``."""

    def take(self, values: ArrayLike, time: float, /) -> None:
        """Take the signal at a time in s."""

    def read(self, time: float, /) -> rf.Reading:
        """Read the window that ends at a time in s."""

    def newest(self, count: int, /) -> Floats:
        """Give the newest samples of band-passed pulse, oldest first."""

    @property
    def size(self) -> int:
        """Samples of pulse in the window."""


class LevelStream:
    """The level of a pulse and its witnesses over time: the native stream after the network.

    After a gap the level begins at zero again, see ``from_zero``.
    """

    CHANNELS = 1 + _core.WITNESSES

    def __init__(self) -> None:
        self._resampler = _core.Resampler(PULSE.rate, self.CHANNELS, PULSE.max_gap)
        self._window = _core.PulseWindow(PULSE.to_native())

    def take(self, values: ArrayLike, time: float) -> None:
        """Take the level, then what ``_core.observe`` gives, (``CHANNELS``,), at a time in s."""
        step, samples = self._resampler.push(time, values)
        if step != NEXT:
            self._window.restart(time, step == GAP)
        too_slow = self._window.is_too_slow(self._resampler.value_rate)
        self._window.push(samples[:, 0], samples[:, 1:], too_slow)

    def read(self, time: float) -> rf.Reading:
        """Read the window that ends at a time in s."""
        return self._window.read(time)

    def candidates(self) -> tuple[Floats, Floats, Floats]:
        """Give the peaks that a reading chooses from; see ``_core.PulseWindow.candidates``."""
        return self._window.candidates()

    def newest(self, count: int) -> Floats:
        """Give the newest samples of band-passed pulse, oldest first."""
        return self._window.newest(count)

    @property
    def size(self) -> int:
        """Samples of pulse in the window."""
        return self._window.size


@dataclass(frozen=True)
class Window:
    """A window of band-passed pulse, and what the engine says of it.

    Attributes
    ----------
    reading : Reading
        The engine's.
    pulse : float64 (samples,)
        At ``rppg_fast.PulseSettings().rate``.
    """

    reading: rf.Reading
    pulse: Floats

    @property
    def times(self) -> Floats:
        """Times of the samples in s."""
        return np.asarray(self.reading.start + (np.arange(self.pulse.size) + 0.5) / PULSE.rate)

    @cached_property
    def spectrum(self) -> rf.Spectrum:
        """Spectrum of the pulse, as the engine sees it."""
        return rf.spectrum(self.pulse, PULSE.rate, PULSE.low, PULSE.high)


def from_zero(level: Floats, times: Floats, witnesses: Floats | None = None) -> Floats:
    """Let a level begin at zero, where a filter at rest expects it, at the start and after gaps.

    Parameters
    ----------
    level, times
        Shape (frames,); times in s.
    witnesses
        Shape (frames, ``_core.WITNESSES``), see ``witnesses_of``; none by default, for a level of
        which only the spectrum matters.

    Returns
    -------
    float64 (frames, ``LevelStream.CHANNELS``)
    """
    begins = np.concatenate([[0], np.flatnonzero(np.diff(times) > PULSE.max_gap) + 1])
    run = np.searchsorted(begins, np.arange(len(level)), side="right") - 1
    if witnesses is None:
        witnesses = np.zeros((len(level), _core.WITNESSES))
    return np.column_stack([level - level[begins[run]], witnesses])


def witnesses_of(frames: Frames) -> Floats:
    """Give brightness and colour of the places of every frame, (frames, ``_core.WITNESSES``)."""
    return np.stack([_core.observe(as_float(seen)) for seen in frames.appearance])


def window_ends(times: Floats) -> list[int]:
    """Choose the frames at which a window is read.

    They depend on the times alone: the first frame with a full window, and further ones in steps
    of 1 s, as ``rppg_fast.measure`` reports them. A gap leaves windows out until one is full again,
    and so do frames that come too slowly for the band.

    Parameters
    ----------
    times
        Shape (frames,), in s.
    """
    stream = LevelStream()
    ends = []
    due = -math.inf
    for i, time in enumerate(times):
        stream.take(np.zeros(LevelStream.CHANNELS), time)
        reading = stream.read(time)
        full = reading.status in (rf.Status.OK, rf.Status.LOW_SIGNAL)
        if full and reading.end >= due - _TIME_TOLERANCE:
            ends.append(i)
            due = due + STEP if due + STEP > reading.end else reading.end + STEP
    return ends


def read_windows(
    stream: Stream, values: Floats, times: Floats, ends: Collection[int]
) -> list[Window]:
    """Pass a signal through a fresh stream and read it at some frames.

    Parameters
    ----------
    stream
        What takes the signal.
    values
        Shape (frames, channels).
    times
        Shape (frames,), in s.
    ends
        Frames to read at.

    Raises
    ------
    ValueError
        If a time is not later than the one before.
    """
    windows = []
    for i, (value, time) in enumerate(zip(values, times)):
        stream.take(value, time)
        if i in ends:
            reading = stream.read(float(time))
            windows.append(Window(reading, stream.newest(stream.size)))
    return windows


def true_windows(frames: Frames, ends: Collection[int]) -> list[Window]:
    """Read the true PPG at some frames of a clip, as a prediction is read."""
    level = from_zero(frames.pulse.astype(np.float64), frames.times)
    return read_windows(LevelStream(), level, frames.times, ends)
