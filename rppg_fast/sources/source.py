"""The interface of all sources of frames."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing
from types import TracebackType

from rppg_fast.yuv import AnyFrame

#: What a source yields: a frame (``YuvFrame`` or blue-green-red array) and its time, s.
Pictures = Generator[tuple[AnyFrame, float], None, None]


class VideoError(ValueError):
    """A source holds no video that can be read; the message names it and the reason."""


class NoFrameError(VideoError):
    """Not a single frame of a video can be decoded."""


class Source(ABC):
    """An iterable of (frame, time), times in seconds; as a context manager, it closes itself.

    A frame is a ``YuvFrame``, or a uint8 array of shape (height, width, 3), blue-green-red.

    Attributes
    ----------
    name
        Name of the source in messages and results.
    frame_count
        Expected number of frames, for progress only; 0 if it is not known.
    live
        Whether the source continues until it is stopped, as a camera does.
    damaged
        Number of frames in the last reading that could not be decoded, or that the decoder says are
        damaged.
    warnings
        Messages for the user about the last reading.
    bits_per_pixel
        Bits of the compressed video for each pixel of each frame, over the last reading; None if
        it is not known.

    Raises
    ------
    VideoError
        If the source gives no frame, or no time for its frames; raised when the source is read.
    """

    def __init__(self, name: str, *, live: bool = False) -> None:
        self.name = name
        self.live = live
        self.frame_count = 0
        self.damaged = 0
        self.warnings: list[str] = []
        self.bits_per_pixel: float | None = None
        self._stopped = False

    def __iter__(self) -> Iterator[tuple[AnyFrame, float]]:
        self._stopped = False
        self.damaged = 0
        self.warnings = []
        self.bits_per_pixel = None
        with closing(self._pictures()) as pictures:
            for picture, time in pictures:
                yield picture, time
                if self._stopped:
                    return

    @abstractmethod
    def _pictures(self) -> Pictures:
        """Yield (frame, time)."""

    def stop(self) -> None:
        """End the reading after the current frame; a signal handler may call this."""
        self._stopped = True

    def remarks(self, frames: int) -> list[str]:
        """Return messages for the user about the last reading, of so many frames."""
        if self.damaged and not self.warnings:
            return [f"{self.damaged} of {frames} frames are damaged"]
        return list(self.warnings)

    def close(self) -> None:
        """Stop the reading and close the files that the source has opened."""
        self.stop()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def checked_rate(fps: float | None) -> float | None:
    """Return a frame rate as a float, or None.

    Raises
    ------
    ValueError
        If ``fps`` is not a positive number.
    """
    if fps is None:
        return None
    if not 0 < fps < math.inf:
        raise ValueError(f"fps must be a positive number of frames per second, got {fps}")
    return float(fps)
