"""Write one drawn clip with a known pulse as every kind of video file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

from rppg_fast.sources.pixels import ONE_THREAD
from tests.clips import Frame, skin

BPM = 72.0
FPS = 30.0
SECONDS = 11.0
HEIGHT, WIDTH = 120, 160
#: Skin in the left of the picture; if the picture is turned or mirrored, the box shows the wall.
BOX = (4, 20, 76, 92)
#: Unit of a file's times, s, which MPEG-TS and most other containers can store.
CLOCK = Fraction(1, 90000)

Timed = tuple[Frame, float]


def times_at(fps: float, seconds: float = SECONDS) -> list[float]:
    """Return times of frames from 0 on, s."""
    return [index / fps for index in range(round(seconds * fps))]


def scene(times: Sequence[float], height: int = HEIGHT, width: int = WIDTH) -> list[Timed]:
    """Return frames of skin before a wall that is brighter at the top and on the right."""
    rows, columns = np.mgrid[0:height, 0:width]
    wall = np.stack([60 + 40 * (rows < height // 2), 90 + columns // 3, 70 + rows // 4], -1)
    frames = []
    for flesh, time in skin(list(times), BPM, amplitude=0.025, noise=1.0):
        picture = wall.astype(np.uint8)
        x0, y0, x1, y1 = BOX
        picture[y0:y1, x0:x1] = flesh
        frames.append((picture, time))
    return frames


class Writable(Protocol):
    """The methods of a binary file that an encoder needs."""

    def write(self, data: bytes, /) -> int:
        """Write bytes."""


@dataclass(frozen=True)
class Kind:
    """A way to write a clip: container, encoder, pixel format, and other properties."""

    ending: str
    encoder: str
    pixels: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    format: str | None = None
    muxing: dict[str, str] = field(default_factory=dict)
    fps: float = FPS
    size: tuple[int, int] = (HEIGHT, WIDTH)
    full_range: bool = False
    matrix: str = "bt601"
    rotation: int = 0
    start: float = 0.0


def write(
    target: Path | Writable,
    kind: Kind,
    frames: Iterable[Timed],
    prepare: Callable[[av.VideoFrame], av.VideoFrame] = lambda picture: picture,
) -> None:
    """Write frames with their times; ``prepare`` may change a picture before it is encoded."""
    file: Any = target if hasattr(target, "write") else str(target)
    reformatter = VideoReformatter()
    rate = Fraction(kind.fps).limit_denominator(1001)
    with av.open(file, "w", format=kind.format, options=kind.muxing) as container:
        stream: Any = container.add_stream(kind.encoder, rate, options=kind.options)
        stream.height, stream.width = kind.size
        stream.pix_fmt = kind.pixels
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = stream.time_base = _clock(kind)
        if kind.full_range:
            stream.codec_context.color_range = ColorRange.JPEG
        if kind.pixels.startswith("yuv"):
            stream.codec_context.colorspace = _MATRICES[kind.matrix][0]
        if kind.rotation:
            stream.set_display_rotation(kind.rotation)
        for frame, time in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="bgr24")
            picture = reformatter.reformat(
                picture,
                format=kind.pixels,
                dst_colorspace=_MATRICES[kind.matrix][1],
                dst_color_range=ColorRange.JPEG if kind.full_range else ColorRange.MPEG,
                interpolation=_EXACT,
                **ONE_THREAD,
            )
            picture.time_base = _clock(kind)
            picture.pts = round((time + kind.start) / _clock(kind))
            container.mux(stream.encode(prepare(picture)))
        container.mux(stream.encode(None))


_EXACT = Interpolation.BICUBIC
if hasattr(Interpolation, "ACCURATE_RND"):  # available since version 16 of av
    _EXACT |= Interpolation.ACCURATE_RND
#: FFmpeg's numbers of a matrix, in a stream (AVCOL_SPC) and in a conversion (SWS_CS).
_MATRICES = {"bt601": (6, 5), "bt709": (1, 1), "bt2020": (9, 9)}

#: Encoders whose unit of time must be the frame interval.
_BY_RATE = {"mpeg4", "mpeg2video", "mpeg1video", "dvvideo", "gif", "rawvideo", "wrapped_avframe"}


def _clock(kind: Kind) -> Fraction:
    if kind.encoder in _BY_RATE or kind.ending in ("avi", "y4m", "dv"):
        return 1 / Fraction(kind.fps).limit_denominator(1001)
    return Fraction(1, 1000) if kind.ending in ("mkv", "webm") else CLOCK


def fit(frames: Iterable[Timed], size: tuple[int, int]) -> list[Timed]:
    """Put the scene into the upper left of a larger picture, or cut it to a smaller one."""
    height, width = size
    grown = (max(0, height - HEIGHT), max(0, width - WIDTH))
    return [
        (np.pad(frame, ((0, grown[0]), (0, grown[1]), (0, 0)))[:height, :width], time)
        for frame, time in frames
    ]


def woven(fields: Sequence[Timed], first: int) -> list[Timed]:
    """Make frames of two fields each; rows ``first``, ``first`` + 2, ... are the earlier field."""
    frames = []
    for (early, time), (late, _) in zip(fields[::2], fields[1::2]):
        frame = late.copy()
        frame[first::2] = early[first::2]
        frames.append((frame, time))
    return frames


def said_interlaced(field: str) -> Callable[[av.VideoFrame], av.VideoFrame]:
    """Mark pictures as "tff", upper rows first, or "bff", for encoders that use the mark."""
    graph = av.filter.Graph()

    def mark(picture: av.VideoFrame) -> av.VideoFrame:
        if not graph.configured:
            source = graph.add_buffer(
                width=picture.width,
                height=picture.height,
                format=picture.format,
                time_base=picture.time_base,
            )
            filter, sink = graph.add("setfield", field), graph.add("buffersink")
            source.link_to(filter)
            filter.link_to(sink)
            graph.configure()
        graph.push(picture)
        marked = graph.pull()
        assert isinstance(marked, av.VideoFrame)
        return marked

    return mark
