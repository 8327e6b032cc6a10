"""Report what readings are worth, on clips that nothing was fitted to.

    python -m training.trust --pulse CLIPS... --none CLIPS... --out FOLDER

How many windows without a pulse read ok, how many that are right do, whether a confidence is the
share of right readings that it claims, and what trying several peaks does to the error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rppg_fast.student import BUNDLED_WEIGHTS
from training.command import command
from training.confidence import CLOSE, FAR, Candidates, candidates
from training.data.clips import Clips
from training.data.decoys import kinds
from training.files import replace_file
from training.metrics import PULSE, mae, mean, rmse
from training.readout import Floats
from training.sources import open_network

GROSS = 10.0
"""An error beyond it is a gross one, bpm."""

OLD_SNR_DB = 1.0
"""The rule that confidence replaced: the highest peak counts from this SNR on."""

CONTINUITY = 2.0
"""What a sure peak in the window before adds to the log odds of its like, and takes from others."""

FALSE_SHARE = 0.01
"""Of windows without a pulse that may read ok."""

_LEAST = 1e-6
_BINS = np.linspace(0.0, 1.0, 11)


def summary(seen: Candidates) -> dict[str, float]:
    """Give the figures of one set of clips.

    Returns
    -------
    dict
        ``windows``; ``ok``, the share that reads ok, and ``ok_by_snr``, by the old rule; where
        there is a pulse also ``ok_of_right``: of the windows whose highest peak is within
        ``CLOSE``, the share that reads ok; ``ok_of_right_by_snr``; ``wrong_of_ok`` and
        ``wrong_of_ok_by_snr``, the share of ok readings off by more than ``FAR``; and of all
        windows ``mae``, ``rmse`` and ``gross`` of the highest peak (``plain_...``) and of the one
        that is chosen.
    """
    ok, chosen = _chosen(seen)
    by_snr = seen.said[:, 0, 0] >= OLD_SNR_DB
    out = {"windows": float(len(ok)), "ok": mean(ok), "ok_by_snr": mean(by_snr)}
    if not seen.has_pulse.all():
        return out
    plain = seen.error[:, 0]
    right = plain < CLOSE
    out["ok_of_right"], out["ok_of_right_by_snr"] = mean(ok[right]), mean(by_snr[right])
    out["wrong_of_ok"] = mean(chosen[ok] > FAR)
    out["wrong_of_ok_by_snr"] = mean(plain[by_snr] > FAR)
    for name, error in (("plain_", plain), ("", chosen)):
        known = error[np.isfinite(error)]
        out[name + "mae"], out[name + "rmse"] = mae(known), rmse(known)
        out[name + "gross"] = mean(known > GROSS)
    return out


def _chosen(seen: Candidates) -> tuple[NDArray[np.bool_], Floats]:
    """Tell which windows read ok, and the error of the peak that is chosen in each."""
    trusted = seen.confidence >= PULSE.min_confidence
    first = np.argmax(trusted, axis=1)  # the highest peak where none is
    return np.asarray(trusted.any(axis=1)), seen.error[np.arange(len(first)), first]


def by_kind(sets: Sequence[tuple[Clips, Candidates]]) -> dict[str, dict[str, float]]:
    """Give ``summary`` of clips without a pulse by what they show; a clip can be of many kinds."""
    found: dict[str, list[Candidates]] = {}
    for clips, seen in sets:
        of_clips = [kinds(clip.scene) for clip in clips.clips]
        for name in sorted(set(chain.from_iterable(of_clips))):
            inside = np.array([name in of_clips[clip] for clip in seen.clip])
            found.setdefault(name, []).append(seen.where(inside))
    return {name: summary(Candidates.joined(parts)) for name, parts in found.items()}


def reliability(sets: Sequence[Candidates]) -> list[dict[str, float]]:
    """Compare the confidence of highest peaks with how many of them are right, bin by bin."""
    sure = np.concatenate([seen.confidence[:, 0] for seen in sets])
    right = np.concatenate([seen.error[:, 0] < CLOSE for seen in sets])
    bins = np.clip(np.digitize(sure, _BINS) - 1, 0, len(_BINS) - 2)
    return [
        {
            "confidence": mean(sure[bins == k]),
            "right": mean(right[bins == k]),
            "windows": float((bins == k).sum()),
        }
        for k in range(len(_BINS) - 1)
        if (bins == k).any()
    ]


def curve(
    score: Floats, none: NDArray[np.bool_], right: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Give the share of windows without a pulse, and of right ones, that pass each threshold."""
    limits = np.unique(np.concatenate([score[none], score[right]]))
    false = [mean(score[none] >= limit) for limit in limits]
    true = [mean(score[right] >= limit) for limit in limits]
    return np.array(false), np.array(true)


def continued(seen: Candidates) -> Candidates:
    """Let a peak's confidence rise where the window before had one like it, and fall elsewhere.

    The engine does not: there a reading follows from its own window. To see what that costs.
    """
    sure = np.clip(seen.confidence, _LEAST, 1 - _LEAST)
    logit = np.log(sure / (1 - sure))
    out = np.zeros_like(sure)
    for i in range(len(out)):
        near = np.zeros(sure.shape[1])
        if i and seen.clip[i] == seen.clip[i - 1]:
            alike = np.abs(seen.rate[i][:, None] - seen.rate[i - 1]) < FAR
            near = np.where(alike, out[i - 1], 0.0).max(axis=1)
            logit[i] += CONTINUITY * (2 * near - 1)
        out[i] = np.where(seen.confidence[i] > 0, 1 / (1 + np.exp(-logit[i])), 0.0)
    return replace(seen, confidence=out)


def right_at(seen: Candidates, share: float) -> float:
    """Give the share of right windows that pass where ``share`` of those without a pulse do."""
    best = seen.confidence.max(axis=1)
    limit = np.quantile(best[~seen.has_pulse], 1 - share)
    return mean(best[seen.has_pulse & (seen.error[:, 0] < CLOSE)] > limit)


def draw(sets: Sequence[Candidates], out: Path) -> None:
    """Draw the ROC and the reliability diagram of sets with a pulse and sets without one."""
    from matplotlib.figure import Figure

    has_pulse = np.concatenate([seen.has_pulse for seen in sets])
    right = np.concatenate([seen.error[:, 0] < CLOSE for seen in sets])
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, middle = figure.subplots(1, 2)
    scores = {
        "confidence": np.concatenate([seen.confidence.max(axis=1) for seen in sets]),
        "SNR alone": np.nan_to_num(np.concatenate([seen.said[:, 0, 0] for seen in sets]), nan=-99),
    }
    for name, score in scores.items():
        left.plot(*curve(score, ~has_pulse, right), label=name)
    point = scores["confidence"] >= PULSE.min_confidence
    left.plot(mean(point[~has_pulse]), mean(point[right]), "ko", label="working point")
    left.set(xscale="symlog", xlabel="windows without a pulse that pass", ylim=(0, 1))
    left.set_xscale("symlog", linthresh=0.01)
    left.set(xlim=(0, 1), ylabel="right windows that pass")
    left.legend()
    rows = reliability(sets)
    middle.plot([0, 1], [0, 1], "k:")
    middle.plot([r["confidence"] for r in rows], [r["right"] for r in rows], "o-")
    middle.set(xlabel="confidence", ylabel=f"share within {CLOSE:g} bpm", xlim=(0, 1), ylim=(0, 1))
    figure.savefig(out, dpi=120, metadata={"Software": None})


def as_markdown(table: Mapping[str, Mapping[str, float]]) -> str:
    """Give the two tables, clips without a pulse and clips with one."""
    lines = ["| Without a pulse | Windows | ok | ok by SNR alone |", "| --- | ---: | ---: | ---: |"]
    for name, row in table.items():
        if "mae" not in row:
            shares = f"{row['ok']:.1%} | {row['ok_by_snr']:.1%}"
            lines.append(f"| {name} | {row['windows']:.0f} | {shares} |")
    if all("mae" not in row for row in table.values()):
        return "\n".join(lines) + "\n"
    lines += [
        "",
        "| With a pulse | Windows | ok | ok of right | wrong of ok | MAE | RMSE | gross |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, row in table.items():
        if "mae" in row:
            for how, plain, rule in (
                ("", "", ""),
                (", highest peak and SNR alone", "plain_", "_by_snr"),
            ):
                lines.append(
                    f"| {name}{how} | {row['windows']:.0f} | {row['ok' + rule]:.1%} |"
                    f" {row['ok_of_right' + rule]:.1%} | {row['wrong_of_ok' + rule]:.1%} |"
                    f" {row[plain + 'mae']:.2f} | {row[plain + 'rmse']:.2f} |"
                    f" {row[plain + 'gross']:.1%} |"
                )
    return "\n".join(lines) + "\n"


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.trust", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--pulse", type=Path, nargs="+", default=[], help="clips with a pulse")
    parser.add_argument("--none", type=Path, nargs="+", default=[], help="clips without one")
    parser.add_argument("--source", default=str(BUNDLED_WEIGHTS), help="weights of the student")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    source = open_network(given.source)
    sets: dict[str, tuple[Clips, Candidates]] = {}
    for folder in (*given.pulse, *given.none):
        clips = Clips.open(folder)
        sets[folder.name] = clips, candidates(source, clips)
    table = {name: summary(seen) for name, (_, seen) in sets.items()}
    everything = [seen for _, seen in sets.values()]
    for name, part in (("pulse", given.pulse), ("none", given.none)):
        if part:
            joined = Candidates.joined([sets[folder.name][1] for folder in part])
            table[f"all of {name}"] = summary(joined)
    kinds_table = by_kind([sets[folder.name] for folder in given.none])
    values: dict[str, Any] = {
        "source": source.about,
        "min_confidence": PULSE.min_confidence,
        "peaks": PULSE.peaks,
        "clips": {
            name: {"description": clips.description, "sha256": clips.sha256}
            for name, (clips, _) in sets.items()
        },
        "table": table,
        "kinds": kinds_table,
        "reliability": reliability(everything),
    }
    if given.pulse and given.none:
        joined = Candidates.joined(everything)
        values["right_at_1_percent"] = {
            "own window": right_at(joined, FALSE_SHARE),
            "and the one before": right_at(continued(joined), FALSE_SHARE),
        }
    given.out.mkdir(parents=True, exist_ok=True)
    replace_file(given.out / "trust.json", (json.dumps(values, indent=1) + "\n").encode())
    if given.pulse and given.none:
        draw(everything, given.out / "trust.png")
    print(as_markdown(table))
    print(as_markdown(kinds_table), end="")
    for name, share in values.get("right_at_1_percent", {}).items():
        print(f"right windows that pass where 1 % without a pulse do, {name}: {share:.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
