"""What the witnesses of a pulse say, and how sure a reading is, against NumPy."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core

RATE, SAMPLES, PLACES, BLOCKS = 30.0, 300, 17, 16
HEADER = Path(__file__).parents[1] / "csrc" / "confidence_weights.hpp"

# The engine keeps witnesses as float32: 6e-8 of brightness 1, where rhythms are 1e-3.
FLOAT_TOLERANCE = 2e-3
OBSERVED_TOLERANCE = 1e-6
# The network runs in float32.
NETWORK_TOLERANCE = 1e-5

Floats = NDArray[np.float64]


def test_places_are_means_of_blocks_and_of_the_rim() -> None:
    seen = np.random.default_rng(1).uniform(0.1, 0.9, (3, 36, 36)).astype(np.float32)
    red, green, _ = seen.astype(np.float64)
    blocks = [
        plane[6:30, 6:30].reshape(4, 6, 4, 6).mean(axis=(1, 3)).ravel() for plane in (red, green)
    ]
    rims = [(plane.sum() - plane[6:30, 6:30].sum()) / (36 * 36 - 24 * 24) for plane in (red, green)]
    log_red, log_green = (np.log(np.append(block, rim)) for block, rim in zip(blocks, rims))
    expected = np.concatenate([log_green, log_green - log_red])
    np.testing.assert_allclose(_core.observe(seen), expected, rtol=0, atol=OBSERVED_TOLERANCE)


def test_black_has_no_colour() -> None:
    found = _core.observe(np.zeros((3, 36, 36), np.float32))
    assert np.all(found[:PLACES] == np.log(1 / 255))
    assert np.all(found[PLACES:] == 0)


@pytest.mark.parametrize("shape", [(3, 36), (3, 36, 35), (1, 3, 36, 36)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"appearance must have shape \(3, 36, 36\)"):
        _core.observe(np.zeros(shape, np.float32))


def snr_by_numpy(signal: Floats, frequency: float) -> float:
    """SNR of sums of two samples at a frequency, dB; the transform is as long as the engine's."""
    sums = signal[: len(signal) // 2 * 2].reshape(-1, 2).sum(axis=1)
    count, length = len(sums), 512
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(count) + 0.5) / count)
    power = np.abs(np.fft.rfft(hann * (sums - sums.mean()), length)) ** 2
    f = np.arange(len(power)) * RATE / 2 / length
    near = (np.abs(f - frequency) <= 0.1) | (np.abs(f - 2 * frequency) <= 0.1)
    band = (f >= 0.7) & (f <= 4.0)
    return float(10 * np.log10(power[band & near].sum() / power[band & ~near].sum()))


def stand_by_numpy(pulse: Floats, frequency: float) -> list[float]:
    """Height, clearance and rival of a peak."""
    count = len(pulse)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(count) + 0.5) / count)
    f = np.arange(2049) * RATE / 4096
    band = (f >= 0.7) & (f <= 4.0)
    f = f[band]
    power = (np.abs(np.fft.rfft(hann * (pulse - pulse.mean()), 4096)) ** 2)[band]
    peak = power[np.abs(f - frequency) <= 1 / 120].max()
    far = 2.5 * RATE / count
    rival = power[(np.abs(f - frequency) > far) & (np.abs(f - 2 * frequency) > far)].max()
    few = np.sort(power[:: int(0.6 * 4096 / count)])
    return [
        float(np.log10(peak / power.max() + 1e-4)),
        float(-np.log10(few[len(few) // 2] / peak + 1e-4)),
        float(np.log10(rival / peak + 1e-4)),
    ]


def said_by_numpy(witnesses: Floats, pulse: Floats, frequency: float, snr_db: float) -> Floats:
    """The items of ``Testimony``, in its order."""
    count = len(pulse)
    n = np.arange(count)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (n + 0.5) / count)

    def at(signal: Floats, times: float = 1.0) -> NDArray[np.complex128]:
        turn = np.exp(-2j * np.pi * times * frequency / RATE * n)
        centred = signal - signal.mean(axis=0)
        return np.asarray(2 * np.tensordot(hann * turn, centred, 1) / hann.sum())

    z = at(witnesses)

    def of_pulse(times: float = 1.0) -> complex:
        turn = np.exp(-2j * np.pi * times * frequency / RATE * n)
        return complex(np.tensordot(hann * turn, pulse, 1))

    z_pulse = of_pulse()
    luma, chroma = z[:BLOCKS], z[PLACES : PLACES + BLOCKS]
    rim, rim_colour = z[BLOCKS], z[-1]
    mean, colour = luma.mean(), chroma.mean()
    face = witnesses[:, :BLOCKS].mean(axis=1)

    def follow(value: complex) -> float:
        return float(-(value * np.conj(z_pulse)).real / (abs(value) * abs(z_pulse)))

    def spread(blocks: NDArray[np.complex128]) -> float:
        return float(np.log10(blocks.std() / abs(blocks.mean()) + 1e-3))

    flush = np.sort(-(chroma * np.conj(z_pulse)).real / abs(z_pulse))
    middle = [max(flush[i - 1 : i + 1].mean(), 0.0) for i in (8, 4)]
    multiples = 2.0, 3.0, 0.5
    lines = [np.log10(abs(at(face, m)) ** 2 / abs(mean) ** 2 + 1e-4) for m in multiples]
    beats = [np.log10(abs(of_pulse(m) / z_pulse) ** 2 + 1e-4) for m in multiples]
    return np.array(
        [
            snr_db,
            *stand_by_numpy(pulse, frequency),
            frequency,
            np.log10(abs(mean) + 1e-6),
            np.log10(abs(colour) + 1e-6),
            abs(luma.sum()) / np.abs(luma).sum(),
            abs(chroma.sum()) / np.abs(chroma).sum(),
            np.clip((colour / mean).real, -2, 2),
            np.log10(abs(rim) / abs(mean) + 1e-3),
            np.log10(abs(rim_colour) / abs(colour) + 1e-3),
            np.clip((rim / mean).real, -2, 2),
            follow(mean),
            follow(colour),
            follow(rim),
            spread(luma),
            spread(chroma),
            *np.log10(np.array(middle) + 1e-6),
            snr_by_numpy(face, frequency),
            snr_by_numpy(witnesses[:, BLOCKS], frequency),
            *lines,
            *beats,
        ]
    )


def window_of(
    pulse: Floats, witnesses: Floats, backend: str = "auto", **settings: int
) -> _core.PulseWindow:
    window = _core.PulseWindow(rf.PulseSettings(**settings).to_native(), backend)
    window.restart(0.0, False)
    window.push(pulse, witnesses)
    return window


@pytest.mark.parametrize("backend", rf.backends())
@pytest.mark.parametrize("count", [SAMPLES, SAMPLES - 3, SAMPLES + 170])
def test_testimony_is_numpys(count: int, backend: str) -> None:
    """Also of a window that is not quite full, and of one that has gone round its ring."""
    rng = np.random.default_rng(count)
    times = np.arange(count) / RATE
    pulse = np.sin(2 * np.pi * 1.3 * times) + 0.3 * rng.standard_normal(count)
    witnesses = -1.0 + 0.003 * rng.standard_normal((count, 2 * PLACES))
    witnesses += 0.005 * np.sin(2 * np.pi * 1.3 * times + rng.uniform(0, 6, (2 * PLACES, 1))).T
    window = window_of(pulse, witnesses, backend)
    rates, _, said = window.candidates()
    assert len(rates) == rf.PulseSettings().peaks
    assert rates[0] == pytest.approx(1.3, abs=0.02)
    newest = window.newest(window.size)
    for frequency, items in zip(rates, said):
        expected = said_by_numpy(witnesses[-window.size :], newest, frequency, items[0])
        np.testing.assert_allclose(items, expected, rtol=FLOAT_TOLERANCE, atol=FLOAT_TOLERANCE)


def test_confidence_is_the_network_of_the_header() -> None:
    text = HEADER.read_text(encoding="utf-8")

    def values(name: str) -> Floats:
        found = re.search(rf"{name}[^=]*=([^;]*);", text)
        assert found, name
        return np.array([float(v) for v in re.findall(r"-?\d[\d.e+-]*", found[1])])

    rng = np.random.default_rng(3)
    times = np.arange(SAMPLES) / RATE
    seen = []
    for _ in range(20):
        rate = rng.uniform(0.9, 3.0)
        pulse = np.sin(2 * np.pi * rate * times) + rng.uniform(0, 2) * rng.standard_normal(SAMPLES)
        witnesses = 10 ** rng.uniform(-4, -3) * rng.standard_normal((SAMPLES, 2 * PLACES))
        phases = rng.uniform(2.9, 3.4, (2 * PLACES, 1))
        size = 10 ** rng.uniform(-3, -2) * np.repeat([1.0, 0.6], PLACES)[:, None]
        witnesses += (size * np.sin(2 * np.pi * rate * times + phases)).T
        _, confidence, said = window_of(pulse, witnesses, peaks=1).candidates()
        weights = values("kHiddenWeights").reshape(said.shape[1], -1)
        x = np.clip((said - values("kMean")) / values("kDeviation"), -3, 3)
        hidden = np.maximum(x @ weights + values("kHiddenBias"), 0)
        logit = hidden @ values("kOutputWeights") + values("kOutputBias")
        np.testing.assert_allclose(confidence, 1 / (1 + np.exp(-logit)), rtol=NETWORK_TOLERANCE)
        seen.append(float(confidence[0]))
    assert max(seen) - min(seen) > 0.1  # or nothing was compared


def test_more_peaks_are_tried_until_one_is_trusted() -> None:
    """A lamp's rhythm is the higher peak; the skin's is the heart's."""
    times = np.arange(SAMPLES) / RATE
    lamp, heart = np.sin(2 * np.pi * 2.3 * times), np.sin(2 * np.pi * 1.2 * times)
    pulse = heart + 1.5 * lamp
    witnesses = np.zeros((SAMPLES, 2 * PLACES))
    witnesses[:, :PLACES] = 0.02 * lamp[:, None]
    witnesses[:, :BLOCKS] -= 0.006 * heart[:, None]
    witnesses[:, PLACES:-1] = -0.0035 * heart[:, None]
    several, paper = (window_of(pulse, witnesses, peaks=peaks) for peaks in (3, 1))
    rates, confidence, _ = several.candidates()
    assert rates[:2] == pytest.approx([2.3, 1.2], abs=0.02)
    assert confidence[0] < 0.2 < confidence[1]
    trusted = rf.PulseSettings(peaks=3, min_confidence=float(confidence[1]) - 0.01)
    window = _core.PulseWindow(trusted.to_native())
    window.restart(0.0, False)
    window.push(pulse, witnesses)
    assert window.read(10.0).heart_rate == pytest.approx(72, abs=1)
    assert paper.read(10.0).heart_rate is None
