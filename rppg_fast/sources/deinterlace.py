"""Convert interlaced frames, which hold two fields taken at different times, to whole pictures."""

from __future__ import annotations

from collections.abc import Iterator

import av
from av.filter import Graph

#: FFmpeg's filter. It gives one picture per frame, and changes only frames marked as interlaced.
_FILTER, _ARGUMENTS = "bwdif", "mode=send_frame:parity=auto:deint=interlaced"


class Deinterlacer:
    """Gives one picture for each frame, at the frame's time; some come one frame later."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._stream = stream
        self._graph: Graph | None = None
        self._format: tuple[int, int, str] | None = None

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Add a frame and yield the pictures that are complete."""
        format = (frame.width, frame.height, frame.format.name)
        if format != self._format:
            yield from self.flush()
            self._graph, self._format = self._graph_for(frame), format
        assert self._graph is not None
        frame.time_base = self._stream.time_base
        self._graph.push(frame)
        yield from self._pull()

    def flush(self) -> Iterator[av.VideoFrame]:
        """Yield the remaining pictures at the end of the stream."""
        if self._graph is not None:
            self._graph.push(None)
            yield from self._pull()
        self._graph = self._format = None

    def _pull(self) -> Iterator[av.VideoFrame]:
        assert self._graph is not None
        while True:
            try:
                picture = self._graph.pull()
            except (BlockingIOError, EOFError):  # needs more frames; has been flushed
                return
            assert isinstance(picture, av.VideoFrame)
            yield picture

    def _graph_for(self, frame: av.VideoFrame) -> Graph:
        graph = Graph()
        source = graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=self._stream.time_base,
        )
        filter, sink = graph.add(_FILTER, _ARGUMENTS), graph.add("buffersink")
        source.link_to(filter)
        filter.link_to(sink)
        graph.configure()
        return graph
