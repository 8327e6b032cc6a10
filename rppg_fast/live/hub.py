"""Tells clients what is new. None of them waits for another, and the measurement for none.

Everything here runs in the server's event loop. A client that is slow gets the newest state when it
is ready for it; what came in between is left out for it alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Callable

from rppg_fast.live import messages
from rppg_fast.live.picture import Picture
from rppg_fast.live.session import LiveSession
from rppg_fast.live.snapshot import FaceSpectrum, Snapshot

#: A page's place in the pulse of each face: number of the face, index of the next sample.
Begins = tuple[tuple[int, int], ...]


class Hub:
    """The newest state of a session for all clients of a server.

    Attributes
    ----------
    session
        What is shown.
    picture
        Its pictures.
    """

    def __init__(self, session: LiveSession) -> None:
        self.session = session
        self.picture = Picture(session, self._from_other_thread)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()
        self._woken = False
        self._remove: Callable[[], None] | None = None
        self._states: tuple[int, dict[Begins, str]] = (-1, {})
        self._spectra: tuple[tuple[FaceSpectrum | None, ...], int, str] = ((), 0, "")

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to listen to the session."""
        self._loop = loop
        self._remove = self.session.add_listener(lambda snapshot: self._from_other_thread())
        self.picture.start()

    def close(self) -> None:
        """End, and wake every client."""
        if self._remove is not None:
            self._remove()
        self.picture.close()
        self._wake()

    @contextmanager
    def news(self) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever there is something new."""
        event = asyncio.Event()
        event.set()
        self._waiting.add(event)
        try:
            yield event
        finally:
            self._waiting.discard(event)

    def state(self, snapshot: Snapshot, begins: Begins) -> str:
        """Return the message about a snapshot; clients at the same place share it."""
        version, texts = self._states
        if version != snapshot.version:
            texts = {}
            self._states = (snapshot.version, texts)
        if begins not in texts:
            texts[begins] = messages.state(self.session, snapshot, begins)
        return texts[begins]

    def spectra(self, snapshot: Snapshot) -> tuple[int, str]:
        """Return the number of the newest spectra, and the message about them."""
        shown = tuple(face.spectrum for face in snapshot.faces)
        if shown != self._spectra[0]:
            self._spectra = (shown, self._spectra[1] + 1, messages.spectra(snapshot))
        return self._spectra[1:]

    def _from_other_thread(self) -> None:
        """Wake the clients from another thread; one call waits in the loop at most."""
        if self._waiting and not self._woken and self._loop is not None:
            self._woken = True
            try:
                self._loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the loop has been closed
                self._loop = None

    def _wake(self) -> None:
        self._woken = False
        for event in self._waiting:
            event.set()
