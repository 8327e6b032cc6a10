"""The result of one video of many, and the lines that tables hold of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
    "candidate_bpm",
    "obstacles",
    "frames",
    "skipped_frames",
    "damaged_frames",
    "duration_s",
    "fps",
    "method",
    "warnings",
    "error",
)
#: Names of results, which a manifest's own columns cannot have.
RESERVED = frozenset({*COLUMNS, "conditions", "box", "turned", "windows"})


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
    warnings
        What the video's decoder complained about, such as damaged frames.
    """

    video: str
    faces: Sequence[Mapping[str, Any]]
    error: str
    columns: Mapping[str, str]
    warnings: Sequence[str] = ()

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each face; one with empty cells if there is none."""
        faces: Sequence[Mapping[str, Any]] = self.faces or ({"status": "no_face"},)
        if self.error and not self.faces:
            faces = ({"status": "error"},)
        more: dict[str, Any] = dict(self.columns)
        if self.warnings:
            more["warnings"] = list(self.warnings)
        if self.error:
            more["error"] = self.error
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

    def video(self, name: str) -> str:
        """Return a video's name as a row has it."""
        return name


class CsvTable:
    """Rows as lines of CSV: ``COLUMNS`` and those of the manifest, without the windows."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._columns = [*COLUMNS, *columns]
        self.head = self._line(self._columns)

    def line(self, row: Mapping[str, Any]) -> bytes:
        """Return a row as a line."""
        return self._line([row.get(name) for name in self._columns])

    def row(self, line: bytes) -> Mapping[str, Any]:
        """Return a line as a row."""
        cells = next(csv.reader([line.decode("utf-8", "surrogateescape")]))
        return dict(zip(self._columns, cells))

    def video(self, name: str) -> str:
        """Return a video's name as a row has it."""
        return self._cell(name)

    def _line(self, cells: Sequence[object]) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(map(self._cell, cells))
        return text.getvalue().encode("utf-8", "surrogateescape")

    @staticmethod
    def _cell(value: object) -> str:
        """Return a value as text in one line."""
        if value is None:
            return ""
        text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
        return text.replace("\r", " ").replace("\n", " ")


FORMATS: Mapping[str, type[JsonLines] | type[CsvTable]] = {".jsonl": JsonLines, ".csv": CsvTable}
