"""The shipped student against PyTorch's answers in float64, which are stored beside the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import rppg_fast as rf

GOLDEN = Path(__file__).parent / "fixtures" / "student_golden.npz"
# The parity that every float32 backend must reach, relative to the output's deviation.
FLOAT32_TIER = 1e-5


def test_the_shipped_student_gives_the_golden_numbers(backend: str) -> None:
    student = rf.Student.load(backend=backend)
    with np.load(GOLDEN) as values:
        assert str(values["weights_sha256"]) == student.sha256
        change = values["change"]
        error = student(values["motion"]) - change
    assert np.abs(error).max() <= FLOAT32_TIER * change.std()
