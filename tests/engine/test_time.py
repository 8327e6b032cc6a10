"""Errors of a clock lead to a right heart rate or to none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import rppg_fast as rf
from rppg_fast import _core
from tests.support.clips import BOX, SIZE, Frame, frame_times, skin

# Promised accuracy for synthetic pulses with every kind of clock error.
RATE_TOLERANCE_BPM = 1.0
FIRST, NEXT, GAP, HOLE = _core.Step
MAX_GAP = 2.0  # s, the default
LONGEST_STEP = 0.5  # s; samples within a longer step are missing
COVERAGE_TOLERANCE = 0.01  # one frame on each side of a pause, and the cells that end there
# Frames until the first reading after a gap: 5 s, minus one step at 10 fps.
FIRST_READING = 147

Clip = list[tuple[Frame, float]]


@dataclass
class Seen:
    """The readings of a clip by a monitor; None for a refused frame."""

    readings: list[rf.Reading | None]

    @property
    def refused(self) -> int:
        return sum(reading is None for reading in self.readings)

    @property
    def good(self) -> list[rf.Reading]:
        return [reading for reading in self.readings if reading is not None]

    def assert_right(self, bpm: float, ok_at_the_end: bool = True) -> None:
        for reading in self.good:
            if reading.heart_rate_bpm is not None:
                assert reading.heart_rate_bpm == pytest.approx(bpm, abs=RATE_TOLERANCE_BPM)
        if ok_at_the_end:
            assert self.good[-1].status is rf.Status.OK


def watch(monitor: rf.HeartRateMonitor, clip: Iterable[tuple[Frame, float]]) -> Seen:
    readings: list[rf.Reading | None] = []
    for frame, time in clip:
        try:
            readings.append(monitor.push(frame, time))
        except rf.TimeError:
            readings.append(None)
    return Seen(readings)


def stamped(bpm: float, times: list[float], stamps: list[float]) -> Clip:
    """Return frames of given times with other time stamps."""
    return [(frame, stamp) for (frame, _), stamp in zip(skin(times, bpm), stamps)]


@pytest.mark.parametrize(
    ("method", "wrong"),
    [("student", 1e6), ("student", 1e300), ("student", 0.0), ("pos", 1e6)],
)
def test_one_wrong_time_costs_five_seconds_at_most(method: str, wrong: float) -> None:
    times = frame_times(30.0, 23.0)
    stamps = list(times)
    stamps[360] = wrong
    seen = watch(rf.HeartRateMonitor(method=method, box=BOX), stamped(72.0, times, stamps))
    seen.assert_right(72.0)
    assert seen.refused == 1
    if wrong < times[0]:  # a single wrong time: only that frame is lost
        assert {r.status for r in seen.good[150:]} == {rf.Status.OK}
    else:
        first = 360 + FIRST_READING
        assert {r.status for r in seen.good[360:first]} == {rf.Status.GAP}
        assert {r.status for r in seen.good[first + 5 :]} == {rf.Status.OK}


@pytest.mark.parametrize("back", [0.1, 0.6, 3600.0])
def test_a_clock_that_is_set_back_starts_the_window_anew(back: float) -> None:
    times = frame_times(30.0, 23.0)
    stamps = [t if t < 12.0 else t - back for t in times]
    seen = watch(rf.HeartRateMonitor(box=BOX), stamped(90.0, times, stamps))
    seen.assert_right(90.0)
    assert seen.refused == 1
    assert rf.Status.GAP in {r.status for r in seen.good}


def test_frames_that_come_twice_or_out_of_order_are_refused_and_nothing_else_changes() -> None:
    clip = list(skin(frame_times(30.0, 12.0), 72.0))
    messy: Clip = []
    for index, pair in enumerate(clip):
        messy.append(pair)
        if index % 7 == 3:
            messy.append(pair)
        if index % 11 == 5:
            messy.append(clip[index - 3])
        if index % 31 == 30:
            messy.append(clip[index - 29])
    seen = watch(rf.HeartRateMonitor(box=BOX), messy)
    assert seen.good == watch(rf.HeartRateMonitor(box=BOX), clip).good
    assert seen.refused == len(messy) - len(clip)


@pytest.mark.parametrize("rates", [(30.0, 12.0), (10.0, 60.0), (120.0, 10.0)])
def test_a_camera_may_change_its_rate(rates: tuple[float, float]) -> None:
    first = frame_times(rates[0], 11.0)
    second = [first[-1] + t - 1.0 for t in frame_times(rates[1], 12.0)[1:]]
    seen = watch(rf.HeartRateMonitor(box=BOX), skin(first + second, 84.0))
    seen.assert_right(84.0)
    assert rf.Status.GAP not in {r.status for r in seen.good}


@pytest.mark.parametrize("fps", [10.0, 12.5, 50.0, 120.0])
def test_any_camera_from_10_to_120_frames_a_second(fps: float) -> None:
    watch(rf.HeartRateMonitor(box=BOX), skin(frame_times(fps, 11.0), 66.0)).assert_right(66.0)


@pytest.mark.parametrize("pause", [0.45, 0.6, 1.9, 2.1, 1000.0])
def test_a_pause_is_bridged_or_a_gap(pause: float) -> None:
    times = frame_times(30.0, 23.0)
    times = [t if t < 12.0 else t + pause for t in times]
    seen = watch(rf.HeartRateMonitor(box=BOX), skin(times, 72.0))
    seen.assert_right(72.0)
    assert (rf.Status.GAP in {r.status for r in seen.good}) == (pause > MAX_GAP)
    lowest = min(reading.coverage for reading in seen.good[300:])  # the window was full before
    expected = 1.0 if pause <= LONGEST_STEP else 1.0 - pause / 10.0 if pause <= MAX_GAP else 0.0
    assert lowest == pytest.approx(expected, abs=COVERAGE_TOLERANCE)


@pytest.mark.parametrize("seed", range(3))
def test_everything_at_once(seed: int) -> None:
    """Jitter of the time stamps, drops, repetitions, steps back, pauses: a right rate or none."""
    rng = np.random.default_rng(seed)
    times = frame_times(30.0, 40.0, jitter=0.3, seed=seed)
    times = [t for t in times if rng.random() > 0.1 and not 20.0 < t < 20.0 + 0.4 * seed]
    stamps = [t + 0.003 * rng.standard_normal() for t in times]
    for index in rng.integers(300, len(times) // 2, 4):
        stamps[index] = [stamps[index - 1], 0.0, math.nan, stamps[index] - 0.2][index % 4]
    seen = watch(rf.HeartRateMonitor(box=BOX), stamped(100.0, times, stamps))
    seen.assert_right(100.0)


@given(
    st.lists(st.floats() | st.floats(0.0, 3.0), max_size=12),
    st.floats(-1e9, 1e9),
    st.floats(1e-3, 0.4),
)
def test_no_history_makes_a_clock_refuse_a_cameras_second_frame(
    history: list[float], start: float, step: float
) -> None:
    clock = _core.Clock(MAX_GAP)

    def push(time: float) -> _core.Step | None:
        try:
            return clock.push(time)
        except rf.TimeError:
            return None

    for time in history:
        push(time)
    frames = [push(start + k * step) for k in range(4)]
    assert None not in frames[1:]
    assert set(frames[2:]) == {NEXT}


@given(st.lists(st.floats(0.0, 10.0), min_size=1, max_size=40))
def test_a_step_is_next_only_within_a_gap(times: list[float]) -> None:
    clock = _core.Clock(MAX_GAP)
    last = None
    for time in times:
        try:
            step = clock.push(time)
        except rf.TimeError:
            assert last is not None
            assert time <= last
            continue
        if last is None:
            assert step == FIRST
        else:
            within = HOLE if time - last > LONGEST_STEP else NEXT
            assert step == (within if 0 < time - last <= MAX_GAP else GAP)
        last = time


def test_a_slip_and_a_frame_that_comes_twice_do_not_set_the_clock_back() -> None:
    """The second of two late frames does not continue the first if its time is far from it."""
    clock = _core.Clock(MAX_GAP)
    for time in (10.0, 10.1):
        clock.push(time)
    for late in (9.0, 10.1, 8.0, 8.6):
        with pytest.raises(rf.TimeError):
            clock.push(late)
    assert clock.push(10.2) == NEXT
    with pytest.raises(rf.TimeError):
        clock.push(9.0)
    assert clock.push(9.4) == GAP  # the clock was set back


@pytest.mark.parametrize("max_gap", [0.0, -1.0, math.nan, math.inf])
def test_a_clock_needs_a_longest_gap(max_gap: float) -> None:
    with pytest.raises(ValueError, match="longest gap must be positive"):
        _core.Clock(max_gap)


class LateFace:
    """A detector that finds the patch of skin from a given call on."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, frame: Frame) -> list[rf.Face]:
        self.left -= 1
        return [rf.Face(20.0, 20.0, 52.0, 52.0, 0.99)] if self.left < 0 else []


def test_a_search_survives_wrong_times() -> None:
    """A time far ahead, or a clock that is set back, must not end the search."""
    monitor = rf.HeartRateMonitor(detector=LateFace(6))
    times = frame_times(30.0, 15.0)
    stamps = list(times)
    stamps[5], stamps[30] = 1e9, math.nan
    stamps = [s if index < 60 else s - 50.0 for index, s in enumerate(stamps)]
    seen = watch(monitor, stamped(72.0, times, stamps))
    assert seen.refused == 3
    assert seen.good[0].status is rf.Status.NO_FACE
    seen.assert_right(72.0)


@pytest.mark.parametrize("time", [None, "1.0", b"1", [1.0], 1j, 10**400])
@pytest.mark.parametrize("box", [BOX, None])
def test_a_time_that_is_no_number_is_named(time: object, box: tuple[int, ...] | None) -> None:
    monitor = rf.HeartRateMonitor(box=box)
    with pytest.raises(TypeError, match="time must be a number"):
        monitor.push(np.zeros((SIZE, SIZE, 3), np.uint8), time)  # type: ignore[arg-type]


def test_a_recording_goes_on_after_its_clock_was_set_back() -> None:
    times = frame_times(30.0, 26.0)
    stamps = [t if t < 14.0 else t - 13.0 for t in times]
    stamps[0] = math.nan
    found = rf.measure_frames(stamped(72.0, times, stamps), rf.HeartRateMonitor(box=BOX))
    assert found.status is rf.Status.OK
    assert found.heart_rate_bpm == pytest.approx(72.0, abs=RATE_TOLERANCE_BPM)
    assert (found.frames, found.skipped_frames) == (len(times) - 2, 2)
    assert found.duration_s == pytest.approx(26.0, abs=0.2)
    assert found.fps == pytest.approx(30.0, abs=0.01)
    ends = [window.end_s for window in found.windows]
    assert sum(b < a for a, b in zip(ends, ends[1:])) == 1  # windows before and after the change


def test_a_pause_does_not_count_as_time_that_was_seen() -> None:
    times = [t if t < 6.0 else t + 1000.0 for t in frame_times(20.0, 10.0)]
    found = rf.measure_frames(skin(times, 72.0), rf.HeartRateMonitor(box=BOX))
    assert found.duration_s == pytest.approx(9.95, abs=0.01)
    assert found.fps == pytest.approx(20.0, abs=0.01)


def test_the_same_clip_again_and_again_is_fetched_piece_by_piece() -> None:
    clip = list(skin(frame_times(30.0, 3.0), 72.0))
    monitor = rf.HeartRateMonitor(box=BOX)
    sizes = []
    for frame, time in clip * 3:
        try:
            monitor.push(frame, time)
        except rf.TimeError:
            continue
        sizes.append(monitor.fetch_pulse()[0].size)
    assert sum(sizes) == 90 + 2 * 89
