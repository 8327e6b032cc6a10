"""The videos of a run over many: files, folders, patterns, lists of names and manifests."""

from __future__ import annotations

import csv
import glob
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

#: A name, or a name with options of its own.
VideoLike = Union[str, "os.PathLike[str]", "VideoJob"]

#: Ends of the names of files that are taken from a folder.
VIDEO_SUFFIXES = frozenset(
    {
        *(".3gp", ".asf", ".avi", ".flv", ".gif", ".h264", ".hevc", ".m2ts", ".m4v", ".mjpeg"),
        *(".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogv", ".ts", ".vob"),
        *(".webm", ".wmv", ".y4m"),
    }
)

#: Columns of a manifest that are options, and how their text becomes a value.
_OPTIONS: Mapping[str, Any] = {
    "fps": float,
    "duration": float,
    "step": float,
    "method": str,
    "tracking": str,
    "faces": str,
    "box": lambda text: tuple(int(side) for side in text.replace(",", " ").split()),
    "box_scale": float,
    "window": float,
    "min_window": float,
    "max_gap": float,
    "low": float,
    "high": float,
    "min_confidence": float,
    "peaks": int,
}


@dataclass(frozen=True)
class VideoJob:
    """One video of a run.

    Attributes
    ----------
    video
        Its path, or an address.
    options
        Options of ``measure`` for this video, which replace those of the run.
    columns
        Further columns of a manifest, such as "subject" and "truth"; they are copied to the result.
    """

    video: str
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)


def list_videos(inputs: Iterable[VideoLike]) -> list[VideoJob]:
    """List the videos that some inputs name, each once, in the order of the inputs.

    Parameters
    ----------
    inputs
        Each is one of: a video file or an address; a folder, whose video files are taken with those
        in its subfolders, sorted by name; a pattern with ``*``, where ``**`` stands for any
        subfolders; ``@FILE``, a text file with an input on each line; a CSV file with a column
        "video" (``read_manifest``); a ``VideoJob``.

    Raises
    ------
    FileNotFoundError
        If a folder, a pattern or a list names no video.
    ValueError
        If a manifest has a wrong column or value.
    OSError
        If a list or a manifest cannot be read.
    """
    found: dict[str, VideoJob] = {}
    for one in inputs:
        for job in _expand(one):
            found.setdefault(job.video, job)
    return list(found.values())


def _expand(one: VideoLike) -> Iterator[VideoJob]:
    if isinstance(one, VideoJob):
        yield one
        return
    name = os.fsdecode(one)
    if name.startswith("@"):
        yield from _from_list(Path(name[1:]))
    elif name.lower().endswith(".csv"):
        yield from read_manifest(Path(name))
    elif os.path.isdir(name):
        yield from _named(sorted(_walk(name)), f"{name}: no video file is in this folder")
    elif not os.path.exists(name) and "://" not in name and glob.has_magic(name):
        matching = sorted(path for path in glob.iglob(name, recursive=True) if os.path.isfile(path))
        yield from _named(matching, f"{name}: no file matches this pattern")
    else:
        yield VideoJob(name)


def _walk(folder: str) -> Iterator[str]:
    for place, _, names in os.walk(folder):
        for name in names:
            if os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES and not name.startswith("."):
                yield os.path.join(place, name)


def _named(names: list[str], otherwise: str) -> Iterator[VideoJob]:
    if not names:
        raise FileNotFoundError(otherwise)
    yield from map(VideoJob, names)


def _from_list(path: Path) -> Iterator[VideoJob]:
    """Yield the videos of a list; names in it are relative to its folder."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    named = [line for line in lines if line and not line.startswith("#")]
    if not named:
        raise FileNotFoundError(f"{path}: the list names no video")
    for name in named:
        yield from _expand(name if "://" in name else str(path.parent / name))


def read_manifest(path: Path) -> list[VideoJob]:
    """Read a CSV file with a row for each video.

    The column "video" holds its path, relative to the file's folder, or an address. Columns with
    the name of an option of ``measure`` (``fps``, ``box`` as "x0 y0 x1 y1", ``method``, ...) hold
    the option of this video; an empty cell leaves that of the run. All other columns are copied to
    the results.

    Raises
    ------
    ValueError
        If there is no column "video", a cell of it is empty, or an option has a wrong value.
    OSError
        If the file cannot be read.
    """
    jobs = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if "video" not in (rows.fieldnames or ()):
            raise ValueError(f"{path}: must have a column 'video', has {rows.fieldnames}")
        for row in rows:
            cells = {name: cell for name, cell in row.items() if name and cell}
            where = f"{path}: line {rows.line_num}"
            video = cells.pop("video", "")
            if not video:
                raise ValueError(f"{where}: the cell 'video' is empty")
            options = {}
            for name in [name for name in cells if name in _OPTIONS]:
                text = cells.pop(name)
                try:
                    options[name] = _OPTIONS[name](text)
                except ValueError:
                    raise ValueError(f"{where}: {name} has a wrong value: {text!r}") from None
            if "://" not in video:
                video = str(path.parent / video)
            jobs.append(VideoJob(video, options, cells))
    return jobs
