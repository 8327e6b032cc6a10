"""Random batches of frame steps from a folder of clips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

import rppg_fast as rf
from training.data.clips import Clips, as_float
from training.models.config import Config
from training.support.parallel import Processes
from training.train.carried import CarriedRuns
from training.train.own_pulses import OwnBatch, OwnRuns

COPY_FRAMES = 16_384  # frames copied at a time when a cache moves into device memory
DEVICE_SHARE = 0.7  # largest share of the free device memory for a cache
DEVICE_BYTES = 2 * 2 * 3 * 36 * 36  # per frame there: motion and appearance in float16


@dataclass(frozen=True)
class Draw:
    """The random numbers of one step, one entry for each run of frame steps.

    Attributes
    ----------
    frame : NDArray[np.int64]
        The frame in the cache that the run begins with.
    flip, reverse : NDArray[np.bool_]
        Whether to mirror it left to right, and whether to play each of its steps backwards.
    """

    frame: NDArray[np.int64]
    flip: NDArray[np.bool_]
    reverse: NDArray[np.bool_]


class Batch(NamedTuple):
    """Samples on the device.

    Attributes
    ----------
    motion : Tensor
        float32, shape (batch, 3, 36, 36).
    appearance : Tensor
        float32, shape (batch, 3, 36, 36), from 0 to 1: each step's earlier frame.
    label : Tensor
        float32, shape (batch,), in units of the labels' standard deviation.
    times : Tensor
        float32, shape (runs, steps): when the steps of each run are, in seconds since its first.
        The samples of a run lie together.
    own : OwnBatch or None
        Runs without a known pulse beside these, if the config has a table [own].
    """

    motion: Tensor
    appearance: Tensor
    label: Tensor
    times: Tensor
    own: OwnBatch | None = None

    @property
    def run(self) -> int:
        """Give the number of steps in each run."""
        return self.times.shape[1]


class Batches:
    """The batch of any step, on the device.

    A clip is drawn uniformly and then a frame step of it, or a run of several that follow each
    other, so that clips of 60 frames per second do not outweigh those of 15. All random numbers
    follow from the seed and the step: a resumed run needs no random state to continue exactly. Of
    several processes each takes its part of the same batch.

    On a GPU the whole cache moves into device memory, in float16, where it fits; otherwise each
    batch is gathered from the memory-mapped file.

    Parameters
    ----------
    clips : Clips
        The training clips.
    config : Config
        Gives the kind of motion, the seed, the batch and the augmentation.
    label : NDArray[np.float32]
        What is to be predicted at each frame step of the clips, see `training.train.labels`.
    device : torch.device
        Where batches are wanted.
    processes : Processes
        Which part of each batch is ours.
    carried : CarriedRuns, optional
        Where the share of each batch comes from that the config's carriers have.
    own : OwnRuns, optional
        Where the runs without a known pulse come from.

    Raises
    ------
    ValueError
        If the batch cannot be shared out evenly, or a clip is shorter than a run.
    """

    def __init__(
        self,
        clips: Clips,
        config: Config,
        label: NDArray[np.float32],
        device: torch.device,
        processes: Processes,
        carried: CarriedRuns | None = None,
        own: OwnRuns | None = None,
    ) -> None:
        if config.batch % (processes.count * config.run):
            raise ValueError(
                f"{processes.count} processes cannot share a batch of {config.batch}"
                + f" in runs of {config.run}" * (config.run > 1)
            )
        self.config = config
        self.carried, self.own = carried, own
        share = config.carriers.share if carried is not None and config.carriers is not None else 0
        self.runs = config.batch // config.run
        self.carried_runs = round(share * self.runs)
        self.device = device
        self.part = slice(processes.rank, None, processes.count)
        self.start = np.array([clip.start for clip in clips.clips])
        self.length = np.array([clip.stop - clip.start - config.run for clip in clips.clips])
        if self.length.min() < 1:
            short = clips.clips[int(self.length.argmin())]
            raise ValueError(
                f"{clips.folder}: clip {short.name} is shorter than a run of {config.run} steps"
            )
        self.times = clips.times
        self.label = torch.from_numpy(label).to(device)
        self.stored = clips.appearance
        self.on_device: tuple[Tensor, Tensor] | None = None
        if device.type == "cuda" and _fits(len(clips.appearance), device):
            self.on_device = _copy(clips.appearance, config.input, device)

    def draw(self, step: int) -> Draw:
        """Draw the clips' runs of a step, for all processes together."""
        runs = self.runs - self.carried_runs
        random = np.random.default_rng((self.config.seed, step))
        clip = random.integers(len(self.start), size=runs)
        offset = (random.random(runs) * self.length[clip]).astype(np.int64)
        flip = random.random(runs) < self.config.flip
        reverse = random.random(runs) < self.config.reverse
        return Draw(self.start[clip] + offset, flip, reverse)

    def __call__(self, step: int) -> Batch:
        """Gather our samples of a step."""
        draw, run = self.draw(step), self.config.run
        frame = (draw.frame[self.part, None] + np.arange(run)).ravel()
        flip, reverse = (np.repeat(which[self.part], run) for which in (draw.flip, draw.reverse))
        motion, appearance = self._gather(frame, frame + reverse)
        sign = torch.from_numpy(np.where(reverse, np.float32(-1), np.float32(1))).to(self.device)
        motion = motion * sign.view(-1, 1, 1, 1)
        mirror = torch.from_numpy(flip).to(self.device).view(-1, 1, 1, 1)
        of_clips = Batch(
            torch.where(mirror, motion.flip(-1), motion),
            torch.where(mirror, appearance.flip(-1), appearance),
            self.label[torch.from_numpy(frame).to(self.device)] * sign,
            self._moments(frame.reshape(-1, run)),
        )
        if self.carried is None:
            return of_clips
        made = self.carried(step, self.carried_runs)
        ours = (one[self.part].to(self.device).flatten(0, 1) for one in made[:3])
        times = made[3][self.part].to(self.device)
        pairs = zip(of_clips[:4], (*ours, times))
        motion, appearance, label, moments = (torch.cat(pair) for pair in pairs)
        own = None if self.own is None else self.own(step)
        return Batch(motion, appearance, label, moments, own)

    def _moments(self, frame: NDArray[np.int64]) -> Tensor:
        middle = (self.times[frame] + self.times[frame + 1]) / 2
        return torch.from_numpy((middle - middle[:, :1]).astype(np.float32)).to(self.device)

    def _gather(
        self, frame: NDArray[np.int64], earlier: NDArray[np.int64]
    ) -> tuple[Tensor, Tensor]:
        if self.on_device is not None:
            motion, appearance = self.on_device
            at = torch.from_numpy(frame).to(self.device)
            return motion[at].float(), appearance[torch.from_numpy(earlier).to(self.device)].float()
        a, b = as_float(self.stored[frame]), as_float(self.stored[frame + 1])
        seen = np.where((earlier == frame)[:, None, None, None], a, b)
        moved = rf.motion(a, b, kind=self.config.input)
        return torch.from_numpy(moved).to(self.device), torch.from_numpy(seen).to(self.device)


def _fits(frames: int, device: torch.device) -> bool:
    free, _ = torch.cuda.mem_get_info(device)
    return frames * DEVICE_BYTES < DEVICE_SHARE * free


def _copy(stored: NDArray[np.uint16], kind: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Copy all frames, and the motion from each to the next; the motion of the last is zero."""
    motion = torch.zeros(stored.shape, dtype=torch.float16, device=device)
    appearance = torch.empty_like(motion)
    for start in tqdm(range(0, len(stored), COPY_FRAMES), desc="to device", unit="block"):
        block = as_float(stored[start : start + COPY_FRAMES + 1])
        moved = torch.from_numpy(rf.motion(block[:-1], block[1:], kind=kind))
        motion[start : start + len(moved)] = moved.to(device)
        seen = torch.from_numpy(block[:COPY_FRAMES])
        appearance[start : start + len(seen)] = seen.to(device)
    return motion, appearance
