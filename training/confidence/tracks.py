"""Summarise the windows of a recording as the engine does, with given confidences of the peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.evaluation.metrics import PULSE
from rppg_fast.reading import Status
from training.confidence.candidates import Candidates
from training.evaluate.windows import STEP, Floats


def _recording(seen: Candidates, confidence: Floats) -> _core.RecordingSummary:
    """Pass the windows of one recording to the engine, with given confidences of their peaks."""
    recording = _core.RecordingSummary(STEP, PULSE.max_gap, PULSE.min_confidence)
    for i, end in enumerate(seen.end):
        best = chosen_peak(confidence[i], seen.highest[i])
        sure, rate = confidence[i, best], seen.rate[i, best]
        status = Status.OK if sure >= PULSE.min_confidence else Status.LOW_SIGNAL
        coverage, snr_db = (
            seen.features[i, best, _core.PEAK_COVERAGE],
            seen.features[i, best, _core.PEAK_SNR],
        )
        recording.push(end, status, snr_db, sure, seen.start[i], end, coverage, rate)
    return recording


def summed_up(seen: Candidates) -> tuple[Status, float]:
    """Return status and rate (bpm; NaN unless ok) of a recording, by the engine's confidences."""
    status, rate, *_ = _recording(seen, seen.confidence).summary()
    return status, rate


def tracks(seen: Candidates, confidence: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the tracks of recordings, with given confidences of their windows' peaks.

    Parameters
    ----------
    seen
        The windows.
    confidence
        Confidences of their peaks, (windows, MOST).

    Returns
    -------
    float64 (recordings, items), float64 (recordings,), float64 (recordings,)
        The features of each track; its rate, bpm; the true rate, bpm, infinite without a pulse.
    """
    evidence, rates, true = [], [], []
    for clip in np.unique(seen.clip):
        inside = seen.clip == clip
        rate, known = _recording(seen.where(inside), confidence[inside]).evidence()
        if np.isfinite(rate):
            evidence.append(known)
            rates.append(rate)
            true.append(seen.true[inside].mean())
    return np.array(evidence), np.array(rates), np.array(true)


def chosen_peak(confidence: Floats, highest: NDArray[np.bool_]) -> int:
    """Return the peak that a reading chooses, as in ``csrc/reading/window.cpp``."""
    first = np.where(highest, confidence, -1.0)
    if first.max() >= PULSE.min_confidence:
        return int(first.argmax())
    return int(confidence.argmax())
