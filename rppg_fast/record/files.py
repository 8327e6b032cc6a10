"""Files that grow and are whole at every moment: after a kill, and when the disk is full."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rppg_fast.results import naming, replace_text


class GrowingFile:
    """A file to which pieces are added, each completely or not at all.

    What was added is the operating system's at once, so that it outlives the process.

    Parameters
    ----------
    path
        The file, which must not exist yet.

    Raises
    ------
    OSError
        If it cannot be made or, at ``add``, be written; it then ends with the piece before.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with naming(str(path)):
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        self.size = 0

    def add(self, data: bytes) -> None:
        """Add a piece."""
        with naming(str(self.path)):
            done = 0
            try:
                while done < len(data):
                    done += os.write(self._file, memoryview(data)[done:])
            except OSError:
                os.ftruncate(self._file, self.size)
                os.lseek(self._file, self.size, os.SEEK_SET)
                raise
        self.size += len(data)

    def overwrite(self, offset: int, data: bytes) -> None:
        """Replace bytes that are there."""
        with naming(str(self.path)):
            os.pwrite(self._file, data, offset)

    def close(self) -> None:
        """Bring everything to the disk and close the file."""
        if self._file >= 0:
            with naming(str(self.path)):
                try:
                    os.fsync(self._file)
                finally:
                    os.close(self._file)
                    self._file = -1


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file, or replace it, completely or not at all.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    replace_text(str(path), json.dumps(content, indent=2, allow_nan=False) + "\n")
