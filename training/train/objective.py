"""The objective of a training run: the loss of a network on its labels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.models.config_tables import Own
from training.models.networks import Student, Teacher
from training.train.band import band_correlation
from training.train.batches import Batch
from training.train.own_pulses import own_terms


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
    own : Own, optional
        Weights of the terms of runs without a known pulse, which are added to the loss.

    Attributes
    ----------
    terms : tuple of str
        Names of the values that `forward` returns; the first is "loss", which is minimised.
    helper : nn.ModuleDict
        Layers that are trained together with the model and then dropped; empty here.
    done : float
        Share of the steps that are done; set before each step.
    """

    TASK = ("loss", "error", "in_band")
    OWN = ("own_agreement", "own_sparse")

    def __init__(self, model: Student | Teacher, band: float = 0.0, own: Own | None = None) -> None:
        super().__init__()
        self.model = model
        self.band = band
        self.own = own
        names: tuple[str, ...] = self.TASK if band else self.TASK[:1]
        self.terms = names + self.OWN * (own is not None)
        self.helper = nn.ModuleDict()
        self.done = 0.0

    def forward(self, batch: Batch) -> Tensor:
        """Compute all terms, float32 of shape (terms,)."""
        predicted = self.model(batch.motion, batch.appearance)
        values = dict(zip(self.TASK, self.task(predicted.float(), batch)))
        values = self.with_own(values, batch)
        return torch.stack([values[name] for name in self.terms])

    def with_own(self, values: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Add the terms of the runs without a known pulse, and their part of the loss."""
        if self.own is None:
            return values
        assert batch.own is not None
        predicted = self.model(batch.own.motion, batch.own.appearance)
        agreement, sparse = own_terms(predicted.float(), batch.own, self.own)
        loss = values["loss"] + self.own.agreement * agreement + self.own.sparse * sparse
        return {**values, "loss": loss, **dict(zip(self.OWN, (agreement, sparse)))}

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
