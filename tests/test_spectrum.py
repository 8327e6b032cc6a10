from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import rppg_fast as rf

# Both transforms compute in float64.
FFT_TOLERANCE = 1e-12
# Error of parabolic interpolation on a grid of 0.44 bpm. The leakage of a sine's negative frequency
# is larger at two beats per window, and negligible at ten.
RATE_TOLERANCE_BPM = 0.3


def sine(
    bpm: float, fs: float = 30.0, seconds: float = 10.0, phase: float = 0.3
) -> NDArray[np.float64]:
    times = np.arange(round(seconds * fs)) / fs
    return np.asarray(np.sin(2 * np.pi * bpm / 60.0 * times + phase))


@pytest.mark.parametrize("count", [2, 3, 7, 150, 299, 300, 1001, 5000])
@pytest.mark.parametrize("fs", [15.0, 30.0, 29.97])
@pytest.mark.parametrize("backend", rf.backends())
def test_power_is_numpys(count: int, fs: float, backend: str) -> None:
    samples = np.random.default_rng(count).standard_normal(count) + 3.0
    window = np.sin(np.pi * (np.arange(count) + 0.5) / count) ** 2
    found = rf.spectrum(samples, fs, backend=backend)
    length = 2 * (found.power.size - 1)
    assert 60.0 * fs / length < 0.5  # finer than 0.5 bpm
    assert length >= count
    expected = np.abs(np.fft.rfft((samples - samples.mean()) * window, length)) ** 2
    np.testing.assert_allclose(found.power, expected, atol=FFT_TOLERANCE * expected.max())
    np.testing.assert_allclose(found.frequencies, np.fft.rfftfreq(length, 1 / fs), rtol=1e-12)


@given(
    bpm=st.floats(45.0, 235.0),
    fs=st.sampled_from([15.0, 25.0, 29.97, 30.0, 60.0]),
    phase=st.floats(0.0, 6.3),
)
def test_the_rate_of_a_sine_is_found(bpm: float, fs: float, phase: float) -> None:
    found = rf.spectrum(sine(bpm, fs, phase=phase), fs)
    assert found.heart_rate == pytest.approx(bpm, abs=RATE_TOLERANCE_BPM)
    assert found.snr_db > 8.0


def test_snr_is_power_near_peak_and_harmonic_over_the_rest_of_the_band() -> None:
    rng = np.random.default_rng(0)
    samples = sine(70.0) + 0.5 * sine(140.0) + 0.4 * rng.standard_normal(300)
    found = rf.spectrum(samples, 30.0)
    peak = found.heart_rate / 60.0
    frequencies = found.frequencies
    band = (frequencies >= 0.7) & (frequencies <= 4.0)
    near = (np.abs(frequencies - peak) <= 0.1) | (np.abs(frequencies - 2 * peak) <= 0.1)
    expected = 10 * np.log10(found.power[band & near].sum() / found.power[band & ~near].sum())
    assert found.snr_db == pytest.approx(expected, abs=1e-9)


def test_the_flank_of_something_below_the_band_is_no_peak() -> None:
    found = rf.spectrum(sine(36.0, phase=0.0), 30.0, low=0.65, high=0.75)
    assert np.isnan(found.heart_rate)
    assert np.isnan(found.snr_db)


def test_a_band_as_narrow_as_the_peak_has_no_snr() -> None:
    assert np.isnan(rf.spectrum(sine(72.0), 30.0, low=1.15, high=1.25).snr_db)


@pytest.mark.parametrize("level", [0.0, 7.0, 0.1, -1e9 / 3])
def test_a_constant_has_no_peak(level: float) -> None:
    assert np.isnan(rf.spectrum(np.full(300, level), 30.0).heart_rate)


@pytest.mark.parametrize(
    ("samples", "fs", "named"),
    [
        ([1.0], 30.0, "at least 2 samples, not 1"),
        ([], 30.0, "at least 2 samples, not 0"),
        ([[1.0, 2.0]], 30.0, "one dimension"),
        ([1.0, 2.0], 8.0, "half the sampling rate"),
        ([1.0, 2.0, 3.0], 1e20, "at most 100 kHz"),
    ],
)
def test_bad_spectra_are_named(samples: object, fs: float, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        rf.spectrum(samples, fs)  # type: ignore[arg-type]


SIGNALS = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=300).map(np.array)


@given(samples=SIGNALS, fs=st.floats(9.0, 200.0))
def test_any_signal_has_its_peak_in_the_band_or_none(
    samples: NDArray[np.float64], fs: float
) -> None:
    found = rf.spectrum(samples, fs)
    assert np.all(found.power >= 0)
    if np.isnan(found.heart_rate):
        assert np.isnan(found.snr_db)
        return
    half_bin = 0.5 * found.frequencies[1]
    assert 0.7 - half_bin <= found.heart_rate / 60.0 <= 4.0 + half_bin
    inside = (found.frequencies >= 0.7) & (found.frequencies <= 4.0)
    nearest = np.argmin(np.abs(found.frequencies - found.heart_rate / 60.0))
    assert found.power[nearest - 1 : nearest + 2].max() > 0
    assert inside[max(nearest - 1, 0) : nearest + 2].any()


@given(
    bpm=st.floats(50.0, 200.0),
    scale=st.floats(1e-6, 1e6),
    offset=st.floats(-1e3, 1e3),
    seed=st.integers(0, 99),
)
def test_size_offset_and_direction_do_not_matter(
    bpm: float, scale: float, offset: float, seed: int
) -> None:
    samples = sine(bpm) + 0.3 * np.random.default_rng(seed).standard_normal(300)
    found = rf.spectrum(samples, 30.0)
    for other in (scale * samples, -samples, samples + offset, samples[::-1]):
        again = rf.spectrum(other, 30.0)
        assert again.heart_rate == pytest.approx(found.heart_rate, abs=1e-6)
        assert again.snr_db == pytest.approx(found.snr_db, abs=1e-6)
