"""Recordings of real people, from RPPG_DATA; they are never part of the project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from rppg_fast.methods import METHODS
from tests.support.signal_reference import zero_phase

# Tolerance for the mean rate, over 21 subjects. A filter that runs only forwards gives 2.98,
# SciPy's forwards and backwards over the whole recording 1.23.
UBFC_MEAN_TOLERANCE_BPM = 0.8
UBFC_MEDIAN_TOLERANCE_BPM = 0.2
# Tolerance with three windows in place of a minute of windows.
UBFC_SHORT_MEDIAN_TOLERANCE_BPM = 0.6
# Ratio of the first second of a window to the rest. For a filter that starts at rest with a level
# of FAR_FROM_ZERO times the pulse, the ratio is 8 to 35.
FAR_FROM_ZERO, START_TOLERANCE = 50.0, 1.5
FPS = 30

Floats = NDArray[np.float64]


@pytest.mark.parametrize("method", ["student", *METHODS])
def test_a_real_face_is_found_and_read(method: str, data: Path) -> None:
    """Its authors report 50 to 60 bpm."""
    # The confidence was fitted to the student; here CHROM and ICA do not reach the usual limit.
    sure: dict[str, Any] = {} if method in ("student", "pos", "green") else {"min_confidence": 0.3}
    found = rf.measure(data / "real" / "evm_face.mp4", method=method, **sure)
    assert found.status is rf.Status.OK
    assert found.heart_rate_bpm is not None
    assert 50.0 <= found.heart_rate_bpm <= 60.0
    assert (found.frames, found.skipped_frames) == (301, 0)


def test_the_student_is_clear_on_a_real_face(data: Path) -> None:
    found = rf.measure(data / "real" / "evm_face.mp4")
    full = found.windows[-1]
    assert full.coverage >= 0.99
    assert full.snr_db is not None
    assert full.snr_db > 6.0


def test_a_face_without_its_pulse_is_not_read(data: Path) -> None:
    """A video made of the first frame of the same face, with camera noise."""
    frame, _ = next(iter(rf.VideoFile(data / "real" / "evm_face.mp4")))
    rng = np.random.default_rng(0)
    monitor = rf.HeartRateMonitor()
    for index in range(330):
        noisy = frame + 2.0 * rng.standard_normal(frame.shape, np.float32)
        still = np.clip(np.round(noisy), 0, 255).astype(np.uint8)
        reading = monitor.push(still, index / 30.0)
        assert reading.status in (rf.Status.WARMING_UP, rf.Status.LOW_SIGNAL)
    assert monitor.box is not None


def test_a_recording_in_the_data_sets_layout_is_read(data: Path) -> None:
    """2.5 s are too short for a heart rate, and the result says so."""
    found = rf.measure(data / "ubfc_format" / "subject1" / "vid.avi")
    assert found.status is rf.Status.WARMING_UP
    assert found.heart_rate_bpm is None
    assert found.frames == 74
    assert found.box is not None


def predicted_rate(changes: Floats) -> float:
    """Return a recording's heart rate from changes as in the paper, with the engine's own parts."""
    window = _core.PulseWindow(rf.PulseSettings(min_confidence=0.0, peaks=1).to_native())
    window.restart(0.0, False)
    pulse = np.cumsum(changes)
    rates = []
    for start in range(0, pulse.size, FPS):
        samples = np.zeros((len(pulse[start : start + FPS]), _core.SIGNALS))
        samples[:, 0] = pulse[start : start + FPS]
        window.push(samples)
        if window.size == window.capacity:
            rates.append(window.read(0.0).heart_rate_bpm)
    return float(np.mean([rate for rate in rates if rate is not None]))


def labelled_rate(changes: Floats) -> float:
    """Do the same with the labels and SciPy: a filter of order 2 over the whole recording."""
    pulse = zero_phase(np.cumsum(changes), 0.7, 4.0, FPS, 2)
    frequencies = np.fft.rfftfreq(8192, 1 / FPS)
    rates = []
    for end in range(10 * FPS, pulse.size + 1, FPS):
        part = pulse[end - 10 * FPS : end]
        power = np.abs(np.fft.rfft((part - part.mean()) * np.hanning(part.size), 8192)) ** 2
        inside = (frequencies >= 0.7) & (frequencies <= 4.0)
        rates.append(60 * frequencies[np.argmax(power * inside)])
    return float(np.mean(rates))


def ubfc(data: Path) -> dict[str, tuple[Floats, Floats]]:
    """Return the changes that a network predicted for 21 subjects, and the true ones."""
    traces = np.load(data / "traces" / "ubfc_deepphys_predictions.npz")
    subjects = sorted(name[: -len("_pred")] for name in traces if name.endswith("_pred"))
    assert len(subjects) == 21
    return {
        s: (
            np.asarray(traces[f"{s}_pred"], np.float64).ravel(),
            np.asarray(traces[f"{s}_label"], np.float64).ravel(),
        )
        for s in subjects
    }


def test_another_networks_predictions_give_a_small_error(data: Path) -> None:
    errors = [abs(predicted_rate(p) - labelled_rate(label)) for p, label in ubfc(data).values()]
    print(f"mean error of a subject {np.mean(errors):.2f} bpm, median {np.median(errors):.2f} bpm")
    assert np.mean(errors) < UBFC_MEAN_TOLERANCE_BPM
    assert np.median(errors) < UBFC_MEDIAN_TOLERANCE_BPM


def test_a_recordings_first_window_is_as_good_as_a_later_one(data: Path) -> None:
    """Uses recordings of 12 s, which have three full windows."""
    first: list[float] = []
    later: list[float] = []
    for changes, label in ubfc(data).values():
        for start, errors in ((0, first), (15 * FPS, later)):
            part = slice(start, start + 12 * FPS)
            errors.append(abs(predicted_rate(changes[part]) - labelled_rate(label[part])))
    print(f"median error {np.median(first):.2f} bpm at the start, {np.median(later):.2f} bpm later")
    assert np.median(first) < UBFC_SHORT_MEDIAN_TOLERANCE_BPM
    assert np.median(later) < UBFC_SHORT_MEDIAN_TOLERANCE_BPM


def test_a_windows_start_shows_no_transient(data: Path) -> None:
    """The sum of changes is far from zero where a window begins, as it usually is."""
    band_pass = rf.BandPass(0.7, 4.0, FPS, rf.PulseSettings().order)
    for changes, _ in ubfc(data).values():
        pulse = band_pass.zero_phase(FAR_FROM_ZERO + np.cumsum(changes)[: 10 * FPS])
        start, rest = pulse[:FPS], pulse[2 * FPS :]
        assert start.std() < START_TOLERANCE * rest.std()
        assert abs(start.mean()) < rest.std()
