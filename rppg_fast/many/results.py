"""Results of many videos, appended to a file as they come; a killed run continues from it."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from rppg_fast.results import naming

#: Columns of a CSV file. Columns of a manifest follow them.
COLUMNS = (
    "video",
    "face",
    "status",
    "heart_rate_bpm",
    "confidence",
    "snr_db",
    "coverage",
    "spread_bpm",
    "frames",
    "skipped_frames",
    "damaged_frames",
    "duration_s",
    "fps",
    "method",
    "error",
)


@dataclass(frozen=True)
class VideoResult:
    """What a run found in one video.

    Attributes
    ----------
    video
        Its path or address.
    faces
        A dictionary for each measured face, as from ``Measurement.to_dict``. One entry unless all
        faces are measured.
    error
        Why the video could not be measured, or not to its end; empty if it was.
    columns
        Further columns of the manifest.
    """

    video: str
    faces: Sequence[Mapping[str, Any]]
    error: str
    columns: Mapping[str, str]

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each face; one with empty cells if there is none."""
        faces: Sequence[Mapping[str, Any]] = self.faces or ({"status": "no_face"},)
        if self.error and not self.faces:
            faces = ({"status": "error"},)
        more = {**self.columns, **({"error": self.error} if self.error else {})}
        return [{**face, "video": self.video, **more} for face in faces]


class JsonLines:
    """Rows as lines of JSON."""

    def __init__(self, columns: Sequence[str]) -> None:
        del columns  # every line names its own
        self.head = b""

    def line(self, row: Mapping[str, Any]) -> bytes:
        """Return a row as a line."""
        return json.dumps(row, separators=(",", ":"), allow_nan=False).encode() + b"\n"

    def row(self, line: bytes) -> Mapping[str, Any]:
        """Return a line as a row."""
        found = json.loads(line)
        return found if isinstance(found, dict) else {}


class CsvTable:
    """Rows as lines of CSV: ``COLUMNS`` and those of the manifest, without the windows."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = [*COLUMNS, *(name for name in columns if name not in COLUMNS)]
        self.head = self._line(self._columns)

    def line(self, row: Mapping[str, Any]) -> bytes:
        """Return a row as a line."""
        return self._line([row.get(name) for name in self._columns])

    def row(self, line: bytes) -> Mapping[str, Any]:
        """Return a line as a row."""
        return dict(zip(self._columns, next(csv.reader([line.decode()]))))

    @staticmethod
    def _line(cells: Sequence[object]) -> bytes:
        text = io.StringIO()
        in_one_line = ["" if cell is None else str(cell).replace("\n", " ") for cell in cells]
        csv.writer(text, lineterminator="\n").writerow(in_one_line)
        return text.getvalue().encode()


FORMATS: Mapping[str, type[JsonLines] | type[CsvTable]] = {".jsonl": JsonLines, ".csv": CsvTable}


class Table:
    """The file of a run: rows are appended, and each result is on the disk when ``add`` returns.

    If the program is killed while it writes, the rows of the last video can be incomplete. They are
    removed when the file is opened again, and the video is measured again.

    Parameters
    ----------
    path
        The file; its name ends in one of ``FORMATS``.
    settings
        Text that determines the results: the options of the run. It is kept in a file beside
        ``path`` with the end ".settings", so that no run continues another one with other options.
    columns
        Further columns of the manifest.

    Attributes
    ----------
    done
        Videos whose results are in the file.

    Raises
    ------
    ValueError
        If the name has another end, or the file is of a run with other options or columns.
    OSError
        If a file cannot be read or written.
    """

    def __init__(self, path: Path, settings: str, columns: Sequence[str] = ()) -> None:
        if path.suffix not in FORMATS:
            raise ValueError(f"{path}: the name must end in {' or '.join(FORMATS)}")
        self._path = path
        self._format = FORMATS[path.suffix](columns)
        beside = path.with_name(path.name + ".settings")
        with naming(str(path)):
            content = path.read_bytes() if path.exists() else b""
            if content and not (beside.exists() and beside.read_text("utf-8") == settings):
                raise ValueError(
                    f"{path}: holds results that were measured with other options: give the same"
                    " options, or another file"
                )
            beside.write_text(settings, "utf-8")
            complete, self.done = self._complete(content)
            self._file: BinaryIO = path.open("ab")
            self._file.truncate(complete)
            if not complete:
                self._write(self._format.head)

    def add(self, result: VideoResult) -> None:
        """Append the rows of a video."""
        with naming(str(self._path)):
            self._write(b"".join(map(self._format.line, result.rows())))
        self.done.add(result.video)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _complete(self, content: bytes) -> tuple[int, set[str]]:
        """Return the length of the complete rows, and their videos."""
        lines = content[: content.rfind(b"\n") + 1].splitlines(keepends=True)
        head = self._format.head
        if head and lines and lines.pop(0) != head:
            raise ValueError(f"{self._path}: has other columns than this run")
        try:
            rows = [self._format.row(line) for line in lines]
            videos = [str(row["video"]) for row in rows]
        except (ValueError, KeyError) as error:
            raise ValueError(f"{self._path}: is not a table of results: {error}") from None
        if rows and rows[-1].get("face"):  # there may have been more faces
            while videos and videos[-1] == rows[-1]["video"]:
                videos.pop()
        kept = sum(map(len, lines[: len(videos)]))
        return (len(head) + kept if lines or content.startswith(head) else 0), set(videos)

    def _write(self, content: bytes) -> None:
        self._file.write(content)
        self._file.flush()
        os.fsync(self._file.fileno())
