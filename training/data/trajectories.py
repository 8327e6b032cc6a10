"""Random functions of time that can be evaluated at any times.

They are sums of sinusoids or of events that are drawn once, so that a scene has the same movement
at any frame rate and for any duration.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Times = NDArray[np.float64]


class Wander:
    """A smooth random function of zero mean and unit standard deviation within a band.

    Parameters
    ----------
    random
        Generator of the random numbers.
    low, high
        The band, Hz.
    """

    _TERMS = 12

    def __init__(self, random: np.random.Generator, low: float, high: float) -> None:
        places = (np.arange(self._TERMS) + random.random(self._TERMS)) / self._TERMS
        self._omega = 2 * np.pi * low * (high / low) ** places
        self._phase = random.uniform(0, 2 * np.pi, self._TERMS)
        weights = random.uniform(0.3, 1.0, self._TERMS)
        self._weight = weights * np.sqrt(2 / np.sum(weights**2))

    def __call__(self, times: Times) -> Times:
        """Evaluate the function at some times, s."""
        angle = np.multiply.outer(times, self._omega) + self._phase
        return np.asarray(np.sin(angle) @ self._weight)

    def integral(self, times: Times) -> Times:
        """Evaluate the integral from 0 to some times, s."""
        angle = np.multiply.outer(times, self._omega) + self._phase
        return np.asarray((np.cos(self._phase) - np.cos(angle)) @ (self._weight / self._omega))


def events(random: np.random.Generator, rate: float, duration: float) -> Times:
    """Draw the times of a Poisson process from 0 to ``duration``, s; none if ``rate`` is 0."""
    found: list[float] = []
    now = 0.0
    while rate > 0:
        now += random.exponential(1 / rate)
        if now > duration:
            break
        found.append(now)
    return np.array(found)


def jumps(random: np.random.Generator, rate: float, times: Times) -> Times:
    """Return a function that keeps values of about unit size and jumps at random moments.

    It starts at 0. A jump takes a few tenths of a second.
    """
    value = np.zeros_like(times)
    before = 0.0
    for moment in events(random, rate, float(times[-1])):
        after, width = random.normal(), random.uniform(0.04, 0.12)
        value += (after - before) / (1 + np.exp(np.clip((moment - times) / width, -50, 50)))
        before = after
    return value


def blinks(random: np.random.Generator, rate: float, times: Times) -> Times:
    """Return how far the eyelids are closed, 0 to 1, with blinks at random moments."""
    closed = np.zeros_like(times)
    for moment in events(random, rate, float(times[-1])):
        width = random.uniform(0.1, 0.3)
        phase = np.clip((times - moment) / width, 0, 1)
        closed = np.maximum(closed, np.sin(np.pi * phase) ** 2)
    return closed


def talking(random: np.random.Generator, syllables: float, times: Times) -> Times:
    """Return how far the mouth is open, 0 to about 1: phrases of ``syllables`` per s, pauses."""
    phrase = 1 / (1 + np.exp(-4 * (Wander(random, 0.1, 0.5)(times) + 0.6)))
    voice = Wander(random, 0.6 * syllables, 1.4 * syllables)(times)
    return phrase * np.clip(0.35 + 0.35 * voice, 0, None)
