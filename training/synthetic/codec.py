"""Encode and decode frames in memory with real video encoders, and write video files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from training.synthetic.camera import Frame

_INTRA_BITS = 4  # factor on the bit rate of MJPEG, which codes each frame independently

# Name -> encoder, pixel format, and options that make it fast, causal and reproducible.
_CODECS: dict[str, tuple[str, str, dict[str, str]]] = {
    "h264": ("libx264", "yuv420p", {"preset": "veryfast", "tune": "zerolatency"}),
    "mpeg4": ("mpeg4", "yuv420p", {}),
    "vp8": ("libvpx", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
    "vp9": ("libvpx-vp9", "yuv420p", {"deadline": "realtime", "cpu-used": "8"}),
    "mjpeg": ("mjpeg", "yuvj420p", {}),
    "ffv1": ("ffv1", "bgr0", {}),
    "raw": ("rawvideo", "bgr24", {}),
}
CODECS = tuple(_CODECS)
"""Encoders for video files."""
LOSSY = CODECS[:-2]
"""Lossy encoders, for ``transcode``; each name is also the decoder's."""


def transcode(
    frames: Iterable[Frame], codec: str, fps: float, bits_per_pixel: float, keyframes: int = 60
) -> Iterator[Frame]:
    """Encode and decode a video, frame by frame.

    Parameters
    ----------
    frames
        uint8 (H, W, 3) BGR, all of the same even size.
    codec
        One of ``LOSSY``.
    fps
        Nominal frame rate for the rate control, Hz.
    bits_per_pixel
        Bits per pixel of each frame; "mjpeg" gets four times as many.
    keyframes
        Number of frames from one keyframe to the next.

    Yields
    ------
    uint8 (H, W, 3)
        Decoded BGR, as many frames as were given.

    Raises
    ------
    ValueError
        If there is no such encoder.
    """
    if codec not in LOSSY:
        raise ValueError(f"codec must be one of {LOSSY}, got {codec!r}")
    encoder: Any = None
    decoder = av.CodecContext.create(codec, "r")
    decoder.thread_count = 1
    # One converter for the whole video: setting one up takes longer than a conversion.
    there, back = VideoReformatter(), VideoReformatter()
    for i, frame in enumerate(frames):
        if encoder is None:
            encoder = _encoder(codec, frame.shape, fps, bits_per_pixel, keyframes)
        picture = _picture(frame, encoder.format.name, i, there)
        yield from _decode(decoder, encoder.encode(picture), back)
    if encoder is not None:
        yield from _decode(decoder, encoder.encode(None), back)
        yield from _decode(decoder, [None], back)


def write_video(
    path: Path,
    frames: Iterable[Frame],
    codec: str,
    fps: float,
    bit_rate: int,
    options: Mapping[str, str] | None = None,
) -> None:
    """Write a video file with a constant frame rate; the file's ending determines the container.

    Parameters
    ----------
    path
        Path of the file; an existing file is replaced.
    frames
        uint8 (H, W, 3) BGR, all of the same even size.
    codec
        One of ``CODECS``.
    fps
        Frame rate, Hz.
    bit_rate
        Bit rate of lossy encoders, bits per second.
    options
        Options of the encoder, such as ``{"preset": "slow"}``.
    """
    name, pixels, defaults = _CODECS[codec]
    # Do not store the time or the library's version, so that equal frames give equal bytes.
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream: Any = None
        reformatter = VideoReformatter()
        for i, frame in enumerate(frames):
            if stream is None:
                rate = Fraction(fps).limit_denominator(1001)
                stream = container.add_stream(name, rate, options={**defaults, **(options or {})})
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = pixels
                stream.bit_rate = bit_rate
                stream.codec_context.thread_count = 1
                stream.codec_context.time_base = 1 / rate
                stream.codec_context.flags |= av.codec.context.Flags.bitexact
            container.mux(stream.encode(_picture(frame, pixels, i, reformatter)))
        if stream is not None:
            container.mux(stream.encode(None))


def _encoder(
    codec: str, shape: tuple[int, ...], fps: float, bits_per_pixel: float, keyframes: int
) -> Any:
    name, pixels, options = _CODECS[codec]
    encoder: Any = av.CodecContext.create(name, "w")
    encoder.height, encoder.width = shape[:2]
    encoder.pix_fmt = pixels
    encoder.framerate = Fraction(fps).limit_denominator(1001)
    encoder.time_base = 1 / encoder.framerate
    bits = bits_per_pixel * shape[0] * shape[1] * fps
    encoder.bit_rate = round(bits * _INTRA_BITS if codec == "mjpeg" else bits)
    encoder.gop_size = keyframes
    encoder.max_b_frames = 0
    encoder.thread_count = 1
    encoder.options = options
    return encoder


def _picture(frame: Frame, pixels: str, i: int, reformatter: VideoReformatter) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(frame, format="bgr24")
    if pixels != "bgr24":
        picture = reformatter.reformat(picture, format=pixels)
    picture.pts = i
    return picture


def _decode(decoder: Any, packets: Iterable[Any], reformatter: VideoReformatter) -> Iterator[Frame]:
    for packet in packets:
        for picture in decoder.decode(packet):
            shown = reformatter.reformat(picture, format="bgr24")
            yield np.asarray(shown.to_ndarray(), np.uint8)
