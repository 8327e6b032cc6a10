"""The target-aware transformer's distance between two feature maps: equations 2 and 3.

Lin et al., "Knowledge Distillation via the Target-Aware Transformer" (2022), in the form that the
paper prints, with options for the choices that it leaves open.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.models.config_tables import Distillation
from training.support.parallel import mean_and_variance

_SMALLEST_DEVIATION = 1e-5  # a channel that is constant over a batch becomes zero
_FITTED_TO = 8  # maps of a batch to which a temperature is fitted
_TEMPERATURES = (1e-3, 1e4)  # among which it is looked for
_HALVINGS = 20  # to 1e-5 of its value


def embed(maps: Tensor) -> Tensor:
    """Reshape a feature map to a matrix E: from (N, C, H, W) to (N, positions, channels)."""
    return maps.flatten(2).transpose(1, 2)


def standardise(embedding: Tensor) -> Tensor:
    """Scale each channel to zero mean and unit deviation over batch and positions, same shape.

    With several processes, mean and deviation are taken over all their batches.
    """
    mean, variance = mean_and_variance(embedding, (0, 1))
    return (embedding - mean) / torch.sqrt(variance + _SMALLEST_DEVIATION**2)


def attention(student: Tensor, teacher: Tensor, orientation: str, temperature: float) -> Tensor:
    """Return softmax(E_S E_T^T), the weights of equation 2.

    Parameters
    ----------
    student, teacher : Tensor
        E_S and E_T, shape (N, positions, channels).
    orientation : str
        "literal": a row belongs to a position of the student and is a softmax over the teacher's.
        "target": a row belongs to a position of the teacher and is a softmax over the student's.
    temperature : float
        Divisor of the logits.

    Returns
    -------
    Tensor
        Shape (N, positions, positions); rows sum to 1.
    """
    rows, columns = (student, teacher) if orientation == "literal" else (teacher, student)
    return torch.softmax(rows @ columns.transpose(1, 2) / temperature, dim=2)


def fitted_temperature(student: Tensor, teacher: Tensor, orientation: str, share: float) -> float:
    """Find the temperature at which the weights of equation 2 have a given entropy.

    The entropy grows with the temperature; it is found by halving an interval of its logarithm.

    Parameters
    ----------
    student, teacher, orientation
        As in `attention`; the first `_FITTED_TO` of a batch are looked at.
    share
        Mean entropy of a row over that of equal weights, above 0 and below 1.
    """
    with torch.no_grad():
        student, teacher = student[:_FITTED_TO], teacher[:_FITTED_TO]
        low, high = _TEMPERATURES
        for _ in range(_HALVINGS):
            middle = math.sqrt(low * high)
            weights = attention(student, teacher, orientation, middle)
            entropy = float(torch.special.entr(weights).sum(2).mean())
            if entropy < share * math.log(weights.shape[2]):
                low = middle
            else:
                high = middle
    return math.sqrt(low * high)


def distance(student: Tensor, teacher: Tensor, settings: Distillation) -> tuple[Tensor, Tensor]:
    """Return L_dist of equation 3, the distance between the maps of a student and its teacher.

    Parameters
    ----------
    student, teacher : Tensor
        Embeddings of one shape (N, positions, channels).
    settings : Distillation
        Orientation, temperature or entropy, features and distance.

    Returns
    -------
    loss : Tensor
        Mean over the batch, a scalar.
    spread : Tensor
        Effective share of the positions that the attention weighs: the exponential of its entropy
        divided by their number. 1 means a plain average, 1 / positions a single one. No gradient.
    """
    if settings.features == "standard":
        student, teacher = standardise(student), standardise(teacher)
    orientation, temperature = settings.orientation, settings.temperature
    if settings.entropy:
        temperature = fitted_temperature(student, teacher, orientation, settings.entropy)
    weights = attention(student, teacher, orientation, temperature)
    gathered = weights @ student
    if settings.distance == "cosine":
        loss = 1 - torch.cosine_similarity(gathered, teacher, dim=2).mean()
    elif settings.distance == "norm":
        loss = torch.linalg.vector_norm(gathered - teacher, dim=(1, 2)).mean()
    else:
        loss = (gathered - teacher).square().mean()
    with torch.no_grad():
        entropy = torch.special.entr(weights).sum(2).mean()
        spread = torch.exp(entropy - math.log(weights.shape[2]))
    return loss, spread
