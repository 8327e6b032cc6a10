"""Simulate the pulse: a PPG with a drifting heart rate, at any times.

Sign: a PPG rises with the blood volume. In a camera the green of the skin falls as the PPG rises;
only the renderer applies this minus sign. Nothing here or in the labels is inverted.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.data.standard_pulse import LABEL_FS, LABEL_PAD, band_pass, standard_pulse
from training.data.trajectories import Times, Wander
from training.synthetic.ppg_shapes import load_shapes
from training.synthetic.scene import Pulse


class PulseWave:
    """The PPG of one scene.

    The heart rate is ``rate + trend + drift + variability + sinus arrhythmia``. Its integral is the
    phase of a periodic beat with given Fourier coefficients. Breathing modulates height and
    baseline.

    Parameters
    ----------
    pulse
        The scene's pulse parameters.
    random
        Generator of phases and of slow random functions.
    """

    def __init__(self, pulse: Pulse, random: np.random.Generator) -> None:
        self._pulse = pulse
        self._start, breath, depth, base = random.uniform(0, 2 * np.pi, 4)
        self._breath_phase = breath
        self._depth_phase = breath + depth
        self._base_phase = breath + base
        self._drift = Wander(random, 0.01, 0.05)
        self._variability = Wander(random, 0.05, 0.15)
        self._shape = beat_shape(pulse)
        # Divide by the standard deviation of the beat, computed with Parseval's theorem.
        self._shape /= np.sqrt(np.sum(np.abs(self._shape) ** 2) / 2)

    def heart_rate(self, times: Times) -> Times:
        """Return the instantaneous heart rate, bpm."""
        p = self._pulse
        return np.asarray(
            p.heart_rate
            + p.trend * times / 60
            + p.drift * self._drift(times)
            + p.variability * self._variability(times)
            + p.sinus_arrhythmia * np.sin(self._breath(times) + self._breath_phase)
        )

    def ppg(self, times: Times) -> Times:
        """Return the PPG in units of the beat's standard deviation; it rises with blood volume."""
        p = self._pulse
        order = np.arange(1, len(self._shape) + 1)
        beat = (np.exp(1j * np.multiply.outer(self._phase(times), order)) @ self._shape).real
        height = 1 + p.depth_modulation * np.sin(self._breath(times) + self._depth_phase)
        baseline = p.baseline * np.sin(self._breath(times) + self._base_phase)
        return np.asarray(height * beat + baseline)

    def _breath(self, times: Times) -> Times:
        return 2 * np.pi * self._pulse.breathing_rate / 60 * times

    def _phase(self, times: Times) -> Times:
        """Return the integral of the heart rate, rad."""
        p = self._pulse
        omega = 2 * np.pi * p.breathing_rate / 60
        swing = np.cos(self._breath_phase) - np.cos(self._breath(times) + self._breath_phase)
        bpm_seconds = (
            p.heart_rate * times
            + p.trend * times**2 / 120
            + p.drift * self._drift.integral(times)
            + p.variability * self._variability.integral(times)
            + p.sinus_arrhythmia * swing / omega
        )
        return np.asarray(self._start + 2 * np.pi / 60 * bpm_seconds)


def beat_shape(pulse: Pulse) -> NDArray[np.complex128]:
    """Return the Fourier coefficients of a scene's beat, from the first harmonic on."""
    if pulse.shape == "finger":
        shapes = load_shapes()
        return np.array(shapes[min(int(pulse.finger * len(shapes)), len(shapes) - 1)])
    if pulse.shape == "sine":
        return np.ones(1, np.complex128)
    return np.array(
        [
            1.0,
            pulse.second_harmonic * np.exp(1j * pulse.second_phase),
            pulse.third_harmonic * np.exp(1j * pulse.third_phase),
        ]
    )


def label(wave: PulseWave, times: Times) -> Times:
    """Return the standard PPG at the frames' times; its changes are the labels of a network.

    Parameters
    ----------
    wave
        The scene's pulse.
    times
        Times of the frames, s, increasing.
    """
    grid = np.arange(times[0] - LABEL_PAD, times[-1] + LABEL_PAD, 1 / LABEL_FS)
    return standard_pulse(grid, band_pass(wave.ppg(grid)), times)
