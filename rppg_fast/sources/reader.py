"""Read the best video stream of an open container: its frames and their times."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from time import monotonic
from typing import TYPE_CHECKING

import av
from av.container import InputContainer

from rppg_fast.sources.deinterlace import Deinterlacer
from rppg_fast.sources.orientation import UPRIGHT, orientation_of
from rppg_fast.sources.pixels import Converter
from rppg_fast.sources.source import NoFrameError, Pictures, VideoError
from rppg_fast.sources.streams import best_stream, frame_count, video_streams

if TYPE_CHECKING:
    from rppg_fast.sources.streams import Packet

#: Flag of formats without times. FFmpeg would invent times at 25 frames per second.
_NO_TIMES = 0x0080  # AVFMT_NOTIMESTAMPS
_PICTURES = ("image2", "_pipe")
#: Pictures that a camera sends over HTTP as it takes them. Their time is the time of arrival.
_LIVE_PICTURES = "mpjpeg"
#: AVI numbers its packets in decoding order and does not store display times. FFmpeg's guess is
#: wrong if frames are reordered, but the n-th frame shown has the n-th number as its time.
_COUNTS = "avi"
#: Bytes of the header before a packet in an AVI; the index points to the header.
_CHUNK_HEADER = 8
#: A stream is treated as a stream without times after this number of frames at the same time.
_SAME_TIME = 10


class Reader:
    """One pass over a container.

    Frames are turned and mirrored as their display matrix says, and deinterlaced if they are marked
    as interlaced. The time of the first frame is 0.

    Parameters
    ----------
    container
        The open container; the reader does not close it.
    name
        Name of the source in messages.
    fps
        Frame rate, Hz, in place of the stream's own times.
    live
        Whether frames arrive as a camera takes them.

    Attributes
    ----------
    frame_count
        The container's number of frames, or an estimate from its length and rate; 0 if unknown.
    damaged
        Number of frames so far that could not be decoded, or that the decoder marked as damaged.
    warnings
        Messages about errors that ended the reading early.

    Raises
    ------
    VideoError
        If there is no video stream that can be decoded, or if it has no times and ``fps`` is None.
    """

    def __init__(
        self, container: InputContainer, name: str, fps: float | None, *, live: bool = False
    ) -> None:
        self._name, self._fps = name, fps
        self.damaged = self._lost = 0
        self._bytes = self._pixels = 0
        self.warnings: list[str] = []
        streams = video_streams(container, name)
        self._stream, self._packets = best_stream(streams, self._demuxed(container, streams))
        # Several threads take more processor time in all (see bench.file), and after a fork the
        # child cannot wait for them.
        self._stream.thread_type = "NONE"
        self._stream.codec_context.thread_count = 1
        self._process = os.getpid()
        self._convert = Converter(name)
        self.frame_count = frame_count(container, self._stream)
        format = container.format
        timeless = bool(int(format.flags) & _NO_TIMES) or format.name.endswith(_PICTURES)
        self._counts = format.name == _COUNTS
        self._by_arrival = live and fps is None and format.name == _LIVE_PICTURES
        if timeless and fps is None and not self._by_arrival:
            raise VideoError(
                f"{name}: a bare {self._stream.codec_context.name} stream has no times: give its "
                "frame rate (--fps, or fps=)"
            )

    def __iter__(self) -> Pictures:
        base = self._stream.time_base
        assert base is not None
        orientation = UPRIGHT
        start: float | None = None
        index = 0
        for frame in self._whole_frames():
            if frame.key_frame or index == 0:
                orientation = orientation_of(frame)
            if self._fps is not None:
                time = (index + self._lost) / self._fps
            elif self._by_arrival:
                time = monotonic()
            elif frame.pts is not None:
                unit = frame.time_base or base
                time = frame.pts * unit.numerator / unit.denominator
            elif start is None:
                raise self._no_times()
            else:
                self.damaged += 1
                continue
            start = time if start is None else start
            if index == _SAME_TIME and time == start:
                raise self._no_times()
            index += 1
            picture = self._convert(frame)
            if orientation is not UPRIGHT:
                picture = orientation.apply(picture)
            yield picture, time - start
            if os.getpid() != self._process:
                raise RuntimeError(
                    f"{self._name}: reading began before a fork; open the video again in the new"
                    " process"
                )
        if index == 0:
            raise NoFrameError(f"{self._name}: no frame can be decoded")

    @property
    def bits_per_pixel(self) -> float | None:
        """Bits of the packets so far for each pixel of their frames; None before the first one."""
        return 8 * self._bytes / self._pixels if self._pixels else None

    def _no_times(self) -> VideoError:
        return VideoError(
            f"{self._name}: its frames have no times: give their rate (--fps, or fps=)"
        )

    def _whole_frames(self) -> Iterator[av.VideoFrame]:
        """Yield frames; interlaced frames are replaced by whole pictures."""
        deinterlacer: Deinterlacer | None = None
        for frame in self._frames():
            if deinterlacer is None and not frame.interlaced_frame:
                yield frame
                continue
            if deinterlacer is None:
                deinterlacer = Deinterlacer(self._stream)
            yield from deinterlacer.push(frame)
        if deinterlacer is not None:
            yield from deinterlacer.flush()

    def _frames(self) -> Iterator[av.VideoFrame]:
        """Yield decoded frames; after the last packet, also those that the decoder still holds."""
        last = -1
        for packet in chain(self._packets, (None,)):
            try:
                frames = self._stream.codec_context.decode(packet)
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                self.damaged += 1
                self._lost += 1
                continue
            self._bytes += 0 if packet is None else packet.size
            for frame in frames:
                self._pixels += frame.width * frame.height
                self.damaged += frame.is_corrupt
                if self._counts:
                    last = last + 1 if frame.dts is None else frame.dts
                    frame.pts = last
                elif frame.pts is None:
                    frame.pts = frame.dts
                yield frame

    def _demuxed(
        self, container: InputContainer, streams: list[av.VideoStream]
    ) -> Iterator[Packet]:
        """Yield the packets of some streams until the container ends or fails."""
        counts = _indexed_counts(streams[0]) if container.format.name == _COUNTS else {}
        try:
            for packet in container.demux(streams):
                if packet.size == 0:  # some files store an empty packet for a dropped frame
                    continue
                if packet.pos in counts:
                    packet.dts = counts[packet.pos]
                yield packet
        except av.error.ExitError:
            self.warnings.append("ended: nothing more came in time")
        except av.error.FFmpegError as error:
            self.damaged += 1
            self.warnings.append(f"cut off or damaged, reading ended early: {error.strerror}")


def _indexed_counts(stream: av.VideoStream) -> dict[int, int]:
    """Return the number of each packet of an AVI by its position, from the AVI's index.

    Without the index, packets that are lost to damage would not be counted, and the times of the
    later frames would be too early.
    """
    entries = getattr(stream, "index_entries", ())  # available since version 17 of av
    return {entry.pos + _CHUNK_HEADER: entry.timestamp for entry in entries}
