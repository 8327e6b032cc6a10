"""The live view in a terminal, for a board that is reached by ssh."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rppg_fast.live.advice import Advice
from rppg_fast.live.session import LiveSession
from rppg_fast.live.snapshot import FaceSnapshot, Snapshot
from rppg_fast.live.strings import words

#: Seconds of pulse that are shown, and its samples a second.
_SECONDS, _SAMPLES = 10.0, 30
#: Rows of characters of each drawing.
_ROWS = 5
#: Dots of a braille character, by row and column.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_BRAILLE = 0x2800


class TerminalView:
    """Draws a session in a terminal; a context manager.

    Parameters
    ----------
    session
        What is shown.
    language
        One of ``rppg_fast.live.strings.LANGUAGES``.
    console
        Where to draw; the terminal by default.
    """

    def __init__(self, session: LiveSession, language: str, console: Console | None = None) -> None:
        self._session, self._words = session, words(language)
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False)

    def __enter__(self) -> TerminalView:
        self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._live.stop()

    def draw(self, snapshot: Snapshot) -> None:
        """Show a snapshot."""
        self._live.update(self.render(snapshot), refresh=True)

    def render(self, snapshot: Snapshot) -> Panel:
        """Return what is shown of a snapshot."""
        say = self._words
        parts: list[Text | Table] = [self._advice(snapshot)]
        if snapshot.reason is not None:
            parts.append(Text(snapshot.reason, style="dim"))
        width = max(20, self._console.width - 4)
        for face in snapshot.faces:
            parts.append(self._numbers(face, len(snapshot.faces)))
            if face is snapshot.faces[0]:
                parts.append(Text(self._pulse(face, snapshot, width), style="red"))
                if face.spectrum is not None:
                    bars = braille_bars(face.spectrum.power, width, 3)
                    parts.append(Text(f"\n{say['spectrum']} 42-240 {say['bpm']}", style="dim"))
                    parts.append(Text(bars, style="magenta"))
        return Panel(
            Group(*parts),
            title=f"rppg_fast: {say['title']}",
            subtitle=(
                f"{snapshot.source}  {snapshot.method}  {snapshot.fps:.1f} Hz  "
                f"{snapshot.frame_ms:.1f} ms  {say['not_medical']}"
            ),
        )

    def _advice(self, snapshot: Snapshot) -> Text:
        good = snapshot.advice is Advice.GOOD
        return Text(self._words[f"advice.{snapshot.advice}"], style=f"bold {_color(good)}")

    def _numbers(self, face: FaceSnapshot, faces: int) -> Table:
        say, reading = self._words, face.reading
        table = Table.grid(padding=(0, 3))
        name = say["face"].format(number=face.number) if faces > 1 else say["heart_rate"]
        if reading.heart_rate_bpm is not None:
            rate = Text(f"{reading.heart_rate_bpm:.0f} {say['bpm']}", style="bold green")
            sure = f"{say['confidence']} {reading.confidence or 0.0:.0%}"
        elif face.progress < 1:
            rate, sure = Text(f"-- {say['bpm']}"), f"{say['first_window']} {face.progress:.0%}"
        else:
            rate, sure = Text(f"-- {say['bpm']}"), say["no_heart_rate"]
        table.add_row(name, rate, sure)
        return table

    def _pulse(self, face: FaceSnapshot, snapshot: Snapshot, width: int) -> str:
        piece = self._session.pulse_since(face.number, 0, round(_SECONDS * _SAMPLES))
        places = np.linspace(snapshot.time_s - _SECONDS, snapshot.time_s, 2 * width)
        if len(piece.times) < 2:
            return "\n".join([" " * width] * _ROWS)
        shown = np.interp(places, piece.times, piece.values, left=math.nan, right=math.nan)
        return braille_line(shown, width, _ROWS)


def braille_line(values: NDArray[np.float64], width: int, rows: int) -> str:
    """Return a curve as characters.

    Parameters
    ----------
    values
        float64 of shape (2 * width,): two points for each character; nothing is drawn for NaN.
    width, rows
        Size of the drawing, characters.
    """
    dots = np.zeros((4 * rows, 2 * width), np.bool_)
    seen = np.flatnonzero(np.isfinite(values))
    if len(seen):
        largest = max(float(np.abs(values[seen]).max()), np.finfo(np.float64).tiny)
        half = (4 * rows - 1) / 2
        levels = np.rint(half - half * values[seen] / largest).astype(int)
        before = levels[0]
        for column, level in zip(seen, levels):  # a column reaches to the one before: no holes
            low, high = sorted((before, level))
            dots[low : high + 1, column] = True
            before = level
    return _characters(dots)


def braille_bars(values: Sequence[float] | NDArray[np.float64], width: int, rows: int) -> str:
    """Return heights, 0 to 1, as bars of characters; each column shows the highest of its values.

    Parameters
    ----------
    values
        At least one.
    width, rows
        Size of the drawing, characters.
    """
    bins = np.array_split(np.asarray(values, np.float64), min(2 * width, len(values)))
    highest = np.array([part.max() for part in bins])
    columns = highest[np.arange(2 * width) * len(highest) // (2 * width)]
    heights = np.rint(columns * 4 * rows)
    return _characters(np.arange(4 * rows)[::-1, None] < heights)


def _characters(dots: NDArray[np.bool_]) -> str:
    height, width = dots.shape
    weights = np.array(_DOTS).reshape(1, 4, 1, 2)
    codes = (dots.reshape(height // 4, 4, width // 2, 2) * weights).sum((1, 3)) + _BRAILLE
    return "\n".join("".join(map(chr, row)) for row in codes)


def _color(good: bool) -> str:
    return "green" if good else "yellow"
