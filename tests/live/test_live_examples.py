"""The examples that read a running ``rppg-fast live``."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def broker(port: int) -> Iterator[None]:
    """Run an MQTT broker."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("there is no mosquitto here")
    with subprocess.Popen([program, "-p", str(port)], stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: not answers_nobody(port))
            yield
        finally:
            process.terminate()


def answers_nobody(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def subscriber(port: int) -> Iterator[dict[str, str]]:
    """Collect the newest message of each topic of a broker."""
    mqtt = pytest.importorskip("paho.mqtt.client")
    found: dict[str, str] = {}
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe("#")
    client.on_message = lambda client, _, message: found.update(
        {message.topic: message.payload.decode()}
    )
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        yield found
    finally:
        client.loop_stop()
        client.disconnect()


def test_home_assistant_gets_sensors_and_readings_by_mqtt(session: LiveSession) -> None:
    port = free_port()
    with LiveServer(session, port=0) as server, broker(port), subscriber(port) as found:
        command = [sys.executable, str(EXAMPLES / "mqtt.py"), server.url, f"127.0.0.1:{port}"]
        with subprocess.Popen(command) as process:
            try:
                reading = json.loads(until(lambda: found.get("rppg_fast/reading")))
                assert set(reading) == set(FIELDS)
                assert until(lambda: found.get("rppg_fast/online")) == "yes"
                sensors = [json.loads(found[topic]) for topic in found if topic.endswith("/config")]
                assert len(sensors) == 3
                for sensor in sensors:
                    (field,) = re.findall(r"value_json\.(\w+)", sensor["value_template"])
                    assert field in FIELDS
                    assert sensor["state_topic"] in found
                    assert sensor["availability"]["topic"] in found
            finally:
                process.kill()
        # The broker tells the others that the program has gone.
        until(lambda: found["rppg_fast/online"] == "no")


def test_after_the_broker_was_away_readings_come_again(session: LiveSession) -> None:
    port = free_port()
    with LiveServer(session, port=0) as server:
        command = [sys.executable, str(EXAMPLES / "mqtt.py"), server.url, f"127.0.0.1:{port}"]
        with broker(port), subscriber(port) as before:
            process = subprocess.Popen(command)
            until(lambda: before.get("rppg_fast/reading"))
        try:
            with broker(port), subscriber(port) as after:
                until(lambda: after.get("rppg_fast/reading"))
                assert until(lambda: after.get("rppg_fast/online")) == "yes"
        finally:
            process.kill()
            process.wait()


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
