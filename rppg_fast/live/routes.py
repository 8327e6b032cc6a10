"""What the server answers: the page, its connection, and the interface for other programs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from rppg_fast.live import messages, records
from rppg_fast.live.browser_camera import BrowserCamera, FrameError
from rppg_fast.live.hub import Hub
from rppg_fast.live.security import RateLimit, Seats
from rppg_fast.live.snapshot import State

_FILES = Path(__file__).parent
#: The page's files by address: they are read once, and no other file is ever opened for a request.
_PAGE = {
    **{f"/{file.name}": file for file in sorted((_FILES / "page").iterdir()) if file.is_file()},
    **{f"/strings/{file.name}": file for file in sorted((_FILES / "strings").glob("*.json"))},
}
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}

#: Clients that watch at once.
MOST_CLIENTS = 100
#: Longest message that a page sends, characters; messages a second, and at once.
_LONGEST_COMMAND, _COMMANDS = 1000, (5.0, 20)
#: Frames a second that a browser's camera may send, and at once. Further frames are left out.
_CAMERA_FRAMES = (65.0, 15)
#: Shortest time between two states, s. The page draws the pulse in between by itself, with a delay.
_STATES_EVERY = 0.045
#: A client that takes nothing for so long is disconnected, s.
_PATIENCE = 10.0
#: Time between two readings of ``/readings``, s: as asked for, between these.
_EVERY, _OFTEN, _SELDOM = 1.0, 0.1, 60.0
#: WebSocket's codes for a message that is not understood, that is too long, and "try again later".
_NOT_UNDERSTOOD, _TOO_LONG, _LATER = 1003, 1009, 1013


class Routes:
    """The answers about one session."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._session = hub, hub.session
        self._seats = Seats(MOST_CLIENTS)
        source = self._session.source
        self._camera = source if isinstance(source, BrowserCamera) else None
        self._files = {
            path: (file.read_bytes(), _TYPES[file.suffix]) for path, file in _PAGE.items()
        }

    def all(self) -> list[BaseRoute]:
        """Return every route."""
        page = [Route(path, self._file(path)) for path in self._files]
        return [
            Route("/", self._file("/index.html")),
            *page,
            Route("/healthz", self._healthz),
            Route("/status", self._status),
            Route("/readings", self._readings),
            Route("/session.json", self._session_json),
            Route("/session.csv", self._session_csv),
            WebSocketRoute("/live", self._live),
            WebSocketRoute("/camera", self._take_camera),
        ]

    def _file(self, path: str) -> Callable[[Request], Awaitable[Response]]:
        body, kind = self._files[path]

        async def answer(request: Request) -> Response:
            return Response(body, media_type=kind)

        return answer

    # --- For other programs -------------------------------------------------------------------

    async def _healthz(self, request: Request) -> Response:
        well = self._session.snapshot.state is not State.FAILED
        return JSONResponse({"ok": well}, 200 if well else 503)

    async def _status(self, request: Request) -> Response:
        return JSONResponse(records.status(self._session.snapshot, self._seats.taken))

    async def _session_json(self, request: Request) -> Response:
        text = await asyncio.to_thread(records.session_json, self._session.history)
        return _download(text, "application/json", "rppg-session.json")

    async def _session_csv(self, request: Request) -> Response:
        lines = await asyncio.to_thread(records.csv_lines, self._session.history.rows)
        return _download(records.header() + lines, "text/csv; charset=utf-8", "rppg-session.csv")

    async def _readings(self, request: Request) -> Response:
        try:
            every = float(request.query_params.get("every", _EVERY))
        except ValueError:
            every = 0.0
        if not _OFTEN <= every <= _SELDOM:
            text = f"every must be from {_OFTEN:g} to {_SELDOM:g} seconds\n"
            return Response(text, 400, media_type="text/plain")
        if not self._seats.take():
            return Response("too many clients\n", 503, media_type="text/plain")
        return _Events(self._events(every), self._seats.leave)

    async def _events(self, every: float) -> AsyncIterator[str]:
        """Yield server-sent events: a reading of each face, every so often."""
        while True:
            snapshot = self._session.snapshot
            if snapshot.frames:
                for row in records.rows_of(snapshot):
                    yield f"event: reading\ndata: {messages.to_json(records.record(row))}\n\n"
            else:
                yield ": no frame yet\n\n"
            await asyncio.sleep(every)

    # --- For the page -------------------------------------------------------------------------

    async def _live(self, socket: WebSocket) -> None:
        if not self._seats.take():
            await socket.close(_LATER, "too many clients")
            return
        try:
            await socket.accept()
            await socket.send_text(messages.hello(self._session, self._camera is not None))
            refused: list[int] = []
            await _until_first(lambda: self._tell(socket), lambda: self._obey(socket, refused))
            for code in refused:
                await socket.close(code)
        finally:
            self._seats.leave()

    async def _tell(self, socket: WebSocket) -> None:
        """Send what is new, as fast as the client takes it."""
        hub, version, shown, drawn = self._hub, -1, 0, 0
        begins: dict[int, int] = {}
        run = -1
        clock, due = asyncio.get_running_loop().time, 0.0
        with hub.news() as event:
            while True:
                await event.wait()
                event.clear()
                snapshot = self._session.snapshot
                if snapshot.version != version and clock() >= due:
                    due = clock() + _STATES_EVERY
                    if snapshot.run != run:
                        begins, run = {}, snapshot.run
                    version = snapshot.version
                    places = tuple((f.number, begins.get(f.number, 0)) for f in snapshot.faces)
                    await _send(socket, hub.state(snapshot, places))
                    begins.update((face.number, face.samples) for face in snapshot.faces)
                    number, text = hub.spectra(snapshot)
                    if number != drawn:
                        drawn = number
                        await _send(socket, text)
                number, picture = hub.picture.newest
                if number != shown and getattr(socket.state, "pictures", False):
                    shown = number
                    await _send(socket, picture)

    async def _obey(self, socket: WebSocket, refused: list[int]) -> None:
        """Take the page's commands; what ends the connection is added to ``refused``."""
        limit = RateLimit(*_COMMANDS)
        with self._hub.picture.watching() as watching:
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text") or ""  # bytes are no command
                if len(text) > _LONGEST_COMMAND:
                    refused.append(_TOO_LONG)
                    return
                try:
                    command = json.loads(text)
                except ValueError:
                    command = None
                if not limit.take():
                    continue
                if not (isinstance(command, dict) and self._carry_out(command)):
                    refused.append(_NOT_UNDERSTOOD)
                    return
                if command["command"] == "pictures":
                    socket.state.pictures = bool(command.get("on"))
                    watching(socket.state.pictures)

    def _carry_out(self, command: dict[str, Any]) -> bool:
        """Do what a page asks for; return whether it is understood."""
        name = command.get("command")
        if name == "pause":
            self._session.pause()
        elif name == "resume":
            self._session.resume()
        elif name == "restart":
            self._session.restart()
        elif name == "method":
            try:
                self._session.set_method(str(command.get("method")))
            except ValueError:
                return False
        else:
            return name == "pictures"
        return True

    async def _take_camera(self, socket: WebSocket) -> None:
        """Take the frames of a browser's camera."""
        camera = self._camera
        if camera is None or not camera.connect():
            await socket.close(_LATER, "no camera is wanted, or another browser gives one")
            return
        limit = RateLimit(*_CAMERA_FRAMES)
        try:
            await socket.accept()
            while True:
                message = await socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if limit.take():
                    camera.put(message.get("bytes") or b"")  # text is no frame
        except FrameError as error:
            await socket.close(_NOT_UNDERSTOOD, str(error)[:100])
        finally:
            camera.disconnect()


class _Events(Response):
    """Server-sent events; a client that takes none is disconnected."""

    def __init__(self, events: AsyncIterator[str], ended: Callable[[], None]) -> None:
        self._events, self._ended = events, ended
        super().__init__(media_type="text/event-stream")
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until the client has gone."""
        headers = self.raw_headers
        await send({"type": "http.response.start", "status": 200, "headers": headers})

        async def tell() -> None:
            async for text in self._events:
                body = {"type": "http.response.body", "body": text.encode(), "more_body": True}
                with anyio.fail_after(_PATIENCE):
                    await send(body)

        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        try:
            await _until_first(tell, gone)
        finally:
            self._ended()


async def _send(socket: WebSocket, message: str | bytes) -> None:
    with anyio.fail_after(_PATIENCE):
        if isinstance(message, str):
            await socket.send_text(message)
        else:
            await socket.send_bytes(message)


async def _until_first(*jobs: Callable[[], Awaitable[None]]) -> None:
    """Run jobs until one of them ends; a client that has gone, or takes nothing, is no error."""
    async with anyio.create_task_group() as group:

        async def run(job: Callable[[], Awaitable[None]]) -> None:
            with suppress(TimeoutError, WebSocketDisconnect, OSError):
                await job()
            group.cancel_scope.cancel()

        for job in jobs:
            group.start_soon(run, job)


def _download(text: str, kind: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type=kind, headers=headers)
