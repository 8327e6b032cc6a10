"""Signals of windows with a known pulse: of real faces into which one is put, and of drawn ones.

The temporal network learns from these. They are what a window of the engine has at
``PULSE.rate``: the student's level, the colors of the face, brightness and color of its regions;
the colors are logarithms here, so that causes add up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from rppg_fast.evaluation.metrics import PULSE
from training.data.carriers import LONGEST_STEP, Carriers, steps
from training.data.clips import Clips, as_float
from training.data.trajectories import Times
from training.evaluate.estimators import NetworkSource
from training.support.files import save_arrays
from training.synthetic.parameters import Law
from training.synthetic.skin_pulses import draw_pulses, put_into_runs

Floats = NDArray[np.float64]

SECONDS = 10.0
"""Length of the signals of a face, s."""

SAMPLES = round(SECONDS * PULSE.rate)

LEAST_SKIN = 0.05
"""A view is left out if it shows less skin in most of its frames, as a share of the box."""

_FULL = 255  # of a mask
_AT_ONCE = 128  # steps; more do not fit a processor's cache
_DARKEST = 1e-4  # of a color, against the logarithm of zero
_SLOWER = 1.25  # a video is played up to so much slower or faster
_AHEAD = {0.08: 0.05, 0.12: 0.03, 0.22: 0.01, 0.3: 0.007}
# How far the heart is ahead of even beats: standard deviation, s, by frequency, Hz.


@dataclass(frozen=True)
class WindowSignals:
    """Signals of some faces.

    Attributes
    ----------
    signals : float32 (faces, ``SAMPLES``, ``_core.SIGNALS``)
        See the module.
    pulse : float32 (faces, ``SAMPLES``)
        The true PPG, band-passed; zero if there is no pulse.
    beats : float32 (faces, ``SAMPLES``)
        Beats since the beginning.
    person : list of str
        Whose face it is.
    """

    signals: NDArray[np.float32]
    pulse: NDArray[np.float32]
    beats: NDArray[np.float32]
    person: Sequence[str]

    def save(self, path: Path) -> None:
        """Write a file, completely or not at all."""
        person = np.array(self.person, np.str_)
        save_arrays(path, signals=self.signals, pulse=self.pulse, beats=self.beats, person=person)

    @classmethod
    def load(cls, path: Path) -> WindowSignals:
        """Read a file of ``save``."""
        with np.load(path) as kept:
            person = [str(name) for name in kept["person"]]
            return cls(kept["signals"], kept["pulse"], kept["beats"], person)

    @classmethod
    def joined(cls, parts: Sequence[WindowSignals]) -> WindowSignals:
        """Join several sets."""
        return cls(
            np.concatenate([part.signals for part in parts]),
            np.concatenate([part.pulse for part in parts]),
            np.concatenate([part.beats for part in parts]),
            [person for part in parts for person in part.person],
        )

    def select(self, inside: NDArray[np.bool_]) -> WindowSignals:
        """Return the faces that a mask selects."""
        person = [one for one, keep in zip(self.person, inside) if keep]
        return WindowSignals(self.signals[inside], self.pulse[inside], self.beats[inside], person)


def signals_of(seen: NDArray[np.float32], times: Times, source: NetworkSource) -> Floats:
    """Return the signals of a face at ``PULSE.rate``, (samples, ``_core.SIGNALS``).

    Parameters
    ----------
    seen : (frames, 3, 36, 36)
        Red, green and blue from 0 to 1.
    times
        In seconds; a frame that repeats a time is the same frame in another box. Signals do not
        change there.
    source
        The student or the teacher.
    """
    begins = steps(times)
    change = changes_of(seen, begins, source)
    observed = np.stack([_core.observe(np.ascontiguousarray(frame)) for frame in seen])
    observed[:, :3] = np.log(np.maximum(observed[:, :3], _DARKEST))
    moved = np.zeros_like(observed)
    moved[begins + 1] = observed[begins + 1] - observed[begins]
    return uniform(np.column_stack([change, moved]).cumsum(0), times)


def changes_of(
    seen: NDArray[np.float32], begins: NDArray[np.int64], source: NetworkSource
) -> Floats:
    """Return what a network says of each frame of a face, (frames,): 0 where no step ends."""
    rest = source.rest(seen[0])
    change = np.zeros(len(seen))
    for part in np.array_split(begins, 1 + len(begins) // _AT_ONCE):
        earlier, later = np.ascontiguousarray(seen[part]), np.ascontiguousarray(seen[part + 1])
        motion = rf.motion(earlier, later, kind=source.kind)
        change[part + 1] = source.network(motion, earlier) - rest
    return change


def colors_of(seen: NDArray[np.float32], begins: NDArray[np.int64]) -> Floats:
    """Return the mean color of each frame of a face, (frames, 3), without jumps where no step is.

    Parameters
    ----------
    seen
        As in ``signals_of``.
    begins
        The frames at which a step to the next frame begins, see ``training.data.carriers.steps``.
    """
    mean_color = np.stack([_core.observe(np.ascontiguousarray(frame))[:3] for frame in seen])
    factor = np.ones_like(mean_color)
    factor[0] = mean_color[0]
    factor[begins + 1] = mean_color[begins + 1] / mean_color[begins]
    return np.asarray(np.cumprod(factor, axis=0))


def band_spectrum(wave: Floats, rate: float = PULSE.rate) -> rf.Spectrum:
    """Return the spectrum of a wave at a rate in Hz, band-passed forwards and backwards."""
    band_pass = _core.BandPass(PULSE.low, PULSE.high, rate, PULSE.order)
    pulse = band_pass.zero_phase(wave - wave.mean())
    return rf.spectrum(pulse, rate, PULSE.low, PULSE.high)


def uniform(values: Floats, times: Times) -> Floats:
    """Resample values at frames' times, the last entry of each time, to ``PULSE.rate``."""
    last = np.append(np.diff(times) > 0, True)
    moments = times[last]
    resampler = _core.Resampler(PULSE.rate, values.shape[1], float(np.ptp(moments)))
    parts = [resampler.push(time, value)[1] for time, value in zip(moments, values[last])]
    return np.concatenate(parts)


def sample_times(count: int) -> Floats:
    """Return the middles of the cells of ``PULSE.rate``, s."""
    return np.asarray((np.arange(count) + 0.5) / PULSE.rate)


@dataclass(frozen=True)
class _View:
    """One view of a carrier: its first entry, and the times of its entries, s."""

    start: int
    times: Times
    fps: float


class CarriedSignals:
    """Makes signals of carriers with a pulse put into them.

    A person is drawn uniformly, then a view, then where it begins. A view that is too short is
    played forwards and backwards. All random numbers follow from the seed and the step.

    Parameters
    ----------
    carriers
        Carriers of persons that may be used for training.
    source
        The student.
    laws
        Laws of ``training.synthetic.skin_pulses.StepPulse``, by full name.
    seed
        Seed of the random numbers.
    silent
        Whether to put no pulse in.
    """

    def __init__(
        self,
        carriers: Carriers,
        source: NetworkSource,
        laws: Mapping[str, Law],
        seed: int,
        silent: bool = False,
    ) -> None:
        self._carriers, self._source, self._laws = carriers, source, laws
        self._seed, self._silent = seed, silent
        people: dict[str, list[_View]] = {}
        for i, clip in enumerate(carriers.clips.clips):
            frames = carriers[i]
            skin = frames.mask.mean((1, 2)) >= LEAST_SKIN * _FULL
            if skin.mean() > 0.5:
                view = _View(clip.start, frames.times, clip.fps)
                people.setdefault(clip.subject, []).append(view)
        if not people:
            raise ValueError(f"{carriers.clips.folder}: no carrier shows skin")
        self._people = sorted(people.items())

    def __call__(self, step: int, count: int) -> WindowSignals:
        """Make the signals of ``count`` faces."""
        random = np.random.default_rng((self._seed, step))
        chosen = [self._choose(random) for _ in range(count)]
        longest = max(len(times) for _, _, times in chosen)
        entries = np.stack([np.pad(e, (0, longest - len(e)), "edge") for _, e, _ in chosen], 1)
        times = np.stack([_continued(t, longest) for _, _, t in chosen], 1)
        pulses = dict(draw_pulses(self._laws, self._seed, step, count))
        if self._silent:
            pulses["amplitude"] = np.zeros(count)
        beating = times + _uneven(times, random)
        seen = as_float(self._carriers.clips.appearance[entries])
        mask = self._carriers.mask[entries] / np.float32(_FULL)
        seen, change = put_into_runs(seen, mask, beating, pulses, random)
        mirror = random.random(count) < 0.5
        seen[:, mirror] = seen[:, mirror][..., ::-1]
        level = np.concatenate([np.zeros((1, count)), np.cumsum(change, 0)])
        moments = sample_times(SAMPLES)
        signals, pulse, beats = [], [], []
        for i in range(count):
            found = signals_of(np.ascontiguousarray(seen[:, i]), times[:, i], self._source)
            signals.append(found[:SAMPLES])
            pulse.append(np.interp(moments, times[:, i], level[:, i]))
            beats.append(np.interp(moments, times[:, i], beating[:, i] * pulses["rate"][i] / 60))
        return WindowSignals(
            np.stack(signals).astype(np.float32),
            np.stack(pulse).astype(np.float32) * (0 if self._silent else 1),
            np.stack(beats).astype(np.float32),
            [person for person, _, _ in chosen],
        )

    def _choose(self, random: np.random.Generator) -> tuple[str, NDArray[np.int64], Times]:
        """Return a person, the entries of the frames that are played, and their times."""
        person, views = self._people[int(random.integers(len(self._people)))]
        view = views[int(random.integers(len(views)))]
        speed = _SLOWER ** random.uniform(-1, 1)
        entries, times = _played(view.times, random, speed)
        if view.fps * speed > 25.0 and random.random() < 0.3:
            keep = _every_other(times)
            entries, times = entries[keep], times[keep]
        return person, view.start + entries, times


def _played(
    times: Times, random: np.random.Generator, speed: float
) -> tuple[NDArray[np.int64], Times]:
    """Play a view from a random entry on, forwards and backwards, for a little over SECONDS."""
    usual = float(np.median(np.diff(times)[np.diff(times) > 0]))
    at, way = int(random.integers(len(times))), 1 if random.random() < 0.5 else -1
    entries, moments = [at], [0.0]
    while moments[-1] < SECONDS + 2 / PULSE.rate:
        if not 0 <= at + way < len(times):
            way = -way
        apart = abs(times[at + way] - times[at])
        apart = usual if apart > LONGEST_STEP else apart
        at += way
        entries.append(at)
        moments.append(moments[-1] + apart / speed)
    return np.array(entries), np.array(moments)


def _every_other(times: Times) -> NDArray[np.bool_]:
    """Leave out every other frame, but none beside a change of the box."""
    moves = np.diff(times, prepend=-1.0, append=times[-1] + 1.0) == 0
    beside = moves[:-1] | moves[1:]
    keep = np.ones(len(times), bool)
    plain = np.flatnonzero(~beside)
    keep[plain[1:-1:2]] = False
    return keep


def _continued(times: Times, count: int) -> Times:
    """Continue times after their end, with the last distance between frames or so."""
    further = times[-1] + np.arange(1, count - len(times) + 1) / PULSE.rate
    return np.concatenate([times, further])


def _uneven(times: Times, random: np.random.Generator) -> Times:
    """Return how far the heart is ahead of even beats at times (frames, faces), s."""
    faces = times.shape[1]
    ahead = np.zeros_like(times)
    for frequency, deviation in _AHEAD.items():
        size = deviation * random.standard_normal(faces)
        turn = random.random(faces)
        ahead += size * (np.sin(2 * np.pi * (frequency * times + turn)) - np.sin(2 * np.pi * turn))
    return ahead


def drawn_signals(clips: Clips, source: NetworkSource) -> WindowSignals:
    """Return the signals of drawn clips, from their beginning."""
    signals, pulse, beats, person = [], [], [], []
    moments = sample_times(SAMPLES)
    for i, clip in enumerate(clips.clips):
        frames = clips[i]
        if clip.heart_rate is None or np.ptp(frames.times) < SECONDS - 0.5:
            continue
        times = frames.times - frames.times[0]
        found = signals_of(as_float(frames.appearance), times, source)[:SAMPLES]
        short = SAMPLES - len(found)
        signals.append(np.pad(found, ((0, short), (0, 0)), "edge"))
        pulse.append(np.interp(moments, times, frames.pulse))
        rate = np.interp(moments, times, frames.heart_rate)
        beats.append(np.cumsum(rate) / 60 / PULSE.rate)
        person.append(clip.subject)
    if not signals:
        raise ValueError(f"{clips.folder}: no clip has a pulse and lasts {SECONDS:g} s")
    return WindowSignals(
        np.stack(signals).astype(np.float32),
        np.stack(pulse).astype(np.float32),
        np.stack(beats).astype(np.float32),
        person,
    )
