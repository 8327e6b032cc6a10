"""Times of single beats in a pulse, each with a quality."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rppg_fast import _core
from rppg_fast.pulse import PulseSettings, spectrum

Floats = NDArray[np.float64]

#: Quality from which a beat is called good.
GOOD_QUALITY = 0.9
#: Shortest and longest interval between two beats, s: 200 and 30 bpm.
SHORTEST, LONGEST = 0.3, 2.0
#: The standard deviation of the intervals needs so many seconds of pulse, and so large a share of
#: them in good intervals.
SDNN_SECONDS, SDNN_SHARE = 60.0, 0.8

_DEFAULTS = PulseSettings()
_RATE = 100.0  # Hz; the grid on which beats are found
_HOLE = 0.5  # s; a longer pause between two samples is a hole
_LEAST = 3.0  # s; a shorter stretch gives no beats
_WINDOW, _STEP = 10.0, 2.0  # s, of the local heart rate
_APART = 0.6  # least distance of two beats, in periods of the local heart rate
_LEAST_SLOPE = 0.3  # of the median of the beats around; a smaller rise is no beat
_BEFORE, _AFTER, _POINTS = 0.5, 0.8, 50  # the shape of a beat: periods around its time, samples
_LEVELS = 8  # different values that the pulse takes around a beat; a saturated sensor has fewer
_ROUNDING = 1e-9  # of the largest value; a smaller pulse is none
_AROUND = 5  # beats on each side for the median of slopes and of correlations
_OTHERS = 10  # beats on each side for the usual shape


@dataclass(frozen=True)
class Beats:
    """Beats of a pulse.

    Attributes
    ----------
    times
        float64 of shape (beats,): when the pulse rises most steeply, s.
    quality
        float64 of shape (beats,), 0 to 1: how well the shape of a beat correlates with the median
        shape of the beats around it, or the median of this correlation over the beats around it,
        whichever is lower. 0 where the pulse takes fewer than 8 different values, as a sensor does
        at an end of its scale.
    intervals
        float64 of shape (beats - 1,): time from each beat to the next one, s; NaN across a hole in
        the pulse, or if it is not between 0.3 s and 2 s.
    sdnn
        Standard deviation of the good intervals, s. None unless the pulse is at least 60 s long and
        good intervals cover 80 % of it. None for a face video.
    """

    times: Floats
    quality: Floats
    intervals: Floats
    sdnn: float | None = None

    @property
    def good(self) -> NDArray[np.bool_]:
        """Bool of shape (beats - 1,): intervals whose two beats have a quality of at least 0.9."""
        both = np.minimum(self.quality[1:], self.quality[:-1])
        return np.asarray((both >= GOOD_QUALITY) & np.isfinite(self.intervals))


def beats(
    pulse: ArrayLike,
    *,
    times: ArrayLike | None = None,
    fs: float | None = None,
    low: float = _DEFAULTS.low,
    high: float = _DEFAULTS.high,
) -> Beats:
    """Find the beats of a pulse, as of a face video or of a finger.

    The pulse is band-passed forwards and backwards, so beats are for recordings, not for live use.
    A beat is where the pulse rises most steeply; a parabola finds this time between the samples.

    Parameters
    ----------
    pulse
        Real numbers, shape (samples,); it rises with the blood volume. NaN is a missing sample.
    times
        Times of the samples, s, rising; they need not be uniform. A pause of more than 0.5 s is a
        hole, and stretches of less than 3 s between holes give no beats.
    fs
        Sampling rate, Hz, in place of ``times``; the first sample is then at 0 s.
    low, high
        Band of the filter, Hz. The heart rate lies inside.

    Returns
    -------
    Beats
        Times, qualities and intervals.

    Raises
    ------
    TypeError
        If both or none of ``times`` and ``fs`` are given, or the numbers are not real.
    ValueError
        If the shapes differ or are not one-dimensional, a value is infinite, times do not rise, the
        sampling rate is not above twice ``high``, or the band does not lie between 0 and 50 Hz.
    """
    values, at = _samples(pulse, times, fs)
    if not 0 < low < high < _RATE / 2:
        raise ValueError(
            f"the band must lie between 0 and {_RATE / 2:g} Hz, got {low:g} to {high:g} Hz"
        )
    known = np.isfinite(values)
    values, at = values[known], at[known]
    if at.size > 1 and np.median(np.diff(at)) * 2 * high >= 1:
        raise ValueError(
            f"{1 / np.median(np.diff(at)):.1f} samples per second are too few for pulses up to "
            f"{high:g} Hz: record more, or lower 'high'"
        )
    holes = np.flatnonzero(np.diff(at) > _HOLE) + 1
    found = [
        _of_stretch(t, v, low, high)
        for t, v in zip(np.split(at, holes), np.split(values, holes))
        if t.size and t[-1] - t[0] >= _LEAST
    ]
    beat_times = np.concatenate([np.empty(0), *(of for of, _ in found)])
    quality = np.concatenate([np.empty(0), *(of for _, of in found)])
    intervals = np.diff(beat_times)
    stretch = np.repeat(np.arange(len(found)), [of.size for of, _ in found])
    intervals[np.diff(stretch) > 0] = np.nan
    intervals[(intervals < SHORTEST) | (intervals > LONGEST)] = np.nan
    result = Beats(beat_times, quality, intervals)
    return replace(result, sdnn=_sdnn(result, float(np.ptp(at)) if at.size else 0.0))


def within(found: Beats, inside: NDArray[np.bool_]) -> Beats:
    """Return some of the beats; the interval to a beat that is left out is NaN, and no SDNN.

    Parameters
    ----------
    found
        All beats.
    inside
        bool of shape (beats,): those to keep.
    """
    kept = np.flatnonzero(inside)
    intervals = np.full(max(kept.size - 1, 0), np.nan)
    neighbours = np.diff(kept) == 1
    intervals[neighbours] = found.intervals[kept[:-1][neighbours]]
    return Beats(found.times[kept], found.quality[kept], intervals)


def _samples(pulse: ArrayLike, times: ArrayLike | None, fs: float | None) -> tuple[Floats, Floats]:
    """Return values and times of the samples as arrays, checked."""
    if (times is None) == (fs is None):
        raise TypeError("give the times of the samples, or their rate fs, and not both")
    values = _real("pulse", pulse)
    if np.isinf(values).any():
        raise ValueError("pulse has an infinite value; NaN is a missing sample")
    if fs is not None:
        if not (np.isfinite(fs) and fs > 0):
            raise ValueError(f"fs must be a positive number of Hz, got {fs}")
        return values, np.arange(values.size) / fs
    at = _real("times", times)
    if at.size != values.size:
        raise ValueError(f"pulse has {values.size} samples, but there are {at.size} times")
    if not np.isfinite(at).all() or np.any(np.diff(at) <= 0):
        raise ValueError("the times of the samples must be finite and rise")
    return values, at


def _real(name: str, numbers: ArrayLike | None) -> Floats:
    array = np.asarray(numbers)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must be real numbers, got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension, got the shape {array.shape}")
    return array.astype(np.float64)


def _of_stretch(times: Floats, values: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Return times and qualities of the beats of a stretch without holes."""
    none = np.empty(0), np.empty(0)
    grid = np.arange(times[0], times[-1], 1 / _RATE)
    centred = np.interp(grid, times, values - values.mean())
    wave = _core.BandPass(low, high, _RATE).zero_phase(centred)
    rounding = _ROUNDING * float(np.abs(values).max())
    if wave.std() <= rounding:
        return none
    rate = _local_rate(wave, low, high)
    if rate is None:
        return none
    slope = np.gradient(wave)
    index = _steepest(slope, rate)
    before, here, after = slope[index - 1], slope[index], slope[index + 1]
    peak = index + 0.5 * (before - after) / (before - 2 * here + after)
    beat_times = times[0] + peak / _RATE
    period = 1 / rate[index]
    starts = np.searchsorted(times, beat_times - _BEFORE * period)
    stops = np.searchsorted(times, beat_times + _AFTER * period)
    seen = np.array([np.unique(values[a:b]).size for a, b in zip(starts, stops)], np.intp)
    seen[slope[index] * period * _RATE <= rounding] = 0
    quality = _quality(beat_times, grid, wave, period)
    return beat_times, np.where(seen >= _LEVELS, quality, 0.0)


def _local_rate(wave: Floats, low: float, high: float) -> Floats | None:
    """Return the heart rate at each sample, Hz; None if no window has a spectral peak."""
    length = min(wave.size, round(_WINDOW * _RATE))
    centres, rates = [], []
    for start in range(0, wave.size - length + 1, round(_STEP * _RATE)):
        rate = spectrum(wave[start : start + length], _RATE, low, high).heart_rate / 60
        if np.isfinite(rate):
            centres.append(start + length / 2)
            rates.append(rate)
    return np.interp(np.arange(wave.size), centres, rates) if rates else None


def _steepest(slope: Floats, rate: Floats) -> NDArray[np.intp]:
    """Return the samples where the slope is largest, the largest first to claim its surroundings.

    So the second rise of a beat, after the dicrotic notch, is not taken for another beat.
    """
    inner = slope[1:-1]
    tops = np.flatnonzero((inner > slope[:-2]) & (inner >= slope[2:]) & (inner > 0)) + 1
    claimed = np.zeros(slope.size, np.bool_)
    kept = []
    for top in tops[np.argsort(-slope[tops], kind="stable")]:
        if not claimed[top]:
            kept.append(top)
            reach = int(_APART / rate[top] * _RATE)
            claimed[max(0, top - reach) : top + reach + 1] = True
    found = np.sort(np.array(kept, np.intp))
    return found[slope[found] > _LEAST_SLOPE * _median_around(slope[found])]


def _quality(beat_times: Floats, grid: Floats, wave: Floats, period: Floats) -> Floats:
    """Return the quality of each beat; see ``Beats``."""
    phase = np.linspace(-_BEFORE, _AFTER, _POINTS)
    shapes = np.interp(beat_times[:, None] + phase * period[:, None], grid, wave)
    shapes -= shapes.mean(axis=1, keepdims=True)
    shapes /= np.maximum(shapes.std(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    correlation = np.zeros(beat_times.size)
    for i, shape in enumerate(shapes):
        first = max(0, i - _OTHERS)
        others = np.delete(shapes[first : i + _OTHERS + 1], i - first, axis=0)
        if len(others) >= 2:
            usual = np.median(others, axis=0)
            scale = _POINTS * max(float(usual.std()), np.finfo(np.float64).tiny)
            correlation[i] = shape @ (usual - usual.mean()) / scale
    around = _median_around(correlation)
    return np.asarray(np.clip(np.minimum(correlation, around), 0.0, 1.0))


def _median_around(values: Floats) -> Floats:
    """Return the median of each value and its neighbours."""
    return np.array(
        [np.median(values[max(0, i - _AROUND) : i + _AROUND + 1]) for i in range(values.size)],
        np.float64,
    )


def _sdnn(found: Beats, seconds: float) -> float | None:
    """Return the standard deviation of the good intervals where it can be trusted, s."""
    good = found.intervals[found.good]
    if seconds < SDNN_SECONDS or good.sum() < SDNN_SHARE * seconds:
        return None
    return float(good.std(ddof=1))
