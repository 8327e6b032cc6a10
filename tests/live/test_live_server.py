"""The server of the page: what it answers, whom it refuses, and what slow clients cost."""

from __future__ import annotations

import asyncio
import csv
import http.client
import io
import itertools
import json
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

import rppg_fast
from rppg_fast.cli.demo import DEMO
from rppg_fast.live import LiveSession, State
from rppg_fast.live.records import FIELDS
from rppg_fast.live.routes import MOST_CLIENTS
from rppg_fast.live.security import Access, RateLimit
from rppg_fast.live.server import LiveServer
from tests.support.live import PATIENCE, live_client, next_state, until

PACKAGE = Path(rppg_fast.__file__).parent / "live"
#: Largest size of the page with all its files, bytes.
LARGEST_PAGE = 300_000
#: Clients that watch at once, and for how long, s.
CLIENTS, WATCHED = 50, 3.0


@pytest.fixture(scope="module")
def session() -> Iterator[LiveSession]:
    with LiveSession(DEMO, loop=True) as session:
        yield session


@pytest.fixture(scope="module")
def server(session: LiveSession) -> Iterator[LiveServer]:
    with LiveServer(session, port=0) as server:
        until(lambda: session.snapshot.frames > 0)
        yield server


def ask(
    server: LiveServer, path: str, headers: dict[str, str] | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers and body of an answer."""
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection("127.0.0.1", place.port or 0, timeout=PATIENCE)
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


# --- The page ---------------------------------------------------------------------------------


def test_the_page_is_small_and_names_no_other_host() -> None:
    files = [*(PACKAGE / "page").iterdir(), *(PACKAGE / "strings").iterdir()]
    assert sum(file.stat().st_size for file in files) < LARGEST_PAGE
    for file in files:
        addresses = re.findall(r"(?:https?|wss?)://[^\s\"'`]+", file.read_text("utf-8"))
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, file


def test_every_file_of_the_page_is_served_with_a_strict_policy(server: LiveServer) -> None:
    status, headers, body = ask(server, "/")
    assert status == 200
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    named = re.findall(rb'(?:src|href)="(/[^"]+)"', body)
    named += [f"/{file.name}".encode() for file in (PACKAGE / "page").glob("*.js")]
    assert len(named) > 8
    for path in named:
        if not path.startswith(b"/session"):
            assert ask(server, path.decode())[0] == 200, path


@pytest.mark.parametrize(
    "path",
    ["/../server.py", "/%2e%2e/server.py", "/page/../../reading.py", "//etc/passwd", "/strings/"],
)
def test_no_other_file_is_served(server: LiveServer, path: str) -> None:
    assert ask(server, path)[0] == 404


def test_nothing_but_reading_is_offered(server: LiveServer) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask(server, "/status", method=method)[0] == 405


# --- Other programs ---------------------------------------------------------------------------


def test_status_and_health(server: LiveServer, session: LiveSession) -> None:
    status, _, body = ask(server, "/status")
    found = json.loads(body)
    assert status == 200
    assert found["state"] == "running"
    assert found["frames"] > 0
    assert (found["width"], found["height"]) == (320, 320)
    assert all(set(reading) == set(FIELDS) for reading in found["readings"])
    assert json.loads(ask(server, "/healthz")[2]) == {"ok": True}


def events(server: LiveServer, query: str, count: int) -> list[dict[str, Any]]:
    place = urlsplit(server.url)
    connection = http.client.HTTPConnection("127.0.0.1", place.port or 0, timeout=PATIENCE)
    connection.request("GET", f"/readings{query}")
    answer = connection.getresponse()
    assert answer.getheader("content-type") == "text/event-stream; charset=utf-8"
    found: list[dict[str, Any]] = []
    while len(found) < count:
        line = answer.readline().decode()
        if line.startswith("data: "):
            found.append(json.loads(line[6:]))
    connection.close()
    return found


def test_readings_come_as_events(server: LiveServer) -> None:
    found = events(server, "?every=0.1", 4)
    assert all(set(one) == set(FIELDS) for one in found)
    assert [one["time_s"] for one in found] == sorted(one["time_s"] for one in found)
    for every in ("0", "nan", "1e9", "often"):
        assert ask(server, f"/readings?every={every}")[0] == 400


def test_the_session_is_downloaded_as_csv_and_as_json(
    server: LiveServer, session: LiveSession
) -> None:
    until(lambda: len(session.history.rows) >= 2)
    _, headers, body = ask(server, "/session.csv")
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert tuple(rows[0]) == FIELDS
    assert headers["content-disposition"] == 'attachment; filename="rppg-session.csv"'
    document = json.loads(ask(server, "/session.json")[2])
    assert len(document["readings"]) >= len(rows) >= 2
    assert float(rows[-1]["time_s"]) == document["readings"][len(rows) - 1]["time_s"]
    (pulse,) = [one for one in document["pulses"] if one["face"] == 1]
    assert len(pulse["time_s"]) == len(pulse["pulse"]) > 10


# --- The page's connection --------------------------------------------------------------------


def test_a_page_gets_every_sample_of_the_pulse_once_and_pictures_if_it_wants_them(
    server: LiveServer,
) -> None:
    with live_client(server) as client:
        hello = json.loads(client.recv(PATIENCE))
        assert hello["type"] == "hello"
        assert "fusion" in hello["methods"]
        index: int | None = None
        samples = 0
        while samples < 40:
            state = next_state(client)
            for face in state["faces"]:
                assert index is None or face["first"] == index or state["run"] > 0
                index = face["first"] + len(face["values"])
                samples += len(face["values"])
        client.send(json.dumps({"command": "pictures", "on": True}))
        pictures: list[bytes] = []
        while len(pictures) < 3:
            message = client.recv(PATIENCE)
            if isinstance(message, bytes):
                pictures.append(message)
        assert all(one[8:10] == b"\xff\xd8" and one[-2:] == b"\xff\xd9" for one in pictures)
        client.send(json.dumps({"command": "pictures", "on": False}))


def test_commands_are_carried_out(server: LiveServer, session: LiveSession) -> None:
    with live_client(server) as client:
        client.send('{"command": "pause"}')
        until(lambda: session.snapshot.state is State.PAUSED)
        until(lambda: next_state(client)["state"] == "paused")
        client.send('{"command": "method", "method": "pos"}')
        until(lambda: session.snapshot.method == "pos")
        client.send('{"command": "method", "method": "fusion"}')
        client.send('{"command": "restart"}')
        until(lambda: session.snapshot.state is State.RUNNING)
        assert session.snapshot.method == "fusion"


def closed_with(client: ClientConnection) -> int:
    """Return the code with which the server ends a connection."""
    with pytest.raises(ConnectionClosed) as closed:
        all(client.recv(PATIENCE) is not None for _ in itertools.count())
    assert closed.value.rcvd is not None
    return closed.value.rcvd.code


GARBAGE: dict[str, tuple[str | bytes, int]] = {
    "no JSON": ("{", 1003),
    "no command": ("[]", 1003),
    "no such command": ('{"command": "rm"}', 1003),
    "no such method": ('{"command": "method", "method": "../x"}', 1003),
    "a deep nest": ("[" * 900, 1003),
    "too long": ('"' + "x" * 5000 + '"', 1009),
    "bytes": (b"\x00\xff" * 50, 1003),
}


@pytest.mark.parametrize("case", GARBAGE)
def test_garbage_ends_the_connection_and_nothing_else(
    server: LiveServer, session: LiveSession, case: str
) -> None:
    message, code = GARBAGE[case]
    with live_client(server) as client:
        client.send(message)
        assert closed_with(client) == code
    frames = session.snapshot.frames
    until(lambda: session.snapshot.frames > frames)


def test_a_flood_of_commands_is_left_out() -> None:
    limit = RateLimit(5.0, 20)
    assert sum(limit.take() for _ in range(1000)) <= 21


# --- Who may ask ------------------------------------------------------------------------------

FOREIGN = {
    "another name for this machine": ({"Host": "evil.example"}, 421),
    "a name that begins right": ({"Host": "localhost.evil.example"}, 421),
    "a host with more in it": ({"Host": "localhost:1; script-src *"}, 421),
    "a page of another site": ({"Origin": "http://evil.example"}, 403),
    "a page without an origin": ({"Origin": "null"}, 403),
    "a page on another port": ({"Origin": "http://127.0.0.1:1"}, 403),
    "a picture in another site's page": ({"Sec-Fetch-Site": "cross-site"}, 403),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_other_sites_are_refused(server: LiveServer, case: str) -> None:
    headers, status = FOREIGN[case]
    assert ask(server, "/status", headers)[0] == status
    if "Host" not in headers:
        with pytest.raises(InvalidStatus), live_client(server, additional_headers=headers):
            pass


def test_the_own_page_is_not_refused(server: LiveServer) -> None:
    origin = server.url.rstrip("/")
    assert ask(server, "/status", {"Origin": origin})[0] == 200
    with live_client(server, origin=origin) as client:
        assert next_state(client)


def test_a_page_that_is_allowed_to_may_read_and_nothing_else(session: LiveSession) -> None:
    other = "http://localhost:8000"
    with LiveServer(session, port=0, origins=[other], names=["board.example"]) as server:
        status, headers, _ = ask(server, "/status", {"Origin": other, "Host": "board.example"})
        assert status == 200
        assert headers["access-control-allow-origin"] == other
        assert "access-control-allow-origin" not in ask(server, "/status")[1]
        assert ask(server, "/session.csv", {"Origin": other})[0] == 403
        with pytest.raises(InvalidStatus), live_client(server, origin=other):
            pass


def test_on_the_network_everything_needs_the_token(session: LiveSession) -> None:
    with LiveServer(session, host="0.0.0.0", port=0) as server:
        token = server.access.token
        assert token is not None
        assert len(token) > 40
        assert f"token={token}" in server.url
        for path in ("/", "/status", "/readings", "/session.csv", "/app.js"):
            assert ask(server, path)[0] == 401
            assert ask(server, f"{path}?token=x")[0] == 401
        assert ask(server, "/healthz")[0] == 200
        assert ask(server, "/status", {"Authorization": f"Bearer {token}"})[0] == 200
        status, headers, _ = ask(server, f"/?token={token}")
        cookie = headers["set-cookie"]
        assert status == 200
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        pair = cookie.split(";")[0]
        assert ask(server, "/app.js", {"Cookie": pair})[0] == 200
        assert ask(server, "/status", {"Cookie": pair, "Host": "evil.example"})[0] == 421
        place = f"ws://127.0.0.1:{urlsplit(server.url).port}/live"
        with pytest.raises(InvalidStatus), connect(place, proxy=None):
            pass
        with connect(place, additional_headers={"Cookie": pair}, proxy=None) as client:
            assert next_state(client)


@pytest.mark.parametrize("host", ["", "localhost:", "[::1", "a b", "localhost:99999999", "::1"])
def test_a_broken_host_is_refused(host: str) -> None:
    found = Access().refusal("/", "", {"host": host})
    assert found is not None
    assert found.status == 421


def test_an_address_that_is_taken_is_named(session: LiveSession, server: LiveServer) -> None:
    port = urlsplit(server.url).port
    assert port is not None
    with pytest.raises(OSError, match="another program listens there: choose another --port"):
        LiveServer(session, port=port)


# --- Many clients and slow ones ---------------------------------------------------------------


async def watch(address: str, seconds: float) -> tuple[int, float]:
    """Watch with pictures; return the number of states, and the time of the last one."""
    loop = asyncio.get_running_loop()
    states, last = 0, 0.0
    async with connect_async(address, proxy=None) as client:
        await client.send('{"command": "pictures", "on": true}')
        end = loop.time() + seconds
        while loop.time() < end:
            message = await client.recv()
            if isinstance(message, str) and message.startswith('{"type":"state"'):
                states, last = states + 1, json.loads(message)["time"]
    return states, last


def test_fifty_clients_do_not_hold_up_the_measurement(
    server: LiveServer, session: LiveSession
) -> None:
    address = server.url.replace("http", "ws") + "live"

    async def all_of_them() -> list[tuple[int, float]]:
        return await asyncio.gather(*(watch(address, WATCHED) for _ in range(CLIENTS)))

    before, began = session.snapshot, time.monotonic()
    found = asyncio.run(all_of_them())
    after, taken = session.snapshot, time.monotonic() - began
    # 30 frames a second come; other programs on this machine, and the clients, take their time.
    assert after.frames - before.frames > 15 * taken
    for states, last in found:
        assert states > 3 * WATCHED
        assert after.time_s - last < 2.0
    until(lambda: json.loads(ask(server, "/status")[2])["clients"] == 0)


def test_there_is_a_last_seat(server: LiveServer) -> None:
    clients = [live_client(server, close_timeout=0.01) for _ in range(MOST_CLIENTS)]
    entered = []
    try:
        for client in clients:
            client.__enter__()
            entered.append(client)
        with pytest.raises(InvalidStatus), live_client(server):
            pass
        assert ask(server, "/readings")[0] == 503
    finally:
        for client in entered:
            client.__exit__(None, None, None)
    until(lambda: json.loads(ask(server, "/status")[2])["clients"] == 0)


def test_a_slow_client_gets_the_newest_state_and_the_past_is_left_out(
    server: LiveServer, session: LiveSession
) -> None:
    place = urlsplit(server.url)
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(("127.0.0.1", place.port or 0))
    with (
        connect(
            f"ws://{place.netloc}/live", sock=slow, max_queue=1, max_size=None, close_timeout=0.5
        ) as client,
        live_client(server) as quick,
    ):
        client.send('{"command": "pictures", "on": true}')
        begun = session.snapshot.time_s
        while session.snapshot.time_s < begun + 4.0:  # nothing is read here, all of it there
            state = next_state(quick)
        assert abs(session.clock - state["time"]) < 2.0
        last = begun
        while session.clock - (now := next_state(client)["time"]) > 1.0:
            last = now
        # The system keeps the first moments for it; of the rest it gets the end alone.
        assert now - last > 1.0
