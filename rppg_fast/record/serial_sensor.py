"""The sketch of ``recorder/arduino`` at a serial port, read in a thread of its own."""

from __future__ import annotations

import math
import os
from collections import deque
from contextlib import suppress
from threading import Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING

from rppg_fast.record.board import Board
from rppg_fast.record.protocol import BAUD, VERSION, HelloLine, LineReader, request
from rppg_fast.record.sensor import Sample, Sensor, SensorStatistics

if TYPE_CHECKING:
    from serial import Serial

#: Samples per second that the sketch can be asked for.
RATES = (25, 50, 100)
#: Channels of the sketch, their largest values, and whether they fall when the blood volume rises.
_CHANNELS = {"A": (1023, False), "I": (262143, True)}
#: Vendors of boards and of their USB chips: Arduino, Adafruit, CH340, CP210x, FTDI, Espressif,
#: Raspberry Pi, Teensy.
_VENDORS = {0x2341, 0x2A03, 0x239A, 0x1A86, 0x10C4, 0x0403, 0x303A, 0x2E8A, 0x16C0}
#: An Uno waits 2 s for a new program when its port is opened.
_FIRST_SAMPLE = 8.0  # s
_OPEN_AGAIN = 0.5  # s
#: Requests for the time: every 0.1 s until the clock is known, then every 0.5 s.
_ASK_AT_FIRST, _ASK, _FIRST_REQUESTS = 0.1, 0.5, 20
_READ_TIMEOUT = 0.05  # s


class SerialSensor(Sensor):
    """A PulseSensor or MAX30102 at an Arduino with the sketch of ``recorder/arduino``.

    If the board is unplugged, its port is opened again until it is back; its clock is then learnt
    anew.

    Parameters
    ----------
    port
        Name of the serial port; None for the first one with a known board.
    rate
        Samples per second, one of ``RATES``.
    channel
        "A", the analog pin, "I", the MAX30102, or None for the MAX30102 if there is one.

    Raises
    ------
    ValueError
        If ``rate`` or ``channel`` has another value.
    """

    def __init__(
        self, port: str | None = None, *, rate: int = 100, channel: str | None = None
    ) -> None:
        if rate not in RATES:
            raise ValueError(f"rate must be one of {RATES} samples per second, got {rate}")
        if channel not in (None, *_CHANNELS):
            raise ValueError(f"channel must be one of {tuple(_CHANNELS)}, got {channel!r}")
        self.name = port or "serial port"
        self._port, self._rate, self._asked_channel = port, rate, channel
        self._channel = channel
        self._board = Board()
        self._reader = LineReader()
        self._samples: deque[Sample] = deque()
        self._count = self._lost = self._reconnections = 0
        self._last_time = float("-inf")
        self._problem = ""
        self._heard = Event()
        self._stop = Event()
        self._lock = Lock()
        self._thread = Thread(target=self._run, name="rppg-sensor", daemon=True)
        self._connection: Serial | None = None

    def open(self) -> None:
        """Open the port and wait for the first sample.

        Raises
        ------
        OSError
            If there is no such port, or the sketch does not answer.
        ImportError
            If pyserial is not installed.
        """
        try:
            import serial  # noqa: F401
        except ImportError:
            raise ImportError(
                'a sensor at a serial port needs pyserial: pip install "rppg_fast[record]"'
            ) from None
        self._connection = self._connect()
        self._thread.start()
        if not self._heard.wait(_FIRST_SAMPLE):
            self.close()
            raise OSError(
                f"{self.name}: {self._problem or 'no samples come'}: is the sketch of "
                "recorder/arduino on the board, and no other program at the port?"
            )

    def read(self) -> list[Sample]:
        """Return the samples that have come since the last call."""
        with self._lock:
            found = list(self._samples)
            self._samples.clear()
        return found

    def close(self) -> None:
        """End the thread and close the port."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def statistics(self) -> SensorStatistics:
        """Return what it has delivered so far."""
        return SensorStatistics(
            samples=self._count,
            lost_samples=self._lost + self._board.lost,
            damaged_lines=self._reader.damaged,
            reconnections=self._reconnections,
            clock=self._board.clock.statistics,
        )

    # --- The thread ---------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                if self._connection is None:
                    self._connection = self._connect()
                    self._reconnections += 1
                self._converse(self._connection)
            except OSError as error:  # pyserial's errors are, too
                self._problem = str(error)
                self._disconnect()
                self._stop.wait(_OPEN_AGAIN)
        self._disconnect()

    def _connect(self) -> Serial:
        import serial

        port = self._port or _found_port()
        connection = serial.Serial(port, BAUD, timeout=_READ_TIMEOUT, write_timeout=1.0)
        # Some USB chips keep characters for 16 ms.
        with suppress(OSError, ValueError, AttributeError, NotImplementedError):
            connection.set_low_latency_mode(True)
        self.name = port
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None

    def _converse(self, connection: Serial) -> None:
        """Read lines and ask for the time, until the board goes away or has restarted."""
        self._new_board()
        asked = 0
        due = math.inf  # until the sketch runs: requests would hold up a board's boot loader
        while not self._stop.is_set():
            if monotonic() >= due:
                question = request("T", asked)
                self._board.asked(asked, monotonic(), len(question))
                connection.write(question)
                asked += 1
                due += _ASK_AT_FIRST if asked < _FIRST_REQUESTS else _ASK
            data = connection.read(max(1, connection.in_waiting))
            arrived = monotonic()
            for line in self._reader.push(data):
                due = arrived if due == math.inf else due
                if isinstance(line, HelloLine):
                    self._greet(line, connection)
                elif not self._board.take(line, arrived):
                    self._reconnections += 1
                    self._new_board()
                    asked = 0
                    break
            self._deliver()

    def _new_board(self) -> None:
        self._lost += self._board.lost
        self._board = Board()
        self._reader.restart()

    def _greet(self, hello: HelloLine, connection: Serial) -> None:
        if hello.version != VERSION:
            self._problem = f"the sketch speaks version {hello.version} of the protocol"
            return
        if hello.rate != self._rate:
            connection.write(request("R", self._rate))
        channel = self._asked_channel or ("I" if "I" in hello.channels else hello.channels[:1])
        if channel not in hello.channels:
            self._problem = f"the sketch has the channels {hello.channels}, not {channel}"
            return
        self._channel = channel
        self.full_scale = float(_CHANNELS[channel][0])

    def _deliver(self) -> None:
        """Put the samples whose times are known where ``read`` finds them."""
        if self._channel is None or self.full_scale is None:
            return
        _, falls = _CHANNELS[self._channel]
        for time, value in self._board.samples(self._channel):
            self._last_time = max(time, self._last_time + 1e-6)
            upright = self.full_scale - value if falls else float(value)
            with self._lock:
                self._samples.append(Sample(self._last_time, upright))
            self._count += 1
            self._heard.set()


def _found_port() -> str:
    """Return the first serial port with a known board.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    from serial.tools import list_ports

    ports = sorted(list_ports.comports(), key=lambda port: str(port.device))
    known = [port for port in ports if port.vid in _VENDORS]
    if not known:
        others = ", ".join(os.fsdecode(port.device) for port in ports) or "none"
        raise FileNotFoundError(
            f"no Arduino at a USB port (serial ports: {others}): plug it in, or give its port"
        )
    return str(known[0].device)
