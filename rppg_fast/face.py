"""Face detection: MTCNN on ``cv2.dnn``, and the box around the face that the pulse is read from.

MTCNN (Zhang, Zhang, Li, Qiao, "Joint face detection and alignment using multitask cascaded
convolutional networks", 2016) looks with three networks of growing size: P-Net slides over a
pyramid of shrunken frames and proposes boxes, R-Net and O-Net look again at each box, refuse most
and correct the rest. Between the networks, boxes that show the same thing are reduced to the best
(non-maximum suppression) and made square.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from rppg_fast.reading import Box

ASSETS = Path(__file__).parent / "assets"

# P-Net sees a window of 12 pixels that moves by 2.
_WINDOW = 12
_STRIDE = 2
# Pixels to the networks' [-1, 1].
_GREY, _GREY_STEP = 127.5, 1 / 128
# Boxes per forward pass of R-Net and O-Net: bounds the memory on a cluttered frame.
_BATCH = 64


class _Stage(NamedTuple):
    """A network that looks at boxes: its name, the side of its input, its number of outputs."""

    network: str
    side: int
    outputs: int


_RNET = _Stage("rnet", 24, 5)
_ONET = _Stage("onet", 48, 15)

# Where no smallest face is given: a twelfth of the frame's shorter side (40 pixels at 640x480,
# a face about two metres from a usual webcam), but not below the 20 pixels usual for MTCNN.
_FACES_PER_SIDE = 12
_SMALLEST_FACE = 20.0

# Looking again at a face: how often at most O-Net is asked, and the shift, relative to the box,
# after which what it says of the place is no longer to be improved.
_LOOKS = 3
_SETTLED = 0.1
# Where O-Net finds nothing, the cascade searches so many faces across, for none much smaller.
_NEIGHBOURHOOD = 3.0
_SHRUNKEN = 0.6
# Pixels across a face that are enough for O-Net and for the cascade: larger ones are thinned out.
_FINE, _COARSE = 96, 48


@dataclass(frozen=True)
class Face:
    """One detected face, in pixels of the frame.

    Parameters
    ----------
    x0, y0, x1, y1
        Left, top, right and bottom edge; may lie outside the frame.
    probability
        The detector's own, in [0, 1].
    landmarks
        Points (x, y), where the detector has them. MTCNN: the eye on the left of the picture, the
        eye on the right, the nose, the left and the right corner of the mouth.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    probability: float
    landmarks: tuple[tuple[float, float], ...] = ()

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
        """Return the face in a frame that is ``scale`` times as large and begins further out."""
        return Face(
            left + scale * self.x0,
            top + scale * self.y0,
            left + scale * self.x1,
            top + scale * self.y1,
            self.probability,
            tuple((left + scale * x, top + scale * y) for x, y in self.landmarks),
        )


class FaceDetector(Protocol):
    """Anything that maps an (H, W, 3) uint8 BGR frame to the faces in it."""

    def __call__(self, frame: NDArray[np.uint8], /) -> Sequence[Face]:
        """Return the faces in the frame, none if there are none."""
        ...


def largest_face(faces: Iterable[Face], min_probability: float = 0.9) -> Face | None:
    """Return the largest of the faces that the detector is sure of.

    Parameters
    ----------
    faces
        What a detector returned.
    min_probability
        Faces with a lower probability do not count.

    Returns
    -------
    Face or None
        None where no face is that probable.
    """
    return max(sure_faces(faces, min_probability), key=lambda face: face.area, default=None)


def sure_faces(faces: Iterable[Face], min_probability: float = 0.9) -> list[Face]:
    """Return the faces that the detector is sure of, in their order."""
    return [face for face in faces if face.probability >= min_probability]


def face_distance(face: Face, other: Face) -> float:
    """How far apart two faces are, in units of the larger one's side."""
    across, down = (a - b for a, b in zip(face.centre, other.centre))
    return math.hypot(across, down) / max(face.side, other.side)


def nearest_face(faces: Iterable[Face], face: Face) -> Face | None:
    """Return the face that could be the same as one seen a moment ago.

    Parameters
    ----------
    faces
        The faces to choose from.
    face
        The one seen before.

    Returns
    -------
    Face or None
        The nearest of those that are less than a face away and at most twice as large or small;
        None where there is none.
    """
    near = (one for one in faces if face_distance(one, face) < 1 and 0.5 < one.side / face.side < 2)
    return min(near, key=lambda one: face_distance(one, face), default=None)


def face_box(face: Face, width: int, height: int, scale: float = 1.6) -> Box:
    """Enlarge a face's box about its centre and clip it to the frame.

    Each edge goes to the nearest whole pixel (halves to the right and down), then into the frame,
    so that a box that reaches beyond it loses what is outside and keeps its other edges.

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
        If ``scale`` is not a positive number, the frame has no pixels, or no pixel of the frame is
        in the box.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"scale must be a positive number, got {scale}")
    if width < 1 or height < 1:
        raise ValueError(f"frame of {width}x{height} pixels is empty")

    def edges(low: float, high: float, size: int) -> tuple[int, int]:
        centre, half = (low + high) / 2, scale * (high - low) / 2
        enlarged = centre - half, centre + half
        if not all(map(math.isfinite, enlarged)):
            raise ValueError(f"face box is not finite: {face}")
        first, last = (math.floor(edge + 0.5) for edge in enlarged)
        return max(first, 0), min(last, size)

    x0, x1 = edges(face.x0, face.x1, width)
    y0, y1 = edges(face.y0, face.y1, height)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"no pixel of the {width}x{height} frame is in the enlarged face")
    return Box(x0, y0, x1, y1)


def suppress(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    threshold: float,
    relative_to: Literal["union", "smaller"] = "union",
) -> NDArray[np.intp]:
    """Non-maximum suppression: keep the best of the boxes that overlap too much.

    Boxes are taken from the highest score down (equal scores in their order); each one taken
    removes the ones that overlap it by more than ``threshold``.

    Parameters
    ----------
    boxes
        (N, 4), edges x0, y0, x1, y1.
    scores
        (N,).
    threshold
        Largest overlap that two kept boxes may have, in [0, 1].
    relative_to
        What the shared area is divided by: the area of both together, or that of the smaller.

    Returns
    -------
    (K,) array of int
        Indices of the kept boxes, highest score first.
    """
    x0, y0, x1, y1 = boxes.T
    area = (x1 - x0) * (y1 - y0)
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, others = order[0], order[1:]
        kept.append(best)
        across = np.minimum(x1[best], x1[others]) - np.maximum(x0[best], x0[others])
        down = np.minimum(y1[best], y1[others]) - np.maximum(y0[best], y0[others])
        shared = np.maximum(across, 0) * np.maximum(down, 0)
        if relative_to == "union":
            whole = area[best] + area[others] - shared
        else:
            whole = np.minimum(area[best], area[others])
        # Multiplied out: two boxes without area share nothing instead of 0 / 0.
        order = others[shared <= threshold * whole]
    return np.array(kept, dtype=np.intp)


class MTCNN:
    """MTCNN face detector with facenet-pytorch's weights.

    Called with a frame, it returns the faces that facenet-pytorch's cascade finds with the same
    parameters, most probable first. Equal frames give equal bits.

    The networks are loaded at the first call. They keep state while they run, so an instance
    belongs to one thread at a time; give every thread its own.

    Parameters
    ----------
    min_face_size
        Side of the smallest face looked for, in pixels, at least 12. Half the size takes about
        three times as long. None: a twelfth of the frame's shorter side, at least 20 pixels.
    thresholds
        Smallest probability that passes P-Net, R-Net and O-Net.
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
        self._networks: dict[str, cv2.dnn.Net] = {}

    def __call__(self, frame: NDArray[np.uint8], /) -> list[Face]:
        """Find the faces in a frame.

        Parameters
        ----------
        frame
            (H, W, 3) uint8, BGR. A frame under 12 pixels high or wide has no faces.

        Returns
        -------
        list of Face
            Most probable first, with five landmarks each.

        Raises
        ------
        TypeError
            If the frame is not an array.
        ValueError
            If it is not uint8 of shape (H, W, 3), or is empty.
        """
        check_frame(frame)
        height, width = frame.shape[:2]
        if min(height, width) < _WINDOW:
            return []
        smallest = self.min_face_size or max(_SMALLEST_FACE, min(height, width) / _FACES_PER_SIDE)
        return self._search(_Image(frame), smallest)

    def look_again(self, frame: NDArray[np.uint8], face: Face) -> Face | None:
        """Look for a face where it was a moment ago, at a fraction of a search's cost.

        O-Net alone is shown the old box and then, where it says that the face lies elsewhere, the
        box that it points to: that follows a face over some four tenths of its width. Only where
        this fails are the surroundings searched.

        Parameters
        ----------
        frame
            (H, W, 3) uint8, BGR, any strides.
        face
            Where the face was in an earlier frame of the same size.

        Returns
        -------
        Face or None
            None where there is no face nearby.

        Raises
        ------
        TypeError, ValueError
            As for a search.
        """
        check_frame(frame)
        box = np.array([[face.x0, face.y0, face.x1, face.y1]], np.float32)
        for look in range(_LOOKS):
            square = _square(box)
            side = float(square[0, 2] - square[0, 0])
            part = _Part.of(frame, square[0], side / _FINE) if side > 0 else None
            if part is None:
                break
            boxes, scores, rest = self._look(_ONET, part.image, part.inward(square), -math.inf)
            if not len(boxes):
                break
            box = part.outward(_shift(boxes, rest[:, :4], extra=1))
            settled = np.abs(box - square).max() < _SETTLED * side or look == _LOOKS - 1
            if scores[0] > self.thresholds[2] and settled:
                points = part.outward(_landmarks(boxes, rest[:, 4:])[0])
                return _face(box[0], scores[0], points)
        return self._search_near(frame, face)

    def _search_near(self, frame: NDArray[np.uint8], face: Face) -> Face | None:
        """Search the surroundings of a face for the face nearest to it."""
        centre, reach = np.array(face.centre), _NEIGHBOURHOOD / 2 * face.side
        edges = np.concatenate([centre - reach, centre + reach]).astype(np.float32)
        part = _Part.of(frame, edges, face.side / _COARSE)
        if part is None or min(part.image.height, part.image.width) < _WINDOW:
            return None
        found = self._search(part.image, max(_WINDOW, _SHRUNKEN * face.side / part.step))
        return nearest_face((part.face(one) for one in found), face)

    def _search(self, image: _Image, smallest: float) -> list[Face]:
        """Run the cascade for faces from a smallest size on, in pixels."""
        boxes, scores = self._propose(image, smallest)
        boxes, scores, rest = self._look(_RNET, image, boxes, self.thresholds[1])
        kept = suppress(boxes, scores, 0.7)
        boxes = _square(_shift(boxes[kept], rest[kept, :4], extra=1))

        boxes, scores, rest = self._look(_ONET, image, boxes, self.thresholds[2])
        points = _landmarks(boxes, rest[:, 4:])
        boxes = _shift(boxes, rest[:, :4], extra=1)
        kept = suppress(boxes, scores, 0.7, relative_to="smaller")
        return [_face(boxes[i], scores[i], points[i]) for i in kept]

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_networks": {}}  # loaded anew where they are needed

    def _scales(self, side: int, smallest: float) -> Iterator[float]:
        """Yield the pyramid's scales: a face at P-Net's window from the smallest to the largest."""
        scale = _WINDOW / smallest
        while side * scale >= _WINDOW:
            yield scale
            scale *= self.factor

    def _propose(
        self, image: _Image, smallest: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run P-Net over the pyramid: square boxes (N, 4) and scores (N,)."""
        found = [np.empty((0, 9), np.float32)]
        for scale in self._scales(min(image.height, image.width), smallest):
            size = int(image.height * scale + 1), int(image.width * scale + 1)
            output = self._run("pnet", image.resized(image.whole, size))[0]
            score = _sigmoid(output[0])
            rows, columns = np.nonzero(score >= self.thresholds[0])
            corner = np.stack([columns, rows], axis=1).astype(np.float32) * _STRIDE
            # float32 as in facenet-pytorch, for the same result where the quotient is whole
            low = np.floor((corner + 1) / np.float32(scale))
            high = np.floor((corner + _WINDOW) / np.float32(scale))
            scores, shifts = score[rows, columns], output[1:, rows, columns].T
            level = np.concatenate([low, high, scores[:, None], shifts], axis=1)
            found.append(level[suppress(level[:, :4], scores, 0.5)])
        everything = np.concatenate(found)
        boxes, scores, shifts = everything[:, :4], everything[:, 4], everything[:, 5:]
        kept = suppress(boxes, scores, 0.7)
        return _square(_shift(boxes[kept], shifts[kept], extra=0)), scores[kept]

    def _look(
        self, stage: _Stage, image: _Image, boxes: NDArray[np.float32], threshold: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
        """Show boxes to R-Net or O-Net: those that pass, their scores, their other outputs."""
        boxes, pixels = image.inside(boxes)
        output = np.empty((len(boxes), stage.outputs), np.float32)
        for start in range(0, len(boxes), _BATCH):
            batch = slice(start, start + _BATCH)
            crops = image.resized(pixels[batch], (stage.side, stage.side))
            output[batch] = self._run(stage.network, crops)[:, :, 0, 0]
        scores = _sigmoid(output[:, 0])
        passed = scores > threshold
        return boxes[passed], scores[passed], output[passed, 1:]

    def _run(self, name: str, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run a network on (N, 3, H, W) images."""
        if name not in self._networks:
            model = np.fromfile(ASSETS / f"mtcnn_{name}.onnx", dtype=np.uint8)
            self._networks[name] = cv2.dnn.readNetFromONNX(model)
        network = self._networks[name]
        network.setInput(images)
        output: NDArray[np.float32] = np.asarray(network.forward(), dtype=np.float32)
        return output


class _Part(NamedTuple):
    """A part of a frame, thinned out to every ``step``-th pixel."""

    image: _Image
    corner: NDArray[np.float32]
    step: int

    @classmethod
    def of(cls, frame: NDArray[np.uint8], edges: NDArray[np.float32], step: float) -> _Part | None:
        """Cut out what lies between edges x0, y0, x1, y1; None where that is nothing."""
        size = np.array([frame.shape[1], frame.shape[0]])
        x0, y0 = np.clip(np.floor(edges[:2]), 0, size).astype(int).tolist()
        x1, y1 = np.clip(np.ceil(edges[2:]), 0, size).astype(int).tolist()
        whole = max(1, int(step))
        pixels = frame[y0:y1:whole, x0:x1:whole]
        if pixels.size == 0:
            return None
        return cls(_Image(pixels), np.array([x0, y0], np.float32), whole)

    def inward(self, edges: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn the frame's pixels (N, 2 or 4) into those of the part."""
        corner = np.tile(self.corner, edges.shape[1] // 2)
        return np.asarray((edges - corner) / self.step, np.float32)

    def outward(self, edges: NDArray[np.float32]) -> NDArray[np.float32]:
        """Turn the part's pixels (N, 2 or 4) into those of the frame."""
        corner = np.tile(self.corner, edges.shape[1] // 2)
        return np.asarray(edges * self.step + corner, np.float32)

    def face(self, face: Face) -> Face:
        """Turn a face in the part into one in the frame."""
        return face.scaled(self.step, *map(float, self.corner))


class _Image:
    """A frame as a table of sums, from which any crop is resized in a few additions per pixel.

    An output pixel is the mean of all pixels of the crop that it touches (adaptive average
    pooling), which is how facenet-pytorch shrinks the frame and how it resizes the crops, up or
    down.
    """

    def __init__(self, frame: NDArray[np.uint8]) -> None:
        self.height, self.width = frame.shape[:2]
        self.whole = np.array([[0, 0, self.width, self.height]], dtype=np.intp)
        # float64 counts exactly beyond the 8.4 million pixels that a 32-bit sum holds
        sums = cv2.integral(np.ascontiguousarray(frame), sdepth=cv2.CV_64F)
        self._sums: NDArray[np.float64] = np.asarray(sums, np.float64).reshape(-1, 3)

    def inside(self, boxes: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """Drop the boxes outside the frame; the others, and the pixels x0, y0, x1, y1 in them."""
        # The networks were trained with MATLAB's pixels: counted from 1, the last one included.
        pixels = np.trunc(boxes).astype(np.intp)
        pixels[:, :2] = np.maximum(pixels[:, :2], 1) - 1
        pixels[:, 2:] = np.minimum(pixels[:, 2:], [self.width, self.height])
        some = np.all(pixels[:, :2] < pixels[:, 2:], axis=1)
        return boxes[some], pixels[some]

    def resized(self, pixels: NDArray[np.intp], size: tuple[int, int]) -> NDArray[np.float32]:
        """Resize N crops to ``size`` (height, width): (N, 3, height, width), RGB in [-1, 1]."""
        top, bottom = _bins(pixels[:, 1], pixels[:, 3], size[0])
        left, right = _bins(pixels[:, 0], pixels[:, 2], size[1])

        def sums(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> NDArray[np.float64]:
            index = rows[:, :, None] * (self.width + 1) + columns[:, None, :]
            corner: NDArray[np.float64] = self._sums.take(index, axis=0)
            return corner

        total = sums(bottom, right) - sums(top, right) - sums(bottom, left) + sums(top, left)
        count = (bottom - top)[:, :, None] * (right - left)[:, None, :]
        rgb = (total / count[..., None])[..., ::-1]
        scaled = ((rgb - _GREY) * _GREY_STEP).transpose(0, 3, 1, 2)
        return np.ascontiguousarray(scaled, dtype=np.float32)


def _bins(
    first: NDArray[np.intp], last: NDArray[np.intp], count: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Cut N ranges into ``count`` bins that take every pixel they touch: starts and ends."""
    length = (last - first)[:, None]
    index = np.arange(count)
    start = index * length // count
    end = -(-(index + 1) * length // count)
    return first[:, None] + start, first[:, None] + end


def _sigmoid(logit: NDArray[np.float32]) -> NDArray[np.float32]:
    # tanh cannot overflow
    probability: NDArray[np.float32] = 0.5 + 0.5 * np.tanh(0.5 * logit)
    return probability


def _shift(
    boxes: NDArray[np.float32], shifts: NDArray[np.float32], extra: int
) -> NDArray[np.float32]:
    """Move the edges by shifts in units of the box's size, which counts ``extra`` pixels more."""
    size = boxes[:, 2:] - boxes[:, :2] + extra
    return boxes + shifts * np.tile(size, 2)


def _square(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make boxes square about their centre, as large as their longer side."""
    size = boxes[:, 2:] - boxes[:, :2]
    side = size.max(axis=1, keepdims=True)
    low = boxes[:, :2] + size * 0.5 - side * 0.5
    return np.concatenate([low, low + side], axis=1)


def _landmarks(boxes: NDArray[np.float32], points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Turn O-Net's (N, 10) landmarks, relative to the boxes, into pixels (N, 5, 2)."""
    size = boxes[:, 2:] - boxes[:, :2] + 1
    x, y = points[:, :5], points[:, 5:]
    return np.stack([x, y], axis=2) * size[:, None] + boxes[:, None, :2] - 1


def _face(box: NDArray[np.float32], score: np.float32, points: NDArray[np.float32]) -> Face:
    x0, y0, x1, y1 = map(float, box)
    return Face(x0, y0, x1, y1, float(score), tuple((float(x), float(y)) for x, y in points))


def check_frame(frame: NDArray[np.uint8]) -> None:
    """Raise TypeError or ValueError unless a frame is uint8 of shape (H, W, 3) and not empty."""
    if not isinstance(frame, np.ndarray):
        raise TypeError(f"frame must be a NumPy array, got {type(frame).__name__}")
    if frame.dtype != np.uint8:
        raise ValueError(f"frame must be uint8, got {frame.dtype}")
    if frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"frame must have the shape (H, W, 3), got {frame.shape}")
    if frame.size == 0:
        raise ValueError(f"frame is empty: its shape is {frame.shape}")
