"""Which stream of a container is the video, and why there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, NoReturn

import av
from av.container import InputContainer
from av.stream import Disposition, Stream

from rppg_fast.sources.source import VideoError

if TYPE_CHECKING:
    Packet = av.Packet[Stream]

#: An MP4's mark of an encrypted video.
_ENCRYPTED = "encv"
#: So many packets of one stream, and a cover beside it would have shown its only one.
_ENOUGH = 10


def video_streams(container: InputContainer, name: str) -> list[av.VideoStream]:
    """Return the streams of pictures that can be decoded, without covers.

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
    return readable


def best_stream(
    streams: list[av.VideoStream], packets: Iterator[Packet]
) -> tuple[av.VideoStream, Iterator[Packet]]:
    """Return the largest picture that moves, and its packets from the first on.

    A cover may be a stream like any other, but it has one packet only.

    Parameters
    ----------
    streams
        One or more.
    packets
        Of all of them, in the container's order.
    """
    if len(streams) == 1:
        return streams[0], packets
    first: list[Packet] = []
    counts = dict.fromkeys((stream.index for stream in streams), 0)
    for packet in packets:
        first.append(packet)
        counts[packet.stream_index] += 1
        if counts[packet.stream_index] == _ENOUGH:
            break
    moving = [stream for stream in streams if counts[stream.index] > 1] or streams
    best = max(moving, key=lambda s: (s.codec_context.width or 0) * (s.codec_context.height or 0))
    return best, (p for p in chain(first, packets) if p.stream_index == best.index)


def frame_count(container: InputContainer, stream: av.VideoStream) -> int:
    """Return what the container says, or its length and rate make; 0 if nobody knows."""
    if stream.frames:
        return stream.frames
    if container.duration and stream.guessed_rate:
        return round(container.duration / av.time_base * stream.guessed_rate)
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
