"""Compute windows of pulse from a signal at the frames' times, with the engine's own parts.

Resampling, filter, window and status are the same as in a live measurement.
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
from rppg_fast.evaluation.metrics import PULSE
from training.data.clips import Frames, as_float
from training.models.temporal import Weights

STEP = 1.0
"""Time between consecutive windows, s."""

_TIME_TOLERANCE = 1e-6  # s, for rounding errors of sums of grid steps
_SLACK = 0.1  # s; the pulse of a clip of 10 s is shorter by one step, 0.1 s at 10 fps

Floats = NDArray[np.float64]


class SignalStream:
    """Windows of the signals of all frames: the native stream after network and averages.

    After a gap, the level of the pulse must begin at zero again, see ``from_zero``.

    Parameters
    ----------
    method
        One of ``rppg_fast.monitor.METHODS``.
    temporal
        Weights of the temporal network, in the place of those of this build.
    """

    CHANNELS = _core.SIGNALS

    def __init__(self, method: str = "student", temporal: Weights | None = None) -> None:
        self._resampler = _core.Resampler(PULSE.rate, self.CHANNELS, PULSE.max_gap)
        self._window = _core.PulseWindow(PULSE.to_native(method), temporal=temporal)

    def take(self, values: ArrayLike, time: float) -> None:
        """Add the level and the values of ``_core.observe``, (``CHANNELS``,), at a time in s."""
        step, samples = self._resampler.push(time, values)
        if step in (_core.Step.FIRST, _core.Step.GAP):
            self._window.restart(time, step is _core.Step.GAP)
        too_slow = self._window.is_too_slow(self._resampler.value_rate)
        self._window.push(samples, step is _core.Step.HOLE, too_slow)

    def read(self, time: float) -> rf.Reading:
        """Return the reading of the window that ends at a time in s."""
        return self._window.read(time)

    def candidates(self) -> list[_core.Candidate]:
        """Return the peaks that a reading chooses from; see ``_core.PulseWindow.candidates``."""
        return self._window.candidates()

    def filtered(self) -> Floats:
        """Return the pulse of the window, band-passed forwards and backwards, oldest first."""
        return self._window.filtered()

    @property
    def size(self) -> int:
        """Number of samples of pulse in the window."""
        return self._window.size


@dataclass(frozen=True)
class Window:
    """A window of pulse, band-passed forwards and backwards, with its reading.

    Attributes
    ----------
    reading : Reading
        The engine's reading.
    pulse : float64 (samples,)
        Sampled at ``rppg_fast.PulseSettings().rate``.
    """

    reading: rf.Reading
    pulse: Floats

    @property
    def times(self) -> Floats:
        """Times of the samples, s."""
        return np.asarray(self.reading.start_s + (np.arange(self.pulse.size) + 0.5) / PULSE.rate)

    @cached_property
    def spectrum(self) -> rf.Spectrum:
        """Spectrum of the pulse, computed as in the engine."""
        return rf.spectrum(self.pulse, PULSE.rate, PULSE.low, PULSE.high)


def from_zero(level: Floats, times: Floats, observed: Floats | None = None) -> Floats:
    """Subtract from a level its value at the start, and after each gap its value there.

    The native stream does the same.

    Parameters
    ----------
    level, times
        Shape (frames,); times in s.
    observed
        Shape (frames, ``_core.OBSERVED``), see ``observed_in``; zeros by default, which is enough
        if only the spectrum of the level is used.

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
    """Return the region signals of every frame, (frames, ``_core.OBSERVED``)."""
    return np.stack([_core.observe(as_float(seen)) for seen in frames.appearance])


def window_ends(times: Floats) -> list[int]:
    """Choose the frames at which windows end.

    They depend only on the times: the first frame with a full window, and then one every 1 s. There
    is no window after a gap until a window is full again, and none while the frame rate is too low
    for the band. ``rppg_fast.measure`` also reads shorter windows; an evaluation reads only full
    ones, as in the paper.

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
        full = reading.end_s - reading.start_s >= PULSE.window - _SLACK
        if read and full and reading.end_s >= due - _TIME_TOLERANCE:
            ends.append(i)
            due = due + STEP if due + STEP > reading.end_s else reading.end_s + STEP
    return ends


def read_windows(
    stream: SignalStream, values: Floats, times: Floats, ends: Collection[int]
) -> list[Window]:
    """Pass a signal through a new stream and read the windows that end at given frames.

    Parameters
    ----------
    stream
        A new stream.
    values
        Shape (frames, channels).
    times
        Shape (frames,), in s.
    ends
        Numbers of the frames at which windows end.

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
    """Read the windows of the true PPG that end at given frames, in the same way as predictions."""
    level = from_zero(frames.pulse.astype(np.float64), frames.times)
    return read_windows(SignalStream(), level, frames.times, ends)
