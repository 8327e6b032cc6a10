"""Write a video whose frames are in the file as soon as they are given, with their own times."""

from __future__ import annotations

from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from rppg_fast.record.files import GrowingFile
from rppg_fast.sources.pixels import ONE_THREAD
from rppg_fast.yuv import AnyFrame, YuvFrame

#: ``ffv1`` loses nothing; ``h264`` is all-intra and takes half the space: docs/recording.md has the
#: loss of pulse.
CODECS = ("ffv1", "h264")

_MILLISECOND = Fraction(1, 1000)  # Matroska's unit
ENCODERS: dict[str, tuple[str, dict[str, str]]] = {
    "ffv1": (
        "ffv1",
        {"level": "3", "slicecrc": "1", "g": "1", "coder": "0", "context": "0"},
    ),
    "h264": (
        "libx264",
        {"preset": "ultrafast", "tune": "zerolatency", "crf": "6", "g": "1", "bf": "0"},
    ),
}
"""FFmpeg's encoder of each codec, and its options. FFV1: every slice has a checksum; Golomb-Rice
codes take two thirds of the time of the range coder and as many bytes. H.264: no frame waits for
another one."""

#: A cluster for each frame, in the file as soon as the next one begins.
_CONTAINER = {"cluster_time_limit": "1", "flush_packets": "1"}
#: FFmpeg's numbers of the matrices (AVCOL_SPC) and of the ranges (AVCOL_RANGE).
_MATRICES = {"bt709": 1, "bt601": 6, "bt2020": 9}
_LIMITED, _FULL = 1, 2
#: Rows and columns of luma for each of chroma, in FFmpeg's names.
_SAMPLINGS = {
    (1, 1): "444",
    (1, 2): "422",
    (2, 2): "420",
    (1, 4): "411",
    (2, 1): "440",
    (4, 4): "410",
}


class VideoWriter:
    """A Matroska file whose frames are whole in the file one frame after they were given.

    Parameters
    ----------
    path
        The file, which must not exist yet.
    codec
        One of ``CODECS``. FFV1 keeps every bit of 8-bit frames and of ``YuvFrame`` of more bits.
        H.264 takes 8 bits with half the chroma each way, and needs even sides.

    Attributes
    ----------
    frames
        Number of frames that are whole in the file.
    pixel_format
        FFmpeg's name of the stored form; "" before the first frame.

    Raises
    ------
    OSError
        If the file cannot be written. It then ends with a whole frame.
    ValueError
        If there is no such codec, or if a frame has another size or form than the first one.
    """

    def __init__(self, path: Path, codec: str = "ffv1") -> None:
        if codec not in CODECS:
            raise ValueError(f"codec must be one of {CODECS}, got {codec!r}")
        self._codec = codec
        self._file = _Output(path)
        self._container = av.open(self._file, "w", format="matroska", options=dict(_CONTAINER))
        self._reformatter = VideoReformatter()
        self._stream: av.VideoStream | None = None
        self._shape = (0, 0, "")
        self._last = -1
        self._given = 0
        self.frames = 0
        self.pixel_format = ""

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._file.file.size

    def write(self, frame: AnyFrame, time: float) -> None:
        """Add a frame at a time, s, which must be later than that of the frame before."""
        picture = as_picture(frame)
        if self._codec == "h264" and picture.format.name != "yuv420p":
            picture = self._reformatter.reformat(picture, format="yuv420p", **ONE_THREAD)
        stream = self._stream or self._begin(picture)
        shape = (picture.width, picture.height, picture.format.name)
        if shape != self._shape:
            raise ValueError(
                f"{self._file.file.path}: a frame of {shape[0]}x{shape[1]} pixels, {shape[2]}, "
                f"follows those of {self._shape[0]}x{self._shape[1]}, {self._shape[2]}"
            )
        stamp = max(round(time / _MILLISECOND), self._last + 1)
        picture.pts, picture.time_base, self._last = stamp, _MILLISECOND, stamp
        self._container.mux(stream.encode(picture))
        self._file.commit()
        self.frames = self._given  # the cluster of the frame before was closed
        self._given += 1

    def close(self) -> None:
        """Write what is left and close the file."""
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
            self._file.commit()
            self.frames = self._given
        finally:
            self._file.file.close()

    def abandon(self) -> None:
        """Close the file as it is, after an error of the disk."""
        self._file.closed = True
        with suppress(av.error.FFmpegError, OSError, ValueError):
            self._container.close()  # what it still writes goes nowhere
        self._file.file.close()

    def _begin(self, picture: av.VideoFrame) -> av.VideoStream:
        name, options = ENCODERS[self._codec]
        stream: Any = self._container.add_stream(name, options=dict(options))
        stream.width, stream.height = picture.width, picture.height
        stream.pix_fmt = self.pixel_format = picture.format.name
        context = stream.codec_context
        context.time_base = stream.time_base = _MILLISECOND
        context.thread_count = 1
        context.color_range, context.colorspace = picture.color_range, picture.colorspace
        self._stream = stream
        self._shape = (picture.width, picture.height, picture.format.name)
        return self._stream


class _Output:
    """What FFmpeg writes to: pieces are kept until they are committed together."""

    def __init__(self, path: Path) -> None:
        self.file = GrowingFile(path)
        self.name = str(path)
        self.closed = False
        self._pieces: list[bytes] = []
        self._position = 0

    def write(self, data: bytes) -> int:
        """Keep a piece; one over bytes that are there replaces them at once."""
        end = self.file.size + sum(map(len, self._pieces))
        if self.closed:
            return len(data)
        if self._position < end:
            self.commit()
            inside = min(len(data), end - self._position)
            self.file.overwrite(self._position, bytes(data[:inside]))
            self._pieces = [bytes(data[inside:])]
        else:
            self._pieces.append(bytes(data))
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to another place."""
        end = self.file.size + sum(map(len, self._pieces))
        self._position = offset + (0, self._position, end)[whence]
        return self._position

    def tell(self) -> int:
        """Return the place of the next piece."""
        return self._position

    def commit(self) -> None:
        """Add the pieces to the file, all or none."""
        pieces, self._pieces = self._pieces, []
        self.file.add(b"".join(pieces))


def as_picture(frame: AnyFrame) -> av.VideoFrame:
    """Return a frame for an encoder, with the same samples.

    Parameters
    ----------
    frame
        A ``YuvFrame``, or uint8 of shape (height, width, 3), blue-green-red, or (height, width).
    """
    if not isinstance(frame, YuvFrame):
        height, width = frame.shape[:2]
        if frame.ndim == 2:
            picture = av.VideoFrame(width, height, "gray")
            _samples(picture.planes[0], (height, width), frame.dtype)[:] = frame
            return picture
        picture = av.VideoFrame(width, height, "bgr0")
        pixels = _samples(picture.planes[0], (height, width, 4), frame.dtype)
        pixels[..., :3], pixels[..., 3] = frame, 255
        return picture
    height, width = frame.y.shape
    deep = "" if frame.bits == 8 else f"{frame.bits}le"
    given = [frame.y]
    name = f"gray{deep}"
    if frame.u is not None and frame.v is not None:
        given += [frame.u, frame.v]
        step = tuple(round(full / part) for full, part in zip(frame.y.shape, frame.u.shape))
        name = f"yuv{_SAMPLINGS[step]}p{deep}"
    picture = av.VideoFrame(width, height, name)
    for plane, samples in zip(picture.planes, given):
        stored = _samples(plane, samples.shape, samples.dtype)
        stored[:] = samples >> frame.shift if frame.shift else samples
    picture.color_range = _FULL if frame.full_range else _LIMITED
    picture.colorspace = _MATRICES[frame.matrix]
    return picture


def _samples(plane: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return the samples of a plane, to be written."""
    inner = tuple(dtype.itemsize * int(np.prod(shape[i + 1 :])) for i in range(1, len(shape)))
    view: NDArray[Any] = np.ndarray(shape, dtype, plane, 0, (plane.line_size, *inner))
    return view
