"""Writes readings as they come: JSON lines on standard output, and a CSV."""

from __future__ import annotations

import sys
from threading import Event, Thread
from typing import Callable, TextIO

from rppg_fast.live import records
from rppg_fast.live.history import Row
from rppg_fast.live.messages import to_json
from rppg_fast.live.session import LiveSession
from rppg_fast.results import naming, write_at_once

#: Time between two readings that are written, s.
EVERY = 1.0


class ReadingsWriter:
    """Writes a reading of each face a second, in a thread of its own.

    Parameters
    ----------
    session
        Whose readings.
    json, csv
        Files for JSON lines and for a CSV; "-" is standard output, None is none. They are opened
        here; a file that is there is replaced.

    Attributes
    ----------
    error
        The error that has ended the writing, such as that of a full disk.

    Raises
    ------
    OSError
        If a file cannot be opened.
    """

    def __init__(self, session: LiveSession, json: str | None, csv: str | None) -> None:
        self._session = session
        self._streams: list[tuple[str, TextIO, Callable[[list[Row]], str]]] = []
        self.error: OSError | None = None
        self._stop = Event()
        if json is not None:
            self._streams.append((*_opened(json), _json_lines))
        if csv is not None:
            name, stream = _opened(csv)
            self._streams.append((name, stream, records.csv_lines))
            with naming(name):
                write_at_once(stream, records.header())
        self._thread = Thread(target=self._run, name="rppg-output", daemon=True)

    def __enter__(self) -> ReadingsWriter:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join()
        for _, stream, _ in self._streams:
            if stream is not sys.stdout:
                stream.close()

    def _run(self) -> None:
        frames = 0
        try:
            while not self._stop.wait(EVERY):
                snapshot = self._session.snapshot
                if snapshot.frames == frames:  # paused, or the camera has gone
                    continue
                frames = snapshot.frames
                rows = records.rows_of(snapshot)
                for name, stream, form in self._streams:
                    with naming(name):
                        write_at_once(stream, form(rows))
        except OSError as error:
            self.error = error


def _json_lines(rows: list[Row]) -> str:
    return "".join(f"{to_json(records.record(row))}\n" for row in rows)


def _opened(target: str) -> tuple[str, TextIO]:
    if target != "-":
        return target, open(target, "w", encoding="utf-8", newline="")
    if sys.stdout is None:
        raise OSError("standard output is closed")
    return "standard output", sys.stdout
