"""Video files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rppg_fast.sources.container import ContainerSource, open_container
from rppg_fast.sources.source import VideoError

if TYPE_CHECKING:
    from av.container import InputContainer


class FileSource(ContainerSource):
    """A video file; each iteration reads it from its start.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be opened for reading.
    VideoError
        If it is not a file, if it is empty, if it holds no video that can be decoded, or if it has
        no times and ``fps`` is None.
    ValueError
        If ``fps`` is not a positive number.
    """

    def __init__(self, path: str | os.PathLike[str], fps: float | None = None) -> None:
        self.path = os.fsdecode(path)
        super().__init__(self.path, fps)
        if not os.path.exists(self.path):
            raise FileNotFoundError(f"{self.path}: no such file")
        if not os.path.isfile(self.path):
            raise VideoError(f"{self.path}: not a file")
        if os.path.getsize(self.path) == 0:
            raise VideoError(f"{self.path}: the file is empty")
        self._look()

    @contextmanager
    def _opened(self) -> Iterator[InputContainer]:
        # FFmpeg gets the open file and not its name, because a file name may contain any bytes.
        with open(self.path, "rb") as file, open_container(file, self.name) as container:
            yield container
