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

#: Remedy for streams that cannot be rewound.
_FORWARDS = "send MPEG-TS, Matroska, Y4M or a fragmented MP4, or give a file's name"


class Readable(Protocol):
    """A binary file object; ``seek`` and ``tell`` are used if it has them."""

    def read(self, size: int, /) -> bytes:
        """Return at most ``size`` bytes; no bytes at the end."""


class StreamSource(ContainerSource):
    """A binary file object that holds a video; it is read from its current position.

    A file that cannot be rewound, such as a pipe, is read once. It is closed only if ``owned``.

    Raises
    ------
    TypeError
        If the file returns text; raised when the source is read.
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
        """Stop the reading, and close the file if this source owns it."""
        super().close()
        if self._owned:
            self._file.close()  # type: ignore[attr-defined]


class _From:
    """A view of a file that begins at a given offset."""

    def __init__(self, file: Any, start: int) -> None:
        self._file, self._start = file, start
        self.read = file.read
        self.seek(0)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to an offset from ``whence`` and return the new position."""
        place = self._file.seek(offset + self._start * (whence == os.SEEK_SET), whence)
        return int(place) - self._start

    def tell(self) -> int:
        """Return the current position."""
        return int(self._file.tell()) - self._start


class _Forwards:
    """A file that can only be read on; ``read`` returns the available bytes without waiting."""

    def __init__(self, file: Readable) -> None:
        self.read: Any = getattr(file, "read1", file.read)


def _is_seekable(file: Readable) -> bool:
    seekable = getattr(file, "seekable", None)
    return bool(seekable()) if seekable is not None else hasattr(file, "seek")
