"""Simulate a camera: tone, color and blur before the noise, and rounding after it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from training.synthetic.paint import Field
from training.synthetic.scene import Camera

Frame = NDArray[np.uint8]

_BLOCK_MEMORY = 0.8  # correlation of the block noise of consecutive frames
_SMALLEST_TAPE = 21  # bits; log2 of the shortest tape


class NoisyCamera:
    """Adds a camera's noise to pictures and rounds them to 8 bits.

    Parameters
    ----------
    camera
        The kinds and amounts of noise.
    random
        Generator of the noise.
    """

    def __init__(self, camera: Camera, random: np.random.Generator) -> None:
        self._camera = camera
        self._random = random
        self._blocks: Field | None = None

    def __call__(self, picture: Field) -> Frame:
        """Add noise to a float32 picture (H, W, 4) in 8-bit levels: BGR and an unused channel.

        Returns
        -------
        uint8 (H, W, 3)
            BGR.
        """
        camera = self._camera
        picture = np.maximum(picture, 0, out=picture)
        if camera.read_noise or camera.shot_noise:
            spread = picture * np.float32(camera.shot_noise**2 / 255)
            spread += np.float32(camera.read_noise**2)
            np.sqrt(spread, out=spread)
            spread *= self._normal(spread.shape)
            picture += spread
        if camera.block_noise:
            picture += self._block_noise(picture.shape)
        if camera.row_noise:
            rows = self._random.normal(0, camera.row_noise, len(picture)).astype(np.float32)
            flat = picture.reshape(len(picture), -1)
            flat += rows[:, None]
        np.clip(picture, 0, 255, out=picture)
        # convertScaleAbs rounds to nearest.
        return np.asarray(cv2.convertScaleAbs(cv2.cvtColor(picture, cv2.COLOR_BGRA2BGR)), np.uint8)

    def _normal(self, shape: tuple[int, ...]) -> Field:
        """Return normal noise from a random place of a long tape; drawing would be slower."""
        size = int(np.prod(shape))
        tape = _tape(max(_SMALLEST_TAPE, int(np.ceil(np.log2(8 * size)))))
        start = int(self._random.integers(len(tape) - size))
        return tape[start : start + size].reshape(shape)

    def _block_noise(self, shape: tuple[int, ...]) -> Field:
        side = self._camera.block
        cells = (int(np.ceil(shape[0] / side)), int(np.ceil(shape[1] / side)), 4)
        fresh = self._random.standard_normal(cells, np.float32) * self._camera.block_noise
        if self._blocks is None:
            self._blocks = fresh
        else:
            self._blocks = _BLOCK_MEMORY * self._blocks + np.sqrt(1 - _BLOCK_MEMORY**2) * fresh
        blocks = np.asarray(self._blocks, np.float32)
        return np.asarray(
            cv2.resize(blocks, (shape[1], shape[0]), interpolation=cv2.INTER_NEAREST), np.float32
        )


@lru_cache(maxsize=2)
def _tape(bits: int) -> Field:
    return np.random.default_rng(0).standard_normal(1 << bits, np.float32)


class Look:
    """The colors of a camera: tone, white balance, exposure, saturation, blur."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._gain = 255 * camera.exposure * np.array([camera.white_red, 1, camera.white_blue])

    def planes(self, color: Field) -> Field:
        """Return 8-bit levels, not yet rounded, of RGB planes (3, H, W) in [0, 1]."""
        camera = self._camera
        flat = np.clip(color, 0, None).reshape(3, -1)  # cv2.pow is faster than NumPy
        toned = np.asarray(cv2.pow(flat, camera.gamma), np.float32).reshape(color.shape)
        luma = 0.3 * toned[0] + 0.59 * toned[1] + 0.11 * toned[2]
        vivid = np.clip(luma + camera.saturation * (toned - luma), 0, None)
        return np.asarray(vivid * self._gain[:, None, None], np.float32)

    def merge(self, planes: Field, alpha: Field, opaque: bool = True) -> Field:
        """Return blurred premultiplied BGR and opacity (H, W, 4); it is 0 if not ``opaque``."""
        red, green, blue = planes * alpha
        last = alpha if opaque else np.zeros_like(alpha)
        merged: Any = cv2.merge([blue, green, red, last])
        if self._camera.blur:
            merged = cv2.GaussianBlur(merged, (0, 0), self._camera.blur)
        return np.asarray(merged, np.float32)

    def layer(self, color: Field, alpha: Field) -> Field:
        """Return a layer from RGB planes in [0, 1] and their opacity."""
        return self.merge(self.planes(color), alpha)
