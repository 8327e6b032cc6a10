"""``rppg-fast live``: its outputs, its terminal view, its errors, and how it ends."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.request
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from websockets.sync.client import connect

from rppg_fast.cli import BAD_INPUT, OK, main
from rppg_fast.cli.demo import DEMO
from rppg_fast.live import LiveSession, Snapshot
from rppg_fast.live.records import FIELDS
from rppg_fast.live.server import LiveServer
from rppg_fast.live.strings import words
from rppg_fast.live.terminal import TerminalView, braille_bars, braille_line
from tests.support.demo import DEMO_BPM, TOLERANCE_BPM, demo_frames
from tests.support.live import PATIENCE, fast_session, next_state, until

LIVE = (sys.executable, "-m", "rppg_fast.cli", "live")
#: Processor time from the command to the first picture, s. On an idle machine this is the time.
FIRST_PICTURE_S = 2.0
#: Time with a face before the first heart rate, s.
FIRST_READING_S = 6.0


@contextmanager
def running(*options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command with a page, and give its process and the page's address."""
    command = [*LIVE, "--no-browser", "--port", "0", *options]
    # A program that a shell runs in the background ignores Ctrl-C, and so do those that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        signal.signal(signal.SIGINT, before)
        assert process.stderr is not None
        try:
            found = re.match(r"rppg-fast: (\S+) shows the pulse", process.stderr.readline())
            assert found
            yield process, found[1]
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.alone
def test_readings_are_written_as_json_lines_and_as_csv(tmp_path: Path) -> None:
    target = tmp_path / "readings.csv"
    command = [*LIVE, "--demo", "--no-page", "--json", "-", "--csv", str(target), "--duration", "7"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == OK, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(lines) >= 4
    assert all(tuple(line) == FIELDS for line in lines)
    assert lines[0]["status"] == "warming_up"
    assert lines[0]["heart_rate_bpm"] is None
    assert rows[0]["heart_rate_bpm"] == ""
    assert lines[-1]["heart_rate_bpm"] == pytest.approx(DEMO_BPM, abs=TOLERANCE_BPM)
    assert float(rows[-1]["heart_rate_bpm"]) == lines[-1]["heart_rate_bpm"]


@pytest.mark.slow
@pytest.mark.alone
def test_the_first_picture_and_the_first_heart_rate_come_soon() -> None:
    """Chiefly the imports take time, so processor time is counted: other programs take turns."""
    with (
        running("--demo") as (process, address),
        connect(address.replace("http", "ws") + "live", proxy=None) as client,
    ):
        client.send('{"command": "pictures", "on": true}')
        while not isinstance(client.recv(PATIENCE), bytes):
            pass
        stat = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        used = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
        assert used < FIRST_PICTURE_S
        state = next_state(client)
        while not (state["faces"] and state["faces"][0]["heartRate"]):
            state = next_state(client)
        assert state["time"] < FIRST_READING_S


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_and_well_when_it_is_told_to(number: int) -> None:
    with running("--demo") as (process, address):
        with connect(address.replace("http", "ws") + "live", proxy=None) as client:
            assert next_state(client)
            process.send_signal(number)
            assert process.wait(PATIENCE) == OK
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_reader_that_has_had_enough_is_no_error() -> None:
    command = [*LIVE, "--demo", "--no-page", "--json", "-", "--duration", "20"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        assert process.wait(PATIENCE) == OK
        assert process.stderr.read() == b""


def test_a_full_disk_ends_it_and_is_named() -> None:
    command = [*LIVE, "--demo", "--no-page", "--csv", "/dev/full", "--duration", "20"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == BAD_INPUT
    assert done.stderr == "rppg-fast: /dev/full: No space left on device\n"


WRONG = {
    "no such file": (["--source", "nowhere.mp4"], "nowhere.mp4: no such file"),
    "two on standard output": (
        ["--json", "-", "--csv", "-"],
        "--json and --csv cannot both be written to standard output",
    ),
    "terminal and output": (
        ["--terminal", "--json", "-"],
        "--terminal draws on standard output: give a file to --json and --csv",
    ),
    "half a certificate": (
        ["--certificate", "a.pem"],
        "--certificate and --key belong together: give both",
    ),
    "a browser without a page": (
        ["--source", "browser", "--no-page"],
        "--source browser needs the page: leave out --terminal and --no-page",
    ),
    "no faces": (["--most", "0"], "most must be at least 1, got 0"),
    "a certificate that is not there": (
        ["--certificate", "a.pem", "--key", "b.pem", "--port", "0"],
        "a.pem: No such file or directory",
    ),
    "no certificate": (
        ["--certificate", os.devnull, "--key", os.devnull, "--port", "0"],
        "/dev/null, /dev/null: not a certificate in PEM format and its key",
    ),
    "an address of another machine": (
        ["--host", "192.0.2.1"],
        "192.0.2.1:8765: Cannot assign requested address",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    options, line = WRONG[case]
    source = [] if "--source" in options else ["--demo"]
    assert main(["live", "--no-browser", *source, *options]) == BAD_INPUT
    assert capsys.readouterr().err == f"rppg-fast: {line}\n"


@pytest.mark.parametrize("screen", [True, False])
def test_the_page_is_opened_where_there_is_a_screen(
    screen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0" if screen else "")
    monkeypatch.setattr(sys, "platform", "linux")
    assert main(["live", "--demo", "--port", "0", "--duration", "0.5"]) == OK
    assert len(opened) == screen
    assert all(re.match(r"http://127\.0\.0\.1:\d+/$", address) for address in opened)


def test_a_file_ends_it_where_there_is_no_page(tmp_path: Path) -> None:
    from tests.support.clips import frame_times, skin, write_video

    video = write_video(tmp_path / "short.mkv", skin(frame_times(30.0, 1.0), 72.0), 30.0)
    assert main(["live", "--no-page", "--source", str(video)]) == OK


# --- The terminal -----------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_terminal_shows_rate_pulse_and_advice(language: str) -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    seen: list[Snapshot] = []
    say = words(language)
    session = fast_session(demo_frames()[: 8 * 30])
    view = TerminalView(session, language, console)
    console.print(view.render(session.snapshot))
    assert say["advice.starting"] in console.export_text()
    session.add_listener(lambda snapshot: seen.extend([snapshot] if snapshot.faces else []))
    with session:
        until(lambda: session.snapshot.frames == 8 * 30)
        console.print(view.render(seen[-1]))
    text = console.export_text()
    assert say["advice.good"] in text
    (rate,) = re.findall(rf"{say['heart_rate']} +(\d+) ", text)
    assert int(rate) == pytest.approx(DEMO_BPM, abs=TOLERANCE_BPM)
    assert len(re.findall("[\u2801-\u28ff]", text)) > 100
    assert all(len(line) <= 100 for line in text.splitlines())


@pytest.mark.slow
@pytest.mark.alone
def test_the_command_draws_in_the_terminal() -> None:
    command = [*LIVE, "--demo", "--terminal", "--language", "en", "--duration", "6"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == OK, done.stderr
    assert words("en")["advice.good"] in done.stdout


def test_braille_shows_the_highest_and_the_lowest_value() -> None:
    line = braille_line(np.sin(np.linspace(0, 2 * np.pi, 40)), 20, 3).splitlines()
    assert [len(row) for row in line] == [20] * 3
    assert line[0][4] != "\u2800"
    assert line[0][15] == "\u2800"
    assert line[2][15] != "\u2800"
    assert set(braille_line(np.full(8, np.nan), 4, 1)) == {"\u2800"}
    assert braille_bars([0.0, 1.0], 2, 1) == "\u2800\u28ff"


# --- HTTPS ------------------------------------------------------------------------------------


def test_the_page_is_served_over_https(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl to make a certificate with")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = f"req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {certificate} -days 2"
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([openssl, *made.split(), *name], check=True, capture_output=True)
    trusted = ssl.create_default_context(cafile=str(certificate))
    with (
        LiveSession(DEMO) as session,
        LiveServer(session, port=0, certificate=str(certificate), key=str(key)) as server,
    ):
        assert server.url.startswith("https://")
        with urllib.request.urlopen(f"{server.url}healthz", context=trusted) as answer:
            assert json.load(answer) == {"ok": True}
        place = server.url.replace("https", "wss") + "live"
        with connect(place, ssl=trusted, proxy=None) as client:
            assert next_state(client)
