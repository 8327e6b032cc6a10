"""The windows of a clip equal those of a live measurement."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.monitor import NETWORK_METHODS
from rppg_fast.student import BUNDLED_WEIGHTS
from tests.support.clips import BOX, frame_times, skin

pytest.importorskip("torch")
from scipy import signal

from tests.support.made_up_evaluations import seen_pulse, write_clips
from tests.support.signal_reference import zero_phase
from training.data.clips import Frames, as_stored
from training.evaluate.estimators import open_network, open_source
from training.evaluate.windows import true_windows, window_ends

# Appearance is stored in steps of 1/257 of a grey level, so the pulse differs slightly from the
# live one, and a rate by about 1e-3 bpm. In a hole, the live colors keep their values, but those
# of a clip continue. POS, whose blocks may cover the hole, therefore differs by 0.03 bpm.
LIVE_TOLERANCE_BPM = 0.05
LIVE_TOLERANCE_DB = 0.1
SCIPY_BPM = 0.5  # SciPy gets single samples in place of averages over cells of the grid


@pytest.mark.parametrize("method", ["student", "fusion", "pos", "green"])
@pytest.mark.parametrize("amplitude", [0.02, 0.0])
def test_windows_are_those_of_a_live_measurement(
    method: str, amplitude: float, tmp_path: Path
) -> None:
    """Uneven frames with a hole of a second give the same full windows, rates and statuses."""
    times = [t + (1.0 if t > 12.5 else 0.0) for t in frame_times(29.97, 24.0, jitter=0.4)]
    video = list(skin(times, 84.0, amplitude))
    found = rf.measure_frames(video, rf.HeartRateMonitor(method=method, box=BOX)).windows
    live = [window for window in found if window.end_s - window.start_s >= 9.9]
    assert len(live) >= 10
    assert min(window.coverage for window in live) < 0.95
    assert {w.status for w in live} == {rf.Status.OK if amplitude else rf.Status.LOW_SIGNAL}

    seen = np.stack([rf.appearance(frame, BOX) for frame, _ in video])
    clip, frames = seen_pulse("skin", 84.0, 84.0)
    nothing = np.zeros(len(times), np.float32)
    frames = Frames(as_stored(seen), nothing, np.array(times), nothing)
    weights = str(BUNDLED_WEIGHTS)
    source = open_network(weights, method) if method in NETWORK_METHODS else open_source(method)
    ends = window_ends(frames.times)
    windows = source.windows(write_clips(tmp_path / "c", [(clip, frames)])[0], ends)

    assert len(windows) == len(live)
    for ours, theirs in zip(windows, live):
        assert ours.reading.status == theirs.status
        assert ours.reading.end_s == pytest.approx(theirs.end_s, abs=1e-9)
        assert ours.reading.start_s == pytest.approx(theirs.start_s, abs=1e-9)
        assert ours.times[-1] < theirs.end_s
        if amplitude:
            assert ours.reading.heart_rate_bpm == pytest.approx(
                theirs.heart_rate_bpm, abs=LIVE_TOLERANCE_BPM
            )
            assert ours.reading.snr_db == pytest.approx(theirs.snr_db, abs=LIVE_TOLERANCE_DB)


def test_no_window_spans_a_pause_that_is_too_long() -> None:
    _, frames = seen_pulse("paused", 72.0, 72.0, seconds=28.0, pause=2.1)
    middle = float(frames.times[len(frames.times) // 2])
    windows = true_windows(frames, window_ends(frames.times))
    before = [w for w in windows if w.reading.end_s < middle]
    after = [w for w in windows if w.reading.start_s >= middle]
    assert len(before) >= 3
    assert len(after) >= 3
    assert len(before) + len(after) == len(windows)


def test_windows_span_a_shorter_one() -> None:
    _, frames = seen_pulse("paused", 72.0, 72.0, seconds=26.0, pause=1.5)
    middle = float(frames.times[len(frames.times) // 2])
    windows = true_windows(frames, window_ends(frames.times))
    across = [w for w in windows if w.reading.start_s < middle - 1.6 and middle < w.reading.end_s]
    assert len(across) >= 5
    assert all(w.reading.coverage == pytest.approx(0.85, abs=0.01) for w in across)
    for window in across:
        assert window.reading.candidate_bpm == pytest.approx(72.0, abs=SCIPY_BPM)


def test_frames_too_slow_for_the_band_leave_no_window() -> None:
    assert window_ends(np.arange(150) / 7.0) == []
    assert len(window_ends(np.arange(150) / 9.0)) >= 6


def test_rates_of_windows_are_those_of_scipy() -> None:
    """Band-pass of the paper, and the largest spectral line of a window of 10 s, every second."""
    random = np.random.default_rng(5)
    times = np.arange(900) / 30.0
    phase = 2 * np.pi * np.cumsum(1.3 + 0.1 * np.sin(times / 4)) / 30
    pulse = np.sin(phase) + 0.2 * random.normal(size=times.size)
    nothing = np.zeros((times.size, 3, 36, 36), np.uint16)
    frames = Frames(nothing, pulse.astype(np.float32), times, np.zeros(times.size, np.float32))
    windows = true_windows(frames, window_ends(times))
    assert len(windows) == 21
    for window in windows:
        last = int(np.searchsorted(times, window.reading.end_s))
        part = zero_phase(pulse[max(0, last - 300) : last], 0.7, 4.0, 30, 1)
        frequencies, power = signal.periodogram(part, 30, "hann", nfft=1 << 15)
        expected = 60 * frequencies[np.argmax(power * (frequencies > 0.7) * (frequencies < 4))]
        assert window.spectrum.heart_rate == pytest.approx(expected, abs=SCIPY_BPM)
