"""Weights as whole multiples of a power of two, which need fewer bytes in the engine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def unit_of(values: NDArray[np.floating], bits: int) -> float:
    """Return the least power of two of which all values are at most 2^(bits-1) - 1 times as large.

    Parameters
    ----------
    values
        Any shape; not all may be zero.
    bits
        Bits of a whole number with its sign.
    """
    return float(2.0 ** math.ceil(math.log2(np.abs(values).max() / (2 ** (bits - 1) - 1))))


def multiples(values: NDArray[np.floating], bits: int) -> tuple[NDArray[np.int64], float]:
    """Round values to whole multiples of a unit.

    Parameters
    ----------
    values
        Any shape; not all may be zero.
    bits
        Bits of a multiple with its sign.

    Returns
    -------
    tuple of int64 array and float
        The multiples, of the shape of the values, and the unit, a power of two. Values that are
        such multiples already give the same ones again.
    """
    unit = unit_of(values, bits)
    return np.rint(values / unit).astype(np.int64), unit
