"""Cameras and files on the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rppg_fast.sources.container import ContainerSource, open_container

if TYPE_CHECKING:
    from av.container import InputContainer

#: RTSP over TCP: over UDP, its default, lost packets are lost frames. Others take no notice.
_OPTIONS = {"rtsp_transport": "tcp"}


class UrlSource(ContainerSource):
    """What an address gives: ``rtsp://``, ``http://``, ``https://``, ``udp://`` and others.

    Parameters
    ----------
    url
        The address; a password in it is left out of messages.
    fps
        Frame rate, Hz, in place of its own times.
    timeout
        Longest wait for an answer, and for each further piece, s.
    """

    def __init__(self, url: str, fps: float | None = None, timeout: float = 10.0) -> None:
        super().__init__(_without_password(url), fps, live=True)
        if not timeout > 0:
            raise ValueError(f"timeout must be a positive number of seconds, got {timeout}")
        self._url, self._timeout = url, timeout

    @contextmanager
    def _opened(self) -> Iterator[InputContainer]:
        with open_container(
            self._url, self.name, options=_OPTIONS, timeout=self._timeout
        ) as container:
            yield container


def _without_password(url: str) -> str:
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    user, at, host = place.rpartition("@")
    return f"{scheme}://{user.split(':')[0]}{at}{host}{slash}{path}"
