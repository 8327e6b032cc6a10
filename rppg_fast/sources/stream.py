"""Standard input and other binary streams that hold a video."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from rppg_fast.sources.container import ContainerSource, open_container
from rppg_fast.sources.source import NoFrameError, VideoError

if TYPE_CHECKING:
    from av.container import InputContainer

#: What can be read without going back.
_FORWARDS = "send MPEG-TS, Matroska, Y4M or a fragmented MP4, or give a file's name"


class Readable(Protocol):
    """A binary file object, as far as it must be one; ``seek`` and ``tell`` are used if there."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes or fewer, none at the end."""


class StreamSource(ContainerSource):
    """A binary file object that holds a video; it is read from where it stands.

    What cannot be rewound, as a pipe, is read once. The file is closed only if it is ``owned``.

    Raises
    ------
    TypeError
        While it is read: if it gives text.
    ValueError
        If ``fps`` is not a positive number.
    """

    def __init__(
        self, file: Readable, name: str, fps: float | None = None, *, owned: bool = False
    ) -> None:
        super().__init__(name, fps)
        self._file, self._owned = file, owned
        self._seekable = _is_seekable(file)
        self._start = file.tell() if self._seekable else 0  # type: ignore[attr-defined]
        self._begun = False

    @contextmanager
    def _opened(self) -> Iterator[InputContainer]:
        if self._begun and not self._seekable:
            raise VideoError(f"{self.name}: cannot be read twice: it cannot be rewound")
        self._begun = True
        file = _From(self._file, self._start) if self._seekable else _Forwards(self._file)
        try:
            container = open_container(file, self.name)
        except VideoError as error:
            if self._seekable:
                raise
            raise VideoError(f"{error}, in one go: {_FORWARDS}") from error
        with container:
            try:
                yield container
            except NoFrameError as error:
                if self._seekable:
                    raise
                raise NoFrameError(
                    f"{error}, perhaps because its index is at its end, as in many MP4 files: "
                    f"{_FORWARDS}"
                ) from error

    def close(self) -> None:
        """Stop, and close the file if it was opened for this."""
        super().close()
        if self._owned:
            self._file.close()  # type: ignore[attr-defined]


class _From:
    """A file that begins at a place in another."""

    def __init__(self, file: Any, start: int) -> None:
        self._file, self._start = file, start
        self.read = file.read
        self.seek(0)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; returns where that is."""
        place = self._file.seek(offset + self._start * (whence == os.SEEK_SET), whence)
        return int(place) - self._start

    def tell(self) -> int:
        """Return where it stands."""
        return int(self._file.tell()) - self._start


class _Forwards:
    """Of a file only what FFmpeg needs to read on; gives what is there and does not wait."""

    def __init__(self, file: Readable) -> None:
        self.read: Any = getattr(file, "read1", file.read)


def _is_seekable(file: Readable) -> bool:
    seekable = getattr(file, "seekable", None)
    return bool(seekable()) if seekable is not None else hasattr(file, "seek")
