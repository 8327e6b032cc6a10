"""A board that speaks the protocol of ``recorder/arduino``, in Python behind a pseudo-terminal."""

from __future__ import annotations

import os
import tty
from binascii import crc_hqx
from pathlib import Path
from threading import Event, Thread
from time import monotonic

import numpy as np

RATE = 100


def line(text: str) -> bytes:
    """Return a line with its checksum."""
    return b"%s*%04X\n" % (text.encode("ascii"), crc_hqx(text.encode("ascii"), 0))


class MadeUpBoard:
    """A board at the port ``link`` whose clock is ``ppm`` fast, with a pulse of ``bpm``.

    ``lost`` and ``damaged`` are numbers of samples that are not sent, and sent with an error.
    """

    def __init__(
        self,
        link: Path,
        *,
        bpm: float = 72.0,
        ppm: float = 0.0,
        channels: str = "A",
        lost: frozenset[int] = frozenset(),
        damaged: frozenset[int] = frozenset(),
        silent: bool = False,
        version: int = 1,
    ) -> None:
        self._link, self._bpm, self._speed = link, bpm, 1 + 1e-6 * ppm
        self._channels, self._lost, self._damaged = channels, lost, damaged
        self._silent, self._version = silent, version
        self._stop = Event()
        self._terminal = -1
        self.rates: list[int] = []

    def plug_in(self) -> None:
        """Begin, with the clock at 0."""
        self._terminal, other = os.openpty()
        tty.setraw(other)
        os.set_blocking(self._terminal, False)
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(os.ttyname(other))
        os.close(other)
        self._stop.clear()
        self._began = monotonic()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def pull_out(self) -> None:
        """End as if the cable was pulled."""
        self._stop.set()
        self._thread.join()
        self._link.unlink()
        os.close(self._terminal)

    def __enter__(self) -> MadeUpBoard:
        self.plug_in()
        return self

    def __exit__(self, *exception: object) -> None:
        if not self._stop.is_set():
            self.pull_out()

    def value(self, time: float) -> float:
        """Return the PPG at a time by ``time.monotonic()``."""
        phase = 2 * np.pi * self._bpm / 60 * time
        return float(512 + 150 * (np.sin(phase) + 0.3 * np.sin(2 * phase + 0.5)))

    def _micros(self, time: float) -> int:
        return int(1e6 * self._speed * (time - self._began)) % (1 << 32)

    def _run(self) -> None:
        number, hello = 0, 0.0
        while not self._stop.wait(0.004):
            self._answer()
            if self._silent:
                continue
            now = monotonic()
            if now - hello > 0.5:
                self._send(line(f"H,{self._version},{RATE},{self._channels}"))
                hello = now
            while (due := self._began + number / RATE) <= monotonic():
                for channel in self._channels:
                    value = round(self.value(due))
                    self._sample(channel, number, due, value)
                number += 1

    def _sample(self, channel: str, number: int, due: float, value: int) -> None:
        if number in self._lost:
            return
        text = line(f"S,{channel},{number % 65536},{self._micros(due)},{value}")
        self._send(text.replace(b",", b";") if number in self._damaged else text)

    def _answer(self) -> None:
        try:
            data = os.read(self._terminal, 1000)
        except OSError:  # nothing there, or nobody at the other end
            return
        now = self._micros(monotonic())
        for request in data.split(b"\n"):
            kind, _, rest = request.decode("ascii", "replace").partition(",")
            number = rest.partition("*")[0]
            if kind == "T" and not self._silent:
                self._send(line(f"T,{number},{now},{self._micros(monotonic())}"))
            elif kind == "R":
                self.rates.append(int(number))

    def _send(self, data: bytes) -> None:
        try:
            os.write(self._terminal, data)
        except OSError:  # the port is closed or full: the characters are lost
            return
