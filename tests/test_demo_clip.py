"""The demonstration clip equals what its script makes, and has a face with a pulse."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from rppg_fast import methods  # noqa: E402
from rppg_fast.reference import Reference  # noqa: E402
from tests.scenes import peak_rate, read_video  # noqa: E402
from training.synthetic import demo_clip  # noqa: E402
from training.synthetic.timeline import pulse_wave  # noqa: E402


@pytest.fixture(scope="module")
def demo() -> list[NDArray[np.uint8]]:
    return list(read_video(demo_clip.ASSETS / "demo.mp4"))


def test_the_demo_clip_is_what_its_script_makes(demo: list[NDArray[np.uint8]]) -> None:
    assert (demo_clip.ASSETS / "demo.mp4").stat().st_size < 1_000_000
    assert len(demo) == len(demo_clip.demo_times())
    made = demo_clip.frames()
    for shown in demo[:3]:
        # H.264 at 320 kbit/s; the exact bytes depend on the encoder's version.
        assert np.sqrt(np.mean((shown.astype(float) - next(made)) ** 2)) < 9


def test_the_demo_truth_is_the_scenes() -> None:
    truth = Reference.read(demo_clip.ASSETS / "demo_truth.txt")
    times = demo_clip.demo_times()
    wave = pulse_wave(demo_clip.demo_scene())
    np.testing.assert_allclose(truth.times, times, atol=1e-6)
    np.testing.assert_allclose(truth.heart_rate, wave.heart_rate(times), atol=1e-4)
    np.testing.assert_allclose(truth.ppg, wave.ppg(times), atol=1e-5)
    assert truth.heart_rate[0] < 70 < 74 < truth.heart_rate[-1]


def test_the_demo_clip_has_a_face_and_its_pulse(demo: list[NDArray[np.uint8]]) -> None:
    face = rf.largest_face(rf.MTCNN()(demo[0]))
    assert face is not None
    assert face.probability > 0.95
    x0, y0, x1, y1 = (round(edge) for edge in (face.x0, face.y0, face.x1, face.y1))
    rgb = np.array([frame[y0:y1, x0:x1, ::-1].mean(axis=(0, 1)) for frame in demo])
    pulse = methods.pos(rgb, demo_clip.FPS)
    truth = Reference.read(demo_clip.ASSETS / "demo_truth.txt")
    for start in range(0, 301, 100):
        part = slice(start, start + 300)
        expected = truth.heart_rate[part].mean()
        # The rate rises by 4 bpm within a window.
        assert abs(peak_rate(pulse[part], demo_clip.FPS) - expected) < 1.5
        assert np.corrcoef(pulse[part], truth.ppg[part])[0, 1] > 0.6
