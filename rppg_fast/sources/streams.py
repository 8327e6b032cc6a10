"""Choose the video stream of a container, or report why there is none."""

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

#: Codec tag of an encrypted video in an MP4.
_ENCRYPTED = "encv"
#: After this number of packets of one stream, a cover image, which has one packet, has been seen.
_ENOUGH = 10


def video_streams(container: InputContainer, name: str) -> list[av.VideoStream]:
    """Return the video streams that can be decoded, without cover images.

    Raises
    ------
    VideoError
        If there is no such stream; the message says what the container holds instead.
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
    """Return the largest stream that has moving pictures, and all its packets.

    A cover image may look like a video stream, but it has only one packet.

    Parameters
    ----------
    streams
        One or more video streams.
    packets
        The packets of all these streams, in the container's order.
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
    """Return the number of frames that the container states, or an estimate; 0 if unknown."""
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
