"""Compute the totals and tables of the scoreboard."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np

from rppg_fast.evaluation.metrics import mae, mean, within
from training.evaluate.scoreboard_items import Item
from training.evaluate.scoreboard_measure import Record

WRONG = 5.0
"""A reading with a larger error, in bpm, is wrong."""

RIGHT = 3.0
"""A peak with an error of at most this, in bpm, is the heart's."""

Number = Union[int, float, None]

COLUMNS: dict[str, str] = {
    "clips": "Clips",
    "face": "Time with a face",
    "ok_clips": "Clips ok",
    "ok_share": "Share ok",
    "mae": "MAE of ok, bpm",
    "worst": "Worst, bpm",
    "wrong_clips": f"Clips wrong (> {WRONG:g} bpm)",
    "unexplained_clips": "Clips ok without a reason",
    "windows": "Windows",
    "ok_windows": "Windows ok",
    "wrong_windows": "Windows wrong",
    "snr": "SNR at the true rate, dB",
    "top_right": f"Highest peak within {RIGHT:g} bpm",
    "clip_snr": "Mean of clips, dB",
    "clip_top_right": "Mean of clips",
    "seconds": "Time a clip, s",
}
"""All totals with their headings. SNR and highest peaks are means over windows, and also means over
clips, in which a long clip counts as much as a short one. A clip is ok without a reason if it shows
no living person, or if it is a negative of a living face and its rate differs from the one that the
original seems to have."""


@dataclass(frozen=True)
class Result:
    """The result of one method on one clip.

    Attributes
    ----------
    item : Item
        The clip.
    method : str
        The method.
    record : dict
        The result of ``scoreboard_measure.measure_clip``.
    """

    item: Item
    method: str
    record: Record

    @property
    def is_ok(self) -> bool:
        """Whether the recording has a heart rate."""
        return bool(self.record["status"] == "ok")

    @property
    def error(self) -> Number:
        """Error of the heart rate, bpm; None if the status is not ok or the truth is unknown."""
        true = self.record["true_bpm"]
        return self.record["heart_rate_bpm"] - true if self.is_ok and true is not None else None

    @property
    def is_unexplained(self) -> bool:
        """Whether the status is ok without a reason; False if the true rate is known."""
        if not self.is_ok or self.item.truth is not None:
            return False
        if not self.item.alive:
            return True
        own = self.item.own_rate
        explained = own is not None and abs(self.record["heart_rate_bpm"] - own) <= WRONG
        return self.item.kind.startswith("negative") and not explained

    @property
    def snr(self) -> list[float]:
        """SNR at the true rate in each window of the pulse, dB; empty if the truth is unknown."""
        known = [window.get("true_rate_snr_db") for window in self.record["pulse"]]
        return [snr for snr in known if snr is not None]

    @property
    def peak_errors(self) -> list[float]:
        """Error of the highest peak in each window, bpm; empty if the truth is unknown."""
        return [w["peak_bpm"] - w["true_bpm"] for w in self.record["pulse"] if "true_bpm" in w]

    def window_errors(self) -> list[float]:
        """Return the errors of the windows that are ok, bpm; empty if the truth is unknown."""
        return [
            window["heart_rate_bpm"] - window["true_bpm"]
            for window in self.record["windows"]
            if window["status"] == "ok" and window["true_bpm"] is not None
        ]


def totals(results: Sequence[Result]) -> dict[str, Number]:
    """Compute the totals of one method on clips of one kind, by the names of ``COLUMNS``.

    A total is None if it has no value: errors, SNR and peaks if the truth is unknown.
    """
    errors = [result.error for result in results if result.error is not None]
    windows = [window for result in results for window in result.record["windows"]]
    window_errors = np.array([e for result in results for e in result.window_errors()])
    snr = [result.snr for result in results if result.snr]
    peaks = [result.peak_errors for result in results if result.peak_errors]
    known = any(result.item.truth is not None for result in results)
    ok = sum(result.is_ok for result in results)
    return {
        "clips": len(results),
        "face": mean([result.record["share_with_face"] for result in results]),
        "ok_clips": ok,
        "ok_share": ok / len(results),
        "mae": mae(errors) if errors else None,
        "worst": float(np.abs(errors).max()) if errors else None,
        "wrong_clips": int(np.sum(np.abs(errors) > WRONG)) if known else None,
        "unexplained_clips": None if known else sum(r.is_unexplained for r in results),
        "windows": len(windows),
        "ok_windows": sum(window["status"] == "ok" for window in windows),
        "wrong_windows": int(np.sum(np.abs(window_errors) > WRONG)) if known else None,
        "snr": mean(np.concatenate(snr)) if snr else None,
        "top_right": within(np.concatenate(peaks), RIGHT) if peaks else None,
        "clip_snr": mean([mean(one) for one in snr]) if snr else None,
        "clip_top_right": mean([within(one, RIGHT) for one in peaks]) if peaks else None,
        "seconds": mean([result.record["took_s"] for result in results]),
    }


def grouped(results: Iterable[Result]) -> dict[tuple[str, str], list[Result]]:
    """Group results by kind and method."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.item.kind, result.method), []).append(result)
    return dict(sorted(groups.items(), key=lambda group: _order(group[0][0])))


def _order(kind: str) -> tuple[int, float, str]:
    """Return a sort key: real clips, then injected ones from the strongest, then negatives."""
    name, _, rest = kind.partition(" ")
    place = ("face", "none", "injected", "negative").index(name)
    return place, -float(rest.split()[0]) if name == "injected" else 0.0, rest


def totals_table(results: Sequence[Result]) -> str:
    """Return all totals as a Markdown table without the columns that are empty."""
    rows = {group: totals(members) for group, members in grouped(results).items()}
    columns = [name for name in COLUMNS if any(row[name] is not None for row in rows.values())]
    heads = ["Kind", "Method", *(COLUMNS[name] for name in columns)]
    lines = [
        [kind, method, *(_total(name, row[name]) for name in columns)]
        for (kind, method), row in rows.items()
    ]
    return markdown(heads, lines)


def _total(name: str, value: Number) -> str:
    if value is None:
        return ""
    if name in ("face", "ok_share", "top_right", "clip_top_right"):
        return f"{100 * value:.0f} %"
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def _by_clip(results: Sequence[Result]) -> tuple[list[str], dict[str, dict[str, Result]]]:
    """Return the methods, and the results by clip and method."""
    by_clip: dict[str, dict[str, Result]] = {}
    for result in results:
        by_clip.setdefault(result.item.name, {})[result.method] = result
    return list(dict.fromkeys(result.method for result in results)), by_clip


def clips_table(results: Sequence[Result], others: Mapping[str, Mapping[str, Number]]) -> str:
    """Return a Markdown table with a row for each clip, a column for each method and program.

    A cell has the heart rate in bpm, or the reason why there is none, and the number of ok windows.

    Parameters
    ----------
    results
        All results.
    others
        Results of other programs: heart rate in bpm or None, by program and clip.
    """
    methods, by_clip = _by_clip(results)
    heads = ["Clip", "Kind", "True", "Own", "Face", *methods, *others]
    lines = []
    for name, found in by_clip.items():
        first = next(iter(found.values()))
        cells = [_cell(found[method].record) if method in found else "" for method in methods]
        theirs = [_bpm(said[name]) if name in said else "" for said in others.values()]
        own = "" if first.item.own_rate is None else _bpm(first.item.own_rate)
        true = [w["true_bpm"] for w in first.record["pulse"] if "true_bpm" in w]
        truth = _bpm(mean(true)) if true else ""
        face = f"{100 * first.record['share_with_face']:.0f} %"
        lines.append([name, first.item.kind, truth, own, face, *cells, *theirs])
    return markdown(heads, lines)


def agreement_table(results: Sequence[Result], others: Mapping[str, Mapping[str, Number]]) -> str:
    """Return a Markdown table of the faces that seem to have a readable pulse of their own.

    A row for each clip of kind "face" whose catalogue names a rate on which classical methods
    agree. A cell has the most likely rate of a method in bpm, trusted or not, and its confidence;
    or the rate that another program gives. Empty if there is no such clip.
    """
    known = [r for r in results if r.item.kind == "face" and r.item.own_rate is not None]
    if not known:
        return ""
    methods, by_clip = _by_clip(known)
    lines = []
    for name, found in by_clip.items():
        cells = []
        for method in methods:
            record = found[method].record
            sure = record["confidence"]
            trust = "" if sure is None else f" ({sure:.2f})"
            cells.append(_bpm(record["candidate_bpm"]) + trust)
        theirs = [_bpm(said[name]) if name in said else "" for said in others.values()]
        first = found[methods[0]]
        hidden = ", ".join(first.record["obstacles"])
        lines.append([name, _bpm(first.item.own_rate), *cells, *theirs, hidden])
    return markdown(["Clip", "Classical methods agree on", *methods, *others, "Obstacles"], lines)


def _cell(record: Record) -> str:
    ok = sum(window["status"] == "ok" for window in record["windows"])
    said = _bpm(record["heart_rate_bpm"]) if record["status"] == "ok" else record["status"]
    return f"{said} ({ok}/{len(record['windows'])})"


def _bpm(rate: Number) -> str:
    return "none" if rate is None else f"{rate:.1f}"


def others_table(results: Sequence[Result], others: Mapping[str, Mapping[str, Number]]) -> str:
    """Return a Markdown table of the results of other programs, by kind of clip."""
    items = {result.item.name: result for result in results}
    heads = ["Kind", "Program", "Clips", "Clips with a number", COLUMNS["mae"]]
    heads += [COLUMNS["worst"], COLUMNS["wrong_clips"]]
    lines = []
    for kind in dict.fromkeys(kind for kind, _ in grouped(results)):
        for program, said in others.items():
            rates = {n: r for n, r in said.items() if n in items and items[n].item.kind == kind}
            numbers = {name: rate for name, rate in rates.items() if rate is not None}
            errors = np.array(
                [
                    rate - mean([w["true_bpm"] for w in items[name].record["pulse"]])
                    for name, rate in numbers.items()
                    if items[name].item.truth is not None and items[name].record["pulse"]
                ]
            )
            if rates:
                off = (
                    [f"{mae(errors):.2f}", f"{np.abs(errors).max():.2f}"]
                    if errors.size
                    else ["", ""]
                )
                wrong = str(int((np.abs(errors) > WRONG).sum())) if errors.size else ""
                lines.append([kind, program, str(len(rates)), str(len(numbers)), *off, wrong])
    return markdown(heads, lines)


def markdown(heads: Sequence[str], lines: Sequence[Sequence[Any]]) -> str:
    """Return a Markdown table."""
    rows = [list(heads), ["---"] * len(heads), *lines]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in rows)
