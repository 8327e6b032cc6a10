"""Face detection: MTCNN, and the box around the face that the pulse is read from.

MTCNN (Zhang, Zhang, Li, Qiao, "Joint face detection and alignment using multitask cascaded
convolutional networks", 2016) is a cascade of three networks of growing size, P-Net, R-Net and
O-Net; they are in ``csrc/face``.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.reading import Box
from rppg_fast.yuv import AnyFrame, YuvFrame

ASSETS = Path(__file__).parent / "assets"

# Side of the window that P-Net sees, pixels.
_WINDOW = 12


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the frame.

    Parameters
    ----------
    x0, y0, x1, y1
        Left, top, right and bottom edge; may lie outside the frame.
    probability
        Probability of the detection, in [0, 1].
    landmarks
        Points (x, y), if the detector finds them. MTCNN finds five, named here as in a picture in
        which the face is upright: the eye on the left, the eye on the right, the nose, the left and
        the right corner of the mouth.
    turned
        Clockwise angle from upright, degrees: 0, 90, 180 or 270. A detector of your own can set it;
        the pulse is then read from the face turned upright.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    probability: float
    landmarks: tuple[tuple[float, float], ...] = ()
    turned: int = 0

    @property
    def edges(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom edge."""
        return self.x0, self.y0, self.x1, self.y1

    @property
    def area(self) -> float:
        """Area of the box in square pixels."""
        return (self.x1 - self.x0) * (self.y1 - self.y0)

    @property
    def centre(self) -> tuple[float, float]:
        """Middle of the box."""
        return (self.x0 + self.x1) / 2, (self.y0 + self.y1) / 2

    @property
    def side(self) -> float:
        """Longer side of the box."""
        return max(self.x1 - self.x0, self.y1 - self.y0)

    def scaled(self, scale: float, left: float = 0.0, top: float = 0.0) -> Face:
        """Return the face scaled by ``scale`` and then moved by ``left`` and ``top`` pixels."""
        return Face(
            left + scale * self.x0,
            top + scale * self.y0,
            left + scale * self.x1,
            top + scale * self.y1,
            self.probability,
            tuple((left + scale * x, top + scale * y) for x, y in self.landmarks),
            self.turned,
        )


class FaceDetector(Protocol):
    """A function that finds the faces in a frame, uint8 of shape (H, W, 3), blue-green-red.

    MTCNN is called once for each direction in which faces may be turned. Any other detector is
    called once for all directions, and sets ``turned`` of each face.
    """

    def __call__(self, frame: NDArray[np.uint8], /) -> Sequence[Face]:
        """Return the faces in the frame; an empty sequence if there are none."""
        ...


def largest_face(faces: Iterable[Face], min_probability: float = 0.9) -> Face | None:
    """Return the largest face whose probability is high enough.

    Parameters
    ----------
    faces
        The faces that a detector has found.
    min_probability
        Faces with a lower probability are ignored.

    Returns
    -------
    Face or None
        None if no face is probable enough.
    """
    return max(sure_faces(faces, min_probability), key=lambda face: face.area, default=None)


def sure_faces(faces: Iterable[Face], min_probability: float = 0.9) -> list[Face]:
    """Return the faces whose probability is high enough, in their order."""
    return [face for face in faces if face.probability >= min_probability]


def nearest_face(faces: Iterable[Face], face: Face) -> Face | None:
    """Return the face that may be the same as one in an earlier frame.

    Parameters
    ----------
    faces
        The faces to choose from.
    face
        The face in the earlier frame.

    Returns
    -------
    Face or None
        The nearest face whose centre is less than the size of a face away and whose size is at
        least half and at most twice that of ``face``; None if there is none.
    """
    known = list(faces)
    index = _core.nearest_face([one.edges for one in known], face.edges)
    return known[index] if index >= 0 else None


def face_box(face: Face, width: int, height: int, scale: float = 1.6) -> Box:
    """Enlarge a face's box about its centre and clip it to the frame.

    Each edge is rounded to a whole pixel (halves to the right and down) and then clipped to the
    frame. A box that reaches out of the frame loses the part outside; its other edges stay.

    Parameters
    ----------
    face
        The face.
    width, height
        Size of the frame in pixels.
    scale
        Factor on the box's width and height; the paper's is 1.6.

    Returns
    -------
    Box
        Inside the frame, at least one pixel wide and high.

    Raises
    ------
    ValueError
        If ``scale`` is not a positive number, if the frame has no pixels, or if no pixel of the
        frame is in the box.
    """
    return Box(*_core.face_box(face.edges, width, height, scale))


@cache
def _networks(path: Path) -> _core.FaceNetworks:
    return _core.FaceNetworks(path.read_bytes(), str(path))


class MTCNN:
    """MTCNN face detector with facenet-pytorch's weights.

    A call with a frame returns the faces that facenet-pytorch finds with the same parameters, most
    probable first. Equal frames give equal bits.

    The networks are loaded at the first call. An object keeps its working memory, so it belongs to
    one thread at a time; give every thread its own.

    Parameters
    ----------
    min_face_size
        Side of the smallest face that is searched for, pixels, at least 12. Half the size takes
        about three times as long. None: a twelfth of the frame's shorter side, at least 20 pixels.
    thresholds
        Lowest probability with which a candidate passes P-Net, R-Net and O-Net.
    factor
        Ratio of the sizes of adjacent levels of the pyramid.

    Raises
    ------
    ValueError
        If a parameter is out of range.
    """

    def __init__(
        self,
        min_face_size: float | None = None,
        thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7),
        factor: float = 0.709,
    ) -> None:
        if min_face_size is not None and not _WINDOW <= min_face_size < math.inf:
            raise ValueError(f"min_face_size must be at least {_WINDOW}, got {min_face_size}")
        if len(thresholds) != 3 or not all(0 < threshold < 1 for threshold in thresholds):
            raise ValueError(f"thresholds must be three numbers in (0, 1), got {thresholds}")
        if not 0 < factor < 1:
            raise ValueError(f"factor must be in (0, 1), got {factor}")
        self.min_face_size = min_face_size
        self.thresholds = thresholds
        self.factor = factor
        self._native: _core.FaceDetector | None = None

    def __call__(self, frame: AnyFrame, /) -> list[Face]:
        """Find the faces in a frame.

        Parameters
        ----------
        frame
            (H, W, 3) uint8, BGR; of grey (H, W); or a ``YuvFrame``. A frame under 12 pixels high or
            wide has no faces.

        Returns
        -------
        list of Face
            Most probable first, with five landmarks each.

        Raises
        ------
        TypeError
            If the frame is neither an array nor a ``YuvFrame``.
        ValueError
            If it is not uint8 of shape (H, W, 3) or (H, W), or is empty.
        """
        check_frame(frame)
        return [Face(*found) for found in self.native().find(frame)]

    def locate(self, frame: AnyFrame, step: int = 1, turned: int = 0) -> list[Face]:
        """Find the faces in a frame; a face that the border cuts gets the box of a whole face.

        For a face at the border, the cascade resizes the visible part to a whole window, so its box
        is too far outside. O-Net is then applied again, with grey in place of the missing part.

        Parameters
        ----------
        frame
            (H, W, 3) uint8, BGR; of grey (H, W); any strides; or a ``YuvFrame``.
        step
            The search uses every ``step``-th pixel of every ``step``-th row, at least 1.
        turned
            Clockwise angle of the faces that are searched for, degrees: 0, 90, 180 or 270.

        Returns
        -------
        list of Face
            Most probable first, by the cascade's probability, with five landmarks each.

        Raises
        ------
        TypeError, ValueError
            The errors of a call; ValueError also for a ``step`` or ``turned`` that is out of range.
        """
        check_frame(frame)
        if step < 1:
            raise ValueError(f"step must be at least 1, got {step}")
        return [Face(*found) for found in self.native().locate(frame, step, turned)]

    def redetect(self, frame: AnyFrame, face: Face) -> Face | None:
        """Look for a face near its earlier box, at a fraction of the cost of a search.

        O-Net is applied to the old box. If its result says that the face has moved, it is applied
        to the box that it predicts. This follows a face over about four tenths of its width. If
        this fails, the surroundings are searched. Pixels outside the frame are grey.

        Parameters
        ----------
        frame
            (H, W, 3) uint8, BGR; of grey (H, W); any strides; or a ``YuvFrame``.
        face
            The face in an earlier frame of the same size. It must still be turned in the same
            direction.

        Returns
        -------
        Face or None
            None if there is no face nearby.

        Raises
        ------
        TypeError, ValueError
            The errors of a call.
        """
        sight = self.sight(frame, face)
        return None if sight is None else sight[0]

    def look_again(self, frame: AnyFrame, face: Face) -> Face | None:
        """Do the same as ``redetect``; this name is deprecated."""
        warnings.warn("look_again is now redetect", DeprecationWarning, stacklevel=2)
        return self.redetect(frame, face)

    def sight(self, frame: AnyFrame, face: Face, check: bool = False) -> tuple[Face, bool] | None:
        """Do the same as ``redetect``, and also return whether the cascade found the face.

        Parameters
        ----------
        frame, face
            The arguments of ``redetect``.
        check
            Whether the whole cascade searches the surroundings first, at several times the cost.
            O-Net is then applied alone only if the cascade finds nothing.

        Returns
        -------
        tuple of Face and bool, or None
            The face, and True if the cascade found it, False if O-Net alone did. None if there is
            no face nearby.

        Raises
        ------
        TypeError, ValueError
            The errors of a call.
        """
        check_frame(frame)
        native = self.native()
        sight = (native.check if check else native.redetect)(frame, face.edges, face.turned)
        return None if sight is None else (Face(*sight[0]), sight[1])

    def compare(self, frame: AnyFrame, face: Face) -> Face | None:
        """Find a face with the whole cascade, near another face and turned in the same direction.

        The cascade also finds faces that are turned in another direction, with a lower probability.
        Of the four directions, the one with the highest probability is the right one.

        Parameters
        ----------
        frame, face
            The arguments of ``redetect``.

        Returns
        -------
        Face or None
            The face, with the cascade's probability; None if there is no face nearby.

        Raises
        ------
        TypeError, ValueError
            The errors of a call.
        """
        check_frame(frame)
        found = self.native().compare(frame, face.edges, face.turned)
        return None if found is None else Face(*found)

    def native(self) -> _core.FaceDetector:
        """Return the native detector, which is made at the first call."""
        if self._native is None:
            self._native = _core.FaceDetector(
                _networks(ASSETS / "mtcnn.safetensors"),
                self.min_face_size or 0.0,
                self.thresholds,
                self.factor,
            )
        return self._native

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_native": None}  # created again at the first call


def check_frame(frame: AnyFrame) -> None:
    """Check that a frame is a ``YuvFrame`` or an array of pixels.

    An array must be uint8 of shape (H, W, 3), or (H, W) if grey, and not empty.

    Raises
    ------
    TypeError
        If the frame is neither an array nor a ``YuvFrame``.
    ValueError
        If the array has another dtype or shape, or is empty.
    """
    if isinstance(frame, YuvFrame):  # it checks itself when it is made
        return
    if not isinstance(frame, np.ndarray):
        raise TypeError(f"frame must be a NumPy array (or a YuvFrame), got {type(frame).__name__}")
    if frame.dtype != np.uint8:
        raise ValueError(f"frame must be uint8, got {frame.dtype}")
    if frame.ndim != 2 and (frame.ndim != 3 or frame.shape[2] != 3):
        raise ValueError(f"frame must have the shape (H, W, 3) or (H, W), got {frame.shape}")
    if frame.size == 0:
        raise ValueError(f"frame is empty: its shape is {frame.shape}")
