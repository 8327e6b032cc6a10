"""Fit the confidence of a window's peak and of a recording's track."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from training.confidence.candidates import Candidates
from training.confidence.sets import (
    CLOSE,
    FAR,
    REAL_WEIGHT,
    SILENT_WEIGHT,
    Examples,
    weighed_peaks,
)
from training.confidence.tracks import tracks
from training.evaluate.windows import Floats
from training.support.rounding import multiples

FOLDS = 5
"""Number of folds of the cross-validation that supports the choice of the lowest confidence."""

HIDDEN = 24
STEPS = 60
WEIGHT_DECAY = 2e-4
FARTHEST = 3.0  # as kFarthest in csrc/reading/confidence.cpp
BITS = 16
"""Bits of a weight of the hidden layer in the engine."""

MEMBERS = 8
"""Number of fitted networks; the mean of their logits is one network of MEMBERS x HIDDEN units."""


@dataclass(frozen=True)
class Model:
    """A network with one hidden layer on standardised, clipped features.

    The hidden weights of a fitted model are rounded to ``BITS`` bits, as the engine has them.
    """

    mean: Floats
    deviation: Floats
    hidden_weights: Floats
    hidden_bias: Floats
    output_weights: Floats
    output_bias: float

    def __call__(self, features: Floats) -> Floats:
        """Return confidences, with the arithmetic of csrc/reading/confidence.cpp."""
        x = np.clip((features - self.mean) / self.deviation, -FARTHEST, FARTHEST)
        hidden = np.maximum(x @ self.hidden_weights.T + self.hidden_bias, 0)
        logit = hidden @ self.output_weights + self.output_bias
        return np.asarray(np.where(np.isfinite(features).all(-1), 1 / (1 + np.exp(-logit)), 0.0))


def fit(
    features: Floats, right: NDArray[np.bool_], weight: Floats, seed: int, members: int = MEMBERS
) -> Model:
    """Fit a network that separates peaks of the heart from other peaks.

    Parameters
    ----------
    features
        Shape (peaks, items).
    right, weight
        Shape (peaks,).
    seed
        Seed of the initial weights.
    members
        Number of networks that are fitted.
    """
    weight = weight / weight.sum()
    mean_ = weight @ features
    deviation = np.sqrt(weight @ (features - mean_) ** 2) + 1e-9
    # The engine stores the weights in single precision; fitting in it takes half the time.
    bounded = np.clip((features - mean_) / deviation, -FARTHEST, FARTHEST)
    x, y, w = (torch.from_numpy(one.astype(np.float32)) for one in (bounded, right, weight))
    found = [
        _fit_member(x, y, w, seed + k) for k in tqdm(range(members), "fit", unit="net", leave=False)
    ]
    weights, bias, out, out_bias = zip(*found)
    whole, unit = multiples(np.concatenate(weights), BITS)
    return Model(
        mean_,
        deviation,
        np.asarray(whole * unit, np.float64),
        np.concatenate(bias),
        np.concatenate([o[0] for o in out]) / members,
        float(np.mean(out_bias)),
    )


def _fit_member(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, seed: int) -> list[Floats]:
    """Fit one network; return weights and bias of the hidden layer, then of the output layer."""
    torch.manual_seed(seed)
    hidden, output = nn.Linear(x.shape[1], HIDDEN), nn.Linear(HIDDEN, 1)
    parameters = [*hidden.parameters(), *output.parameters()]
    optimizer = torch.optim.LBFGS(parameters, max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        logit = output(torch.relu(hidden(x)))[:, 0]
        misfit = nn.functional.binary_cross_entropy_with_logits(logit, y, w, reduction="sum")
        decay = WEIGHT_DECAY * ((hidden.weight**2).sum() + (output.weight**2).sum())
        (misfit + decay).backward()  # type: ignore[no-untyped-call]
        return float((misfit + decay).detach())

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return [parameter.detach().double().numpy() for parameter in parameters]


def cross_validated(seen: Candidates, real: NDArray[np.bool_], seed: int) -> Floats:
    """Return confidences of all peaks, from networks fitted to other people and clips."""
    persons, number = np.unique(seen.person, return_inverse=True)
    folds = np.random.default_rng(seed).integers(0, FOLDS, len(persons))[number]
    confidence = np.zeros(seen.error.shape)
    for fold in range(FOLDS):
        inside = folds == fold
        if inside.any():
            model = fit(*weighed_peaks(seen.where(~inside), real[~inside]), seed, members=2)
            confidence[inside] = model(seen.features[inside])
    return confidence


@dataclass(frozen=True)
class TrackModel:
    """The confidence of a whole recording: logistic regression on the features of its track.

    It is at most the highest confidence of a window, which is the last feature.
    """

    weights: Floats
    bias: float

    def __call__(self, evidence: Floats) -> Floats:
        """Return confidences, with the arithmetic of csrc/reading/confidence.cpp."""
        fitted = 1 / (1 + np.exp(-(evidence[:, :-1] @ self.weights + self.bias)))
        return np.asarray(np.minimum(fitted, evidence[:, -1]))


def fit_tracks(examples: Examples, confidence: Floats) -> TrackModel:
    """Fit the confidence of recordings, from cross-validated confidences of their windows."""
    ends = np.cumsum([len(one.ok) for one in examples.sets])
    known, right, weight = [], [], []
    for real, seen, sure in zip(examples.real, examples.sets, np.split(confidence, ends[:-1])):
        evidence, rates, true = tracks(seen, sure)
        error = np.abs(rates - true)
        clear = (error < CLOSE) | (error > FAR)
        known.append(evidence[clear])
        right.append(error[clear] < CLOSE)
        silent = ~np.isfinite(true[clear])
        of_set = REAL_WEIGHT if real else 1 - REAL_WEIGHT
        weight.append(of_set * np.where(silent, SILENT_WEIGHT, 1.0))
    x = torch.from_numpy(np.concatenate(known)[:, :-1])
    y = torch.from_numpy(np.concatenate(right).astype(np.float64))
    share = np.concatenate(weight)
    of_real = np.concatenate(
        [np.full(len(part), real) for part, real in zip(weight, examples.real)]
    )
    for kind in (of_real, ~of_real):
        share[kind] /= max(1, kind.sum())
    w = torch.from_numpy(share / share.sum())
    # A larger feature must never lower the confidence: the weights are squares.
    roots = torch.full((x.shape[1],), 0.5, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([roots, bias], max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        logit = x @ roots**2 + bias
        value = nn.functional.binary_cross_entropy_with_logits(logit, y, w, reduction="sum")
        value.backward()  # type: ignore[no-untyped-call]
        return float(value.detach())

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return TrackModel((roots**2).detach().numpy(), float(bias.detach()))
