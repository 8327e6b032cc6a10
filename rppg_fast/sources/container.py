"""Open containers with FFmpeg, and the base class of sources that read one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from time import monotonic
from typing import TYPE_CHECKING, Any

from rppg_fast.sources.source import Pictures, Source, VideoError, checked_rate

if TYPE_CHECKING:
    from av.container import InputContainer

#: A playlist may name other files and addresses. With this option FFmpeg opens none of them.
_FOLLOW_NOTHING = {"protocol_whitelist": "none"}


def open_container(
    file: Any,
    name: str,
    *,
    options: Mapping[str, str] = _FOLLOW_NOTHING,
    format: str | None = None,
    timeout: float | None = None,
) -> InputContainer:
    """Open a video container with FFmpeg.

    Parameters
    ----------
    file
        A binary file object, or a name that FFmpeg understands: an address or a device.
    name
        Name of the source in messages.
    options
        FFmpeg's options; by default, files that the container names are not opened.
    format
        FFmpeg's name of the container format or of the kind of device; None to detect it.
    timeout
        Longest wait for the first and for each further piece of data, s.

    Raises
    ------
    VideoError
        If there is no video container, or if there is no answer within ``timeout``.
    OSError
        If the file cannot be read.
    """
    import av

    # From version 19 on, av replaces what is no text in the metadata, and has no such option.
    older: dict[str, Any] = {}
    if int(av.__version__.partition(".")[0]) < 19:
        older["metadata_errors"] = "replace"
    begun = monotonic()
    try:
        container: InputContainer = av.open(
            file,
            "r",
            format=format,
            # Not passed as ``options``: those also apply to streams, and before version 18 av reads
            # beyond their end if streams are added later.
            container_options=dict(options),
            timeout=timeout,
            **older,
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
    """Return whether a file that can be rewound begins like an MP4."""
    if not hasattr(file, "seek"):
        return False
    file.seek(0)
    return bytes(file.read(8))[4:] == b"ftyp"


class ContainerSource(Source):
    """A source that FFmpeg reads.

    Parameters
    ----------
    name
        Name of the source in messages and results.
    fps
        Frame rate, Hz, in place of the container's own times.
    live
        Whether the source continues until it is stopped.
    """

    def __init__(self, name: str, fps: float | None, *, live: bool = False) -> None:
        super().__init__(name, live=live)
        self._fps = checked_rate(fps)

    @abstractmethod
    def _opened(self) -> AbstractContextManager[InputContainer]:
        """Open the container for one reading."""

    def _look(self) -> None:
        """Open the container once, to report errors early and to read its number of frames."""
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
                self.bits_per_pixel = reader.bits_per_pixel
