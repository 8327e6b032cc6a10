"""The folder of a recording, in the layout ``own`` of ``training.data.recordings``.

``video.mkv``
    The frames.
``frames.csv``
    ``time_s``: the time of each frame.
``ppg.csv``
    ``time_s,ppg``: the samples of the finger, on the same clock.
``subject.txt``
    The subject's number.
``metadata.json``
    What was recorded how, whether the subject has consented, and how the recording ended; ``ended``
    is null while it goes on and after a kill.

All times are seconds on one clock, ``time.monotonic()`` of the host less the recording's start.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.record.files import GrowingFile, write_json
from rppg_fast.record.sensor import Sample
from rppg_fast.record.video_writer import VideoWriter
from rppg_fast.yuv import AnyFrame

VIDEO, FRAMES, PPG, SUBJECT, METADATA = (
    "video.mkv",
    "frames.csv",
    "ppg.csv",
    "subject.txt",
    "metadata.json",
)
FORMAT = "rppg_fast recording 1"
_NAME = re.compile(r"s(\d{3,})-r(\d{3,})")
_MOST_TRIES = 1000


@dataclass(frozen=True)
class Setup:
    """What all recordings of a session have in common.

    Attributes
    ----------
    subject
        The subject's number.
    consent
        Whether the subject has agreed to the use of the recording.
    codec
        One of ``video_writer.CODECS``.
    camera, sensor
        Names of both.
    camera_delay_s
        How much later a frame arrives than it was taken, s; it was taken off the frames' times.
    """

    subject: int
    consent: bool
    codec: str
    camera: str
    sensor: str
    camera_delay_s: float = 0.0


class Recording:
    """A recording that is being made.

    Parameters
    ----------
    root
        Folder of all recordings.
    setup
        What it is.
    start
        ``time.monotonic()`` at the time 0 of the recording, s.

    Attributes
    ----------
    folder
        Its folder, ``s001-r001`` and so on.

    Raises
    ------
    OSError
        If a file cannot be written; what was written before is kept and can be read.
    """

    def __init__(self, root: Path, setup: Setup, start: float) -> None:
        self._start = start
        self.folder = _next_folder(root, setup.subject)
        number = int(_NAME.fullmatch(self.folder.name)[2])  # type: ignore[index]
        self._metadata: dict[str, Any] = {
            "format": FORMAT,
            "subject": setup.subject,
            "recording": number,
            "consent": setup.consent,
            "started": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "monotonic_start_s": start,
            "camera": setup.camera,
            "camera_delay_s": setup.camera_delay_s,
            "sensor": setup.sensor,
            "codec": setup.codec,
            "software": f"rppg_fast {_core.__version__}",
            "ended": None,
        }
        write_json(self.folder / METADATA, self._metadata)
        (self.folder / SUBJECT).write_text(f"{setup.subject}\n", encoding="ascii")
        self._frames = GrowingFile(self.folder / FRAMES)
        self._frames.add(b"time_s\n")
        self._ppg = GrowingFile(self.folder / PPG)
        self._ppg.add(b"time_s,ppg\n")
        self._video = VideoWriter(self.folder / VIDEO, setup.codec)
        self._times: deque[float] = deque()  # of frames that are not yet whole in the file
        self._noted = 0
        self.samples = 0

    @property
    def frames(self) -> int:
        """Number of frames so far."""
        return self._noted + len(self._times)

    @property
    def size(self) -> int:
        """Bytes of the video so far."""
        return self._video.size

    def add_frame(self, frame: AnyFrame, time: float) -> None:
        """Add a frame that was taken at ``time`` by ``time.monotonic()``, s."""
        self._video.write(frame, time - self._start)
        self._times.append(time)
        self._note_times()

    def add_samples(self, samples: Sequence[Sample]) -> None:
        """Add samples of the finger."""
        lines = (f"{time - self._start:.6f},{value:.9g}\n" for time, value in samples)
        self._ppg.add("".join(lines).encode("ascii"))
        self.samples += len(samples)

    def finish(self, ended: dict[str, Any]) -> None:
        """Close the files and say in the metadata how the recording ended.

        Parameters
        ----------
        ended
            What the metadata says under ``ended``; see ``session.Ending``.
        """
        self._video.close()
        self._note_times()
        self._frames.close()
        self._ppg.close()
        self._metadata["ended"] = {**ended, **self._of_video()}
        write_json(self.folder / METADATA, self._metadata)

    def abandon(self, ended: dict[str, Any]) -> None:
        """Close the files as they are, after an error of the disk.

        If the disk takes no metadata either, they stay as after a kill.
        """
        with suppress(OSError):
            self._video.abandon()
        for file in (self._frames, self._ppg):
            with suppress(OSError):
                file.close()
        self._metadata["ended"] = {**ended, **self._of_video()}
        with suppress(OSError):
            write_json(self.folder / METADATA, self._metadata)

    def _of_video(self) -> dict[str, Any]:
        return {"pixel_format": self._video.pixel_format, "frames": self._noted}

    def _note_times(self) -> None:
        """Note the times of frames that are whole in the video: a kill leaves none without it."""
        whole = [self._times.popleft() for _ in range(self._video.frames - self._noted)]
        if whole:
            lines = (f"{time - self._start:.6f}\n" for time in whole)
            self._frames.add("".join(lines).encode("ascii"))
            self._noted += len(whole)


@dataclass(frozen=True)
class Stored:
    """A recording on the disk.

    Attributes
    ----------
    folder
        Its folder.
    subject, number
        The subject's number, and that of the recording.
    metadata
        The content of ``metadata.json``.
    """

    folder: Path
    subject: int
    number: int
    metadata: dict[str, Any]

    @property
    def whole(self) -> bool:
        """Whether the recording went on for as long as it was meant to."""
        ended = self.metadata.get("ended")
        return isinstance(ended, dict) and bool(ended.get("whole"))

    def times(self) -> NDArray[np.float64]:
        """Return the times of the frames, float64 (frames,), s."""
        return _table(self.folder / FRAMES, 1)[:, 0]

    def ppg(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return times, s, and values of the PPG, float64 (samples,)."""
        times, values = _table(self.folder / PPG, 2).T
        return times, values


def stored(root: Path) -> list[Stored]:
    """List the recordings in a folder, by subject and number; other folders are left out.

    Raises
    ------
    OSError, ValueError
        If a file cannot be read.
    """
    found = [
        read_stored(folder)
        for folder in (root.iterdir() if root.is_dir() else ())
        if _NAME.fullmatch(folder.name) and (folder / METADATA).is_file()
    ]
    return sorted(found, key=lambda one: (one.subject, one.number))


def read_stored(folder: Path) -> Stored:
    """Return the recording in a folder with the name of one.

    Raises
    ------
    OSError, ValueError
        If its metadata cannot be read.
    """
    name = _NAME.fullmatch(folder.name)
    if name is None:
        raise ValueError(f"{folder}: its name is not that of a recording, as s001-r001")
    path = folder / METADATA
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not a JSON file: {error}") from None
    return Stored(folder, int(name[1]), int(name[2]), metadata)


def mark_interrupted(recording: Stored) -> None:
    """Say in the metadata of a recording that it did not come to its end.

    Raises
    ------
    OSError
        If the metadata cannot be written.
    """
    ended = {"why": "interrupted", "reason": "the program was ended", "whole": False}
    write_json(recording.folder / METADATA, {**recording.metadata, "ended": ended})


def next_subject(root: Path) -> int:
    """Return the number of the next subject."""
    numbers = [int(name[1]) for name in map(_NAME.fullmatch, _names(root)) if name]
    return max(numbers, default=0) + 1


def _names(root: Path) -> list[str]:
    return [path.name for path in root.iterdir()] if root.is_dir() else []


def _next_folder(root: Path, subject: int) -> Path:
    """Make the folder of a subject's next recording, which nobody else has."""
    taken = [
        int(name[2])
        for name in map(_NAME.fullmatch, _names(root))
        if name and int(name[1]) == subject
    ]
    first = max(taken, default=0) + 1
    for number in range(first, first + _MOST_TRIES):
        folder = root / f"s{subject:03d}-r{number:03d}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise OSError(f"{root}: no folder can be made for subject {subject}")


def _table(path: Path, columns: int) -> NDArray[np.float64]:
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2, dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"{path}: not a table of numbers: {error}") from None
    if table.size == 0:
        table = np.empty((0, columns))
    if table.shape[1] != columns:
        raise ValueError(f"{path}: must have rows of {columns} columns, has {table.shape[1]}")
    return table
