"""Make runs of frame steps of carriers with a pulse, new ones for each batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import rppg_fast as rf
from training.data.carriers import Carriers, steps
from training.data.catalogue import names_of_part
from training.data.clips import as_float
from training.data.trajectories import Times
from training.models.config import Config
from training.synthetic.parameters import Law
from training.synthetic.skin_pulses import draw_pulses, put_into_runs

LEAST_SKIN = 0.05
"""A run is left out if its first or last frame shows less skin, as a share of the box."""

SLOWEST = 10.0
"""Lowest frame rate that remains when frames of a video are left out, Hz."""

_FULL = 255  # of a mask
_OF_CARRIERS = 1  # separates the random numbers of carriers from those of clips


@dataclass(frozen=True)
class Begins:
    """Where the runs of one view begin in the cache.

    Attributes
    ----------
    by_length : dict of int to int64 array
        First entries of the runs, by the length of their steps in frames.
    """

    by_length: Mapping[int, NDArray[np.int64]]

    def choose(self, length: int, where: float) -> tuple[int, int]:
        """Choose a run with steps of ``length`` frames, or of one frame if there is none.

        Returns its first entry, and the length of its steps in frames.
        """
        length = length if length in self.by_length else 1
        begins = self.by_length[length]
        return int(begins[int(where * len(begins))]), length


class CarriedRuns:
    """Makes batches of runs of frame steps of carriers.

    A person is drawn uniformly, then a view of this person, then a run of it. All random numbers
    follow from the seed and the step.

    Parameters
    ----------
    carriers
        Carriers of persons that may be used for training.
    config
        Its ``carriers`` describes what is drawn at random.
    unit
        Divisor of the labels, as for clips: see ``training.train.labels``.

    Raises
    ------
    ValueError
        If a carrier shows a person of the test part, the config has no carriers, or no view has a
        run that shows skin.
    """

    def __init__(self, carriers: Carriers, config: Config, unit: float) -> None:
        if config.carriers is None:
            raise ValueError("the config has no [carriers], which says how they are used")
        tested = names_of_part("test")
        for clip in carriers.clips.clips:
            if clip.scene["video"] in tested:
                raise ValueError(
                    f"{carriers.clips.folder}: {clip.scene['video']} shows a person of the test"
                    " part, whom nobody trains on"
                )
        self.config, self.carriers, self.unit = config, carriers, unit
        self.ranges: Mapping[str, Law] = config.carriers.laws()
        self.people = runs_of_people(carriers, config.run)
        if not self.people:
            raise ValueError(f"{carriers.clips.folder}: no carrier has a run that shows skin")

    def __call__(self, step: int, runs: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Make a batch of runs.

        Returns
        -------
        motion, appearance : Tensor
            float32, shape (runs, steps, 3, 36, 36), as in ``batches.Batch``.
        label, times : Tensor
            float32, shape (runs, steps): the change of the pulse, in the unit of labels, and the
            time since the run's first step, s.
        """
        config = self.config
        random = np.random.default_rng((config.seed, step, _OF_CARRIERS))
        pulses = draw_pulses(self.ranges, config.seed, step, runs)
        begin, length = np.array(
            [
                self._choose(int(wanted), *where)
                for wanted, where in zip(pulses["frames"], random.random((runs, 3)))
            ]
        ).T
        frames = begin + length * np.arange(config.run + 1)[:, None]
        times = self.carriers.clips.times[frames]
        seen = as_float(self.carriers.clips.appearance[frames])
        mask = self.carriers.mask[frames] / np.float32(_FULL)
        seen, change = put_into_runs(seen, mask, times - times[0], pulses, random)
        mirror = random.random(runs) < config.flip
        seen[:, mirror] = seen[:, mirror][..., ::-1]
        seen = np.ascontiguousarray(seen.swapaxes(0, 1))  # runs first, their steps together
        motion, earlier, moments = as_steps(seen, times.T, config.input)
        label = change.T * pulses["amplitude"][:, None] ** config.label_power / self.unit
        return motion, earlier, torch.from_numpy(label.astype(np.float32)), moments

    def _choose(self, length: int, person: float, view: float, where: float) -> tuple[int, int]:
        views = self.people[int(person * len(self.people))]
        return views[int(view * len(views))].choose(length, where)


def as_steps(seen: NDArray[np.float32], times: Times, kind: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return the steps between the frames of some runs.

    Parameters
    ----------
    seen : (runs, frames, 3, 36, 36)
        The frames, from 0 to 1.
    times : (runs, frames)
        In seconds.
    kind
        Of motion, as in ``rppg_fast.motion``.

    Returns
    -------
    motion, earlier : Tensor
        float32, shape (runs, steps, 3, 36, 36); the latter is the earlier frame of each step.
    moments : Tensor
        float32, shape (runs, steps): the middle of each step since that of the run's first, s.
    """
    earlier, later = (np.ascontiguousarray(part) for part in (seen[:, :-1], seen[:, 1:]))
    motion = rf.motion(earlier, later, kind=kind)
    middle = (times[:, 1:] + times[:, :-1]) / 2
    moments = (middle - middle[:, :1]).astype(np.float32)
    return torch.from_numpy(motion), torch.from_numpy(earlier), torch.from_numpy(moments)


def runs_of_people(
    carriers: Carriers, run: int, unknown: NDArray[np.int64] | None = None
) -> list[list[Begins]]:
    """List the runs of each view of each person that show skin in their first and last frame.

    Parameters
    ----------
    carriers
        The carriers.
    run
        Steps of a run.
    unknown : (frames,), optional
        For each entry of the cache the number of steps without a label before it; runs with such
        steps are left out.
    """
    people: dict[str, list[Begins]] = {}
    for i, clip in enumerate(carriers.clips.clips):
        begins = _begins(carriers, i, run, unknown)
        if begins.by_length:
            people.setdefault(clip.subject, []).append(begins)
    return list(people.values())


def _begins(carriers: Carriers, i: int, run: int, unknown: NDArray[np.int64] | None) -> Begins:
    clip, frames = carriers.clips.clips[i], carriers[i]
    skin = frames.mask.mean((1, 2)) >= LEAST_SKIN * _FULL
    found = {}
    for length in range(1, max(1, int(clip.fps / SLOWEST)) + 1):
        begins = steps(frames.times, length * run)
        ends = begins + length * run
        chosen = skin[begins] & skin[ends]
        if unknown is not None:
            chosen &= unknown[clip.start + begins] == unknown[clip.start + ends]
        if chosen.any():
            found[length] = clip.start + begins[chosen]
    return Begins(found if 1 in found else {})
