"""Write video files whose frames keep their times, evenly spaced or not."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
from av.video.reformatter import Interpolation, VideoReformatter

from rppg_fast.video import Frame

ENCODERS = {"h264": ".mp4", "ffv1": ".nut"}
"""H.264 with constant quality and FFV1, which is lossless; the endings of their files."""

_CLOCK = Fraction(1, 90000)  # s; unit of the times in the files
_EXACT = Interpolation.BICUBIC | Interpolation.ACCURATE_RND


def write_timed_video(
    path: Path, frames: Iterable[tuple[Frame, float]], encoder: str, crf: int
) -> None:
    """Write a video at the frames' own times.

    Parameters
    ----------
    path
        Path of the file, with the encoder's ending. An existing file is replaced.
    frames
        uint8 (H, W, 3) BGR with their times in seconds, increasing, all of one size. H.264 needs
        even sides: an odd last row or column is left out.
    encoder
        One of ``ENCODERS``.
    crf
        Constant rate factor of H.264: 0 is nearly lossless, 23 is usual. FFV1 ignores it.

    Raises
    ------
    ValueError
        If there is no such encoder, or if a time is not later than the one before.
    """
    if encoder not in ENCODERS:
        raise ValueError(f"encoder must be one of {tuple(ENCODERS)}, got {encoder!r}")
    lossless = encoder == "ffv1"
    name, pixels = ("ffv1", "bgr0") if lossless else ("libx264", "yuv420p")
    # No B-frames: frames coded out of order would shift the file's times.
    options = {} if lossless else {"preset": "veryfast", "crf": str(crf), "bf": "0"}
    reformatter = VideoReformatter()
    stream: av.VideoStream | None = None
    start, last = 0.0, -1
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        for frame, time in frames:
            height, width = frame.shape[:2]
            if not lossless:
                height, width = height - height % 2, width - width % 2
            if stream is None:
                stream = container.add_stream(name, options=options)
                stream.width, stream.height, stream.pix_fmt = width, height, pixels
                stream.codec_context.time_base = stream.time_base = _CLOCK
                stream.codec_context.thread_count = 1
                stream.codec_context.flags |= av.codec.context.Flags.bitexact
                start = time
            stamp = round((time - start) / _CLOCK)
            if stamp <= last:
                raise ValueError(f"{path}: a frame at {time} s is not later than the one before")
            picture = av.VideoFrame.from_ndarray(frame[:height, :width].copy(), format="bgr24")
            picture = reformatter.reformat(picture, format=pixels, interpolation=_EXACT)
            picture.pts, picture.time_base, last = stamp, _CLOCK, stamp
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))
