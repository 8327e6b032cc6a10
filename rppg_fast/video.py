"""Video files, frame by frame, with the time of each frame."""

from __future__ import annotations

import os
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

Frame = NDArray[np.uint8]


# Half-read files in a process that was forked meanwhile. Their decoder's threads stayed with the
# parent: to release them would wait for those for ever.
_OF_THE_PARENT: list[cv2.VideoCapture] = []


class VideoError(ValueError):
    """A file that is no readable video; the message names it and says why."""


#: Share of the frames that the container promises below which a file is called damaged.
_MIN_SHARE_DECODED = 0.9


class VideoFile:
    """A video file as an iterable of (frame, time); holds two frames at a time in memory.

    Frames are uint8 of shape (height, width, 3), blue-green-red; times are seconds. They are the
    container's own time stamps where it has them, else the frame's number over the frame rate. In a
    damaged file they can go back, which a monitor refuses.

    Parameters
    ----------
    path
        The file.
    fps
        Frame rate, Hz, that overrides what the container says of time.

    Attributes
    ----------
    path
        The file's name as given.
    frame_count
        What the container says; 0 where it does not know. An estimate, for progress only.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be opened for reading.
    VideoError
        If it is no file, is empty, or cannot be decoded.
    ValueError
        If ``fps`` is not a positive number.
    """

    def __init__(self, path: str | os.PathLike[str], fps: float | None = None) -> None:
        self.path = os.fsdecode(path)
        if fps is not None and not 0 < fps < float("inf"):
            raise ValueError(f"fps must be a positive number of frames per second, got {fps}")
        if not os.path.exists(self.path):
            raise FileNotFoundError(f"{self.path}: no such file")
        if not os.path.isfile(self.path):
            raise VideoError(f"{self.path}: not a file")
        if os.path.getsize(self.path) == 0:
            raise VideoError(f"{self.path}: the file is empty")
        with open(self.path, "rb"):  # says why where it cannot be read
            pass
        try:
            self.path.encode()
        except UnicodeEncodeError:  # OpenCV would crash
            raise VideoError(
                f"{self.path!a}: OpenCV reads no file whose name is not UTF-8"
            ) from None
        capture = self._open()
        self.frame_count = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
        self._container_fps = float(capture.get(cv2.CAP_PROP_FPS))
        capture.release()
        self._fps = fps

    def missing(self, frames: int) -> int:
        """Count what is missing where no more than so many frames could be decoded.

        The container's count is an estimate: 0 where it is off by no more than a tenth.
        """
        return self.frame_count - frames if frames < _MIN_SHARE_DECODED * self.frame_count else 0

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(self.path)
        if not capture.isOpened():
            raise VideoError(f"{self.path}: not a video that OpenCV can read")
        return capture

    def __iter__(self) -> Iterator[tuple[Frame, float]]:
        capture, process = self._open(), os.getpid()
        try:
            stamped = self._stamped(capture, process)
            first = next(stamped, None)
            if first is None:
                raise VideoError(f"{self.path}: not one frame can be decoded")
            second = next(stamped, None)
            fps = self._fps
            if fps is None and second is not None and not second[1] > first[1]:
                fps = self._container_fps
                if not 0 < fps < float("inf"):
                    raise VideoError(
                        f"{self.path}: has neither time stamps nor a frame rate; give one as fps"
                    )
            index = 0
            while first is not None:
                frame, stamp = first
                yield frame, stamp if fps is None else index / fps
                index += 1
                first, second = second, next(stamped, None)
        finally:
            if os.getpid() == process:
                capture.release()
            else:
                _OF_THE_PARENT.append(capture)

    def _stamped(self, capture: cv2.VideoCapture, process: int) -> Iterator[tuple[Frame, float]]:
        """Yield every frame with the container's time stamp in seconds."""
        while True:
            if os.getpid() != process:
                raise RuntimeError(
                    f"{self.path}: began to be read before a fork; begin anew after it"
                )
            try:
                found, frame = capture.read()
            except cv2.error as error:
                raise VideoError(f"{self.path}: cannot be decoded: {error}") from error
            if not found:
                return
            yield np.asarray(frame, np.uint8), capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
