"""Film simulated people with known pulses who move before a camera, from one portrait."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.clips import PULSE, Frame
from training.synthetic.demo_clip import portrait, skin_mask

Floats = NDArray[np.float32]

WIDTH, HEIGHT = 440, 260
AMPLITUDE = 0.012
HARMONIC = 0.3  # second harmonic of the beat over its first
NOISE = 1.0  # grey levels

# Rows and columns of the head in the portrait, and the centre of the face in that part.
_HEAD = (slice(20, 235), slice(60, 260))
_MIDDLE = (99.5, 101.0)
_SOFT = 12.0  # pixels over which the edge of the head fades out


@dataclass(frozen=True)
class Person:
    """A person with a heart rate (bpm; 0: none) whose face is at ``place(time)``, or absent.

    The place is the centre of the face in pixels; ``size`` scales a face about 90 pixels wide.
    """

    bpm: float
    place: Callable[[float], tuple[float, float] | None]
    size: float = 1.0


def still(x: float, y: float = 120.0) -> Callable[[float], tuple[float, float]]:
    """Return a path that stays at one place."""
    return lambda time: (x, y)


def filmed(
    people: Sequence[Person], times: Sequence[float], seed: int = 0
) -> Iterator[tuple[Frame, float]]:
    """Yield frames (BGR) of people before a wall; later people are in front."""
    rng = np.random.default_rng(seed)
    wall = cv2.GaussianBlur(rng.uniform(60, 190, (HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 9)
    wall = np.asarray(128 + 6 * (wall - 125), np.float32)
    grain = NOISE * rng.standard_normal((2 * HEIGHT, 2 * WIDTH, 3), np.float32)
    for time in times:
        picture = wall.copy()
        for person in people:
            place = person.place(time)
            if place is not None:
                _paste(picture, person, place, time)
        top, left = rng.integers((HEIGHT, WIDTH))
        picture += grain[top : top + HEIGHT, left : left + WIDTH]
        yield np.clip(np.round(picture), 0, 255).astype(np.uint8), time


def _paste(picture: Floats, person: Person, place: tuple[float, float], time: float) -> None:
    head, pulse, cover = _head()
    phase = 2 * np.pi * person.bpm / 60 * time
    volume = np.sin(phase) + HARMONIC * np.sin(2 * phase) if person.bpm else 0.0
    shown = head - np.float32(AMPLITUDE * volume) * pulse
    corner = [at - person.size * middle for at, middle in zip(place, _MIDDLE)]
    size = [int(person.size * side) + 2 for side in head.shape[1::-1]]
    low = [int(np.clip(np.floor(at), 0, side)) for at, side in zip(corner, (WIDTH, HEIGHT))]
    high = [
        int(np.clip(np.floor(at) + across, 0, side))
        for at, across, side in zip(corner, size, (WIDTH, HEIGHT))
    ]
    part = picture[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return
    move = np.array(
        [[person.size, 0, corner[0] - low[0]], [0, person.size, corner[1] - low[1]]], np.float64
    )
    opaque = cv2.warpAffine(cover, move, part.shape[1::-1])[..., None]
    shown = np.asarray(
        cv2.warpAffine(shown, move, part.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    )
    part += opaque * (shown - part)


@cache
def _head() -> tuple[Floats, Floats, Floats]:
    """Return the head, the strength of the pulse in its skin, and its opacity."""
    photo = portrait()
    pulse = photo * skin_mask(photo)[..., None] * PULSE.astype(np.float32)
    head = photo[_HEAD].astype(np.float32)
    rows, columns = (np.arange(side, dtype=np.float32) for side in head.shape[:2])
    edge = np.minimum.outer(np.minimum(rows, rows[::-1]), np.minimum(columns, columns[::-1]))
    return head, pulse[_HEAD].astype(np.float32), np.clip(edge / _SOFT, 0, 1)
