"""Who may ask the server for what: host names, origins, a token, sizes and rates.

A page of another site must neither read the camera nor give commands. The browser sends such a
page's requests with its own ``Origin``; after a change of its name's address ("DNS rebinding") it
sends them with its own ``Host``. Both are checked for every request.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from time import monotonic
from urllib.parse import parse_qs

#: Names of this machine for itself.
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: A ``Host``: a name, or an address, and perhaps a port.
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(?::\d{1,5})?", re.ASCII)
#: What pages of other origins may read if they are allowed to; they never give commands.
_FOR_OTHERS = frozenset({"/readings", "/status", "/healthz"})
#: The page's own files and connections, and nothing else.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "media-src 'self' blob:; connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


def new_token() -> str:
    """Return a token that cannot be guessed."""
    return secrets.token_urlsafe(32)


def is_loopback(host: str) -> bool:
    """Return whether an address is one that only this machine reaches."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: the status of the answer, and its text."""

    status: int
    reason: str


@dataclass(frozen=True)
class Access:
    """Decides about requests.

    Parameters
    ----------
    token
        The token that every request must bring; None for none.
    names
        Names that the server goes by. IP addresses need not be listed: no other site can have one.
    origins
        Origins of other pages that may read, such as ``http://localhost:8000``.
    cookie
        Name of the cookie with the token.
    """

    token: str | None = None
    names: frozenset[str] = LOOPBACK
    origins: frozenset[str] = field(default_factory=frozenset)
    cookie: str = "rppg-fast"

    def refusal(self, path: str, query: str, headers: Mapping[str, str]) -> Refusal | None:
        """Return why a request is refused, or None.

        Parameters
        ----------
        path, query
            Parts of its address.
        headers
            Its headers, with names in lower case.
        """
        if not self._is_own_host(headers.get("host", "")):
            return Refusal(421, "this server does not go by that name: see --allow-host")
        origin = headers.get("origin")
        if origin is not None and not self._is_allowed_origin(origin, headers["host"], path):
            return Refusal(403, "a page of another origin may not read this: see --allow-origin")
        foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if origin is None and foreign and path != "/":
            return Refusal(403, "a page of another site may not read this")
        if self.token is not None and path != "/healthz" and not self._has_token(query, headers):
            return Refusal(401, "this address needs the token that the program has printed")
        return None

    def foreign_origin(self, headers: Mapping[str, str]) -> str | None:
        """Return the origin of another page that may read; None if the request has none."""
        origin = headers.get("origin")
        return origin if origin in self.origins else None

    def has_token_in_query(self, query: str) -> bool:
        """Return whether the address itself brings the token."""
        return self.token is not None and any(map(self._is_token, parse_qs(query).get("token", ())))

    def _has_token(self, query: str, headers: Mapping[str, str]) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(given.strip()):
            return True
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            cookies = SimpleCookie()
        if self.cookie in cookies and self._is_token(cookies[self.cookie].value):
            return True
        return self.has_token_in_query(query)

    def _is_token(self, given: str) -> bool:
        assert self.token is not None
        return hmac.compare_digest(given.encode(), self.token.encode())

    def _is_own_host(self, host: str) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        name = found[1].strip("[]").lower()
        if name in self.names:
            return True
        if self.token is None:  # only this machine is served: its own names are enough
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True

    def _is_allowed_origin(self, origin: str, host: str, path: str) -> bool:
        scheme, _, place = origin.partition("://")
        if scheme in ("http", "https") and place == host:
            return True
        return origin in self.origins and path in _FOR_OTHERS


def page_headers(host: str) -> dict[str, str]:
    """Return the headers of every answer.

    Parameters
    ----------
    host
        The request's ``Host``, which has been checked.
    """
    return {
        "content-security-policy": _POLICY.format(host=host),
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "permissions-policy": "camera=(self), microphone=(), geolocation=()",
        "cache-control": "no-store",
    }


def cookie_header(access: Access, secure: bool) -> str:
    """Return the header that gives a browser its token."""
    end = "; Secure" if secure else ""
    return f"{access.cookie}={access.token}; Path=/; HttpOnly; SameSite=Strict{end}"


class RateLimit:
    """Lets through so many a second, and a few more at once.

    Parameters
    ----------
    rate
        Number a second.
    burst
        Number at once.
    """

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, float(burst)
        self._left, self._last = float(burst), monotonic()

    def take(self) -> bool:
        """Return whether one more is within the limit."""
        now = monotonic()
        self._left = min(self._burst, self._left + self._rate * (now - self._last))
        self._last = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Seats:
    """How many clients may be there at once; asked by one thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.taken = 0

    def take(self) -> bool:
        """Take a seat; False if there is none."""
        if self.taken >= self._most:
            return False
        self.taken += 1
        return True

    def leave(self) -> None:
        """Give the seat back."""
        self.taken -= 1


def own_names(extra: Iterable[str]) -> frozenset[str]:
    """Return the names that a server on the network goes by."""
    import socket

    name = socket.gethostname().lower()
    short = name.split(".")[0]
    return LOOPBACK | {name, short, f"{short}.local", *(one.lower() for one in extra)}
