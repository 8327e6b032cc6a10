"""The camera of a browser as a source: frames that come as messages of a WebSocket."""

from __future__ import annotations

import math
import struct
from collections import deque
from threading import Condition
from typing import NamedTuple

import numpy as np

from rppg_fast.sources.source import Pictures, Source
from rppg_fast.yuv import AnyFrame, YuvFrame

#: Before each frame, little-endian: kind, flags, width, height, two unused bytes, time in s.
HEADER = struct.Struct("<BBHHHd")
#: Kinds of frames: a JPEG picture; planes of luma and chroma; luma and interleaved chroma.
JPEG, I420, NV12 = 1, 2, 3
#: Flags of planes: luma uses its full range; the matrix is BT.709, not BT.601.
FULL_RANGE, BT709 = 1, 2
#: Smallest and largest sides of a frame, pixels.
SMALLEST, WIDEST, HIGHEST = 16, 1920, 1920
#: Longest message that is taken, bytes: the largest frame as planes.
LONGEST = HEADER.size + WIDEST * 1080 * 3 // 2
#: Frames that may wait; the newest win.
_WAITING = 4


class FrameError(ValueError):
    """A message is no frame; the text says why."""


class _Message(NamedTuple):
    kind: int
    flags: int
    width: int
    height: int
    time_s: float
    body: memoryview


def read_message(data: bytes) -> _Message:
    """Return a message's parts.

    Raises
    ------
    FrameError
        If it is no frame, or one that is too small or too large.
    """
    if not HEADER.size < len(data) <= LONGEST:
        raise FrameError(f"a frame has from {HEADER.size + 1} to {LONGEST} bytes, got {len(data)}")
    kind, flags, width, height, _, time_s = HEADER.unpack_from(data)
    if kind not in (JPEG, I420, NV12):
        raise FrameError(f"there is no kind of frame {kind}")
    if not (SMALLEST <= width <= WIDEST and SMALLEST <= height <= HIGHEST):
        raise FrameError(f"a frame of {width}x{height} pixels is not taken")
    if not math.isfinite(time_s):
        raise FrameError("the time of a frame must be a finite number")
    body = memoryview(data)[HEADER.size :]
    if kind != JPEG:
        expected = width * height + 2 * ((width + 1) // 2) * ((height + 1) // 2)
        if len(body) != expected:
            raise FrameError(f"planes of {width}x{height} have {expected} bytes, got {len(body)}")
    return _Message(kind, flags, width, height, time_s, body)


class BrowserCamera(Source):
    """Frames that a browser sends; one browser at a time.

    The server's thread puts messages in; the session's thread takes frames out, and decodes them.
    """

    def __init__(self) -> None:
        super().__init__("the browser's camera", live=True)
        self._messages: deque[_Message] = deque(maxlen=_WAITING)
        self._changed = Condition()
        self._connected = False

    def connect(self) -> bool:
        """Let a browser begin to send; False if another one does."""
        with self._changed:
            if self._connected:
                return False
            self._connected = True
            self._messages.clear()
            self._changed.notify_all()
            return True

    def disconnect(self) -> None:
        """End what ``connect`` began."""
        with self._changed:
            self._connected = False
            self._changed.notify_all()

    def put(self, data: bytes) -> None:
        """Take a message; the oldest one that waits is left out if there are too many.

        Raises
        ------
        FrameError
            If it is no frame.
        """
        message = read_message(data)
        with self._changed:
            self._messages.append(message)
            self._changed.notify_all()

    def stop(self) -> None:
        """End the reading."""
        with self._changed:
            super().stop()
            self._changed.notify_all()

    def _pictures(self) -> Pictures:
        decode = _JpegDecoder()
        while (message := self._next()) is not None:
            frame = decode(message) if message.kind == JPEG else _planes(message)
            if frame is None:
                self.damaged += 1
            else:
                yield frame, message.time_s

    def _next(self) -> _Message | None:
        """Return the next message; None if the browser has gone after it had sent some."""
        with self._changed:
            begun = self._connected
            while not self._messages and not self._stopped:
                if begun and not self._connected:
                    self.warnings.append("the browser sends no picture")
                    return None
                begun = self._connected
                self._changed.wait(1.0)
            return None if self._stopped else self._messages.popleft()


def _planes(message: _Message) -> AnyFrame:
    width, height = message.width, message.height
    columns, rows = (width + 1) // 2, (height + 1) // 2
    samples = np.frombuffer(message.body, np.uint8)
    y, chroma = samples[: width * height].reshape(height, width), samples[width * height :]
    if message.kind == I420:
        u, v = chroma.reshape(2, rows, columns)
    else:
        pairs = chroma.reshape(rows, columns, 2)
        u, v = pairs[..., 0], pairs[..., 1]
    return YuvFrame(
        y,
        u,
        v,
        full_range=bool(message.flags & FULL_RANGE),
        matrix="bt709" if message.flags & BT709 else "bt601",
    )


class _JpegDecoder:
    """Decodes the JPEG pictures of one connection."""

    def __init__(self) -> None:
        import av

        from rppg_fast.sources.pixels import Converter

        self._av = av
        self._codec = av.CodecContext.create("mjpeg", "r")
        self._codec.thread_count = 1
        # FFmpeg refuses larger pictures before it takes memory for them.
        self._codec.options = {"max_pixels": str(WIDEST * 1080)}
        self._convert = Converter("the browser's camera")

    def __call__(self, message: _Message) -> AnyFrame | None:
        """Return the picture; None if it cannot be decoded."""
        packet = self._av.Packet(bytes(message.body))
        try:
            frames = self._codec.decode(packet)
        except self._av.error.FFmpegError:
            return None
        return self._convert(frames[0]) if frames else None
