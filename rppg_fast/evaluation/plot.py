"""Plots of an evaluation; they need matplotlib (the extra ``plot``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from rppg_fast.evaluation.compare import LEVELS, Pairs, Summary, joined
from rppg_fast.evaluation.evaluation import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_evaluation(evaluation: Evaluation, path: str | os.PathLike[str]) -> None:
    """Draw measured over true heart rates, and the plot of Bland and Altman.

    There is a row for recordings and, if there are any, one for windows.

    Parameters
    ----------
    evaluation
        The result of ``rppg_fast.evaluate``.
    path
        File to write; its ending chooses the format, such as ``.png``.

    Raises
    ------
    ValueError
        If no result has a heart rate, or if matplotlib does not know the ending.
    ImportError
        If matplotlib is not installed.
    OSError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure

    found = []
    for level in LEVELS:
        pairs = joined(evaluation.recordings, level)
        read = pairs[np.isfinite(pairs["measured"])]
        if read.size:
            found.append((level, read, evaluation.summary(level)))
    if not found:
        raise ValueError(f"{evaluation.results}: nothing to plot, no result has a heart rate")
    figure = Figure(figsize=(10, 4.5 * len(found)), layout="constrained")
    axes = figure.subplots(len(found), 2, squeeze=False)
    for (scatter, difference), (level, read, summary) in zip(axes, found):
        _draw_scatter(scatter, read, level, summary)
        _draw_difference(difference, read, level, summary)
    figure.savefig(os.fspath(path), dpi=120)


def _size(pairs: Pairs) -> float:
    return 18.0 if pairs.size < 200 else 6.0


def _draw_scatter(axes: Axes, pairs: Pairs, level: str, summary: Summary) -> None:
    axes.scatter(pairs["true"], pairs["measured"], s=_size(pairs), alpha=0.6, linewidths=0)
    low = float(min(pairs["true"].min(), pairs["measured"].min())) - 3
    high = float(max(pairs["true"].max(), pairs["measured"].max())) + 3
    axes.plot([low, high], [low, high], "k--", lw=1)
    axes.set(
        xlim=(low, high),
        ylim=(low, high),
        aspect="equal",
        xlabel="true heart rate (bpm)",
        ylabel="measured heart rate (bpm)",
        title=f"{summary.read} of {summary.compared} {level}",
    )


def _draw_difference(axes: Axes, pairs: Pairs, level: str, summary: Summary) -> None:
    error = pairs["measured"] - pairs["true"]
    middle = (pairs["measured"] + pairs["true"]) / 2
    axes.scatter(middle, error, s=_size(pairs), alpha=0.6, linewidths=0)
    for name, text, style in (
        ("bias", "mean", "-"),
        ("lower_limit", "-1.96 SD", "--"),
        ("upper_limit", "+1.96 SD", "--"),
    ):
        value = summary.values[name]
        if np.isfinite(value):
            axes.axhline(value, color="k", ls=style, lw=1, label=f"{text}: {value:.2f} bpm")
            low, high = summary.intervals[name]
            if np.isfinite(low):
                axes.axhspan(low, high, color="0.85", zorder=0)
    axes.set(
        xlabel="mean of measured and true heart rate (bpm)",
        ylabel="measured minus true (bpm)",
        title=f"Bland-Altman, {level}",
    )
    axes.legend(loc="best", fontsize="small")
