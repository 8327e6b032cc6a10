"""The objective of a training run: the loss of a network on its labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.networks import Student, Teacher
from training.train.band import band_correlation
from training.train.batches import Batch


class Objective(nn.Module):
    """Equation 1, the mean squared error of the predicted change, and the correlation of runs.

    The loss is ``(1 - band)`` times the error plus ``band`` times ``1 - c``, where ``c`` is the
    mean `band_correlation` of the runs in the batch.

    Parameters
    ----------
    model : Student or Teacher
        The network that is trained.
    band : float
        Weight of the correlation, from 0 (the paper's loss) to 1.

    Attributes
    ----------
    terms : tuple of str
        Names of the values that `forward` returns; the first is "loss", which is minimised.
    helper : nn.ModuleDict
        Layers that are trained together with the model and then dropped; empty here.
    """

    def __init__(self, model: Student | Teacher, band: float = 0.0) -> None:
        super().__init__()
        self.model = model
        self.band = band
        self.terms: tuple[str, ...] = ("loss", "error", "in_band") if band else ("loss",)
        self.helper = nn.ModuleDict()

    def forward(self, batch: Batch) -> Tensor:
        """Compute all terms, float32 of shape (terms,)."""
        predicted = self.model(batch.motion, batch.appearance)
        return torch.stack(self.task(predicted.float(), batch)[: len(self.terms)])

    def task(self, predicted: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss, the error and the correlation of predictions."""
        error = nn.functional.mse_loss(predicted, batch.label)
        if not self.band:
            return error, error.detach(), torch.zeros_like(error)
        correlation = band_correlation(
            predicted.view(-1, batch.run), batch.label.view(-1, batch.run), batch.times
        ).mean()
        loss = (1 - self.band) * error + self.band * (1 - correlation)
        return loss, error.detach(), correlation.detach()
