"""The classical methods in NumPy, as in their papers: a reference for the engine.

Each ``method(rgb, fs)`` takes float64 of shape (samples, 3), red-green-blue, at the sampling rate
``fs`` in Hz, and returns float64 of shape (samples,). Blocks are computed one by one.
"""

from __future__ import annotations

from typing import Callable

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.pulse import PulseSettings
from tests.support.signal_reference import zero_phase

Floats = NDArray[np.float64]

#: Length of the blocks over which CHROM and POS adapt, s: one beat or more (Wang et al., 2017).
BLOCK_SECONDS = 1.6


def green(rgb: Floats, fs: float) -> Floats:
    """Return the green channel (Verkruysse et al., 2008)."""
    return -_normalised(rgb)[:, 1]


def ica(rgb: Floats, fs: float) -> Floats:
    """Return the independent component with the clearest spectral peak (Poh et al., 2011)."""
    settings = PulseSettings()
    filtered = _band_passed(_normalised(rgb), fs, settings)
    sources = filtered @ _unmixing(filtered).T
    peaks = [_peak_share(source, fs, settings) for source in sources.T]
    pulse: Floats = sources[:, int(np.argmax(peaks))]
    return -pulse if float(pulse @ filtered[:, 1]) > 0 else pulse


def chrom(rgb: Floats, fs: float) -> Floats:
    """Return the chrominance pulse (de Haan and Jeanne, 2013, equations 11 to 14)."""
    length = _block_length(rgb, fs)
    blocks = sliding_window_view(rgb, length, axis=0)  # (blocks, 3, length)
    filtered = _band_passed(rgb, fs, PulseSettings())
    red, green, blue = np.moveaxis(
        sliding_window_view(filtered, length, axis=0) / _means(blocks), 1, 0
    )
    x = 3.0 * red - 2.0 * green
    y = 1.5 * red + green - 1.5 * blue
    return _overlap_add(x - _deviation_ratio(x, y) * y, np.hanning(length + 2)[1:-1])


def pos(rgb: Floats, fs: float) -> Floats:
    """Return the plane-orthogonal-to-skin pulse (Wang et al., 2017, algorithm 1)."""
    length = _block_length(rgb, fs)
    blocks = sliding_window_view(rgb, length, axis=0)
    red, green, blue = np.moveaxis(blocks / _means(blocks), 1, 0)
    x = green - blue
    y = green + blue - 2.0 * red
    return -_overlap_add(x + _deviation_ratio(x, y) * y, np.ones(length))


#: Largest relative change of color that can be a rounding error.
_STILL = 1e-9

#: The same names as in ``rppg_fast.methods``.
METHODS: dict[str, Callable[[Floats, float], Floats]] = {
    "green": green,
    "ica": ica,
    "chrom": chrom,
    "pos": pos,
}


def _block_length(rgb: Floats, fs: float) -> int:
    return min(len(rgb), max(2, round(BLOCK_SECONDS * fs)))


def _means(blocks: Floats) -> Floats:
    """Return each block's mean color; for a channel that is black throughout, return one."""
    means: Floats = blocks.mean(axis=2, keepdims=True)
    return np.where(means > 0, means, 1.0)


def _normalised(rgb: Floats) -> Floats:
    mean = rgb.mean(axis=0)
    return np.asarray((rgb - mean) / np.where(mean > 0, mean, 1.0))


def _band_passed(signals: Floats, fs: float, settings: PulseSettings) -> Floats:
    return zero_phase(signals, settings.low, settings.high, fs, settings.order)


def _deviation_ratio(x: Floats, y: Floats) -> Floats:
    deviation = y.std(axis=1, keepdims=True)
    ratio = x.std(axis=1, keepdims=True) / np.where(deviation > 0, deviation, 1.0)
    return np.asarray(np.where(deviation > _STILL, ratio, 0.0))


def _overlap_add(blocks: Floats, weights: Floats) -> Floats:
    """Overlap-add blocks that begin one sample apart, each without its mean, and average them."""
    count, length = blocks.shape
    weighted = (blocks - blocks.mean(axis=1, keepdims=True)) * weights
    total = np.zeros(count + length - 1)
    cover = np.zeros_like(total)
    for offset in range(length):
        total[offset : offset + count] += weighted[:, offset]
        cover[offset : offset + count] += weights[offset]
    return total / cover


def _unmixing(signals: Floats) -> Floats:
    """Return the (3, 3) matrix that unmixes signals: symmetric FastICA with the cubic contrast.

    Raises ``ArithmeticError`` if it does not converge, because its last step is then arbitrary.
    """
    covariance = np.cov(signals.T)
    values, vectors = np.linalg.eigh(covariance)
    if not values[-1] > _STILL**2:
        return np.eye(signals.shape[1])  # whitening would amplify rounding errors to a signal
    floor = values[-1] * 1e-12  # keeps directions without a signal finite
    whitening = (vectors / np.sqrt(np.maximum(values, floor))).T
    white = (signals - signals.mean(axis=0)) @ whitening.T
    rotation = np.eye(signals.shape[1])
    for _ in range(200):
        projected = white @ rotation.T
        update = (projected**3).T @ white / len(white) - 3.0 * rotation
        left, _, right = np.linalg.svd(update)
        before, rotation = rotation, left @ right
        if np.abs(np.abs(np.sum(rotation * before, axis=1)) - 1.0).max() < 1e-9:
            return np.asarray(rotation @ whitening)
    raise ArithmeticError("FastICA has not settled")


def _peak_share(signal: Floats, fs: float, settings: PulseSettings) -> float:
    """Return the largest share of the band's power in one bin of the spectrum."""
    bin_hz, power, found, _, _ = _core.spectrum(signal, fs, settings.low, settings.high)
    frequencies = np.arange(power.size) * bin_hz
    band = power[(frequencies >= settings.low) & (frequencies <= settings.high)]
    return float(band.max() / band.sum()) if found else 0.0
