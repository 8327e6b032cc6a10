r"""Evaluate readings and their confidence, on people and clips that were not used for fitting.

    python -m training.confidence.evaluate --videos FOLDERS... --pulse CLIPS... --none CLIPS... \
        --cache FOLDER --out FOLDER

The report has the share of windows without a pulse that are ok, the share of right windows that are
ok, a comparison of each confidence with the share of right peaks, and the error of the chosen peak
beside that of the highest peak; for windows and for whole recordings. Videos are those of
``training.data.inject``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.evaluation.metrics import PULSE, mae, mean, rmse
from rppg_fast.monitor import BOX_SCALE, DEFAULT_METHOD, METHODS, NETWORK_METHODS
from rppg_fast.reading import Status
from rppg_fast.student import BUNDLED_WEIGHTS, Student
from training.confidence.candidates import (
    Candidates,
    candidates_in_clips,
    candidates_in_videos,
)
from training.confidence.sets import CLOSE, FAR
from training.confidence.signals import Recorder
from training.confidence.tracks import summed_up
from training.confidence.videos import filmed_truths, variants_of
from training.data.clips import Clips
from training.evaluate.estimators import open_network, open_source
from training.evaluate.windows import Floats
from training.support.command import command
from training.support.files import as_json, replace_file
from training.synthetic.negatives import kinds

GROSS = 10.0
"""An error larger than this is gross, bpm."""

OLD_SNR_DB = 1.0
"""The former rule: the highest peak is a heart rate if its SNR is at least this, dB."""

_BINS = np.linspace(0.0, 1.0, 11)


def summary(seen: Candidates) -> dict[str, float]:
    """Return the figures of one set of clips.

    Returns
    -------
    dict
        ``windows``; ``ok``, the share of ok windows; and ``ok_by_snr``, the share by the former
        rule. If there is a pulse, also ``ok_of_right``, the share of ok windows among those whose
        highest peak is within ``CLOSE``, and ``ok_of_right_by_snr``; ``wrong_of_ok`` and
        ``wrong_of_ok_by_snr``, the share of ok windows with an error above ``FAR``; and over all
        windows ``mae``, ``rmse`` and ``gross`` of the chosen peak, and of the highest peak with
        the prefix ``plain_``.
    """
    ok, chosen = seen.ok, np.abs(seen.chosen - seen.true)
    by_snr = seen.features[:, 0, _core.PEAK_SNR] >= OLD_SNR_DB
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


def recordings(seen: Candidates) -> dict[str, float]:
    """Return the figures of whole recordings, with the engine's own confidence.

    Returns
    -------
    dict
        ``recordings``; ``ok``, the share that is ok. If there is a pulse, also ``wrong_of_ok``,
        the share of ok recordings with an error above ``FAR``, and their mean error ``mae_of_ok``,
        bpm.
    """
    rates, true, sure = [], [], []
    for clip in np.unique(seen.clip):
        inside = seen.where(seen.clip == clip)
        status, rate = summed_up(inside)
        sure.append(status is Status.OK)
        rates.append(rate)
        true.append(inside.true.mean())
    ok = np.array(sure)
    out = {"recordings": float(len(ok)), "ok": mean(ok)}
    if seen.has_pulse.all() and ok.any():
        error = np.abs(np.array(rates) - np.array(true))[ok]
        out["wrong_of_ok"], out["mae_of_ok"] = mean(error > FAR), mae(error)
    return out


def by_kind(sets: Sequence[tuple[Clips, Candidates]]) -> dict[str, dict[str, float]]:
    """Return ``summary`` of clips without a pulse by kind; a clip can have several kinds."""
    found: dict[str, list[Candidates]] = {}
    for clips, seen in sets:
        of_clips = [kinds(clip.scene) for clip in clips.clips]
        for name in sorted(set(chain.from_iterable(of_clips))):
            inside = np.array([name in of_clips[clip] for clip in seen.clip])
            found.setdefault(name, []).append(seen.where(inside))
    return {name: summary(Candidates.joined(parts)) for name, parts in found.items()}


def reliability(sets: Sequence[Candidates]) -> list[dict[str, float]]:
    """Compare the confidence of highest peaks with the share of right ones, for each bin."""
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
    """Return the shares of windows without a pulse and of right windows above each threshold."""
    limits = np.unique(np.concatenate([score[none], score[right]]))
    false = [mean(score[none] >= limit) for limit in limits]
    true = [mean(score[right] >= limit) for limit in limits]
    return np.array(false), np.array(true)


def draw(sets: Sequence[Candidates], out: Path) -> None:
    """Draw the ROC and the reliability diagram of sets with and without a pulse."""
    from matplotlib.figure import Figure

    has_pulse = np.concatenate([seen.has_pulse for seen in sets])
    right = np.concatenate([seen.error[:, 0] < CLOSE for seen in sets])
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, middle = figure.subplots(1, 2)
    scores = {
        "confidence": np.concatenate([seen.confidence.max(axis=1) for seen in sets]),
        "SNR alone": np.nan_to_num(
            np.concatenate([seen.features[:, 0, _core.PEAK_SNR] for seen in sets]), nan=-99
        ),
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
    """Return two Markdown tables, one of clips without a pulse and one of clips with a pulse."""
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


def recordings_as_markdown(table: Mapping[str, Mapping[str, float]]) -> str:
    """Return the results of ``recordings`` for several sets as a Markdown table."""
    lines = [
        "| Recordings | Count | ok | wrong of ok | mean error of ok, bpm |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, row in table.items():
        wrong = f"{row['wrong_of_ok']:.1%}" if "wrong_of_ok" in row else ""
        error = f"{row['mae_of_ok']:.2f}" if "mae_of_ok" in row else ""
        lines.append(f"| {name} | {row['recordings']:.0f} | {row['ok']:.1%} | {wrong} | {error} |")
    return "\n".join(lines) + "\n"


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.confidence.evaluate", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--videos", type=Path, nargs="*", default=[], help="folders of videos")
    parser.add_argument("--pulse", type=Path, nargs="*", default=[], help="clips with a pulse")
    parser.add_argument("--none", type=Path, nargs="*", default=[], help="clips without one")
    parser.add_argument("--source", default=str(BUNDLED_WEIGHTS), help="weights of the student")
    parser.add_argument("--method", choices=METHODS, default=DEFAULT_METHOD)
    parser.add_argument("--cache", type=Path, help="folder for the signals of videos")
    parser.add_argument("--box-scale", type=float, default=BOX_SCALE, help="for videos")
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    if given.videos and given.cache is None:
        parser.error("--cache is needed with --videos: a folder for what is taken of them")
    source = open_network(given.source, "fusion" if given.method == "fusion" else "student")
    measured_by = source if given.method in NETWORK_METHODS else open_source(given.method)
    clips = {folder.name: Clips.open(folder) for folder in (*given.pulse, *given.none)}
    sets = {name: candidates_in_clips(measured_by, each) for name, each in clips.items()}
    for folder in given.videos:
        truths = filmed_truths(folder)
        silent = all(video.truth is None for video in truths)
        for variant in variants_of(truths):
            name = "real, no pulse added" if silent else f"real, {variant}"
            recorder = Recorder(Student.load(given.source), given.box_scale, given.cache)
            sets[name] = candidates_in_videos(truths, given.method, variant, recorder)
    table = {name: summary(seen) for name, seen in sets.items()}
    whole = {name: recordings(seen) for name, seen in sets.items()}
    kinds_table = by_kind([(clips[folder.name], sets[folder.name]) for folder in given.none])
    values: dict[str, Any] = {
        "source": source.about,
        "method": given.method,
        "min_confidence": PULSE.min_confidence,
        "peaks": PULSE.peaks,
        "clips": {
            name: {"description": each.description, "sha256": each.sha256}
            for name, each in clips.items()
        },
        "videos": [folder.name for folder in given.videos],
        "box_scale": given.box_scale,
        "table": table,
        "recordings": whole,
        "kinds": kinds_table,
        "reliability": reliability(list(sets.values())),
    }
    given.out.mkdir(parents=True, exist_ok=True)
    replace_file(given.out / "trust.json", as_json(values))
    draw(list(sets.values()), given.out / "trust.png")
    print(as_markdown(table))
    print(recordings_as_markdown(whole))
    print(as_markdown(kinds_table), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
