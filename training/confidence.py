"""Fit the confidence of a reading.

    python -m training.confidence --pulse CLIPS... --none CLIPS... --out csrc/confidence_weights.hpp

takes the peaks, right and wrong, in all windows of clips with a pulse and of clips without one
(``training.data.decoys``, and scenes without a pulse), and writes the small network that
``csrc/confidence.cpp`` runs. What it is worth on other clips: ``training.trust``.
"""

from __future__ import annotations

import argparse
import math
import sys
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from rppg_fast.student import BUNDLED_WEIGHTS
from training.command import command
from training.data.clips import Clips, Frames
from training.files import replace_file
from training.metrics import PULSE, mean
from training.readout import Floats, LevelStream, window_ends
from training.sources import NetworkSource, open_network

CLOSE = 3.0
"""A peak at most this far from the true rate is the heart's, bpm."""

FAR = 5.0
"""A peak further off is not; what lies between teaches nothing, bpm."""

LIMITS = (0.7, 0.75, 0.8, 0.85, 0.9)
"""Least confidences that cross-validation compares."""

FOLDS = 4
"""Of cross-validation, which tells the least confidence."""

HIDDEN = 24
STEPS = 200
WEIGHT_DECAY = 2e-5
FARTHEST = 3.0  # as kFarthest in csrc/confidence.cpp
MEMBERS = 8
"""Networks that are fitted; their mean logit is one network of so many times the hidden units."""


@dataclass(frozen=True)
class Candidates:
    """The peaks of some windows.

    Attributes
    ----------
    said : float64 (windows, peaks, items)
        What the witnesses say of each; NaN where a window has fewer peaks.
    rate : float64 (windows, peaks)
        Of the peak, bpm; NaN where there is none.
    error : float64 (windows, peaks)
        Likewise; infinite where there is no pulse.
    confidence : float64 (windows, peaks)
        Of the peak, by the engine as it is built; 0 where there is no peak.
    has_pulse : bool (windows,)
        Whether there is a pulse to be found.
    clip : int (windows,)
        Which clip the window is from.
    """

    said: Floats
    rate: Floats
    error: Floats
    confidence: Floats
    has_pulse: NDArray[np.bool_]
    clip: NDArray[np.int64]

    def where(self, chosen: NDArray[np.bool_]) -> Candidates:
        """Keep some windows, chosen by a mask."""
        return Candidates(*(getattr(self, field.name)[chosen] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """Join those of several sets of clips."""
        first = np.cumsum([0, *(part.clip.max() + 1 for part in parts)])
        clip = np.concatenate([part.clip + start for part, start in zip(parts, first)])
        return cls(
            np.concatenate([part.said for part in parts]),
            np.concatenate([part.rate for part in parts]),
            np.concatenate([part.error for part in parts]),
            np.concatenate([part.confidence for part in parts]),
            np.concatenate([part.has_pulse for part in parts]),
            clip,
        )


def candidates(source: NetworkSource, clips: Clips) -> Candidates:
    """Gather the peaks of all windows of some clips."""
    said, bpm, errors, confidences, has_pulse, index = [], [], [], [], [], []
    for i, clip in enumerate(tqdm(clips.clips, clips.folder.name, unit="clip", leave=False)):
        for true_rate, rates, sure, items in _windows(source, clips[i]):
            true = math.inf if clip.heart_rate is None else true_rate
            said.append(_padded(items, math.nan))
            bpm.append(_padded(60.0 * rates, math.nan))
            errors.append(np.abs(bpm[-1] - true))
            confidences.append(_padded(sure, 0.0))
            has_pulse.append(clip.heart_rate is not None)
            index.append(i)
    return Candidates(
        np.array(said),
        np.array(bpm),
        np.array(errors),
        np.array(confidences),
        np.array(has_pulse),
        np.array(index),
    )


def _padded(values: Floats, filling: float) -> Floats:
    """Fill up to the most peaks that there can be."""
    out = np.full((PULSE.peaks, *values.shape[1:]), filling)
    out[: len(values)] = values
    return out


def _windows(
    source: NetworkSource, frames: Frames
) -> Iterable[tuple[float, Floats, Floats, Floats]]:
    """Yield the true rate (bpm) and what ``candidates`` gives of every window of a clip."""
    ends = set(window_ends(frames.times))
    stream = LevelStream()
    for i, (value, time) in enumerate(zip(source.signal(frames), frames.times)):
        stream.take(value, time)
        if i in ends:
            inside = (frames.times > time - PULSE.window) & (frames.times <= time)
            yield (float(frames.heart_rate[inside].mean()), *stream.candidates())


@dataclass(frozen=True)
class Model:
    """A network of one hidden layer on standardised, clipped items."""

    mean: Floats
    deviation: Floats
    hidden_weights: Floats
    hidden_bias: Floats
    output_weights: Floats
    output_bias: float

    def __call__(self, said: Floats) -> Floats:
        """Give confidences; the arithmetic of csrc/confidence.cpp."""
        x = np.clip((said - self.mean) / self.deviation, -FARTHEST, FARTHEST)
        hidden = np.maximum(x @ self.hidden_weights.T + self.hidden_bias, 0)
        logit = hidden @ self.output_weights + self.output_bias
        return np.asarray(np.where(np.isfinite(said).all(-1), 1 / (1 + np.exp(-logit)), 0.0))


def fit(said: Floats, right: NDArray[np.bool_], seed: int) -> Model:
    """Fit to peaks that are the heart's and peaks that are not.

    Parameters
    ----------
    said
        Shape (peaks, items).
    right
        Shape (peaks,).
    seed
        Of the start.
    """
    mean_, deviation = said.mean(0), said.std(0) + 1e-9
    x = torch.from_numpy(np.clip((said - mean_) / deviation, -FARTHEST, FARTHEST))
    y = torch.from_numpy(right.astype(np.float64))
    members = [
        _fit_member(x, y, seed + k) for k in tqdm(range(MEMBERS), "fit", unit="net", leave=False)
    ]
    weights, bias, out, out_bias = zip(*members)
    return Model(
        mean_,
        deviation,
        np.concatenate(weights),
        np.concatenate(bias),
        np.concatenate([o[0] for o in out]) / MEMBERS,
        float(np.mean(out_bias)),
    )


def _fit_member(x: torch.Tensor, y: torch.Tensor, seed: int) -> list[Floats]:
    """Fit one network; gives weights and bias of the hidden layer, then of the output."""
    torch.manual_seed(seed)
    hidden, output = nn.Linear(x.shape[1], HIDDEN).double(), nn.Linear(HIDDEN, 1).double()
    parameters = [*hidden.parameters(), *output.parameters()]
    optimizer = torch.optim.LBFGS(parameters, max_iter=STEPS, line_search_fn="strong_wolfe")

    def loss() -> float:
        optimizer.zero_grad()
        logit = output(torch.relu(hidden(x)))[:, 0]
        misfit = nn.functional.binary_cross_entropy_with_logits(logit, y)
        decay = WEIGHT_DECAY * ((hidden.weight**2).sum() + (output.weight**2).sum())
        (misfit + decay).backward()  # type: ignore[no-untyped-call]
        return float((misfit + decay).detach())

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    return [parameter.detach().numpy() for parameter in parameters]


def as_header(model: Model, about: str) -> str:
    """Write the network as C++."""

    def row(values: Floats, suffix: str = "") -> str:
        return "{" + ", ".join(f"{value:#.8g}{suffix}" for value in values) + "}"

    # Of an item to all hidden units, which are worked out several at once.
    matrix = ",\n    ".join(row(values, "f") for values in model.hidden_weights.T)
    hidden = len(model.hidden_bias)
    comment = textwrap.fill(
        f"Written by training/confidence.py: do not edit. {about}",
        width=100,
        initial_indent="// ",
        subsequent_indent="// ",
    )
    return f"""{comment}
#pragma once

namespace rppg::confidence_weights {{

// clang-format off
constexpr int kHidden = {hidden};
constexpr double kMean[] = {row(model.mean)};
constexpr double kDeviation[] = {row(model.deviation)};
constexpr float kHiddenWeights[{len(model.mean)}][kHidden] = {{
    {matrix}}};
constexpr float kHiddenBias[] = {row(model.hidden_bias, "f")};
constexpr float kOutputWeights[] = {row(model.output_weights, "f")};
constexpr double kOutputBias = {model.output_bias:.8g};
// clang-format on

}}  // namespace rppg::confidence_weights
"""


def cross_validated(seen: Candidates, seed: int) -> Floats:
    """Give the confidence of every peak by networks that were fitted to other clips."""
    folds = np.random.default_rng(seed).integers(0, FOLDS, seen.clip.max() + 1)[seen.clip]
    confidence = np.empty(seen.error.shape)
    for fold in range(FOLDS):
        inside = folds == fold
        confidence[inside] = fit(*_examples(seen, ~inside), seed)(seen.said[inside])
    return confidence


def _examples(seen: Candidates, chosen: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """Give testimonies of peaks that are the heart's and that are not, and which they are."""
    error = seen.error[chosen]
    clear = (error < CLOSE) | (error > FAR)
    return seen.said[chosen][clear], error[clear] < CLOSE


def validation_table(
    names: Sequence[str], sets: Sequence[Candidates], best: Sequence[Floats]
) -> str:
    """Tell which windows would read ok, by cross-validated confidences of their best peaks.

    Of sets without a pulse the share of all windows, of others that of those whose highest peak is
    the heart's.
    """
    shares = [
        [mean(sure[_counted(seen)] >= limit) for limit in LIMITS] for seen, sure in zip(sets, best)
    ]
    lines = [
        f"{'pulse' if seen.has_pulse.all() else 'none':6s}{name:16s}{_counted(seen).sum():6d}"
        + "".join(f"{share:8.1%}" for share in row)
        for name, seen, row in zip(names, sets, shares)
    ]
    head = " " * 28 + "".join(f"{limit:8.2f}" for limit in LIMITS)
    return "\n".join([head, *lines]) + "\n"


def _counted(seen: Candidates) -> NDArray[np.bool_]:
    return np.asarray(~seen.has_pulse | (seen.error[:, 0] < CLOSE))


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.confidence", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--pulse", type=Path, nargs="+", required=True, help="clips with a pulse")
    parser.add_argument("--none", type=Path, nargs="+", required=True, help="clips without one")
    parser.add_argument("--source", default=str(BUNDLED_WEIGHTS), help="weights of the student")
    parser.add_argument("--out", type=Path, required=True, help="the C++ header to write")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    source = open_network(given.source)
    caches = [Clips.open(folder) for folder in (*given.pulse, *given.none)]
    sets = [candidates(source, clips) for clips in caches]
    seen = Candidates.joined(sets)
    model = fit(*_examples(seen, np.ones(len(seen.error), bool)), given.seed)
    about = (
        f"Student {source.about['sha256'][:12]}, clips "
        + ", ".join(clips.sha256[:12] for clips in caches)
        + f", seed {given.seed}."
    )
    replace_file(given.out, as_header(model, about).encode())
    best = cross_validated(seen, given.seed).max(axis=1)
    ends = np.cumsum([len(one.error) for one in sets])
    parts = np.split(best, ends[:-1])
    names = [clips.folder.name for clips in caches]
    print(validation_table(names, sets, parts), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
