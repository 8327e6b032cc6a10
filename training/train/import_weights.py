"""From a weights file back to a student that can be trained further."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

import rppg_fast as rf
from training.data.clips import Clips
from training.models.config import Config
from training.models.networks import Student
from training.support.parallel import Processes
from training.train.batches import Batches

SAMPLES = 512
"""Frame steps, at least, that the statistics are taken from; each has hundreds of positions."""


class Statistics(nn.Module):
    """Lets maps (N, C, H, W) pass as they are, and keeps each channel's mean and variance."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.count = 0
        self.sum = torch.zeros(channels, dtype=torch.float64)
        self.square = torch.zeros(channels, dtype=torch.float64)

    def forward(self, maps: Tensor) -> Tensor:
        """Count the maps in."""
        self.count += maps.numel() // maps.shape[1]
        self.sum += maps.sum((0, 2, 3))
        self.square += maps.square().sum((0, 2, 3))
        return maps

    @property
    def mean(self) -> Tensor:
        """Mean of each channel, (C,)."""
        return self.sum / self.count

    @property
    def deviation(self) -> Tensor:
        """Standard deviation of each channel, (C,)."""
        return torch.sqrt(self.square / self.count - self.mean.square())


def import_weights(weights: Path, clips: Clips, config: Config) -> Student:
    """Give the student of a weights file its batch normalisation back.

    Folding lost what the convolutions' outputs were normalised by. Here each channel of them is
    normalised by its own mean and deviation on the clips, and batch normalisation's gain and shift
    undo it: in evaluation mode the function is that of the file, and in training mode it is nearly
    so, as far as a batch is like the clips. The convolutions are scaled to outputs of unit
    deviation, so that a learning rate means to them what it means in a training from scratch.

    Parameters
    ----------
    weights : Path
        Written by `training.models.export`.
    clips : Clips
        What training will go on with.
    config : Config
        Of that training: gives the kind of motion, and the batches that are looked at.

    Returns
    -------
    Student
        In evaluation mode.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it does not hold a student, or one for another kind of motion, or a channel has the same
        value everywhere on the clips.
    """
    kind = rf.Student.load(weights).metadata["input"]  # refuses anything but a student
    if kind != config.input:
        raise ValueError(f"{weights}: made for input {kind!r}, the config says {config.input!r}")
    student = Student()
    student.norm1, student.norm2 = Statistics(32), Statistics(64)
    student.load_state_dict(safetensors.torch.load_file(weights))
    student.double()  # no trace of the order of additions, and so of the number of threads
    no_label = np.zeros(len(clips.pulse), np.float32)
    single = replace(config, run=1, band=0.0)
    batches = Batches(clips, single, no_label, torch.device("cpu"), Processes())
    with torch.no_grad():
        for step in range(math.ceil(SAMPLES / config.batch)):
            student(batches(step).motion.double())
        student.norm1 = _normalisation(student.conv1, student.norm1, clips)
        student.norm2 = _normalisation(student.conv2, student.norm2, clips)
    return student.float().eval()


def _normalisation(convolution: nn.Conv2d, seen: Statistics, clips: Clips) -> nn.BatchNorm2d:
    """Make the batch normalisation that leaves a convolution as it is; scales the convolution."""
    deviation = seen.deviation
    if not bool((deviation > 0).all()):
        raise ValueError(f"{clips.folder}: a channel of the student is constant on these clips")
    norm = nn.BatchNorm2d(len(deviation), dtype=torch.float64)
    assert convolution.bias is not None
    assert norm.running_mean is not None
    convolution.weight /= deviation.view(-1, 1, 1, 1)
    convolution.bias /= deviation
    norm.running_mean.copy_(seen.mean / deviation)
    norm.weight.copy_(deviation * math.sqrt(1 + norm.eps))  # the running variance is 1
    norm.bias.copy_(seen.mean)
    return norm
