"""Fit the confidence of a reading.

    python -m training.confidence --videos FOLDERS... --pulse CLIPS... --none CLIPS... \\
        --out csrc/confidence_weights.hpp

takes the peaks, right and wrong, in windows of real videos with a pulse put into the skin and
without one (``training.data.inject``), and of synthetic clips with a pulse and without one
(``training.data.trials``), and writes the small networks that ``csrc/confidence.cpp`` runs: one for
the methods that use the student, one for the classical methods. What they are worth on other people
and clips: ``training.trust`` and ``training.real``.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from rppg_fast.monitor import BOX_SCALE
from rppg_fast.student import BUNDLED_WEIGHTS
from training.candidates import (
    VARIANTS,
    Candidates,
    candidates_in_clips,
    candidates_in_videos,
    filmed_truths,
)
from training.command import command
from training.data.clips import Clips
from training.files import replace_file
from training.metrics import mean
from training.readout import Floats
from training.sources import MethodSource, open_network

CLOSE = 3.0
"""A peak at most this far from the true rate is the heart's, bpm."""

FAR = 5.0
"""A peak further off is not; what lies between teaches nothing, bpm."""

LIMITS = (0.6, 0.7, 0.75, 0.8, 0.9)
"""Least confidences that cross-validation compares."""

FOLDS = 5
"""Of cross-validation, which tells the least confidence."""

FAMILIES = {"network": ("fusion",), "colour": ("pos", "chrom", "green")}
"""The methods whose windows each of the two networks is fitted to."""

REAL_WEIGHT = 0.6
"""Share of the whole that peaks of real video weigh in a fit, however few they are."""

CLIP_STEP = 3.0
"""From one window of a synthetic clip to the next, s: windows overlap and tell little new."""

HIDDEN = 24
STEPS = 200
WEIGHT_DECAY = 2e-5
FARTHEST = 3.0  # as kFarthest in csrc/confidence.cpp
MEMBERS = 8
"""Networks that are fitted; their mean logit is one network of so many times the hidden units."""


@dataclass(frozen=True)
class Examples:
    """Windows that a confidence is fitted to.

    Attributes
    ----------
    names : list of str
        Of the sets.
    sets : list of Candidates
        The windows of each.
    real : list of bool
        Whether a set is of real video.
    """

    names: list[str]
    sets: list[Candidates]
    real: list[bool]

    @property
    def joined(self) -> Candidates:
        """All windows."""
        return Candidates.joined(self.sets)

    @property
    def is_real(self) -> NDArray[np.bool_]:
        """Whether each window is of real video."""
        return np.repeat(self.real, [len(one.ok) for one in self.sets])


def gather(
    family: str,
    videos: Sequence[Path],
    clips: Sequence[Path],
    student: str,
    scale: float,
    cache: Path,
) -> Examples:
    """Gather the windows that one of the two networks is fitted to.

    Parameters
    ----------
    family
        One of ``FAMILIES``.
    videos
        Folders of ``training.data.inject``.
    clips
        Caches of synthetic clips.
    student
        Weights of the student.
    scale
        How much larger than the face the measured box is.
    cache
        A folder for what is taken of the videos.
    """
    names, sets, real = [], [], []
    for method in FAMILIES[family]:
        for folder in videos:
            truths = filmed_truths(folder)
            for variant in VARIANTS:
                names.append(f"{folder.name} {variant} {method}")
                sets.append(candidates_in_videos(truths, method, variant, scale, cache))
                real.append(True)
        for folder in clips:
            source = open_network(student, method) if family == "network" else None
            measured_by = source or MethodSource(method, method)
            names.append(f"{folder.name} {method}")
            sets.append(candidates_in_clips(measured_by, Clips.open(folder), CLIP_STEP))
            real.append(False)
    return Examples(names, sets, real)


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


def fit(
    said: Floats, right: NDArray[np.bool_], weight: Floats, seed: int, members: int = MEMBERS
) -> Model:
    """Fit to peaks that are the heart's and peaks that are not.

    Parameters
    ----------
    said
        Shape (peaks, items).
    right, weight
        Shape (peaks,).
    seed
        Of the start.
    members
        Networks that are fitted.
    """
    weight = weight / weight.sum()
    mean_ = weight @ said
    deviation = np.sqrt(weight @ (said - mean_) ** 2) + 1e-9
    x = torch.from_numpy(np.clip((said - mean_) / deviation, -FARTHEST, FARTHEST))
    y = torch.from_numpy(right.astype(np.float64))
    w = torch.from_numpy(weight)
    found = [
        _fit_member(x, y, w, seed + k) for k in tqdm(range(members), "fit", unit="net", leave=False)
    ]
    weights, bias, out, out_bias = zip(*found)
    return Model(
        mean_,
        deviation,
        np.concatenate(weights),
        np.concatenate(bias),
        np.concatenate([o[0] for o in out]) / members,
        float(np.mean(out_bias)),
    )


def _fit_member(x: torch.Tensor, y: torch.Tensor, w: torch.Tensor, seed: int) -> list[Floats]:
    """Fit one network; gives weights and bias of the hidden layer, then of the output."""
    torch.manual_seed(seed)
    hidden, output = nn.Linear(x.shape[1], HIDDEN).double(), nn.Linear(HIDDEN, 1).double()
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
    return [parameter.detach().numpy() for parameter in parameters]


def as_header(models: dict[str, Model], about: str) -> str:
    """Write the networks as C++."""

    def row(values: Floats, suffix: str = "") -> str:
        return "{" + ", ".join(f"{value:#.8g}{suffix}" for value in values) + "}"

    def network(name: str, model: Model) -> str:
        # Of an item to all hidden units, which are worked out several at once.
        matrix = ",\n     ".join(row(values, "f") for values in model.hidden_weights.T)
        return f"""inline constexpr Network k{name.capitalize()} = {{
    {row(model.mean)},
    {row(model.deviation)},
    {{{matrix}}},
    {row(model.hidden_bias, "f")},
    {row(model.output_weights, "f")},
    {model.output_bias:.8g}}};
"""

    first = next(iter(models.values()))
    comment = textwrap.fill(
        f"Written by training/confidence.py: do not edit. {about}",
        width=100,
        initial_indent="// ",
        subsequent_indent="// ",
    )
    networks = "\n".join(network(name, model) for name, model in models.items())
    return f"""{comment}
#pragma once

namespace rppg::confidence_weights {{

// clang-format off
inline constexpr int kItems = {len(first.mean)}, kHidden = {len(first.hidden_bias)};

struct Network {{
  double mean[kItems], deviation[kItems];
  float hidden_weights[kItems][kHidden], hidden_bias[kHidden], output_weights[kHidden];
  double output_bias;
}};

{networks}// clang-format on

}}  // namespace rppg::confidence_weights
"""


def cross_validated(seen: Candidates, real: NDArray[np.bool_], seed: int) -> Floats:
    """Give the confidence of every peak by networks that were fitted to other people and clips."""
    folds = np.random.default_rng(seed).integers(0, FOLDS, seen.person.max() + 1)[seen.person]
    confidence = np.zeros(seen.error.shape)
    for fold in range(FOLDS):
        inside = folds == fold
        if inside.any():
            model = fit(*_examples(seen.where(~inside), real[~inside]), seed, members=2)
            confidence[inside] = model(seen.said[inside])
    return confidence


def _examples(
    seen: Candidates, real: NDArray[np.bool_]
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    """Give what is known of peaks that are the heart's and that are not, which, and weights."""
    clear = (seen.error < CLOSE) | (seen.error > FAR)
    of_real = np.broadcast_to(real[:, None], clear.shape)[clear]
    share = np.where(of_real, REAL_WEIGHT, 1 - REAL_WEIGHT)
    if of_real.all() or not of_real.any():
        share = np.ones(len(of_real))
    count = np.where(of_real, of_real.sum(), (~of_real).sum())
    return seen.said[clear], seen.error[clear] < CLOSE, share / count


def validation_table(examples: Examples, confidence: Floats) -> str:
    """Tell which windows would read ok, by cross-validated confidences of their best peaks.

    Of sets without a pulse the share of all windows; of others that of all windows, the share of
    those whose best peak is wrong, and the share of right ones among windows with a right peak.
    """
    ends = np.cumsum([len(one.ok) for one in examples.sets])
    head = f"{'':6s}{'':30s}{'windows':>8s}" + "".join(f"{limit:20.2f}" for limit in LIMITS)
    lines = [head]
    for name, seen, sure in zip(examples.names, examples.sets, np.split(confidence, ends[:-1])):
        best = sure.argmax(axis=1)
        rows = np.arange(len(best))
        top, error = sure[rows, best], seen.error[rows, best]
        there = (seen.error < CLOSE).any(axis=1)
        cells = []
        for limit in LIMITS:
            ok = top >= limit
            if seen.has_pulse.all():
                wrong = mean(error[ok] > FAR) if ok.any() else 0.0
                found = mean(ok[there] & (error[there] < CLOSE)) if there.any() else 0.0
                cells.append(f"{mean(ok):6.1%}{wrong:6.1%}{found:7.1%} ")
            else:
                cells.append(f"{mean(ok):6.1%}{'':14s}")
        kind = "pulse" if seen.has_pulse.all() else "none"
        lines.append(f"{kind:6s}{name:30.30s}{len(top):8d}" + "".join(cells))
    return "\n".join(lines) + "\n"


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.confidence", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--videos", type=Path, nargs="*", default=[], help="folders of videos")
    parser.add_argument("--pulse", type=Path, nargs="*", default=[], help="clips with a pulse")
    parser.add_argument("--none", type=Path, nargs="*", default=[], help="clips without one")
    parser.add_argument("--source", default=str(BUNDLED_WEIGHTS), help="weights of the student")
    parser.add_argument("--box-scale", type=float, default=BOX_SCALE)
    parser.add_argument("--cache", type=Path, required=True, help="folder for signals of videos")
    parser.add_argument("--out", type=Path, required=True, help="the C++ header to write")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    models = {}
    for family in FAMILIES:
        clips = (*given.pulse, *given.none)
        examples = gather(
            family, given.videos, clips, given.source, given.box_scale, given.cache
        )
        seen, real = examples.joined, examples.is_real
        models[family] = fit(*_examples(seen, real), given.seed)
        print(f"{family}, cross-validated: ok, wrong of ok, right that are ok")
        print(validation_table(examples, cross_validated(seen, real, given.seed)), end="")
    hashes = ", ".join(Clips.open(folder).sha256[:12] for folder in (*given.pulse, *given.none))
    about = (
        f"Student {open_network(given.source).about['sha256'][:12]}, videos"
        f" {', '.join(folder.name for folder in given.videos)}, clips {hashes}, box scale"
        f" {given.box_scale:g}, seed {given.seed}."
    )
    replace_file(given.out, as_header(models, about).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
