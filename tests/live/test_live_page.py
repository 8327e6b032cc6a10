"""The page in a real browser: the right heart rate, for everybody, on every screen.

``RPPG_SCREENSHOTS`` names a folder in which pictures of the page are kept.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pytest

from rppg_fast.cli.demo import DEMO
from rppg_fast.live import LiveSession, State
from rppg_fast.live.browser_camera import BrowserCamera
from rppg_fast.live.server import LiveServer
from rppg_fast.live.strings import words
from rppg_fast.sources import Source, VideoError
from rppg_fast.sources.source import Pictures
from tests.support.demo import DEMO_BPM, TOLERANCE_BPM, demo_frames
from tests.support.live import (
    PATIENCE,
    chromium,
    filmed_by,
    numbered,
    playwright,
    until,
    write_mjpeg,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Playwright, Request

pytestmark = [pytest.mark.slow, pytest.mark.alone]

#: Milliseconds that Playwright waits for what takes a moment.
WAIT_MS = 1000 * PATIENCE
#: Frames a second of the demonstration clip.
FILM_RATE = 30.0
SCREENS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "desktop dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True},
    "phone dark Korean": {
        "viewport": {"width": 360, "height": 740},
        "is_mobile": True,
        "color_scheme": "dark",
        "locale": "ko-KR",
    },
}


@pytest.fixture(scope="module")
def session() -> Iterator[LiveSession]:
    with LiveSession(DEMO, loop=True) as session:
        yield session


@pytest.fixture(scope="module")
def server(session: LiveSession) -> Iterator[LiveServer]:
    with LiveServer(session, port=0) as server:
        yield server


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def browser(driver: Playwright) -> Iterator[Browser]:
    with chromium(driver) as browser:
        yield browser


def open_page(browser: Browser, server: LiveServer, **screen: Any) -> tuple[Page, list[str]]:
    """Open the page, and return it with a list of everything that goes wrong in it."""
    page = browser.new_context(**screen).new_page()
    wrong: list[str] = []
    own = urlsplit(server.url).netloc

    def hear(said: ConsoleMessage) -> None:
        if said.type == "error":
            wrong.append(said.text)

    def see(asked: Request) -> None:
        if urlsplit(asked.url).netloc not in (own, ""):
            wrong.append(asked.url)

    page.on("console", hear)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", see)
    page.goto(server.url)
    return page, wrong


def shown_rate(page: Page) -> int:
    """Return the heart rate that the page shows, as soon as there is one."""
    from playwright.sync_api import expect

    expect(page.locator("#rate")).to_have_text(re.compile(r"^\d+$"), timeout=WAIT_MS)
    return int(page.locator("#rate").inner_text())


def keep(page: Page, name: str) -> None:
    if folder := os.environ.get("RPPG_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name.replace(' ', '-')}.png", full_page=True)


@pytest.mark.parametrize("name", SCREENS)
def test_the_page_shows_the_right_heart_rate_to_everybody_on_every_screen(
    browser: Browser, server: LiveServer, name: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="there is no axe")
    page, wrong = open_page(browser, server, **SCREENS[name])
    assert shown_rate(page) == pytest.approx(DEMO_BPM, abs=TOLERANCE_BPM)
    language = "ko" if "Korean" in name else "en"
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("#advice").inner_text() == words(language)["advice.good"]
    page.wait_for_timeout(1000)
    keep(page, name)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= SCREENS[name]["viewport"]["width"], "nothing is wider than the screen"
    for canvas in ("picture", "boxes", "pulse", "spectrum"):
        drawn = page.evaluate(
            "id => { const c = document.getElementById(id);"
            " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v) }",
            canvas,
        )
        assert drawn, f"{canvas} is drawn"
    report = axe.Axe().run(page)
    assert report.violations_count == 0, report.generate_report()
    assert not wrong
    page.context.close()


def test_the_page_is_used_by_keyboard(
    browser: Browser, server: LiveServer, session: LiveSession
) -> None:
    from playwright.sync_api import expect

    page, wrong = open_page(browser, server)
    shown_rate(page)
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.id || document.activeElement.getAttribute('href')"
            )
        )
    assert {"#reading", "language", "pause", "restart", "mirror", "method"} <= set(reached)
    assert {"/session.csv", "/session.json"} <= set(reached)
    page.focus("#pause")
    page.keyboard.press("Enter")
    until(lambda: session.snapshot.state is State.PAUSED)
    expect(page.locator("#pause")).to_have_text(words("en")["resume"])
    page.keyboard.press("Enter")
    until(lambda: session.snapshot.state is State.RUNNING)
    page.focus("#mirror")
    page.keyboard.press("Space")
    assert page.locator("#mirror").get_attribute("aria-pressed") == "true"
    page.select_option("#language", "ko")
    expect(page.locator("#restart")).to_have_text(words("ko")["restart"])
    page.select_option("#method", "pos")
    until(lambda: session.snapshot.method == "pos")
    page.select_option("#method", "fusion")
    until(lambda: session.snapshot.method == "fusion")
    with page.expect_download() as download:
        page.click("a[href='/session.csv']")
    assert download.value.suggested_filename == "rppg-session.csv"
    assert not wrong
    page.context.close()


def test_the_pulse_moves_with_the_screen(browser: Browser, server: LiveServer) -> None:
    """The newest point of the pulse is drawn anew in each frame of the screen."""
    page, _ = open_page(browser, server)
    shown_rate(page)
    different = page.evaluate(
        """async () => {
          const canvas = document.getElementById("pulse");
          const seen = new Set();
          for (let i = 0; i < 20; i++) {
            await new Promise(requestAnimationFrame);
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            let hash = 0;
            for (const value of data.data) hash = (31 * hash + value) | 0;
            seen.add(hash);
          }
          return seen.size;
        }"""
    )
    assert different >= 15
    page.context.close()


def test_the_program_ends_and_comes_back_under_an_open_page(
    browser: Browser, session: LiveSession
) -> None:
    from playwright.sync_api import expect

    with LiveServer(session, port=0) as first:
        page, _ = open_page(browser, first)
        shown_rate(page)
        port = urlsplit(first.url).port
    expect(page.locator("#advice")).to_have_text(words("en")["disconnected"], timeout=WAIT_MS)
    with LiveServer(session, port=port or 0):
        shown_rate(page)
    page.context.close()


def test_a_browsers_own_camera_is_measured(driver: Playwright, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    film = write_mjpeg(tmp_path / "camera.mjpeg")
    with (
        LiveSession(BrowserCamera()) as session,
        LiveServer(session, port=0) as server,
        chromium(driver, *filmed_by(film)) as browser,
    ):
        page, wrong = open_page(browser, server)
        expect(page.locator("#advice")).to_have_text(words("en")["offer_camera"])
        seen: list[tuple[float, int]] = []
        session.add_frame_listener(lambda one: seen.append((one.time_s, numbered(one.frame))))
        page.click("#use-camera")
        assert shown_rate(page) > 0
        until(lambda: seen[-1][0] - seen[0][0] > 12)
        shown = shown_rate(page)
        # Frames in between may come twice, or out of order; in 10 s the film does not come round.
        filmed = list(seen)
        last, newest = filmed[-1]
        first, number = next(one for one in filmed if one[0] > last - 10)
        frames = (newest - number) % len(demo_frames())
        played = frames / (last - first) / FILM_RATE
        assert shown == pytest.approx(played * DEMO_BPM, abs=TOLERANCE_BPM)
        keep(page, "browser camera")
        assert (session.snapshot.width, session.snapshot.height) == (640, 480)
        assert not wrong
        page.close()
        gone = until(lambda: (now := session.snapshot).state is State.WAITING and now)
        assert gone.reason == "the browser sends no picture"


class GoneCamera(Source):
    """A camera that films for a moment, and then cannot be read any more."""

    def _pictures(self) -> Pictures:
        for index, (frame, _) in enumerate(demo_frames()[:40]):
            time.sleep(0.03)
            yield frame, index / FILM_RATE
        raise VideoError(f"{self.name}: was unplugged")


def test_a_camera_that_is_unplugged_is_named_on_the_page(browser: Browser) -> None:
    from playwright.sync_api import expect

    with (
        LiveSession(GoneCamera("a camera", live=True)) as session,
        LiveServer(session, port=0) as server,
    ):
        page, wrong = open_page(browser, server)
        expect(page.locator("#advice")).to_have_text(words("en")["advice.measuring"])
        gone = words("en")["advice.no_camera"]
        expect(page.locator("#advice")).to_have_text(gone, timeout=WAIT_MS)
        expect(page.locator("#reason")).to_have_text("a camera: was unplugged")
        expect(page.locator("#rate")).to_have_text("\u2013")
        until(lambda: session.snapshot.state is State.RUNNING)
        expect(page.locator("#reason")).to_be_hidden()
        assert not wrong
        page.context.close()


def test_a_browser_without_a_camera_says_so(browser: Browser) -> None:
    from playwright.sync_api import expect

    with LiveSession(BrowserCamera()) as session, LiveServer(session, port=0) as server:
        page, _ = open_page(browser, server)
        page.click("#use-camera")
        refused = words("en")["camera_refused"]
        expect(page.locator("#advice")).to_have_text(refused, timeout=WAIT_MS)
        page.context.close()


def test_two_faces_have_their_numbers_and_one_is_chosen(browser: Browser) -> None:
    frames = [(np.hstack([frame, frame[:, ::-1]]), time) for frame, time in demo_frames()]
    with LiveSession(frames, loop=True) as session, LiveServer(session, port=0) as server:
        page, wrong = open_page(browser, server)
        shown_rate(page)
        second = page.locator("#face-list input[value='2']")
        second.check()
        until(lambda: second.is_checked())
        label = words("en")["face"].format(number=2)
        text = page.locator("#face-list label").nth(1).inner_text()
        assert re.match(rf"{label}: \d+", text)
        keep(page, "two faces")
        assert not wrong
        page.context.close()
