"""What the measured pixels of a face look like: bright or dark, clipped, moving."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rppg_fast.reading import Box
from rppg_fast.yuv import AnyFrame, YuvFrame

#: Smallest side of a box that is looked at, pixels.
FEWEST = 32
#: Points in each direction that are looked at, and how many of them make a mean. Means have less
#: noise of the camera than single points.
_POINTS, _MEAN_OF = FEWEST, 2
#: Black and white of luma that does not use its full range, of 255.
_BLACK, _WHITE = 16.0, 235.0
#: Brightness from which a point counts as clipped.
_CLIPPED = 0.98
#: Share of the newest look in the smoothed values.
_NEWEST = 0.2
#: Time between two looks, s.
_EVERY = 0.1


class Appearance(NamedTuple):
    """What a face looks like.

    Attributes
    ----------
    brightness
        Mean luma (green for red-green-blue frames), 0 to 1.
    clipped
        Share of the points that are as bright as the camera can show, 0 to 1.
    movement
        Mean absolute change of the picture in the box within a tenth of a second, over the
        brightness. A still face has about 0.01, a head that turns 0.1.
    """

    brightness: float
    clipped: float
    movement: float


class AppearanceMeter:
    """Follows the appearance of one face."""

    def __init__(self) -> None:
        self._due = -np.inf
        self._before: NDArray[np.float64] | None = None
        self.appearance = Appearance(0.5, 0.0, 0.0)

    def update(self, frame: AnyFrame, box: Box, time: float) -> Appearance:
        """Look at a frame if it is time to, and return the newest values."""
        if time < self._due:
            return self.appearance
        points = _points(frame, box)
        if points is None:
            return self.appearance
        self._due = time + _EVERY
        means = points.reshape(_POINTS // _MEAN_OF, _MEAN_OF, _POINTS // _MEAN_OF, _MEAN_OF).mean(
            (1, 3)
        )
        now = Appearance(float(points.mean()), float((points >= _CLIPPED).mean()), 0.0)
        if self._before is not None:
            change = float(np.abs(means - self._before).mean()) / max(now.brightness, 1 / 255)
            last = self.appearance
            # A box that has just moved after the face shows other pixels: that is movement, too.
            now = Appearance(
                last.brightness + _NEWEST * (now.brightness - last.brightness),
                last.clipped + _NEWEST * (now.clipped - last.clipped),
                last.movement + _NEWEST * (change - last.movement),
            )
        self._before, self.appearance = means, now
        return now


def _points(frame: AnyFrame, box: Box) -> NDArray[np.float64] | None:
    """Return luma, 0 to 1, at a grid of points of a box; None if the box has too few pixels."""
    plane: NDArray[Any]
    black, white = 0.0, 255.0
    if isinstance(frame, YuvFrame):
        plane = frame.y
        if not frame.full_range:
            black, white = _BLACK, _WHITE
        unit = float(1 << (frame.shift + frame.bits - 8))
        black, white = black * unit, white * unit
    else:
        plane = frame[..., 1] if frame.ndim == 3 else frame
    height, width = plane.shape
    x1, y1 = min(box.x1, width), min(box.y1, height)
    if x1 - box.x0 < FEWEST or y1 - box.y0 < FEWEST:
        return None
    rows = np.linspace(box.y0, y1 - 1, _POINTS).astype(np.intp)
    columns = np.linspace(box.x0, x1 - 1, _POINTS).astype(np.intp)
    points = plane[np.ix_(rows, columns)].astype(np.float64)
    return np.clip((points - black) / (white - black), 0.0, 1.0)
