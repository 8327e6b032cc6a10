"""Simulate a screen before the camera: refresh bands, moire, and reflections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np

from training.data.trajectories import Times
from training.synthetic.paint import Field
from training.synthetic.parameters import between, one_of
from training.synthetic.render import Placement, render
from training.synthetic.scene import Scene

_MAGNIFIED = 8.0  # ratio of the movement of the moire to that of the screen
_SPOT = 0.35  # width of the reflected light, relative to the picture


@dataclass(frozen=True)
class Screen:
    """How a screen shows a video. Amplitudes are relative to its brightness."""

    fps: float = one_of("frames a second of the video; 0: a photograph", 0, 24, 25, 30, 60)
    bands: float = between("amplitude of its bands of refresh", 0.001, 0.05, log=True, share=0.5)
    band_rate: float = between("how many of them pass in a second", 0.7, 4.0)
    band_count: float = between("how many of them there are", 0.0, 4.0)
    moire: float = between("amplitude of its moire", 0.003, 0.06, log=True, share=0.5)
    moire_period: float = between("from stripe to stripe, pixels", 3.0, 30.0, log=True)
    moire_angle: float = between("their direction, rad", 0.0, 2 * np.pi)
    glare: float = between("the lamp that it mirrors", 0.02, 0.4, share=0.5)


def play(screen: Screen, scene: Scene, placement: Placement, times: Times) -> Iterator[Field]:
    """Yield the pictures on the screen, float32 (H, W, 4): a scene's face without its pulse."""
    shown = np.floor(times * screen.fps) / screen.fps if screen.fps else np.zeros_like(times)
    dead = replace(scene, pulse=replace(scene.pulse, amplitude=0.0))
    different, repeats = np.unique(shown, return_counts=True)
    for frame, count in zip(render(dead, placement, different), repeats):
        picture = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2BGRA), np.float32)
        for _ in range(count):
            yield picture


class Surface:
    """Adds the effects of a screen to the picture that it shows."""

    def __init__(self, screen: Screen, placement: Placement) -> None:
        self._screen = screen
        shape = placement.height, placement.width
        rows, columns = (axis.astype(np.float32) for axis in np.mgrid[: shape[0], : shape[1]])
        self._down = rows[:, :1, None] / shape[0]
        wave = 2 * np.pi / screen.moire_period if screen.moire else 0.0
        self._wave = wave * np.array([np.cos(screen.moire_angle), np.sin(screen.moire_angle)])
        self._stripes = columns * self._wave[0] + rows * self._wave[1]
        far = np.hypot(columns / shape[1] - 0.4, rows / shape[0] - 0.3)
        spot = 255 * screen.glare * np.exp(-((far / _SPOT) ** 2))
        self._glare = spot[..., None].astype(np.float32)

    def __call__(self, picture: Field, time: float, dx: float, dy: float) -> Field:
        """Return the picture, shifted by (dx, dy) pixels, as the camera sees it."""
        screen = self._screen
        turns = screen.band_rate * time + screen.band_count * self._down
        light = 1 + screen.bands * np.sin(2 * np.pi * turns)
        if screen.moire:
            moved = _MAGNIFIED * float(self._wave @ (dx, dy))
            # The pixels of the three colors are beside each other, so their moire differs in
            # phase.
            phases = np.array([0.0, 2.1, 4.2, 0.0], np.float32)
            light = light + screen.moire * np.sin((self._stripes - moved)[..., None] + phases)
        return np.asarray(picture * light + self._glare, np.float32)
