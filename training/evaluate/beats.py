r"""Compare the beats that ``rppg_fast.beats`` finds with those of a chest strap, or of a finger.

    python -m training.evaluate.beats --fingers $RPPG_DATA/pulse/welltory \
        --injected data/injected/test --out runs/beats

Records of fingers (``subject_*/PPG.csv``) are compared with the intervals of a strap (``RR.txt``),
on one clock by ``training.data.strap``. Clips with a known pulse in the face are measured by
``rppg_fast.measure``, and their beats are compared with the good beats of the finger's pulse that
was put in. OUT receives ``beats.json`` and ``beats.md``.

The settings were chosen on a part of the fingers (``training/splits/beats.json``); the other part
is the report.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.reference import Reference
from training.data.clip_folder import ABOUT, TRUTH
from training.data.finger import Finger
from training.data.strap import nearest, read_intervals, strap_beats
from training.support.command import command
from training.support.files import as_json, replace_file

SPLIT = Path(__file__).parents[1] / "splits" / "beats.json"

MATCH = 0.25
"""Largest distance between a beat and its true one, s."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Compared:
    """Intervals between neighbouring beats, and the true ones.

    Attributes
    ----------
    found, true : float64 (intervals,)
        Intervals, s; a true one is NaN if the two beats are not neighbours in the truth, because a
        beat was missed or is too much.
    good : bool (intervals,)
        Whether the quality calls the interval good.
    follows : bool (intervals,)
        Whether the interval begins where the one before ends.
    missed, beats : int
        True beats that were not found, and all of them.
    seconds : float
        Length of the pulse.
    sdnn : float or None
        Standard deviation of the good intervals, s; None where ``Beats.sdnn`` is None.
    true_sdnn : float
        Standard deviation of all true intervals in this time, s.
    """

    found: Floats
    true: Floats
    good: NDArray[np.bool_]
    follows: NDArray[np.bool_]
    missed: int
    beats: int
    seconds: float
    sdnn: float | None
    true_sdnn: float

    @property
    def error(self) -> Floats:
        """Absolute errors of the intervals, ms; NaN where there is no true one."""
        return np.asarray(1000 * np.abs(self.found - self.true))

    @property
    def steps(self) -> tuple[Floats, Floats]:
        """Differences of successive good intervals, and the true differences, s."""
        pairs = self.follows[1:] & self.good[1:] & self.good[:-1]
        pairs &= np.isfinite(self.true[1:] + self.true[:-1])
        return np.diff(self.found)[pairs], np.diff(self.true)[pairs]


def compare(found: rf.Beats, truth: Floats, sure: NDArray[np.bool_], seconds: float) -> Compared:
    """Compare beats with the true ones; only intervals within the time of the truth count.

    Parameters
    ----------
    found
        Beats, on the clock of the truth.
    truth : float64 (beats,)
        Times of the true beats, s.
    sure : bool (beats - 1,)
        Which of the true intervals are reliable.
    seconds
        Length of the pulse.
    """
    index = nearest(truth, found.times)
    close = np.abs(found.times - truth[index]) < MATCH
    neighbours = close[1:] & close[:-1] & (np.diff(index) == 1)
    inside = (found.times[:-1] > truth[0] - MATCH) & (found.times[1:] < truth[-1] + MATCH)
    first = np.minimum(index[:-1], truth.size - 2)
    counts = inside & sure[first] & np.isfinite(found.intervals)
    true = np.where(neighbours, np.diff(truth)[first], np.nan)
    kept = np.flatnonzero(counts)
    good = found.good[kept]
    between = np.zeros(truth.size, np.bool_)  # true beats between two neighbouring beats found
    for start, end in zip(found.times[:-1][counts], found.times[1:][counts]):
        between |= (truth > start - MATCH) & (truth < end + MATCH)
    seen = np.zeros(truth.size, np.bool_)
    seen[index[close]] = True
    spanned = np.diff(truth)
    if found.times.size:
        here = (truth[:-1] > found.times[0] - MATCH) & (truth[1:] < found.times[-1] + MATCH)
        spanned = spanned[here]
    return Compared(
        found=found.intervals[kept],
        true=true[kept],
        good=good,
        follows=np.concatenate([[False], np.diff(kept) == 1])[: kept.size],
        missed=int((between & ~seen).sum()),
        beats=int(between.sum()),
        seconds=seconds,
        sdnn=None if found.sdnn is None else float(found.intervals[kept][good].std(ddof=1)),
        true_sdnn=float(np.std(spanned, ddof=1)),
    )


def of_finger(folder: Path) -> Compared | None:
    """Compare a finger's record with the strap's; None if no beat is found in it."""
    finger = Finger.read(folder / "PPG.csv")
    found = rf.beats(finger.ppg, times=finger.times)
    if found.times.size == 0:
        return None
    truth = strap_beats(read_intervals(folder / "RR.txt"), found.times)
    return compare(found, truth, np.ones(truth.size - 1, np.bool_), float(np.ptp(finger.times)))


def of_clip(folder: Path) -> Compared | None:
    """Compare a measured clip with the pulse that was put in; None if no beat is found in it."""
    about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    measured = rf.measure(folder / about["video"])
    found = measured.beats()
    times, ppg = Reference.read(folder / TRUTH).pulse()
    truth = rf.beats(ppg, times=times)
    if found.times.size < 2 or truth.times.size < 2:
        return None
    # The skin's pulse may come later than the one that was put in; one delay for all beats.
    delay = np.median(found.times - truth.times[nearest(truth.times, found.times)])
    return compare(found, truth.times + delay, truth.good, measured.duration_s)


def summary(name: str, compared: Sequence[Compared]) -> dict[str, Any]:
    """Return a row of the first table: all intervals of several recordings."""
    error = np.concatenate([np.empty(0), *(one.error for one in compared)])
    good = np.concatenate([np.empty(0, np.bool_), *(one.good for one in compared)])
    return {
        "set": name,
        "recordings": len(compared),
        "intervals": int(error.size),
        "missed": sum(one.missed for one in compared),
        "beats": sum(one.beats for one in compared),
        **{f"good_{key}": value for key, value in _errors(error[good]).items()},
        **{f"doubtful_{key}": value for key, value in _errors(error[~good]).items()},
        "rmssd_ms": _rmssd(np.concatenate([np.empty(0), *(one.steps[0] for one in compared)])),
        "true_rmssd_ms": _rmssd(np.concatenate([np.empty(0), *(one.steps[1] for one in compared)])),
    }


def _rmssd(steps: Floats) -> float:
    """Return the root mean square of differences in s, in ms; NaN if there are fewer than two."""
    return round(1000 * float(np.sqrt(np.mean(steps**2))), 1) if steps.size > 1 else float("nan")


def _errors(error: Floats) -> dict[str, float]:
    known = error[np.isfinite(error)]
    median, ninth = np.percentile(known, [50, 90]) if known.size else (np.nan, np.nan)
    return {
        "intervals": int(error.size),
        "median_ms": round(float(median), 1),
        "p90_ms": round(float(ninth), 1),
        "wrong": int(error.size - known.size),
    }


def details(name: str, one: Compared) -> dict[str, Any]:
    """Return a row of the second table: one finger's record."""
    good = one.found[one.good]
    return {
        "record": name,
        "seconds": round(one.seconds, 1),
        "good_percent": round(100 * float(good.sum()) / one.seconds),
        **{key: value for key, value in _errors(one.error[one.good]).items() if key != "p90_ms"},
        "sdnn_ms": None if one.sdnn is None else round(1000 * one.sdnn, 1),
        "true_sdnn_ms": round(1000 * one.true_sdnn, 1),
        "rmssd_ms": _rmssd(one.steps[0]),
        "true_rmssd_ms": _rmssd(one.steps[1]),
    }


def markdown(report: dict[str, Any]) -> str:
    """Return both tables."""
    lines = [
        "| Pulse | Recordings | Beats missed | Good intervals | Median error, ms | 9 of 10 in "
        "| Wrong | Other intervals | Median error, ms | 9 of 10 in | Wrong | RMSSD, ms | True |",
        "| --- |" + " ---: |" * 12,
    ]
    for row in report["sets"]:
        cells = [row["set"], row["recordings"], f"{row['missed']} of {row['beats']}"]
        for kind in ("good", "doubtful"):
            cells += [row[f"{kind}_{key}"] for key in ("intervals", "median_ms", "p90_ms", "wrong")]
        lines.append(_line([*cells, row["rmssd_ms"], row["true_rmssd_ms"]]))
    lines += [
        "",
        "| Record | s | Good, % | Intervals | Median error, ms | Wrong | SDNN, ms | Strap |"
        " RMSSD, ms | Strap |",
        "| --- |" + " ---: |" * 9,
    ]
    for row in report["records"]:
        lines.append(_line([*row.values()]))
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[Any]) -> str:
    empty = ("" if cell is None or cell != cell else str(cell) for cell in cells)
    return "| " + " | ".join(empty) + " |"


def evaluate(fingers: Path | None, injected: Iterable[Path]) -> dict[str, Any]:
    """Return the report: rows for sets of recordings, and for the records of fingers."""
    sets, records = [], []
    if fingers is not None:
        split = json.loads(SPLIT.read_text(encoding="utf-8"))
        for part in ("settings", "report"):
            found = {name: of_finger(fingers / name) for name in split[part]}
            with_beats = {name: one for name, one in found.items() if one is not None}
            sets.append(summary(f"fingers, {part}", list(with_beats.values())))
            records += [details(f"{name}, {part}", one) for name, one in with_beats.items()]
    for folder in injected:
        by_amplitude: dict[float, list[Compared]] = {}
        for about in sorted(folder.glob(f"*/{ABOUT}")):
            amplitude = json.loads(about.read_text(encoding="utf-8"))["amplitude_percent"]
            of = of_clip(about.parent)
            by_amplitude.setdefault(amplitude, []).extend([] if of is None else [of])
        for amplitude in sorted(by_amplitude, reverse=True):
            sets.append(summary(f"faces, {folder.name}, {amplitude} %", by_amplitude[amplitude]))
    return {"sets": sets, "records": records}


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Write the report."""
    parser = argparse.ArgumentParser(description="compare beats with a strap's or a finger's")
    parser.add_argument("--fingers", type=Path, help="folder of subject_*/PPG.csv and RR.txt")
    parser.add_argument(
        "--injected", type=Path, nargs="*", default=[], help="folders of training.data.inject"
    )
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    report = evaluate(given.fingers, given.injected)
    given.out.mkdir(parents=True, exist_ok=True)
    replace_file(given.out / "beats.json", as_json(report))
    replace_file(given.out / "beats.md", markdown(report).encode())
    print(markdown(report), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
