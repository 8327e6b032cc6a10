"""The features of a peak, from the regions and from CHROM and POS, and the confidence of a reading.

The references are NumPy and SciPy.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from tests.support.classical_reference import METHODS as REFERENCE
from tests.support.signal_reference import zero_phase

RATE, SAMPLES, PLACES, BLOCKS = 30.0, 300, 17, 16
COLORS = 3
LOW, HIGH, ORDER = 0.7, 4.0, 1
# CHROM and POS run at half the rate, which is enough for the band, and at every third sample.
COARSE, RENEWAL = 2, 3
HEADER = Path(__file__).parents[2] / "csrc" / "reading" / "confidence_weights.hpp"

# The engine stores regions as float32: an error of 6e-8 for brightness 1; rhythms are about 1e-3.
FLOAT_TOLERANCE = 2e-3
OBSERVED_TOLERANCE = 1e-6
SNR_TOLERANCE_DB = 1e-6
# The network runs in float32.
NETWORK_TOLERANCE = 1e-5
LEAST_SPREAD = 1000 * NETWORK_TOLERANCE

Floats = NDArray[np.float64]


def test_places_are_means_of_blocks_and_of_the_rim() -> None:
    seen = np.random.default_rng(1).uniform(0.1, 0.9, (3, 36, 36)).astype(np.float32)
    red, green, _ = seen.astype(np.float64)
    blocks = [
        plane[6:30, 6:30].reshape(4, 6, 4, 6).mean(axis=(1, 3)).ravel() for plane in (red, green)
    ]
    rims = [(plane.sum() - plane[6:30, 6:30].sum()) / (36 * 36 - 24 * 24) for plane in (red, green)]
    log_red, log_green = (np.log(np.append(block, rim)) for block, rim in zip(blocks, rims))
    middle = seen[:, 6:30, 6:30].astype(np.float64).mean(axis=(1, 2))
    expected = np.concatenate([middle, log_green, log_green - log_red])
    assert expected.size == _core.OBSERVED == _core.SIGNALS - 1
    np.testing.assert_allclose(_core.observe(seen), expected, rtol=0, atol=OBSERVED_TOLERANCE)


def test_black_has_no_color() -> None:
    found = _core.observe(np.zeros((3, 36, 36), np.float32))
    assert np.all(found[:COLORS] == 0)
    assert np.all(found[COLORS : COLORS + PLACES] == np.log(1 / 255))
    assert np.all(found[COLORS + PLACES :] == 0)


@pytest.mark.parametrize("shape", [(3, 36), (3, 36, 35), (1, 3, 36, 36)])
def test_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"appearance must have shape \(3, 36, 36\)"):
        _core.observe(np.zeros(shape, np.float32))


def snr_by_numpy(signal: Floats, frequency: float) -> float:
    """Return the SNR of sums of two samples at a frequency, dB, with the engine's length."""
    sums = signal[: len(signal) // 2 * 2].reshape(-1, 2).sum(axis=1)
    count, length = len(sums), 512
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(count) + 0.5) / count)
    power = np.abs(np.fft.rfft(hann * (sums - sums.mean()), length)) ** 2
    f = np.arange(len(power)) * RATE / 2 / length
    near = (np.abs(f - frequency) <= 0.1) | (np.abs(f - 2 * frequency) <= 0.1)
    band = (f >= 0.7) & (f <= 4.0)
    return float(10 * np.log10(power[band & near].sum() / power[band & ~near].sum()))


# The network was seen to gain 4 to 11 dB on these signals.
CLEARER_DB = 3.0
CELL_RATE = 10.0
"""Cells of the temporal network a second, Hz."""


def stand_by_numpy(pulse: Floats, frequency: float) -> list[float]:
    """Return height, clearance and rival of a peak."""
    count = len(pulse)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(count) + 0.5) / count)
    f = np.arange(2049) * RATE / 4096
    band = (f >= 0.7) & (f <= 4.0)
    f = f[band]
    power = (np.abs(np.fft.rfft(hann * (pulse - pulse.mean()), 4096)) ** 2)[band]
    peak = power[np.argmin(np.abs(f - frequency))]
    far = 2.5 * RATE / count
    rival = power[(np.abs(f - frequency) > far) & (np.abs(f - 2 * frequency) > far)].max()
    few = np.sort(power[:: int(0.6 * 4096 / count)])
    return [
        float(np.log10(peak / power.max() + 1e-4)),
        float(-np.log10(few[len(few) // 2] / peak + 1e-4)),
        float(np.log10(rival / peak + 1e-4)),
    ]


def opinion_by_scipy(colors: Floats, method: str, frequency: float) -> list[float]:
    """Return SNR and height of a frequency in the pulse of CHROM or POS, at half the rate.

    ``colors`` are all since the start; samples since the last renewal are not used.
    """
    due = colors[: len(colors) - len(colors) % RENEWAL][-(SAMPLES - RENEWAL + 1) :]
    pairs = due[len(due) % COARSE :].reshape(-1, COARSE, 3).mean(axis=1)
    rate = RATE / COARSE
    return opinion(
        zero_phase(REFERENCE[method](pairs, rate), LOW, HIGH, rate, ORDER), rate, frequency
    )


def opinion(pulse: Floats, rate: float, frequency: float) -> list[float]:
    """Return SNR and height of a frequency in a pulse at a reduced rate."""
    count, length = len(pulse), 1024  # the power of two that gives 60 bins per Hz
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(count) + 0.5) / count)
    power = np.abs(np.fft.rfft(hann * (pulse - pulse.mean()), length)) ** 2
    f = np.arange(len(power)) * rate / length
    near = (np.abs(f - frequency) <= 0.1) | (np.abs(f - 2 * frequency) <= 0.1)
    band = (f >= LOW) & (f <= HIGH)
    inner = power[1:-1]
    peaks = band[1:-1] & (inner > power[:-2]) & (inner >= power[2:])
    snr = 10 * np.log10(power[band & near].sum() / power[band & ~near].sum())
    here = power[np.argmin(np.abs(f - frequency))]
    return [float(np.clip(snr, -30, 30)), float(np.log10(here / inner[peaks].max() + 1e-4))]


def features_by_numpy(regions: Floats, pulse: Floats, frequency: float, snr_db: float) -> Floats:
    """Return the items of ``PeakFeatures``, in their order."""
    count = len(pulse)
    n = np.arange(count)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (n + 0.5) / count)

    def at(signal: Floats, times: float = 1.0) -> NDArray[np.complex128]:
        turn = np.exp(-2j * np.pi * times * frequency / RATE * n)
        centred = signal - signal.mean(axis=0)
        return np.asarray(2 * np.tensordot(hann * turn, centred, 1) / hann.sum())

    z = at(regions)

    def of_pulse(times: float = 1.0) -> complex:
        turn = np.exp(-2j * np.pi * times * frequency / RATE * n)
        return complex(np.tensordot(hann * turn, pulse, 1))

    z_pulse = of_pulse()
    luma, chroma = z[:BLOCKS], z[PLACES : PLACES + BLOCKS]
    rim, rim_color = z[BLOCKS], z[-1]
    mean, color = luma.mean(), chroma.mean()
    face = regions[:, :BLOCKS].mean(axis=1)

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
            np.log10(abs(color) + 1e-6),
            abs(luma.sum()) / np.abs(luma).sum(),
            abs(chroma.sum()) / np.abs(chroma).sum(),
            np.clip((color / mean).real, -2, 2),
            np.log10(abs(rim) / abs(mean) + 1e-3),
            np.log10(abs(rim_color) / abs(color) + 1e-3),
            np.clip((rim / mean).real, -2, 2),
            follow(mean),
            follow(color),
            follow(rim),
            spread(luma),
            spread(chroma),
            *np.log10(np.array(middle) + 1e-6),
            snr_by_numpy(face, frequency),
            snr_by_numpy(regions[:, BLOCKS], frequency),
            *lines,
            *beats,
        ]
    )


def rows(pulse: Floats, regions: Floats, colors: Floats | None = None) -> Floats:
    """Return the signals of a window: pulse, mean colors, regions."""
    if colors is None:
        colors = np.full((len(pulse), COLORS), 0.5)
    return np.column_stack([pulse, colors, regions])


def window_of(
    samples: Floats, backend: str = "auto", method: str = "student", **settings: float
) -> _core.PulseWindow:
    options = rf.PulseSettings(**settings).to_native(method)  # type: ignore[arg-type]
    window = _core.PulseWindow(options, backend)
    window.restart(0.0, False)
    window.push(samples)
    return window


@pytest.mark.parametrize("backend", rf.backends())
@pytest.mark.parametrize("method", ["student", "fusion"])
@pytest.mark.parametrize("count", [SAMPLES, SAMPLES - 3, SAMPLES + 170, 181])
def test_peak_features_are_numpys(count: int, method: str, backend: str) -> None:
    """Also tests a window that is far from full, and one whose ring buffer has wrapped."""
    rng = np.random.default_rng(count)
    times = np.arange(count) / RATE
    pulse = np.sin(2 * np.pi * 1.3 * times) + 0.3 * rng.standard_normal(count)
    regions = -1.0 + 0.003 * rng.standard_normal((count, 2 * PLACES))
    regions += 0.005 * np.sin(2 * np.pi * 1.3 * times + rng.uniform(0, 6, (2 * PLACES, 1))).T
    blood = 0.005 * np.sin(2 * np.pi * 1.3 * times)
    colors = skin(blood, 0.003 * rng.standard_normal((count, 3)))
    window = window_of(rows(pulse, regions, colors), backend, method)
    found = window.candidates()
    own = [one for one in found if one[2] == "student"]
    assert len(own) == rf.PulseSettings().peaks
    assert [one[3] for one in own] == [True, False, False]
    assert own[0][0] == pytest.approx(1.3, abs=0.02)
    size = window.size
    pulse, regions = pulse[-size:], regions[-size:]
    filtered = zero_phase(pulse, LOW, HIGH, RATE, ORDER)
    for frequency, _, _, _, _, items in found:
        coverage = min(size / SAMPLES, 1.0)
        expected = np.array(
            [
                *features_by_numpy(regions, filtered, frequency, items[0]),
                coverage,
                *opinion_by_scipy(colors, "chrom", frequency),
                *opinion_by_scipy(colors, "pos", frequency),
                *opinion(window.temporal_pulse, CELL_RATE, frequency),
            ]
        )
        assert len(items) == _core.PEAK_FEATURES
        np.testing.assert_allclose(items, expected, rtol=FLOAT_TOLERANCE, atol=FLOAT_TOLERANCE)
        snr = np.clip(snr_of(filtered, frequency), -30, 30)
        assert items[0] == pytest.approx(snr, abs=SNR_TOLERANCE_DB)


def skin(blood: Floats, noise: Floats | float = 0.0) -> Floats:
    """Return mean colors of skin from the relative change of the blood volume, (samples, 3)."""
    return np.array([0.6, 0.4, 0.3]) * (1 - np.outer(blood, [0.33, 0.77, 0.53]) + noise)


def snr_of(pulse: Floats, frequency: float) -> float:
    """Return the SNR of the pulse at a frequency, dB, with a transform of the engine's length."""
    count = len(pulse)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(count) + 0.5) / count)
    f = np.arange(2049) * RATE / 4096
    power = np.abs(np.fft.rfft(hann * (pulse - pulse.mean()), 4096)) ** 2
    near = (np.abs(f - frequency) <= 0.1) | (np.abs(f - 2 * frequency) <= 0.1)
    band = (f >= LOW) & (f <= HIGH)
    return float(10 * np.log10(power[band & near].sum() / power[band & ~near].sum()))


def test_opinions_are_the_same_whenever_they_are_asked() -> None:
    rng = np.random.default_rng(6)
    pulse, regions = rng.standard_normal(480), rng.standard_normal((480, 2 * PLACES))
    samples = rows(pulse, regions, 1 + rng.random((480, COLORS)))
    often, seldom = (window_of(samples[:300], method="fusion") for _ in range(2))
    for at in range(300, 480):
        often.push(samples[at : at + 1])
        seldom.push(samples[at : at + 1])
        found = often.candidates()
        if at % 7 == 0:
            for ours, theirs in zip(found, seldom.candidates()):
                assert ours[:5] == theirs[:5]
                np.testing.assert_array_equal(ours[5], theirs[5])


def test_fusion_looks_at_the_peaks_of_chrom_and_pos_besides_its_own() -> None:
    """The network has one rhythm and the colors another: both give candidates, by their source."""
    rng = np.random.default_rng(5)
    times = np.arange(SAMPLES) / RATE
    pulse = np.sin(2 * np.pi * 2.2 * times) + 0.2 * rng.standard_normal(SAMPLES)
    blood = 0.01 * np.sin(2 * np.pi * 1.2 * times)
    colors = skin(blood, 5e-4 * rng.standard_normal((SAMPLES, 3)))
    samples = rows(pulse, 0.003 * rng.standard_normal((SAMPLES, 2 * PLACES)), colors)
    alone = window_of(samples).candidates()
    fused = window_of(samples, method="fusion").candidates()
    assert len(fused) > len(alone)
    for ours, theirs in zip(fused, alone):  # the network's are first, unchanged
        assert ours[:5] == theirs[:5]
        np.testing.assert_array_equal(ours[5], theirs[5])
    assert {one[2] for one in alone} == {"student"}
    others = fused[len(alone) :]
    assert {one[2] for one in others} <= {"temporal", "pos", "chrom"}
    assert [one[0] for one in others if one[3]] == pytest.approx([1.2], abs=0.02)  # one for both
    rates = np.array([one[0] for one in fused])
    assert np.abs(rates[:, None] - rates)[~np.eye(len(rates), dtype=bool)].min() >= 0.05


@pytest.mark.parametrize("seed", [7, 8, 9])
@pytest.mark.parametrize("rate", [0.9, 1.2, 1.7])
def test_the_temporal_network_takes_out_what_moves(rate: float, seed: int) -> None:
    """Three bursts of movement brighten one side of the face and darken the other."""
    rng = np.random.default_rng(seed)
    times = np.arange(SAMPLES) / RATE
    pulse = np.sin(2 * np.pi * rate * times)
    bursts = np.exp(-0.5 * ((times[:, None] - rng.uniform(0, 10, 3)) / 0.6) ** 2).sum(1)
    noise = zero_phase(rng.standard_normal(SAMPLES), LOW, HIGH, RATE, ORDER)
    moves = bursts * noise / noise.std()
    sides = np.linspace(-1, 1, PLACES)
    blood = 0.003 * pulse
    regions = 0.0005 * rng.standard_normal((SAMPLES, 2 * PLACES))
    regions[:, :PLACES] += -blood[:, None] + 0.02 * moves[:, None] * sides
    regions[:, PLACES:] += -0.6 * blood[:, None] + 0.004 * moves[:, None] * sides
    colors = skin(blood, 0.0005 * rng.standard_normal((SAMPLES, COLORS)))
    colors *= np.exp(0.002 * moves[:, None])
    window = window_of(rows(pulse + 2 * moves, regions, colors), method="fusion")
    _, _, _, _, _, items = min(window.candidates(), key=lambda one: abs(one[0] - rate))
    temporal, student = items[_core.PEAK_TEMPORAL_SNR], items[_core.PEAK_SNR]
    assert temporal > student + CLEARER_DB


@pytest.mark.parametrize(("method", "name"), [("fusion", "Network"), ("pos", "Color")])
def test_confidence_is_the_network_of_the_header(method: str, name: str) -> None:
    """Tests the methods that use the student, and the others."""
    text = HEADER.read_text(encoding="utf-8")
    found = re.search(rf"Network k{name} = ([^;]*);", text)
    assert found
    numbers = np.array([float(v) for v in re.findall(r"-?\d[\d.e+-]*", found[1])])
    hidden = (len(numbers) - 2 * _core.PEAK_FEATURES - 2) // (_core.PEAK_FEATURES + 2)
    sizes = [_core.PEAK_FEATURES] * 2 + [1, _core.PEAK_FEATURES * hidden, hidden, hidden]
    mean, deviation, unit, matrix, bias, output, last = np.split(numbers, np.cumsum(sizes))
    assert last.size == 1
    matrix = unit * matrix

    rng = np.random.default_rng(3)
    times = np.arange(SAMPLES) / RATE
    seen = []
    for _ in range(20):
        rate = rng.uniform(0.9, 3.0)
        beat = np.sin(2 * np.pi * rate * times)
        pulse = beat + rng.uniform(0, 1) * rng.standard_normal(SAMPLES)
        regions = 10 ** rng.uniform(-4, -3) * rng.standard_normal((SAMPLES, 2 * PLACES))
        phases = rng.uniform(2.9, 3.4, (2 * PLACES, 1))
        size = 10 ** rng.uniform(-3, -2) * np.repeat([1.0, 0.6], PLACES)[:, None]
        regions += (size * np.sin(2 * np.pi * rate * times + phases)).T
        blood = 10 ** rng.uniform(-3, -2) * beat
        colors = skin(blood, 1e-3 * rng.standard_normal((SAMPLES, 3)))
        window = window_of(rows(pulse, regions, colors), method=method, peaks=1)
        _, _, _, _, confidence, said = window.candidates()[0]
        x = np.clip((said - mean) / deviation, -3, 3)
        active = np.maximum(x @ matrix.reshape(_core.PEAK_FEATURES, hidden) + bias, 0)
        expected = 1 / (1 + np.exp(-(active @ output + last[0])))
        assert confidence == pytest.approx(expected, rel=NETWORK_TOLERANCE, abs=NETWORK_TOLERANCE)
        seen.append(confidence)
    assert max(seen) - min(seen) > LEAST_SPREAD  # otherwise nothing would be compared


def lamp_and_heart() -> Floats:
    """A lamp's rhythm has the higher peak; the heart's rhythm is in the skin."""
    times = np.arange(SAMPLES) / RATE
    lamp, heart = np.sin(2 * np.pi * 2.3 * times), np.sin(2 * np.pi * 1.2 * times)
    regions = np.zeros((SAMPLES, 2 * PLACES))
    regions[:, :PLACES] = 0.02 * lamp[:, None]
    regions[:, :BLOCKS] -= 0.006 * heart[:, None]
    regions[:, PLACES:-1] = -0.0035 * heart[:, None]
    return rows(heart + 1.5 * lamp, regions, skin(0.008 * heart, 0.02 * lamp[:, None]))


def test_more_peaks_are_tried_until_one_is_trusted() -> None:
    samples = lamp_and_heart()
    several = window_of(samples).candidates()
    assert [one[0] for one in several[:2]] == pytest.approx([2.3, 1.2], abs=0.02)
    assert several[0][4] < 0.2 < several[1][4]
    doubt = 1 - several[1][4]
    sure = 1 - 1.3 * doubt
    # A peak that is not the highest needs half the doubt of the lowest accepted confidence.
    for min_confidence, trusted in ((2 * sure - 1, True), (sure, False)):
        reading = window_of(samples, min_confidence=min_confidence).read(10.0)
        assert reading.candidate_bpm == pytest.approx(72, abs=1)
        assert reading.heart_rate_bpm == (reading.candidate_bpm if trusted else None)
    assert window_of(samples, peaks=1).read(10.0).heart_rate_bpm is None


def highest_peak(pulse: Floats) -> tuple[float, float]:
    """Return rate in bpm and confidence of the highest peak; 0 if it is taken for a harmonic."""
    regions = 1e-4 * np.random.default_rng(1).standard_normal((len(pulse), 2 * PLACES))
    frequency, _, _, _, confidence, _ = window_of(rows(pulse, regions)).candidates()[0]
    return 60 * frequency, confidence


@pytest.mark.parametrize("strength", [0.0, 10.0, 60.0, 100.0, 200.0])
def test_a_pulse_in_slow_drift_is_not_taken_for_a_harmonic_of_it(strength: float) -> None:
    """The drift of light and movement in real video has power at a half and a third of any rate."""
    times = np.arange(SAMPLES) / RATE
    drift = np.zeros(SAMPLES)
    for amplitude, frequency, phase in ((1.0, 0.07, 0.5), (0.33, 0.17, 2.0), (0.1, 0.27, 1.0)):
        drift += amplitude * np.sin(2 * np.pi * frequency * times + phase)
    rate, confidence = highest_peak(np.sin(2 * np.pi * 65 / 60 * times) + strength * drift)
    assert rate == pytest.approx(65, abs=1)
    assert confidence > 0


@pytest.mark.parametrize(("slow", "multiple"), [(33.0, 2), (36.0, 2), (40.0, 2), (22.0, 3)])
def test_the_harmonic_of_a_line_below_the_band_is_taken_for_one(slow: float, multiple: int) -> None:
    times = np.arange(SAMPLES) / RATE
    line = np.sin(2 * np.pi * slow / 60 * times)
    pulse = 12 * line + np.sin(2 * np.pi * multiple * slow / 60 * times)
    rate, confidence = highest_peak(pulse)
    assert rate == pytest.approx(multiple * slow, abs=1)
    assert confidence == 0
