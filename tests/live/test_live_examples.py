"""The examples that read a running ``rppg-fast live``."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rppg_fast.cli.demo import DEMO
from rppg_fast.live import LiveSession
from rppg_fast.live.records import FIELDS
from rppg_fast.live.server import LiveServer
from tests.support.live import PATIENCE, chromium, playwright, until

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def session() -> Iterator[LiveSession]:
    with LiveSession(DEMO, loop=True) as session:
        until(lambda: session.snapshot.faces)
        yield session


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_the_program_prints_readings(session: LiveSession, host: str) -> None:
    with LiveServer(session, host=host, port=0) as server:
        port = re.search(r":(\d+)/", server.url)
        assert port is not None
        arguments = [f"http://127.0.0.1:{port[1]}", *filter(None, [server.access.token])]
        command = [sys.executable, str(EXAMPLES / "live_readings.py"), *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            process.terminate()
    assert re.match(r"face 1: \d+ bpm, confidence|no heart rate: warming_up \(", line)


def test_home_assistant_asks_for_fields_that_there_are() -> None:
    text = (EXAMPLES / "home_assistant.yaml").read_text("utf-8")
    fields = re.findall(r"readings\[0\]\.(\w+)", text)
    assert len(fields) >= 3
    assert set(fields) <= set(FIELDS)


@pytest.mark.slow
def test_the_page_of_another_program_shows_the_heart_rate(session: LiveSession) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None:
            pass

    files = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(EXAMPLES)))
    thread = threading.Thread(target=files.serve_forever)
    thread.start()
    origin = f"http://127.0.0.1:{files.server_port}"
    try:
        with (
            LiveServer(session, port=0, origins=[origin]) as server,
            playwright() as driver,
            chromium(driver) as browser,
        ):
            from playwright.sync_api import expect

            page = browser.new_page()
            page.goto(f"{origin}/live_page.html?from={server.url.rstrip('/')}")
            shown = re.compile(r"^\d+ bpm$")
            expect(page.locator("#rate")).to_have_text(shown, timeout=1000 * PATIENCE)
    finally:
        files.shutdown()
        files.server_close()
        thread.join()
