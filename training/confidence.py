r"""Fit the confidence of a reading.

    python -m training.confidence --videos FOLDERS... --pulse CLIPS... --none CLIPS... \
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

from rppg_fast import _core
from rppg_fast.monitor import BOX_SCALE
from rppg_fast.reading import STATUSES, Status
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
from training.metrics import PULSE, mean
from training.readout import STEP, Floats
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

SILENT_WEIGHT = 3.0
"""A peak of a window without any pulse weighs so many times as much as another one: a heart rate
where there is none is the worst mistake."""

CLIP_STEP = 3.0
"""From one window of a synthetic clip to the next, s: windows overlap and tell little new."""

COVERAGE = 28
"""Place of a window's coverage among what is known of a peak; ``Testimony`` in csrc/witness.hpp."""

HIDDEN = 24
STEPS = 60
WEIGHT_DECAY = 2e-4
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
    carriers: Path | None,
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
    carriers
        Where the real videos lie that the folders were made of.
    cache
        A folder for what is taken of the videos.
    """
    names, sets, real = [], [], []
    for method in FAMILIES[family]:
        for folder in videos:
            truths = filmed_truths(folder, carriers)
            silent = all(video.truth is None for video in truths)
            for variant in VARIANTS[:1] if silent else VARIANTS:
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


@dataclass(frozen=True)
class TrackModel:
    """The confidence of a whole recording: logistic in what is known of its track."""

    weights: Floats
    bias: float

    def __call__(self, evidence: Floats) -> Floats:
        """Give confidences; the arithmetic of csrc/confidence.cpp."""
        return np.asarray(1 / (1 + np.exp(-(evidence @ self.weights + self.bias))))


def _recording(seen: Candidates, confidence: Floats) -> _core.Recording:
    """Take the windows of one recording as the engine does, by given confidences of their peaks."""
    ok_code, low_code = STATUSES.index(Status.OK), STATUSES.index(Status.LOW_SIGNAL)
    recording = _core.Recording(STEP, PULSE.max_gap, PULSE.min_confidence)
    for i, end in enumerate(seen.end):
        best = chosen_peak(confidence[i], seen.highest[i])
        sure, rate = confidence[i, best], seen.rate[i, best]
        code = ok_code if sure >= PULSE.min_confidence else low_code
        coverage, snr_db = seen.said[i, best, COVERAGE], seen.said[i, best, 0]
        recording.take(end, code, snr_db, sure, seen.start[i], end, coverage, rate)
    return recording


def summed_up(seen: Candidates) -> tuple[Status, float]:
    """Give status and rate (bpm; NaN unless ok) of one recording, by the engine's confidence."""
    status, rate, *_ = _recording(seen, seen.confidence).summary()
    return STATUSES[status], rate


def tracks(seen: Candidates, confidence: Floats) -> tuple[Floats, Floats, Floats]:
    """Give what is known of recordings by given confidences of their windows' peaks.

    Parameters
    ----------
    seen
        The windows.
    confidence
        Of their peaks, (windows, MOST).

    Returns
    -------
    float64 (recordings, items), float64 (recordings,), float64 (recordings,)
        What is known of each track, its rate, and the true one, bpm; infinite without a pulse.
    """
    evidence, rates, true = [], [], []
    for clip in np.unique(seen.clip):
        inside = seen.clip == clip
        rate, known = _recording(seen.where(inside), confidence[inside]).evidence()
        if np.isfinite(rate):
            evidence.append(known)
            rates.append(rate)
            true.append(seen.true[inside].mean())
    return np.array(evidence), np.array(rates), np.array(true)


def chosen_peak(confidence: Floats, highest: NDArray[np.bool_]) -> int:
    """Choose the peak that a reading of a window is about, as ``csrc/pulse.cpp`` does."""
    first = np.where(highest, confidence, -1.0)
    if first.max() >= PULSE.min_confidence:
        return int(first.argmax())
    return int(confidence.argmax())


def fit_tracks(examples: Examples, confidence: Floats) -> TrackModel:
    """Fit the confidence of recordings, by confidences of windows that were fitted to others."""
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
    x = torch.from_numpy(np.concatenate(known))
    y = torch.from_numpy(np.concatenate(right).astype(np.float64))
    share = np.concatenate(weight)
    of_real = np.concatenate(
        [np.full(len(part), real) for part, real in zip(weight, examples.real)]
    )
    for kind in (of_real, ~of_real):
        share[kind] /= max(1, kind.sum())
    w = torch.from_numpy(share / share.sum())
    # More of each can only speak for a track: weights are squares.
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


def as_header(models: dict[str, Model], track: TrackModel, about: str) -> str:
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

{networks}
inline constexpr double kTrackWeights[] = {row(track.weights)};
inline constexpr double kTrackBias = {track.bias:.8g};
// clang-format on

}}  // namespace rppg::confidence_weights
"""


def cross_validated(seen: Candidates, real: NDArray[np.bool_], seed: int) -> Floats:
    """Give the confidence of every peak by networks that were fitted to other people and clips."""
    persons, number = np.unique(seen.person, return_inverse=True)
    folds = np.random.default_rng(seed).integers(0, FOLDS, len(persons))[number]
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
    clear = (seen.error < CLOSE) | ((seen.error > FAR) & ~seen.own)
    of_real = np.broadcast_to(real[:, None], clear.shape)[clear]
    share = np.where(of_real, REAL_WEIGHT, 1 - REAL_WEIGHT)
    if of_real.all() or not of_real.any():
        share = np.ones(len(of_real))
    count = np.where(of_real, of_real.sum(), (~of_real).sum())
    silent = np.broadcast_to(~seen.has_pulse[:, None], clear.shape)[clear]
    weight = share / count * np.where(silent, SILENT_WEIGHT, 1.0)
    return seen.said[clear], seen.error[clear] < CLOSE, weight


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


def recordings_table(examples: Examples, confidence: Floats, model: TrackModel) -> str:
    """Tell which recordings would be ok, by the same confidences: ok, wrong of ok, mean error."""
    ends = np.cumsum([len(one.ok) for one in examples.sets])
    lines = [f"{'recordings':36s}{'count':>8s}{'ok':>8s}{'wrong':>8s}{'MAE':>8s}"]
    for name, seen, sure in zip(examples.names, examples.sets, np.split(confidence, ends[:-1])):
        evidence, rates, true = tracks(seen, sure)
        ok = model(evidence) >= PULSE.min_confidence
        error = np.abs(rates - true)[ok]
        wrong = mean(error > FAR) if ok.any() else 0.0
        mae = f"{error.mean():8.2f}" if ok.any() and np.isfinite(error).all() else f"{'':8s}"
        lines.append(f"{name:36.36s}{len(ok):8d}{mean(ok):8.1%}{wrong:8.1%}{mae}")
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
    parser.add_argument("--carriers", type=Path, help="folder of the real videos")
    parser.add_argument("--cache", type=Path, required=True, help="folder for signals of videos")
    parser.add_argument("--out", type=Path, required=True, help="the C++ header to write")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    models = {}
    track = None
    for family in FAMILIES:
        clips = (*given.pulse, *given.none)
        examples = gather(
            family,
            given.videos,
            clips,
            given.source,
            given.box_scale,
            given.carriers,
            given.cache,
        )
        seen, real = examples.joined, examples.is_real
        models[family] = fit(*_examples(seen, real), given.seed)
        others = cross_validated(seen, real, given.seed)
        print(f"{family}, cross-validated: ok, wrong of ok, right that are ok")
        print(validation_table(examples, others), end="")
        if track is None:
            track = fit_tracks(examples, others)
            print(recordings_table(examples, others, track), end="")
    assert track is not None
    hashes = ", ".join(Clips.open(folder).sha256[:12] for folder in (*given.pulse, *given.none))
    about = (
        f"Student {open_network(given.source).about['sha256'][:12]}, videos"
        f" {', '.join(folder.name for folder in given.videos)}, clips {hashes}, box scale"
        f" {given.box_scale:g}, seed {given.seed}."
    )
    replace_file(given.out, as_header(models, track, about).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
