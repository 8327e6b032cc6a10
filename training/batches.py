"""Random batches of frame steps from a folder of clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from training.config import Config
from training.data.clips import Clips

COPY_FRAMES = 16_384  # frames copied at a time when a cache moves into device memory
DEVICE_SHARE = 0.7  # of the free device memory that a cache may take


@dataclass(frozen=True)
class Draw:
    """The random numbers of one step, one entry for each sample.

    Attributes
    ----------
    frame : NDArray[np.int64]
        Frame step in the cache.
    flip, reverse : NDArray[np.bool_]
        Whether to mirror it left to right, and whether to play it backwards.
    """

    frame: NDArray[np.int64]
    flip: NDArray[np.bool_]
    reverse: NDArray[np.bool_]


class Batches:
    """The batch of any step, on the device.

    A clip is drawn uniformly and then a frame step of it, so that clips of 60 frames per
    second do not outweigh those of 15. All random numbers follow from the seed and the step:
    a resumed run needs no random state to continue exactly.

    On a GPU the whole cache moves into device memory where it fits; otherwise each batch is
    gathered from the memory-mapped file.

    Parameters
    ----------
    clips : Clips
        The training clips.
    config : Config
        Gives the seed, the batch and the augmentation.
    label : NDArray[np.float32]
        What is to be predicted at each frame step of the clips, see `training.labels`.
    device : torch.device
        Where batches are wanted.
    """

    def __init__(
        self, clips: Clips, config: Config, label: NDArray[np.float32], device: torch.device
    ) -> None:
        self.config = config
        self.device = device
        self.start = np.array([clip.start for clip in clips.clips])
        self.length = np.array([clip.stop - clip.start for clip in clips.clips])
        self.label = torch.from_numpy(label).to(device)
        self.motion: Tensor | NDArray[np.float16] = clips.motion
        if device.type == "cuda" and _fits(clips.motion.nbytes, device):
            self.motion = _copy(clips.motion, device)

    def draw(self, step: int) -> Draw:
        """Draw the samples of a step."""
        batch = self.config.batch
        random = np.random.default_rng((self.config.seed, step))
        clip = random.integers(len(self.start), size=batch)
        offset = (random.random(batch) * self.length[clip]).astype(np.int64)
        flip = random.random(batch) < self.config.flip
        reverse = random.random(batch) < self.config.reverse
        return Draw(self.start[clip] + offset, flip, reverse)

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        """Gather the samples of a step.

        Returns
        -------
        motion : Tensor
            float32, shape (batch, 3, 36, 36).
        label : Tensor
            float32, shape (batch,), in units of the labels' standard deviation.
        """
        draw = self.draw(step)
        frame = torch.from_numpy(draw.frame).to(self.device)
        flip = torch.from_numpy(draw.flip).to(self.device)
        sign = torch.from_numpy(np.where(draw.reverse, np.float32(-1), np.float32(1)))
        sign = sign.to(self.device)
        if isinstance(self.motion, Tensor):
            motion = self.motion[frame]
        else:
            motion = torch.from_numpy(np.asarray(self.motion[draw.frame])).to(self.device)
        motion = motion.float() * sign.view(-1, 1, 1, 1)
        motion = torch.where(flip.view(-1, 1, 1, 1), motion.flip(-1), motion)
        return motion, self.label[frame] * sign


def _fits(size: int, device: torch.device) -> bool:
    free, _ = torch.cuda.mem_get_info(device)
    return size < DEVICE_SHARE * free


def _copy(motion: NDArray[np.float16], device: torch.device) -> Tensor:
    copy = torch.empty(motion.shape, dtype=torch.float16, device=device)
    for start in tqdm(range(0, len(motion), COPY_FRAMES), desc="to device", unit="block"):
        block = np.array(motion[start : start + COPY_FRAMES])
        copy[start : start + len(block)] = torch.from_numpy(block)
    return copy
