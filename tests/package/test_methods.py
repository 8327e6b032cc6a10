from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import scipy.signal
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from rppg_fast.methods import METHODS, chrom, ica, pos
from rppg_fast.reference import Reference
from tests.support.classical_reference import METHODS as REFERENCE

FS = 30.0
# Relative to the pulse's largest value. Running sums over blocks and separate blocks round
# differently: up to 1e-11 was seen, if one channel is black or all are nearly equal.
SAME = 1e-9
SILENT = 1e-13  # rounding error of a mean of 300 relative colors
# The weakest, GREEN, reaches 0.94, and POS 0.47.
REAL_TOLERANCE_BPM = 1.2
Floats = NDArray[np.float64]

# Fall of red, green and blue with the blood volume, relative to their mean.
PULSE = np.array([0.33, 0.77, 0.53])


def color_trace(bpm: float, seconds: float = 10.0, seed: int = 0, fs: float = FS) -> Floats:
    """Return the mean color of skin with a pulse of 1 %, under light that drifts by far more."""
    times = np.arange(round(seconds * fs)) / fs
    rng = np.random.default_rng(seed)
    volume = np.sin(2 * np.pi * bpm / 60.0 * times)
    light = (
        1.0 + 0.2 * np.sin(2 * np.pi * 0.13 * times + 1.0) + 0.05 * np.sin(2 * np.pi * 0.31 * times)
    )
    skin = np.array([0.65, 0.45, 0.35]) * (1.0 - 0.01 * volume[:, None] * PULSE)
    return np.asarray(skin * light[:, None] + 2e-4 * rng.standard_normal((times.size, 3)))


def pos_as_printed(rgb: Floats, length: int) -> Floats:
    """Return algorithm 1 of Wang et al. (2017), line by line, without division by the overlap."""
    count = len(rgb)
    pulse = np.zeros(count)
    for n in range(length - 1, count):
        m = n - length + 1
        normalised = (rgb[m : n + 1] / rgb[m : n + 1].mean(axis=0)).T
        projected = np.array([[0.0, 1.0, -1.0], [-2.0, 1.0, 1.0]]) @ normalised
        h = projected[0] + projected[0].std() / projected[1].std() * projected[1]
        pulse[m : n + 1] += h - h.mean()
    return pulse


def test_pos_is_the_printed_algorithm() -> None:
    rgb = color_trace(72.0)
    length = round(1.6 * FS)
    cover = np.convolve(np.ones(len(rgb) - length + 1), np.ones(length))
    np.testing.assert_allclose(pos(rgb, FS), -pos_as_printed(rgb, length) / cover, atol=1e-12)


def test_chrom_cancels_what_light_does_to_all_channels_alike() -> None:
    """The brightness changes inside the heart's band, ten times as strongly as the pulse."""
    times = np.arange(300) / FS
    rgb = color_trace(72.0) * (1.0 + 0.05 * np.sin(2 * np.pi * 2.0 * times))[:, None]
    assert rf.spectrum(chrom(rgb, FS), FS).heart_rate == pytest.approx(72.0, abs=1.0)
    assert rf.spectrum(METHODS["green"](rgb, FS), FS).heart_rate == pytest.approx(120.0, abs=1.0)


def mixed_sources(fs: float = FS, count: int = 300) -> Floats:
    """Mix a pulse of 72 bpm with two disturbances that are in all colors."""
    times = np.arange(count) / fs
    rng = np.random.default_rng(0)
    sources = np.stack(
        [
            np.sin(2 * np.pi * 1.2 * times),
            scipy.signal.lfilter([1.0], [1.0, -0.7], rng.uniform(-1, 1, count)),
            rng.laplace(size=count),
        ]
    )
    mixing = np.array([[0.3, 1.0, 0.4], [0.8, 0.9, 0.3], [0.5, 0.8, 0.6]])
    return np.asarray(0.5 + 0.004 * (mixing @ sources).T)


def test_ica_separates_what_was_mixed() -> None:
    rgb = mixed_sources()
    found = rf.spectrum(ica(rgb, FS), FS)
    assert found.heart_rate == pytest.approx(72.0, abs=1.0)
    assert found.snr_db > rf.spectrum(METHODS["green"](rgb, FS), FS).snr_db + 3.0


def assert_same(found: Floats, expected: Floats, tolerance: float) -> None:
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max() + SILENT


@pytest.mark.parametrize("method", ["green", "chrom", "pos"])
@pytest.mark.parametrize("fs", [8.0, 15.0, 30.0, 61.3])
def test_methods_are_those_of_the_papers_block_by_block(method: str, fs: float) -> None:
    """Windows shorter than a block, windows with few blocks, and windows with many blocks."""
    rgb = color_trace(72.0, seconds=301 / fs, fs=fs)
    for count in (2, 3, 12, 13, 23, 24, 25, 26, 47, 48, 49, 95, 96, 151, 300, 301):
        if fs == 8.0 and method == "chrom":
            with pytest.raises(ValueError, match=r"band 0\.7.* half the sampling rate of 8"):
                METHODS[method](rgb[:count], fs)
        else:
            expected = REFERENCE[method](rgb[:count], fs)
            assert_same(METHODS[method](rgb[:count], fs), expected, SAME)


@pytest.mark.parametrize("fs", [8.1, 12.0, 20.0, 30.0])
@pytest.mark.parametrize("count", [47, 48, 49, 151, 301, 450])
def test_ica_is_that_of_the_paper_sample_by_sample(fs: float, count: int) -> None:
    """Compares windows in which FastICA converges; otherwise the reference raises an error.

    It may not converge if there are fewer than three sources, or if the window is short.
    """
    rgb = mixed_sources(fs, count)
    assert_same(ica(rgb, fs), REFERENCE["ica"](rgb, fs), SAME)


def test_ica_needs_a_rate_for_its_band() -> None:
    with pytest.raises(ValueError, match=r"band 0\.7.* half the sampling rate of 8"):
        ica(color_trace(72.0), 8.0)


def with_channel(channel: int, value: float) -> Floats:
    rgb = color_trace(72.0)
    rgb[:, channel] = value
    return rgb


def with_frames(frames: slice, factor: float) -> Floats:
    rgb = color_trace(72.0)
    rgb[frames] *= factor
    return rgb


def frozen() -> Floats:
    rgb = color_trace(72.0)
    rgb[150:] = rgb[150]
    return rgb


def alone(channel: int) -> Floats:
    return np.asarray(color_trace(72.0) * (np.arange(3) == channel))


ODD_COLORS: dict[str, Callable[[], Floats]] = {
    "huge unit": lambda: color_trace(72.0) * 1e150,
    "small unit": lambda: color_trace(72.0) * 1e-150,
    "whole numbers": lambda: np.round(255.0 * color_trace(72.0)),
    **{f"channel {c} black": partial(with_channel, c, 0.0) for c in range(3)},
    **{f"channel {c} constant": partial(with_channel, c, 0.4) for c in range(3)},
    **{f"channel {c} alone": partial(alone, c) for c in range(3)},
    "grey": lambda: np.repeat(color_trace(72.0)[:, :1], 3, axis=1),
    "nearly grey": lambda: color_trace(72.0)[:, :1] + 1e-5 * color_trace(48.0, seed=1),
    "a camera that hangs": frozen,
    "a flash": lambda: with_frames(slice(150, 155), 200.0),
}


@pytest.mark.parametrize("method", ["green", "chrom", "pos"])
@pytest.mark.parametrize("colors", ODD_COLORS)
def test_odd_colors_are_taken_as_block_by_block(method: str, colors: str) -> None:
    """A rounding error in a bright or varying part of the window does not reach the other parts."""
    rgb = ODD_COLORS[colors]()
    assert_same(METHODS[method](rgb, FS), REFERENCE[method](rgb, FS), SAME)


@pytest.mark.parametrize("colors", ODD_COLORS)
def test_odd_colors_leave_ica_finite_and_of_variance_one(colors: str) -> None:
    pulse = ica(ODD_COLORS[colors](), FS)
    assert np.isfinite(pulse).all()
    assert np.abs(pulse).max() < 20.0


@pytest.mark.parametrize("unit", [1e-3, 1.0, 255.0])
@pytest.mark.parametrize("black", [slice(0, 48), slice(100, 160), slice(150, 300)])
def test_lights_that_go_out_are_silent(unit: float, black: slice) -> None:
    """In CHROM the filter still rings while the color is black; the unit has no effect."""
    rgb = unit * with_frames(black, 0.0)
    assert_same(pos(rgb, FS), REFERENCE["pos"](rgb, FS), SAME)
    assert_same(chrom(rgb, FS), chrom(rgb / unit, FS), SAME)
    assert np.abs(chrom(rgb, FS)).max() < 1.0


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(300,), (300, 4), (3, 300), (1, 3), (0, 3), (300, 3, 1)])
def test_colors_of_another_shape_are_named(method: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"rgb must have shape \(samples, 3\)"):
        METHODS[method](np.ones(shape), FS)


@pytest.mark.parametrize("method", ["ica", "chrom", "pos"])
@pytest.mark.parametrize("fs", [0.0, -30.0, np.nan, np.inf, 2e5])
def test_a_sampling_rate_that_is_none_is_named(method: str, fs: float) -> None:
    with pytest.raises(ValueError, match="sampling rate must be positive and at most 100 kHz"):
        METHODS[method](color_trace(72.0), fs)


def test_colors_and_filtered_ones_go_together() -> None:
    rgb = color_trace(72.0)
    for extract in (_core.chrom, partial(_core.ica, low=0.7, high=4.0)):
        with pytest.raises(ValueError, match="as many samples, got 300 and 299"):
            extract(rgb, rgb[1:], FS)
    with pytest.raises(ValueError, match=r"filtered must have shape \(samples, 3\)"):
        _core.chrom(rgb, rgb[:, :2], FS)
    with pytest.raises(TypeError, match="rgb must be real numbers"):
        _core.pos("red", FS)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bpm", [48.0, 72.0, 130.0, 190.0])
def test_the_rate_is_found(method: str, bpm: float) -> None:
    pulse = METHODS[method](color_trace(bpm), FS)
    filtered = rf.BandPass(0.7, 4.0, FS, 1).zero_phase(pulse)
    assert rf.spectrum(filtered, FS).heart_rate == pytest.approx(bpm, abs=1.0)


@pytest.mark.parametrize("method", METHODS)
def test_the_pulse_rises_with_the_volume_of_blood(method: str) -> None:
    """At 100 bpm the causal filter inside ICA and CHROM hardly changes the phase."""
    both_ways = scipy.signal.sosfiltfilt(
        scipy.signal.butter(2, (0.7, 4.0), "bandpass", fs=FS, output="sos"),
        METHODS[method](color_trace(100.0), FS),
    )
    volume = np.sin(2 * np.pi * 100.0 / 60.0 * np.arange(300) / FS)
    assert np.corrcoef(both_ways, volume)[0, 1] > 0.9


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [2, 3, 20, 47, 48, 49])
def test_windows_shorter_than_a_block_are_finite(method: str, count: int) -> None:
    pulse = METHODS[method](color_trace(72.0)[:count], FS)
    assert pulse.shape == (count,)
    assert np.isfinite(pulse).all()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_constant_and_black_colors_are_silent(method: str, level: float) -> None:
    assert np.abs(METHODS[method](np.full((300, 3), level), FS)).max() < 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_exposure_does_not_matter(method: str) -> None:
    rgb = color_trace(72.0)
    np.testing.assert_allclose(METHODS[method](0.25 * rgb, FS), METHODS[method](rgb, FS), atol=1e-8)


def real_trace_error(method: str, folder: Path, own_times: bool = True) -> float:
    """Return the mean absolute error over 10 s windows against the finger's spectral peak, bpm."""
    traces = folder / "traces"
    rgb = scipy.io.loadmat(str(traces / "ubfc_subject10_mean_rgb.mat"))["mean_rgb"] / 255.0
    reference = Reference.read(traces / "ubfc_subject10_ground_truth.txt")
    assert len(rgb) == reference.times.size
    times = reference.times if own_times else np.linspace(0.0, reference.times[-1], len(rgb))
    resampler = rf.Resampler(FS, channels=3)
    # The file has the last time twice.
    uniform = np.concatenate([resampler.push(t, v)[1] for t, v in zip(times[:-1], rgb)])
    _, truth = reference.pulse()
    errors = []
    for end in range(300, min(len(uniform), len(truth)) + 1, 30):
        pulse = METHODS[method](uniform[end - 300 : end], FS)
        found = rf.spectrum(rf.BandPass(0.7, 4.0, FS, 1).zero_phase(pulse), FS)
        errors.append(found.heart_rate - rf.spectrum(truth[end - 300 : end], FS).heart_rate)
    assert len(errors) > 50
    return float(np.abs(errors).mean())


@pytest.mark.parametrize("method", METHODS)
def test_a_real_recording_is_read_as_its_finger_says(method: str, data: Path) -> None:
    """A plain POS with zero-phase filters has an error of 0.43 bpm on this recording."""
    error = real_trace_error(method, data)
    print(f"{method}: mean error {error:.2f} bpm")
    assert error < REAL_TOLERANCE_BPM


def test_the_frames_own_times_halve_the_error_on_a_real_recording(data: Path) -> None:
    """The frames come at 29.87 fps on average, unevenly."""
    own, even = (real_trace_error("pos", data, own_times) for own_times in (True, False))
    print(f"pos: mean error {own:.2f} bpm at the frames' own times, {even:.2f} at even ones")
    assert own < 0.6 * even


def test_the_stream_hands_the_methods_the_middle_of_the_box() -> None:
    """A face fills the middle of a box enlarged 1.6 times; the rim has another rate."""
    stream = _core.Stream(rf.Student.load(), rf.PulseSettings().to_native("green"))
    for index in range(301):
        time = index / FS
        frame = np.empty((72, 72, 3), np.uint8)
        frame[:] = 120 + round(20 * np.sin(2 * np.pi * 2.5 * time))
        frame[14:58, 14:58] = 120 + round(10 * np.sin(2 * np.pi * 1.2 * time))
        stream.push(frame, (0, 0, 72, 72), time)
    line = rf.spectrum(stream.newest(stream.size), FS)
    assert line.heart_rate == pytest.approx(72.0, abs=0.5)
