"""The objective of a training run: the loss of a network on its labels."""

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
        The network that is trained.

    Attributes
    ----------
    terms : tuple of str
        Names of the values that `forward` returns; the first is "loss", which is minimised.
    helper : nn.ModuleDict
        Layers that are trained together with the model and then dropped; empty here.
    """

    terms: tuple[str, ...] = ("loss",)

    def __init__(self, model: Student | Teacher) -> None:
        super().__init__()
        self.model = model
        self.helper = nn.ModuleDict()

    def forward(self, batch: Batch) -> Tensor:
        """Compute all terms, float32 of shape (terms,)."""
        predicted = self.model(batch.motion, batch.appearance)
        return torch.stack([nn.functional.mse_loss(predicted.float(), batch.label)])
