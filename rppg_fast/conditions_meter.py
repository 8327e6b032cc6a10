"""Measures the conditions under which a face is recorded."""

from __future__ import annotations

from array import array

import numpy as np
from numpy.typing import NDArray

from rppg_fast.appearance_meter import FEWEST, AppearanceMeter
from rppg_fast.conditions import Conditions
from rppg_fast.reading import Box
from rppg_fast.yuv import AnyFrame, PlaneArray, YuvFrame

#: Points in each direction at which the color is looked at.
_POINTS = 16
#: Time between two looks at the color, s.
_COLOR_EVERY = 1.0


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
