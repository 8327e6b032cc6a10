"""The windows of a recording, summed up as the engine does, by any confidence of their peaks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.reading import STATUSES, Status
from training.confidence.candidates import Candidates
from training.evaluate.metrics import PULSE
from training.evaluate.windows import STEP, Floats


def _recording(seen: Candidates, confidence: Floats) -> _core.Recording:
    """Take the windows of one recording as the engine does, by given confidences of their peaks."""
    ok_code, low_code = STATUSES.index(Status.OK), STATUSES.index(Status.LOW_SIGNAL)
    recording = _core.Recording(STEP, PULSE.max_gap, PULSE.min_confidence)
    for i, end in enumerate(seen.end):
        best = chosen_peak(confidence[i], seen.highest[i])
        sure, rate = confidence[i, best], seen.rate[i, best]
        code = ok_code if sure >= PULSE.min_confidence else low_code
        coverage, snr_db = (
            seen.said[i, best, _core.EVIDENCE_COVERAGE],
            seen.said[i, best, _core.EVIDENCE_SNR],
        )
        recording.take(end, code, snr_db, sure, seen.start[i], end, coverage, rate)
    return recording


def summed_up(seen: Candidates) -> tuple[Status, float]:
    """Give status and rate (bpm; NaN unless ok) of one recording, by the engine's confidence."""
    status, rate, *_ = _recording(seen, seen.confidence).summary()
    return STATUSES[status], rate


def tracks(seen: Candidates, confidence: Floats) -> tuple[Floats, Floats, Floats]:
    """Give what is known of recordings by given confidences of their windows' peaks.

    Parameters
    ----------
    seen
        The windows.
    confidence
        Of their peaks, (windows, MOST).

    Returns
    -------
    float64 (recordings, items), float64 (recordings,), float64 (recordings,)
        What is known of each track, its rate, and the true one, bpm; infinite without a pulse.
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
    """Choose the peak that a reading of a window is about, as ``csrc/reading/window.cpp`` does."""
    first = np.where(highest, confidence, -1.0)
    if first.max() >= PULSE.min_confidence:
        return int(first.argmax())
    return int(confidence.argmax())
