"""The pulse of a measurement as a file: CSV, Parquet or EDF+."""

from __future__ import annotations

import csv
import importlib.util
import os
from pathlib import Path

import numpy as np

from rppg_fast._core import __version__
from rppg_fast.reading import Measurement
from rppg_fast.results import replacing
from rppg_fast.waveform import Column, pulse_columns

#: Endings of the files with the package that each needs, and the extra that installs it.
FORMATS = {".csv": None, ".parquet": ("pyarrow", "parquet"), ".edf": ("pyedflib", "edf")}

#: Decimals of a time, s: a hundredth of a millisecond.
_TIME = 5


def check_pulse_file(path: str | os.PathLike[str]) -> None:
    """Check before a measurement that its pulse can be written to a file.

    Raises
    ------
    ValueError
        If the file's name has another ending than .csv, .parquet or .edf, or if there is a folder
        or a device with this name.
    ImportError
        If a package is missing.
    """
    name, ending = os.fspath(path), Path(path).suffix
    if ending not in FORMATS:
        raise ValueError(f"{name}: the name must end in .csv, .parquet or .edf")
    if os.path.exists(name) and not os.path.isfile(name):
        raise ValueError(f"{name}: not a file")
    needed = FORMATS[ending]
    if needed is not None and importlib.util.find_spec(needed[0]) is None:
        raise ImportError(f'{ending} files need {needed[0]}: pip install "rppg_fast[{needed[1]}]"')


def write_pulse(measurement: Measurement, path: str | os.PathLike[str]) -> None:
    """Write the pulse of a measurement with a row for each sample.

    The columns are ``time_s``, ``pulse``, ``status``, ``heart_rate_bpm``, ``confidence``,
    ``coverage``, and the box as ``x0``, ``y0``, ``x1``, ``y1``. The file is written completely or
    not at all.

    Parameters
    ----------
    measurement
        The measurement.
    path
        The file. Its ending chooses the format: ``.csv``, ``.parquet``, or ``.edf`` for EDF+.

    Raises
    ------
    ValueError
        If the ending is another one, or if there is no pulse.
    ImportError
        If a package is missing that the format needs: pyarrow or pyEDFlib.
    OSError
        If the file cannot be written.
    """
    check_pulse_file(path)
    if measurement.times.size < 2:
        raise ValueError(f"{measurement.video}: there is no pulse to write")
    ending = Path(path).suffix
    if ending == ".edf":
        from rppg_fast.edf import write_edf

        write_edf(path, measurement)
    elif ending == ".parquet":
        from rppg_fast.parquet import write_parquet

        about = {"rppg_fast": __version__, "method": measurement.method}
        write_parquet(path, pulse_columns(measurement), about)
    else:
        _write_csv(path, pulse_columns(measurement))


def _write_csv(path: str | os.PathLike[str], columns: dict[str, Column]) -> None:
    cells = [_cells(name, column) for name, column in columns.items()]
    with (
        replacing(os.fspath(path)) as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*cells))


def _cells(name: str, column: Column) -> list[object]:
    """Return a column as cells; an empty one is None."""
    if not isinstance(column, np.ndarray):
        return list(column)
    values = column.tolist()
    if name == "time_s":
        return [round(value, _TIME) for value in values]
    return [None if value != value else value for value in values]
