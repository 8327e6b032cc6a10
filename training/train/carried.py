"""Frame steps of carriers with a pulse in them, made anew for each batch."""

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
from training.models.config import Config
from training.synthetic.parameters import Law
from training.synthetic.skin_pulses import draw_pulses, put_into_steps

LEAST_SKIN = 0.05
"""A step that shows less skin, as a share of the box in both frames, is left out."""

SLOWEST = 10.0
"""Frames are left out of a video only as far as so many a second are left, Hz."""

_FULL = 255  # of a mask
_OF_CARRIERS = 1  # keeps their random streams apart from those of clips


@dataclass(frozen=True)
class Begins:
    """Where the steps of one view begin in the cache.

    Attributes
    ----------
    by_length : dict of int to int64 array
        By the number of frames that a step is long.
    """

    by_length: Mapping[int, NDArray[np.int64]]

    def choose(self, length: int, where: float) -> tuple[int, int]:
        """Choose a step of some frames, or of one where there is none; gives begin and end."""
        length = length if length in self.by_length else 1
        begins = self.by_length[length]
        begin = int(begins[int(where * len(begins))])
        return begin, begin + length


class CarriedSteps:
    """Batches of carriers' frame steps.

    A person is drawn uniformly, then a view of this person, then a step of it. All random numbers
    follow from the seed and the step.

    Parameters
    ----------
    carriers
        Of people that may be trained on.
    config
        Its ``carriers`` says what is drawn.
    unit
        What labels are divided by, as for clips: see ``training.train.labels``.

    Raises
    ------
    ValueError
        If a carrier shows a person of the test part, the config has no carriers, or no view has a
        step that shows skin.
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
        people: dict[str, list[Begins]] = {}
        for i, clip in enumerate(carriers.clips.clips):
            begins = _begins(carriers, i)
            if begins.by_length:
                people.setdefault(clip.subject, []).append(begins)
        self.people = list(people.values())
        if not self.people:
            raise ValueError(f"{carriers.clips.folder}: no carrier has a step that shows skin")

    def __call__(self, step: int, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """Make ``count`` samples: motion, appearance and label, as in ``batches.Batch``."""
        seed = self.config.seed
        random = np.random.default_rng((seed, step, _OF_CARRIERS))
        pulses = draw_pulses(self.ranges, seed, step, count)
        chosen = np.array(
            [
                self._choose(int(length), *where)
                for length, where in zip(pulses["frames"], random.random((count, 3)))
            ]
        ).T
        times, cache = self.carriers.clips.times, self.carriers.clips.appearance
        seen = np.stack([as_float(cache[frames]) for frames in chosen])
        mask = np.stack([self.carriers.mask[frames] for frames in chosen]) / np.float32(_FULL)
        seen, change = put_into_steps(
            seen, mask, times[chosen[1]] - times[chosen[0]], pulses, random
        )
        mirror = random.random(count) < self.config.flip
        seen[:, mirror] = seen[:, mirror][..., ::-1]
        motion = rf.motion(seen[0], seen[1], kind=self.config.input)
        label = change * pulses["amplitude"] ** self.config.label_power / self.unit
        return (
            torch.from_numpy(motion),
            torch.from_numpy(seen[0]),
            torch.from_numpy(label.astype(np.float32)),
        )

    def _choose(self, length: int, person: float, view: float, where: float) -> tuple[int, int]:
        views = self.people[int(person * len(self.people))]
        return views[int(view * len(views))].choose(length, where)


def _begins(carriers: Carriers, i: int) -> Begins:
    """List the steps of a view that show skin."""
    clip, frames = carriers.clips.clips[i], carriers[i]
    skin = frames.mask.mean((1, 2)) >= LEAST_SKIN * _FULL
    found = {}
    for length in range(1, max(1, int(clip.fps / SLOWEST)) + 1):
        begins = steps(frames.times, length)
        begins = begins[skin[begins] & skin[begins + length]]
        if begins.size:
            found[length] = clip.start + begins
    return Begins(found if 1 in found else {})
