"""The classical methods GREEN, ICA, CHROM and POS.

Each function turns a window of the face's mean color into a pulse. ``method(rgb, fs)`` takes
float64 of shape (samples, 3), red-green-blue, in any unit, and the sampling rate ``fs`` in Hz. It
returns float64 of shape (samples,). The pulse rises with the blood volume, that is, where green
falls. The engine does the computing (``csrc/reading/classical.hpp``, ``csrc/reading/ica.hpp``).

The functions raise ``ValueError`` if the colors have another shape or fewer than two samples, if
the sampling rate is not positive, or if it is too low for the band (ICA and CHROM).
"""

from __future__ import annotations

from typing import Callable

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.pulse import PulseSettings

Floats = NDArray[np.float64]


def green(rgb: Floats, fs: float) -> Floats:
    """Return the green channel (Verkruysse et al., 2008)."""
    return _core.green(rgb)


def ica(rgb: Floats, fs: float) -> Floats:
    """Return the independent component with the clearest spectral peak (Poh et al., 2011)."""
    settings = PulseSettings()
    return _core.ica(rgb, _band_passed(rgb, fs, settings), fs, settings.low, settings.high)


def chrom(rgb: Floats, fs: float) -> Floats:
    """Return the chrominance pulse (de Haan and Jeanne, 2013, equations 11 to 14)."""
    return _core.chrom(rgb, _band_passed(rgb, fs, PulseSettings()), fs)


def pos(rgb: Floats, fs: float) -> Floats:
    """Return the plane-orthogonal-to-skin pulse (Wang et al., 2017, algorithm 1)."""
    return _core.pos(rgb, fs)


#: Every classical method by the name that ``method=`` and ``--method`` take.
METHODS: dict[str, Callable[[Floats, float], Floats]] = {
    "green": green,
    "ica": ica,
    "chrom": chrom,
    "pos": pos,
}


def _band_passed(rgb: Floats, fs: float, settings: PulseSettings) -> Floats:
    if np.ndim(rgb) != 2:
        raise ValueError(f"rgb must have shape (samples, 3), got {np.shape(rgb)}")
    band_pass = _core.BandPass(settings.low, settings.high, fs, settings.order)
    return np.stack([band_pass.zero_phase(channel) for channel in np.transpose(rgb)], axis=1)
