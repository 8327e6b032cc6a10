"""Functions that give the same bits everywhere, beside NumPy's in extended precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from rppg_fast import _core

Floats = NDArray[np.float64]

#: Largest errors, as the header says: of sine and cosine, and of the others in units in the last
#: place.
LARGEST, LARGEST_PLACES = 2.0**-52, 2.0
RANDOM = np.random.default_rng(5)
ANGLES = np.concatenate(
    [RANDOM.uniform(-math.pi, math.pi, 50_000), RANDOM.uniform(-1e5, 1e5, 50_000)]
)
POSITIVE = np.concatenate(
    [RANDOM.uniform(0.5, 2, 50_000), np.exp(RANDOM.uniform(-700, 700, 50_000)), [5e-324, 1e308]]
)
ARGUMENTS = {
    "sin": ANGLES,
    "cos": ANGLES,
    "exp": np.concatenate([RANDOM.uniform(-1, 1, 50_000), RANDOM.uniform(-700, 700, 50_000)]),
    "log": POSITIVE,
    "log10": POSITIVE,
}


@pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="NumPy has no extended precision on this processor"
)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_error_is_below_the_last_place(name: str) -> None:
    x = ARGUMENTS[name]
    true = getattr(np, name)(x.astype(np.longdouble))
    error = np.abs(_core.elementary_function(name, x) - true)
    if name in ("sin", "cos"):
        assert error.max() < LARGEST
    else:
        assert (error / np.spacing(np.abs(true.astype(np.float64)))).max() < LARGEST_PLACES


@pytest.mark.parametrize(
    ("name", "x", "value"),
    [
        ("sin", 0.0, 0.0),
        ("sin", math.pi / 2, 1.0),
        ("cos", 0.0, 1.0),
        ("cos", math.pi, -1.0),
        ("exp", 0.0, 1.0),
        ("exp", -1e4, 0.0),
        ("exp", 1e4, math.inf),
        ("exp", -745.0, 5e-324),
        ("log", 1.0, 0.0),
        ("log", 0.0, -math.inf),
        ("log", math.inf, math.inf),
        ("log10", 1.0, 0.0),
    ],
)
def test_values_that_are_known(name: str, x: float, value: float) -> None:
    assert _core.elementary_function(name, [x])[0] == value


@pytest.mark.parametrize(
    ("name", "x"), [("sin", 2e5), ("cos", math.inf), ("exp", math.nan), ("log", -1.0)]
)
def test_what_has_no_value_is_not_a_number(name: str, x: float) -> None:
    assert math.isnan(_core.elementary_function(name, [x])[0])


def test_signs() -> None:
    x = ANGLES[np.abs(ANGLES) > 1e-3]
    assert np.array_equal(
        _core.elementary_function("sin", -x), -_core.elementary_function("sin", x)
    )
    assert np.array_equal(_core.elementary_function("cos", -x), _core.elementary_function("cos", x))


def test_unknown_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="tan"):
        _core.elementary_function("tan", [1.0])
