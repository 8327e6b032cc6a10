"""Results of the command line as JSON. A full disk or a killed program loses no earlier result."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from rppg_fast.reading import Measurement


class ResultsFile:
    """A JSON list in a file that is complete at every moment, however the program ends.

    Parameters
    ----------
    path
        The file. The first result replaces its old content.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._entries: list[str] = []

    def add(self, *results: Measurement) -> None:
        """Write the file again with more results; an OSError names the file."""
        self._entries += map(_entry, results)
        self._write()

    def finish(self) -> None:
        """Write an empty list if there was no result."""
        if not self._entries:
            self._write()

    def _write(self) -> None:
        replace_text(self._path, "[" + ",".join(self._entries) + "\n]\n")


class ResultsStream:
    """A JSON list that is written entry by entry to a pipe or a terminal.

    Parameters
    ----------
    stream
        An open text file.
    name
        Its name in error messages.
    """

    def __init__(self, stream: TextIO, name: str) -> None:
        self._stream = stream
        self._name = name
        self._before = "["

    def add(self, *results: Measurement) -> None:
        """Write more results; an OSError names the stream."""
        for result in results:
            self._print(self._before + _entry(result))
            self._before = ","

    def finish(self) -> None:
        """Close the list."""
        self._print(("[" if self._before == "[" else "") + "\n]\n")
        if self._stream is not sys.stdout:
            self._stream.close()

    def _print(self, text: str) -> None:
        with naming(self._name):
            write_at_once(self._stream, text)


def write_at_once(stream: TextIO, text: str) -> None:
    """Write text and pass it on; after an OSError, close the stream unless it is standard output.

    Otherwise Python would try to write what is left when the program ends, and complain again.
    """
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        if stream is not sys.stdout:
            with suppress(OSError):
                stream.close()
        raise


def open_results(target: str) -> ResultsFile | ResultsStream:
    """Open the file that results are written to; "-" is standard output.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    if target == "-":
        if sys.stdout is None:
            raise OSError("standard output is closed")
        return ResultsStream(sys.stdout, "standard output")
    if os.path.exists(target) and not os.path.isfile(target):
        return ResultsStream(open(target, "w", encoding="utf-8"), target)
    return ResultsFile(target)


def _entry(result: Measurement) -> str:
    text = json.dumps(result.to_dict(), indent=2, allow_nan=False)
    return "\n" + "\n".join("  " + line for line in text.splitlines())


def replace_text(name: str, text: str) -> None:
    """Write a text file, or replace it, completely or not at all; an OSError names the file."""
    with replacing(name) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(text)


@contextmanager
def replacing(name: str) -> Iterator[Path]:
    """Give the name of another file to write, which then takes the place of the named one.

    After an error the named file is as it was, and an OSError names it.
    """
    path = Path(os.path.realpath(name))
    partial = path.with_name(f"{path.name}.partial")
    with naming(name):
        try:
            yield partial
            with partial.open("r+b") as file:
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            with suppress(OSError):
                partial.unlink()
            raise


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Add a file's name to every OSError from within; a full disk raises one without a name."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), name) from error


@contextmanager
def noting_warnings() -> Iterator[list[str]]:
    """Collect the texts of the RuntimeWarnings from within; they are in the list at the end."""
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        try:
            yield texts
        finally:
            texts += [str(one.message) for one in caught]


def reason_of(error: Exception) -> str:
    """Return an error's text; for a file, its name and the operating system's reason."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return str(error)
