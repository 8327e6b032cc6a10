"""Detectors and trackers of ``csrc/face`` for Python.

A face is measured inside a box that stays where it is, to the bit, as long as the face hardly
moves. ``csrc/face/tracker`` decides when the detector looks at a frame, and moves the boxes.
"""

from __future__ import annotations

from typing import NamedTuple

from rppg_fast import _core
from rppg_fast.face import MTCNN, Face, FaceDetector
from rppg_fast.reading import Box
from rppg_fast.yuv import AnyFrame, in_bgr_order, to_bgr

#: A face as the native module takes it: edges, probability, rotation.
_NativeFace = tuple[tuple[float, float, float, float], float, int]


def native_detector(detector: FaceDetector, color: str = "bgr") -> _core.Detector:
    """Return the native form of a detector.

    Parameters
    ----------
    detector
        Maps a blue-green-red frame to faces. MTCNN redetects a known face at a fraction of a
        search's cost, and finds faces of each rotation. Any other detector gets the whole frame
        each time, as an array.
    color
        Order of the channels of frames that are arrays: "bgr" or "rgb".
    """
    if isinstance(detector, MTCNN):
        return _core.MtcnnDetector(detector.native)

    def find(frame: AnyFrame) -> list[_NativeFace]:
        faces = detector(to_bgr(in_bgr_order(frame, color)))
        return [(face.edges, face.probability, face.turned) for face in faces]

    return _core.PythonDetector(find)


class Track(NamedTuple):
    """A face that is followed.

    Attributes
    ----------
    id
        Its number: 1 for the first face found. No other face ever gets the same number.
    box
        The pixels to measure.
    anchor
        The face that the box belongs to.
    face, seen
        The face where it was last detected, and when that was, s.
    moves
        Whether the box is moving after the face.
    """

    id: int
    box: Box
    anchor: Face
    face: Face
    seen: float
    moves: bool


class FaceTracker:
    """Finds faces and follows them, without measuring them.

    Parameters
    ----------
    detector
        Maps a blue-green-red frame to faces.
    box_scale
        Side of a box over the side of its face.
    most
        The most faces to follow at once, the largest ones first.
    follow
        Whether a face is redetected; if not, its first box is kept until it is passed over.
    """

    def __init__(
        self, detector: FaceDetector, box_scale: float, most: int = 1, follow: bool = True
    ) -> None:
        self._detector = native_detector(detector)
        self._tracker = _core.FaceTracker(box_scale, most, follow, isinstance(detector, MTCNN))

    @property
    def tracks(self) -> list[Track]:
        """The faces that are there."""
        return [
            Track(number, Box(*box), Face(*anchor), Face(*face), seen, moves)
            for number, box, anchor, face, seen, moves in self._tracker.tracks
        ]

    @property
    def due(self) -> float:
        """Before that time, s, ``update`` has nothing to do, unless the frame's size changes."""
        return self._tracker.due

    def reset(self) -> None:
        """Forget all faces."""
        self._tracker.reset()

    def restart(self, time: float) -> None:
        """Continue from a clock that was set to ``time``, s: check every face, and search."""
        self._tracker.restart(time)

    def pass_over(self, number: int) -> None:
        """Give the place of a face that has shown no pulse to another one.

        The next search, which is due at once, gives the place to another sure face. A face that was
        passed over comes after all those that were not. If there is no other face, nothing changes,
        and no further search follows.

        Parameters
        ----------
        number
            The face's number. Nothing happens if no face has it.
        """
        self._tracker.pass_over(number)

    def update(self, frame: AnyFrame, time: float) -> None:
        """Take a frame, and look for faces in it if this is due: ``tracks`` may change.

        Parameters
        ----------
        frame
            (H, W, 3) uint8, BGR; of grey (H, W); any strides; or a ``YuvFrame``. In a frame of
            another size all faces are new.
        time
            Its time, s, later than those before.
        """
        self._tracker.update(self._detector, frame, time)
