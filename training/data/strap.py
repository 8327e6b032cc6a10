"""Intervals between beats that a chest strap has recorded, on the clock of another pulse."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.trajectories import Times

_FURTHEST = 12.0  # s; the largest offset that is tried
_STEP = 0.01  # s, between the offsets that are tried
_FAR = 0.15  # s; a beat that is farther from the strap's nearest one counts like this
_LEAST_SHARE = 0.6  # of the beats of the shorter record must lie within the other one


def read_intervals(path: Path) -> Times:
    """Read the intervals of a strap: numbers in ms, separated by white space.

    Returns
    -------
    float64 (intervals,)
        Intervals, s.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it does not hold positive numbers.
    """
    try:
        intervals = np.array(path.read_text("ascii").split(), np.float64) / 1000
    except ValueError as error:
        raise ValueError(f"{path}: not a list of intervals: {error}") from None
    if intervals.size == 0 or not np.all(np.isfinite(intervals) & (intervals > 0)):
        raise ValueError(f"{path}: must hold positive intervals in ms")
    return intervals


def strap_beats(intervals: Times, beats: Times) -> Times:
    """Return the times of a strap's beats on the clock of a pulse that was recorded with it.

    The two records begin at different times, and a pulse comes later than the heart's beat. One
    offset for the whole record is chosen: that with the smallest mean distance from the beats of
    the pulse to the nearest beats of the strap.

    Parameters
    ----------
    intervals : float64 (intervals,)
        The strap's intervals, s, without a break.
    beats : float64 (beats,)
        Beats of the pulse, s.

    Returns
    -------
    float64 (intervals + 1,)
        Times of the strap's beats, s.

    Raises
    ------
    ValueError
        If there is no beat.
    """
    if beats.size == 0:
        raise ValueError("there is no beat to compare with the strap")
    strap = np.concatenate([[0.0], np.cumsum(intervals)])
    best, chosen = np.inf, 0.0
    for offset in np.arange(-_FURTHEST, _FURTHEST, _STEP):
        moved = beats - offset
        inside = moved[(moved >= strap[0] - _FAR) & (moved <= strap[-1] + _FAR)]
        if inside.size < _LEAST_SHARE * min(beats.size, strap.size):
            continue
        distance = float(np.minimum(np.abs(inside - strap[nearest(strap, inside)]), _FAR).mean())
        if distance < best:
            best, chosen = distance, offset
    return strap + chosen


def nearest(times: Times, wanted: Times) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the index of the time that is nearest to each wanted one."""
    after = np.clip(np.searchsorted(times, wanted), 1, times.size - 1)
    return np.asarray(after - (wanted - times[after - 1] < times[after] - wanted))
