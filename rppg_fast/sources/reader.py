"""The best video stream of an open container, frame by frame, with the times it has."""

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

#: Formats without times: FFmpeg would make them up, at 25 frames per second.
_NO_TIMES = 0x0080  # AVFMT_NOTIMESTAMPS
_PICTURES = ("image2", "_pipe")
#: Pictures that a camera sends over HTTP as it takes them: when one arrives is its time.
_LIVE_PICTURES = "mpjpeg"
#: Its clock counts packets in the order of decoding. When a frame is to be seen is not stored;
#: FFmpeg's guess is wrong where frames are reordered, but the n-th one is seen at the n-th count.
_COUNTS = "avi"
#: Bytes before a packet in an AVI, where its index points.
_CHUNK_HEADER = 8
#: After so many frames at one and the same time a stream is said to have no times.
_SAME_TIME = 10


class Reader:
    """One pass over a container.

    Frames come as their stream has them: turned and mirrored as it says, deinterlaced where they
    say that they hold two fields. The first one's time is 0.

    Parameters
    ----------
    container
        Open; the reader does not close it.
    name
        What messages call it.
    fps
        Frame rate, Hz, in place of the stream's own times.
    live
        Whether frames come as a camera takes them.

    Attributes
    ----------
    frame_count
        What the container says, or its length and rate make; 0 where it does not know.
    damaged
        Frames so far that could not be decoded, or that the decoder says are damaged.
    warnings
        What went wrong with the whole.

    Raises
    ------
    VideoError
        If there is no video stream that can be decoded, or it has no times and ``fps`` is None.
    """

    def __init__(
        self, container: InputContainer, name: str, fps: float | None, *, live: bool = False
    ) -> None:
        self._name, self._fps = name, fps
        self.damaged = self._lost = 0
        self.warnings: list[str] = []
        streams = video_streams(container, name)
        self._stream, self._packets = best_stream(streams, self._demuxed(container, streams))
        # Several threads take more of the processor in all, see bench.file, and one cannot wait
        # for them after a fork.
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
                    f"{self._name}: began to be read before a fork; begin anew after it"
                )
        if index == 0:
            raise NoFrameError(f"{self._name}: not one frame can be decoded")

    def _no_times(self) -> VideoError:
        return VideoError(
            f"{self._name}: its frames have no times: give their rate (--fps, or fps=)"
        )

    def _whole_frames(self) -> Iterator[av.VideoFrame]:
        """Yield the frames, without a second field at another time."""
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
        """Yield what the decoder makes of the packets; at the end what it still holds."""
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
            for frame in frames:
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
        """Yield the packets of some streams, as long as there are any to be had."""
        counts = _indexed_counts(streams[0]) if container.format.name == _COUNTS else {}
        try:
            for packet in container.demux(streams):
                if packet.size == 0:  # some files have an empty one for a frame that was left out
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
    """Return the count of each packet of an AVI by its position, as its index has them.

    Without, packets that damage has hidden would not be counted, and what follows would come too
    early.
    """
    entries = getattr(stream, "index_entries", ())  # since version 17 of av
    return {entry.pos + _CHUNK_HEADER: entry.timestamp for entry in entries}
