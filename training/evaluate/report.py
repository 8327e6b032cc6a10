"""Make tables of an evaluation: measures of groups of recordings, with confidence intervals."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rppg_fast.evaluation.metrics import bootstrap, mae, mean, pearson, rmse, within
from rppg_fast.evaluation.tables import markdown_table
from training.evaluate.evaluation import WINDOW, Evaluation, Recording

MEASURES: dict[str, str] = {
    "mae": "MAE over recordings, bpm",
    "rmse": "RMSE over recordings, bpm",
    "window_mae": "MAE over windows, bpm",
    "window_rmse": "RMSE over windows, bpm",
    "correlation": "Pearson correlation over windows",
    "within_5": "Share of windows within 5 bpm",
    "within_3": "Share of windows within 3 bpm",
    "snr_db": "Mean SNR at the true rate, dB",
    "coverage": "Share of windows with status ok",
    "ok_mae": "MAE over ok windows, bpm",
    "ok_within_5": "Share of ok windows within 5 bpm",
    "false_ok": "Share of windows without a pulse with status ok",
}
"""All measures, in the order of the tables. The first two are the paper's: a recording's rate is
the mean over its windows, whatever their status. All but the last use recordings with a pulse.
"""

DECIMALS = 4


@dataclass(frozen=True)
class Row:
    """Measures of one group of recordings.

    Attributes
    ----------
    name : str
        Name of the source.
    kind, group : str
        For example "stratum" and "dark skin"; "all" and "all" for all recordings.
    subjects, recordings, windows : int
        Number of each.
    without_window : int
        Number of recordings that have no full window; they are in no mean.
    values : dict of str to float
        The value of each of ``MEASURES``; NaN if there is none.
    intervals : dict of str to (float, float)
        Their 95 % confidence intervals, from resampled subjects; NaN for a single subject.
    """

    name: str
    kind: str
    group: str
    subjects: int
    recordings: int
    windows: int
    without_window: int
    values: dict[str, float]
    intervals: dict[str, tuple[float, float]]

    def to_values(self) -> dict[str, Any]:
        """Return plain values for JSON; NaN becomes None."""
        return {
            **vars(self),
            "values": {name: _plain(value) for name, value in self.values.items()},
            "intervals": {name: [_plain(end) for end in i] for name, i in self.intervals.items()},
        }


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(value, DECIMALS)


def measure(recordings: Sequence[Recording]) -> list[float]:
    """Compute the measures of some recordings.

    Returns
    -------
    list of float
        One value for each of ``MEASURES``.
    """
    read = [r for r in recordings if r.has_pulse and len(r.windows)]
    windows = _windows(read)
    silent = _windows(r for r in recordings if not r.has_pulse)
    error = windows["heart_rate"] - windows["true_rate"]
    ok, snr = windows["ok"], windows["true_snr_db"]
    of_recordings = [r.error for r in read]
    return [
        mae(of_recordings),
        rmse(of_recordings),
        mae(error),
        rmse(error),
        pearson(windows["heart_rate"], windows["true_rate"]),
        within(error, 5.0),
        within(error, 3.0),
        mean(snr[~np.isnan(snr)]),  # a pulse of zeros has no SNR
        mean(ok),
        mae(error[ok]),
        within(error[ok], 5.0),
        mean(silent["ok"]),
    ]


def _windows(recordings: Iterable[Recording]) -> Any:
    # The dtype is given because NumPy needs long to find a common one.
    return np.concatenate([np.empty(0, WINDOW), *(r.windows for r in recordings)], dtype=WINDOW)


def row(name: str, kind: str, group: str, recordings: Sequence[Recording], seed: int) -> Row:
    """Compute the measures of one group of recordings, with confidence intervals."""
    by_subject: dict[str, list[Recording]] = {}
    for recording in recordings:
        by_subject.setdefault(recording.subject, []).append(recording)
    ends = bootstrap(measure, list(by_subject.values()), seed)
    return Row(
        name,
        kind,
        group,
        len(by_subject),
        len(recordings),
        sum(len(r.windows) for r in recordings),
        sum(not len(r.windows) for r in recordings),
        dict(zip(MEASURES, measure(recordings))),
        {m: (float(low), float(high)) for m, (low, high) in zip(MEASURES, ends)},
    )


def groups(recordings: Sequence[Recording]) -> dict[tuple[str, str], list[Recording]]:
    """Sort recordings into groups.

    Returns
    -------
    dict of (kind, group) to recordings
        First ("all", "all"), then the groups of each kind in order of first appearance, and last
        ("subject", ...). A recording is in one group of each kind that it has.
    """
    found: dict[tuple[str, str], list[Recording]] = {("all", "all"): list(recordings)}
    for kind in dict.fromkeys(kind for r in recordings for kind in r.groups):
        for recording in recordings:
            if kind in recording.groups:
                found.setdefault((kind, recording.groups[kind]), []).append(recording)
    for recording in recordings:
        found.setdefault(("subject", recording.subject), []).append(recording)
    return found


def rows(evaluation: Evaluation, seed: int) -> list[Row]:
    """Compute the measures of every group of an evaluation.

    Parameters
    ----------
    evaluation
        The evaluation.
    seed
        Seed of the bootstrap.
    """
    return [
        row(evaluation.name, kind, group, recordings, seed)
        for (kind, group), recordings in groups(evaluation.recordings).items()
    ]


def mean_over_folds(evaluations: Sequence[Evaluation]) -> dict[str, float]:
    """Return the mean of each of ``MEASURES`` over the folds that have it, as in the paper."""
    values = np.array([measure(evaluation.recordings) for evaluation in evaluations])
    return {name: mean(column[~np.isnan(column)]) for name, column in zip(MEASURES, values.T)}


def as_csv(table: Sequence[Row]) -> str:
    """Return rows as CSV: each measure and the ends of its interval; empty if there is no value."""
    counts = ("name", "kind", "group", "subjects", "recordings", "windows", "without_window")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    ends = [f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")]
    writer.writerow([*counts, *ends])
    for r in table:
        cells = [
            _plain(value) for name in MEASURES for value in (r.values[name], *r.intervals[name])
        ]
        writer.writerow([*(getattr(r, count) for count in counts), *cells])
    return text.getvalue()


_IN_PERCENT = {"within_5", "within_3", "coverage", "ok_within_5", "false_ok"}
_PER_GROUP = ("mae", "within_5", "snr_db", "coverage", "false_ok")


def as_markdown(table: Sequence[Row], data: Mapping[str, Any]) -> str:
    """Return Markdown tables of all recordings and of groups; only the CSV has single subjects.

    Parameters
    ----------
    table
        Rows of one or more sources on the same clips.
    data
        Description of the clips, see ``Evaluation.data``.
    """
    names = list(dict.fromkeys(r.name for r in table))
    everything = [r for r in table if r.kind == "all"]
    first = everything[0]
    side = [f"{key} {data[key]}" for key in ("split", "fold", "part") if key in data]
    lines = [
        "# Evaluation",
        "",
        "; ".join([str(data["description"]), *side]) + ".",
        f"{first.subjects} subjects, {first.recordings} recordings, {first.windows} windows of"
        f" 10 s; {first.without_window} recordings have no full window. In brackets, 95 %"
        " confidence intervals from resampled subjects.",
        "",
        "## All recordings",
        "",
        *markdown_table(
            ["Measure", *names],
            [
                [title, *(_with_interval(r, measure) for r in everything)]
                for measure, title in MEASURES.items()
                if any(not math.isnan(r.values[measure]) for r in everything)
            ],
        ),
    ]
    for kind in dict.fromkeys(r.kind for r in table if r.kind not in ("all", "subject")):
        of_kind = {(r.name, r.group): r for r in table if r.kind == kind}
        group_names = list(dict.fromkeys(group for _, group in of_kind))
        lines += ["", f"## By {kind}"]
        for measure in _PER_GROUP:
            cells = [
                [f"{group} ({of_kind[names[0], group].subjects})"]
                + [_number(measure, of_kind[name, group].values[measure]) for name in names]
                for group in group_names
            ]
            if any(cell for line in cells for cell in line[1:]):
                lines += ["", *markdown_table([MEASURES[measure], *names], cells)]
    return "\n".join(lines) + "\n"


def provenance(evaluations: Sequence[Evaluation], seed: int) -> str:
    """Return Markdown that states the sources, the clips and the seed of tables.

    Parameters
    ----------
    evaluations
        The evaluations of one or more sources on the same clips.
    seed
        Seed of the bootstrap.
    """
    cells = [
        [
            e.name,
            e.source["kind"],
            e.source.get("sha256") or "",
            e.source.get("config_sha256") or "",
            str((e.source.get("config") or {}).get("seed", "")),
        ]
        for e in evaluations
    ]
    header = ["Source", "Kind", "Weights, SHA-256", "Config, SHA-256", "Seed"]
    clips = f"Clips: SHA-256 {evaluations[0].data['sha256']}."
    drawn = f"The confidence intervals were drawn with seed {seed}."
    return "\n".join(["## Sources", "", *markdown_table(header, cells), "", clips, drawn]) + "\n"


def _with_interval(r: Row, measure: str) -> str:
    text = _number(measure, r.values[measure])
    low, high = (_number(measure, end) for end in r.intervals[measure])
    return f"{text} [{low}, {high}]" if text and low else text


def _number(measure: str, value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{100 * value:.1f} %" if measure in _IN_PERCENT else f"{value:.2f}"
