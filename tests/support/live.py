"""Cameras, clients and a browser for the tests of ``rppg-fast live``."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from websockets.sync.client import ClientConnection, connect

from rppg_fast.live import LiveSession
from rppg_fast.live.server import LiveServer
from rppg_fast.sources import Source
from rppg_fast.sources.source import Pictures
from rppg_fast.yuv import AnyFrame, to_bgr
from tests.support.demo import demo_frames

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

Frame = NDArray[np.uint8]

#: Heart rate of the demonstration clip, bpm, and how far a live reading of it may be away: its
#: windows hold 5 to 10 s, in which the clip's own rate differs from its mean.
#: Bits of a frame's number in the film for Chromium, and sides of their squares, pixels.
_BITS, _SQUARE = 10, 32
#: Longest wait for what takes a moment, s; a busy machine is slow.
PATIENCE = 30.0


class FastCamera(Source):
    """A camera whose frames come as fast as a session measures them.

    Parameters
    ----------
    frames
        What it films; afterwards it goes away.
    """

    def __init__(self, frames: Sequence[tuple[Frame, float]]) -> None:
        super().__init__("a fast camera", live=True)
        self._frames = frames
        self.session: LiveSession | None = None

    def _pictures(self) -> Pictures:
        assert self.session is not None
        begun = self.session.snapshot
        for index, (frame, time_s) in enumerate(self._frames):
            yield frame, time_s
            while not self._stopped:
                now = self.session.snapshot
                if now.frames + now.dropped > begun.frames + begun.dropped + index:
                    break
                self.session.wait(now.version, 0.1)


def fast_session(frames: Sequence[tuple[Frame, float]], **options: Any) -> LiveSession:
    """Return a session, not begun, that films frames with a ``FastCamera``."""
    camera = FastCamera(frames)
    camera.session = LiveSession(camera, **options)
    return camera.session


def until(condition: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """Wait for a condition, and return what it is then; fail if it does not come true."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"did not come true within {patience:g} s")


@contextmanager
def live_client(server: LiveServer, **options: Any) -> Iterator[ClientConnection]:
    """Connect as the page does."""
    address = server.url.split("?")[0].replace("http", "ws", 1) + "live"
    with connect(address, max_size=None, proxy=None, **options) as socket:
        yield socket


def next_state(socket: ClientConnection) -> dict[str, Any]:
    """Return the next state that a client gets."""
    while True:
        message = socket.recv(PATIENCE)
        if isinstance(message, str):
            found: dict[str, Any] = json.loads(message)
            if found["type"] == "state":
                return found


def write_mjpeg(path: Path) -> Path:
    """Write the demonstration clip as Chromium takes it for a camera: pictures of 640x480.

    Chromium plays it slower where the machine is busy, and the pulse with it. Squares at the left
    border hold the frame's number, so that ``numbered`` tells how fast it was played.
    """
    with path.open("wb") as file:
        for number, (frame, _) in enumerate(demo_frames()):
            square = cv2.resize(frame, (480, 480))
            wide = cv2.copyMakeBorder(square, 0, 0, 80, 80, cv2.BORDER_REPLICATE)
            for bit in range(_BITS):
                top = bit * _SQUARE
                wide[top : top + _SQUARE, :_SQUARE] = 255 * (number >> bit & 1)
            file.write(cv2.imencode(".jpg", wide, [cv2.IMWRITE_JPEG_QUALITY, 97])[1].tobytes())
    return path


def numbered(frame: AnyFrame) -> int:
    """Return the number that ``write_mjpeg`` has put into a frame."""
    grey = cv2.cvtColor(to_bgr(frame), cv2.COLOR_BGR2GRAY)
    middles = range(_SQUARE // 2, _BITS * _SQUARE, _SQUARE)
    return sum(int(grey[row, _SQUARE // 2] > 127) << bit for bit, row in enumerate(middles))


@contextmanager
def playwright() -> Iterator[Playwright]:
    """Start Playwright, one for a process; the test is skipped where there is none."""
    module = pytest.importorskip("playwright.sync_api", reason="there is no Playwright here")
    with module.sync_playwright() as found:
        yield found


@contextmanager
def chromium(playwright: Playwright, *arguments: str) -> Iterator[Browser]:
    """Start the system's Chromium; the test is skipped where there is none."""
    names = ("chromium", "google-chrome")
    program = os.environ.get("RPPG_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("there is no Chromium here: RPPG_CHROMIUM names one")
    # Chromium refuses its sandbox to root, as whom CI runs.
    options = ["--no-sandbox", *arguments]
    browser = playwright.chromium.launch(executable_path=program, args=options)
    try:
        yield browser
    finally:
        browser.close()


def filmed_by(film: Path) -> tuple[str, ...]:
    """Return the arguments for a Chromium whose camera shows the film of ``write_mjpeg``."""
    return (
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )
