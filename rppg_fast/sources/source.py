"""What gives frames with their times, wherever they come from."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator
from contextlib import closing
from types import TracebackType

from rppg_fast.yuv import AnyFrame

#: What a source yields: a frame as it has it, planes or blue-green-red, and its time, s.
Pictures = Generator[tuple[AnyFrame, float], None, None]


class VideoError(ValueError):
    """A source that gives no readable video; the message names it and says why."""


class Source(ABC):
    """Frames with their times, s, as an iterable; also a context manager that closes it.

    Attributes
    ----------
    name
        What messages and results call it.
    frame_count
        How many frames are expected, for progress only; 0 where nobody knows.
    live
        Whether it goes on until it is stopped, as a camera does.
    damaged
        Of the last reading: frames that the decoder could not decode, or says are damaged.
    warnings
        Of the last reading: what a user should know of it, a line each.

    Raises
    ------
    VideoError
        While it is read: if it gives no frame, or no time for its frames.
    """

    def __init__(self, name: str, *, live: bool = False) -> None:
        self.name = name
        self.live = live
        self.frame_count = 0
        self.damaged = 0
        self.warnings: list[str] = []
        self._stopped = False

    def __iter__(self) -> Iterator[tuple[AnyFrame, float]]:
        self._stopped = False
        self.damaged = 0
        self.warnings = []
        with closing(self._pictures()) as pictures:
            for picture, time in pictures:
                yield picture, time
                if self._stopped:
                    return

    @abstractmethod
    def _pictures(self) -> Pictures:
        """Yield the frames."""

    def stop(self) -> None:
        """End the reading after the frame at hand; may be called from a signal handler."""
        self._stopped = True

    def close(self) -> None:
        """Stop, and give back what was opened."""
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
        If it is not a positive number.
    """
    if fps is None:
        return None
    if not 0 < fps < math.inf:
        raise ValueError(f"fps must be a positive number of frames per second, got {fps}")
    return float(fps)
