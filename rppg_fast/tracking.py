"""Where the faces are, frame after frame.

A face is measured inside a box that stays where it is, to the bit, as long as the face hardly
moves: a box that follows every quiver of a detector puts that quiver into the pulse. Some times a
second the face is looked at again; once it has left the middle of its box, the box glides after it
until it has caught up. It must not jump after a face that goes on moving: the jumps would have a
rhythm, which could be taken for a heart's. All that is decided depends on the frames and their
times alone, never on how fast they come.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rppg_fast.face import (
    MTCNN,
    Face,
    FaceDetector,
    face_box,
    face_distance,
    nearest_face,
    sure_faces,
)
from rppg_fast.reading import Box

#: Time from one look at a face to the next, s.
LOOK_INTERVAL = 0.25

#: A face that was not seen for so long has left, s. Looks included, that is less than a second.
LOST_AFTER = 0.55

#: Time from one search of the whole frame to the next, s. It costs far more than a measured frame.
SEARCH_INTERVAL = 0.5

#: How far from its box, relative to its size, a face may move before the box sets out after it,
#: and how near it must be for the box to stop.
DEAD_ZONE = 0.25
CAUGHT_UP = 0.02

#: A face that comes back so soon, near where it was lost, is the same, s.
REMEMBERED = 5.0

# Two boxes nearer than this, relative to their size, show one face.
_ONE_FACE = 0.5

# Pixels of a frame's shorter side that are enough for a search: a larger frame is thinned out.
_SEARCHED_SIDE = 480


class Glide(NamedTuple):
    """A straight way from one face to another, from one time to another, s."""

    start: Face
    goal: Face
    begin: float
    end: float

    def at(self, time: float) -> Face:
        """Return where it has come to."""
        share = min(1.0, (time - self.begin) / (self.end - self.begin))
        a, b = self.start, self.goal
        x0, y0 = a.x0 + share * (b.x0 - a.x0), a.y0 + share * (b.y0 - a.y0)
        x1, y1 = a.x1 + share * (b.x1 - a.x1), a.y1 + share * (b.y1 - a.y1)
        return Face(x0, y0, x1, y1, b.probability)


@dataclass
class Track:
    """A face that is followed.

    Attributes
    ----------
    name
        Its number: 1 for the first one found. No other face ever gets it.
    box
        The pixels to measure.
    aim
        The face that the box is for.
    face, seen
        Where the face was when it was last seen, and when that was, s.
    due
        When it is to be looked at again, s.
    glide
        Where the box is going, if it is.
    """

    name: int
    box: Box
    aim: Face
    face: Face
    seen: float
    due: float
    glide: Glide | None = None


class FaceTracker:
    """Finds faces and follows them.

    At most one look or one search is spent on a frame.

    Attributes
    ----------
    tracks
        The faces that are there.
    due
        Before that time, s, ``update`` has nothing to do, unless the frame's size changes.

    Parameters
    ----------
    detector
        Maps a blue-green-red frame to faces. MTCNN looks again at a face it knows at a fraction of
        a search's cost; any other detector gets the whole frame each time.
    box_scale
        How much larger than the face its box is.
    most
        The most faces to follow at once, the largest ones first.
    follow
        Whether a face is looked at again; if not, the first box is kept for ever.
    """

    def __init__(
        self, detector: FaceDetector, box_scale: float, most: int = 1, follow: bool = True
    ) -> None:
        self._detector = detector
        self._box_scale = box_scale
        self._most = most
        self._follow = follow
        self.reset()

    def reset(self) -> None:
        """Forget all faces."""
        self._names = 0
        self._forget((0, 0))

    def _forget(self, size: tuple[int, ...]) -> None:
        """Search anew, in frames of that size."""
        self.tracks: list[Track] = []
        self._lost: list[Track] = []
        self._next_search = self.due = -math.inf
        self._size = size

    def restart(self, time: float) -> None:
        """Go on from a clock that was set, s: look at every face, and search, at once."""
        for track in self.tracks:
            track.seen = time
            track.due = time if self._follow else math.inf
            track.glide = None
        self._lost = []
        self._next_search = self.due = time

    def update(self, frame: NDArray[np.uint8], time: float) -> None:
        """Look at a frame, where a look is due: ``tracks`` may be others then.

        Parameters
        ----------
        frame
            (H, W, 3) uint8, BGR; any strides. In one of another size all faces are new.
        time
            Its time, s, later than those before.
        """
        if frame.shape[:2] != self._size:
            self._forget(frame.shape[:2])
        for track in self.tracks:
            if track.glide is not None:
                track.aim = track.glide.at(time)
                track.box = self._box(track.aim, frame)
        first = min(self.tracks, key=lambda track: track.due, default=None)
        if first is not None and first.due <= min(time, self._search_due()):
            self._look(first, frame, time)
        elif self._search_due() <= time:
            self._search(frame, time)
        gliding = any(track.glide is not None for track in self.tracks)
        looks = [track.due for track in self.tracks]
        self.due = time if gliding else min([self._search_due(), *looks])

    def _search_due(self) -> float:
        return self._next_search if len(self.tracks) < self._most else math.inf

    def _look(self, track: Track, frame: NDArray[np.uint8], time: float) -> None:
        # As long as it was since the last look, so that the box moves at an even pace.
        step = min(time - track.due, LOOK_INTERVAL) + LOOK_INTERVAL
        track.due = time + LOOK_INTERVAL
        face = self._look_again(frame, track.face)
        if face is not None and self._nearest_track(face) is track:
            track.seen, track.face = time, face
            apart = _apart(face, track.aim)
            if apart > (DEAD_ZONE if track.glide is None else CAUGHT_UP):
                track.glide = Glide(track.aim, face, time, time + step)
            else:
                track.glide = None
        elif time - track.seen > LOST_AFTER:
            self.tracks.remove(track)
            self._lost.append(track)
            self._next_search = time

    def _search(self, frame: NDArray[np.uint8], time: float) -> None:
        self._next_search = time + SEARCH_INTERVAL
        self._lost = [track for track in self._lost if time - track.seen < REMEMBERED]
        for face in sorted(self._find(frame), key=lambda face: -face.area):
            nearest = self._nearest_track(face)
            if nearest is not None and face_distance(face, nearest.face) < _ONE_FACE:
                continue
            due = time + LOOK_INTERVAL if self._follow else math.inf
            box = self._box(face, frame)
            self.tracks.append(Track(self._name(face), box, face, face, time, due))
            if len(self.tracks) == self._most:
                return

    def _nearest_track(self, face: Face) -> Track | None:
        return min(self.tracks, key=lambda t: face_distance(face, t.face), default=None)

    def _name(self, face: Face) -> int:
        for track in self._lost:
            if nearest_face([track.face], face) is not None:
                self._lost.remove(track)
                return track.name
        self._names += 1
        return self._names

    def _box(self, face: Face, frame: NDArray[np.uint8]) -> Box:
        return face_box(face, frame.shape[1], frame.shape[0], self._box_scale)

    def _find(self, frame: NDArray[np.uint8]) -> list[Face]:
        thinned = self._follow and isinstance(self._detector, MTCNN)
        step = max(1, min(frame.shape[:2]) // _SEARCHED_SIDE) if thinned else 1
        found = sure_faces(self._detector(np.ascontiguousarray(frame[::step, ::step])))
        scaled = (face.scaled(step) for face in found)
        return [face for face in scaled if _is_inside(face, frame)]

    def _look_again(self, frame: NDArray[np.uint8], face: Face) -> Face | None:
        if isinstance(self._detector, MTCNN):
            found = self._detector.look_again(frame, face)
        else:
            found = nearest_face(self._find(frame), face)
        return found if found is not None and _is_inside(found, frame) else None


def _apart(face: Face, aim: Face) -> float:
    """How far a face, or by growth its edge, is from where it was, relative to its size."""
    across, down = (abs(a - b) for a, b in zip(face.centre, aim.centre))
    return max(across, down, abs(face.side - aim.side) / 2) / face.side


def _is_inside(face: Face, frame: NDArray[np.uint8]) -> bool:
    """Whether a face has a size, and its middle is in the frame."""
    x, y = face.centre
    return not (face.side <= 0 or x < 0 or y < 0 or x >= frame.shape[1] or y >= frame.shape[0])
