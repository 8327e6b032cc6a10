"""The true pulse and heart rate in a recorded PPG."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("scipy", "av", "tqdm", "torch"):
    pytest.importorskip(module, reason="reading recordings needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from rppg_fast.evaluation.traces import MAX_GAP, Trace  # noqa: E402
from training.data.ground_truth import SHORTEST, truth  # noqa: E402
from training.synthetic.parameters import OFF, Law  # noqa: E402
from training.synthetic.pulse import PulseWave, label  # noqa: E402
from training.synthetic.scene import sample_scene  # noqa: E402
from training.synthetic.timeline import pulse_wave  # noqa: E402

Values = NDArray[np.float64]


# Error between the samples of a PPG at 25 Hz, and at the ends of the filter; the deviation is 1.
PULSE_TOLERANCE = 0.02
# Error of the spectrum of a window of 10 s with a constant rate.
RATE_TOLERANCE = 0.1
# A window has the mean of a rate that rises by 0.5 bpm per second.
RISING_RATE_TOLERANCE = 0.5
# Required correlation over a whole recording, including its ends.
CORRELATION = 0.99


def sine(bpm: float, fs: float, start: float, end: float) -> Trace:
    times = np.arange(start, end, 1 / fs)
    return Trace(40 + 7 * np.sin(2 * np.pi * bpm / 60 * times), times)


@pytest.mark.parametrize("bpm", [48.0, 78.0, 170.0])
def test_a_sine_stays_itself(bpm: float) -> None:
    times = np.sort(np.random.default_rng(1).uniform(3, 23, 601))
    known = truth(sine(bpm, 25, 0, 26), times)
    expected = np.sqrt(2) * np.sin(2 * np.pi * bpm / 60 * times)
    # Relative to the deviation over 20 s, which is not a whole number of beats.
    assert np.abs(known.pulse - expected).max() < 2 * PULSE_TOLERANCE
    np.testing.assert_allclose(known.heart_rate, bpm, atol=RATE_TOLERANCE)


@pytest.mark.parametrize("shape", ["finger", "sine"])
def test_recorded_and_synthetic_pulses_have_one_definition(shape: str) -> None:
    """A wave sampled like a recording gives the same pulse as ``label`` with the wave itself."""
    laws: dict[str, Law] = {"pulse.baseline": OFF}
    scene = sample_scene(4, 2, laws)
    wave = PulseWave(replace(scene.pulse, shape=shape), np.random.default_rng(5))
    times = 10 + np.arange(300) / 30
    samples = np.arange(0, 30, 1 / 60)
    # Offset and gain of the sensor have no effect.
    known = truth(Trace(512 + 90 * wave.ppg(samples), samples), times)
    np.testing.assert_allclose(known.pulse, label(wave, times), atol=PULSE_TOLERANCE)


def test_the_ends_of_a_trace_cost_little() -> None:
    """Trace and video begin and end together, so the filter has no samples beyond them."""
    for index in range(8):
        wave = pulse_wave(sample_scene(6, index))
        times = np.arange(0, 20, 1 / 30)
        samples = np.arange(0, 20, 1 / 60)
        found = truth(Trace(wave.ppg(samples), samples), times).pulse
        assert np.corrcoef(found, label(wave, times))[0, 1] > CORRELATION


def test_the_heart_rate_follows_the_heart() -> None:
    times = np.arange(0, 60, 1 / 64)
    rate = 60 + 0.5 * times
    phase = 2 * np.pi / 60 * (60 * times + 0.25 * times**2)
    frames = np.arange(5, 55, 1 / 30)
    found = truth(Trace(np.sin(phase), times), frames).heart_rate
    np.testing.assert_allclose(found, np.interp(frames, times, rate), atol=RISING_RATE_TOLERANCE)


def test_a_trace_shorter_than_a_window_has_one_heart_rate() -> None:
    found = truth(sine(90, 60, 0, 6), np.arange(0.5, 5.5, 1 / 30)).heart_rate
    assert np.ptp(found) == 0
    assert abs(found[0] - 90) < 1


def test_a_trace_that_tells_nothing_is_refused() -> None:
    times = np.arange(1, 11, 1 / 30)
    good = sine(72, 25, 0, 12)
    with pytest.raises(ValueError, match="constant"):
        truth(replace(good, ppg=np.ones(300)), times)
    # The finger is off the sensor during the whole video, but not before it.
    slipped = np.where(good.times < 0.9, good.ppg, 40.0)
    with pytest.raises(ValueError, match="constant"):
        truth(replace(good, ppg=slipped), times)
    with pytest.raises(ValueError, match=r"8\.0 samples a second"):
        truth(sine(72, 8, 0, 12), times)
    with pytest.raises(ValueError, match="beyond"):
        truth(good, times + 2)
    with pytest.raises(ValueError, match="less than 2 s"):
        truth(good, np.arange(1, 1 + SHORTEST - 0.1, 1 / 30))
    with pytest.raises(ValueError, match="less than 2 s"):
        truth(good, np.zeros(0))


def test_windows_without_a_peak_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    times = np.arange(1, 29, 1 / 30)
    read = rf.spectrum
    calls = iter(range(100))

    def blind(pulse: Values, fs: float, low: float, high: float) -> rf.Spectrum:
        spectrum = read(pulse, fs, low, high)
        return replace(spectrum, heart_rate=np.nan) if next(calls) not in keep else spectrum

    keep: set[int] = {2, 9}
    monkeypatch.setattr(rf, "spectrum", blind)
    found = truth(sine(72, 25, 0, 30), times).heart_rate
    np.testing.assert_allclose(found, 72, atol=RATE_TOLERANCE)
    keep.clear()
    with pytest.raises(ValueError, match="no peak"):
        truth(sine(72, 25, 0, 30), times)


def test_a_trace_names_its_file_and_its_gap() -> None:
    times = np.array([0.0, 0.5, 0.5, 1.0, 1.0 + 1.01 * MAX_GAP])
    with pytest.raises(ValueError, match=r"here: no sample from 1\.000 s to 3\.020 s"):
        Trace.checked(Path("here"), times, times)
    # A sample that repeats a time is left out.
    assert Trace.checked(Path("here"), times[:4], times[:4]).times.tolist() == [0.0, 0.5, 1.0]
