"""Cameras and files on the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rppg_fast.sources.container import ContainerSource, open_container

if TYPE_CHECKING:
    from av.container import InputContainer

#: RTSP over TCP. Over UDP, the default, lost packets are lost frames. Other protocols ignore this.
_OPTIONS = {"rtsp_transport": "tcp"}


class UrlSource(ContainerSource):
    """A video at an address: ``rtsp://``, ``http://``, ``https://``, ``udp://`` and others.

    Parameters
    ----------
    url
        The address; messages leave out a password in it.
    fps
        Frame rate, Hz, in place of the video's own times.
    timeout
        Longest wait for an answer and for each further piece of data, s.
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
