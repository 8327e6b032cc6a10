"""Pictures in a folder, or pictures whose names match a pattern."""

from __future__ import annotations

import glob
import os
import re
from pathlib import Path

from rppg_fast.sources.container import open_container
from rppg_fast.sources.source import Pictures, Source, VideoError, checked_rate
from rppg_fast.yuv import AnyFrame

#: Endings of the files in a folder that count as pictures.
ENDINGS = (
    *("bmp", "dpx", "exr", "gif", "j2k", "jp2", "jpeg", "jpg", "pbm", "pgm", "png"),
    *("pnm", "ppm", "qoi", "tga", "tif", "tiff", "webp"),
)
#: Placeholder for a number in a name, in printf's notation.
_NUMBER = re.compile(r"%(0?\d*)d")


def is_pattern(what: str) -> bool:
    """Return whether a name is a pattern: it contains ``%04d``, ``*``, ``?`` or ``[``."""
    return bool(_NUMBER.search(os.path.basename(what))) or glob.has_magic(what)


class PicturesSource(Source):
    """Pictures in the order of their names' numbers, at a given rate.

    With a pattern such as ``f_%04d.png``, the time of a picture is its number minus the first
    number, divided by the rate. A missing number leaves a hole.

    Raises
    ------
    VideoError
        If there is no such picture, or if ``fps`` is None.
    ValueError
        If ``fps`` is not a positive number.
    """

    def __init__(self, what: str, fps: float | None) -> None:
        super().__init__(what)
        rate = checked_rate(fps)
        self._numbered = _numbered(what)
        if not self._numbered:
            raise VideoError(f"{what}: no picture there")
        if rate is None:
            raise VideoError(f"{what}: pictures have no times: give their rate (--fps, or fps=)")
        self._fps = rate
        self.frame_count = len(self._numbered)

    def _pictures(self) -> Pictures:
        first = self._numbered[0][0]
        found = False
        for number, path in self._numbered:
            picture = _read(path)
            if picture is None:
                self.damaged += 1
                continue
            found = True
            yield picture, (number - first) / self._fps
        if not found:
            raise VideoError(f"{self.name}: none of its files is a picture that FFmpeg can read")


def _numbered(what: str) -> list[tuple[int, str]]:
    """Return the pictures with their numbers, in order."""
    folder, base = os.path.split(what)
    number = _NUMBER.search(base)
    if os.path.isdir(what):
        names = [p for p in Path(what).iterdir() if p.suffix[1:].lower() in ENDINGS]
    elif number is None:
        names = [Path(name) for name in glob.glob(what)]
    else:
        digits = number[1].lstrip("0") or "1"
        pattern = re.compile(
            re.escape(base[: number.start()])
            + rf"(\d{{{digits},}})"
            + re.escape(base[number.end() :])
        )
        matches = (pattern.fullmatch(name) for name in _listed(folder or "."))
        return sorted((int(m[1]), os.path.join(folder, m[0])) for m in matches if m)
    files = sorted((p for p in names if p.is_file()), key=lambda p: _order(p.name))
    return [(index, str(path)) for index, path in enumerate(files)]


def _listed(folder: str) -> list[str]:
    return os.listdir(folder) if os.path.isdir(folder) else []


def _order(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key that compares numbers in a name by value, so that 10 comes after 9."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(p), "") if p.isdigit() else (0, 0, p) for p in parts]


def _read(path: str) -> AnyFrame | None:
    """Return a picture; None if it cannot be decoded."""
    from rppg_fast.sources.reader import Reader

    try:
        with open(path, "rb") as file, open_container(file, path) as container:
            return next(iter(Reader(container, path, 1.0)))[0]
    except (VideoError, OSError):
        return None
