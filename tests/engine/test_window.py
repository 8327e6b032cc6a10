"""A window with holes: its first readings, and its coverage."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core

RATE, WINDOW = 30.0, 10.0
FIRST, NEXT, GAP, HOLE = _core.Step
# Cells that are ended by the frames on both sides of a hole, of 300.
COVERAGE_TOLERANCE = 2 / 300
# For a clean pulse over at least 8 of 10 s; the holes widen its spectral line slightly.
RATE_TOLERANCE_BPM = 0.5
# For a window of 5 s, half as long.
EARLY_TOLERANCE_BPM = 1.5

Floats = NDArray[np.float64]


class Path:
    """The engine's path from a level at the frames' times to readings of its highest peak."""

    def __init__(self, **settings: float) -> None:
        options = rf.PulseSettings(**{"min_confidence": 0.0, "peaks": 1, **settings})  # type: ignore[arg-type]
        self.resampler = _core.Resampler(options.rate, 1, options.max_gap)
        self.window = _core.PulseWindow(options.to_native())

    def push(self, time: float, level: float) -> rf.Reading:
        step, samples = self.resampler.push(time, [level])
        if step in (FIRST, GAP):
            self.window.restart(time, step == GAP)
        rows = np.zeros((len(samples), _core.SIGNALS))
        rows[:, :1] = samples
        self.window.push(rows, missing=step == HOLE)
        return self.window.read(time)


def frames(seconds: float, *holes: tuple[float, float]) -> Floats:
    """Return times of frames at 30 per second, except in holes, (begin, end)."""
    times = np.arange(round(seconds * RATE) + 1) / RATE
    for begin, end in holes:
        times = times[(times <= begin + 1e-9) | (times >= end - 1e-9)]
    return times


def beat(bpm: float, times: Floats) -> Floats:
    """Return a pulse on a level that drifts much further, like the sum of changes."""
    return np.asarray(np.sin(2 * np.pi * bpm / 60 * times) + 20 * np.sin(0.05 * times) + 30)


def read(times: Iterable[float], levels: Iterable[float], **settings: float) -> list[rf.Reading]:
    path = Path(**settings)
    return [path.push(float(time), float(level)) for time, level in zip(times, levels)]


@pytest.mark.parametrize("bpm", [48.0, 72.0, 133.0])
@pytest.mark.parametrize("length", [0.6, 1.0, 1.5, 2.0])
def test_a_hole_in_the_window_is_missing_and_no_more(bpm: float, length: float) -> None:
    times = frames(20.0, (12.0, 12.0 + length))
    readings = read(times, beat(bpm, times))
    assert rf.Status.GAP not in {r.status for r in readings}
    for reading in readings:
        if 12.0 + length < reading.time_s < 21.9:
            assert reading.coverage == pytest.approx(1 - length / WINDOW, abs=COVERAGE_TOLERANCE)
        if reading.time_s > 11.0:
            assert reading.end_s - reading.start_s == pytest.approx(WINDOW)
            assert reading.candidate_bpm == pytest.approx(bpm, abs=RATE_TOLERANCE_BPM)


@pytest.mark.parametrize("bpm", [55.0, 90.0, 150.0])
def test_a_camera_that_stalls_a_second_every_nine_seconds_is_read_on(bpm: float) -> None:
    times = frames(45.0, *((9.0 * k, 9.0 * k + 1.0) for k in range(1, 5)))
    readings = [r for r in read(times, beat(bpm, times)) if r.time_s > 10.0]
    assert {r.status for r in readings} == {rf.Status.OK}
    for reading in readings:
        assert 0.8 - COVERAGE_TOLERANCE <= reading.coverage <= 0.9 + COVERAGE_TOLERANCE
        assert reading.candidate_bpm == pytest.approx(bpm, abs=RATE_TOLERANCE_BPM)


def test_what_the_level_does_in_a_hole_does_not_matter() -> None:
    """The level after a hole also has no effect, because each stretch is filtered separately."""
    times = frames(14.0, (8.0, 9.2))
    levels = beat(72.0, times)
    jumped = levels + 500.0 * (times > 8.5)
    for ours, theirs in zip(read(times, levels), read(times, jumped)):
        assert ours.status == theirs.status
        if ours.candidate_bpm is not None:
            assert theirs.candidate_bpm == pytest.approx(ours.candidate_bpm, abs=1e-6)


@pytest.mark.parametrize("length", [2.05, 3.0, 1e6])
def test_a_longer_pause_starts_anew(length: float) -> None:
    times = frames(10.0)
    times = np.concatenate([times, times + times[-1] + length])
    readings = read(times, beat(72.0, times))
    after = readings[len(readings) // 2 :]
    assert {r.status for r in after[:146]} == {rf.Status.GAP}
    assert after[0].coverage == 0.0
    assert after[151].status is rf.Status.OK
    assert after[151].start_s == pytest.approx(times[len(times) // 2])


@pytest.mark.parametrize("max_gap", [0.3, 1.0, 4.0])
def test_how_long_a_pause_may_be_is_a_setting(max_gap: float) -> None:
    for pause, gap in ((0.9 * max_gap, False), (1.1 * max_gap, True)):
        times = frames(12.0)
        times = np.where(times > 8.01, times + pause - 1 / RATE, times)
        said = {r.status for r in read(times, beat(72.0, times), max_gap=max_gap)}
        assert (rf.Status.GAP in said) == gap


def test_too_little_left_between_holes_is_a_gap_until_enough_was_seen() -> None:
    """Most of every 1.5 s is missing, so the window holds too few samples for a reading."""
    holes = [(1.5 * k + 0.3, 1.5 * k + 1.5) for k in range(14)]
    times = frames(21.0, *holes)
    readings = read(times, beat(72.0, times))
    assert rf.Status.OK not in {r.status for r in readings}
    assert max(r.coverage for r in readings) < 0.5
    assert {r.status for r in readings if r.time_s > 2.0} == {rf.Status.GAP}


@pytest.mark.parametrize("bpm", [50.0, 72.0, 110.0, 180.0])
@pytest.mark.parametrize("min_window", [3.0, 5.0, 8.0])
def test_readings_begin_after_the_least_window(bpm: float, min_window: float) -> None:
    times = frames(11.0)
    readings = read(times, beat(bpm, times), min_window=min_window)
    first = next(r for r in readings if r.status is not rf.Status.WARMING_UP)
    assert first.time_s == pytest.approx(min_window - 0.1, abs=0.04)  # a clip ends one step early
    assert first.status is rf.Status.OK
    for reading in readings:
        assert reading.coverage == pytest.approx(min(reading.time_s / WINDOW, 1.0), abs=0.005)
        if reading.time_s >= max(5.0, min_window):
            tolerance = EARLY_TOLERANCE_BPM if reading.coverage < 0.8 else RATE_TOLERANCE_BPM
            assert reading.candidate_bpm == pytest.approx(bpm, abs=tolerance)


def test_what_was_read_before_changes_no_reading() -> None:
    times = frames(12.0)
    levels = beat(72.0, times)
    often, once = Path(), Path()
    for time, level in zip(times, levels):
        reading = often.push(float(time), float(level))
        assert often.window.read(float(time)) == reading  # there is no new sample
        step, samples = once.resampler.push(float(time), [float(level)])
        if step == FIRST:
            once.window.restart(float(time), False)
        rows = np.zeros((len(samples), _core.SIGNALS))
        rows[:, :1] = samples
        once.window.push(rows)
    assert once.window.read(float(times[-1])) == reading
    assert reading.status == rf.Status.OK
    often.window.restart(12.0, False)
    assert often.window.read(12.0).status == rf.Status.WARMING_UP


def test_a_reading_has_a_candidate_where_there_is_a_peak_and_a_heart_rate_where_it_is_ok() -> None:
    times = frames(11.0)
    for reading in read(times, beat(72.0, times), min_confidence=1.0):
        assert reading.heart_rate_bpm is None
        known = reading.status is rf.Status.LOW_SIGNAL
        assert (reading.candidate_bpm is not None) == known
        assert (reading.source == "student") == known
    silent = read(times, np.full(times.size, 30.0))[-1]
    assert silent.status is rf.Status.LOW_SIGNAL
    assert (silent.candidate_bpm, silent.source, silent.confidence) == (None, None, None)


@given(
    steps=st.lists(
        st.floats(1e-3, 0.49) | st.floats(0.51, 1.99) | st.floats(2.1, 5.0), min_size=1, max_size=60
    )
)
def test_missing_samples_are_those_of_long_steps(steps: list[float]) -> None:
    """A cell is missing if and only if the frame that completes it comes after a hole."""
    path = Path()
    time, expected = 0.0, [0]
    path.push(time, 0.0)
    begin, cells = 0.0, 0
    for step in steps:
        time += step
        path.push(time, 0.0)
        if step > 2.0:
            begin, cells, expected = time, 0, [0]
            continue
        done = path.window.total - cells
        cells = path.window.total
        assert abs((time - begin) * RATE - cells) <= 1.0 + 1e-6
        expected += [1 if step > 0.5 else 0] * done
    size = path.window.size
    found = path.window.missing(size)
    assert found.tolist() == [bool(x) for x in expected[1:][-size:]] if size else True
    seen = size - int(found.sum())
    assert path.window.read(time).coverage == pytest.approx(seen / 300)


def test_more_than_the_window_holds_is_refused() -> None:
    path = Path()
    for time in frames(1.0):
        path.push(float(time), 0.0)
    for ask in (path.window.newest, path.window.missing):
        with pytest.raises(ValueError, match="holds 30 samples, fewer than 31"):
            ask(31)


@pytest.mark.parametrize("shape", [(30,), (3, 37), (3, 39), (2, 3, 38)])
def test_samples_of_another_shape_are_named(shape: tuple[int, ...]) -> None:
    window = _core.PulseWindow(rf.PulseSettings().to_native())
    with pytest.raises(ValueError, match=r"samples must have shape \(samples, 38\)"):
        window.push(np.zeros(shape))


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match="'chrom', 'pos', 'fusion' or 'teacher'"):
        rf.PulseSettings().to_native("magic")


SIGN, NONE = 0.5, 0.05


def patience(*said: tuple[float, rf.Status, float], window: float = WINDOW) -> list[float]:
    """Return the times at which the patience is over."""
    native = _core.Patience(window)
    return [t for t, status, sure in said if native.is_over(t, status, sure)]


def test_a_face_that_shows_nothing_for_a_window_has_had_its_turn() -> None:
    low = [(0.1 * k, rf.Status.LOW_SIGNAL, NONE) for k in range(251)]
    assert patience(*low) == pytest.approx([10.0, 20.0], abs=0.11)
    unknown = [(t, status, math.nan) for t, status, _ in low]  # no peak
    assert patience(*unknown) == pytest.approx([10.0, 20.0], abs=0.11)


@pytest.mark.parametrize("status", [rf.Status.LOW_SIGNAL, rf.Status.OK, rf.Status.GAP])
def test_a_sign_of_a_pulse_earns_a_face_another_window(status: rf.Status) -> None:
    said = [(0.1 * k, rf.Status.LOW_SIGNAL, NONE) for k in range(301)]
    said[85] = (8.5, status, SIGN)
    assert patience(*said) == pytest.approx([18.5, 28.5], abs=0.11)


def test_patience_begins_with_a_face() -> None:
    native = _core.Patience(WINDOW)
    low = rf.Status.LOW_SIGNAL
    assert not native.is_over(0.0, low, NONE)
    native.restart()
    assert not native.is_over(9.0, low, NONE)
    assert not native.is_over(18.9, low, NONE)
    assert native.is_over(19.0, low, NONE)
    assert not native.is_over(5.0, low, NONE)  # the clock was set back
    assert native.is_over(15.0, low, NONE)
