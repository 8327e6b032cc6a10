"""Writes the picture of the live page for the README: the demonstration clip, after twelve seconds.

``python -m tests.support.live_screenshot docs/live.jpg``
"""

from __future__ import annotations

import sys

from rppg_fast.cli.demo import DEMO
from rppg_fast.live import LiveSession
from rppg_fast.live.server import LiveServer
from tests.support.live import chromium, playwright, until

#: Size of the page, pixels, and quality of the JPEG.
SIZE, QUALITY = {"width": 1080, "height": 960}, 82


def main(target: str) -> None:
    """Write the picture."""
    with (
        LiveSession(DEMO) as session,
        LiveServer(session, port=0) as server,
        playwright() as driver,
        chromium(driver) as browser,
    ):
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(server.url)
        page.evaluate("document.querySelector('#source').parentElement.hidden = true")
        until(lambda: session.snapshot.time_s > 12)
        page.screenshot(path=target, type="jpeg", quality=QUALITY, full_page=True)


if __name__ == "__main__":
    main(sys.argv[1])
