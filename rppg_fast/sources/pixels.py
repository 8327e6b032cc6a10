"""Convert a decoder's frame to planes that the engine reads, or to blue-green-red."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import av
import numpy as np
from av.video.format import names  # type: ignore[attr-defined]
from av.video.plane import VideoPlane
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from rppg_fast.sources.source import VideoError
from rppg_fast.yuv import AnyFrame, YuvFrame

#: FFmpeg's numbers of color spaces (AVCOL_SPC) and the matrix of each.
_MATRICES = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709", 9: "bt2020", 10: "bt2020"}
#: Height in pixels from which BT.709 is assumed if the stream names no matrix, as players do.
_HIGH_DEFINITION = 720
#: FFmpeg's numbers of the full range of values (AVCOL_RANGE_JPEG) and of an unspecified range.
_FULL, _NOT_NAMED = 2, 0
_MOST_BITS = 16
#: Formats that some FFmpeg releases cannot convert. Before version 17, av does not notice the
#: failure, and the process crashes. No decoder produces these formats.
_NEVER_CONVERTED = frozenset(
    (
        *("ayuv64be", "bgr4", "gbrap32be", "gbrap32le", "nv20be", "nv20le", "rgb4", "rgb96be"),
        *("rgb96le", "rgba128be", "rgba128le", "rgbaf32be", "rgbaf32le", "rgbf32be", "rgbf32le"),
        *("uyyvyy411", "v30xbe", "x2bgr10be", "x2rgb10be", "xv30be", "xv36be", "y210be"),
        *("y212be", "y216be"),
    )
)
#: Options for a conversion in one thread. Several threads take more processor time in all, do not
#: survive a fork, and skip rows of some odd sizes (FFmpeg 8.1). av before version 17 always uses
#: one.
ONE_THREAD: dict[str, Any] = {"threads": 1} if int(av.__version__.split(".")[0]) >= 17 else {}


@dataclass(frozen=True)
class _Layout:
    """Where luma and chroma are in a pixel format.

    ``chroma`` is "planes" for one plane each; "pairs" for one plane of alternating U and V;
    "swapped pairs" for alternating V and U; "none" for a grey picture. Three numbers mean that
    luma, U and V share one plane: they are the offsets in bytes of the first samples. Luma is then
    in every second byte, U and V in every fourth.
    """

    chroma: Literal["planes", "pairs", "swapped pairs", "none"] | tuple[int, int, int]
    bits: int = 8
    shift: int = 0
    full_range: bool = False


def _layouts() -> dict[str, _Layout]:
    """Return the pixel formats whose planes are used without a conversion."""
    found = {
        "nv12": _Layout("pairs"),
        "nv16": _Layout("pairs"),
        "nv24": _Layout("pairs"),
        "nv21": _Layout("swapped pairs"),
        "nv42": _Layout("swapped pairs"),
        "yuyv422": _Layout((0, 1, 3)),
        "yvyu422": _Layout((0, 3, 1)),
        "uyvy422": _Layout((1, 0, 2)),
        # FFmpeg, too, assumes the full range for grey pictures that name no range.
        "gray": _Layout("none", full_range=True),
    }
    for bits in (9, 10, 12, 14, 16):
        found[f"gray{bits}le"] = _Layout("none", bits, full_range=True)
    for sampling in ("410", "411", "420", "422", "440", "444"):
        found[f"yuv{sampling}p"] = found[f"yuva{sampling}p"] = _Layout("planes")
        found[f"yuvj{sampling}p"] = _Layout("planes", full_range=True)
        for bits in (9, 10, 12, 14, 16):
            deep = _Layout("planes", bits)
            found[f"yuv{sampling}p{bits}le"] = found[f"yuva{sampling}p{bits}le"] = deep
    for sampling in ("0", "2", "4"):
        for bits in (10, 12, 16):
            found[f"p{sampling}{bits}le"] = _Layout("pairs", bits, 16 - bits)
    return {name: found[name] for name in found.keys() & names}


_LAYOUTS = _layouts()
_BYTES, _WORDS = np.dtype(np.uint8), np.dtype("<u2")


def _view(
    plane: Any, shape: tuple[int, ...], dtype: np.dtype[Any], first: int, strides: tuple[int, ...]
) -> NDArray[Any]:
    """Return an array that shares a plane's memory; the memory lives as long as the array."""
    view: NDArray[Any] = np.ndarray(shape, dtype, plane, first, strides)
    return view


class Converter:
    """Converts a decoded frame to the form that the engine reads, without a copy if possible.

    Raises
    ------
    VideoError
        If FFmpeg cannot convert the frame's format; the message contains ``name``.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._reformatter = VideoReformatter()

    def __call__(self, frame: av.VideoFrame) -> AnyFrame:
        """Return the frame's planes as views, or BGR pixels if it is not a YUV frame."""
        layout = _LAYOUTS.get(frame.format.name)
        planes = frame.planes  # made anew whenever they are asked for
        if planes[0].line_size < 0:  # rows are stored bottom up, outside the plane's buffer
            return self._bgr(frame)
        if layout is not None:
            return _views(planes, layout, _is_full_range(frame, layout), _matrix(frame))
        if frame.format.is_rgb or frame.format.has_palette:
            return self._bgr(frame)
        bits = max(part.bits for part in frame.format.components)
        if bits > _MOST_BITS:  # FFmpeg converts some of these formats and crashes on others
            raise self._unknown(frame)
        nearest = _nearest(frame.format, bits)
        converted = self._copied(frame, nearest)
        layout = _LAYOUTS[nearest]
        return _views(converted.planes, layout, _is_full_range(frame, layout), _matrix(frame))

    def _bgr(self, frame: av.VideoFrame) -> NDArray[np.uint8]:
        """Return a blue-green-red copy; av copies only if the format changes."""
        other = "rgb24" if frame.format.name == "bgr24" else "bgr24"
        plane = self._copied(frame, other).planes[0]
        shape = (frame.height, frame.width, 3)
        pixels = _view(plane, shape, _BYTES, 0, (plane.line_size, 3, 1))
        return pixels[..., ::-1] if other == "rgb24" else pixels

    def _copied(self, frame: av.VideoFrame, format: str) -> av.VideoFrame:
        if frame.format.name in _NEVER_CONVERTED:
            raise self._unknown(frame)
        try:
            return self._reformatter.reformat(frame, format=format, **ONE_THREAD)
        except av.error.FFmpegError as error:
            raise self._unknown(frame) from error

    def _unknown(self, frame: av.VideoFrame) -> VideoError:
        return VideoError(
            f"{self._name}: its pixels are {frame.format.name}, which FFmpeg does not convert: "
            "convert the video to yuv420p"
        )


def _nearest(format: av.VideoFormat, bits: int) -> str:
    """Return a format with at least as many bits and at least as much chroma."""
    deep = "" if bits <= 8 else next(f"{most}le" for most in (9, 10, 12, 14, 16) if bits <= most)
    if len(format.components) < 3:
        return f"gray{deep}"
    return f"yuvj444p{deep}" if format.name.startswith("yuvj") else f"yuv444p{deep}"


def _views(
    planes: tuple[VideoPlane, ...], layout: _Layout, full_range: bool, matrix: str
) -> YuvFrame:
    first = planes[0]
    size, dtype = (1, _BYTES) if layout.bits == 8 else (2, _WORDS)
    shape, stride = (first.height, first.width), first.line_size
    u = v = None
    if isinstance(layout.chroma, tuple):
        at_y, at_u, at_v = layout.chroma
        half = (shape[0], (shape[1] + 1) // 2)
        y = _view(first, shape, dtype, at_y, (stride, 2))
        u = _view(first, half, dtype, at_u, (stride, 4))
        v = _view(first, half, dtype, at_v, (stride, 4))
        return YuvFrame(y, u, v, layout.bits, layout.shift, full_range, matrix)
    y = _view(first, shape, dtype, 0, (stride, size))
    if layout.chroma == "planes":
        second, third = planes[1], planes[2]
        part = (second.height, second.width)
        u = _view(second, part, dtype, 0, (second.line_size, size))
        v = _view(third, part, dtype, 0, (third.line_size, size))
    elif layout.chroma != "none":
        second = planes[1]
        part, strides = (second.height, second.width), (second.line_size, 2 * size)
        u = _view(second, part, dtype, 0, strides)
        v = _view(second, part, dtype, size, strides)
        if layout.chroma == "swapped pairs":
            u, v = v, u
    return YuvFrame(y, u, v, layout.bits, layout.shift, full_range, matrix)


def _is_full_range(frame: av.VideoFrame, layout: _Layout) -> bool:
    named = int(frame.color_range)
    if named == _NOT_NAMED or frame.format.name.startswith("yuvj"):
        return layout.full_range
    return named == _FULL


def _matrix(frame: av.VideoFrame) -> str:
    by_size = "bt709" if frame.height >= _HIGH_DEFINITION else "bt601"
    return _MATRICES.get(int(frame.colorspace), by_size)
