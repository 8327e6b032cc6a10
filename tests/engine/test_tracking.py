"""Following faces: the decisions, with a detector of known faces; then with MTCNN."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the people's portrait needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from rppg_fast import _core  # noqa: E402
from rppg_fast._core import DEAD_ZONE, LOOK_INTERVAL  # noqa: E402
from rppg_fast.measurement import measure_frames  # noqa: E402
from rppg_fast.monitor import METHODS, PAPER_BOX_SCALE  # noqa: E402
from rppg_fast.tracking import FaceTracker  # noqa: E402
from tests.support.clips import SKIN, Frame, frame_times, skin, write_video  # noqa: E402
from tests.support.people import Person, filmed, still  # noqa: E402
from tests.support.signal_reference import zero_phase  # noqa: E402

ALL_METHODS = list(METHODS)

# For a clean pulse with a constant rate, in a moving face, over 5 or 10 s.
RATE_TOLERANCE_BPM = 2.0
# SciPy also filters in float64.
FILTER_TOLERANCE = 1e-9
# Time from the last frame with a face to the first reading without one, s.
MISSED_WITHIN = 1.0

SIDE = 40.0


def face_at(x: float, y: float = 50.0, side: float = SIDE) -> rf.Face:
    return rf.Face(x - side / 2, y - side / 2, x + side / 2, y + side / 2, 0.99)


class Told:
    """A detector that finds the faces in its list."""

    def __init__(self, *faces: rf.Face) -> None:
        self.faces = list(faces)
        self.calls = 0

    def __call__(self, frame: Frame) -> list[rf.Face]:
        self.calls += 1
        return self.faces


FRAME = np.zeros((100, 400, 3), np.uint8)


def steps(seconds: float, fps: float = 30.0, start: float = 0.0) -> Iterator[float]:
    return (start + i / fps for i in range(round(seconds * fps)))


# --- the tracker alone ---


def test_the_box_stays_to_the_bit_while_the_face_hardly_moves() -> None:
    detector = Told(face_at(100))
    tracker = FaceTracker(detector, 1.6)
    rng = np.random.default_rng(0)
    boxes = set()
    for time in steps(20):
        across, down = rng.uniform(-0.9, 0.9, 2) * DEAD_ZONE * SIDE
        detector.faces = [face_at(100 + across, 50 + down)]
        tracker.update(FRAME, time)
        if time < 0.01:
            detector.faces = [face_at(100)]
            tracker.reset()
            tracker.update(FRAME, time)
        boxes.add(tracker.tracks[0].box)
    assert boxes == {rf.Box(68, 18, 132, 82)}


@pytest.mark.parametrize("fps", [10.0, 30.0, 120.0])
def test_the_box_glides_after_a_face_that_moved_and_stops_on_it(fps: float) -> None:
    detector = Told(face_at(100))
    tracker = FaceTracker(detector, 1.6)
    tracker.update(FRAME, 0.0)
    detector.faces = [face_at(100 + 0.6 * SIDE, side=1.2 * SIDE)]
    lefts = []
    for time in steps(2, fps, 1 / fps):
        tracker.update(FRAME, time)
        lefts.append(tracker.tracks[0].box.x0)
    assert lefts == sorted(lefts)
    assert np.diff(lefts).max() <= np.ceil(0.6 * SIDE / LOOK_INTERVAL / fps) + 1
    assert tracker.tracks[0].box == rf.face_box(detector.faces[0], 400, 100)
    assert not tracker.tracks[0].moves


@pytest.mark.parametrize("speed", [0.2, 1.0, 2.0])  # faces per second
def test_the_box_goes_on_at_an_even_pace_with_a_face_that_does(speed: float) -> None:
    """Jumps of the box, even if they are rare, would have a rhythm."""
    detector = Told()
    tracker = FaceTracker(detector, 1.6)
    apart = []
    for time in steps(6):
        x = 60 + speed * SIDE * min(time, 3.5)
        detector.faces = [face_at(x)]
        tracker.update(FRAME, time)
        if 2.0 < time < 3.5:
            apart.append(x - tracker.tracks[0].anchor.centre[0])
    assert np.ptp(apart) < 0.02 * SIDE
    assert max(apart) < 0.55 * speed * SIDE
    assert not tracker.tracks[0].moves


@pytest.mark.parametrize("fps", [8.0, 30.0, 120.0])
def test_a_face_that_left_is_lost_within_a_second_and_found_again(fps: float) -> None:
    for left in np.arange(2.0, 2.5, 0.05):
        detector = Told(face_at(100))
        tracker = FaceTracker(detector, 1.6)
        missed = None
        for time in steps(4, fps):
            detector.faces = [face_at(100)] if time <= left else []
            tracker.update(FRAME, time)
            if not tracker.tracks and missed is None:
                missed = time
        assert missed is not None
        assert 0.3 < missed - left < MISSED_WITHIN
        detector.faces = [face_at(300)]
        found = [time for time in steps(1, fps, 4.0) if update(tracker, time)]
        assert found[0] <= 4.0 + 0.5 + 1 / fps


def update(tracker: FaceTracker, time: float, frame: Frame = FRAME) -> list[int]:
    tracker.update(frame, time)
    return [track.id for track in tracker.tracks]


def test_a_blink_of_the_detector_loses_nobody() -> None:
    detector = Told(face_at(100))
    tracker = FaceTracker(detector, 1.6)
    for time in steps(10):
        detector.faces = [] if time % 2.0 < 0.4 else [face_at(100)]
        if time == 0:
            detector.faces = [face_at(100)]
        assert update(tracker, time) == [1]


def test_nobody_takes_the_place_of_a_face_that_is_there() -> None:
    detector = Told(face_at(100))
    tracker = FaceTracker(detector, 1.6)
    update(tracker, 0.0)
    box = tracker.tracks[0].box
    detector.faces = [face_at(220, side=90), face_at(100), face_at(60, 70, 20)]
    for time in steps(5, start=0.1):
        assert update(tracker, time) == [1]
        assert tracker.tracks[0].box == box
    detector.faces = [face_at(220, side=90)]
    names = [update(tracker, time) for time in steps(2, start=5.1)]
    assert names[15] == [1]  # after half a second, the face may only be turned away
    assert names[-1] == [2]
    assert tracker.tracks[0].box == rf.face_box(face_at(220, side=90), 400, 100)


def test_faces_keep_their_numbers_and_new_ones_get_new_numbers() -> None:
    detector = Told(face_at(60), face_at(300, side=50))
    tracker = FaceTracker(detector, 1.6, most=3)
    assert update(tracker, 0.0) == [1, 2]  # the larger face is first
    assert tracker.tracks[0].face.side == 50
    for time in steps(4, start=0.1):  # the faces exchange their places
        detector.faces = [face_at(60 + 20 * time), face_at(300 + 10 * time, side=50)]
        assert update(tracker, time) == [1, 2]
    detector.faces.append(face_at(210, side=30))
    seen = [update(tracker, time) for time in steps(1, start=4.1)]
    assert seen[-1] == [1, 2, 3]
    detector.faces.append(face_at(20, side=30))
    assert [update(tracker, time) for time in steps(2, start=5.1)][-1] == [1, 2, 3]  # at most three


def test_a_face_that_comes_back_soon_and_near_is_the_same() -> None:
    detector = Told(face_at(100))
    tracker = FaceTracker(detector, 1.6)
    update(tracker, 0.0)
    for gone, place, expected in ((2.0, 110, 1), (2.0, 250, 2), (8.0, 250, 3)):
        start = tracker.tracks[0].seen
        detector.faces = []
        assert [update(tracker, time) for time in steps(gone, start=start + 0.01)][-1] == []
        detector.faces = [face_at(place)]
        names = [update(tracker, time) for time in steps(1, start=start + gone + 0.02)]
        assert names[-1] == [expected]


# --- results of looks and searches, given one by one ---

Task = _core.FaceTracker.Task
LOOK, CHECK, SEARCH = Task.REDETECT, Task.CHECK, Task.SEARCH


class Tasks:
    """A tracker of frames of 400x100 pixels, which gets prepared results of looks and searches."""

    def __init__(self, most: int = 1, follow: bool = True) -> None:
        self.tracker = _core.FaceTracker(1.6, most, follow, False)
        self.log: list[tuple[Task, float]] = []
        self.seen: rf.Face | None = None  # by O-Net
        self.checked: rf.Face | None = None  # by the cascade near the face
        self.found: list[rf.Face] = []  # by the cascade in the whole frame

    def run(self, seconds: float, start: float, fps: float = 30.0) -> list[list[int]]:
        """Push frames; return the numbers of the faces after each frame."""
        names = []
        for time in steps(seconds, fps, start):
            task = self.tracker.next_task(400, 100, time)
            self.log += [(task, time)] if task is not Task.NONE else []
            if task == CHECK and self.checked:
                self.tracker.update_target((self.checked.edges, 0.99, 0), True)
            elif task in (LOOK, CHECK):
                self.tracker.update_target((self.seen.edges, 0.99, 0) if self.seen else None, False)
            elif task == SEARCH:
                self.tracker.update_detections(
                    [(face.edges, face.probability, 0) for face in self.found]
                )
            names.append([track[0] for track in self.tracker.tracks])
        return names

    def times(self, task: Task) -> NDArray[np.float64]:
        return np.array([time for each, time in self.log if each == task])


@pytest.mark.parametrize("fps", [8.0, 30.0, 120.0])
def test_a_face_that_only_a_search_finds_is_kept(fps: float) -> None:
    tasks = Tasks()
    tasks.found = [face_at(100)]
    names = tasks.run(20, 0.0, fps)
    assert {tuple(each) for each in names} == {(1,)}
    # a search after each failed look, and at least half a second between searches
    assert np.diff(tasks.times(SEARCH)).min() > 0.49
    assert tasks.times(SEARCH).size > 20


@pytest.mark.parametrize("fps", [8.0, 30.0, 120.0])
@pytest.mark.parametrize("found", [[], [face_at(250)]])
def test_no_face_is_lost_before_a_search_nor_later_than_a_second(
    fps: float, found: list[rf.Face]
) -> None:
    for left in np.arange(1.0, 1.5, 0.05):
        tasks = Tasks()
        tasks.seen, tasks.found = face_at(100), [face_at(100)]
        tasks.run(left, 0.0, fps)
        tasks.seen, tasks.found = None, found
        names = tasks.run(1.5, left, fps)
        gone = left + next(i for i, each in enumerate(names) if each != [1]) / fps
        asked = np.concatenate([tasks.times(LOOK), tasks.times(CHECK), tasks.times(SEARCH)])
        assert gone - asked[asked < left].max() > 0.55
        assert gone - left < MISSED_WITHIN
        assert np.any((tasks.times(SEARCH) > left - 1e-9) & (tasks.times(SEARCH) < gone + 1e-9))
        assert names[-1] == [2] * len(found)


def test_a_face_that_jumped_is_found_by_the_search_in_the_next_frame() -> None:
    tasks = Tasks()
    tasks.seen = face_at(100)
    tasks.found = [face_at(100)]
    tasks.run(1.0, 0.0)
    tasks.seen, tasks.found = None, [face_at(100 + 0.9 * SIDE)]
    tasks.run(0.4, 1.0)
    look = min(time for time in tasks.times(LOOK) if time >= 1.0)
    assert any(time == pytest.approx(look + 1 / 30) for time in tasks.times(SEARCH))
    assert tasks.tracker.tracks[0][0] == 1
    assert tasks.tracker.tracks[0][3][0] == pytest.approx(tasks.found[0].x0)


def test_a_box_never_grows_without_the_cascade() -> None:
    """At every look, O-Net says that the face is a tenth larger than before."""
    tasks = Tasks()
    tasks.found = [face_at(200)]
    tasks.run(0.1, 0.0)
    for growth in (1.1, 1 / 1.1):
        sides = []
        for time in steps(30, 4.0, 1.0):
            tasks.seen = face_at(200, side=growth * face_side(tasks))
            tasks.run(0.25, time)
            sides.append(face_side(tasks))
        assert max(sides) <= 1.25 * SIDE + 1e-9
        assert min(sides) >= SIDE / 1.25 - 1e-9
        tasks.tracker.reset()
        tasks.run(0.1, 40.0)
    assert tasks.times(CHECK).size > 10


def face_side(tasks: Tasks) -> float:
    x0, y0, x1, y1 = tasks.tracker.tracks[0][3][:4]
    return max(x1 - x0, y1 - y0)


def test_a_box_grows_with_a_face_that_the_cascade_sees_grow() -> None:
    tasks = Tasks()
    tasks.found = [face_at(200)]
    for time in steps(8, 30.0):
        tasks.seen = tasks.checked = face_at(200, side=SIDE * (1 + 0.2 * time))
        tasks.run(1 / 30, time)
    assert face_side(tasks) == pytest.approx(2.6 * SIDE, rel=0.05)


def test_the_cascade_checks_every_two_seconds() -> None:
    tasks = Tasks()
    tasks.seen = tasks.checked = face_at(100)
    tasks.found = [face_at(100)]
    tasks.run(20, 0.0)
    assert np.diff(tasks.times(CHECK)).max() < 2.0 + LOOK_INTERVAL + 0.1
    assert 8 <= tasks.times(CHECK).size <= 10
    assert tasks.times(SEARCH).size == 1


def test_a_face_that_only_o_net_sees_is_kept_until_a_sure_one_is_elsewhere() -> None:
    tasks = Tasks()
    tasks.seen = face_at(100)
    tasks.found = [face_at(100)]
    tasks.run(1.0, 0.0)
    tasks.found = []
    assert tasks.run(20, 1.0)[-1] == [1]
    tasks.found = [face_at(300)]
    assert tasks.run(3, 21.0)[-1] == [2]


# --- faces take turns ---


def test_a_face_passed_over_stays_where_no_other_is() -> None:
    tasks = Tasks()
    tasks.seen = tasks.checked = face_at(100)
    tasks.found = [face_at(104)]
    tasks.run(3.0, 0.0)
    before = tasks.tracker.tracks
    searches = tasks.times(SEARCH).size
    tasks.tracker.pass_over(1)
    assert tasks.tracker.due < 3.1
    assert tasks.run(0.1, 3.0)[-1] == [1]
    assert tasks.tracker.tracks == before
    assert tasks.times(SEARCH).size == searches + 1
    tasks.run(10, 3.1)  # no further search
    assert tasks.times(SEARCH).size == searches + 1
    for time in steps(2, start=13.1):  # regardless of the number of calls
        tasks.tracker.pass_over(1)
        tasks.run(1 / 30, time)
    assert tasks.times(SEARCH).size <= searches + 1 + 5
    tasks.tracker.pass_over(7)  # there is no such number
    tasks.run(2, 16.0)
    assert tasks.times(SEARCH).size <= searches + 1 + 5


@pytest.mark.parametrize("follow", [True, False])
def test_somebody_who_sits_down_gets_the_pictures_place(follow: bool) -> None:
    picture, person = face_at(100, side=60), face_at(300)
    tracker = FaceTracker(detector := Told(picture), 1.6, follow=follow)
    update(tracker, 0.0)
    tracker.pass_over(1)
    assert {tuple(update(tracker, time)) for time in steps(10, start=0.1)} == {(1,)}
    detector.faces = [picture, person]
    assert {tuple(update(tracker, time)) for time in steps(10, start=10.1)} == {(1,)}
    tracker.pass_over(1)
    assert [update(tracker, time) for time in steps(0.1, start=20.1)][-1] == [2]
    assert tracker.tracks[0].box == rf.face_box(person, 400, 100)
    detector.faces = [picture]  # the person leaves; the picture is measured again
    if follow:
        assert [update(tracker, time) for time in steps(2, start=20.2)][-1] == [1]


def test_faces_take_turns_the_one_passed_over_longest_ago_first() -> None:
    tracker = FaceTracker(detector := Told(), 1.6)
    places = [60, 180, 300]
    detector.faces = [face_at(x, side=side) for x, side in zip(places, (50, 45, 40))]
    seen, time = [], -1 / 30
    for _ in range(9):
        for now in steps(10, start=time + 1 / 30):
            update(tracker, now)
        time = now
        seen.append(round(tracker.tracks[0].face.centre[0]))
        tracker.pass_over(tracker.tracks[0].id)
    assert seen == places * 3
    # A new face is first; the face that was passed over last keeps its place.
    detector.faces.append(face_at(370, side=25))
    for later in steps(1, start=time + 1 / 30):
        update(tracker, later)
    assert round(tracker.tracks[0].face.centre[0]) == 370


def test_a_face_that_gave_its_place_keeps_its_number_for_a_while() -> None:
    tracker = FaceTracker(detector := Told(face_at(100), face_at(300, side=30)), 1.6)
    assert update(tracker, 0.0) == [1]
    for name, expected in ((1, 2), (2, 1), (1, 2)):
        start = tracker.tracks[0].seen + 1.0
        tracker.pass_over(name)
        assert [update(tracker, time) for time in steps(1, start=start)][-1] == [expected]
    assert detector.calls


def test_where_there_is_room_nobody_has_to_go() -> None:
    tracker = FaceTracker(detector := Told(face_at(60)), 1.6, most=2)
    update(tracker, 0.0)
    detector.faces = [face_at(60), face_at(180, side=30)]
    tracker.pass_over(1)
    assert [update(tracker, time) for time in steps(1, start=0.1)][-1] == [1, 2]
    detector.faces.append(face_at(300, side=30))
    tracker.pass_over(1)
    assert [update(tracker, time) for time in steps(1, start=1.1)][-1] == [3, 2]


def test_a_detector_is_asked_a_few_times_a_second_and_once_a_frame() -> None:
    detector = Told(face_at(60), face_at(160), face_at(300))
    tracker = FaceTracker(detector, 1.6, most=4)
    before = 0
    for time in steps(10):
        tracker.update(FRAME, time)
        assert detector.calls - before <= 1
        before = detector.calls
    assert detector.calls <= 10 * (3 / LOOK_INTERVAL + 2) + 1
    lone = Told(face_at(60))
    paper = FaceTracker(lone, 1.6, follow=False)
    for time in steps(10):
        paper.update(FRAME, time)
    assert lone.calls == 1


def test_a_face_outside_the_frame_or_without_a_size_is_not_there() -> None:
    detector = Told(face_at(-30), face_at(430), face_at(100, side=0))
    tracker = FaceTracker(detector, 1.6)
    assert update(tracker, 0.0) == []


def test_in_a_frame_of_another_size_all_faces_are_new() -> None:
    detector = Told(face_at(100))
    tracker = FaceTracker(detector, 1.6)
    assert update(tracker, 0.0) == [1]
    assert update(tracker, 0.03, np.zeros((80, 300, 3), np.uint8)) == [2]


# --- a box that moves, and the pulse in it ---


@pytest.mark.parametrize("method", ALL_METHODS)
def test_a_box_that_moves_in_a_still_scene_makes_no_pulse(method: str) -> None:
    """Exactly zero: there is no noise, and the picture does not change."""
    rows, columns = np.mgrid[0:100, 0:400]
    picture = (SKIN * (0.6 + 0.3 * np.sin(0.07 * columns + 0.05 * rows))[..., None]).astype(
        np.uint8
    )
    detector = Told()
    monitor = rf.HeartRateMonitor(method=method, detector=detector)
    boxes = set()
    for time in steps(12):
        # back and forth by a full face, 60 times per minute
        detector.faces = [face_at(150 + SIDE * (time % 1.0 < 0.5))]
        reading = monitor.push(picture, time)
        boxes.add(reading.status)
        assert reading.heart_rate_bpm is None
    assert monitor.pulse[1].size == 300
    np.testing.assert_allclose(monitor.pulse[1], 0.0, atol=1e-6)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_a_pulse_goes_on_through_a_box_that_moves(method: str) -> None:
    detector = Told()
    monitor = rf.HeartRateMonitor(method=method, detector=detector)
    boxes = set()
    for frame, time in skin(frame_times(30.0, 11.0), 84.0):
        detector.faces = [face_at(30 + 12 * (time % 2.0 < 1.0), 36, side=26)]
        reading = monitor.push(frame, time)
        boxes.add(monitor.box)
    assert len(boxes) > 4
    assert reading.heart_rate_bpm == pytest.approx(84.0, abs=RATE_TOLERANCE_BPM)


@pytest.mark.parametrize("method", ["student", "pos"])
def test_reboxing_sums_the_change_in_the_old_box_and_goes_on_from_the_new(method: str) -> None:
    """One half of the frame has a pulse, the other has none: the change belongs to the box with
    which the frame was pushed."""
    clip = list(skin(frame_times(30.0, 10.5), 84.0))
    moved, fixed = (rf.HeartRateMonitor(method=method, box=(0, 0, 36, 72)) for _ in range(2))
    for index, (frame, time) in enumerate(clip):
        double = np.concatenate([frame, np.full_like(frame, 90)], axis=1)
        reading, expected = moved.push(double, time), fixed.push(double, time)
        moved.rebox(double, rf.Box(100, 0, 136, 72))  # where nothing changes, and back
        moved.rebox(double, rf.Box(0, 0, 36, 72))
        assert reading == expected, index
    assert reading.heart_rate_bpm is not None


def test_a_box_outside_the_frame_is_refused_and_changes_nothing() -> None:
    frame = np.full((72, 72, 3), 90, np.uint8)
    for method in ("student", "pos"):
        monitor = rf.HeartRateMonitor(method=method, box=(0, 0, 36, 72))
        monitor.push(frame, 0.0)
        with pytest.raises(ValueError, match="leaves the frame"):
            monitor.rebox(frame, rf.Box(40, 0, 90, 72))
        assert monitor.box == rf.Box(0, 0, 36, 72)
        monitor.push(frame, 0.1)


# --- people, found by MTCNN ---


def walk(time: float) -> tuple[float, float]:
    return 85 + 25 * time, 120.0


@pytest.mark.parametrize("method", ["student", "pos"])
def test_somebody_who_moves_keeps_the_heart_rate_that_a_fixed_box_loses(method: str) -> None:
    follow = rf.HeartRateMonitor(method=method)
    paper = rf.HeartRateMonitor(method=method, tracking="paper")
    for frame, time in filmed([Person(84.0, walk)], list(steps(10.5))):
        found, lost = follow.push(frame, time), paper.push(frame, time)
    assert found.heart_rate_bpm == pytest.approx(84.0, abs=RATE_TOLERANCE_BPM)
    assert lost.heart_rate_bpm is None


def carried(time: float) -> tuple[float, float]:
    """Back and forth at 26 pixels per second."""
    x = 26 * time % 440
    return 110 + (x if x < 220 else 440 - x), 120.0


def test_a_photograph_that_is_carried_about_has_no_pulse() -> None:
    """At this speed, a box that jumps after the face gave 47 to 57 bpm, the rate of its jumps."""
    monitors = [rf.HeartRateMonitor(method=method) for method in ("student", "pos")]
    for frame, time in filmed([Person(0.0, carried)], list(steps(13))):
        for monitor in monitors:
            assert monitor.push(frame, time).status is not rf.Status.OK


@pytest.mark.parametrize("method", ["student", "pos"])
def test_somebody_who_sits_still_reads_as_with_the_papers_box_to_the_bit(method: str) -> None:
    people = [Person(72.0, lambda time: (220 + 3 * np.sin(time), 120 + 2 * np.cos(0.7 * time)))]
    follow = rf.HeartRateMonitor(method=method, window=4.0, box_scale=PAPER_BOX_SCALE)
    paper = rf.HeartRateMonitor(method=method, window=4.0, tracking="paper")
    for frame, time in filmed(people, list(steps(5))):
        assert follow.push(frame, time) == paper.push(frame, time)
        assert follow.box == paper.box


def leaves(time: float) -> tuple[float, float] | None:
    """Present for 10 s, absent for 2 s, then at another place."""
    return (110.0, 120.0) if time < 10 else None if time < 12 else (320.0, 120.0)


@pytest.mark.parametrize("covered", [False, True])
def test_somebody_who_leaves_is_missed_and_read_again_after_coming_back(covered: bool) -> None:
    monitor = rf.HeartRateMonitor()
    readings = []
    for frame, time in filmed([Person(84.0, leaves)], list(steps(22.5))):
        black = covered and leaves(time) is None
        readings.append(monitor.push(np.zeros_like(frame) if black else frame, time))
    ok = [r.time_s for r in readings if r.status is rf.Status.OK]
    away = [r.time_s for r in readings if r.status is rf.Status.NO_FACE]
    assert ok[0] < 10
    assert 10 < away[0] < 10 + MISSED_WITHIN
    assert 12 - 0.04 < away[-1] < 12 + MISSED_WITHIN
    assert not [time for time in ok if away[0] < time < away[-1] + 4.8]
    assert readings[-1].heart_rate_bpm == pytest.approx(84.0, abs=2 * RATE_TOLERANCE_BPM)
    assert readings[-1].start_s > away[-1]
    assert monitor.box is not None
    assert monitor.box.x0 > 220


def test_a_recording_is_the_same_stream_also_when_somebody_moves_and_leaves(
    tmp_path: Path,
) -> None:
    def place(time: float) -> tuple[float, float] | None:
        return None if 3.6 < time < 5 else (110 + 30 * time, 120.0)

    path = write_video(tmp_path / "walk.avi", filmed([Person(84.0, place)], list(steps(6))), 30.0)
    whole = rf.measure(path, window=3.0)
    bgr, rgb = rf.HeartRateMonitor(window=3.0), rf.HeartRateMonitor(window=3.0, color="rgb")
    readings, pieces, boxes = [], [], set()
    for frame, time in rf.VideoFile(path):
        readings.append(bgr.push(frame, time))
        pieces.append(bgr.fetch_unfiltered())
        boxes.add(bgr.box)
        assert rgb.push(frame[..., ::-1], time) == readings[-1]
        assert rgb.box == bgr.box
    assert len(boxes) > 5
    assert rf.Status.NO_FACE in {reading.status for reading in readings}
    assert whole.windows
    assert set(whole.windows) <= set(readings)
    times, values, missing = map(np.concatenate, zip(*pieces))
    times, values = times[~missing], values[~missing]
    np.testing.assert_array_equal(whole.times, times)
    ends = np.flatnonzero(np.diff(times) > 1.5 / 30) + 1
    assert len(ends) == 1
    stretches = [zero_phase(part, 0.7, 4.0, 30.0, 1) for part in np.split(values, ends)]
    np.testing.assert_allclose(
        whole.pulse, np.concatenate(stretches), atol=FILTER_TOLERANCE * np.abs(values).max()
    )
    assert np.all(np.diff(whole.times) > 0)
    assert whole.box == bgr.box


def test_another_person_does_not_take_over() -> None:
    def enters(time: float) -> tuple[float, float] | None:
        return None if time < 1 else (max(320.0, 420 - 40 * time), 130.0)

    monitor = rf.HeartRateMonitor()
    people = [Person(84.0, still(90.0)), Person(120.0, enters, 1.2)]
    for frame, time in filmed(people, list(steps(11))):
        reading = monitor.push(frame, time)
        assert monitor.box is not None
        assert monitor.box.x0 < 90 < monitor.box.x1
    assert reading.heart_rate_bpm == pytest.approx(84.0, abs=RATE_TOLERANCE_BPM)


def test_two_people_have_two_heart_rates() -> None:
    people = [
        Person(84.0, lambda time: (90 + 3 * time, 120.0)),
        Person(120.0, lambda time: (325 - 5 * np.sin(time), 120.0), 1.15),
    ]
    # The skin of a photograph pulses more evenly than a living one, which lowers the confidence.
    monitor = rf.FacesMonitor(min_confidence=0.5)
    clip = list(filmed(people, list(steps(11))))
    readings = [monitor.push(frame, time) for frame, time in clip]
    assert {tuple(one) for one in readings} == {(1, 2)}
    assert readings[-1][1].heart_rate_bpm == pytest.approx(120.0, abs=RATE_TOLERANCE_BPM)
    assert readings[-1][2].heart_rate_bpm == pytest.approx(84.0, abs=RATE_TOLERANCE_BPM)
    first, second = measure_frames(clip, rf.FacesMonitor(min_confidence=0.5))
    assert (first.face, second.face) == (1, 2)
    assert set(first.windows) <= {one[1] for one in readings}
    assert second.heart_rate_bpm == pytest.approx(84.0, abs=RATE_TOLERANCE_BPM)
    assert first.to_dict()["face"] == 1


def test_one_of_two_who_leaves_is_missed_and_the_other_read_on() -> None:
    def goes(time: float) -> tuple[float, float] | None:
        return (325.0, 120.0) if time < 3 else None

    monitor = rf.FacesMonitor()
    people = [Person(84.0, still(100.0), 1.1), Person(120.0, goes)]
    readings = {t: monitor.push(f, t) for f, t in filmed(people, list(steps(11)))}
    assert all(1 in one for one in readings.values())
    assert max(time for time, one in readings.items() if 2 in one) < 3 + MISSED_WITHIN
    assert list(monitor.monitors) == [1]
    assert readings[max(readings)][1].heart_rate_bpm == pytest.approx(
        84.0, abs=2 * RATE_TOLERANCE_BPM
    )


# --- errors ---


def test_a_frame_of_another_size_is_searched_anew_or_refused() -> None:
    wide, small = np.zeros((100, 400, 3), np.uint8), np.zeros((80, 300, 3), np.uint8)

    def makers() -> Iterator[Callable[[], rf.HeartRateMonitor]]:
        yield lambda: rf.HeartRateMonitor(detector=Told(face_at(100)), tracking="paper")
        yield lambda: rf.HeartRateMonitor(box=(0, 0, 50, 50))

    for make in makers():
        monitor = make()
        monitor.push(wide, 0.0)
        with pytest.raises(ValueError, match=r"shape \(80, 300\), those before had \(100, 400\)"):
            monitor.push(small, 0.1)
        assert monitor.push(wide, 0.1).status is rf.Status.WARMING_UP
        monitor.reset()
        monitor.push(small, 0.0)
    follow = rf.HeartRateMonitor(detector=Told(face_at(100)))
    follow.push(wide, 0.0)
    with pytest.raises(ValueError, match="later than"):
        follow.push(small, 0.0)
    reading = follow.push(small, 0.1)
    assert (reading.status, reading.start_s) == (rf.Status.WARMING_UP, 0.1)
    everybody = rf.FacesMonitor(detector=Told(face_at(100)))
    assert list(everybody.push(wide, 0.0)) == [1]
    assert list(everybody.push(small, 0.1)) == [2]


def test_time_never_goes_back_not_even_while_nobody_is_there() -> None:
    detector = Told(face_at(100))
    monitor = rf.HeartRateMonitor(detector=detector)
    monitor.push(FRAME, 0.0)
    detector.faces = []
    assert [monitor.push(FRAME, time) for time in steps(2, start=0.1)][-1].status == "no_face"
    for push in (monitor.push, rf.FacesMonitor(detector=detector).push):
        with pytest.raises(ValueError, match="finite"):
            push(FRAME, float("nan"))
    with pytest.raises(ValueError, match="later than"):
        monitor.push(FRAME, 1.0)


def test_bad_options_are_named() -> None:
    with pytest.raises(ValueError, match="tracking must be 'follow' or 'paper', got 'kalman'"):
        rf.HeartRateMonitor(tracking="kalman")
    with pytest.raises(ValueError, match="most must be at least 1, got 0"):
        rf.FacesMonitor(most=0)
    with pytest.raises(ValueError, match="box is for one face"):
        rf.FacesMonitor(box=(0, 0, 5, 5))  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="tracking is for one face"):
        rf.FacesMonitor(tracking="paper")  # type: ignore[call-arg]
    with pytest.raises(ValueError, match="method must be"):
        rf.FacesMonitor(method="magic")
    with pytest.raises(ValueError, match="faces must be 'one' or 'all', got 'two'"):
        rf.measure("nothing.mp4", faces="two")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="frame must be uint8"):
        rf.FacesMonitor().push(np.zeros((20, 20, 3), np.float32), 0.0)
