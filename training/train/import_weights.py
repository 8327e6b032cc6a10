"""Create a trainable student from a weights file."""

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
"""Lowest number of frame steps for the statistics; each step has hundreds of positions."""


class Statistics(nn.Module):
    """Passes maps (N, C, H, W) through unchanged, and measures mean and variance per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.count = 0
        self.sum = torch.zeros(channels, dtype=torch.float64)
        self.square = torch.zeros(channels, dtype=torch.float64)

    def forward(self, maps: Tensor) -> Tensor:
        """Add the maps to the statistics."""
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
    """Create the student of a weights file, with batch normalisation.

    Folding has removed the normalisation of the convolutions' outputs. Here each channel is
    normalised by its mean and deviation on the clips, and gain and shift of the batch normalisation
    undo this. In evaluation mode the function is that of the file; in training mode it is nearly
    the same, as far as a batch resembles the clips. The convolutions are scaled to outputs of unit
    deviation, so that a learning rate has the same effect as in a training from random weights.

    Parameters
    ----------
    weights : Path
        A file written by `training.models.export`.
    clips : Clips
        The clips with which training continues.
    config : Config
        Config of that training: kind of motion, and batches for the statistics.

    Returns
    -------
    Student
        In evaluation mode.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file does not hold a student, or one for another kind of motion, or if a channel is
        constant on the clips.
    """
    kind = rf.Student.load(weights).metadata["input"]  # raises ValueError if it is not a student
    if kind != config.input:
        raise ValueError(f"{weights}: made for input {kind!r}, the config says {config.input!r}")
    student = Student()
    student.norm1, student.norm2 = Statistics(32), Statistics(64)
    student.load_state_dict(safetensors.torch.load_file(weights))
    student.double()  # in float64 the order of additions (number of threads) has no effect
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
    """Return a batch normalisation that leaves the function unchanged; scale the convolution."""
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
