"""The table of a run: rows are appended as they come; a killed run continues from it."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from rppg_fast.many.parquet import write_parquet
from rppg_fast.many.results import FORMATS, VideoResult
from rppg_fast.results import naming, replace_text

#: End of the name of a table that is made from JSON lines when all videos have been measured.
PARQUET = ".parquet"


class Table:
    """The file of a run: rows are appended, and each result is on the disk when ``add`` returns.

    If the program is killed while it writes, the rows of the last video can be incomplete. They are
    removed when the file is opened again, and the video is measured again. ``finish`` sorts the
    rows, so that the finished file does not depend on when which video was measured.

    A Parquet file cannot be appended to. Its rows are collected in a file beside it, whose name
    also ends in ".jsonl", and ``finish`` writes it.

    Parameters
    ----------
    path
        The file; its name ends in one of ``FORMATS`` or ``PARQUET``.
    settings
        Text that determines the results: the options of the run. It is kept in a file beside
        ``path`` with the end ".settings", so that no run continues another one with other options.
    columns
        Further columns of the manifest.

    Raises
    ------
    ValueError
        If the name has another end, or the file is of a run with other options or columns.
    OSError
        If a file cannot be read or written.
    """

    def __init__(self, path: Path, settings: str, columns: Sequence[str] = ()) -> None:
        if path.suffix not in (*FORMATS, PARQUET):
            raise ValueError(f"{path}: the name must end in {', '.join(FORMATS)} or {PARQUET}")
        self._parquet = path if path.suffix == PARQUET else None
        self._path = path if self._parquet is None else path.with_name(f"{path.name}.jsonl")
        self._columns = columns
        self._format = FORMATS[self._path.suffix](columns)
        beside = self._path.with_name(self._path.name + ".settings")
        with naming(str(self._path)):
            if self._path.exists() and self._path.stat().st_size:
                if not (beside.exists() and beside.read_text("utf-8") == settings):
                    raise ValueError(
                        f"{self._path}: holds results that were measured with other options: give"
                        " the same options, or another file"
                    )
            else:
                replace_text(str(beside), settings)
            self._done: set[str] = set()
            complete = self._complete() if self._path.exists() else 0
            self._file: BinaryIO = self._path.open("ab")
            self._file.truncate(complete)
            if not complete:
                self._write(self._format.head)

    def has(self, video: str) -> bool:
        """Return whether the result of a video is in the file."""
        return self._format.video(video) in self._done

    def add(self, result: VideoResult) -> None:
        """Append the rows of a video."""
        with naming(str(self._path)):
            self._write(b"".join(map(self._format.line, result.rows())))
        self._done.add(self._format.video(result.video))

    def finish(self, videos: Iterable[str]) -> None:
        """Bring the rows into the order of the videos, and write the Parquet file if it is one.

        Rows of other videos, of earlier runs, follow in their order. The file is replaced at once.
        """
        with naming(str(self._path)):
            self._sort([self._format.video(video) for video in videos])
        if self._parquet is not None:
            write_parquet(self._path, self._parquet, self._columns)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _sort(self, videos: Sequence[str]) -> None:
        places: dict[str, list[tuple[int, int]]] = {}
        for row, start, length in self._rows():
            places.setdefault(str(row["video"]), []).append((start, length))
        order = [video for video in dict.fromkeys((*videos, *places)) if video in places]
        if order == list(places):
            return
        partial = self._path.with_name(f"{self._path.name}.partial")
        with self._path.open("rb") as old, partial.open("wb") as new:
            new.write(self._format.head)
            for video in order:
                for start, length in places[video]:
                    old.seek(start)
                    new.write(old.read(length))
            new.flush()
            os.fsync(new.fileno())
        self._file.close()
        partial.replace(self._path)
        self._file = self._path.open("ab")

    def _complete(self) -> int:
        """Find the videos with complete rows; return where these rows end."""
        head = self._format.head
        last, last_start, end, face = "", 0, 0, False
        try:
            for row, start, length in self._rows():
                video = str(row["video"])
                if video != last:
                    last, last_start = video, start
                end, face = start + length, bool(row.get("face"))
                self._done.add(video)
        except (ValueError, KeyError, csv.Error) as error:
            raise ValueError(f"{self._path}: is not a table of results: {error}") from None
        if face:  # there may have been more faces
            self._done.discard(last)
            return last_start
        with self._path.open("rb") as file:
            return end or len(head) * (file.read(len(head)) == head)

    def _rows(self) -> Iterator[tuple[Mapping[str, Any], int, int]]:
        """Yield each complete row with the place and the length of its line."""
        head = self._format.head
        with self._path.open("rb") as file:
            place = 0
            for line in file:
                if not line.endswith(b"\n"):
                    return
                if place == 0 and head:
                    if line != head:
                        raise ValueError(f"{self._path}: has other columns than this run")
                else:
                    yield self._format.row(line), place, len(line)
                place += len(line)

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._file.flush()
        os.fsync(self._file.fileno())
