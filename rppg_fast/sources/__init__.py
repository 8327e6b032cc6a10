"""Sources of frames with their times: files, pictures, cameras, addresses, streams."""

from __future__ import annotations

import io
import os
import stat
import sys
from collections.abc import Iterable
from typing import Any, Union

from rppg_fast.sources.camera import open_camera
from rppg_fast.sources.file import FileSource
from rppg_fast.sources.frames import FramesSource
from rppg_fast.sources.pictures import PicturesSource, is_pattern
from rppg_fast.sources.remote import STORES, RemoteSource, scheme
from rppg_fast.sources.source import Source, VideoError
from rppg_fast.sources.stream import Readable, StreamSource
from rppg_fast.sources.url import UrlSource

__all__ = ["Openable", "Source", "VideoError", "open_source"]

#: What ``open_source`` takes.
Openable = Union[str, "os.PathLike[str]", int, bytes, Readable, Iterable[Any], Source]


def open_source(
    what: Openable,
    *,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    timeout: float = 10.0,
) -> Source:
    """Open a source of frames with their times.

    The times, in seconds, are those of the container or the camera, or they are made from ``fps``.
    A source that has no times is refused if ``fps`` is None.

    Parameters
    ----------
    what
        One of: a video file; a folder of pictures, a pattern such as ``f_%04d.png`` or
        ``shots/*.jpg``, with ``fps``; a camera's number, or its device; an address such as
        ``rtsp://host/path``; a file in an object store, such as ``s3://bucket/name``; ``"-"``,
        standard input; a binary file object, or bytes, that hold a video; an iterable of (frame,
        time), or of frames with ``fps``; a ``Source``.
    fps
        Frame rate, Hz, in place of the source's own times. A camera is asked for it.
    size
        Width and height that a camera is asked for, pixels; 640x480 by default.
    timeout
        Longest wait for an address to answer, s.

    Returns
    -------
    Source
        Iterate over it for (frame, time).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    OSError
        If it cannot be opened for reading.
    VideoError
        If it holds no video that can be decoded, or if it has no times and ``fps`` is None.
    TypeError, ValueError
        If ``what`` or an option has a wrong type or value.
    ImportError
        If a package for this kind of object store is not installed.
    """
    if isinstance(what, Source):
        if fps is not None:
            raise ValueError("fps belongs to the source that is already open")
        return what
    given: Any = what  # a file object is recognised by its ``read``
    if isinstance(given, int) and not isinstance(given, bool):
        return open_camera(given, fps, size)
    if isinstance(given, (bytes, bytearray, memoryview)):
        return StreamSource(io.BytesIO(given), "bytes", fps)
    if isinstance(given, (str, os.PathLike)):
        return _named(os.fsdecode(given), fps, size, timeout)
    if hasattr(given, "read"):
        return StreamSource(given, str(getattr(given, "name", "stream")), fps)
    if isinstance(given, Iterable):
        return FramesSource(given, fps)
    raise TypeError(
        f"a source must be a path, an address, a camera's number, a binary file or frames, got "
        f"{given!r}"
    )


def _named(name: str, fps: float | None, size: tuple[int, int] | None, timeout: float) -> Source:
    if name == "-":
        return StreamSource(sys.stdin.buffer, "standard input", fps)
    if os.path.exists(name):
        mode = os.stat(name).st_mode
        if stat.S_ISDIR(mode):
            return PicturesSource(name, fps)
        if stat.S_ISCHR(mode):
            return open_camera(name, fps, size)
        if stat.S_ISFIFO(mode):
            return StreamSource(open(name, "rb"), name, fps, owned=True)
        return FileSource(name, fps)
    if scheme(name) in STORES:
        return RemoteSource(name, fps)
    if "://" in name:
        return UrlSource(name, fps, timeout)
    if name.isdecimal():
        return open_camera(int(name), fps, size)
    if is_pattern(name):
        return PicturesSource(name, fps)
    return FileSource(name, fps)
