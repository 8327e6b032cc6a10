"""The videos of a run over many: files, folders, patterns, lists of names and manifests."""

from __future__ import annotations

import csv
import glob
import io
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union

from rppg_fast.many.results import RESERVED
from rppg_fast.sources.remote import SERVERS, STORES, file_system, naming_errors, scheme

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

    Raises
    ------
    ValueError
        If a column has the name of a result.
    """

    video: str
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in RESERVED & self.columns.keys():
            raise ValueError(f"{self.video}: its column {name!r} is a result's: rename it")


def list_videos(inputs: Iterable[VideoLike]) -> list[VideoJob]:
    """List the videos that some inputs name, each once, in the order of the inputs.

    Parameters
    ----------
    inputs
        Each is one of: a video file or an address; a folder, whose video files are taken with those
        in its subfolders, sorted by name; a pattern with ``*``, where ``**`` stands for any
        subfolders; ``@FILE``, a text file with an input on each line; a CSV file with a column
        "video" (``read_manifest``); a ``VideoJob``. Files, folders and patterns can also be in a
        store or on a server, such as ``s3://bucket/folder/*.mp4``.

    Raises
    ------
    FileNotFoundError
        If a folder, a pattern or a list names no video.
    ValueError
        If a manifest has a wrong column or value.
    OSError
        If a list, a manifest or a store cannot be read.
    ImportError
        If a package for a kind of address is not installed.
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
        yield from _from_list(name[1:])
    elif name.lower().endswith(".csv"):
        yield from read_manifest(name)
    elif is_remote(name):
        yield from _in_store(name)
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
            if _is_video(name) and not name.startswith("."):
                yield os.path.join(place, name)


def _is_video(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES


def _named(names: list[str], otherwise: str) -> Iterator[VideoJob]:
    if not names:
        raise FileNotFoundError(otherwise)
    yield from map(VideoJob, names)


def is_remote(name: str) -> bool:
    """Return whether a name is the address of a file in a store or on a server."""
    return scheme(name) in STORES | SERVERS


def absolute(name: str) -> str:
    """Return a name that is the same in each folder."""
    return name if "://" in name else os.path.abspath(name)


def _in_store(name: str) -> Iterator[VideoJob]:
    """Yield a file in a store or on a server, or those of a folder or of a pattern there."""
    pattern, folder = "*" in name, name.endswith("/")
    if not pattern and not folder and (_is_video(name) or scheme(name) in SERVERS):
        yield VideoJob(name)
        return
    system, path = file_system(name)
    with naming_errors(name):
        if pattern:
            matching = system.glob(path)
        elif folder or system.isdir(path):
            matching = [one for one in system.find(path) if _is_video(one)]
        else:
            matching = [path]
    otherwise = "no file matches this pattern" if pattern else "no video file is in this folder"
    yield from _named(sorted(map(system.unstrip_protocol, matching)), f"{name}: {otherwise}")


def _from_list(place: str) -> Iterator[VideoJob]:
    """Yield the videos of a list; names in it are relative to its folder."""
    lines = [line.strip() for line in _text(place).splitlines()]
    named = [line for line in lines if line and not line.startswith("#")]
    if not named:
        raise FileNotFoundError(f"{place}: the list names no video")
    for name in named:
        yield from _expand(_beside(place, name))


def read_manifest(place: str | os.PathLike[str]) -> list[VideoJob]:
    """Read a CSV file with a row for each video.

    The column "video" holds its path, relative to the file's folder, or an address. Columns with
    the name of an option of ``measure`` (``fps``, ``box`` as "x0 y0 x1 y1", ``method``, ...) hold
    the option of this video; an empty cell leaves that of the run. All other columns, such as
    "subject" and "truth", are copied to the results.

    Raises
    ------
    ValueError
        If there is no column "video", a cell of it is empty or names a video again, an option has a
        wrong value, or a column has the name of a result.
    OSError
        If the file cannot be read.
    """
    place = os.fsdecode(place)
    rows = csv.DictReader(io.StringIO(_text(place), newline=""))
    if "video" not in (rows.fieldnames or ()):
        raise ValueError(f"{place}: must have a column 'video', has {rows.fieldnames}")
    jobs: dict[str, VideoJob] = {}
    for row in rows:
        cells = {name: cell for name, cell in row.items() if name and cell}
        where = f"{place}: line {rows.line_num}"
        video = cells.pop("video", "")
        if not video:
            raise ValueError(f"{where}: the cell 'video' is empty")
        video = _beside(place, video)
        if video in jobs:
            raise ValueError(f"{where}: {video} is in an earlier line, too")
        options = {}
        for name in [name for name in cells if name in _OPTIONS]:
            text = cells.pop(name)
            try:
                options[name] = _OPTIONS[name](text)
            except ValueError:
                raise ValueError(f"{where}: {name} has a wrong value: {text!r}") from None
        jobs[video] = VideoJob(video, options, cells)
    return list(jobs.values())


def _text(place: str) -> str:
    """Return the text of a file."""
    if is_remote(place):
        system, path = file_system(place)
        with naming_errors(place):
            content = bytes(system.cat_file(path))
    else:
        content = Path(place).read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{place}: is not text in UTF-8") from None


def _beside(place: str, name: str) -> str:
    """Return a name that is relative to the folder of a file."""
    if "://" in name:
        return name
    if is_remote(place):
        return f"{place.rpartition('/')[0]}/{name}"
    return str(Path(place).parent / name)
