"""The painted faces: the pulse in their skin, and all other changes."""

from __future__ import annotations

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from rppg_fast import methods  # noqa: E402
from tests.support.scenes import CALM, STRONG, filmed, frames_of, peak_rate  # noqa: E402
from training.synthetic.parameters import OFF, Between, Law  # noqa: E402
from training.synthetic.pulse import label  # noqa: E402
from training.synthetic.render import place_in_crop, place_in_frame, render  # noqa: E402
from training.synthetic.scene import Scene, sample_scene  # noqa: E402
from training.synthetic.timeline import pulse_wave  # noqa: E402

# For recordings of 10 s with a constant rate; the main lobe of the spectrum is 12 bpm wide.
CLEAN_RATE_TOLERANCE = 0.7
# The mean over the face box includes eyes, brows, hair and specular light, which hardly pulse.
AMPLITUDE_RANGE = (0.75, 1.15)
# Rounding to 8 bits, averaged over thousands of pixels.
COLOR_TOLERANCE = 0.06


@pytest.mark.parametrize("index", range(4))
def test_a_strong_pulse_shows_as_it_should(index: int) -> None:
    scene = sample_scene(11, index, STRONG)
    rgb, times = filmed(scene)
    wave = pulse_wave(scene)
    relative = rgb / rgb.mean(axis=0) - 1
    red, green, blue = relative.T
    truth = label(wave, times)
    # Polarity: green falls as the label rises.
    assert np.corrcoef(green, truth)[0, 1] < -0.9
    # Color: amplitudes by regression on green, in RGB order.
    assert red @ green / (green @ green) == pytest.approx(scene.pulse.red, abs=COLOR_TOLERANCE)
    assert blue @ green / (green @ green) == pytest.approx(scene.pulse.blue, abs=COLOR_TOLERANCE)
    low, high = AMPLITUDE_RANGE
    assert low * 0.01 < green.std() < high * 0.01
    # The rate, from plain green and from POS, whose pulse rises with the blood volume.
    expected = float(wave.heart_rate(times).mean())
    assert abs(peak_rate(green, 30) - expected) < CLEAN_RATE_TOLERANCE
    pos = methods.pos(rgb, 30.0)
    assert abs(peak_rate(pos, 30) - expected) < CLEAN_RATE_TOLERANCE
    assert np.corrcoef(pos, truth)[0, 1] > 0.8


def test_without_amplitude_there_is_nothing_at_the_rate() -> None:
    ranges: dict[str, Law] = {**CALM, "camera.read_noise": OFF, "camera.shot_noise": OFF}
    alive = sample_scene(11, 0, {**ranges, "pulse.amplitude": Between(0.005, 0.005)})
    dead = sample_scene(11, 0, {**ranges, "pulse.amplitude": OFF})
    assert alive.has_pulse
    assert not dead.has_pulse
    assert filmed(alive, 3)[0].std(axis=0).min() > 0.05
    # Nothing changes in this scene.
    assert filmed(dead, 3)[0].std(axis=0).max() < 1e-9


def test_nothing_moves_with_a_heart_that_does_not_beat() -> None:
    ranges: dict[str, Law] = {
        "pulse.amplitude": OFF,
        "motion.ballistic": Between(0.01, 0.01),
    }
    assert sample_scene(11, 0, ranges).motion.ballistic == 0


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("motion.sway", Between(0.05, 0.05)),
        ("motion.rhythm", Between(0.05, 0.05)),
        ("motion.yaw", Between(0.05, 0.05)),
        ("motion.moves", Between(2.0, 2.0)),
        ("motion.breathing", Between(0.05, 0.05)),
        ("expression.talking", Between(1.0, 1.0)),
        ("expression.blinks", Between(2.0, 2.0)),
        ("light.drift", Between(0.05, 0.05)),
        ("light.rhythm", Between(0.05, 0.05)),
        ("light.flicker", Between(0.05, 0.05)),
        ("light.switching", Between(2.0, 2.0)),
        ("background.movement", Between(0.1, 0.1)),
        ("camera.read_noise", Between(2.0, 2.0)),
        ("camera.shot_noise", Between(2.0, 2.0)),
        ("camera.block_noise", Between(2.0, 2.0)),
        ("camera.row_noise", Between(2.0, 2.0)),
    ],
)
def test_each_ingredient_alone_changes_the_pictures(name: str, law: Law) -> None:
    still: dict[str, Law] = {
        **CALM,
        "camera.read_noise": OFF,
        "camera.shot_noise": OFF,
        "pulse.amplitude": OFF,
    }
    frames = frames_of(sample_scene(11, 1, {**still, name: law}), 2.0)
    assert np.abs(np.diff(frames.astype(int), axis=0)).max() >= 2


def test_a_scene_gives_the_same_pixels_again_and_another_does_not() -> None:
    scene = sample_scene(7, 3)
    first = frames_of(scene, 0.5)
    assert np.array_equal(first, frames_of(Scene.from_json(scene.to_json()), 0.5))
    assert not np.array_equal(first[0], frames_of(sample_scene(8, 3, {}), 0.5)[0][: len(first[0])])


def test_the_face_detector_finds_the_painted_faces() -> None:
    detector = rf.MTCNN()
    overlaps = []
    for index in range(8):
        scene = sample_scene(13, index, {"camera.exposure": Between(0.9, 0.9)})
        placement = place_in_frame(scene, 320, 240)
        face = rf.largest_face(detector(next(render(scene, placement, np.array([0.0, 0.1])))))
        if face is not None:
            overlaps.append(_overlap((face.x0, face.y0, face.x1, face.y1), placement.face_box()))
    assert len(overlaps) >= 6
    # The box that training uses is close to the detector's box.
    assert np.median(overlaps) > 0.8


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def test_boxes_lie_in_the_picture() -> None:
    for index in range(50):
        placement, (x0, y0, x1, y1) = place_in_crop(sample_scene(7, index))
        assert placement.width % 2 == placement.height % 2 == 0
        assert 0 <= x0 < x1 <= placement.width
        assert 0 <= y0 < y1 <= placement.height
        assert min(x1 - x0, y1 - y0) > 36
