"""The newest frame as a JPEG, encoded once for all who watch, and only if somebody does."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Callable

import numpy as np

from rppg_fast.live.session import LiveSession
from rppg_fast.yuv import AnyFrame, PlaneArray, YuvFrame, to_bgr

if TYPE_CHECKING:
    import av

#: Widest picture that is sent, pixels.
WIDEST = 640
#: Pictures a second. The pulse is drawn at the screen's rate; the picture only shows the face.
_RATE = 10.0
#: The encoder's quantiser, 2 (best) to 31: 5 gives about 20 kB at 640x480.
_QUANTISER = 5
#: Fixed tables take a tenth less time than those made for each picture, for a twentieth more bytes.
_TABLES = {"huffman": "default"}
#: Before each JPEG: the frame's time on the session's clock, little-endian float64.
_HEADER = struct.Struct("<d")


class JpegEncoder:
    """Encodes frames of any size, reduced to ``WIDEST``."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        from rppg_fast.sources.pixels import ONE_THREAD

        self._one_thread = ONE_THREAD
        self._reformatter = VideoReformatter()
        self._codec: av.VideoCodecContext | None = None
        self._count = 0

    def __call__(self, frame: AnyFrame) -> bytes:
        """Return a frame as a JPEG."""
        import av

        video = _as_video(frame)
        width, height = _reduced(video.width, video.height)
        video = self._reformatter.reformat(
            video, width, height, format="yuvj420p", dst_color_range="JPEG", **self._one_thread
        )
        codec = self._codec
        if codec is None or (codec.width, codec.height) != (width, height):
            codec = av.CodecContext.create("mjpeg", "w")
            codec.width, codec.height, codec.pix_fmt = width, height, "yuvj420p"
            codec.time_base, codec.thread_count = Fraction(1, 1000), 1
            codec.qmin = codec.qmax = _QUANTISER
            codec.options = _TABLES
            self._codec = codec
        self._count += 1
        video.pts, video.time_base = self._count, codec.time_base
        return b"".join(bytes(packet) for packet in codec.encode(video))


def _as_video(frame: AnyFrame) -> av.VideoFrame:
    """Return FFmpeg's form of a frame, converted to blue-green-red only if it must be."""
    import av

    if isinstance(frame, YuvFrame) and (planes := _plain_420(frame)) is not None:
        packed = np.concatenate([plane.ravel() for plane in planes]).reshape(-1, frame.width)
        format = "yuvj420p" if frame.full_range else "yuv420p"
        return av.VideoFrame.from_ndarray(packed, format=format)
    return av.VideoFrame.from_numpy_buffer(to_bgr(frame), format="bgr24")


def _plain_420(frame: YuvFrame) -> list[PlaneArray] | None:
    """Return the planes of a frame that has FFmpeg's layout yuv420p; None if it has another."""
    half = (frame.height // 2, frame.width // 2)
    if frame.u is None or frame.v is None or frame.u.shape != half:
        return None
    even = frame.height % 2 == 0 and frame.width % 2 == 0
    # The matrix of JPEG is that of BT.601.
    plain = frame.y.dtype == np.uint8 and frame.phase == (0, 0) and frame.matrix == "bt601"
    return [frame.y, frame.u, frame.v] if even and plain else None


def _reduced(width: int, height: int) -> tuple[int, int]:
    """Return the size of a picture: not wider than ``WIDEST``, with even sides."""
    scale = min(1.0, WIDEST / width)
    return tuple(max(2, round(side * scale / 2) * 2) for side in (width, height))  # type: ignore[return-value]


class Picture:
    """The thread that encodes, and the newest picture.

    Parameters
    ----------
    session
        Whose frames are shown.
    encoded
        Called, in the thread, when there is a new picture.
    """

    def __init__(self, session: LiveSession, encoded: Callable[[], None]) -> None:
        self._session, self._encoded = session, encoded
        self._lock = Lock()
        self._watchers = 0
        self._wanted, self._stop, self._arrived = Event(), Event(), Event()
        self._newest: tuple[int, bytes] = (0, b"")
        self._thread = Thread(target=self._run, name="rppg-picture", daemon=True)
        self._remove: Callable[[], None] | None = None

    @property
    def newest(self) -> tuple[int, bytes]:
        """Number of the newest picture, 0 if there is none, and its message for the page."""
        return self._newest

    @contextmanager
    def watching(self) -> Iterator[Callable[[bool], None]]:
        """Give a watcher a function that says whether it wants pictures; at the end it does not."""
        wants = False

        def say(wanted: bool) -> None:
            nonlocal wants
            with self._lock:
                self._watchers += wanted - wants
                wants = wanted
                (self._wanted.set if self._watchers else self._wanted.clear)()

        try:
            yield say
        finally:
            say(False)

    def start(self) -> None:
        """Begin."""
        self._remove = self._session.add_frame_listener(lambda frame: self._arrived.set())
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._stop.set()
        self._wanted.set()
        self._arrived.set()
        if self._remove is not None:
            self._remove()
        self._thread.join()

    def _run(self) -> None:
        encode = JpegEncoder()
        shown, due = -1, 0.0
        while not self._stop.is_set():
            self._wanted.wait()
            self._stop.wait(max(0.0, due - monotonic()))
            self._arrived.wait(0.5)
            self._arrived.clear()
            newest = self._session.newest
            if newest is None or newest.number == shown or self._stop.is_set():
                continue
            shown, due = newest.number, monotonic() + 0.9 / _RATE
            picture = _HEADER.pack(newest.time_s) + encode(newest.frame)
            self._newest = (self._newest[0] + 1, picture)
            self._encoded()
