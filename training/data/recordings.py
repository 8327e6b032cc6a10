"""Read recordings of people, each a video with a PPG: layouts of published data sets, and our own.

``find`` lists the recordings below a folder. Files are opened only when frames or trace are read,
so that a broken recording does not stop the others.

The folder of a recording contains:

``ubfc-rppg-1``
    UBFC-rPPG, DATASET_1 (Bobbia et al., 2019), any folder, such as ``5-gt``: ``vid.avi`` (or
    another ``vid*.avi``) and ``gtdump.xmp``, comma-separated columns without a header: time in ms
    from the video's start, heart rate in bpm, SpO2 in %, PPG. The set does not name the persons:
    each folder counts as a subject.
``ubfc-rppg-2``
    UBFC-rPPG, DATASET_2, ``subject1`` and so on: ``vid.avi`` and ``ground_truth.txt`` (see
    ``rppg_fast.reference``) with one value and one time for each frame.
``pure``
    PURE (Stricker et al., 2014), ``01-02`` for task 2 of subject 01: a folder ``01-02`` with
    ``Image<time>.png``, and ``01-02.json`` with the lists ``/Image`` and ``/FullPackage``; times
    in ns. The published ``06-02`` is empty.
``ubfc-phys``
    UBFC-Phys (Meziati Sabour et al., 2021), ``s1`` and so on with tasks 1 to 3 each:
    ``vid_s1_T1.avi``, and ``bvp_s1_T1.csv`` with one value per line, 64 per second from the
    start of the video.
``own``
    Our own layout, which ``rppg-fast record`` writes, any folder: one ``video.*``; ``ppg.csv`` with
    the header ``time_s,ppg``, at any rate; optionally ``frames.csv`` with the header ``time_s`` and
    one line for each frame, on the clock of ``ppg.csv`` (without it, both clocks start with the
    video, and the container gives the frames' times); optionally ``subject.txt`` with one line
    (without it, the folder's name is the subject's name); optionally ``metadata.json``: a recording
    whose ``consent`` is false is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.reference import Reference
from rppg_fast.video import Frame
from training.data.trajectories import Times

MAX_GAP = 2.0
"""Longest gap between samples of a trace, s; a longer one hides the pulse. Shorter gaps occur in
published data sets; a spline then bridges a beat or two."""

# Largest difference between the numbers of frames and of values of a trace with one value per
# frame. The times may then be wrong by 0.1 s, a fraction of a beat.
_FRAMES_APART = 3

# A recording that was killed may have a frame whose time was not written.
_KILLED_APART = 1

_PHYS_FS = 64.0  # Hz
_PHYS_TASKS = (1, 2, 3)

TimedFrame = tuple[Frame, float]


@dataclass(frozen=True)
class Trace:
    """A PPG that rises with the blood volume.

    Attributes
    ----------
    ppg : float64 (samples,)
        PPG in the sensor's unit.
    times : float64 (samples,)
        Times on the clock of the frames, s, increasing.
    """

    ppg: Times
    times: Times

    @classmethod
    def checked(cls, path: Path, ppg: Times, times: Times) -> Trace:
        """Create a trace from values of a file. Samples that repeat a time are left out.

        Raises
        ------
        ValueError
            If a value is not finite, if times go back, or if a gap is longer than ``MAX_GAP``; the
            message names the file.
        """
        if not (np.isfinite(ppg).all() and np.isfinite(times).all()):
            raise ValueError(f"{path}: has a value that is not finite")
        steps = np.diff(times)
        if times.size < 2 or np.any(steps < 0):
            raise ValueError(f"{path}: its times must be at least two and never go back")
        if steps.max() > MAX_GAP:
            i = int(steps.argmax())
            raise ValueError(f"{path}: no sample from {times[i]:.3f} s to {times[i + 1]:.3f} s")
        fresh = np.concatenate([[True], steps > 0])
        return cls(ppg[fresh], times[fresh])


@dataclass(frozen=True)
class Recording:
    """A video of one person with the PPG of a finger.

    Attributes
    ----------
    name : str
        Name in the data set.
    subject : str
        Name of the person.
    frames : callable
        Opens the video and yields frames, uint8 (height, width, 3) in blue-green-red, with their
        times in seconds, as stored in the files. It raises OSError or ValueError, at any frame, if
        a file is missing or broken; the message names the file.
    trace : callable
        Reads the PPG. It raises the same errors.
    """

    name: str
    subject: str
    frames: Callable[[], Iterator[TimedFrame]]
    trace: Callable[[], Trace]


def find(layout: str, folder: Path) -> list[Recording]:
    """List the recordings of a data set, ``subject2`` before ``subject10``.

    Parameters
    ----------
    layout
        One of ``LAYOUTS``.
    folder
        Folder that contains the recordings' folders.

    Raises
    ------
    OSError
        If the folder cannot be read.
    ValueError
        If there is no such layout, if the folder has no recording, or if a subject's name is
        unclear.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    pattern, members = LAYOUTS[layout]
    places = [p for p in folder.iterdir() if p.is_dir() and re.fullmatch(pattern, p.name)]
    found = [recording for place in sorted(places, key=_natural) for recording in members(place)]
    if not found:
        raise ValueError(f"{folder}: no folder of a recording in the layout {layout}")
    return found


def _natural(path: Path) -> tuple[list[tuple[str, int]], str]:
    """Return a sort key that compares numbers in a name by value."""
    parts = re.findall(r"(\D*)(\d*)", path.name)
    return [(text, int(number or 0)) for text, number in parts], path.name


# UBFC-rPPG.


def _ubfc_rppg_1(folder: Path) -> list[Recording]:
    frames = partial(_video, folder, "vid*.avi")
    return [Recording(folder.name, folder.name, frames, partial(_gtdump, folder / "gtdump.xmp"))]


def _gtdump(path: Path) -> Trace:
    milliseconds, _, _, ppg = _table(path, 4).T
    return Trace.checked(path, ppg, milliseconds / 1000)


def _ubfc_rppg_2(folder: Path) -> list[Recording]:
    truth = folder / "ground_truth.txt"
    frames = partial(_frame_by_frame, folder / "vid.avi", truth)
    return [Recording(folder.name, folder.name, frames, partial(_ground_truth, truth))]


def _frame_by_frame(video: Path, truth: Path) -> Iterator[TimedFrame]:
    return _timed(video, Reference.read(truth).times, truth, _FRAMES_APART)


def _ground_truth(path: Path) -> Trace:
    reference = Reference.read(path)
    return Trace.checked(path, reference.ppg, reference.times)


# PURE.


def _pure(folder: Path) -> list[Recording]:
    log = folder / f"{folder.name}.json"
    frames = partial(_images, folder / folder.name, log)
    return [Recording(folder.name, folder.name.partition("-")[0], frames, partial(_oximeter, log))]


def _images(folder: Path, log: Path) -> Iterator[TimedFrame]:
    stamps, _, _ = _pure_log(log)
    names = {f"Image{stamp}.png" for stamp in stamps}
    there = {path.name for path in folder.glob("Image*.png")}
    if names != there:
        raise ValueError(
            f"{folder}: {len(there)} images, {log.name} lists {len(stamps)};"
            f" {min(names ^ there)} is only in one of them"
        )
    for stamp in stamps:
        path = folder / f"Image{stamp}.png"
        frame = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if frame is None:
            raise ValueError(f"{path}: not a picture")
        yield np.asarray(frame, np.uint8), (stamp - stamps[0]) / 1e9


def _oximeter(log: Path) -> Trace:
    images, stamps, waveform = _pure_log(log)
    # Differences of integers, because 10^18 ns as float64 would be wrong by up to 128 ns.
    times = np.array([stamp - images[0] for stamp in stamps], np.float64) / 1e9
    return Trace.checked(log, np.array(waveform, np.float64), times)


def _pure_log(path: Path) -> tuple[list[int], list[int], list[float]]:
    """Return the times of the images and of the PPG, both in ns, and the PPG."""
    try:
        log = json.loads(path.read_text(encoding="utf-8"))
        images = [int(entry["Timestamp"]) for entry in log["/Image"]]
        stamps = [int(entry["Timestamp"]) for entry in log["/FullPackage"]]
        waveform = [float(entry["Value"]["waveform"]) for entry in log["/FullPackage"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a log of PURE ({type(error).__name__}: {error})") from None
    if not images:
        raise ValueError(f"{path}: lists no image")
    return images, stamps, waveform


# UBFC-Phys.


def _ubfc_phys(folder: Path) -> list[Recording]:
    return [
        Recording(
            f"{folder.name}_T{task}",
            folder.name,
            partial(_video, folder, f"vid_{folder.name}_T{task}.avi"),
            partial(_bvp, folder / f"bvp_{folder.name}_T{task}.csv"),
        )
        for task in _PHYS_TASKS
    ]


def _bvp(path: Path) -> Trace:
    ppg = _table(path, 1)[:, 0]
    return Trace.checked(path, ppg, np.arange(ppg.size) / _PHYS_FS)


# Our own.


def _own(folder: Path) -> list[Recording]:
    named = folder / "subject.txt"
    subject = folder.name
    if named.is_file():
        lines = named.read_text(encoding="utf-8").strip().splitlines()
        if len(lines) != 1:
            raise ValueError(f"{named}: must be one line with the subject's name")
        subject = lines[0].strip()
    return [
        Recording(
            folder.name,
            subject,
            partial(_own_frames, folder),
            partial(_own_trace, folder),
        )
    ]


def _own_frames(folder: Path) -> Iterator[TimedFrame]:
    stamps = folder / "frames.csv"
    if not stamps.is_file():
        return _video(folder, "video.*")
    times = _table(stamps, 1, "time_s")[:, 0]
    return _timed(_only(folder, "video.*"), times, stamps, _KILLED_APART)


def _own_trace(folder: Path) -> Trace:
    _check_consent(folder / "metadata.json")
    path = folder / "ppg.csv"
    times, ppg = _table(path, 2, "time_s,ppg").T
    return Trace.checked(path, ppg, times)


def _check_consent(path: Path) -> None:
    """Refuse a recording whose metadata say that the subject has not agreed to its use."""
    if not path.is_file():
        return
    try:
        consent = json.loads(path.read_text(encoding="utf-8"))["consent"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path}: does not say whether the subject has consented") from None
    if consent is not True:
        raise ValueError(
            f"{path}: the subject has not consented to the use of this recording; if that is"
            " wrong, set consent to true"
        )


# Files.


def _only(folder: Path, pattern: str) -> Path:
    """Return the only file that matches a pattern."""
    found = sorted(folder.glob(pattern))
    if not found:
        raise FileNotFoundError(f"{folder}: no {pattern}")
    if len(found) > 1:
        raise ValueError(f"{folder}: both {found[0].name} and {found[1].name}")
    return found[0]


def _video(folder: Path, name: str) -> Iterator[TimedFrame]:
    yield from rf.VideoFile(_only(folder, name))


def _timed(video: Path, times: Times, source: Path, apart: int) -> Iterator[TimedFrame]:
    """Yield a video's frames with times from another file, until either ends."""
    count = 0
    for frame, _ in rf.VideoFile(video):
        if count < times.size:
            yield frame, float(times[count])
        count += 1
    if abs(count - times.size) > apart:
        raise ValueError(f"{video}: {count} frames, but {source.name} has {times.size} values")


def _table(path: Path, columns: int, header: str | None = None) -> NDArray[np.float64]:
    """Read comma-separated numbers, float64 (rows, columns).

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file has another header, no rows, another number of columns, or a value that is not a
        number; the message names the file.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file") from None
    lines = [line.strip() for line in lines if line.strip()]
    if header is not None and lines[:1] != [header]:
        raise ValueError(f"{path}: the first line must be {header!r}")
    rows = [line.split(",") for line in lines[header is not None :]]
    widths = {len(row) for row in rows}
    if widths != {columns}:
        raise ValueError(f"{path}: must have rows of {columns} columns, has {sorted(widths)}")
    try:
        return np.array(rows, np.float64)
    except ValueError as error:
        raise ValueError(f"{path}: not a table of numbers: {error}") from None


_Members = Callable[[Path], Sequence[Recording]]

LAYOUTS: dict[str, tuple[str, _Members]] = {
    "ubfc-rppg-1": (r"[^.].*", _ubfc_rppg_1),
    "ubfc-rppg-2": (r"subject\d+", _ubfc_rppg_2),
    "pure": (r"\d\d-\d\d", _pure),
    "ubfc-phys": (r"s\d+", _ubfc_phys),
    "own": (r"[^.].*", _own),
}
"""For each layout: a pattern for the folders' names, and a function that lists their recordings."""
