"""Times of frames, and movements at arbitrary times."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

from training.data.trajectories import Wander  # noqa: E402
from training.synthetic.scene import sample_scene  # noqa: E402
from training.synthetic.timeline import frame_times, timeline  # noqa: E402


def test_frame_times_increase_whatever_the_jitter() -> None:
    for fps in (15.0, 60.0):
        camera = dataclasses.replace(
            sample_scene(1, 0).camera, fps=fps, time_jitter=0.02, drops=0.05
        )
        times = frame_times(camera, 20.0, np.random.default_rng(0))
        assert times[0] == 0
        assert np.all(np.diff(times) > 0)
        assert 0.9 * 20 * fps < len(times) < 20 * fps
        assert abs(times[-1] - 20) < 0.3


def test_wander_has_unit_deviation_and_the_integral_is_its_own() -> None:
    wander = Wander(np.random.default_rng(0), 0.1, 1.0)
    times = np.arange(0, 2000, 0.01)
    assert wander(times).std() == pytest.approx(1, abs=0.05)
    values = wander(times)
    by_sum = np.append(0, np.cumsum(values[:-1] + values[1:]) * 0.005)
    np.testing.assert_allclose(wander.integral(times), by_sum, atol=1e-3)


def test_movement_does_not_depend_on_the_frame_rate() -> None:
    scene = sample_scene(7, 3)
    slow, fast = np.arange(0, 5, 1 / 15), np.arange(0, 5, 1 / 60)
    for name in ("pulse", "x", "y", "yaw", "lids", "mouth"):
        np.testing.assert_allclose(
            getattr(timeline(scene, fast), name)[::4][: len(slow)],
            getattr(timeline(scene, slow), name),
            atol=1e-9,
        )
