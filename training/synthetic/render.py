"""Render the frames of a scene, at any size.

A scene is painted once: background, body and head as layers. Each layer has a few *modes*: pictures
of its change with the pulse, the light, the lids and so on. A frame is the sum of the layers and of
the modes times their values at that time, warped to the pose, composed, lit, and passed through a
noisy camera. All values are float32 in 8-bit levels; the camera rounds at the end. Movements are
far below a pixel: OpenCV 5 warps exactly, 4.x in steps of 1/32 pixel.

At each place of the skin the color is ``c (1 - a v s ppg(t - delay))`` with amplitude ``a``,
color ``v`` (green 1) and strength ``s`` (mean 1 over the face): green *falls* as the PPG rises.
The delay is approximated to first order, with the PPG's slope.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from training.data.trajectories import Times
from training.synthetic.camera import Frame, Look, NoisyCamera
from training.synthetic.head import FACE_BOX, paint_head
from training.synthetic.paint import Field, noise
from training.synthetic.scene import Scene
from training.synthetic.surroundings import paint_background, paint_body
from training.synthetic.timeline import Timeline, timeline

Box = tuple[int, int, int, int]

_MARGIN = 0.12  # margin painted around the picture, relative to its height, for layers that move
_CROP = 1.62  # height of a crop relative to the detector's box, enough for every box scale
# Limits of head and body in head units, with room to move: x and y, from and to.
_ALL = (-math.inf, math.inf)
_HEAD_REACH = ((-1.65, 1.65), (-1.95, 2.05))
_BODY_REACH = (-0.2, math.inf)
_JAW = 0.1  # how far the jaw of an open mouth drops, head units
_SMALL = 0.05  # rad, step of the numerical derivative of the colors with the pose


@dataclass(frozen=True)
class Placement:
    """The place of the head in a picture of ``width`` by ``height`` pixels.

    ``x``, ``y`` is the centre of the face, ``unit`` the length of a head unit, all in pixels.
    """

    width: int
    height: int
    x: float
    y: float
    unit: float

    def face_box(self) -> tuple[float, float, float, float]:
        """Return the box that a face detector would find: x0, y0, x1, y1, pixels."""
        x0, y0, x1, y1 = (self.unit * edge for edge in FACE_BOX)
        return self.x + x0, self.y + y0, self.x + x1, self.y + y1


def place_in_frame(scene: Scene, width: int, height: int) -> Placement:
    """Place the head in a whole picture, by the scene's framing."""
    framing = scene.framing
    unit = framing.face * height / 2
    return Placement(width, height, framing.face_x * width, framing.face_y * height, unit)


def place_in_crop(scene: Scene) -> tuple[Placement, Box]:
    """Place the head in a small picture that contains only its surroundings.

    Returns
    -------
    placement : Placement
        With even sizes, which encoders need.
    box : tuple of int
        The detector's box enlarged by ``framing.box_scale``, with its errors, clipped to the
        picture: x0, y0, x1, y1, the last two exclusive.
    """
    framing = scene.framing
    x0, y0, x1, y1 = FACE_BOX
    height = 2 * round(framing.crop / 2)
    unit = height / (_CROP * (y1 - y0))
    width = 2 * round(_CROP * (x1 - x0) * unit / 2)
    placement = Placement(
        width, height, width / 2 - (x0 + x1) / 2 * unit, height / 2 - (y0 + y1) / 2 * unit, unit
    )
    return placement, _enlarged(scene, placement)


def _enlarged(scene: Scene, placement: Placement) -> Box:
    framing = scene.framing
    x0, y0, x1, y1 = placement.face_box()
    half_width = (x1 - x0) / 2 * framing.box_scale * (1 + framing.box_width)
    half_height = (y1 - y0) / 2 * framing.box_scale * (1 + framing.box_height)
    cx = (x0 + x1) / 2 + framing.box_x * (x1 - x0)
    cy = (y0 + y1) / 2 + framing.box_y * (y1 - y0)
    return (
        max(round(cx - half_width), 0),
        max(round(cy - half_height), 0),
        min(round(cx + half_width), placement.width),
        min(round(cy + half_height), placement.height),
    )


def render(scene: Scene, placement: Placement, times: Times) -> Iterator[Frame]:
    """Yield the scene's frames at the given times.

    Parameters
    ----------
    scene
        The scene.
    placement
        Size of the picture and place of the head.
    times
        Times of the frames, s, increasing, not negative.

    Yields
    ------
    uint8 (height, width, 3)
        BGR, a new array for each frame.
    """
    stage = _Stage(scene, placement, timeline(scene, times))
    camera = NoisyCamera(scene.camera, scene.stream("camera"))
    for i in range(len(times)):
        yield camera(stage.frame(i))


class _Layer:
    """A picture and its modes: float32 (H, W, 4), BGR and opacity, premultiplied.

    Parameters
    ----------
    left, top
        Place of its first pixel in the frame; it may be outside.
    still
        The picture as painted.
    modes
        Pictures of its changes, by name.
    size
        Width and height of the frame.
    """

    def __init__(
        self, left: int, top: int, still: Field, modes: dict[str, Field], size: tuple[int, int]
    ) -> None:
        self.left, self.top = left, top
        height, width = still.shape[:2]
        columns = slice(max(left, 0), min(left + width, size[0]))
        rows = slice(max(top, 0), min(top + height, size[1]))
        self.window = rows, columns
        """The part of the frame that the layer can cover."""
        self._still = still
        # A mode often fills only some rows (lids, mouth); only these rows are computed.
        self._modes = {}
        for name, mode in modes.items():
            filled = np.flatnonzero(np.any(mode, axis=(1, 2)))
            if len(filled):
                band = slice(int(filled[0]), int(filled[-1]) + 1)
                self._modes[name] = (band, np.ascontiguousarray(mode[band]))
        self._work = np.empty_like(still)

    def now(self, values: dict[str, float]) -> Field:
        """Return the picture plus the modes times their values; valid until the next call."""
        np.copyto(self._work, self._still)
        for name, (band, mode) in self._modes.items():
            if values[name] != 0:
                part = self._work[band]
                cv2.scaleAdd(mode, values[name], part, dst=part)
        return self._work


class _Stage:
    """A painted scene at one size, complete except for the camera's noise."""

    def __init__(self, scene: Scene, placement: Placement, course: Timeline) -> None:
        self._placement = placement
        self._course = course
        self._tilt = scene.head.tilt
        self._look = Look(scene.camera)
        self._margin = int(np.ceil(_MARGIN * placement.height))
        self._size = placement.width, placement.height
        self._paint_head(scene)
        self._paint_body(scene)
        x, y = self._grid()
        self._back = self._look.layer(paint_background(scene, x, y), np.ones_like(x))
        self._moving = scene.background.movement > 0
        self._light_field(scene)

    def _grid(
        self, x_range: tuple[float, float] = _ALL, y_range: tuple[float, float] = _ALL
    ) -> tuple[Field, Field]:
        """Return the pixels of the frame and its margins in a range, as places in head units."""
        place, margin = self._placement, self._margin
        axes = []
        for size, middle, (low, high) in (
            (place.width, place.x, x_range),
            (place.height, place.y, y_range),
        ):
            pixels = np.arange(-margin, size + margin, dtype=np.float32)
            axis = (pixels + np.float32(0.5 - middle)) / np.float32(place.unit)
            axes.append(axis[(axis >= low) & (axis <= high)])
        x, y = np.meshgrid(*axes)
        return x, y

    def _corner(self, x: Field, y: Field) -> tuple[int, int]:
        """Return the pixel of the first place of a grid."""
        place = self._placement
        return (
            round(float(x[0, 0]) * place.unit + place.x - 0.5),
            round(float(y[0, 0]) * place.unit + place.y - 0.5),
        )

    def _paint_head(self, scene: Scene) -> None:
        x, y = self._grid(*_HEAD_REACH)
        cos, sin = np.float32(np.cos(self._tilt)), np.float32(np.sin(self._tilt))
        paint = paint_head(scene, cos * x + sin * y, cos * y - sin * x)
        look = self._look

        def added(change: Field, size: float = 1.0) -> Field:
            return (look.planes(paint.color + size * change) - look.planes(paint.color)) / size

        color = look.planes(paint.color)
        pulse = -pulse_color(scene) * paint.skin * color
        random = scene.stream("paint.delay")
        delay = scene.pulse.delay * noise(random, x, y, 0.7, 0.7)
        modes = {
            "pulse": pulse,
            "slope": -pulse * delay,
            "lids": added(paint.lids),
            "mouth": added(paint.mouth),
            "yaw": added(paint.yaw, _SMALL),
            "pitch": added(paint.pitch, _SMALL),
        }
        self._head = _Layer(
            *self._corner(x, y),
            look.merge(color, paint.alpha),
            {name: look.merge(mode, paint.alpha, False) for name, mode in modes.items()},
            self._size,
        )
        # Pixels of the frame, and at each pixel the displacement by the turning head and by the
        # jaw.
        rows, columns = self._head.window
        self._u, self._v = np.meshgrid(
            np.arange(columns.start, columns.stop, dtype=np.float32),
            np.arange(rows.start, rows.stop, dtype=np.float32),
        )
        left, top, unit = self._head.left, self._head.top, np.float32(self._placement.unit)
        inside = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        self._depth = np.ascontiguousarray(paint.depth[inside]) * unit
        self._jaw = np.ascontiguousarray(paint.jaw[inside]) * (np.float32(_JAW) * unit)

    def _paint_body(self, scene: Scene) -> None:
        x, y = self._grid(_ALL, _BODY_REACH)
        paint = paint_body(scene, x, y)
        look = self._look
        color = look.planes(paint.color)
        pulse = -scene.body.pulse * pulse_color(scene) * paint.skin * color
        self._body = _Layer(
            *self._corner(x, y),
            look.merge(color, paint.alpha),
            {"pulse": look.merge(pulse, paint.alpha, False)},
            self._size,
        )

    def _light_field(self, scene: Scene) -> None:
        """Compute the gradient of the light, and how its changes vary over the picture."""
        light = scene.light
        inner = (slice(self._margin, -self._margin),) * 2
        x, y = (axis[inner] for axis in self._grid())
        angle = light.gradient_angle
        along = math.cos(angle) * x + math.sin(angle) * y
        self._still_light = _four(np.clip(1 + light.gradient * along, 0.3, 1.7))
        uneven = noise(scene.stream("paint.light"), x, y, 1.5, 1.5)
        falls = _four(np.clip(1 + light.unevenness * uneven, 0, 2)) * self._still_light
        self._light_modes = [
            (falls * np.append(color[::-1], 1).astype(np.float32), change)
            for color, change in self._course.light
        ]

    def frame(self, i: int) -> Field:
        """Return frame ``i`` without noise: float32 (H, W, 4), BGR in 8-bit levels."""
        frame = self._background(i)
        _lay_over(frame[self._body.window], self._shifted_body(i))
        _lay_over(frame[self._head.window], self._posed_head(i))
        frame *= self._light(i)
        return frame

    def _background(self, i: int) -> Field:
        margin, unit, (width, height) = self._margin, self._placement.unit, self._size
        if not self._moving:
            return np.array(self._back[margin : margin + height, margin : margin + width])
        dx = margin - unit * self._course.back_x[i]
        dy = margin - unit * self._course.back_y[i]
        return _shift(self._back, dx, dy, self._size, cv2.BORDER_REFLECT)

    def _shifted_body(self, i: int) -> Field:
        body, unit, course = self._body, self._placement.unit, self._course
        rows, columns = body.window
        dx = columns.start - body.left - unit * course.body_x[i]
        dy = rows.start - body.top - unit * course.body_y[i]
        size = columns.stop - columns.start, rows.stop - rows.start
        return _shift(body.now({"pulse": course.pulse[i]}), dx, dy, size, cv2.BORDER_REPLICATE)

    def _posed_head(self, i: int) -> Field:
        place, unit, course = self._placement, self._placement.unit, self._course
        yaw, pitch = course.yaw[i], course.pitch[i]
        head = self._head.now(
            {
                "pulse": course.pulse[i],
                "slope": course.slope[i],
                "lids": course.lids[i],
                "mouth": course.mouth[i],
                "yaw": yaw,
                "pitch": pitch,
            }
        )
        # Map a pixel of the frame back to the painting: undo the shift, then roll and zoom about
        # the centre of the face, then the parallax of turning and the drop of the jaw.
        scale = 1 / (1 + course.zoom[i])
        cos, sin = scale * math.cos(course.roll[i]), scale * math.sin(course.roll[i])
        middle_x, middle_y = place.x - 0.5, place.y - 0.5
        px, py = middle_x + unit * course.x[i], middle_y + unit * course.y[i]
        left = middle_x - self._head.left - cos * px - sin * py
        top = middle_y - self._head.top + sin * px - cos * py
        map_x = _sum(self._u, cos, self._v, sin, left)
        map_y = _sum(self._u, -sin, self._v, cos, top)
        cos_tilt, sin_tilt = math.cos(self._tilt), math.sin(self._tilt)
        for field, dx, dy in (
            (self._depth, math.sin(yaw), math.sin(pitch)),
            (self._jaw, 0.0, course.mouth[i]),
        ):
            if dx != 0 or dy != 0:
                cv2.scaleAdd(field, -(cos_tilt * dx - sin_tilt * dy), map_x, dst=map_x)
                cv2.scaleAdd(field, -(sin_tilt * dx + cos_tilt * dy), map_y, dst=map_y)
        return np.asarray(cv2.remap(head, map_x, map_y, cv2.INTER_LINEAR), np.float32)

    def _light(self, i: int) -> Field:
        light = self._still_light
        for mode, change in self._light_modes:
            light = np.asarray(cv2.scaleAdd(mode, float(change[i]), light), np.float32)
        return light


def pulse_color(scene: Scene) -> Field:
    """Return the relative amplitude of the pulse in each RGB plane, float32 (3, 1, 1)."""
    pulse = scene.pulse
    color = pulse.amplitude * np.array([pulse.red, 1, pulse.blue])
    return color.astype(np.float32)[:, None, None]


def _lay_over(frame: Field, layer: Field) -> None:
    seen = 1 - cv2.extractChannel(layer, 3)
    frame *= cv2.merge([seen, seen, seen, seen])
    frame += layer


def _four(plane: Field) -> Field:
    return np.asarray(cv2.merge([plane] * 4), np.float32)


def _sum(a: Field, ka: float, b: Field, kb: float, constant: float) -> Field:
    return np.asarray(cv2.addWeighted(a, ka, b, kb, constant), np.float32)


def _shift(layer: Field, dx: float, dy: float, size: tuple[int, int], border: int) -> Field:
    """Cut a picture of a given size out of a layer, at a place between pixels."""
    back = np.array([[1, 0, dx], [0, 1, dy]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(layer, back, size, flags=flags, borderMode=border), np.float32)
