"""The heart rates that a program has found: ours, or any other."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

import numpy as np
from numpy.typing import NDArray

from rppg_fast.evaluation.truth import number, positive, rate_column
from rppg_fast.reading import Measurement

Floats = NDArray[np.float64]

#: What ``rppg_fast.evaluate`` takes as results.
ResultsLike = Union[str, "os.PathLike[str]", Iterable[Union[Measurement, Mapping[str, Any]]]]

#: Statuses of rows of videos that could not be measured.
_WITHOUT_MEASUREMENT = ("error", "no_face")
#: Fields of a result that are no columns of a manifest.
_OWN_FIELDS = frozenset({*Measurement.__dataclass_fields__, "error"})


@dataclass(frozen=True)
class Windows:
    """Readings of windows, each of shape (windows,); NaN is none.

    Attributes
    ----------
    starts, ends
        The windows, s.
    rates
        Heart rates, bpm; NaN where the reading was withheld.
    candidates
        Rate of the peak that the confidence is of, withheld or not, bpm.
    confidences
        From 0 to 1.
    """

    starts: Floats
    ends: Floats
    rates: Floats
    candidates: Floats
    confidences: Floats


@dataclass(frozen=True)
class Result:
    """What was found in one video.

    Attributes
    ----------
    video
        Its path.
    heart_rate_bpm, confidence
        NaN if there is none.
    span
        The part of the video that was measured, s; None if that is not known.
    windows
        Its windows; None if the results have none.
    times, pulse
        The pulse, float64 (samples,); None if the results have none.
    columns
        Further columns, such as those of a manifest.
    """

    video: str
    heart_rate_bpm: float
    confidence: float
    span: tuple[float, float] | None = None
    windows: Windows | None = None
    times: Floats | None = None
    pulse: Floats | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


def read_results(given: ResultsLike) -> list[Result]:
    """Read results.

    Parameters
    ----------
    given
        What ``rppg-fast measure`` writes with ``--out`` (.jsonl or .csv) or ``--json`` (.json); a
        CSV file of another program with the columns "video" and "heart_rate_bpm", and optionally
        "confidence"; or measurements, as objects or as dictionaries.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If it is none of these, or holds several results of one video.
    """
    if isinstance(given, (str, os.PathLike)):
        path = Path(os.fsdecode(given))
        where = str(path)
        found = _READERS.get(path.suffix.lower(), _unknown)(path)
    else:
        where = "the results"
        found = [_of_object(where, one) for one in given]
    if not found:
        raise ValueError(f"{where}: no result in it")
    seen: set[str] = set()
    for result in found:
        if result.video in seen:
            raise ValueError(
                f"{where}: has several results of {result.video}: measure one face of each video,"
                " or keep one result of each"
            )
        seen.add(result.video)
    return found


def _unknown(path: Path) -> list[Result]:
    path.stat()  # an error that names the file if there is none
    raise ValueError(f"{path}: results must be a file that ends in {', '.join(_READERS)}")


def _json_lines(path: Path) -> list[Result]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        _of_object(f"{path}: line {i}", _parsed(f"{path}: line {i}", line))
        for i, line in enumerate(lines, 1)
        if line.strip()
    ]


def _json(path: Path) -> list[Result]:
    found = _parsed(str(path), path.read_text(encoding="utf-8"))
    entries = found if isinstance(found, list) else [found]
    return [_of_object(f"{path}: result {i}", one) for i, one in enumerate(entries, 1)]


def _parsed(where: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"{where}: not JSON: {error}") from None


def _of_object(where: str, one: Any) -> Result:
    """Return a result in the form of ``Measurement.to_dict``."""
    times = pulse = None
    if isinstance(one, Measurement):
        times, pulse, one = one.times, one.pulse, one.to_dict()
    try:
        if "heart_rate_bpm" not in one and one["status"] in _WITHOUT_MEASUREMENT:
            return Result(str(one["video"]), math.nan, math.nan, columns=_columns(one))
        if times is None and one.get("pulse") is not None:
            times, pulse = np.array(one["times"], np.float64), np.array(one["pulse"], np.float64)
        windows = None if one.get("windows") is None else _windows(one["windows"])
        return Result(
            str(one["video"]),
            _value(one["heart_rate_bpm"]),
            _value(one.get("confidence")),
            _span(windows),
            windows,
            times,
            pulse,
            _columns(one),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{where}: not a result of rppg-fast measure ({type(error).__name__}: {error})"
        ) from None


def _windows(given: Sequence[Mapping[str, Any]]) -> Windows:
    def column(name: str) -> Floats:
        return np.array([_value(window.get(name)) for window in given], np.float64)

    names = ("start_s", "end_s", "heart_rate_bpm", "candidate_bpm", "confidence")
    return Windows(*map(column, names))


def _span(windows: Windows | None) -> tuple[float, float] | None:
    if windows is None or not windows.starts.size:
        return None
    return float(windows.starts[0]), float(windows.ends[-1])


def _value(one: Any) -> float:
    return math.nan if one is None else float(one)


def _columns(row: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in row.items()
        if name not in _OWN_FIELDS and value not in (None, "")
    }


def _table(path: Path) -> list[Result]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        table = csv.DictReader(file)
        rate = rate_column(path, table.fieldnames)
        return [_of_row(f"{path}: line {table.line_num}", row, rate) for row in table]


def _of_row(where: str, row: Mapping[str, str | None], rate: str) -> Result:
    video, text = row.get("video") or "", (row.get(rate) or "").strip()
    if not video:
        raise ValueError(f"{where}: the cell 'video' is empty")
    confidence, duration = row.get("confidence"), row.get("duration_s")
    seconds = number(where, "duration_s", duration) if duration else 0.0
    return Result(
        video,
        math.nan if text.lower() in ("", "nan", "none") else positive(where, rate, text),
        number(where, "confidence", confidence) if confidence else math.nan,
        (0.0, seconds) if seconds > 0 else None,
        columns={name: cell for name, cell in _columns(row).items() if name != rate},
    )


_READERS = {".jsonl": _json_lines, ".json": _json, ".csv": _table}
