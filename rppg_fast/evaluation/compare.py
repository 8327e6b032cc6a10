"""Compare results with the truth: pairs of heart rates, and measures of groups of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rppg_fast.evaluation.metrics import (
    PULSE,
    RESAMPLES,
    bootstrap,
    limits_of_agreement,
    mae,
    mape,
    mean,
    pearson,
    pearson_standard_error,
    rmse,
    rmse_standard_error,
    snr_db,
    standard_error,
    within,
)
from rppg_fast.evaluation.readings import Result
from rppg_fast.evaluation.truth import Rates
from rppg_fast.pulse import spectrum

LEVELS = ("recordings", "windows")
"""What is compared: the heart rates of whole recordings, and those of windows."""

CLOSE_BPM = 5.0
"""A heart rate whose error is larger is counted as wrong, bpm."""

MEASURES = {
    "coverage": "with a heart rate",
    "mae": "MAE, bpm",
    "rmse": "RMSE, bpm",
    "mape": "MAPE, %",
    "pearson": "Pearson correlation",
    "snr_db": "SNR, dB",
    "within_5": f"within {CLOSE_BPM:g} bpm",
    "bias": "mean difference, bpm",
    "lower_limit": "lower limit of agreement, bpm",
    "upper_limit": "upper limit of agreement, bpm",
}
"""All measures with their names. All but the first are of the heart rates that were given."""

BINS = np.linspace(0.0, 1.0, 11)
"""Edges of the bins of confidence."""

PAIR = np.dtype(
    [
        ("measured", "<f8"),
        ("true", "<f8"),
        ("snr_db", "<f8"),
        ("candidate", "<f8"),
        ("confidence", "<f8"),
    ]
)
"""A heart rate and its truth, bpm; the SNR of the pulse at the true rate, dB; the rate that the
confidence is of, bpm, given or withheld; the confidence. NaN is none."""

Pairs = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Compared:
    """A recording whose result was compared with the truth.

    Attributes
    ----------
    video, truth
        Names of both.
    subject
        Who is seen; the truth's name if that is not known.
    groups
        Its further columns, such as "stratum".
    recordings
        Structured ``PAIR`` of shape (1,).
    windows
        Structured ``PAIR`` of shape (windows,): those whose true rate is known.
    windows_without_truth
        How many have none.
    """

    video: str
    truth: str
    subject: str
    groups: Mapping[str, str]
    recordings: Pairs
    windows: Pairs
    windows_without_truth: int


def pairs_of_windows(result: Result, rates: Rates) -> tuple[Pairs, int]:
    """Return the windows of a result with a known true rate, and how many have none."""
    given = result.windows
    if given is None:
        return np.empty(0, PAIR), 0
    pairs = np.full(given.starts.size, math.nan, PAIR)
    pairs["measured"], pairs["confidence"] = given.rates, given.confidences
    pairs["candidate"] = np.where(np.isnan(given.candidates), given.rates, given.candidates)
    if given.starts.size:
        pairs["true"] = rates.of_windows(given.starts, given.ends)
    known = np.isfinite(pairs["true"])
    if result.times is not None and result.pulse is not None:
        for i in np.flatnonzero(known):
            inside = (result.times >= given.starts[i]) & (result.times <= given.ends[i])
            if inside.sum() >= 2:
                found = spectrum(result.pulse[inside], PULSE.rate, PULSE.low, PULSE.high)
                pairs["snr_db"][i] = snr_db(found, float(pairs["true"][i]))
    return pairs[known], int((~known).sum())


def pair_of_recording(result: Result, rates: Rates, windows: Pairs) -> Pairs:
    """Return the pair of the whole recording; its SNR is the mean over its windows.

    Raises
    ------
    ValueError
        If the truth does not cover the recording.
    """
    snr = windows["snr_db"]
    true = rates.of_recording(result.span)
    rate, confidence = result.heart_rate_bpm, result.confidence
    return np.array([(rate, true, mean(snr[~np.isnan(snr)]), rate, confidence)], PAIR)


@dataclass(frozen=True)
class Summary:
    """Measures of one group of recordings.

    Attributes
    ----------
    kind, group
        The column, such as "stratum", and its value; "all" and "all" for all recordings.
    level
        One of ``LEVELS``.
    subjects, recordings
        How many were compared.
    compared, read
        How many pairs there are, and how many with a heart rate: errors are over these.
    values
        Each of ``MEASURES``; NaN if there is no value.
    intervals
        Their 95 % confidence intervals, from resampled subjects; NaN if there is only one subject.
    standard_errors
        Those that rPPG-Toolbox prints: of mae, rmse, mape, pearson and snr_db.
    """

    kind: str
    group: str
    level: str
    subjects: int
    recordings: int
    compared: int
    read: int
    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    standard_errors: Mapping[str, float]


@dataclass(frozen=True)
class Bin:
    """Accuracy of the rates of one bin of confidence.

    Attributes
    ----------
    low, high
        The bin; its upper edge belongs to the next one, except for 1.
    count
        Number of rates in it, given or withheld.
    confidence
        Their mean confidence; NaN if there is none.
    within_5
        Share of them within 5 bpm of the truth; NaN if there is none.
    interval
        Its 95 % confidence interval, from resampled subjects.
    """

    low: float
    high: float
    count: int
    confidence: float
    within_5: float
    interval: tuple[float, float]


def joined(recordings: Sequence[Compared], level: str) -> Pairs:
    """Return the pairs of some recordings at a level, one after the other."""
    return _end_to_end([getattr(recording, level) for recording in recordings])


def _end_to_end(parts: Sequence[Pairs]) -> Pairs:
    # Plain numbers are copied many times faster than structures.
    return np.concatenate([part.view(np.float64) for part in parts]).view(PAIR)


def measures(pairs: Pairs) -> list[float]:
    """Return each of ``MEASURES`` of some pairs."""
    read = pairs[np.isfinite(pairs["measured"])]
    error = read["measured"] - read["true"]
    snr = pairs["snr_db"]
    return [
        read.size / pairs.size if pairs.size else math.nan,
        mae(error),
        rmse(error),
        mape(read["measured"], read["true"]),
        pearson(read["measured"], read["true"]),
        mean(snr[~np.isnan(snr)]),
        within(error, CLOSE_BPM),
        mean(error),
        *limits_of_agreement(error),
    ]


def _standard_errors(pairs: Pairs, values: Mapping[str, float]) -> dict[str, float]:
    read = pairs[np.isfinite(pairs["measured"])]
    error = read["measured"] - read["true"]
    snr = pairs["snr_db"]
    return {
        "mae": standard_error(np.abs(error)),
        "rmse": rmse_standard_error(error),
        "mape": 100 * standard_error(np.abs(error / read["true"])),
        "pearson": pearson_standard_error(values["pearson"], read.size),
        "snr_db": standard_error(snr[~np.isnan(snr)]),
    }


def _by_subject(recordings: Sequence[Compared], level: str) -> list[list[Pairs]]:
    """Return the pairs of each subject, one after the other, as a cluster of one item."""
    found: dict[str, list[Compared]] = {}
    for recording in recordings:
        found.setdefault(recording.subject, []).append(recording)
    return [[joined(members, level)] for members in found.values()]


def summarize(
    recordings: Sequence[Compared], level: str, seed: int, kind: str = "all", group: str = "all"
) -> Summary:
    """Return the measures of a group of recordings, with confidence intervals.

    Parameters
    ----------
    recordings
        At least one.
    level
        One of ``LEVELS``.
    seed
        Seed of the resamples.
    kind, group
        Names of the group.
    """
    pairs, subjects = joined(recordings, level), _by_subject(recordings, level)
    values = dict(zip(MEASURES, measures(pairs)))
    ends = bootstrap(lambda drawn: measures(_end_to_end(drawn)), subjects, seed, RESAMPLES)
    return Summary(
        kind,
        group,
        level,
        len(subjects),
        len(recordings),
        pairs.size,
        int(np.isfinite(pairs["measured"]).sum()),
        values,
        {name: (float(low), float(high)) for name, (low, high) in zip(MEASURES, ends)},
        _standard_errors(pairs, values),
    )


def reliability(recordings: Sequence[Compared], level: str, seed: int) -> list[Bin]:
    """Return the accuracy in each bin of confidence that has a rate.

    Rates that were withheld because of their confidence count, too, where they are known.

    Parameters
    ----------
    recordings
        At least one.
    level
        One of ``LEVELS``.
    seed
        Seed of the resamples.
    """
    pairs = joined(recordings, level)
    _, where = _in_bins(pairs)
    subjects = _by_subject(recordings, level)
    ends = bootstrap(lambda drawn: _shares(_end_to_end(drawn)), subjects, seed, RESAMPLES)
    known = pairs[_has_confidence(pairs)]
    return [
        Bin(
            float(BINS[i]),
            float(BINS[i + 1]),
            int((where == i).sum()),
            mean(known["confidence"][where == i]),
            share,
            (float(ends[i][0]), float(ends[i][1])),
        )
        for i, share in enumerate(_shares(pairs))
        if (where == i).any()
    ]


def _has_confidence(pairs: Pairs) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(pairs["candidate"]) & np.isfinite(pairs["confidence"]))


def _in_bins(pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the errors of the rates with a confidence, and their bins."""
    known = pairs[_has_confidence(pairs)]
    where = np.searchsorted(BINS, known["confidence"], side="right") - 1
    return known["candidate"] - known["true"], np.clip(where, 0, BINS.size - 2)


def _shares(pairs: Pairs) -> list[float]:
    error, where = _in_bins(pairs)
    return [within(error[where == i], CLOSE_BPM) for i in range(BINS.size - 1)]
