"""Tables of an evaluation, for a terminal and in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rppg_fast.evaluation.compare import LEVELS, MEASURES, Bin, Summary
from rppg_fast.evaluation.metrics import RESAMPLES

if TYPE_CHECKING:
    from rppg_fast.evaluation.evaluation import Evaluation

_IN_PERCENT = {"coverage", "within_5"}
#: Measures in the tables of groups.
_OF_GROUPS = ("coverage", "mae", "rmse", "mape", "pearson", "bias")
_PER_LEVEL = {"recordings": "by recording", "windows": "by window"}


@dataclass(frozen=True)
class Block:
    """A part of a report.

    Attributes
    ----------
    title
        Its heading; empty for none.
    header, rows
        Its table; no table if there are no rows.
    lines
        Text after the table.
    """

    title: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    lines: Sequence[str] = ()


def blocks(evaluation: Evaluation) -> list[Block]:
    """Return the parts of the report on an evaluation."""
    everything = {s.level: s for s in evaluation.summaries if s.kind == "all"}
    found = [_overview(evaluation, everything)]
    for kind in dict.fromkeys(s.kind for s in evaluation.summaries if s.kind != "all"):
        for level in everything:
            of_kind = [s for s in evaluation.summaries if (s.kind, s.level) == (kind, level)]
            found.append(_of_groups(kind, level, of_kind))
    for level, bins in evaluation.reliability.items():
        if bins:
            found.append(_of_confidence(level, bins))
    for title, names in (
        ("Results without a truth", evaluation.without_truth),
        ("Truth without a result", evaluation.without_result),
        (
            "Truth that cannot be used",
            [f"{video}: {reason}" for video, reason in evaluation.unusable.items()],
        ),
    ):
        if names:
            found.append(Block(f"{title} ({len(names)}), left out", lines=tuple(names)))
    return found


def _overview(evaluation: Evaluation, everything: dict[str, Summary]) -> Block:
    first = everything[LEVELS[0]]
    rows = [["compared", *(str(s.compared) for s in everything.values())]]
    rows += [
        [title, *(_with_error(s, name) for s in everything.values())]
        for name, title in MEASURES.items()
        if any(not math.isnan(s.values[name]) for s in everything.values())
    ]
    lines = [
        f"{s.read} of {s.compared} {level} have a heart rate; the errors are over these {s.read}."
        for level, s in everything.items()
    ]
    without = sum(recording.windows_without_truth for recording in evaluation.recordings)
    if without:
        lines.append(f"{without} windows have no true heart rate and are left out.")
    if first.subjects > 1:
        lines.append(
            f"In brackets: 95 % confidence intervals from {RESAMPLES} resamples of the"
            f" {first.subjects} subjects, seed {evaluation.seed}; ±: standard error."
        )
    else:
        lines.append("There is one subject, and so no confidence interval; ±: standard error.")
    return Block(
        f"{evaluation.results} beside {evaluation.truth}: {first.recordings} recordings of"
        f" {first.subjects} subjects",
        ["", *(_PER_LEVEL[level] for level in everything)],
        rows,
        lines,
    )


def _of_groups(kind: str, level: str, groups: Sequence[Summary]) -> Block:
    header = [kind, "subjects", "compared", *(MEASURES[name] for name in _OF_GROUPS)]
    rows = [
        [
            s.group,
            str(s.subjects),
            str(s.compared),
            *(_with_interval(name, s.values[name], s.intervals[name]) for name in _OF_GROUPS),
        ]
        for s in groups
    ]
    return Block(f"By {kind}, {level}", header, rows)


def _of_confidence(level: str, bins: Sequence[Bin]) -> Block:
    rows = [
        [
            f"{one.low:.1f} to {one.high:.1f}",
            str(one.count),
            f"{one.confidence:.2f}",
            _with_interval("within_5", one.within_5, one.interval),
        ]
        for one in bins
    ]
    header = ["confidence", level, "mean confidence", MEASURES["within_5"]]
    return Block(f"Accuracy by confidence, {level}", header, rows)


def _number(name: str, value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{100 * value:.1f} %" if name in _IN_PERCENT else f"{value:.2f}"


def _with_interval(name: str, value: float, interval: tuple[float, float]) -> str:
    low, high = (_number(name, end) for end in interval)
    text = _number(name, value)
    return f"{text} [{low}, {high}]" if text and low else text


def _with_error(summary: Summary, name: str) -> str:
    text = _with_interval(name, summary.values[name], summary.intervals[name])
    error = summary.standard_errors.get(name, math.nan)
    return f"{text} ± {_number(name, error)}" if text and not math.isnan(error) else text


def as_text(parts: Sequence[Block]) -> str:
    """Return a report for a terminal."""
    return "\n\n".join(_text(part) for part in parts) + "\n"


def _text(part: Block) -> str:
    lines = [part.title]
    if part.rows:
        table = [list(part.header), *(list(row) for row in part.rows)]
        widths = [max(len(row[i]) for row in table) for i in range(len(part.header))]
        lines += [
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in table
        ]
    return "\n".join([*lines, *(f"  {line}" if not part.rows else line for line in part.lines)])


def as_markdown(parts: Sequence[Block]) -> str:
    """Return a report in Markdown."""
    return "\n".join(_markdown(part) for part in parts)


def _markdown(part: Block) -> str:
    lines = [f"## {part.title}", ""]
    if part.rows:
        lines += [*markdown_table(part.header, part.rows), "", *part.lines]
    else:
        lines += [f"- {line}" for line in part.lines]
    return "\n".join(lines).rstrip() + "\n"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table in Markdown; all columns but the first are aligned right."""
    rule = ["---", *("---:" for _ in header[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (header, rule, *rows)]
