"""Nothing grows: memory and delay after an hour are those after some minutes."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rppg_fast.live import LiveSession
from rppg_fast.live.server import LiveServer
from rppg_fast.sources.source import Pictures
from tests.support.demo import demo_frames
from tests.support.live import FastCamera, Frame, live_client, until

#: Frames of an hour at 15 a second, and those after which memory is first looked at.
FPS = 15
HOUR, WARM = 3600 * FPS, 900 * FPS
#: Growth from then on, bytes: readings are kept for four hours, about 500 bytes a second.
MOST_GROWTH = 8 << 20


class HourCamera(FastCamera):
    """Films the demonstration clip forwards and backwards for an hour."""

    def __init__(self) -> None:
        super().__init__(())

    def _pictures(self) -> Pictures:
        self._frames = ()
        assert self.session is not None
        for index, frame in enumerate(self._film()):
            yield frame, index / FPS
            while not self._stopped and self.session.snapshot.frames + 4 < index:
                self.session.wait(self.session.snapshot.version, 0.1)

    def _film(self) -> Iterator[Frame]:
        frames = [frame for frame, _ in demo_frames()]
        there_and_back = [*frames, *frames[::-1]]
        for index in range(HOUR):
            yield there_and_back[index % len(there_and_back)]


def memory() -> int:
    """Return the memory that this process has, bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return 1024 * int(line.split()[1])
    raise AssertionError("there is no VmRSS")


@pytest.mark.slow
def test_an_hour_takes_no_more_memory_than_a_quarter_of_it() -> None:
    demo_frames()
    camera = HourCamera()
    camera.session = session = LiveSession(camera)
    stop = threading.Event()

    def read(server: LiveServer) -> None:
        with live_client(server) as client:
            client.send('{"command": "pictures", "on": true}')
            while not stop.is_set():
                client.recv()

    with session, LiveServer(session, port=0) as server, live_client(server) as idle:
        idle.send('{"command": "pictures", "on": true}')  # and is never read
        reader = threading.Thread(target=read, args=(server,))
        reader.start()
        try:
            until(lambda: session.snapshot.frames >= WARM, 900.0)
            before = memory()
            until(lambda: session.snapshot.frames + session.snapshot.dropped >= HOUR, 1800.0)
            after = memory()
        finally:
            stop.set()
            reader.join()
    assert after - before < MOST_GROWTH
    assert len(session.history.rows) <= 4 * 3600
