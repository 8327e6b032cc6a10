"""The networks, in PyTorch. Only the student so far."""

from __future__ import annotations

import torch
from torch import Tensor, nn

STUDENT_PARAMETERS = 24_769
"""Trainable parameters of the student, as the paper counts them."""


class Student(nn.Module):
    """The paper's student: motion alone, two convolutions and one fully connected layer.

    Each 3x3 convolution is followed by batch normalisation, tanh and 2x2 average pooling
    (36 -> 18 -> 9); the last map, flattened in C, H, W order, is weighed into one number.

    Examples
    --------
    >>> Student()(torch.zeros(2, 3, 36, 36)).shape
    torch.Size([2])
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.norm1: nn.Module = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.norm2: nn.Module = nn.BatchNorm2d(64)
        self.fc = nn.Linear(64 * 9 * 9, 1)
        assert parameters(self) == STUDENT_PARAMETERS

    def maps(self, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Feature maps after each pooling.

        Parameters
        ----------
        motion : Tensor
            Float, shape (N, 3, 36, 36), RGB planes as `rppg_fast.motion` makes them.

        Returns
        -------
        middle, last : Tensor
            Shapes (N, 32, 18, 18) and (N, 64, 9, 9).
        """
        pool = nn.functional.avg_pool2d
        middle = pool(torch.tanh(self.norm1(self.conv1(motion))), 2)
        last = pool(torch.tanh(self.norm2(self.conv2(middle))), 2)
        return middle, last

    def forward(self, motion: Tensor) -> Tensor:
        """Predict the change of the pulse over each frame step.

        Parameters
        ----------
        motion : Tensor
            Float, shape (N, 3, 36, 36).

        Returns
        -------
        Tensor
            Shape (N,), in units of the training labels' standard deviation.
        """
        _, last = self.maps(motion)
        change: Tensor = self.fc(last.flatten(1))
        return change.squeeze(1)


def parameters(model: nn.Module) -> int:
    """Count the trainable parameters of a network."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
