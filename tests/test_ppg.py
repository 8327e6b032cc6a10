"""The synthetic PPG, its labels, and the real beats in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

from tests.scenes import peak_rate  # noqa: E402
from training.synthetic import ppg_shapes  # noqa: E402
from training.synthetic.parameters import OFF, Choice  # noqa: E402
from training.synthetic.pulse import label  # noqa: E402
from training.synthetic.scene import sample_scene  # noqa: E402
from training.synthetic.timeline import pulse_wave  # noqa: E402


def test_the_phase_runs_at_the_heart_rate() -> None:
    scene = sample_scene(7, 3, {"pulse.shape": Choice({"sine": 1.0}), "pulse.baseline": OFF})
    wave = pulse_wave(scene)
    times = np.arange(0, 60, 1e-3)
    ppg = wave.ppg(times)
    rising = times[1:][(ppg[:-1] < 0) & (ppg[1:] >= 0)]
    between = (rising[1:] + rising[:-1]) / 2
    # The rate of a beat equals the mean rate over the beat, to second order in its length.
    np.testing.assert_allclose(60 / np.diff(rising), wave.heart_rate(between), atol=0.3)


def test_labels_are_standard_and_in_band() -> None:
    for index in range(5):
        scene = sample_scene(7, index, {"pulse.trend": OFF})
        wave = pulse_wave(scene)
        times = np.arange(0, 10, 1 / 60)
        values = label(wave, times)
        assert values.std() == pytest.approx(1, abs=0.02)
        assert abs(values.mean()) < 0.1
        # Within 10 s the rate varies by up to two or three bpm around its mean.
        assert abs(peak_rate(values, 60) - wave.heart_rate(times).mean()) < 3


def test_real_beats_rise_fast_and_fall_slowly() -> None:
    shapes = ppg_shapes.load_shapes()
    assert shapes.shape == (len(shapes), ppg_shapes.HARMONICS)
    assert len(shapes) >= 15
    phase = np.linspace(0, 2 * np.pi, 500)
    order = np.arange(1, ppg_shapes.HARMONICS + 1)
    beats = (np.exp(1j * np.multiply.outer(phase, order)) @ shapes.T).real
    slopes = np.diff(beats, axis=0)
    # The sign convention: the systole, which is fast, rises.
    assert np.all(slopes.max(axis=0) > 1.5 * -slopes.min(axis=0))


def test_the_table_of_beats_is_what_the_recordings_give(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "table.json"
    monkeypatch.setattr("sys.argv", ["ppg_shapes", "--out", str(table)])
    ppg_shapes.main()
    # The file has four decimals.
    np.testing.assert_allclose(ppg_shapes.load_shapes(table), ppg_shapes.load_shapes(), atol=2e-4)
