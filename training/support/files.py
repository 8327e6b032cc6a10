"""Write files completely or not at all, hash files, and write JSON."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that `path` always holds either the old or the new content, complete."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write arrays as a file of NumPy, completely or not at all."""
    with io.BytesIO() as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
        replace_file(path, file.getvalue())


def as_json(values: Any) -> bytes:
    """Return values as JSON that people can read and compare: one line for each row of a table.

    A list or an object whose members are at most one level deep is one line; a larger one has a
    line for each member. Missing numbers are written as NaN, which Python can read.
    """
    return (_lines(values, "") + "\n").encode()


def _lines(values: Any, indent: str) -> str:
    if _depth(values) <= 2:
        return json.dumps(values)
    inner = indent + " "
    if isinstance(values, dict):
        members = [f"{json.dumps(str(k))}: {_lines(v, inner)}" for k, v in values.items()]
        opening, closing = "{}"
    else:
        members = [_lines(value, inner) for value in values]
        opening, closing = "[]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(members) + f"\n{indent}{closing}"


def _depth(values: Any) -> int:
    """Return how deep lists and objects are nested; 0 for a plain value."""
    if isinstance(values, dict):
        values = list(values.values())
    if not isinstance(values, (list, tuple)):
        return 0
    return 1 + max(map(_depth, values), default=0)
