"""Whether the finger lies well on the sensor, and the heart rate that it shows."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.pulse import PulseSettings, spectrum
from rppg_fast.record.sensor import Sample

Floats = NDArray[np.float64]

#: Seconds of PPG that are judged, and the least of them.
_OVER, _LEAST = 6.0, 4.0
#: A sensor that sends nothing for so long is said to send nothing, s.
SILENCE = 1.0
#: With this share of samples at an end of the scale, the signal is cut off. The second number is
#: the width of an end, as a share of the scale.
_CUT_OFF, _END = 0.02, 0.004
#: Least signal-to-noise ratio of a pulse in 6 s, dB. White noise has more in less than 1 % of all
#: windows, real fingers in more than 75 %.
_LEAST_SNR_DB = -0.5


class FingerState(str, enum.Enum):
    """How the finger lies.

    Attributes
    ----------
    NO_DATA
        "no_data": the sensor sends nothing.
    TOO_SHORT
        "too_short": its signal has not been seen for long enough.
    CUT_OFF
        "cut_off": the signal is at an end of the sensor's scale.
    NO_PULSE
        "no_pulse": no pulse is seen in it.
    GOOD
        "good": a pulse is seen.
    """

    NO_DATA = "no_data"
    TOO_SHORT = "too_short"
    CUT_OFF = "cut_off"
    NO_PULSE = "no_pulse"
    GOOD = "good"

    def __str__(self) -> str:
        return self.value


#: What to tell the person.
ADVICE = {
    FingerState.NO_DATA: "the sensor sends nothing: check its cable",
    FingerState.TOO_SHORT: "keep the finger on the sensor",
    FingerState.CUT_OFF: "press lighter",
    FingerState.NO_PULSE: "no pulse: lay the finger flat on the sensor, press lighter, keep still",
    FingerState.GOOD: "good",
}


@dataclass(frozen=True)
class FingerReading:
    """How the finger lies, and its heart rate.

    Attributes
    ----------
    state
        How it lies.
    heart_rate_bpm
        Heart rate over the last seconds, bpm; None unless ``state`` is ``FingerState.GOOD``.
    """

    state: FingerState
    heart_rate_bpm: float | None = None


class FingerCheck:
    """Judges the last seconds of a PPG.

    Parameters
    ----------
    full_scale
        Values of the sensor go from 0 to this one; None if there are no ends.
    """

    def __init__(self, full_scale: float | None) -> None:
        self._full_scale = full_scale
        self._samples: deque[Sample] = deque()

    def push(self, samples: Iterable[Sample]) -> None:
        """Take the newest samples."""
        self._samples.extend(samples)
        while self._samples and self._samples[-1].time_s - self._samples[0].time_s > _OVER:
            self._samples.popleft()

    def read(self, now: float) -> FingerReading:
        """Judge the samples that have come until ``now``, by ``time.monotonic()``, s."""
        if not self._samples or now - self._samples[-1].time_s > SILENCE:
            return FingerReading(FingerState.NO_DATA)
        times, values = np.array(self._samples, np.float64).T
        if self._full_scale is not None:
            edge = _END * self._full_scale
            at_end = (values <= edge) | (values >= self._full_scale - edge)
            if at_end.mean() > _CUT_OFF:
                return FingerReading(FingerState.CUT_OFF)
        if times[-1] - times[0] < _LEAST:
            return FingerReading(FingerState.TOO_SHORT)
        settings = PulseSettings()
        grid = np.arange(times[0], times[-1], 1.0 / settings.rate)
        band_pass = _core.BandPass(settings.low, settings.high, settings.rate, settings.order)
        pulse = band_pass.zero_phase(np.interp(grid, times, values))
        found = spectrum(pulse, settings.rate, settings.low, settings.high)
        if np.ptp(values) == 0 or not found.snr_db >= _LEAST_SNR_DB:
            return FingerReading(FingerState.NO_PULSE)
        return FingerReading(FingerState.GOOD, found.heart_rate)
