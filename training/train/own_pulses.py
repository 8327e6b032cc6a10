"""Learn from the pulse that people in videos have by themselves, which nobody has measured.

Two kinds of terms, each with a weight in the table [own] of a config:

- **Agreement.** Where the rates of the bundled teacher, POS and CHROM agree in a window of a
  carrier, the teacher's output is the label.
- **Sparse spectrum.** Terms without labels of Speth et al., "Non-Contrastive Unsupervised Learning
  of Physiological Signals from Video" (2023): the output has its power in the heart's band, in a
  single line, and the lines of a batch spread over the band.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from rppg_fast.evaluation.metrics import PULSE, peak_rate
from rppg_fast.methods import METHODS
from training.data.carriers import Carriers, steps
from training.data.clips import as_float
from training.data.standard_pulse import BAND
from training.evaluate.estimators import NetworkSource
from training.evaluate.window_signals import band_spectrum, changes_of, colors_of, uniform
from training.models.config import Config
from training.models.config_tables import Own
from training.train.band import band_correlation, transformed, windowed_waves
from training.train.carried import as_steps, runs_of_people

AGREE = 4.0
"""Rates that lie within so many bpm agree."""

SHORTEST = 5.0
"""Windows are not shorter, s; they are ``PULSE.window`` long where the video is."""

_STEP = 1.0  # between windows, s
_OPINIONS = ("pos", "chrom")
_OF_OWN = 2  # separates these random numbers from those of clips and of injected pulses
_LOW, _HIGH, _FINE = 0.3, 5.0, 0.1  # Hz; where the power is looked at, up to half of 10 frames/s
_LEAST = 1e-9  # added to a sum of powers that divides


class NoOwnPulses(ValueError):
    """No carrier has a run that can be learned from as it is."""


class OwnBatch(NamedTuple):
    """Runs of carriers as they are, on the device.

    Attributes
    ----------
    motion, appearance : Tensor
        float32, shape (runs * steps, 3, 36, 36), as in ``batches.Batch``.
    label, times : Tensor
        float32, shape (runs, steps): the teacher's output where rates agree, elsewhere 0; and the
        time since the run's first step, s.
    agreed : Tensor
        float32, shape (runs,): 1 for a run that is labelled, 0 for others.
    """

    motion: Tensor
    appearance: Tensor
    label: Tensor
    times: Tensor
    agreed: Tensor


class OwnRuns:
    """Draws runs of carriers as they are.

    A person is drawn uniformly, then a view of this person, then a run. If only agreement counts,
    only labelled runs are drawn. All random numbers follow from the seed and the step.

    Parameters
    ----------
    carriers
        Carriers of persons that may be used for training.
    config
        With the table [own].
    teacher
        The network whose output is the label.
    device
        Where batches are wanted.

    Raises
    ------
    ValueError
        If the config has no [own].
    NoOwnPulses
        If no carrier has a run that can be drawn.
    """

    def __init__(
        self, carriers: Carriers, config: Config, teacher: NetworkSource, device: torch.device
    ) -> None:
        if config.own is None:
            raise ValueError("the config has no [own]")
        self.config, self.own, self.carriers, self.device = config, config.own, carriers, device
        label = agreed_changes(carriers, teacher)
        # Sums up to each entry: of the labels, and of the steps without one.
        self.level = np.concatenate([[0.0], np.cumsum(np.nan_to_num(label))])
        self.unknown = np.concatenate([[0], np.cumsum(np.isnan(label))])
        only_labelled = self.own.sparse == 0
        self.people = runs_of_people(
            carriers, self.own.run, self.unknown if only_labelled else None
        )
        if not self.people:
            what = "no carrier has a run" + " in which the methods agree" * only_labelled
            raise NoOwnPulses(f"{carriers.clips.folder}: {what} of {self.own.run} steps")

    def __call__(self, step: int) -> OwnBatch:
        """Draw the runs of a step."""
        config, count = self.config, self.own.run
        random = np.random.default_rng((config.seed, step, _OF_OWN))
        chosen = [self._choose(*where) for where in random.random((self.own.runs, 4))]
        firsts, lengths = np.array(chosen).T
        frames = firsts[:, None] + lengths[:, None] * np.arange(count + 1)
        seen = as_float(self.carriers.clips.appearance[frames])
        mirror = random.random(len(frames)) < config.flip
        seen[mirror] = seen[mirror][..., ::-1]
        motion, earlier, moments = as_steps(seen, self.carriers.clips.times[frames], config.input)
        agreed = self.unknown[frames[:, -1]] == self.unknown[frames[:, 0]]
        # Over a step of several frames the pulse changes by the sum of their changes.
        label = np.where(agreed[:, None], np.diff(self.level[frames], axis=1), 0)
        return OwnBatch(
            motion.flatten(0, 1).to(self.device),
            earlier.flatten(0, 1).to(self.device),
            torch.from_numpy(label.astype(np.float32)).to(self.device),
            moments.to(self.device),
            torch.from_numpy(agreed.astype(np.float32)).to(self.device),
        )

    def _choose(self, person: float, view: float, length: float, where: float) -> tuple[int, int]:
        views = self.people[int(person * len(self.people))]
        chosen = views[int(view * len(views))]
        lengths = sorted(chosen.by_length)
        return chosen.choose(lengths[int(length * len(lengths))], where)


def agreed_changes(carriers: Carriers, teacher: NetworkSource) -> NDArray[np.float64]:
    """Return the teacher's output for each step of the carriers in windows where rates agree.

    Returns
    -------
    float64 (frames,)
        Entry i is the step from entry i of the cache to the next; NaN where rates do not agree, and
        0 where a box changes.
    """
    found = np.full(len(carriers.clips.times), np.nan)
    for i, clip in enumerate(tqdm(carriers.clips.clips, "own pulses", unit="view")):
        frames = carriers[i]
        times = frames.times - frames.times[0]
        if times[-1] < SHORTEST:
            continue
        seen, begins = as_float(frames.appearance), steps(frames.times)
        change = changes_of(seen, begins, teacher)
        pulse = uniform(np.cumsum(change)[:, None], times)[:, 0]
        colors = uniform(colors_of(seen, begins), times)
        for first, last in _windows(len(pulse)):
            waves = [pulse[first:last]]
            waves += [METHODS[name](colors[first:last], PULSE.rate) for name in _OPINIONS]
            rates = [peak_rate(band_spectrum(wave)) for wave in waves]
            if np.ptp(rates) <= AGREE:
                at = np.searchsorted(times, np.array([first, last]) / PULSE.rate)
                inside = slice(clip.start + int(at[0]), clip.start + int(at[1]) - 1)
                found[inside] = change[1:][int(at[0]) : int(at[1]) - 1]
    return found


def _windows(samples: int) -> list[tuple[int, int]]:
    """Return the first sample of each window, and the one after its last."""
    length = min(samples, round(PULSE.window * PULSE.rate))
    step = round(_STEP * PULSE.rate)
    firsts = [*range(0, samples - length, step), samples - length]  # the last one ends at the end
    return [(first, first + length) for first in firsts]


def own_terms(predicted: Tensor, batch: OwnBatch, settings: Own) -> tuple[Tensor, Tensor]:
    """Return the terms of agreement and of the sparse spectrum; 0 for one that has no weight.

    Parameters
    ----------
    predicted
        The network's output for ``batch``, shape (runs * steps,).
    """
    runs = predicted.view(batch.times.shape)
    agreement = sparse = torch.zeros((), device=predicted.device)
    if settings.agreement:
        correlation = band_correlation(runs, batch.label, batch.times)
        agreement = ((1 - correlation) * batch.agreed).sum() / batch.agreed.sum().clamp(min=1)
    if settings.sparse:
        sparse = sparse_spectrum(runs, batch.times)
    return agreement, sparse


def sparse_spectrum(predicted: Tensor, seconds: Tensor) -> Tensor:
    """Return the sum of three terms without labels, each 0 at best.

    Parameters
    ----------
    predicted, seconds : Tensor
        As in ``band_correlation``.

    Returns
    -------
    Tensor
        Scalar: the mean share of power outside the heart's band; the mean share of the power in
        the band that is not beside its highest peak; and the mean squared difference between the
        cumulative spectrum of all runs and that of power which is spread evenly over the band.
    """
    frequency = torch.arange(_LOW, _HIGH, _FINE, dtype=predicted.dtype, device=predicted.device)
    cosine, sine = transformed(predicted, windowed_waves(seconds, frequency))
    power = cosine.square() + sine.square()
    inside = (frequency >= BAND[0]) & (frequency <= BAND[1])
    outside = (power * ~inside).sum(1) / (power.sum(1) + _LEAST)
    in_band = power * inside
    share = in_band / (in_band.sum(1, keepdim=True) + _LEAST)
    with torch.no_grad():
        highest = frequency[in_band.argmax(1)]
        # Half of the width of a line after a Hann window.
        half = 2 / seconds[:, -1:]
        beside = (frequency - highest[:, None]).abs() > half
    spread = (share * beside).sum(1)
    even = inside.to(power.dtype) / inside.sum()
    uneven = (share.mean(0).cumsum(0) - even.cumsum(0))[inside].square().mean()
    return outside.mean() + spread.mean() + uneven
