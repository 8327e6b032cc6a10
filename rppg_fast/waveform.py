"""The pulse of a measurement as a table: a row for each sample."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Union

import numpy as np
from numpy.typing import NDArray

from rppg_fast.beat import Beats, beats, within
from rppg_fast.reading import Measurement, Reading, Status

if TYPE_CHECKING:
    import pandas

#: A column: numbers, where NaN is an empty cell, or texts, where None is one.
Column = Union[NDArray[np.float64], NDArray[np.int32], "list[str | None]"]

#: Sides of the box, in the order of ``Box``.
SIDES = ("x0", "y0", "x1", "y1")

_TEXTS = ("source", "status")
_WINDOW_COLUMNS = tuple(Reading(0.0, Status.OK, None, None, None, 0.0, 0.0).to_dict())
_NUMBERS = tuple(name for name in _WINDOW_COLUMNS if name not in _TEXTS)


def pulse_columns(measurement: Measurement) -> dict[str, Column]:
    """Return the columns of the table.

    A sample is described by the window that contains it and whose middle is nearest. A window that
    is still warming up describes a sample only where there is no other one.

    Parameters
    ----------
    measurement
        The measurement.

    Returns
    -------
    dict
        ``time_s``, ``pulse``; ``status``, ``heart_rate_bpm``, ``confidence`` and ``coverage`` of
        the window; ``x0``, ``y0``, ``x1``, ``y1``, the box at that time. Each column has a cell for
        each sample; the cells of the window are empty if no window contains the sample.
    """
    index = _windows_of(measurement.times, measurement.windows)
    of_sample = [measurement.windows[i] if i >= 0 else None for i in index]
    boxes: NDArray[np.float64] | NDArray[np.int32] = (
        np.full((measurement.times.size, 4), np.nan)
        if measurement.boxes is None
        else measurement.boxes
    )
    return {
        "time_s": measurement.times,
        "pulse": measurement.pulse,
        "status": [None if window is None else window.status.value for window in of_sample],
        **{
            name: np.array(
                [None if window is None else getattr(window, name) for window in of_sample],
                np.float64,
            )
            for name in ("heart_rate_bpm", "confidence", "coverage")
        },
        **{side: boxes[:, i] for i, side in enumerate(SIDES)},
    }


def to_dataframe(measurement: Measurement, what: str) -> pandas.DataFrame:
    """Return windows or pulse as a data frame; see ``Measurement.to_dataframe``."""
    if what not in ("windows", "pulse"):
        raise ValueError(f"what must be 'windows' or 'pulse', got {what!r}")
    if importlib.util.find_spec("pandas") is None:
        raise ImportError('a data frame needs pandas: pip install "rppg_fast[pandas]"')
    import pandas

    if what == "pulse":
        return pandas.DataFrame(pulse_columns(measurement))
    rows = [window.to_dict() for window in measurement.windows]
    frame = pandas.DataFrame(rows, columns=_WINDOW_COLUMNS)
    return frame.astype(dict.fromkeys(_NUMBERS, np.float64))


def beats_of(measurement: Measurement) -> Beats:
    """Return the beats of a measured pulse; see ``Measurement.beats``."""
    found = beats(measurement.pulse, times=measurement.times)
    index = _windows_of(measurement.times, measurement.windows)
    ok = np.array([i >= 0 and measurement.windows[i].status is Status.OK for i in index], np.bool_)
    nearest = np.searchsorted(measurement.times, found.times)  # beats lie between the samples
    return within(found, ok[np.minimum(nearest, ok.size - 1)] if ok.size else np.empty(0, np.bool_))


def _windows_of(times: NDArray[np.float64], windows: tuple[Reading, ...]) -> NDArray[np.intp]:
    """Return the index of the window that describes each sample; -1 if none contains it."""
    chosen = np.full(times.size, -1, np.intp)
    for warming in (True, False):  # those of the second pass replace those of the first
        distance = np.full(times.size, np.inf)
        for i, window in enumerate(windows):
            if (window.status is Status.WARMING_UP) is not warming:
                continue
            first = np.searchsorted(times, window.start_s, "left")
            last = np.searchsorted(times, window.end_s, "right")
            middle = 0.5 * (window.start_s + window.end_s)
            away = np.abs(times[first:last] - middle)
            nearer = away < distance[first:last]
            distance[first:last][nearer] = away[nearer]
            chosen[first:last][nearer] = i
    return chosen
