r"""Pictures of evaluations and of training; needs matplotlib (the extra ``plot``).

    python -m training.evaluate.figures --out losses.png runs/teacher runs/student

draws the losses of training runs; all others come from ``training.evaluate.recordings --figures``.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from rppg_fast.evaluation.metrics import PULSE, in_band, mae, peak_rate
from training.data.clips import Clips, as_float
from training.evaluate.estimators import NetworkSource, Source
from training.evaluate.evaluation import Evaluation, Recording
from training.evaluate.report import MEASURES, groups, row
from training.evaluate.windows import Window, true_windows, window_ends
from training.models.checkpoint import LOG
from training.models.networks import Teacher
from training.support.command import command

try:
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    raise ImportError(f"pictures need matplotlib, the extra 'plot' ({error})") from None

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The paper's colors: blue for the prediction, red for the truth.
_PREDICTED, _TRUE = "tab:blue", "tab:red"
_DPI = 120
_FACES = 5  # number of faces whose attention maps are drawn


def draw_all(
    sources: Sequence[Source],
    evaluations: Sequence[Evaluation],
    clips: Clips,
    out: Path,
) -> list[Path]:
    """Draw all figures of some evaluations into the folder `out`.

    Parameters
    ----------
    sources, evaluations
        The sources, and the evaluation of each, in the same order.
    clips
        The clips on which they were evaluated.
    out
        Folder of the figures.

    Returns
    -------
    list of Path
        The files.
    """
    paths = []

    def save(figure: Figure, name: str) -> None:
        paths.append(out / f"{re.sub(r'[^0-9A-Za-z.]+', '-', name)}.png")
        figure.savefig(paths[-1], dpi=_DPI)

    for source, evaluation in zip(sources, evaluations):
        if any(_readable(r) for r in evaluation.recordings):
            save(pulses(source, evaluation, clips), f"pulses {source.name}")
            save(bland_altman(evaluation), f"bland altman {source.name}")
        if isinstance(source, NetworkSource) and source.teacher is not None:
            save(attention(source.teacher, clips), f"attention {source.name}")
    logs = {s.name: s.log for s in sources if isinstance(s, NetworkSource) and s.log}
    if logs:
        save(losses(logs), "losses")
    save(errors(evaluations), "errors")
    return paths


def _readable(recording: Recording) -> bool:
    return recording.has_pulse and len(recording.windows) > 0


def pulses(source: Source, evaluation: Evaluation, clips: Clips) -> Figure:
    """Draw predicted and true pulse beside their spectra, as in the paper's figures 5 and 6.

    There are two rows: the recordings with the smallest and the largest mean error over windows.
    Each shows the window whose error is closest to that mean.
    """
    mistakes = {
        i: np.abs(recording.windows["heart_rate"] - recording.windows["true_rate"])
        for i, recording in enumerate(evaluation.recordings)
        if _readable(recording)
    }
    order = sorted(mistakes, key=lambda i: mae(mistakes[i]))
    figure = Figure(figsize=(11, 6.4), layout="constrained")
    grid = figure.subplots(2, 2, width_ratios=(1.7, 1.0))
    for axes, name, i in zip(grid, ("smallest", "largest"), (order[0], order[-1])):
        recording, frames = evaluation.recordings[i], clips[i]
        error = mae(mistakes[i])
        chosen = int(np.argmin(np.abs(mistakes[i] - error)))
        ends = window_ends(frames.times)
        traces = (
            ("predicted", _PREDICTED, source.windows(frames, ends)[chosen]),
            ("true PPG", _TRUE, true_windows(frames, ends)[chosen]),
        )
        for label, color, window in traces:
            _draw_pulse(axes[0], window, color)
            _draw_spectrum(axes[1], window, label, color)
        stratum = recording.groups.get("stratum")
        what = recording.name + (f" ({stratum})" if stratum else "")
        axes[0].set(
            title=f"{name} mean error, {error:.2f} bpm: {what}",
            xlabel="time (s)",
            ylabel="pulse (standard deviations)",
        )
        axes[1].set(xlabel="frequency (Hz)", ylabel="power (share of the peak)", ylim=(0, 1.4))
        axes[1].legend(loc="upper right")
    figure.suptitle(evaluation.name)
    return figure


def _draw_pulse(axes: Axes, window: Window, color: str) -> None:
    values = window.pulse
    axes.plot(window.times, (values - values.mean()) / (values.std() or 1.0), color, lw=1.2)


def _draw_spectrum(axes: Axes, window: Window, label: str, color: str) -> None:
    spectrum, rate = window.spectrum, peak_rate(window.spectrum)
    power = spectrum.power / (spectrum.power[in_band(spectrum)].max() or 1.0)
    shown = spectrum.frequencies <= PULSE.high + 0.5
    axes.plot(spectrum.frequencies[shown], power[shown], color, lw=1.2)
    at = rate / 60
    axes.plot(
        at,
        np.interp(at, spectrum.frequencies, power),
        "o",
        color=color,
        label=f"{label}: {rate:.1f} bpm",
    )


def bland_altman(evaluation: Evaluation) -> Figure:
    """Draw each window's error against the mean of predicted and true rate.

    The lines are the mean error and the limits of agreement at 1.96 standard deviations.
    """
    windows = np.concatenate([r.windows for r in evaluation.recordings if _readable(r)])
    predicted, true, ok = windows["heart_rate"], windows["true_rate"], windows["ok"]
    error, middle = predicted - true, (predicted + true) / 2
    figure = Figure(figsize=(7.5, 4.8), layout="constrained")
    axes = figure.subplots()
    for chosen, color, label in ((ok, _PREDICTED, "status ok"), (~ok, "0.55", "status not ok")):
        axes.scatter(
            middle[chosen],
            error[chosen],
            s=14,
            c=color,
            alpha=0.6,
            lw=0,
            label=f"{label}: {np.count_nonzero(chosen)} windows",
        )
    bias, spread = error.mean(), 1.96 * error.std()
    for level, style in ((bias, "-"), (bias - spread, "--"), (bias + spread, "--")):
        axes.axhline(level, color="black", lw=1, ls=style, zorder=0)
        axes.annotate(
            f"{round(level, 2) + 0.0:+.2f}",  # + 0.0 avoids -0.00
            (1.0, level),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    axes.set(
        title=f"{evaluation.name}: mean error and limits of agreement (1.96 standard deviations)",
        xlabel="mean of predicted and true heart rate (bpm)",
        ylabel="predicted - true (bpm)",
    )
    axes.legend(loc="best")
    return figure


def attention(teacher: Teacher, clips: Clips) -> Figure:
    """Draw a teacher's attention maps on the first frames of some subjects.

    Each layer has one color scale, so that faces can be compared.
    """
    count = min(_FACES, len(clips))
    chosen = np.linspace(0, len(clips) - 1, count).round().astype(int)
    faces = np.stack([as_float(clips[int(i)].appearance[0]) for i in chosen])
    device = next(teacher.parameters()).device
    with torch.inference_mode():
        maps = [
            m[:, 0].cpu().numpy() for m in teacher.attention(torch.from_numpy(faces).to(device))
        ]
    figure = Figure(figsize=(1.9 * count + 1.2, 5.8), layout="constrained")
    grid = figure.subplots(3, count, squeeze=False)
    for axes, face, i in zip(grid[0], faces, chosen):
        axes.imshow(face.transpose(1, 2, 0))
        axes.set_title(clips.clips[i].stratum or clips.clips[i].subject, fontsize=9)
    for line, layer, name in zip(grid[1:], maps, ("first attention", "second attention")):
        scale = {"vmin": float(layer.min()), "vmax": float(layer.max())}
        for axes, weights in zip(line, layer):
            image = axes.imshow(weights, cmap="inferno", **scale)
        figure.colorbar(image, ax=list(line), label=name, pad=0.01)
    for axes in grid.flat:
        axes.set(xticks=[], yticks=[])
    return figure


def losses(logs: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """Draw the loss of training runs over their steps, and the SNR of their validations, if any.

    Parameters
    ----------
    logs
        Rows of each run's log, by the run's name.
    """
    columns = {"loss": "training loss", "snr_db": "SNR on validation clips (dB)"}
    drawn = [c for c in columns if any(c in entry for log in logs.values() for entry in log)]
    figure = Figure(figsize=(5.6 * max(1, len(drawn)), 4), layout="constrained")
    grid = figure.subplots(1, max(1, len(drawn)), squeeze=False)[0]
    for axes, column in zip(grid, drawn):
        for name, log in logs.items():
            points = [(entry["step"], entry[column]) for entry in log if column in entry]
            if points:
                axes.plot(*zip(*points), label=name, lw=1.2)
        axes.set(xlabel="step", ylabel=columns[column])
        axes.legend(loc="best")
    return figure


def read_log(path: Path) -> list[dict[str, float]]:
    """Read the log of a run; empty cells are left out.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is not the log of a run.
    """
    with path.open(newline="", encoding="utf-8") as file:
        try:
            rows = [
                {name: float(cell) for name, cell in row.items() if cell}
                for row in csv.DictReader(file)
            ]
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: not the log of a run: {error}") from None
    if not rows or not all("step" in row for row in rows):
        raise ValueError(f"{path}: not the log of a run: no rows with a step")
    return rows


def errors(evaluations: Sequence[Evaluation], seed: int = 0) -> Figure:
    """Draw MAE and SNR of each stratum as bars, or of each subject if there are no strata.

    The lines on the bars are 95 % confidence intervals.

    Parameters
    ----------
    evaluations
        The evaluations of several sources on the same clips.
    seed
        Seed of the bootstrap.
    """
    sorted_into = [groups(evaluation.recordings) for evaluation in evaluations]
    kind = "stratum" if any(k == "stratum" for k, _ in sorted_into[0]) else "subject"
    shown = {
        (group, evaluation.name): row(evaluation.name, k, group, recordings, seed)
        for evaluation, found in zip(evaluations, sorted_into)
        for (k, group), recordings in found.items()
        if k == kind
    }
    labels, names = (list(dict.fromkeys(key[i] for key in shown)) for i in (0, 1))
    inches = 1.2 + (0.1 * len(names) + 0.12) * len(labels)
    figure = Figure(figsize=(10, inches), layout="constrained")
    grid = figure.subplots(1, 2, sharey=True)
    height = 0.8 / len(names)
    for axes, measure in zip(grid, ("mae", "snr_db")):
        for k, name in enumerate(names):
            values = np.array([shown[label, name].values[measure] for label in labels])
            ends = np.array([shown[label, name].intervals[measure] for label in labels])
            at = np.arange(len(labels)) + (k - (len(names) - 1) / 2) * height
            axes.barh(at, values, height, label=name)
            axes.hlines(at, *ends.T, color="0.2", lw=0.8)
        axes.set_xlabel(MEASURES[measure])
    grid[0].set(yticks=range(len(labels)), yticklabels=labels)
    grid[0].set_ylim(len(labels) - 0.5, -0.5)
    grid[0].legend(loc="best")
    return figure


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate.figures", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a run")
    parser.add_argument("--out", type=Path, required=True, help="picture to write")
    given = parser.parse_args(arguments)
    logs = {str(run): read_log(run / LOG) for run in given.runs}
    losses(logs).savefig(given.out, dpi=_DPI)
    return 0


if __name__ == "__main__":
    sys.exit(main())
