"""What ``rppg-fast live`` costs while its page is open, and how late the screen is.

A made-up camera gives the demonstration clip as blue-green-red frames of 640x480, 30 a second.
Chromium shows the page. The processor time is that of this program's threads but for the camera's.
The latency is the time from a frame's arrival until a change in it is on the page's canvas.
"""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright

import rppg_fast as rf
from rppg_fast.cli.demo import DEMO
from rppg_fast.live import LiveSession
from rppg_fast.live.server import LiveServer
from rppg_fast.sources import Source
from rppg_fast.sources.source import Pictures
from rppg_fast.yuv import to_bgr

_WIDTH, _HEIGHT, _RATE = 640, 480, 30.0
#: A corner of the picture is bright for so many frames and then dark for as many.
_FLIP_EVERY, _CORNER = 11, 48
_WARM_S, _MEASURED_S = 8.0, 20.0

#: Watches the corner on the page's canvas, and returns when it changed, ms since 1970.
_WATCH = """async seconds => {
  const context = document.getElementById("picture").getContext("2d", { willReadFrequently: true });
  const changes = [];
  let before = null;
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    await new Promise(requestAnimationFrame);
    const bright = context.getImageData(10, 10, 1, 1).data[1] > 128;
    const now = performance.timeOrigin + performance.now();
    if (before !== null && bright !== before) changes.push(now);
    before = bright;
  }
  return changes;
}"""


class FilmCamera(Source):
    """Gives frames at 30 a second, and keeps the times at which its corner changed."""

    def __init__(self, frames: list[NDArray[np.uint8]]) -> None:
        super().__init__("a made-up camera", live=True)
        self._frames = frames
        self.changes: list[float] = []

    def _pictures(self) -> Pictures:
        begun = time.monotonic()
        index = 0
        while True:
            time.sleep(max(0.0, begun + index / _RATE - time.monotonic()))
            frame = self._frames[index % len(self._frames)].copy()
            bright = index // _FLIP_EVERY % 2
            frame[:_CORNER, :_CORNER] = 255 * bright
            if index % _FLIP_EVERY == 0:
                self.changes.append(1e3 * time.time())
            yield frame, time.monotonic() - begun
            index += 1


def main() -> int:
    """Print processor time and latency."""
    program = os.environ.get("RPPG_CHROMIUM") or shutil.which("chromium")
    if program is None:
        print("there is no Chromium here: RPPG_CHROMIUM names one", file=sys.stderr)
        return 2
    camera = FilmCamera(_film())
    with (
        LiveSession(camera) as session,
        LiveServer(session, port=0) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(server.url)
        time.sleep(_WARM_S)
        before, frames = _thread_times(), session.snapshot.frames
        begun = time.monotonic()
        time.sleep(_MEASURED_S)
        taken = time.monotonic() - begun
        after, snapshot = _thread_times(), session.snapshot
        print(f"{snapshot.frames - frames} frames in {taken:.1f} s; {snapshot.dropped} left out")
        used = {name: after[name] - before.get(name, 0.0) for name in after}
        for name, seconds in sorted(used.items()):
            print(f"{name:16} {100 * seconds / taken:5.2f} % of a core")
        own = sum(used.get(name, 0.0) for name in ("rppg-measure", "rppg-picture", "rppg-server"))
        print(f"{'together':16} {100 * own / taken:5.2f} % of a core beyond the capture")
        delays = _delays(page, camera)
        shares = np.percentile(delays, (50, 95))
        print(
            f"frame to screen: median {shares[0]:.0f} ms, 95 of 100 within {shares[1]:.0f} ms "
            f"({len(delays)} changes)"
        )
        browser.close()
    return 0


def _film() -> list[NDArray[np.uint8]]:
    found = []
    for frame, _ in rf.open_source(DEMO):
        square = cv2.resize(to_bgr(frame), (_HEIGHT, _HEIGHT))
        rim = (_WIDTH - _HEIGHT) // 2
        found.append(cv2.copyMakeBorder(square, 0, 0, rim, rim, cv2.BORDER_REPLICATE))
    return [np.asarray(frame, np.uint8) for frame in found[:300]]


def _thread_times() -> dict[str, float]:
    """Return the processor time of each of this program's threads, s."""
    return {
        thread.name: time.clock_gettime(time.pthread_getcpuclockid(thread.ident))
        for thread in threading.enumerate()
        if thread.ident is not None and thread.name.startswith("rppg-")
    }


def _delays(page: Page, camera: FilmCamera) -> list[float]:
    """Return how long each change took from the camera to the canvas, ms."""
    seen: list[float] = page.evaluate(_WATCH, 10)
    sent = np.array(camera.changes)
    return [float(at - sent[sent < at].max()) for at in seen]


if __name__ == "__main__":
    sys.exit(main())
