"""Readings for other programs: the stable form of JSON lines, events, CSV and downloads."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

from rppg_fast import __version__
from rppg_fast.live.history import History, Row
from rppg_fast.live.messages import to_json
from rppg_fast.live.snapshot import FaceSnapshot, Snapshot
from rppg_fast.reading import Status

#: The fields of a record, in the order of the columns of a CSV.
FIELDS = (
    "unix_s",
    "time_s",
    "run",
    "method",
    "face",
    "status",
    "heart_rate_bpm",
    "confidence",
    "snr_db",
    "candidate_bpm",
    "coverage",
    "advice",
    "x0",
    "y0",
    "x1",
    "y1",
)


def record(row: Row) -> dict[str, Any]:
    """Return a reading as a record: one value, a number, text or None, for each of ``FIELDS``."""
    reading, box = row.reading, row.box
    sides = (None,) * 4 if box is None else tuple(box)
    values = (
        round(row.unix_s, 3),
        round(row.time_s, 4),
        row.run,
        row.method,
        row.face,
        (Status.NO_FACE if reading is None else reading.status).value,
        None if reading is None else _rounded(reading.heart_rate_bpm, 2),
        None if reading is None else _rounded(reading.confidence, 4),
        None if reading is None else _rounded(reading.snr_db, 2),
        None if reading is None else _rounded(reading.candidate_bpm, 2),
        0.0 if reading is None else round(reading.coverage, 4),
        str(row.advice),
        *sides,
    )
    return dict(zip(FIELDS, values))


def rows_of(snapshot: Snapshot) -> list[Row]:
    """Return the readings of a snapshot: one for each face, or one that says there is none."""
    begin = (snapshot.unix_s, snapshot.time_s, snapshot.run, snapshot.method)
    if not snapshot.faces:
        return [Row(*begin, None, None, None, snapshot.advice)]
    return [_row(begin, face) for face in snapshot.faces]


def _row(begin: tuple[float, float, int, str], face: FaceSnapshot) -> Row:
    return Row(*begin, face.number, face.reading, face.box, face.advice)


def header() -> str:
    """Return the first line of a CSV."""
    return ",".join(FIELDS) + "\r\n"


def csv_lines(rows: Iterable[Row]) -> str:
    """Return readings as lines of CSV."""
    text = io.StringIO()
    writer = csv.DictWriter(text, FIELDS)
    writer.writerows(record(row) for row in rows)
    return text.getvalue()


def session_json(history: History) -> str:
    """Return all readings that are kept, and the pulse of each face, as one JSON document."""
    pulses = []
    for face in history.faces:
        piece = history.pulse_since(face, 0)
        pulses.append(
            {
                "face": face,
                "time_s": [round(time, 4) for time in piece.times.tolist()],
                "pulse": [float(f"{value:.5g}") for value in piece.values.tolist()],
            }
        )
    return to_json(
        {
            "rppg_fast": __version__,
            "readings": [record(row) for row in history.rows],
            "pulses": pulses,
        }
    )


def status(snapshot: Snapshot, clients: int) -> dict[str, Any]:
    """Return what ``/status`` says."""
    return {
        "rppg_fast": __version__,
        "state": snapshot.state.value,
        "reason": snapshot.reason,
        "advice": snapshot.advice.value,
        "source": snapshot.source,
        "method": snapshot.method,
        "time_s": round(snapshot.time_s, 4),
        "fps": round(snapshot.fps, 2),
        "frame_ms": round(snapshot.frame_ms, 3),
        "frames": snapshot.frames,
        "dropped_frames": snapshot.dropped,
        "width": snapshot.width,
        "height": snapshot.height,
        "clients": clients,
        "readings": [record(row) for row in rows_of(snapshot)],
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
