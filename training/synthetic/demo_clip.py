"""Make the demonstration clip that ships with rppg_fast: a *synthetic* recording.

    python -m training.synthetic.demo_clip

The face is a photograph, NASA's public-domain portrait of astronaut Eileen Collins (from
scikit-image). Movement, light, noise and pulse are simulated: the pulse is not hers. The head sways
gently, the skin has a pulse whose rate rises from about 68 to 76 bpm, and a ground-truth file in
UBFC-rPPG's layout gives the rate at each frame.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import skimage

from training.data.trajectories import Times
from training.data.ubfc_format import write_ground_truth
from training.synthetic.camera import Frame, NoisyCamera
from training.synthetic.codec import write_video
from training.synthetic.paint import Field, step
from training.synthetic.parameters import OFF, Between, Choice, Law, OneOf
from training.synthetic.render import pulse_color
from training.synthetic.scene import Scene, sample_scene
from training.synthetic.timeline import pulse_wave, timeline

ASSETS = Path(__file__).parents[2] / "rppg_fast" / "assets"
SECONDS = 20.0
FPS = 30.0
AMPLITUDE = 0.01
BIT_RATE = 320_000  # bits per second; the clip must be well below a megabyte

_SIDE = 320  # side of the square that is cut from the portrait, pixels
_LEFT, _TOP = 64, 0
_FACE = (159.5, 121.0)  # centre of the face in that square, pixels
_UNIT = 62.0  # half the height of the face, pixels; the unit of the movements


def _fixed(value: float) -> Between:
    return Between(value, value)


_RANGES: Mapping[str, Law] = {
    "pulse.heart_rate": _fixed(68.0),
    "pulse.trend": _fixed(24.0),
    "pulse.drift": OFF,
    "pulse.variability": _fixed(0.3),
    "pulse.sinus_arrhythmia": _fixed(1.0),
    "pulse.breathing_rate": _fixed(14.0),
    "pulse.red": _fixed(0.43),
    "pulse.blue": _fixed(0.69),
    "pulse.shape": Choice({"finger": 1.0}),
    "motion.sway": _fixed(0.02),
    "motion.tremor": _fixed(0.001),
    "motion.ballistic": OFF,
    "motion.rhythm": OFF,
    "motion.moves": OFF,
    "motion.roll": _fixed(0.006),
    "motion.zoom": _fixed(0.003),
    "light.drift": _fixed(0.004),
    "light.rhythm": OFF,
    "light.flicker": OFF,
    "light.switching": OFF,
    "light.colour": _fixed(0.2),
    "expression.talking": OFF,
    "camera.fps": OneOf((FPS,)),
    "camera.read_noise": _fixed(0.6),
    "camera.shot_noise": _fixed(0.8),
    "camera.block_noise": OFF,
    "camera.row_noise": OFF,
}


def demo_scene(amplitude: float = AMPLITUDE) -> Scene:
    """Return the scene that gives the clip its pulse, movement, light and camera.

    Parameters
    ----------
    amplitude
        Standard deviation of the pulse in the skin's green, relative to the green.
    """
    ranges = {**_RANGES, "pulse.amplitude": _fixed(amplitude)}
    return sample_scene(seed=20, index=0, ranges=ranges)


def demo_times() -> Times:
    """Return the times of the clip's frames, s."""
    return np.arange(round(SECONDS * FPS)) / FPS


def skin_mask(photo: Frame) -> Field:
    """Return a mask of the skin, 0 to 1 with soft edges, from the color and the place.

    Parameters
    ----------
    photo
        uint8 (H, W, 3), BGR.
    """
    bgr = photo.astype(np.float32) + 1
    redness = bgr[..., 2] / bgr[..., 1]
    yellowness = bgr[..., 1] / bgr[..., 0]
    bright = step(bgr[..., 1], 70.0, 110.0)
    # Skin is pinker than the surrounding hair, which is yellow, and than the grey wall.
    skin = bright * step(redness, 1.06, 1.15) * (1 - step(yellowness, 1.35, 1.6))
    x, y = _coordinates(photo.shape)
    near = 1 - step(np.hypot(x / 0.85, (y - 0.22) / 0.95), 0.8, 1.05)
    closed = cv2.morphologyEx(skin * near, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.asarray(cv2.GaussianBlur(closed, (0, 0), 2.0), np.float32)


def frames(amplitude: float = AMPLITUDE) -> Iterator[Frame]:
    """Yield the clip's frames, uint8 (320, 320, 3) BGR, as the camera gives them."""
    scene = demo_scene(amplitude)
    times = demo_times()
    course = timeline(scene, times)
    photo = portrait()
    still = np.dstack([photo, np.zeros_like(photo[..., :1])]).astype(np.float32)
    red, green, blue = pulse_color(scene).ravel()
    color = np.array([blue, green, red, 0], np.float32)
    # Green falls as the PPG rises.
    pulse = -still * skin_mask(photo)[..., None] * color
    x, y = _coordinates(photo.shape)
    columns, rows = np.meshgrid(*(np.arange(side, dtype=np.float32) for side in still.shape[1::-1]))
    # The head moves and the wall does not; the region between them is stretched by an invisible
    # amount.
    moves = 1 - step(np.hypot(x / 1.2, (y + 0.1) / 1.5), 0.8, 2.2)
    camera = NoisyCamera(scene.camera, scene.stream("camera"))
    for i in range(len(times)):
        cos, sin = math.cos(course.roll[i]), math.sin(course.roll[i])
        dx = course.x[i] + course.zoom[i] * x + (cos - 1) * x - sin * y
        dy = course.y[i] + course.zoom[i] * y + (cos - 1) * y + sin * x
        map_x = (columns - _UNIT * moves * dx).astype(np.float32)
        map_y = (rows - _UNIT * moves * dy).astype(np.float32)
        now = cv2.scaleAdd(pulse, float(course.pulse[i]), still)
        now = cv2.remap(now, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        gain = np.ones(4)
        for tint, change in course.light:
            gain[:3] += tint[::-1] * change[i]
        yield camera(np.asarray(now, np.float32) * gain.astype(np.float32))


def portrait() -> Frame:
    """Return the photograph, uint8 (320, 320, 3), BGR."""
    path = Path(skimage.__file__).parent / "data" / "astronaut.png"
    photo = cv2.imread(str(path))
    if photo is None:
        raise FileNotFoundError(f"{path}: no picture there")
    return np.array(photo[_TOP : _TOP + _SIDE, _LEFT : _LEFT + _SIDE], np.uint8)


def _coordinates(shape: tuple[int, ...]) -> tuple[Field, Field]:
    """Return coordinates right and down from the centre of the face, in half face heights."""
    x = (np.arange(shape[1], dtype=np.float32) - np.float32(_FACE[0])) / np.float32(_UNIT)
    y = (np.arange(shape[0], dtype=np.float32) - np.float32(_FACE[1])) / np.float32(_UNIT)
    columns, rows = np.meshgrid(x, y)
    return columns, rows


def make(video: Path, truth: Path) -> None:
    """Write the clip (H.264) and its ground truth."""
    wave = pulse_wave(demo_scene())
    times = demo_times()
    write_video(video, frames(), "h264", FPS, BIT_RATE, {"preset": "slow", "tune": "grain"})
    write_ground_truth(truth, wave.ppg(times), wave.heart_rate(times), times)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.synthetic.demo_clip", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--video", type=Path, default=ASSETS / "demo.mp4")
    parser.add_argument("--truth", type=Path, default=ASSETS / "demo_truth.txt")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    make(args.video, args.truth)


if __name__ == "__main__":
    main()
