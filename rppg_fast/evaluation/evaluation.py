"""``rppg_fast.evaluate``: results beside the truth, with measures, groups and what is missing."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rppg_fast.evaluation.compare import (
    LEVELS,
    Bin,
    Compared,
    Summary,
    pair_of_recording,
    pairs_of_windows,
    reliability,
    summarize,
)
from rppg_fast.evaluation.matching import match
from rppg_fast.evaluation.metrics import CONFIDENCE, RESAMPLES
from rppg_fast.evaluation.readings import Result, ResultsLike, read_results
from rppg_fast.evaluation.truth import Truth, read_truth
from rppg_fast.results import reason_of

FORMAT = "rppg_fast.evaluate"
VERSION = 1
STRATUM = "stratum"
"""The column by which recordings are grouped if there is one and no other is asked for."""

_DECIMALS = 4


@dataclass(frozen=True)
class Evaluation:
    """How well results agree with the truth.

    Attributes
    ----------
    results, truth
        Names of both.
    recordings
        The recordings that were compared, in the order of the results.
    summaries
        Measures of all recordings and of each group, by recording and, if the results have windows
        with a known truth, by window.
    reliability
        For "recordings" and "windows", the accuracy in bins of confidence.
    without_truth
        Videos of the results to which no truth belongs.
    without_result
        Recordings of the truth to which no result belongs.
    unusable
        Videos whose truth cannot be used, and why.
    seed
        Seed of the confidence intervals.
    """

    results: str
    truth: str
    recordings: Sequence[Compared]
    summaries: Sequence[Summary]
    reliability: Mapping[str, Sequence[Bin]]
    without_truth: Sequence[str]
    without_result: Sequence[str]
    unusable: Mapping[str, str]
    seed: int

    def summary(self, level: str = "recordings", kind: str = "all", group: str = "all") -> Summary:
        """Return the measures of a group.

        Parameters
        ----------
        level
            "recordings" or "windows".
        kind, group
            The column and its value; "all" for all recordings.

        Raises
        ------
        KeyError
            If there is no such group, or no window.
        """
        for one in self.summaries:
            if (one.level, one.kind, one.group) == (level, kind, group):
                return one
        raise KeyError((level, kind, group))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; NaN becomes None."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "results": self.results,
            "truth": self.truth,
            "seed": self.seed,
            "resamples": RESAMPLES,
            "confidence_level": CONFIDENCE,
            "summaries": [_plain(asdict(one)) for one in self.summaries],
            "reliability": {
                level: [_plain(asdict(one)) for one in bins]
                for level, bins in self.reliability.items()
            },
            "recordings": [_of_recording(one) for one in self.recordings],
            "without_truth": list(self.without_truth),
            "without_result": list(self.without_result),
            "unusable": dict(self.unusable),
        }

    def to_text(self) -> str:
        """Return tables for a terminal."""
        from rppg_fast.evaluation.tables import as_text, blocks

        return as_text(blocks(self))

    def to_markdown(self) -> str:
        """Return tables in Markdown."""
        from rppg_fast.evaluation.tables import as_markdown, blocks

        return as_markdown(blocks(self))


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, _DECIMALS)
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value


def _of_recording(one: Compared) -> dict[str, Any]:
    (pair,) = one.recordings
    return {
        "video": one.video,
        "truth": one.truth,
        "subject": one.subject,
        **({"groups": dict(one.groups)} if one.groups else {}),
        "heart_rate_bpm": _plain(float(pair["measured"])),
        "true_bpm": _plain(float(pair["true"])),
        "confidence": _plain(float(pair["confidence"])),
        "windows": int(one.windows.size),
        "windows_without_truth": one.windows_without_truth,
    }


def evaluate(
    results: ResultsLike,
    truth: str | os.PathLike[str],
    *,
    by: Sequence[str] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Compare heart rates with the truth.

    A reading that was withheld counts in the coverage and in no error.

    Parameters
    ----------
    results
        A file of ``rppg-fast measure`` (.jsonl, .json or .csv), a CSV file of another program with
        the columns "video" and "heart_rate_bpm", or measurements. Measurements have the pulse, and
        only then there is an SNR.
    truth
        A folder in the layout of UBFC-rPPG or PURE or in our own, or a CSV file with the columns
        "video" and "heart_rate_bpm", and optionally "start_s", "subject", "stratum" and others.
    by
        Columns of the truth or of the results; there are measures for each value of them.
        "stratum", if there is such a column, unless others are given.
    seed
        Seed of the confidence intervals.

    Returns
    -------
    Evaluation
        The measures, and what could not be compared.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If a file is wrong, no result has a usable truth, or no recording has a column of ``by``.
    """
    found, truths = read_results(results), read_truth(Path(os.fsdecode(truth)))
    belongs = match([result.video for result in found], truths)
    compared: list[Compared] = []
    unusable: dict[str, str] = {}
    for result, known in zip(found, belongs):
        if known is None:
            continue
        try:
            compared.append(_compare(result, known))
        except (OSError, ValueError) as error:
            unusable[result.video] = reason_of(error)
    matched = {known.name for known in belongs if known is not None}
    without_truth = [result.video for result, known in zip(found, belongs) if known is None]
    without_result = [known.name for known in truths if known.name not in matched]
    if not compared:
        raise ValueError(_nothing(os.fsdecode(truth), unusable, without_truth, without_result))
    kinds = [STRATUM] if by is None else list(by)
    for kind in by or ():
        if not any(kind in recording.groups for recording in compared):
            columns = sorted({name for recording in compared for name in recording.groups})
            raise ValueError(
                f"no recording has a column {kind!r}; there are: {', '.join(columns) or 'none'}"
            )
    levels = [
        level for level in LEVELS if any(len(getattr(recording, level)) for recording in compared)
    ]
    summaries = [summarize(compared, level, seed) for level in levels]
    for kind in kinds:
        for group, members in _groups(compared, kind).items():
            summaries += [summarize(members, level, seed, kind, group) for level in levels]
    name = os.fsdecode(results) if isinstance(results, (str, os.PathLike)) else "measurements"
    return Evaluation(
        name,
        os.fsdecode(truth),
        tuple(compared),
        tuple(summaries),
        {level: tuple(reliability(compared, level, seed)) for level in levels},
        tuple(without_truth),
        tuple(without_result),
        unusable,
        seed,
    )


def _compare(result: Result, truth: Truth) -> Compared:
    rates = truth.rates()
    windows, without = pairs_of_windows(result, rates)
    columns = {**result.columns, **truth.columns}
    subject = truth.subject or columns.get("subject", "") or truth.name
    groups = {name: value for name, value in columns.items() if name != "subject"}
    return Compared(
        result.video,
        truth.name,
        subject,
        groups,
        pair_of_recording(result, rates, windows),
        windows,
        without,
    )


def _groups(recordings: Sequence[Compared], kind: str) -> dict[str, list[Compared]]:
    found: dict[str, list[Compared]] = {}
    for recording in recordings:
        if kind in recording.groups:
            found.setdefault(recording.groups[kind], []).append(recording)
    return dict(sorted(found.items()))


def _nothing(
    truth: str,
    unusable: Mapping[str, str],
    without_truth: Sequence[str],
    without_result: Sequence[str],
) -> str:
    if unusable:
        video, reason = next(iter(unusable.items()))
        return f"no result has a truth that can be used; that of {video}: {reason}"
    return (
        f"{truth}: no truth belongs to a result: the videos are named {without_truth[0]} and so"
        f" on, the recordings {without_result[0]} and so on; their paths must end alike, or the"
        " video must lie in the recording's folder"
    )
