"""Interruptions: lost seconds, hands before the face, people who look away, leave and return."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the people's portrait needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from rppg_fast.face import ASSETS  # noqa: E402
from rppg_fast.measurement import measure_frames  # noqa: E402
from rppg_fast.reference import Reference  # noqa: E402
from tests.support.clips import SKIN, Frame  # noqa: E402
from tests.support.people import Person, filmed, still  # noqa: E402

Clip = Sequence[tuple[Frame, float]]

# For a full window; and for one of 5 s, or one that a hand interrupts.
RATE_TOLERANCE_BPM, SHORT_TOLERANCE_BPM = 2.0, 4.0
# For a recording of 20 s.
MEAN_TOLERANCE_BPM = 1.5
FPS = 30.0


@cache
def demo() -> Clip:
    """Return 20 s of a face with a known heart rate."""
    return list(rf.VideoFile(ASSETS / "demo.mp4"))


@cache
def truth() -> Reference:
    return Reference.read(ASSETS / "demo_truth.txt")


def watch(clip: Iterable[tuple[Frame, float]], monitor: rf.HeartRateMonitor) -> list[rf.Reading]:
    return [monitor.push(frame, time) for frame, time in clip]


def assert_kept_and_right(readings: Sequence[rf.Reading]) -> None:
    """Check that after the first heart rate every frame with a face has a right one."""
    first = next(i for i, r in enumerate(readings) if r.heart_rate_bpm is not None)
    assert readings[first].time_s <= 5.1
    for reading in readings[first:]:
        if reading.status is rf.Status.NO_FACE:
            continue
        assert reading.status is rf.Status.OK, reading
        exact = truth().mean_heart_rate(reading.start_s, reading.end_s)
        full = reading.end_s - reading.start_s > 9.5
        tolerance = RATE_TOLERANCE_BPM if full else SHORT_TOLERANCE_BPM
        assert reading.heart_rate_bpm == pytest.approx(exact, abs=tolerance)


def lost_second(time: float) -> bool:
    return 9.0 < time < 10.0


def every_nine_seconds(time: float) -> bool:
    return time % 9.0 > 8.0


@pytest.mark.parametrize("method", ["student", "fusion", "pos"])
@pytest.mark.parametrize("lost", [lost_second, every_nine_seconds])
def test_seconds_without_frames_cost_no_reading(method: str, lost: Callable[[float], bool]) -> None:
    clip = [(frame, time) for frame, time in demo() if not lost(time)]
    assert_kept_and_right(watch(clip, rf.HeartRateMonitor(method=method)))
    found = measure_frames(clip, rf.HeartRateMonitor(method=method))
    assert found.heart_rate_bpm == pytest.approx(
        truth().mean_heart_rate(0.0, 20.0), abs=MEAN_TOLERANCE_BPM
    )
    assert found.coverage == 1.0
    holes = np.diff(found.times)[np.diff(found.times) > 1.5 / FPS]
    np.testing.assert_allclose(holes, 1.0, atol=3 / FPS)  # missing samples are not counted


@pytest.mark.parametrize("method", ["student", "fusion"])
def test_a_hand_before_the_face_for_a_second_costs_no_reading(method: str) -> None:
    first = rf.HeartRateMonitor()
    first.push(*demo()[0])
    assert first.box is not None
    x0, y0, x1, y1 = first.box
    clip = []
    for frame, time in demo():
        covered = frame.copy()
        if 9.0 <= time < 10.0:
            covered[y0:y1, x0:x1] = SKIN.astype(np.uint8)
        clip.append((covered, time))
    monitor = rf.HeartRateMonitor(method=method)
    readings = watch(clip, monitor)
    assert rf.Status.NO_FACE in {r.status for r in readings}  # shows that the face was missed
    assert monitor.face == 1
    back = next(r for r in readings if r.time_s > 10.5)
    assert back.start_s < 1.0
    for reading in readings:
        assert reading.status is not rf.Status.GAP
        if reading.time_s > 11.0:
            exact = truth().mean_heart_rate(reading.start_s, reading.end_s)
            assert reading.heart_rate_bpm == pytest.approx(exact, abs=SHORT_TOLERANCE_BPM)


def times(seconds: float) -> list[float]:
    return [i / FPS for i in range(round(seconds * FPS))]


def away(begin: float, end: float) -> Callable[[float], tuple[float, float] | None]:
    """Return the path of a person who is absent from ``begin`` to ``end``."""
    return lambda time: None if begin <= time < end else (110.0, 120.0)


def test_a_face_that_is_back_within_two_seconds_has_its_window() -> None:
    monitor = rf.HeartRateMonitor()
    readings = watch(filmed([Person(84.0, away(8.0, 9.6))], times(21)), monitor)
    gone = [r.time_s for r in readings if r.status is rf.Status.NO_FACE]
    assert gone[0] > 8.0
    assert gone[-1] < 10.2
    back = [r for r in readings if r.time_s > gone[-1]]
    assert monitor.face == 1
    assert back[0].start_s == pytest.approx(max(0.0, back[0].end_s - 10.0))  # the window continues
    assert 0.8 < back[0].coverage < 0.97
    assert all(r.status in (rf.Status.OK, rf.Status.LOW_SIGNAL) for r in back)
    rates = [r.heart_rate_bpm for r in back if r.heart_rate_bpm is not None]
    assert all(rate == pytest.approx(84.0, abs=SHORT_TOLERANCE_BPM) for rate in rates)
    assert readings[-1].coverage == pytest.approx(1.0)
    assert readings[-1].candidate_bpm == pytest.approx(84.0, abs=RATE_TOLERANCE_BPM)


def test_each_of_all_faces_has_its_window_back() -> None:
    monitor = rf.FacesMonitor(window=6.0)
    people = [Person(84.0, away(5.5, 7.2)), Person(120.0, still(320.0), 1.15)]
    seen = [(t, monitor.push(f, t)) for f, t in filmed(people, times(14))]
    assert {name for _, one in seen for name in one} == {1, 2}
    gone = [t for t, one in seen if 2 not in one]
    assert 5.5 < gone[0] < 7.2 < gone[-1] + 0.1
    back = next(one[2] for t, one in seen if t > gone[-1])
    assert back.start_s == pytest.approx(back.end_s - 6.0)
    assert 0.7 < back.coverage < 0.95
    assert seen[-1][1][2].candidate_bpm == pytest.approx(84.0, abs=SHORT_TOLERANCE_BPM)
    assert all(one[1].coverage == pytest.approx(1.0) for t, one in seen if t > 6.1)


def test_a_face_that_is_back_later_begins_anew() -> None:
    monitor = rf.HeartRateMonitor(window=6.0)
    readings = watch(filmed([Person(84.0, away(5.5, 8.6))], times(10.5)), monitor)
    gone = [r.time_s for r in readings if r.status is rf.Status.NO_FACE]
    after = [r for r in readings if r.time_s > gone[-1]]
    assert after
    assert all(r.start_s > 8.5 and r.heart_rate_bpm is None for r in after)


def test_somebody_else_does_not_inherit_a_window() -> None:
    monitor = rf.HeartRateMonitor(window=6.0)
    people = [
        Person(84.0, lambda time: (110.0, 120.0) if time < 5.5 else None),
        Person(120.0, lambda time: (330.0, 120.0) if time >= 6.2 else None),
    ]
    readings = watch(filmed(people, times(12.5)), monitor)
    gone = [r.time_s for r in readings if r.status is rf.Status.NO_FACE]
    assert gone
    after = [r for r in readings if r.time_s > gone[-1]]
    assert gone[-1] - 5.5 < 2.0  # soon enough for the window to continue if it were the same face
    assert monitor.face == 2
    assert all(r.start_s > 5.9 for r in after)
    assert all(r.heart_rate_bpm is None for r in after if r.time_s < gone[-1] + 4.8)
    rates = [r.heart_rate_bpm for r in after if r.heart_rate_bpm is not None]
    assert all(rate == pytest.approx(120.0, abs=SHORT_TOLERANCE_BPM) for rate in rates)
    assert after[-1].candidate_bpm == pytest.approx(120.0, abs=SHORT_TOLERANCE_BPM)


def test_a_picture_makes_room_for_a_living_face() -> None:
    """The picture is larger and measured first; after one window without a pulse it is not."""
    people = [Person(0.0, still(110.0), 1.2), Person(84.0, still(330.0))]
    monitor = rf.HeartRateMonitor(window=6.0)
    readings = watch(filmed(people, times(18)), monitor)
    assert monitor.box is not None
    assert monitor.box.x0 > 200
    assert monitor.face == 2
    living = [r for r in readings if r.time_s > 11.5 + 6.0]
    assert all(r.candidate_bpm == pytest.approx(84.0, abs=SHORT_TOLERANCE_BPM) for r in living)
    for reading in readings:
        if reading.heart_rate_bpm is not None:
            assert reading.heart_rate_bpm == pytest.approx(84.0, abs=SHORT_TOLERANCE_BPM)


def test_a_living_face_makes_no_room() -> None:
    people = [Person(84.0, still(110.0), 1.2), Person(0.0, still(330.0))]
    monitor = rf.HeartRateMonitor(window=6.0)
    watch(filmed(people, times(15)), monitor)
    assert monitor.face == 1
    assert monitor.box is not None
    assert monitor.box.x1 < 240


def test_a_picture_alone_keeps_its_window() -> None:
    """Nobody else is there: a search runs, and the measurement continues."""
    monitor = rf.HeartRateMonitor(window=6.0)
    readings = watch(filmed([Person(0.0, still(110.0))], times(14)), monitor)
    assert monitor.face == 1
    assert all(r.status is rf.Status.LOW_SIGNAL for r in readings if r.time_s > 5.0)
    assert readings[-1].coverage == pytest.approx(1.0)
