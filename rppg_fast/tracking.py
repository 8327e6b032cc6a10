"""Tracking: calls the detector when ``csrc/face/tracker`` asks for it, and keeps the boxes.

A face is measured inside a box that stays where it is, to the bit, as long as the face hardly
moves. The detector looks at the face several times a second. When the face has left the middle of
its box, the box glides after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rppg_fast import _core
from rppg_fast.face import MTCNN, Face, FaceDetector, nearest_face, sure_faces
from rppg_fast.reading import Box
from rppg_fast.yuv import AnyFrame, to_bgr

# What the tracker asks for.
_LOOK, _CHECK, _SEARCH, _COMPARE = 1, 2, 3, 4


class Track(NamedTuple):
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
        Where the face was when it was last seen, how it was ``turned``, and when that was, s.
    glides
        Whether the box is on its way.
    """

    name: int
    box: Box
    aim: Face
    face: Face
    seen: float
    glides: bool


class FaceTracker:
    """Finds faces and follows them.

    A face is lost when neither a look nor a search of the frame has found it for more than half a
    second. A face may lie: between the searches for upright faces the frame is searched for faces
    that are turned, and a face that is found is followed as it lies. Which way it is turned is
    found out when it is met, and again when a look is in doubt. At most one look or one search is
    spent on a frame.

    Parameters
    ----------
    detector
        Maps a blue-green-red frame to faces. MTCNN looks again at a face it knows at a fraction of
        a search's cost, and for faces that lie; any other detector gets the whole frame each time.
    box_scale
        How much larger than the face its box is.
    most
        The most faces to follow at once, the largest ones first.
    follow
        Whether a face is looked at again; if not, the first box is kept until it is passed over.
    """

    def __init__(
        self, detector: FaceDetector, box_scale: float, most: int = 1, follow: bool = True
    ) -> None:
        self._detector = detector
        self._tracker = _core.FaceTracker(box_scale, most, follow, isinstance(detector, MTCNN))

    @property
    def tracks(self) -> list[Track]:
        """The faces that are there."""
        return [
            Track(name, Box(*box), Face(*aim), Face(*face), seen, glides)
            for name, box, aim, face, seen, glides in self._tracker.tracks
        ]

    @property
    def due(self) -> float:
        """Before that time, s, ``update`` has nothing to do, unless the frame's size changes."""
        return self._tracker.due

    def reset(self) -> None:
        """Forget all faces."""
        self._tracker.reset()

    def restart(self, time: float) -> None:
        """Go on from a clock that was set, s: check every face, and search, at once."""
        self._tracker.restart(time)

    def pass_over(self, name: int) -> None:
        """Give another face its turn, where a face has shown no pulse for a whole window.

        The next search, which is due at once, gives the face's place to another sure face that is
        there. A face passed over has its turn again after all those that were not, or earlier.
        Where there is no other, nothing changes, and no further search follows.

        Parameters
        ----------
        name
            The face's number. Nothing happens where no face that is there has it.
        """
        self._tracker.pass_over(name)

    def update(self, frame: AnyFrame, time: float) -> None:
        """Look at a frame, where a look is due: ``tracks`` may be others then.

        Parameters
        ----------
        frame
            (H, W, 3) uint8, BGR; of grey (H, W); any strides; or a ``YuvFrame``. In one of another
            size all faces are new.
        time
            Its time, s, later than those before.
        """
        task = self._tracker.begin(frame.shape[1], frame.shape[0], time)
        if task in (_LOOK, _CHECK):
            sight = self._look_again(frame, Face(*self._tracker.sought), task == _CHECK)
            face, by_cascade = sight or (None, False)
            self._tracker.looked(None if face is None else _told(face), by_cascade)
        elif task == _COMPARE and isinstance(self._detector, MTCNN):
            found = self._detector.compare(frame, Face(*self._tracker.sought))
            self._tracker.compared(None if found is None else _told(found))
        elif task == _SEARCH:
            faces = self._search(frame)
            self._tracker.searched([_told(face) for face in faces])

    def _search(self, frame: AnyFrame) -> Sequence[Face]:
        if isinstance(self._detector, MTCNN):
            tracker = self._tracker
            return self._detector.locate(frame, tracker.search_step, tracker.search_turned)
        return self._detector(to_bgr(frame))

    def _look_again(self, frame: AnyFrame, face: Face, check: bool) -> tuple[Face, bool] | None:
        if isinstance(self._detector, MTCNN):
            return self._detector.sight(frame, face, check)
        found = nearest_face(sure_faces(self._search(frame)), face)
        return None if found is None else (found, True)


def _told(face: Face) -> tuple[tuple[float, float, float, float], float, int]:
    """Return a face as the native tracker takes it."""
    return face.edges, face.probability, face.turned
