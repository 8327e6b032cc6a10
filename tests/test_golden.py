"""The shipped student against PyTorch's float64 results, which are stored with the tests."""

from __future__ import annotations

import numpy as np

import rppg_fast as rf
from tests.golden import GOLDEN
from tests.tiers import BF16_NOISE_TIER, FLOAT32_TIER, allowed


def test_the_shipped_student_gives_the_golden_numbers(backend: str) -> None:
    student = rf.Student.load(backend=backend)
    with np.load(GOLDEN) as values:
        assert str(values["weights_sha256"]) == student.sha256
        change = values["change"]
        error = student(values["motion"]) - change
    assert np.abs(error).max() <= allowed(backend, FLOAT32_TIER, BF16_NOISE_TIER) * change.std()
