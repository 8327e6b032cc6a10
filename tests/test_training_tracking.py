"""Compare the ways of tracking on one small scene."""

from __future__ import annotations

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

from rppg_fast.monitor import TRACKINGS  # noqa: E402
from training.evaluate import tracking  # noqa: E402


def test_every_tracking_is_read_against_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "SIZE", (200, 150))
    monkeypatch.setattr(tracking, "SECONDS", 11.1)
    found = tracking.errors_of_clip(tracking.SETS["ordinary"], 1, "student")
    assert list(found) == list(TRACKINGS)
    for rows in found.values():
        assert np.shape(rows) == (2, 3)
        peak, read, snr_db = np.array(rows).T
        assert peak.max() < 3.0
        assert read.max() < 3.0
        assert snr_db.min() > 1.0
