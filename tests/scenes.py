"""Helpers for tests of the synthetic videos: calm scenes, and measurements of frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import periodogram

from training.synthetic.generate import clip_times
from training.synthetic.parameters import OFF, Between, Choice, Law, OneOf
from training.synthetic.render import place_in_crop, render
from training.synthetic.scene import Scene

# Everything that moves or changes is off, except the pulse.
CALM: dict[str, Law] = {
    name: OFF
    for name in (
        *("pulse.baseline", "pulse.depth_modulation", "pulse.drift", "pulse.trend"),
        *("pulse.variability", "pulse.sinus_arrhythmia"),
        *("background.movement", "expression.blinks", "expression.talking"),
        *("light.drift", "light.rhythm", "light.flicker", "light.switching"),
        *(f"motion.{name}" for name in ("sway", "tremor", "ballistic", "rhythm", "moves")),
        *(f"motion.{name}" for name in ("roll", "yaw", "pitch", "zoom", "breathing")),
        *("camera.time_jitter", "camera.drops", "camera.block_noise", "camera.row_noise"),
    )
}
CALM["camera.codec"] = Choice({"none": 1.0})
CALM["camera.fps"] = OneOf((30.0,))
CALM["camera.exposure"] = Between(0.8, 0.8)  # neither black nor saturated
CALM["skin.melanin"] = Between(0.0, 0.7)
STRONG: dict[str, Law] = {**CALM, "pulse.amplitude": Between(0.01, 0.01)}


def peak_rate(signal: NDArray[Any], fs: float) -> float:
    """Return the rate of the largest peak from 0.7 to 4 Hz, bpm."""
    frequency, power = periodogram(signal, fs, "hann", nfft=16384)
    band = (frequency > 0.7) & (frequency < 4)
    return float(60 * frequency[band][np.argmax(power[band])])


def filmed(scene: Scene, seconds: float = 10.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Render a scene's crop; return mean RGB (frames, 3) of the inner face, and the times."""
    times = clip_times(scene, seconds)
    placement, _ = place_in_crop(scene)
    x0, y0, x1, y1 = (round(edge) for edge in placement.face_box())
    top = y0 + (y1 - y0) // 3
    frames = render(scene, placement, times)
    rows = [frame[top:y1, x0 + 8 : x1 - 8, ::-1].mean(axis=(0, 1)) for frame in frames]
    return np.array(rows, np.float64), times


def frames_of(scene: Scene, seconds: float) -> NDArray[np.uint8]:
    """Return a scene's frames (frames, height, width, 3) as the camera sees them, BGR."""
    placement, _ = place_in_crop(scene)
    return np.stack(list(render(scene, placement, clip_times(scene, seconds))))


def read_video(path: Path) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames of a file."""
    video = cv2.VideoCapture(str(path))
    while True:
        good, frame = video.read()
        if not good:
            return
        yield np.asarray(frame, np.uint8)
