"""From a signal at frames' times to windows of pulse, by the engine's own parts.

Resampling, filter, window and status are those of a live measurement.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

import rppg_fast as rf
from rppg_fast import _core
from training.data.clips import Frames, as_float
from training.evaluate.metrics import PULSE

STEP = 1.0
"""From one window to the next, s."""

_TIME_TOLERANCE = 1e-6  # s, of sums of grid steps
_SLACK = 0.1  # s by which the pulse of a clip of 10 s is shorter: one step at 10 fps

Floats = NDArray[np.float64]


FIRST, NEXT, GAP, HOLE = range(4)
"""What the native resampler says of a value: see ``csrc/signal/clock.hpp``."""


class SignalStream:
    """What is taken of every frame, over time: the native stream after network and averages.

    After a gap the level of the pulse begins at zero again, see ``from_zero``.

    Parameters
    ----------
    method
        One of ``rppg_fast.monitor.METHODS``.
    """

    CHANNELS = _core.SIGNALS

    def __init__(self, method: str = "student") -> None:
        self._resampler = _core.Resampler(PULSE.rate, self.CHANNELS, PULSE.max_gap)
        self._window = _core.PulseWindow(PULSE.to_native(method))

    def take(self, values: ArrayLike, time: float) -> None:
        """Take the level, then what ``_core.observe`` gives, (``CHANNELS``,), at a time in s."""
        step, samples = self._resampler.push(time, values)
        if step in (FIRST, GAP):
            self._window.restart(time, step == GAP)
        too_slow = self._window.is_too_slow(self._resampler.value_rate)
        self._window.push(samples, step == HOLE, too_slow)

    def read(self, time: float) -> rf.Reading:
        """Read the window that ends at a time in s."""
        return self._window.read(time)

    def candidates(self) -> list[_core.Candidate]:
        """Give the peaks that a reading chooses from; see ``_core.PulseWindow.candidates``."""
        return self._window.candidates()

    def filtered(self) -> Floats:
        """Give the pulse of the window, band-passed forwards and backwards, oldest first."""
        return self._window.filtered()

    @property
    def size(self) -> int:
        """Samples of pulse in the window."""
        return self._window.size


@dataclass(frozen=True)
class Window:
    """A window of pulse, band-passed forwards and backwards, and what the engine says of it.

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


def from_zero(level: Floats, times: Floats, observed: Floats | None = None) -> Floats:
    """Let a level begin at zero at the start and after gaps, as the native stream does.

    Parameters
    ----------
    level, times
        Shape (frames,); times in s.
    observed
        Shape (frames, ``_core.OBSERVED``), see ``observed_in``; none by default, for a level of
        which only the spectrum matters.

    Returns
    -------
    float64 (frames, ``SignalStream.CHANNELS``)
    """
    begins = np.concatenate([[0], np.flatnonzero(np.diff(times) > PULSE.max_gap) + 1])
    run = np.searchsorted(begins, np.arange(len(level)), side="right") - 1
    if observed is None:
        observed = np.zeros((len(level), _core.OBSERVED))
    return np.column_stack([level - level[begins[run]], observed])


def observed_in(frames: Frames) -> Floats:
    """Give colours, brightness and redness of every frame, (frames, ``_core.OBSERVED``)."""
    return np.stack([_core.observe(as_float(seen)) for seen in frames.appearance])


def window_ends(times: Floats) -> list[int]:
    """Choose the frames at which a window is read.

    They depend on the times alone: the first frame with a full window, and further ones in steps
    of 1 s. A gap leaves windows out until one is full again, and so do frames that come too slowly
    for the band. Unlike ``rppg_fast.measure``, which reads shorter windows, too, an evaluation is
    over full ones: the paper's.

    Parameters
    ----------
    times
        Shape (frames,), in s.
    """
    stream = SignalStream()
    ends = []
    due = -math.inf
    for i, time in enumerate(times):
        stream.take(np.zeros(SignalStream.CHANNELS), time)
        reading = stream.read(time)
        read = reading.status in (rf.Status.OK, rf.Status.LOW_SIGNAL)
        full = reading.end - reading.start >= PULSE.window - _SLACK
        if read and full and reading.end >= due - _TIME_TOLERANCE:
            ends.append(i)
            due = due + STEP if due + STEP > reading.end else reading.end + STEP
    return ends


def read_windows(
    stream: SignalStream, values: Floats, times: Floats, ends: Collection[int]
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
            windows.append(Window(reading, stream.filtered()))
    return windows


def true_windows(frames: Frames, ends: Collection[int]) -> list[Window]:
    """Read the true PPG at some frames of a clip, as a prediction is read."""
    level = from_zero(frames.pulse.astype(np.float64), frames.times)
    return read_windows(SignalStream(), level, frames.times, ends)
