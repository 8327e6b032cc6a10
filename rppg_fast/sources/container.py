"""Containers of FFmpeg: opening one, and a source that reads one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from time import monotonic
from typing import TYPE_CHECKING, Any

from rppg_fast.sources.source import Pictures, Source, VideoError, checked_rate

if TYPE_CHECKING:
    from av.container import InputContainer

#: A playlist may name other files and addresses: none of them is opened.
_FOLLOW_NOTHING = {"protocol_whitelist": "none"}


def open_container(
    file: Any,
    name: str,
    *,
    options: Mapping[str, str] = _FOLLOW_NOTHING,
    format: str | None = None,
    timeout: float | None = None,
) -> InputContainer:
    """Open what FFmpeg can find a container in.

    Parameters
    ----------
    file
        A binary file object, or what FFmpeg knows by name: an address or a device.
    name
        What messages call it.
    options
        FFmpeg's own; by default nothing that the file names is opened.
    format
        Its name of the container or the kind of device; found out where it is None.
    timeout
        Longest wait for the first and for each further piece, s.

    Raises
    ------
    VideoError
        If it holds no video container.
    OSError
        If it cannot be reached, or read.
    """
    import av

    begun = monotonic()
    try:
        container: InputContainer = av.open(
            file,
            "r",
            format=format,
            # Not as options: those are for streams, too, and where streams come later, av before
            # version 18 reads beyond the end.
            container_options=dict(options),
            timeout=timeout,
            metadata_errors="replace",
        )
        return container
    except av.error.FFmpegError as error:
        if timeout is not None and monotonic() - begun >= timeout:
            raise VideoError(f"{name}: no answer within {timeout:g} s") from error
        if isinstance(file, str) and not isinstance(error, av.error.InvalidDataError):
            raise VideoError(f"{name}: cannot be opened: {error.strerror}") from error
        if _is_mp4(file):
            raise VideoError(
                f"{name}: an MP4 without its index (moov): the recording was not finished, or its "
                "end is missing"
            ) from error
        raise VideoError(f"{name}: not a video that FFmpeg can read") from error


def _is_mp4(file: Any) -> bool:
    """Tell whether a file that can be rewound begins as an MP4 does."""
    if not hasattr(file, "seek"):
        return False
    file.seek(0)
    return bytes(file.read(8))[4:] == b"ftyp"


class ContainerSource(Source):
    """A source that FFmpeg reads.

    Parameters
    ----------
    name
        What messages and results call it.
    fps
        Frame rate, Hz, in place of its own times.
    live
        Whether it goes on until it is stopped.
    """

    def __init__(self, name: str, fps: float | None, *, live: bool = False) -> None:
        super().__init__(name, live=live)
        self._fps = checked_rate(fps)

    @abstractmethod
    def _opened(self) -> AbstractContextManager[InputContainer]:
        """Open the container for one reading."""

    def _look(self) -> None:
        """Open it once, to say early what is wrong with it and to know its length."""
        from rppg_fast.sources.reader import Reader

        with self._opened() as container:
            self.frame_count = Reader(container, self.name, self._fps, live=self.live).frame_count

    def _pictures(self) -> Pictures:
        from rppg_fast.sources.reader import Reader

        with self._opened() as container:
            reader = Reader(container, self.name, self._fps, live=self.live)
            self.frame_count = reader.frame_count
            try:
                yield from reader
            finally:
                self.damaged, self.warnings = reader.damaged, reader.warnings
