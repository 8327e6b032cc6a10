"""Make a training cache of recordings of people.

    python -m training.data.preprocess --layout ubfc-rppg-2 --data DIR --out CACHE --workers 2

The face is searched for once in a recording, as in the paper: in the first frame, or every 0.5 s
until it is found; the recording begins there. Its enlarged box is used for all later frames. Frames
outside the PPG's time are left out, and so is a frame that repeats a time.

A recording that cannot be used, because a file is missing or broken or there is no face, does not
stop the others: it is listed with the reason in ``failed.csv`` in the cache's folder. A run that
was interrupted continues with the recordings that it had not finished. Exit code 0: all recordings
are in the cache; 3: some are not; 2: none could be used, or an option or a folder is wrong.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import math
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import scipy
from numpy.typing import NDArray
from tqdm import tqdm

import rppg_fast as rf
from training.data.clips import Clip, Clips, ClipWriter, Frames, as_stored
from training.data.ground_truth import truth
from training.data.recordings import LAYOUTS, Recording, TimedFrame, Trace, find
from training.data.trajectories import Times
from training.support.command import command
from training.support.files import replace_file

BOX_SCALE = 1.6
"""The paper's factor on the face's box."""

LOOK_FOR = 5.0
"""Longest time that is searched for a face, s."""
_LOOK_EVERY = 0.5  # s

ENDS_APART = 2.0
"""Longest part of a video before the PPG's start or after its end that is left out, s."""

SETTINGS = "settings.json"
FAILED = "failed.csv"
PARTS = "parts"


@dataclass(frozen=True)
class Part:
    """One recording in the form in which it is stored in the cache.

    Attributes
    ----------
    frames : Frames
        The frames of the clip.
    box : int64 (4,)
        Box of the face in the video: x0, y0, x1, y1, pixels.
    """

    frames: Frames
    box: NDArray[np.int64]

    def save(self, path: Path) -> None:
        """Write the part, completely or not at all."""
        buffer = io.BytesIO()
        np.savez(buffer, box=self.box, **vars(self.frames))
        replace_file(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Part:
        """Read what ``save`` wrote."""
        with np.load(path) as arrays:
            values = dict(arrays)
        return cls(box=values.pop("box"), frames=Frames(**values))


def make_part(recording: Recording, box_scale: float) -> Part:
    """Reduce a recording to 36 x 36 faces and the truth about each; holds one frame at a time.

    Parameters
    ----------
    recording
        The recording.
    box_scale
        Factor on the face's box.

    Raises
    ------
    OSError, ValueError
        If the recording cannot be used.
    """
    trace = recording.trace()
    frames = recording.frames()
    first, box = find_face(frames, box_scale)
    seen: list[NDArray[np.uint16]] = []
    clock: list[float] = []
    for frame, time in chain([first], frames):
        if not math.isfinite(time) or (clock and time < clock[-1]):
            raise ValueError(f"frame {len(clock)}: the time {time} s is none, or goes back")
        # A frame that repeats a time has an unknown time of its own.
        if not clock or time > clock[-1]:
            seen.append(as_stored(rf.appearance(frame, box)))
            clock.append(time)
    times = np.array(clock)
    covered = _covered(times, trace)
    times = times[covered]
    known = truth(trace, times)
    clip = Frames(
        np.stack(seen[covered]),
        known.pulse.astype(np.float32),
        times,
        known.heart_rate.astype(np.float32),
    )
    return Part(clip, np.array(tuple(box)))


def find_face(frames: Iterator[TimedFrame], box_scale: float) -> tuple[TimedFrame, rf.Box]:
    """Search for a face until one is found; consumes the frames up to that one.

    Returns
    -------
    frame, box
        The frame that shows it with its time, and its enlarged box.

    Raises
    ------
    ValueError
        If no face is found in ``LOOK_FOR`` seconds, or there are no frames.
    """
    detector = rf.MTCNN()
    due, end = -math.inf, math.inf
    for frame, time in frames:
        end = min(end, time + LOOK_FOR)
        if time > end:
            break
        if time < due:
            continue
        due = time + _LOOK_EVERY
        face = rf.largest_face(detector(frame))
        if face is not None:
            height, width = frame.shape[:2]
            return (frame, time), rf.face_box(face, width, height, box_scale)
    raise ValueError(f"no face in the first {LOOK_FOR:g} s")


def _covered(times: Times, trace: Trace) -> slice:
    """Give the frames that the PPG covers."""
    before, after = trace.times[0] - times[0], times[-1] - trace.times[-1]
    if max(before, after) > ENDS_APART:
        raise ValueError(
            f"the video goes from {times[0]:.2f} s to {times[-1]:.2f} s,"
            f" the PPG from {trace.times[0]:.2f} s to {trace.times[-1]:.2f} s"
        )
    first, last = np.searchsorted(times, (trace.times[0], np.nextafter(trace.times[-1], np.inf)))
    return slice(int(first), int(last))


@dataclass(frozen=True)
class Work:
    """The input of a run, except for the number of processes.

    Attributes
    ----------
    layout : str
        One of ``recordings.LAYOUTS``.
    data : Path
        The data set's folder.
    out : Path
        The cache's folder.
    box_scale : float
        Factor on the face's box.
    recordings : sequence of Recording
        The result of ``find`` for the layout and the folder.
    """

    layout: str
    data: Path
    out: Path
    box_scale: float
    recordings: Sequence[Recording]

    def settings(self) -> dict[str, Any]:
        """Return all values that affect the result, except the content of the recordings."""
        return {
            "layout": self.layout,
            "box_scale": self.box_scale,
            "recordings": [recording.name for recording in self.recordings],
            "made_with": {
                "rppg_fast": rf.__version__,
                "numpy": np.__version__,
                "scipy": scipy.__version__,
                "opencv": cv2.__version__,
            },
        }

    def part(self, recording: Recording) -> Path:
        """Name the file that a finished recording lies in until all are finished."""
        return self.out / PARTS / f"{recording.name}.npz"

    def run(self, recording: Recording) -> str:
        """Make the part of one recording; return the reason if that fails, else ""."""
        try:
            part = make_part(recording, self.box_scale)
        except (OSError, ValueError) as error:
            # Remove the data set's folder from the message, because its path must not be stored.
            return str(error).replace(f"{self.data}{os.sep}", "")
        part.save(self.part(recording))
        return ""


def preprocess(work: Work, workers: int = 1) -> dict[str, str]:
    """Make a cache of recordings, or finish one.

    Parameters
    ----------
    work
        What to do.
    workers
        Number of processes.

    Returns
    -------
    dict of str to str
        Names of the recordings that are not in the cache, with the reasons.

    Raises
    ------
    FileExistsError
        If the cache's folder holds something else.
    ValueError
        If no recording can be used.
    OSError
        If the disk is full.
    """
    _claim(work)
    if _finished(work.out):
        shutil.rmtree(work.out / PARTS, ignore_errors=True)  # left if the last run was cut off here
        return _read_failed(work.out)
    (work.out / PARTS).mkdir(exist_ok=True)
    missing = [r for r in work.recordings if not work.part(r).is_file()]
    failed = {}
    with tqdm(
        total=len(work.recordings),
        initial=len(work.recordings) - len(missing),
        desc=work.out.name,
        unit="recording",
    ) as bar:
        for recording, reason in zip(missing, _reasons(work, missing, workers)):
            if reason:
                failed[recording.name] = reason
            bar.update()
    _write_failed(work.out, failed)
    usable = [r for r in work.recordings if r.name not in failed]
    if not usable:
        raise ValueError(
            f"{work.data}: none of the {len(failed)} recordings can be used, see"
            f" {work.out / FAILED}"
        )
    _assemble(work, usable)
    shutil.rmtree(work.out / PARTS)
    return failed


def _claim(work: Work) -> None:
    """Make the cache's folder, or see that it was made for the same."""
    path = work.out / SETTINGS
    text = json.dumps(work.settings(), indent=1)
    if path.is_file():
        if path.read_text(encoding="utf-8") != text:
            raise FileExistsError(f"{work.out} holds recordings reduced with other settings")
        return
    # A run that was killed right here has left the settings half written.
    if work.out.exists() and any(place.name != f"{SETTINGS}.part" for place in work.out.iterdir()):
        raise FileExistsError(f"{work.out} holds something else")
    work.out.mkdir(parents=True, exist_ok=True)
    replace_file(path, text.encode())


def _finished(folder: Path) -> bool:
    try:
        Clips.open(folder)
    except FileNotFoundError:
        return False
    return True


def _reasons(work: Work, recordings: Sequence[Recording], workers: int) -> Iterator[str]:
    _one_thread()
    if workers == 1:
        yield from map(work.run, recordings)
        return
    # Fresh processes: a fork would copy OpenCV's threads in an unknown state.
    with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
        yield from pool.map(work.run, recordings)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def _assemble(work: Work, usable: Sequence[Recording]) -> None:
    """Copy the parts into the cache."""
    clips: list[Clip] = []
    boxes = {}
    digest = hashlib.sha256()
    for recording in usable:
        part = Part.load(work.part(recording))
        times, start = part.frames.times, clips[-1].stop if clips else 0
        clips.append(
            Clip(
                name=recording.name,
                subject=recording.subject,
                start=start,
                stop=start + times.size,
                fps=round((times.size - 1) / (times[-1] - times[0]), 3),
                heart_rate=float(part.frames.heart_rate.mean(dtype=np.float64)),
                stratum="",
                scene={},
            )
        )
        boxes[recording.name] = part.box.tolist()
        for array in vars(part.frames).values():
            digest.update(array)
    about = {
        "description": (
            f"people in the layout {work.layout}, {len(clips)} recordings of"
            f" {len({clip.subject for clip in clips})} subjects, box scale {work.box_scale:g}"
        ),
        "settings": work.settings(),
        "boxes": boxes,
        # Names and lengths alone would not tell two versions of the recordings apart.
        "content_sha256": digest.hexdigest(),
    }
    writer = ClipWriter(work.out, about, clips)
    for i in writer.missing():
        writer.write(i, Part.load(work.part(usable[i])).frames)
    writer.finish()


def _write_failed(folder: Path, failed: dict[str, str]) -> None:
    (folder / FAILED).unlink(missing_ok=True)
    if failed:
        text = io.StringIO(newline="")
        csv.writer(text).writerows([("name", "reason"), *failed.items()])
        replace_file(folder / FAILED, text.getvalue().encode())


def _read_failed(folder: Path) -> dict[str, str]:
    if not (folder / FAILED).is_file():
        return {}
    with (folder / FAILED).open(encoding="utf-8", newline="") as file:
        return {row["name"]: row["reason"] for row in csv.DictReader(file)}


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.data.preprocess", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--layout", required=True, choices=LAYOUTS, help="see training.data.recordings"
    )
    parser.add_argument(
        "--data", type=Path, required=True, help="folder of the recordings' folders"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the cache")
    parser.add_argument("--box-scale", type=float, default=BOX_SCALE)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args(arguments)
    if not (args.box_scale > 0 and math.isfinite(args.box_scale)):
        raise ValueError(f"--box-scale must be a positive number, got {args.box_scale}")
    if args.workers < 1:
        raise ValueError(f"--workers must be at least 1, got {args.workers}")
    found = find(args.layout, args.data)
    failed = preprocess(Work(args.layout, args.data, args.out, args.box_scale, found), args.workers)
    if failed:
        print(f"{len(failed)} of {len(found)} recordings are not in the cache:", file=sys.stderr)
        for name, reason in failed.items():
            print(f"  {name}: {reason}", file=sys.stderr)
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
