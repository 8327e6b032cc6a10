"""The running average of a network's weights while it is trained."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Model = TypeVar("Model", bound=nn.Module)

_FIRST = 10  # steps after which the average begins to reach further back


class Average(Generic[Model]):
    """An exponential average over steps of all weights and of batch normalisation's statistics.

    At first it averages over a tenth of the steps so far, so that it forgets the initial weights.

    Parameters
    ----------
    model : nn.Module
        The model that is trained; its weights are the first average.
    decay : float
        Share of the old average in the new one, below 1.
    """

    def __init__(self, model: Model, decay: float) -> None:
        self.decay = decay
        self.model = copy.deepcopy(model).eval().requires_grad_(False)

    def take(self, model: Model, step: int) -> None:
        """Add the weights after ``step`` steps to the average."""
        decay = min(self.decay, step / (_FIRST + step))
        with torch.no_grad():
            new = model.state_dict()
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(new[name], 1 - decay)
                else:
                    value.copy_(new[name])
