"""One face over time for the classical methods: mean colour in, readings out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rppg_fast import _core
from rppg_fast.methods import METHODS
from rppg_fast.pulse import PulseSettings
from rppg_fast.reading import Reading

#: The middle of the 36x36 appearance, rows and columns: a box that was enlarged 1.6 times about a
#: face holds the face there.
_FACE = slice(7, 29)

#: What a stream takes of a frame: the face's mean red, green and blue, then all witnesses.
CHANNELS = 3 + _core.WITNESSES

# Of the colours, after which they are no longer scaled to go on from the ones before.
_LARGEST_GAIN = 1e6

#: The native resampler's steps: the one that continues its grid, and the first one after a gap.
NEXT, GAP = 1, 2


def face_colour(appearance: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean colour of the face in appearances, (..., 3, 36, 36) to (..., 3)."""
    face = appearance[..., _FACE, _FACE]
    return np.asarray(face.mean(axis=(-2, -1), dtype=np.float64))


class RgbStream:
    """A stream like the native ``_core.Stream``, with a classical method in the student's place.

    Resampling, band-pass, window, spectrum and status are the same native code.

    Parameters
    ----------
    method
        One of ``rppg_fast.methods.METHODS``.
    settings
        How the pulse is filtered and read.

    Raises
    ------
    ValueError
        If there is no such method.
    """

    def __init__(self, method: str, settings: PulseSettings) -> None:
        if not isinstance(method, str) or method not in METHODS:
            raise ValueError(f"method must be 'student' or one of {list(METHODS)}, got {method!r}")
        self._method = METHODS[method]
        self._rate = settings.rate
        self._resampler = _core.Resampler(settings.rate, CHANNELS, settings.max_gap)
        self._window = _core.PulseWindow(settings.to_native())
        self._samples = np.empty((self._window.capacity, CHANNELS))
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._resampler.reset()
        self._begin(0.0, after_gap=False)
        self._gain, self._colour = np.ones(3), np.zeros(3)
        self._shift = self._witnesses = np.zeros(_core.WITNESSES)

    def _begin(self, start: float, after_gap: bool) -> None:
        self.start = start
        self.total = 0
        self._since_too_slow = 0
        self._after_gap = after_gap
        self._extracted = False

    def push(
        self, frame: NDArray[np.uint8], box: Iterable[int], time: float, color: str = "bgr"
    ) -> Reading:
        """Take one frame; arguments, result and errors are those of ``_core.Stream.push``."""
        seen = _core.appearance(frame, box, color)
        colour, witnesses = self._gain * face_colour(seen), self._shift + _core.observe(seen)
        self.take(np.concatenate([colour, witnesses]), time)
        self._colour, self._witnesses = colour, witnesses
        return self.read(time)

    def rebox(self, frame: NDArray[np.uint8], box: Iterable[int], color: str = "bgr") -> None:
        """Measure another box from the next frame on; as ``_core.Stream.rebox``.

        The colour in the new box is scaled so that it goes on from that in the old one: a pulse is
        a relative change. The witnesses, logarithms, are shifted.
        """
        seen = _core.appearance(frame, box, color)
        self._shift = self._witnesses - _core.observe(seen)
        colour = face_colour(seen)
        gain = np.divide(self._colour, colour, out=np.ones(3), where=colour > 0)
        # A face that has walked for hours leaves a gain that is hardly a number: begin anew.
        self._gain = np.where((gain > 1 / _LARGEST_GAIN) & (gain < _LARGEST_GAIN), gain, 1.0)

    def take(self, values: ArrayLike, time: float) -> None:
        """Take what one frame shows.

        Parameters
        ----------
        values
            Shape (``CHANNELS``,): the face's mean red, green and blue, in any unit, then what
            ``_core.observe`` gives.
        time
            The frame's, s.

        Raises
        ------
        TimeError
            As ``_core.Resampler.push`` has it.
        ValueError
            If the shape is wrong.
        """
        step, samples = self._resampler.push(time, values)
        if step != NEXT:
            self._begin(time, after_gap=step == GAP)
        too_slow = self._window.is_too_slow(self._resampler.value_rate)
        for sample in samples:
            self._samples[:-1] = self._samples[1:]
            self._samples[-1] = sample
            self.total += 1
            self._since_too_slow = 0 if too_slow else self._since_too_slow + 1
            self._extracted = False

    def read(self, time: float) -> Reading:
        """Return what ``push`` does, for the frames taken so far, the last one at ``time`` (s)."""
        return self._pulse().read(time)

    @property
    def size(self) -> int:
        """Samples of pulse in the window."""
        return min(self.total, len(self._samples))

    def newest(self, count: int) -> NDArray[np.float64]:
        """Return the newest ``count`` samples of band-passed pulse, oldest first."""
        return self._pulse().newest(count)

    def _pulse(self) -> _core.PulseWindow:
        """Return the window with the pulse of the colours in it."""
        if not self._extracted:
            self._extract()
            self._extracted = True
        return self._window

    def _extract(self) -> None:
        size = self.size
        first = self.start + (self.total - size) / self._rate
        self._window.restart(first, self._after_gap)
        if size == 0:
            return
        rgb, witnesses = np.split(self._samples[-size:], [3], axis=1)
        # One sample is no pulse yet; and a filter at rest expects to start at zero.
        pulse = self._method(rgb, self._rate) if size > 1 else np.zeros(size)
        self._window.push(pulse - pulse[:1], witnesses, too_slow=self._since_too_slow < size)
