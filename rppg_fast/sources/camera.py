"""Cameras that are connected to this machine."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from rppg_fast.sources.container import ContainerSource, open_container
from rppg_fast.sources.source import Pictures, Source, VideoError, checked_rate

if TYPE_CHECKING:
    from av.container import InputContainer

#: Width and height that a camera is asked for, pixels; it may deliver another size.
SIZE = (640, 480)
#: Largest number of pixels that fits through USB 2 uncompressed at 30 frames per second.
_UNCOMPRESSED = 640 * 480
#: FFmpeg's name for the kind of device, by ``sys.platform``.
_DEVICES = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
#: Longest wait for a camera to answer, s.
_TIMEOUT = 10.0
_REMEDY = "is it plugged in, not in use by another program, and may you use it?"


def open_camera(device: int | str, fps: float | None, size: tuple[int, int] | None) -> Source:
    """Return a camera, read by OpenCV if it is installed, otherwise by FFmpeg.

    Parameters
    ----------
    device
        Number of the camera, or name of its device.
    fps
        Frame rate to ask for, Hz. The times are those at which the frames arrive.
    size
        Width and height to ask for, pixels.

    Raises
    ------
    VideoError
        If neither can use a camera on this platform. If the camera cannot be opened, the error is
        raised when the source is read.
    """
    if importlib.util.find_spec("cv2") is not None:
        return OpenCVCamera(device, fps, size or SIZE)
    return FFmpegCamera(device, fps, size or SIZE)


class OpenCVCamera(Source):
    """A camera read by OpenCV; the time of a frame is the time at which it arrived."""

    def __init__(self, device: int | str, fps: float | None, size: tuple[int, int]) -> None:
        super().__init__(_name(device), live=True)
        self._device, self._fps, self._size = device, checked_rate(fps), size

    def _pictures(self) -> Pictures:
        import cv2

        with _quiet(cv2):
            capture = cv2.VideoCapture(self._device)
        try:
            if not capture.isOpened():
                raise VideoError(f"{self.name}: cannot be opened: {_REMEDY}")
            width, height = self._size
            if width * height > _UNCOMPRESSED:
                capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
            if self._fps is not None:
                capture.set(cv2.CAP_PROP_FPS, self._fps)
            start: float | None = None
            while capture.grab():
                now = monotonic()  # taken before decoding, which takes some time
                start = now if start is None else start
                found, frame = capture.retrieve()
                if found:
                    yield np.asarray(frame, np.uint8), now - start
                else:
                    self.damaged += 1
            self.warnings.append("gives no more frames")
        finally:
            capture.release()


class FFmpegCamera(ContainerSource):
    """A camera read by FFmpeg's device support; the times are the driver's."""

    def __init__(self, device: int | str, fps: float | None, size: tuple[int, int]) -> None:
        super().__init__(_name(device), None, live=True)
        rate = checked_rate(fps)
        self._asked = {"video_size": f"{size[0]}x{size[1]}"}
        if rate is not None:
            self._asked["framerate"] = f"{rate:g}"
        self._compressed = size[0] * size[1] > _UNCOMPRESSED
        self._kind = _DEVICES.get(sys.platform)
        self._device = self._device_name(device)

    def _device_name(self, device: int | str) -> str:
        if self._kind == "v4l2":
            return f"/dev/video{device}" if isinstance(device, int) else device
        if self._kind == "avfoundation":
            return str(device)
        if self._kind == "dshow" and isinstance(device, str):
            return f"video={device}"
        raise VideoError(f'{self.name}: only OpenCV reads it here: pip install "rppg_fast[camera]"')

    @contextmanager
    def _opened(self) -> Iterator[InputContainer]:
        with self._open() as container:
            yield container

    def _open(self) -> InputContainer:
        """Open the camera with the requested format, or with its own format if that fails."""
        compressed = {"input_format": "mjpeg"} if self._kind == "v4l2" else {"vcodec": "mjpeg"}
        tries = [self._asked, {}]
        if self._compressed and self._kind != "avfoundation":
            tries.insert(0, {**self._asked, **compressed})
        for options in tries:
            try:
                return open_container(
                    self._device, self.name, options=options, format=self._kind, timeout=_TIMEOUT
                )
            except VideoError as error:
                reason = error
        raise VideoError(f"{reason}: {_REMEDY}")


@contextmanager
def _quiet(cv2: ModuleType) -> Iterator[None]:
    """Silence OpenCV's messages, so that only our own error message is shown."""
    home = getattr(cv2.utils, "logging", cv2)  # its place in OpenCV 5, and in OpenCV 4
    level = home.getLogLevel()
    home.setLogLevel(0)
    try:
        yield
    finally:
        home.setLogLevel(level)


def _name(device: int | str) -> str:
    return f"camera {device}" if isinstance(device, int) else device
