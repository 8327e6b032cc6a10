"""What a run makes smaller: the loss of a network on its labels, or more than that."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.networks import Student, Teacher
from training.train.batches import Batch


class Objective(nn.Module):
    """Equation 1: the mean squared error of the predicted change.

    Parameters
    ----------
    model : Student or Teacher
        What is trained.

    Attributes
    ----------
    terms : tuple of str
        Names of what `forward` returns; the first is "loss", what is made smaller.
    helper : nn.ModuleDict
        What is trained along and then thrown away; nothing here.
    """

    terms: tuple[str, ...] = ("loss",)

    def __init__(self, model: Student | Teacher) -> None:
        super().__init__()
        self.model = model
        self.helper = nn.ModuleDict()

    def forward(self, batch: Batch) -> Tensor:
        """Compute all terms: a tensor of shape (terms,), float32."""
        predicted = self.model(batch.motion, batch.appearance)
        return torch.stack([nn.functional.mse_loss(predicted.float(), batch.label)])
