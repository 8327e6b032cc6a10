"""A long run with random faults: no drift, no growing memory, no wrong heart rate."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import rppg_fast as rf
from bench.soak import HEART, soak
from bench.streams import long_run

# A clock that counts from 1970 has steps of 0.24 us, in which light and pulse change by about 2e-6
# of the pulse's amplitude; the band-pass sums several of these errors.
DRIFT_TOLERANCE = 2e-5
# Steps back of the clock by less than a gap cannot be distinguished from drops.
RATE_TOLERANCE_BPM = 1.0
MEMORY_TOLERANCE = 1.0  # MB; storing one byte per value would need more


def test_an_hour_of_faults_ends_as_computed_at_once() -> None:
    checks = list(soak(3600.0))
    assert len(checks) > 30
    assert max(check.difference for check in checks) < DRIFT_TOLERANCE
    clear = [c.reading for c in checks if c.reading.snr_db is not None and c.reading.snr_db > 1.0]
    rates = [reading.heart_rate_bpm for reading in clear]
    assert len(rates) > 0.9 * len(checks)
    np.testing.assert_allclose(np.array(rates, float), 60 * HEART, atol=RATE_TOLERANCE_BPM)
    assert {check.reading.status for check in checks} <= {rf.Status.OK, rf.Status.LOW_SIGNAL}


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory use from /proc")
def test_a_long_stream_takes_no_more_memory_than_a_short_one() -> None:
    rng = np.random.default_rng(0)
    frames = [rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(4)]
    before, after = long_run(frames, 200.0)
    assert after - before < MEMORY_TOLERANCE
