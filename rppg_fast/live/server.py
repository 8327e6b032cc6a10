"""The server of the page, on a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterable
from threading import Event, Thread

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rppg_fast.live.browser_camera import LONGEST
from rppg_fast.live.hub import Hub
from rppg_fast.live.routes import Routes
from rppg_fast.live.security import (
    LOOPBACK,
    Access,
    cookie_header,
    is_loopback,
    new_token,
    own_names,
    page_headers,
)
from rppg_fast.live.session import LiveSession

#: The server's port, unless another is asked for.
PORT = 8765
#: Longest wait for the server to begin and to end, s.
_BEGIN, _END = 10.0, 3.0
#: What the system may keep for a client that is slow to take it, bytes: about a second of pictures.
#: Without a limit it keeps megabytes, and the client sees the past.
_KEPT_FOR_CLIENT = 1 << 17
#: Open connections, with those that have not asked for anything yet.
_MOST_CONNECTIONS = 256


class Guard:
    """Checks every request before the application sees it, and adds headers to every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name: value for name, value in Headers(scope=scope).items()}
        query = scope["query_string"].decode("latin-1")
        refusal = self._access.refusal(scope["path"], query, headers)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": refusal.reason})
            return
        added = page_headers(headers["host"]) if refusal is None else page_headers("")
        if (foreign := self._access.foreign_origin(headers)) is not None and refusal is None:
            added.update(
                {"access-control-allow-origin": foreign, "vary": "Origin"},
            )
            added["cross-origin-resource-policy"] = "cross-origin"
        else:
            added["cross-origin-resource-policy"] = "same-origin"
        if refusal is None and self._access.has_token_in_query(query) and scope["path"] == "/":
            added["set-cookie"] = cookie_header(self._access, scope["scheme"] == "https")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(added)
            await send(message)

        if refusal is None:
            await self._app(scope, receive, send_with_headers)
        else:
            answer = PlainTextResponse(f"{refusal.reason}\n", refusal.status)
            await answer(scope, receive, send_with_headers)


def application(hub: Hub, access: Access) -> ASGIApp:
    """Return the application that answers about a session."""
    return Guard(Starlette(routes=Routes(hub).all()), access)


class LiveServer:
    """Serves the page of a session until it is closed; a context manager.

    Parameters
    ----------
    session
        What is shown.
    host, port
        Where to listen. Port 0 is any free one. A host that other machines reach needs a token,
        which is made here and is part of ``url``.
    names
        Further names of this machine that may stand in an address.
    origins
        Origins of other pages that may read ``/readings`` and ``/status``.
    certificate, key
        Files in PEM format, for HTTPS.

    Attributes
    ----------
    url
        The page's address.
    access
        Who may ask for what.

    Raises
    ------
    OSError
        If nothing can listen there, or if a file cannot be read.
    ValueError
        If certificate and key are not in PEM format, or do not belong together.
    """

    def __init__(
        self,
        session: LiveSession,
        *,
        host: str = "127.0.0.1",
        port: int = PORT,
        names: Iterable[str] = (),
        origins: Iterable[str] = (),
        certificate: str | None = None,
        key: str | None = None,
    ) -> None:
        self._socket = _listen(host, port)
        port = self._socket.getsockname()[1]
        local = is_loopback(host)
        self.access = Access(
            token=None if local else new_token(),
            names=LOOPBACK | {host, *names} if local else own_names((host, *names)),
            origins=frozenset(origins),
            cookie=f"rppg-fast-{port}",
        )
        scheme = "http" if certificate is None else "https"
        query = "" if self.access.token is None else f"?token={self.access.token}"
        self.url = f"{scheme}://{_shown(host)}:{port}/{query}"
        self._hub = Hub(session)
        config = uvicorn.Config(
            application(self._hub, self.access),
            ws="websockets-sansio",
            http="h11",
            loop="asyncio",
            lifespan="off",
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            ws_max_size=LONGEST,
            ws_per_message_deflate=False,  # pictures are compressed, and the rest is small
            ws_ping_interval=10.0,
            ws_ping_timeout=10.0,
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=1,
            ssl_certfile=certificate,
            ssl_keyfile=key,
        )
        try:
            _load(config, certificate, key)
        except BaseException:
            self._socket.close()
            raise
        self._server = uvicorn.Server(config)
        self._began = Event()
        self._thread = Thread(target=self._run, name="rppg-server", daemon=True)

    def start(self) -> None:
        """Begin to serve; returns when requests are answered."""
        self._thread.start()
        self._began.wait(_BEGIN)

    def close(self) -> None:
        """End; clients are disconnected."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_END)
        self._socket.close()

    def __enter__(self) -> LiveServer:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        self._hub.start(loop)
        loop.call_later(0.0, self._began.set)
        try:
            await self._server.serve(sockets=[self._socket])
        finally:
            self._hub.close()


def _load(config: uvicorn.Config, certificate: str | None, key: str | None) -> None:
    """Read the certificate, if there is one.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If they are not in PEM format, or do not belong together.
    """
    for file in filter(None, (certificate, key)):
        with open(file, "rb"):  # an error of this names the file
            pass
    try:
        config.load()
    except ssl.SSLError as error:
        text = f"{certificate}, {key}: not a certificate in PEM format and its key"
        raise ValueError(text) from error


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    OSError
        If it cannot; the message says why and what helps.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KEPT_FOR_CLIENT)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        reason = error.strerror or str(error)
        if error.errno == errno.EADDRINUSE:
            reason = "another program listens there: choose another --port, or 0 for any"
        raise OSError(f"{host}:{port}: {reason}") from error
    return listening


def _own_address() -> str | None:
    """Return the address by which the network knows this machine; None without a network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("192.0.2.1", 9))  # chooses the way there, and sends nothing
            address: str = asking.getsockname()[0]
        except OSError:
            return None
    return address


def _shown(host: str) -> str:
    """Return a host as it stands in an address that can be opened."""
    if host in ("0.0.0.0", "::"):
        return _own_address() or socket.gethostname()
    return f"[{host}]" if ":" in host else host
