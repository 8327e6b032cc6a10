"""Tables as Parquet files; they need pyarrow (the extra ``parquet``)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rppg_fast.results import replacing

if TYPE_CHECKING:
    from rppg_fast.waveform import Column


def write_parquet(
    path: str | os.PathLike[str],
    columns: Mapping[str, Column],
    about: Mapping[str, str] | None = None,
) -> None:
    """Write a table, or replace it, completely or not at all.

    Parameters
    ----------
    path
        The file.
    columns
        Columns of equal length by name. NaN in an array of floats, and None in a list, is a missing
        value.
    about
        Texts by name for the metadata of the file.

    Raises
    ------
    ImportError
        If pyarrow is not installed.
    OSError
        If the file cannot be written.
    """
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table(
        {name: pyarrow.array(column, from_pandas=True) for name, column in columns.items()}
    )
    with replacing(os.fspath(path)) as partial:
        pyarrow.parquet.write_table(table.replace_schema_metadata(dict(about or {})), partial)
