"""Lines between the host and the sketch of ``recorder/arduino``; recorder/README.md describes them.

A line is a letter, fields after commas, ``*``, a checksum of four hexadecimal digits, and a line
feed: ``S,A,17,1234567,512*9E3F``. The checksum is CRC-16 (polynomial 0x1021, start 0) of all
characters before ``*``.
"""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass
from typing import Union

#: Version of the protocol that this module reads.
VERSION = 1
#: Characters per second, with a start and a stop bit each, are a tenth of it.
BAUD = 115200
#: The sketch's numbers and times are counted modulo these.
NUMBERS = 1 << 16
MICROSECONDS = 1 << 32
#: A longer line is none; characters of another program would else be kept for ever.
_LONGEST = 64


@dataclass(frozen=True)
class SampleLine:
    """``S``: a sample.

    Attributes
    ----------
    channel
        "A", the analog pin, or "I", the infrared light of a MAX30102.
    number
        Counts the channel's samples, modulo ``NUMBERS``.
    time_us
        When it was taken, by the board's clock, modulo ``MICROSECONDS``.
    value
        The sensor's value.
    """

    channel: str
    number: int
    time_us: int
    value: int


@dataclass(frozen=True)
class AnswerLine:
    """``T``: the answer to a request for the time.

    Attributes
    ----------
    number
        The number in the request.
    asked_us, answered_us
        When the request had come, and when the answer left, by the board's clock.
    length
        Number of characters of the line with its end.
    """

    number: int
    asked_us: int
    answered_us: int
    length: int


@dataclass(frozen=True)
class HelloLine:
    """``H``, once a second: what the sketch is.

    Attributes
    ----------
    version
        Version of the protocol.
    rate
        Samples per second of each channel.
    channels
        The channels that are sent, such as "A" or "AI".
    """

    version: int
    rate: int
    channels: str


Line = Union[SampleLine, AnswerLine, HelloLine]


def request(kind: str, number: int) -> bytes:
    """Return a line for the sketch: ``T`` asks for the time, ``R`` sets the rate."""
    text = f"{kind},{number}".encode("ascii")
    return text + b"*%04X\n" % crc_hqx(text, 0)


def parse(line: bytes) -> Line | None:
    """Return what a line without its end says; None if it is damaged or unknown."""
    text, star, checksum = line.rpartition(b"*")
    try:
        if not star or checksum.upper() != b"%04X" % crc_hqx(text, 0):
            return None
        kind, *fields = text.decode("ascii").split(",")
        if kind == "S":
            channel, *numbers = fields
            number, time_us, value = map(int, numbers)
            return SampleLine(channel, number, time_us, value)
        if kind == "T":
            number, asked, answered = map(int, fields)
            return AnswerLine(number, asked, answered, len(line) + 1)
        if kind == "H":
            version, rate, channels = fields
            return HelloLine(int(version), int(rate), channels)
    except (ValueError, TypeError):
        pass
    return None


class LineReader:
    """Cuts the bytes of a serial port into lines.

    Attributes
    ----------
    damaged
        Number of lines so far that were damaged or unknown. The first line after the port was
        opened does not count, because it may have begun before.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._first = True
        self.damaged = 0

    def restart(self) -> None:
        """Forget a line that has begun; the port was opened again."""
        self._rest = b""
        self._first = True

    def push(self, data: bytes) -> list[Line]:
        """Take the next bytes, and return the whole lines that they end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST:
            self._rest = self._rest[-_LONGEST:]
        found = []
        for line in lines:
            parsed = parse(line.rstrip(b"\r"))
            if parsed is not None:
                found.append(parsed)
            elif not self._first:
                self.damaged += 1
            self._first = False
        return found
