"""Weights as whole multiples of a power of two."""

from __future__ import annotations

import numpy as np
import pytest

from training.support.rounding import multiples, unit_of


@pytest.mark.parametrize("bits", [2, 8, 16])
@pytest.mark.parametrize("scale", [1e-6, 0.37, 1.0, 1000.0])
def test_multiples_are_close_and_fit_the_bits(bits: int, scale: float) -> None:
    values = scale * np.random.default_rng(bits).normal(size=(50, 7))
    found, unit = multiples(values, bits)
    most = 2 ** (bits - 1) - 1
    assert np.log2(unit) == round(np.log2(unit))
    assert most / 2 <= np.abs(found).max() <= most
    assert (np.abs(found * unit - values) <= unit / 2).all()


def test_multiples_stay_what_they_are() -> None:
    for seed in range(100):
        values = np.random.default_rng(seed).normal(size=20).astype(np.float32)
        found, unit = multiples(values, 8)
        again, same = multiples((found * unit).astype(np.float32), 8)
        assert same == unit
        assert np.array_equal(again, found)


def test_the_unit_is_the_least_one() -> None:
    assert unit_of(np.array([127.0, -3.0]), 8) == 1.0
    assert unit_of(np.array([127.5, -3.0]), 8) == 2.0
