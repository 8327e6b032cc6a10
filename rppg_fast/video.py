"""Video files, frame by frame, with the time of each frame."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from rppg_fast.sources.file import FileSource
from rppg_fast.sources.source import VideoError
from rppg_fast.yuv import YuvFrame

__all__ = ["Frame", "VideoError", "VideoFile"]

Frame = NDArray[np.uint8]


class VideoFile:
    """A video file as an iterable of (frame, time); each iteration starts at the first frame.

    Frames are uint8 of shape (height, width, 3), blue-green-red, turned, mirrored and deinterlaced
    as the file says. Times are the container's own, in seconds, from 0 on. In a damaged file they
    can go back; a monitor refuses such a frame. For a measurement ``open_source`` is faster: it
    gives the decoder's planes without a conversion.

    Parameters
    ----------
    path
        The file.
    fps
        Frame rate, Hz, in place of the file's own times.

    Attributes
    ----------
    path
        The file's name as given.
    source
        The file as a ``Source``.

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
        self.source = FileSource(path, fps)
        self.path = self.source.path

    @property
    def frame_count(self) -> int:
        """Number of frames by the container, an estimate for progress only; 0 if not known."""
        return self.source.frame_count

    def __iter__(self) -> Iterator[tuple[Frame, float]]:
        for picture, time in self.source:
            yield picture.to_bgr() if isinstance(picture, YuvFrame) else picture, time
