"""The conditions of a recording, and which of them can hide a pulse."""

from __future__ import annotations

import enum
from array import array
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rppg_fast.appearance_meter import FEWEST, Appearance, AppearanceMeter
from rppg_fast.reading import Box
from rppg_fast.yuv import AnyFrame, PlaneArray, YuvFrame

#: Mean brightness of a face, 0 to 1, under which and over which the pulse is hard to see.
_DARK, _BRIGHT = 0.2, 0.9
#: Share of a face's pixels that are as bright as the camera can show: no pulse is in them.
_MUCH_CLIPPED = 0.15
#: Shorter side of a measured box, pixels, under which camera noise hides the pulse.
_SMALL_BOX = 72
#: Change from one look to the next over the brightness; see ``Appearance``.
_MUCH_MOVEMENT = 0.06
#: Color, see ``Conditions``, under which a picture is grey.
_GREY = 0.02
#: Points in each direction at which the color is looked at.
_POINTS = 16
#: Time between two looks at the color, s.
_COLOR_EVERY = 1.0
#: Bits of the compressed video for each pixel, under which compression removes most of a pulse.
_FEW_BITS = 0.05


class Obstacle(str, enum.Enum):
    """A condition that can hide a pulse.

    Attributes
    ----------
    DARK, BRIGHT
        "dark": the face is dark. "bright": it is too bright, or many of its pixels are as bright as
        the camera can show.
    SMALL
        "small": the face has few pixels.
    MOVEMENT
        "movement": the face moves much.
    COMPRESSION
        "compression": the video is strongly compressed.
    NO_COLOR
        "no_color": the picture is grey, so that only brightness can show the pulse.
    """

    DARK = "dark"
    BRIGHT = "bright"
    SMALL = "small"
    MOVEMENT = "movement"
    COMPRESSION = "compression"
    NO_COLOR = "no_color"

    def __str__(self) -> str:
        return self.value


class Conditions(NamedTuple):
    """The conditions under which a face was recorded: medians over its frames.

    Attributes
    ----------
    brightness, clipped, movement
        Those of ``Appearance``.
    color
        How far the measured pixels are from grey, 0 to 1. Skin in white light has 0.1 to 0.3.
    side_px
        Shorter side of the measured box, pixels.
    bits_per_pixel
        Bits of the compressed video for each pixel of each frame; None if it is not known, as for
        frames from memory.
    """

    brightness: float
    clipped: float
    movement: float
    color: float
    side_px: float
    bits_per_pixel: float | None = None

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """What can hide a pulse, in the order in which a person can best change it."""
        found = list(obstacles_in(Appearance(*self[:3]), self.side_px))
        if self.bits_per_pixel is not None and self.bits_per_pixel < _FEW_BITS:
            found.append(Obstacle.COMPRESSION)
        if self.color < _GREY:
            found.append(Obstacle.NO_COLOR)
        return tuple(found)

    def to_dict(self) -> dict[str, object]:
        """Return the fields by name, as JSON has them."""
        return self._asdict()


def obstacles_in(appearance: Appearance, side_px: float) -> tuple[Obstacle, ...]:
    """Return what can hide a pulse in a box with such an appearance and shorter side, pixels."""
    holds = {
        Obstacle.DARK: appearance.brightness < _DARK,
        Obstacle.BRIGHT: appearance.brightness > _BRIGHT or appearance.clipped > _MUCH_CLIPPED,
        Obstacle.SMALL: side_px < _SMALL_BOX,
        Obstacle.MOVEMENT: appearance.movement > _MUCH_MOVEMENT,
    }
    return tuple(obstacle for obstacle, there in holds.items() if there)


class ConditionsMeter:
    """Measures the conditions of one face, a few times a second."""

    def __init__(self) -> None:
        self._meter = AppearanceMeter()
        self._looks = array("d")  # one row for each, without the bits
        self._color, self._color_due = 0.0, -np.inf

    def update(self, frame: AnyFrame, box: Box, time: float) -> None:
        """Look at the measured pixels of a frame if it is time to."""
        before = self._meter.appearance
        seen = self._meter.update(frame, box, time)
        side = min(box.width, box.height)
        if seen is not before or side < FEWEST:  # too few pixels for the meter
            if time >= self._color_due:
                self._color, self._color_due = _color(frame, box), time + _COLOR_EVERY
            self._looks.extend((*seen, self._color, side))

    @property
    def conditions(self) -> Conditions | None:
        """Medians over all looks; None without any."""
        if not self._looks:
            return None
        looks = np.array(self._looks).reshape(-1, len(Conditions._fields) - 1)
        return Conditions(*np.median(looks, axis=0).tolist())


def _color(frame: AnyFrame, box: Box) -> float:
    """Return how far the pixels of a box are from grey, 0 to 1."""
    if isinstance(frame, YuvFrame):
        if frame.u is None or frame.v is None:
            return 0.0
        middle = float(128 << (frame.shift + frame.bits - 8))
        across = frame.y.shape[1] / frame.u.shape[1]
        down = frame.y.shape[0] / frame.u.shape[0]
        planes = [_points(plane, box, across, down) for plane in (frame.u, frame.v)]
        return float(sum(np.abs(plane - middle).mean() for plane in planes) / middle)
    if frame.ndim == 2:
        return 0.0
    return float(np.ptp(_points(frame, box, 1.0, 1.0), axis=-1).mean() / 255.0)


def _points(plane: PlaneArray, box: Box, across: float, down: float) -> NDArray[np.float64]:
    """Return a grid of points of a box in a plane that is smaller than the picture."""
    height, width = plane.shape[:2]
    rows = np.linspace(box.y0 / down, min(box.y1 / down, height) - 1, _POINTS).astype(np.intp)
    columns = np.linspace(box.x0 / across, min(box.x1 / across, width) - 1, _POINTS).astype(np.intp)
    return plane[np.ix_(rows, columns)].astype(np.float64)
