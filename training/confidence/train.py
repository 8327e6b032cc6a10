r"""Fit the confidence of a reading.

    python -m training.confidence.train --videos FOLDERS... --pulse CLIPS... --none CLIPS... \
        --out csrc/reading/confidence_weights.hpp

fits to right and wrong peaks in windows of real videos with and without a pulse put into the skin
(``training.data.inject``), and of synthetic clips with and without a pulse
(``training.synthetic.confidence_sets``). It writes the small networks that
``csrc/reading/confidence.cpp`` runs: one for the methods that use the student, one for the
classical methods. ``training.confidence.evaluate`` and ``training.evaluate.scoreboard`` evaluate
them on other people and clips.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rppg_fast.evaluation.metrics import PULSE, mean
from rppg_fast.monitor import BOX_SCALE
from rppg_fast.student import BUNDLED_WEIGHTS
from training.confidence.fit import BITS, Model, TrackModel, cross_validated, fit, fit_tracks
from training.confidence.sets import CLOSE, FAMILIES, FAR, Examples, gather, weighed_peaks
from training.confidence.tracks import tracks
from training.data.clips import Clips
from training.evaluate.estimators import open_network
from training.evaluate.windows import Floats
from training.models.temporal import Unseen
from training.support.command import command
from training.support.files import replace_file
from training.support.headers import opening
from training.support.rounding import multiples

LIMITS = (0.6, 0.7, 0.75, 0.8, 0.9)
"""Lowest confidences of an ok window that the cross-validation compares."""


def as_header(models: dict[str, Model], track: TrackModel, about: str) -> str:
    """Return the networks as a C++ header."""

    def row(values: Floats, suffix: str = "") -> str:
        return "{" + ", ".join(f"{value:#.8g}{suffix}" for value in values) + "}"

    def network(name: str, model: Model) -> str:
        # One row per feature, with the weights of all hidden units, which the engine computes
        # together.
        whole, unit = multiples(model.hidden_weights.T, BITS)
        matrix = ",\n     ".join("{" + ", ".join(map(str, values)) + "}" for values in whole)
        return f"""inline constexpr Network k{name.capitalize()} = {{
    {row(model.mean)},
    {row(model.deviation)},
    {unit!r}f,
    {{{matrix}}},
    {row(model.hidden_bias, "f")},
    {row(model.output_weights, "f")},
    {model.output_bias:.8g}}};
"""

    first = next(iter(models.values()))
    networks = "\n".join(network(name, model) for name, model in models.items())
    return f"""{opening("training/confidence/train.py", about)}
#pragma once

#include <cstdint>

namespace rppg::confidence_weights {{

// clang-format off
inline constexpr int kItems = {len(first.mean)}, kHidden = {len(first.hidden_bias)};

struct Network {{
  double mean[kItems], deviation[kItems];
  float unit;  // of the hidden weights
  std::int{BITS}_t hidden_weights[kItems][kHidden];
  float hidden_bias[kHidden], output_weights[kHidden];
  double output_bias;
}};

{networks}
inline constexpr double kTrackWeights[] = {row(track.weights)};
inline constexpr double kTrackBias = {track.bias:.8g};
// clang-format on

}}  // namespace rppg::confidence_weights
"""


def validation_table(examples: Examples, confidence: Floats) -> str:
    """Return a table of the windows that would be ok, by cross-validated confidences.

    For sets without a pulse it has the share of ok windows. For other sets it has the share of ok
    windows, the share of wrong ones among them, and the share of ok and right ones among the
    windows that have a right peak.
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
    """Return a table of recordings, by the same confidences: share ok, wrong of ok, MAE of ok."""
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
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.confidence.train", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--videos", type=Path, nargs="*", default=[], help="folders of videos")
    parser.add_argument("--pulse", type=Path, nargs="*", default=[], help="clips with a pulse")
    parser.add_argument("--none", type=Path, nargs="*", default=[], help="clips without one")
    parser.add_argument("--source", default=str(BUNDLED_WEIGHTS), help="weights of the student")
    parser.add_argument("--box-scale", type=float, default=BOX_SCALE)
    parser.add_argument("--carriers", type=Path, help="folder of the real videos")
    parser.add_argument("--cache", type=Path, required=True, help="folder for signals of videos")
    parser.add_argument(
        "--temporal",
        type=Path,
        nargs="*",
        default=[],
        help="temporal networks that have not seen some persons, of training.train.temporal",
    )
    parser.add_argument("--out", type=Path, required=True, help="the C++ header to write")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    models = {}
    track = None
    unseen = Unseen.read(given.temporal)
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
            unseen,
        )
        seen, real = examples.joined, examples.is_real
        models[family] = fit(*weighed_peaks(seen, real), given.seed)
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
