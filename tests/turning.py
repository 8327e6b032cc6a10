"""Frames of a turned camera, and places in them."""

from __future__ import annotations

import numpy as np

from tests.clips import Frame

Edges = tuple[float, float, float, float]


def lying(frame: Frame, turned: int) -> Frame:
    """Return a frame turned clockwise, as a view."""
    return np.rot90(frame, -turned // 90)


def lying_edges(edges: Edges, turned: int, width: int, height: int) -> Edges:
    """Return the place of a box in a frame of a given size after the frame is turned clockwise."""
    x0, y0, x1, y1 = edges
    for _ in range(turned // 90):
        x0, y0, x1, y1 = height - y1, x0, height - y0, x1
        width, height = height, width
    return x0, y0, x1, y1
