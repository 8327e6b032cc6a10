"""The true heart rates of a data set: from its folders, or from a table."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Callable, Protocol

import numpy as np
from numpy.typing import NDArray

from rppg_fast.evaluation.traces import (
    Trace,
    own_frame_times,
    own_subject,
    read_ground_truth,
    read_gtdump,
    read_own,
    read_pure,
)
from rppg_fast.pulse import PulseSettings
from rppg_fast.reference import as_reference, heart_rates

Floats = NDArray[np.float64]

#: Names of a column with a heart rate in bpm; the first is ours.
RATE_COLUMNS = ("heart_rate_bpm", "heart_rate", "hr_bpm", "hr", "bpm")

#: So much of a window may be before or after the PPG, s.
_WINDOW_APART = 0.5

_PURE_NAME = re.compile(r"(\d\d)-\d\d")


class Rates(Protocol):
    """The true heart rate over time."""

    def of_recording(self, span: tuple[float, float] | None) -> float:
        """Return the mean rate in a time, s, or in all, bpm.

        Raises
        ------
        ValueError
            If it is not known there.
        """

    def of_windows(self, starts: Floats, ends: Floats) -> Floats:
        """Return the rate in each window, bpm; NaN where it is not known."""


class PpgRates:
    """Heart rates of a PPG, read as those of a video: by the same filter and spectrum.

    Parameters
    ----------
    trace
        The PPG, on the clock of the video.

    Raises
    ------
    ValueError
        If it has too few samples a second for the band.
    """

    def __init__(self, trace: Trace) -> None:
        trace.check_rate(PulseSettings().high)
        self._trace = trace
        self._reference = as_reference(trace.times, trace.ppg)
        self._times, self._pulse = self._reference.pulse()

    def of_recording(self, span: tuple[float, float] | None) -> float:
        """Return the mean over windows of 10 s, one each second; see ``Rates``."""
        start, end = span or (self._trace.times[0], self._trace.times[-1])
        self._trace.check_covers(start, end)
        rate = self._reference.mean_heart_rate(start, end)
        if not math.isfinite(rate):
            raise ValueError("the PPG has no peak in the band of heart rates")
        return rate

    def of_windows(self, starts: Floats, ends: Floats) -> Floats:
        """Return the rates of windows that the PPG covers; see ``Rates``."""
        rates = heart_rates(self._times, self._pulse, starts, ends)
        first, last = self._trace.times[[0, -1]]
        rates[(starts < first - _WINDOW_APART) | (ends > last + _WINDOW_APART)] = math.nan
        return rates


class GivenRates:
    """Heart rates of a table: each holds from its time to the next one's.

    Parameters
    ----------
    rates
        In bpm.
    starts
        Their times, s, increasing; None for one rate of a whole recording.
    """

    def __init__(self, rates: Sequence[float], starts: Sequence[float] | None) -> None:
        self._rates = np.array(rates, np.float64)
        self._starts = None if starts is None else np.array(starts, np.float64)

    def of_recording(self, span: tuple[float, float] | None) -> float:
        """Return the mean by time; without a span, the mean of the rates; see ``Rates``."""
        if self._starts is None or span is None:
            return float(self._rates.mean())
        start = max(span[0], float(self._starts[0]))
        if start >= span[1]:
            raise ValueError(f"the first true heart rate is of {start:.2f} s, after the video")
        return float(self._means(np.array([start]), np.array([span[1]]))[0])

    def of_windows(self, starts: Floats, ends: Floats) -> Floats:
        """Return the means in windows; NaN if there is only a rate of the whole; see ``Rates``."""
        if self._starts is None:
            return np.full(starts.shape, math.nan)
        return np.where(starts >= self._starts[0], self._means(starts, ends), math.nan)

    def _means(self, starts: Floats, ends: Floats) -> Floats:
        assert self._starts is not None
        begin = np.maximum(self._starts, starts[:, None])
        until = np.minimum(np.append(self._starts[1:], math.inf), ends[:, None])
        seconds = np.maximum(until - begin, 0.0)
        return np.asarray(seconds @ self._rates / (ends - starts))


@dataclass(frozen=True)
class Truth:
    """What is known of one recording.

    Attributes
    ----------
    name
        Name of its folder, or the cell "video" of a table.
    of_folder
        Whether the name is that of a folder, in which the video may have any name.
    subject
        Who is seen; empty if that is not known.
    rates
        Reads the heart rates. It raises OSError or ValueError if that is not possible.
    columns
        Further columns of a table, such as "stratum".
    """

    name: str
    of_folder: bool
    subject: str
    rates: Callable[[], Rates]
    columns: Mapping[str, str] = field(default_factory=dict)


def read_truth(path: Path) -> list[Truth]:
    """List the recordings whose heart rates a folder or a table has.

    Parameters
    ----------
    path
        A folder of a data set, or of one recording, in a layout that the page on evaluation lists;
        or a CSV file with the columns "video" and one of ``RATE_COLUMNS``.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is neither of them, or holds a wrong value.
    """
    if path.is_dir():
        places = [path, *sorted(one for one in path.iterdir() if one.is_dir())]
        found = [truth for truth in map(_in_folder, places) if truth is not None]
        if not found:
            raise ValueError(
                f"{path}: no folder in it has a ground_truth.txt or gtdump.xmp (UBFC-rPPG), a"
                " NAME.json (PURE) or a ppg.csv (our own layout); the truth of other data sets can"
                " be given as a CSV file with the columns video and heart_rate_bpm"
            )
        return found
    if path.suffix.lower() != ".csv":
        path.stat()  # an error that names the file if there is none
        raise ValueError(f"{path}: the truth must be a folder or a CSV file")
    return _read_table(path)


def _in_folder(folder: Path) -> Truth | None:
    """Return the truth of the recording in a folder, if there is one."""
    name = folder.resolve().name
    pure = _PURE_NAME.fullmatch(name)
    read: Callable[[Path], Trace]
    if (folder / "ground_truth.txt").is_file():
        read, path, subject = read_ground_truth, folder / "ground_truth.txt", name
    elif (folder / "gtdump.xmp").is_file():
        read, path, subject = read_gtdump, folder / "gtdump.xmp", name
    elif pure and (folder / f"{name}.json").is_file():
        read, path, subject = read_pure, folder / f"{name}.json", pure[1]
    elif (folder / "ppg.csv").is_file():
        read, path, subject = _own_from_first_frame, folder, own_subject(folder)
    else:
        return None
    return Truth(name, True, subject, partial(_ppg_rates, read, path))


def _ppg_rates(read: Callable[[Path], Trace], path: Path) -> Rates:
    return PpgRates(read(path))


def _own_from_first_frame(folder: Path) -> Trace:
    """Read our own layout. Results count the time from the first frame, as the container does."""
    trace, frames = read_own(folder), own_frame_times(folder)
    return trace if frames is None else Trace(trace.ppg, trace.times - frames[0])


def _read_table(path: Path) -> list[Truth]:
    rows: dict[str, list[tuple[float | None, float]]] = {}
    columns: dict[str, dict[str, str]] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        rate = rate_column(path, table.fieldnames)
        for row in table:
            cells = {name: cell for name, cell in row.items() if name and cell}
            where = f"{path}: line {table.line_num}"
            video, text = cells.pop("video", ""), cells.pop(rate, "")
            if not video:
                raise ValueError(f"{where}: the cell 'video' is empty")
            start = cells.pop("start_s", None)
            begin = None if start is None else number(where, "start_s", start)
            rows.setdefault(video, []).append((begin, positive(where, rate, text)))
            columns.setdefault(video, cells)
    if not rows:
        raise ValueError(f"{path}: has no row")
    return [_of_rows(path, video, rows[video], columns[video]) for video in rows]


def _of_rows(
    path: Path, video: str, rows: list[tuple[float | None, float]], columns: dict[str, str]
) -> Truth:
    rates = [rate for _, rate in rows]
    starts = [start for start, _ in rows if start is not None]
    if len(starts) not in (0, len(rows)) or (not starts and len(rows) > 1):
        raise ValueError(f"{path}: {video} has several rows, so that each needs a start_s")
    if any(later <= earlier for earlier, later in zip(starts, starts[1:])):
        raise ValueError(f"{path}: the start_s of {video} must increase from row to row")
    given = GivenRates(rates, starts or None)
    subject = columns.pop("subject", "")
    return Truth(video, False, subject, lambda: given, columns)


def rate_column(path: Path, names: Sequence[str] | None) -> str:
    """Return which column of a table holds the heart rate.

    Raises
    ------
    ValueError
        If there is none, or no column "video".
    """
    for name in RATE_COLUMNS:
        if name in (names or ()) and "video" in (names or ()):
            return name
    raise ValueError(
        f"{path}: must have a column 'video' and a column '{RATE_COLUMNS[0]}' (or"
        f" {', '.join(RATE_COLUMNS[1:])}), has {', '.join(names or ()) or 'none'}"
    )


def number(where: str, name: str, text: str) -> float:
    """Return a cell as a number; ValueError names the cell."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{where}: {name} is not a number: {text!r}") from None


def positive(where: str, name: str, text: str) -> float:
    """Return a cell as a positive number; ValueError names the cell."""
    value = number(where, name, text)
    if not 0 < value < math.inf:
        raise ValueError(f"{where}: {name} must be a positive number of bpm, is {text!r}")
    return value
