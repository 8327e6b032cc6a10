"""Turned faces: a camera on its side, upside down, or turned during the recording."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the people's portrait needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from rppg_fast import _core  # noqa: E402
from rppg_fast.face import ASSETS  # noqa: E402
from rppg_fast.measurement import measure_frames  # noqa: E402
from rppg_fast.monitor import METHODS  # noqa: E402
from rppg_fast.reference import Reference  # noqa: E402
from rppg_fast.tracking import FaceTracker  # noqa: E402
from tests.support.clips import SKIN, Frame  # noqa: E402
from tests.support.people import Person, filmed, still  # noqa: E402
from tests.support.turning import Edges, lying, lying_edges  # noqa: E402

Clip = Sequence[tuple[Frame, float]]

FPS = 30.0
TURNS = [90, 180, 270]
# Searches for turned faces begin a quarter of a second after one for upright faces, and try the
# three other directions, one every half second.
FOUND_WITHIN = 0.25 + 2 * 0.5 + 1 / FPS
# A face that turns is compared at the next look, or it is lost within 0.9 s and then searched for.
FOUND_AGAIN_WITHIN = 0.9 + FOUND_WITHIN
# Relative to a face's side. The pixels of a look are the same; they are mapped there and back in
# float64, and O-Net uses float32.
SAME_PLACE = 1e-3
# Two searches with different sizes of the pyramid place a face differently by some pixels, so box
# and noise differ. A window of 5 s resolves 12 bpm; this is an eighth of that.
SAME_RATE_BPM = 1.5
# For a full window, against the truth (tests/package/test_interrupted.py).
RATE_TOLERANCE_BPM = 2.0
# A real face; its authors report 50 to 60 bpm.
REAL_FACE, REAL_RATES = "evm_face.mp4", (49.0, 61.0)
# Clips of people of the split's part "dev", with much and with little space around the face.
REAL_CLIPS = ["face05.mp4", "face11.mp4", "face27.mp4", "face34.mp4"]
# Clips without a face; in some of them, an upright face is detected by mistake.
NOBODY = ["none02.mp4", "none05.mp4", "none06.mp4", "none08.mp4", "none09.mp4", "none10.gif"]


@cache
def demo() -> Clip:
    """Return 20 s of a face with a known heart rate."""
    return list(rf.VideoFile(ASSETS / "demo.mp4"))


def truth(reading: rf.Reading) -> float:
    return Reference.read(ASSETS / "demo_truth.txt").mean_heart_rate(reading.start_s, reading.end_s)


def times(seconds: float) -> list[float]:
    return [i / FPS for i in range(round(seconds * FPS))]


# --- the detector ---


@pytest.mark.parametrize("turned", TURNS)
def test_a_face_that_lies_is_seen_where_and_as_surely_as_the_upright_one(turned: int) -> None:
    detector, frame = rf.MTCNN(), demo()[0][0]
    height, width = frame.shape[:2]
    (face,) = detector.locate(frame)
    nearby = face.scaled(1.0, 0.2 * face.side, -0.1 * face.side)
    for upright in (face, nearby):
        before = rf.Face(*lying_edges(upright.edges, turned, width, height), 1.0, (), turned)
        for check in (False, True):
            expected = detector.sight(frame, upright, check)
            found = detector.sight(lying(frame, turned), before, check)
            assert expected is not None
            assert found is not None
            assert found[1] == expected[1]
            assert found[0].turned == turned
            assert found[0].probability == pytest.approx(expected[0].probability, abs=1e-5)
            np.testing.assert_allclose(
                found[0].edges,
                lying_edges(expected[0].edges, turned, width, height),
                atol=SAME_PLACE * face.side,
            )
            points = [(*point, *point) for point in expected[0].landmarks]
            np.testing.assert_allclose(
                found[0].landmarks,
                [lying_edges(point, turned, width, height)[::3] for point in points],
                atol=2 * SAME_PLACE * face.side,
            )
    (found_anew,) = detector.locate(lying(frame, turned), turned=turned)
    assert found_anew.turned == turned
    centre = lying_edges((*face.centre, *face.centre), turned, width, height)[:2]
    assert np.hypot(*np.subtract(found_anew.centre, centre)) < 0.1 * face.side


@pytest.mark.parametrize("turned", [0, *TURNS])
def test_the_cascade_is_surest_of_the_way_in_which_a_face_is_turned(turned: int) -> None:
    detector, frame = rf.MTCNN(), demo()[0][0]
    height, width = frame.shape[:2]
    (face,) = detector.locate(frame)
    edges = lying_edges(face.edges, turned, width, height)
    said = {}
    for way in (0, *TURNS):
        found = detector.compare(lying(frame, turned), rf.Face(*edges, 1.0, (), way))
        said[way] = 0.0 if found is None else found.probability
    assert max(said, key=lambda way: said[way]) == turned
    assert said[turned] > 0.999


def test_no_other_turn_is_taken() -> None:
    frame = demo()[0][0]
    for turned in (45, -90, 360):
        with pytest.raises(ValueError, match="turned must be 0, 90, 180 or 270 degrees"):
            rf.MTCNN().locate(frame, turned=turned)
        with pytest.raises(ValueError, match="turned must be"):
            rf.MTCNN().redetect(frame, rf.Face(0, 0, 50, 50, 1.0, (), turned))
        monitor = rf.HeartRateMonitor(box=(0, 0, 50, 50))
        monitor.push(frame, 0.0)
        with pytest.raises(ValueError, match="turned must be"):
            monitor.rebox(frame, rf.Box(0, 0, 40, 40), turned)
        assert (monitor.box, monitor.turned) == (rf.Box(0, 0, 50, 50), 0)
        detector_of_ones_own = lambda _: [rf.Face(0, 0, 50, 50, 1.0, (), turned)]  # noqa: E731, B023
        with pytest.raises(ValueError, match="turned must be"):
            rf.HeartRateMonitor(detector=detector_of_ones_own).push(frame, 0.0)


# --- tasks of the tracker ---

Task = _core.FaceTracker.Task
_, LOOK, CHECK, SEARCH, COMPARE = Task
SIDE = 40.0


def face_at(x: float, turned: int = 0, probability: float = 0.9999) -> rf.Face:
    return rf.Face(x - SIDE / 2, 30, x + SIDE / 2, 30 + SIDE, probability, (), turned)


class Tasks:
    """A tracker of frames of 400x100 pixels, which gets results for a list of visible faces.

    A look for faces turned in the right direction gives a face's own probability, a look in another
    direction gives that of ``also``.
    """

    def __init__(self, most: int = 1) -> None:
        self.tracker = _core.FaceTracker(1.6, most, True, True)
        self.there: list[rf.Face] = []
        self.also: dict[int, float] = {}
        self.log: list[tuple[Task, float, int]] = []

    def seen(self, turned: int) -> list[tuple[Edges, float, int]]:
        told = []
        for face in self.there:
            probability = face.probability if face.turned == turned else self.also.get(turned, 0.0)
            if probability >= 0.7:
                told.append((face.edges, probability, turned))
        return told

    def run(self, seconds: float, start: float, fps: float = FPS) -> None:
        for time in (start + i / fps for i in range(round(seconds * fps))):
            task = self.tracker.next_task(400, 100, time)
            if task == SEARCH:
                turned = self.tracker.search_turned
                self.tracker.update_detections(self.seen(turned))
            elif task is not Task.NONE:
                turned = self.tracker.target[6]
                face = next(iter(self.seen(turned)), None)
                if task == COMPARE:
                    self.tracker.update_comparison(face)
                else:
                    self.tracker.update_target(face, task == CHECK)
            if task is not Task.NONE:
                self.log.append((task, time, turned))

    def of(self, task: Task, turned: int | None = None) -> list[float]:
        return [t for each, t, way in self.log if each == task and turned in (None, way)]

    @property
    def turns(self) -> list[int]:
        return [track[3][6] for track in self.tracker.tracks]


@pytest.mark.parametrize("fps", [8.0, 30.0, 120.0])
def test_without_a_face_upright_ones_are_searched_as_ever_and_others_in_between(fps: float) -> None:
    tasks = Tasks()
    tasks.run(30, 0.0, fps)
    upright = np.array(tasks.of(SEARCH, 0))
    alone = _core.FaceTracker(1.6, 1, True, False)
    expected = []
    for time in (i / fps for i in range(round(30 * fps))):
        if alone.next_task(400, 100, time) == SEARCH:
            expected.append(time)
            alone.update_detections([])
    np.testing.assert_array_equal(upright, expected)
    others = [(time, way) for task, time, way in tasks.log if way != 0]
    assert len(others) <= len(upright)
    assert [way for _, way in others[:6]] == [90, 270, 180] * 2
    assert np.diff([time for time, _ in others]).min() > 0.49
    assert others[2][0] <= FOUND_WITHIN + 3 / fps
    assert not tasks.of(LOOK)


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("fps", [8.0, 30.0])
def test_a_face_that_lies_is_found_and_followed_as_it_lies(turned: int, fps: float) -> None:
    tasks = Tasks()
    tasks.there = [face_at(100, turned)]
    tasks.run(20, 0.0, fps)
    assert tasks.turns == [turned]
    first = tasks.of(SEARCH, turned)[0]
    assert first <= FOUND_WITHIN + 3 / fps
    assert {way for task, time, way in tasks.log if time > first} == {turned}
    assert not [time for time in tasks.of(SEARCH) if time > first]


def test_a_face_that_lies_must_be_surer_than_an_upright_one() -> None:
    for probability, found in ((0.985, []), (0.995, [90])):
        tasks = Tasks()
        tasks.there = [face_at(100, 90, probability)]
        tasks.run(3, 0.0)
        assert tasks.turns == found
    tasks = Tasks()
    tasks.there = [face_at(100, 0, 0.91)]
    tasks.run(1 / FPS, 0.0)
    assert tasks.turns == [0]


@pytest.mark.parametrize("turned", TURNS)
def test_a_face_that_was_taken_for_upright_is_put_right_in_four_frames(turned: int) -> None:
    tasks = Tasks()
    tasks.there = [face_at(100, turned)]
    tasks.also = {0: 0.98}
    tasks.run(5.5 / FPS, 0.0)
    assert tasks.turns == [turned]
    assert [task for task, _, _ in tasks.log] == [SEARCH, COMPARE, COMPARE, COMPARE, COMPARE]
    assert [track[0] for track in tasks.tracker.tracks] == [1]
    sure = Tasks()  # an upright face with a high probability is not compared
    sure.there, sure.also = [face_at(100)], dict.fromkeys(TURNS, 0.95)
    sure.run(20, 0.0)
    assert not sure.of(COMPARE)
    assert len(sure.of(SEARCH)) == 1
    unsure = Tasks()  # a face that may be turned is compared soon, but rarely
    unsure.there, unsure.also = [face_at(100, 0, 0.95)], dict.fromkeys(TURNS, 0.94)
    unsure.run(20, 0.0)
    assert unsure.turns == [0]
    assert 4 <= len(unsure.of(COMPARE)) <= 4 * 20 / 0.5


@pytest.mark.parametrize("seen", [0.0, 0.8, 0.96])
@pytest.mark.parametrize("turned", TURNS)
def test_a_face_that_turns_is_followed_on(turned: int, seen: float) -> None:
    """Looks in the old direction may still see the face, or not."""
    tasks = Tasks()
    tasks.there = [face_at(100)]
    tasks.run(3, 0.0)
    tasks.there, tasks.also = [face_at(100, turned)], {0: seen}
    tasks.run(0.25 + 6 / FPS, 3.0)
    assert tasks.turns == [turned]
    assert [track[0] for track in tasks.tracker.tracks] == [1]


def test_a_face_that_turns_and_is_elsewhere_then_is_searched_for_at_once() -> None:
    tasks = Tasks()
    tasks.there = [face_at(100)]
    tasks.run(3, 0.0)
    tasks.there = [face_at(300, 90)]
    tasks.run(1.0, 3.0)
    assert tasks.turns == [90]
    assert np.diff(sorted(time for _, time, _ in tasks.log)).min() > 0  # one task per frame
    tasks.there = []
    tasks.run(3.0, 4.0)
    tasks.log.clear()
    tasks.run(3.0, 7.0)  # searches in the same direction as the last face, every half second
    assert len(tasks.of(SEARCH, 90)) == 6
    assert len(tasks.of(SEARCH, 0)) == 2


def test_several_faces_each_lie_in_their_own_way_and_keep_it() -> None:
    tasks = Tasks(most=4)
    tasks.there = [face_at(60), face_at(160, 90), face_at(260, 180), face_at(340, 270)]
    tasks.run(8, 0.0)
    assert tasks.turns == [0, 90, 270, 180]
    tasks.run(20, 8.0)
    assert tasks.turns == [0, 90, 270, 180]
    assert [track[0] for track in tasks.tracker.tracks] == [1, 2, 3, 4]
    # If one face leaves, the tracker notices it, and the others stay.
    tasks.there.pop(1)
    tasks.run(1.0, 28.0)
    assert tasks.turns == [0, 270, 180]


def test_a_face_that_lies_and_has_no_pulse_makes_room_for_an_upright_one() -> None:
    tasks = Tasks()
    tasks.there = [face_at(100, 90)]
    tasks.run(3, 0.0)
    tasks.there.append(face_at(300))
    tasks.run(3, 3.0)
    assert tasks.turns == [90]
    tasks.tracker.pass_over(1)
    tasks.run(1, 6.0)
    assert tasks.turns == [0]
    # A face in the same direction is found first.
    tasks = Tasks()
    tasks.there = [face_at(100, 90)]
    tasks.run(3, 0.0)
    tasks.there += [face_at(200, 90), face_at(300)]
    tasks.tracker.pass_over(1)
    tasks.run(1, 3.0)
    assert tasks.turns == [90]
    assert tasks.tracker.tracks[0][0] == 2


def test_a_detector_of_ones_own_is_asked_once_and_says_how_faces_lie() -> None:
    calls = []

    def detector(frame: Frame) -> list[rf.Face]:
        calls.append(frame.shape)
        return [rf.Face(80, 30, 120, 70, 0.95, (), 270)]

    tracker = FaceTracker(detector, 1.6)
    for time in times(5):
        tracker.update(np.zeros((100, 400, 3), np.uint8), time)
    assert tracker.tracks[0].face.turned == 270
    assert len(calls) <= 5 / 0.25 + 1
    assert set(calls) == {(100, 400, 3)}


class UprightOnly(FaceTracker):
    """A tracker that asks MTCNN only for upright faces."""

    def __init__(self, box_scale: float = 1.4) -> None:
        super().__init__(rf.MTCNN(), box_scale)
        self._tracker = _core.FaceTracker(box_scale, 1, True, False)


def comes_and_goes(time: float) -> tuple[float, float] | None:
    return None if 2 < time < 4 else (110 + 20 * time, 120.0)


def assert_same_boxes(clip: Iterator[tuple[Frame, float]] | Clip) -> None:
    tracker, expected = FaceTracker(rf.MTCNN(), 1.4), UprightOnly()
    for frame, time in clip:
        tracker.update(frame, time)
        expected.update(frame, time)
        boxes = [[(track.id, track.box) for track in each.tracks] for each in (tracker, expected)]
        assert boxes[0] == boxes[1], time


def test_upright_faces_are_followed_as_if_none_could_lie() -> None:
    assert_same_boxes(demo())
    assert_same_boxes(filmed([Person(84.0, comes_and_goes)], times(7)))


@pytest.mark.parametrize("clip", REAL_CLIPS)
def test_real_upright_faces_are_followed_as_if_none_could_lie(clip: str, data: Path) -> None:
    assert_same_boxes([one for one in rf.VideoFile(data / "real" / clip) if one[1] < 10])


@pytest.mark.parametrize("clip", NOBODY)
def test_where_nobody_is_nobody_lies(clip: str, data: Path) -> None:
    tracker = FaceTracker(rf.MTCNN(), 1.4, 8)
    for frame, time in rf.VideoFile(data / "real" / clip):
        if time > 15:
            break
        tracker.update(frame, time)
        assert not [track for track in tracker.tracks if track.face.turned], time


# --- heart rates ---


def watch(clip: Clip, turned: int, monitor: rf.HeartRateMonitor) -> list[rf.Reading]:
    return [monitor.push(lying(frame, turned), time) for frame, time in clip]


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("turned", TURNS)
def test_a_face_that_lies_has_the_heart_rate_of_the_upright_one(turned: int, method: str) -> None:
    monitor, upright = (rf.HeartRateMonitor(method=method) for _ in range(2))
    readings = watch(demo()[:400], turned, monitor)
    first = next(i for i, r in enumerate(readings) if r.status is not rf.Status.NO_FACE)
    assert readings[first].time_s <= FOUND_WITHIN
    expected = watch(demo()[first:400], 0, upright)
    assert (monitor.turned, upright.turned) == (turned, 0)
    assert monitor.box is not None
    assert upright.box is not None
    height, width = demo()[0][0].shape[:2]
    there = lying_edges((*upright.box,), turned, width, height)
    apart = np.abs(np.subtract(tuple(monitor.box), there))
    assert apart.max() < 0.1 * (upright.box.x1 - upright.box.x0)
    read = 0
    for reading, wanted in zip(readings[first:], expected):
        assert (reading.start_s, reading.end_s) == (wanted.start_s, wanted.end_s)
        if reading.heart_rate_bpm is not None:
            assert reading.heart_rate_bpm == pytest.approx(truth(reading), abs=4.0)
            if wanted.heart_rate_bpm is not None:
                read += 1
                assert reading.heart_rate_bpm == pytest.approx(
                    wanted.heart_rate_bpm, abs=SAME_RATE_BPM
                )
    ok = sum(r.heart_rate_bpm is not None for r in expected)
    assert read > 0.9 * ok > 0


@pytest.mark.parametrize("turned", TURNS)
def test_the_network_sees_a_box_upright(turned: int) -> None:
    """Equal up to float32 rounding, because sums are along other rows."""
    frames = [frame for frame, _ in demo()[:40]]
    height, width = frames[0].shape[:2]
    box = (60, 40, 211, 247)
    native = [_core.Stream(rf.Student.load(), _core.PulseOptions()) for _ in range(2)]
    there = rf.Box(*map(int, lying_edges(box, turned, width, height)))
    for index, frame in enumerate(frames):
        native[0].push(frame, box, index / FPS)
        native[1].push(lying(frame, turned), there, index / FPS, turned=turned)
        np.testing.assert_allclose(native[1].signals, native[0].signals, rtol=2e-4, atol=2e-4)
    other = _core.Stream(rf.Student.load(), _core.PulseOptions())  # the direction matters
    for index, frame in enumerate(frames):
        other.push(lying(frame, turned), there, index / FPS)
    assert np.abs(other.signals - native[0].signals).max() > 0.01


@pytest.mark.parametrize("turned", [0, *TURNS])
def test_a_real_face_that_lies_is_read(turned: int, data: Path) -> None:
    clip = list(rf.VideoFile(data / "real" / REAL_FACE))
    monitor = rf.HeartRateMonitor()
    found = measure_frames([(lying(frame, turned), time) for frame, time in clip], monitor)
    assert found.turned == turned
    assert found.heart_rate_bpm is not None
    assert REAL_RATES[0] < found.heart_rate_bpm < REAL_RATES[1]


@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("clip", REAL_CLIPS)
def test_a_real_face_that_lies_is_found_soon_and_followed(
    clip: str, turned: int, data: Path
) -> None:
    tracker, right, frames, found = FaceTracker(rf.MTCNN(), 1.4), 0, 0, None
    for frame, time in rf.VideoFile(data / "real" / clip):
        if time > 10:
            break
        tracker.update(lying(frame, turned), time)
        if tracker.tracks:
            found = time if found is None else found
            frames += 1
            right += tracker.tracks[0].face.turned == turned
        assert found is None or tracker.tracks  # a face that was found stays
    assert found is not None
    assert found < 2.0
    assert right > 0.95 * frames


def squared(frame: Frame) -> Frame:
    """Add a grey border, so that the frame keeps its size when it is turned."""
    height, width = frame.shape[:2]
    side = max(height, width)
    out = np.full((side, side, 3), 110, np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    out[top : top + height, left : left + width] = frame
    return out


@pytest.mark.parametrize("turned", TURNS)
def test_a_camera_that_is_turned_while_it_records_finds_the_face_again(turned: int) -> None:
    monitor = rf.HeartRateMonitor()
    wrong = []
    for frame, time in demo():
        shown = lying(squared(frame), turned if time >= 8.0 else 0)
        reading = monitor.push(shown, time)
        if time >= 8.0 and monitor.turned != turned:
            wrong.append(time)
        if (
            reading.heart_rate_bpm is not None
            and not 8.0 < reading.time_s < 8.0 + FOUND_AGAIN_WITHIN
        ):
            assert reading.heart_rate_bpm == pytest.approx(truth(reading), abs=4.0)
    assert wrong[-1] < 8.0 + FOUND_AGAIN_WITHIN
    assert reading.heart_rate_bpm == pytest.approx(truth(reading), abs=RATE_TOLERANCE_BPM)
    assert monitor.turned == turned


def test_a_face_that_is_covered_for_a_moment_is_not_taken_for_one_that_lies() -> None:
    rng = np.random.default_rng(0)
    first = rf.HeartRateMonitor()
    first.push(*demo()[0])
    assert first.box is not None
    x0, y0, x1, y1 = first.box
    middle = (y0 + y1) // 2
    for part in ((y0, y1), (y0, middle), (middle, y1)):
        for noise in (0, 60):
            monitor = rf.HeartRateMonitor()
            for frame, time in demo()[:180]:
                shown = frame.copy()
                if 2.0 <= time < 4.0:
                    hand = SKIN + noise * rng.standard_normal((part[1] - part[0], x1 - x0, 3))
                    shown[part[0] : part[1], x0:x1] = np.clip(hand, 0, 255)
                monitor.push(shown, time)
                assert monitor.turned == 0, time
            assert monitor.face == 1
            assert monitor.box is not None


def beside(upright: Clip, other: Clip, turned: int) -> Iterator[tuple[Frame, float]]:
    """Yield frames with two clips side by side, the second one turned."""
    for (left, time), (right, _) in zip(upright, other):
        shown = lying(right, turned)
        height = max(len(left), len(shown))
        frame = np.full((height, left.shape[1] + shown.shape[1], 3), 128, np.uint8)
        frame[: len(left), : left.shape[1]] = left
        frame[: len(shown), left.shape[1] :] = shown
        yield frame, time


@pytest.mark.parametrize("turned", [90, 180])
def test_two_faces_of_which_one_lies_have_two_heart_rates(turned: int) -> None:
    first, second = (
        list(filmed([Person(bpm, still(220.0), size)], times(17)))
        for bpm, size in ((84.0, 1.0), (120.0, 1.15))
    )
    # The skin of a photograph pulses more evenly than a living one, which lowers the confidence.
    monitor = rf.FacesMonitor(min_confidence=0.5)
    found: dict[int, float] = {}
    for frame, time in beside(first, second, turned):
        readings = monitor.push(frame, time)
        for name in readings:
            found.setdefault(name, time)
    assert [monitor.monitors[name].turned for name in (1, 2)] == [0, turned]
    assert found[2] < 6.1
    assert readings[1].heart_rate_bpm == pytest.approx(84.0, abs=RATE_TOLERANCE_BPM)
    assert readings[2].heart_rate_bpm == pytest.approx(120.0, abs=RATE_TOLERANCE_BPM)


def test_a_measurement_says_how_the_face_was_turned() -> None:
    clip = [(lying(frame, 270), time) for frame, time in demo()[:60]]
    found = measure_frames(clip, rf.HeartRateMonitor())
    assert found.turned == 270
    assert json.loads(json.dumps(found.to_dict()))["turned"] == 270
    assert found.box is not None
    assert measure_frames(clip, rf.HeartRateMonitor(box=found.box)).turned == 0  # used as given
