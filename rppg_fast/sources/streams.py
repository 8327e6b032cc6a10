"""Which stream of a container is the video, and why there is none."""

from __future__ import annotations

import re
from typing import NoReturn

import av
from av.container import InputContainer
from av.stream import Disposition

from rppg_fast.sources.source import VideoError

#: An MP4's mark of an encrypted video.
_ENCRYPTED = "encv"


def best_stream(container: InputContainer, name: str) -> av.VideoStream:
    """Return the largest picture that can be decoded; a cover picture is no video.

    Raises
    ------
    VideoError
        If there is none; says what there is instead.
    """
    videos = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    readable = [s for s in videos if s.codec_context is not None]
    if not videos:
        _refuse_without_video(container, name)
    if any(s.codec_context.codec_tag == _ENCRYPTED for s in readable):
        raise VideoError(f"{name}: the video is encrypted: give a copy without protection")
    if not readable:
        _refuse_without_decoder(container, videos[0], name)
    return max(readable, key=lambda s: (s.codec_context.width or 0) * (s.codec_context.height or 0))


def frame_count(stream: av.VideoStream) -> int:
    """Return what the container says, or its length and rate make; 0 if nobody knows."""
    if stream.frames:
        return stream.frames
    if stream.duration and stream.time_base and stream.average_rate:
        return round(stream.duration * stream.time_base * stream.average_rate)
    return 0


def _refuse_without_video(container: InputContainer, name: str) -> NoReturn:
    kinds = sorted({stream.type for stream in container.streams})
    if container.streams.video:
        raise VideoError(f"{name}: no video: its only picture is a cover")
    if kinds == ["audio"]:
        raise VideoError(f"{name}: no video: audio only")
    raise VideoError(f"{name}: no video: it has {', '.join(kinds) or 'no stream at all'}")


def _refuse_without_decoder(
    container: InputContainer, stream: av.VideoStream, name: str
) -> NoReturn:
    found = re.search(
        rf"#0:{stream.index}\b.*?Video: (\w+)[^(]*(?:\((.{{4}}) /)?", _described(container)
    )
    codec, tag = found.groups() if found else ("none", None)
    if tag == _ENCRYPTED:
        raise VideoError(f"{name}: the video is encrypted: give a copy without protection")
    called = f"{codec.upper()}" if codec != "none" else f"of an unknown kind ({tag})"
    raise VideoError(
        f"{name}: the video is {called}, and this FFmpeg has no decoder for it: convert it to "
        "H.264, or build av with an FFmpeg that has one"
    )


def _described(container: InputContainer) -> str:
    """Return FFmpeg's own description of a container."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        return str(container.dumps_format())  # type: ignore[attr-defined]
    finally:
        av.logging.set_level(level)
