"""Lines of a board: what is whole is read, what is damaged is counted."""

from __future__ import annotations

from binascii import crc_hqx

from hypothesis import given
from hypothesis import strategies as st

from rppg_fast.record.protocol import (
    AnswerLine,
    HelloLine,
    LineReader,
    SampleLine,
    parse,
    request,
)
from tests.support.made_up_board import line

SAMPLE = line("S,A,17,1234567,512")


def test_the_checksum_is_that_of_xmodem() -> None:
    assert crc_hqx(b"123456789", 0) == 0x31C3  # the check value in catalogues of CRCs
    assert request("T", 5) == b"T,5*%04X\n" % crc_hqx(b"T,5", 0)


def test_lines_are_read() -> None:
    assert parse(SAMPLE[:-1]) == SampleLine("A", 17, 1234567, 512)
    assert parse(line("H,1,100,AI")[:-1]) == HelloLine(1, 100, "AI")
    answer = line("T,3,10,20")
    assert parse(answer[:-1]) == AnswerLine(3, 10, 20, len(answer))


@given(st.integers(0, len(SAMPLE) - 2), st.integers(0, 255))
def test_one_wrong_character_makes_a_line_none(at: int, value: int) -> None:
    wrong = bytearray(SAMPLE[:-1])
    before, wrong[at] = wrong[at], value
    digits = at > SAMPLE.index(b"*") and bytes(wrong).upper() == SAMPLE[:-1]  # in either case
    same = value == before or digits
    assert (parse(bytes(wrong)) is not None) == same


@given(st.binary(max_size=300))
def test_anything_is_read_without_an_error(data: bytes) -> None:
    reader = LineReader()
    reader.push(data)
    assert reader.push(b"\n" + SAMPLE)[-1] == SampleLine("A", 17, 1234567, 512)


@given(st.lists(st.integers(1, 40), max_size=20))
def test_lines_come_in_pieces(cuts: list[int]) -> None:
    data = SAMPLE * 5
    reader, found, at = LineReader(), [], 0
    for cut in [*cuts, len(data)]:
        found += reader.push(data[at : at + cut])
        at += cut
    assert len(found) == 5
    assert reader.damaged == 0


def test_damaged_lines_are_counted_but_for_the_first() -> None:
    reader = LineReader()
    found = reader.push(SAMPLE[9:] + SAMPLE + SAMPLE.replace(b"7", b"8") + b"hello\n" + SAMPLE)
    assert len(found) == 2
    assert reader.damaged == 2
