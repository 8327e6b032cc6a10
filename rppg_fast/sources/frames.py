"""Frames that come from a Python iterable."""

from __future__ import annotations

from collections.abc import Iterable

from rppg_fast.sources.source import Pictures, Source, VideoError, checked_rate
from rppg_fast.yuv import AnyFrame


class FramesSource(Source):
    """Any iterable of (frame, time), or of frames if ``fps`` is given.

    Raises
    ------
    VideoError
        If a frame has no time and ``fps`` is None; raised when the source is read.
    ValueError
        If ``fps`` is not a positive number.
    """

    def __init__(
        self, frames: Iterable[AnyFrame | tuple[AnyFrame, float]], fps: float | None = None
    ) -> None:
        super().__init__("frames")
        self._frames, self._fps = frames, checked_rate(fps)
        try:
            self.frame_count = len(frames)  # type: ignore[arg-type]
        except TypeError:
            self.frame_count = 0

    def _pictures(self) -> Pictures:
        for index, item in enumerate(self._frames):
            frame, time = item if isinstance(item, tuple) else (item, None)
            if self._fps is not None:
                time = index / self._fps
            if time is None:
                raise VideoError("frames without times: give pairs of (frame, time), or fps=")
            yield frame, time
