"""What a run makes smaller: the loss of a network on its labels, or more than that."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.networks import Student, Teacher
from training.train.band import band_correlation
from training.train.batches import Batch


class Objective(nn.Module):
    """Equation 1: the mean squared error of the predicted change; and how well runs are read.

    The loss is ``(1 - band)`` times the error and ``band`` times what the mean `band_correlation`
    of the batch's runs lacks to 1.

    Parameters
    ----------
    model : Student or Teacher
        What is trained.
    band : float
        From 0, as in the paper, to 1.

    Attributes
    ----------
    terms : tuple of str
        Names of what `forward` returns; the first is "loss", what is made smaller.
    helper : nn.ModuleDict
        What is trained along and then thrown away; nothing here.
    """

    def __init__(self, model: Student | Teacher, band: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.band = band
        self.terms: tuple[str, ...] = ("loss", "error", "in_band") if band else ("loss",)
        self.helper = nn.ModuleDict()

    def forward(self, batch: Batch) -> Tensor:
        """Compute all terms: a tensor of shape (terms,), float32."""
        predicted = self.model(batch.motion, batch.appearance)
        return torch.stack(self.task(predicted.float(), batch)[: len(self.terms)])

    def task(self, predicted: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Compare predictions with the labels: the loss, the error and the correlation."""
        error = nn.functional.mse_loss(predicted, batch.label)
        if not self.band:
            return error, error.detach(), torch.zeros_like(error)
        correlation = band_correlation(
            predicted.view(-1, batch.run), batch.label.view(-1, batch.run), batch.times
        ).mean()
        loss = (1 - self.band) * error + self.band * (1 - correlation)
        return loss, error.detach(), correlation.detach()
