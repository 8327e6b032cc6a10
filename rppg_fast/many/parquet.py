"""Write the results of many videos as a Parquet file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from rppg_fast.conditions import Conditions
from rppg_fast.results import replacing

#: Rows that are in memory at once.
_BATCH = 500


def check_parquet() -> None:
    """Raise an ImportError if pyarrow is not installed."""
    if find_spec("pyarrow") is None:
        raise ImportError('Parquet files need pyarrow: pip install "rppg_fast[parquet]"')


def write_parquet(lines: Path, target: Path, columns: Sequence[str]) -> None:
    """Write JSON lines of results as a Parquet file, completely or not at all.

    Parameters
    ----------
    lines
        File with a row on each line.
    target
        The Parquet file.
    columns
        Further columns of text, from a manifest. All others are those of the JSON lines: numbers,
        text, lists for "obstacles", "box", "warnings" and "windows", and "conditions".

    Raises
    ------
    OSError
        If a file cannot be read or written.
    """
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    schema = _schema(columns)
    with replacing(str(target)) as partial, ParquetWriter(partial, schema) as writer:
        for rows in _batches(lines):
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))


def _batches(lines: Path) -> Iterator[list[Any]]:
    with lines.open("rb") as file:
        while batch := [_row(line) for line in islice(file, _BATCH)]:
            yield batch


def _row(line: bytes) -> dict[str, Any]:
    """Return a line as a row; bytes of a file name that are not UTF-8 become escapes."""
    return {
        name: value.encode("utf-8", "backslashreplace").decode() if type(value) is str else value
        for name, value in json.loads(line).items()
    }


def _schema(columns: Sequence[str]) -> Any:
    """Return the types of the columns."""
    import pyarrow as pa

    number, text, count = pa.float64(), pa.string(), pa.int64()
    window = {
        **dict.fromkeys(("start_s", "end_s", "heart_rate_bpm", "snr_db", "confidence"), number),
        **dict.fromkeys(("coverage", "candidate_bpm"), number),
        **dict.fromkeys(("source", "status"), text),
        "time_s": number,
    }
    return pa.schema(
        {
            **{"video": text, "face": count, "status": text},
            **dict.fromkeys(("heart_rate_bpm", "confidence", "snr_db", "coverage"), number),
            **{"spread_bpm": number, "candidate_bpm": number, "obstacles": pa.list_(text)},
            "conditions": pa.struct(dict.fromkeys(Conditions._fields, number)),
            **dict.fromkeys(("frames", "skipped_frames", "damaged_frames"), count),
            **{"duration_s": number, "fps": number, "method": text},
            **{"box": pa.list_(count), "turned": count},
            **{"warnings": pa.list_(text), "error": text},
            **dict.fromkeys(columns, text),
            "windows": pa.list_(pa.struct(window)),
        }
    )
