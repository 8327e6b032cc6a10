"""Measure for how much of the time the tracker follows a visible face, on real clips.

    python -m training.evaluate.followed --catalogue FOLDER/catalogue.json [--out JSON]

The catalogue is a JSON list of clips in the same folder; each has its ``file`` and its number of
``faces``. Every clip with a face is passed through the tracker frame by frame, as in
``rppg_fast.HeartRateMonitor``. The whole cascade also searches every fifth frame. One line per clip
gives the share of these frames in which the cascade sees a sure face (probability of at least 0.9)
and in which the tracker has a face; of the frames with a sure face, the share in which the tracker
has a face, and in which its face lies on one that the cascade sees; and how many different faces
the tracker counted. The totals follow.

With ``--out`` the figures are written to that file as JSON. The cascade's faces are written beside
it (``NAME.cascade.json``), and the next run reads them from there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import rppg_fast as rf
from rppg_fast.face import sure_faces
from rppg_fast.tracking import FaceTracker
from training.support.command import command
from training.support.files import replace_file

# One frame in this number of frames is searched.
EVERY = 5
# Largest distance between the centres of two faces at one place, relative to the larger side.
ON_FACE = 0.5
# Share of the frames with a sure face in which the tracker must have a face.
GOAL = 0.97
BOX_SCALE = 1.6

Edges = tuple[float, float, float, float]


@dataclass(frozen=True)
class Followed:
    """How well the face in a clip was followed, in the frames that were searched.

    Attributes
    ----------
    file
        Name of the clip.
    frames
        Number of frames that were searched.
    seen
        Share of them in which the cascade sees a sure face that is large enough to be searched for.
    tracked
        Share of them in which the tracker has a face.
    kept, on_face
        Share of the frames with a sure face in which the tracker has a face, and in which that face
        lies on one that the cascade sees; 1 if there is no such frame.
    numbers
        Number of different faces that the tracker counted.
    clipped
        Share of the sure faces whose enlarged box reaches beyond the frame.
    lost
        Times of the frames with a sure face in which the tracker has none, s.
    """

    file: str
    frames: int
    seen: float
    tracked: float
    kept: float
    on_face: float
    numbers: int
    clipped: float
    lost: tuple[float, ...]


def smallest_face(width: int, height: int) -> float:
    """Return the side of the smallest face that a search looks for, pixels."""
    return max(20.0, min(width, height) / 12.0)


def search(path: Path) -> list[list[Edges]]:
    """Return the sure faces in every fifth frame of a clip, without those that are too small."""
    detector, found = rf.MTCNN(), []
    for frame, _ in sampled(path):
        least = smallest_face(frame.shape[1], frame.shape[0])
        found.append([face.edges for face in sure_faces(detector(frame)) if face.side >= least])
    return found


def sampled(path: Path) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Yield every fifth frame of a clip and its time."""
    for index, (frame, time) in enumerate(rf.VideoFile(path)):
        if index % EVERY == 0:
            yield frame, time


def follow(path: Path, searched: Sequence[Sequence[Edges]]) -> Followed:
    """Follow the face in a clip and compare with the faces that a search has found.

    Parameters
    ----------
    path
        The clip.
    searched
        The result of ``search`` for this clip.
    """
    tracker = FaceTracker(rf.MTCNN(), BOX_SCALE)
    tracked, on_face = 0, 0
    names: set[int] = set()
    lost: list[float] = []
    clipped: list[bool] = []
    for index, (frame, time) in enumerate(rf.VideoFile(path)):
        if time >= tracker.due or index == 0:
            tracker.update(frame, time)
        tracks = tracker.tracks
        names.update(track.id for track in tracks)
        if index % EVERY:
            continue
        faces = [rf.Face(*edges, 1.0) for edges in searched[index // EVERY]]
        clipped += [reaches_beyond(face, frame.shape[1], frame.shape[0]) for face in faces]
        tracked += bool(tracks)
        if faces and not tracks:
            lost.append(round(time, 3))
        on_face += any(is_on(track.face, face) for track in tracks[:1] for face in faces)
    seen = sum(map(bool, searched))
    return Followed(
        path.name,
        len(searched),
        seen / len(searched),
        tracked / len(searched),
        (seen - len(lost)) / seen if seen else 1.0,
        on_face / seen if seen else 1.0,
        len(names),
        float(np.mean(clipped)) if clipped else 0.0,
        tuple(lost),
    )


def is_on(face: rf.Face, other: rf.Face) -> bool:
    """Return whether two faces are at the same place and of similar size."""
    apart = np.hypot(face.centre[0] - other.centre[0], face.centre[1] - other.centre[1])
    larger, smaller = max(face.side, other.side), min(face.side, other.side)
    return bool(apart < ON_FACE * larger and larger < 2 * smaller)


def reaches_beyond(face: rf.Face, width: int, height: int) -> bool:
    """Return whether the frame's border cuts the measured box of a face."""
    x, y = face.centre
    across, down = ((face.x1 - face.x0) * BOX_SCALE / 2, (face.y1 - face.y0) * BOX_SCALE / 2)
    return x < across or y < down or x + across > width or y + down > height


def clips_of(catalogue: Path) -> list[Path]:
    """Return the clips of a catalogue that show a face."""
    entries = json.loads(catalogue.read_text(encoding="utf-8"))
    return [catalogue.parent / entry["file"] for entry in entries if entry["faces"]]


def searched_before(path: Path) -> dict[str, list[list[Edges]]]:
    """Return the faces that the cascade found in an earlier run, by file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate.followed", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--catalogue", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="where to write the figures, as JSON")
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    memory = args.out.with_suffix(".cascade.json") if args.out else None
    searched = searched_before(memory) if memory else {}
    rows = []
    print(f"{'clip':14} seen  tracked  kept  on face  numbers  clipped")
    for path in tqdm(clips_of(args.catalogue), leave=False):
        if path.name not in searched:
            searched[path.name] = search(path)
            if memory:
                replace_file(memory, json.dumps(searched).encode())
        row = follow(path, searched[path.name])
        rows.append(row)
        tqdm.write(
            f"{row.file:14} {row.seen:.3f}   {row.tracked:.3f} {row.kept:.3f}    {row.on_face:.3f}"
            f"  {row.numbers:7}    {row.clipped:.3f}"
        )
    weights = [row.frames * row.seen for row in rows]
    kept = np.average([row.kept for row in rows], weights=weights)
    on_face = np.average([row.on_face for row in rows], weights=weights)
    print(
        f"{len(rows)} clips: {kept:.4f} of the frames with a sure face are followed, {on_face:.4f} "
        f"on it; {sum(row.kept >= GOAL for row in rows)} clips reach {GOAL}; in "
        f"{sum(row.clipped > 0 for row in rows)} the face's box reaches beyond the frame"
    )
    if args.out:
        replace_file(args.out, json.dumps([asdict(row) for row in rows], indent=1).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
