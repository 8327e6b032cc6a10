"""The monitor of one face and that of several, frame by frame to the bit beside a reference.

``tests/monitor_reference.py`` states which box is measured when, and when a window goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

import rppg_fast as rf
from tests.monitor_reference import Frame, OneFace, SeveralFaces

FPS = 20.0
SIDE = 40.0
WIDTH, HEIGHT = 400, 100
# A short window fills soon. A face that is away for longer than MAX_GAP begins a new one.
SETTINGS = rf.PulseSettings(window=4.0, min_window=3.0, max_gap=1.5)
MAX_GAP = SETTINGS.max_gap
# The tracker forgets the number of a face that is away for longer, s.
REMEMBERED = 5.0


def face_at(x: float, side: float = SIDE, turned: int = 0) -> rf.Face:
    half = side / 2
    return rf.Face(x - half, HEIGHT / 2 - half, x + half, HEIGHT / 2 + half, 0.99, (), turned)


@dataclass(frozen=True)
class Moment:
    """What a camera shows at a time: which faces are there, in a frame of which size."""

    time: float
    faces: tuple[rf.Face, ...]
    size: tuple[int, int] = (HEIGHT, WIDTH)


Scene = Sequence[Moment]


class Shown:
    """A detector that finds the faces of the moment, or fails."""

    def __init__(self) -> None:
        self.faces: tuple[rf.Face, ...] = ()
        self.failing: BaseException | None = None

    def __call__(self, frame: Frame) -> tuple[rf.Face, ...]:
        if self.failing is not None:
            raise self.failing
        return self.faces


def times(seconds: float, start: float = 0.0) -> list[float]:
    return [start + i / FPS for i in range(round(seconds * FPS))]


def there(*spans: tuple[float, float]) -> Callable[[float], bool]:
    return lambda time: any(begin <= time < end for begin, end in spans)


def frames(scene: Scene) -> Iterator[tuple[Moment, Frame]]:
    """Yield noise whose brightness beats 80 times a minute."""
    rng = np.random.default_rng(0)
    for index, moment in enumerate(scene):
        beat = 2.0 * np.sin(2 * np.pi * 80 / 60 * index / FPS)
        noise = rng.normal(110.0 + beat, 12.0, (*moment.size, 3))
        yield moment, np.clip(noise, 0, 255).astype(np.uint8)


def stays(seconds: float) -> Scene:
    """Two faces, one of which moves."""
    return [Moment(t, (face_at(80), face_at(250 + 10 * t, 50))) for t in times(seconds)]


def away(gap: float) -> Scene:
    """The larger of two faces leaves for a while, as the tracker notices."""
    here = there((0.0, 5.0), (5.0 + gap, 5.0 + gap + 5.0))
    both = face_at(250, 50), face_at(80)
    return [Moment(t, both if here(t) else both[1:]) for t in times(gap + 10)]


def alone_away(gap: float) -> Scene:
    here = there((0.0, 5.0), (5.0 + gap, 5.0 + gap + 5.0))
    return [Moment(t, (face_at(250),) if here(t) else ()) for t in times(gap + 10)]


def no_frames(gap: float, present: bool) -> Scene:
    """No frame comes for a while, with a face there or not."""
    faces = (face_at(250, 50), face_at(80))
    last = faces if present else ()
    before = [Moment(t, faces if t < 5 else last) for t in times(6)]
    return before + [Moment(t, faces) for t in times(5, 6.0 + gap)]


def set_back(present: bool) -> Scene:
    """The clock is set back by a minute: one frame is refused."""
    faces = (face_at(250, 50), face_at(80)) if present else ()
    start = both(5, 100.0)
    middle = [Moment(t, faces) for t in times(1, 105.0)]
    return start + middle + [Moment(t, faces) for t in times(1, 46.0)] + both(5, 47.0)


def both(seconds: float, start: float) -> list[Moment]:
    return [Moment(t, (face_at(250, 50), face_at(80))) for t in times(seconds, start)]


def slips() -> Scene:
    """Single frames come late: they are refused, and nothing else changes."""
    scene = list(stays(8))
    for index in (30, 60, 61, 110):
        scene.insert(index, Moment(scene[index - 1].time - 0.9, scene[index].faces))
    return scene


def other_size() -> Scene:
    faces = face_at(100, 50), face_at(220)
    small = [Moment(t, faces, (HEIGHT, 300)) for t in times(4, 5.0)]
    return [Moment(t, faces) for t in times(5)] + small + [Moment(t, faces) for t in times(4, 9.0)]


def other_size_and_set_back() -> Scene:
    faces = face_at(100, 50), face_at(220)
    return [Moment(t, faces) for t in times(5, 50.0)] + [
        Moment(t, faces, (HEIGHT, 300)) for t in times(5)
    ]


def enters() -> Scene:
    first, second = face_at(80), face_at(250, 60)
    return [Moment(t, (first, second) if t >= 3 else (first,)) for t in times(9)]


def for_good() -> Scene:
    first, second = face_at(80), face_at(250, 60)
    return [Moment(t, (first, second) if t < 4 else (first,)) for t in times(4 + REMEMBERED + 2)]


def somebody_else() -> Scene:
    """Another face is elsewhere as soon as the first one has left, and leaves again."""
    first, second = face_at(80), face_at(300, 50)
    return [Moment(t, (first if t < 4 or t >= 6.1 else second,)) for t in times(10)]


def turned() -> Scene:
    """Faces that lie, of which one turns on."""
    return [
        Moment(t, (face_at(80, turned=90), face_at(250, 50, turned=180 if t < 4 else 270)))
        for t in times(9)
    ]


def takes_turns() -> Scene:
    """Nothing here has a pulse for long: the one face makes room for the other."""
    return [Moment(t, (face_at(80, 50), face_at(250))) for t in times(16)]


def eventful(seed: int) -> Scene:
    """Faces come, go and move, frames fail to come, the clock jumps, the size changes."""
    rng = np.random.default_rng(seed)
    places, here = [60.0, 160.0, 260.0, 350.0], rng.random(4) < 0.6
    time, size, scene = 10.0, (HEIGHT, WIDTH), []
    for _ in range(500):
        event = rng.random()
        time += 1 / FPS
        if event < 0.03:
            which = rng.integers(4)
            here[which] = not here[which]
        elif event < 0.04:
            time += rng.choice([0.3, 1.0, 1.49, 1.6, 3.0])
        elif event < 0.048:
            time -= rng.choice([0.06, 0.4, 2.0, 20.0])
        elif event < 0.052:
            size = (HEIGHT, 300) if size == (HEIGHT, WIDTH) else (HEIGHT, WIDTH)
        elif event < 0.07:
            places[rng.integers(4)] += rng.uniform(-20, 20)
        elif event < 0.09:
            here[:] = rng.random(4) < 0.5
        faces = tuple(
            face_at(x, 40 + 5 * i, 90 * (i % 2))
            for i, (x, is_here) in enumerate(zip(places, here))
            if is_here and x < size[1] - 30
        )
        scene.append(Moment(time, faces, size))
    return scene


SCENES: dict[str, Callable[[], Scene]] = {
    "stays": lambda: stays(9),
    "away for a moment": lambda: away(1.0),
    "away just within the longest gap": lambda: away(MAX_GAP + 0.4),
    "away for about the longest gap": lambda: away(MAX_GAP + 0.6),
    "away for longer than the longest gap": lambda: away(MAX_GAP + 1.5),
    "away until it is forgotten": lambda: away(REMEMBERED + 1.5),
    "alone and away for a moment": lambda: alone_away(1.0),
    "alone and away for about the longest gap": lambda: alone_away(MAX_GAP + 0.6),
    "alone and away for longer": lambda: alone_away(MAX_GAP + 1.5),
    "no frames for less than the longest gap": lambda: no_frames(1.0, True),
    "no frames for longer than the longest gap": lambda: no_frames(3.0, True),
    "no frames for longer while nobody is there": lambda: no_frames(3.0, False),
    "clock set back": lambda: set_back(True),
    "clock set back while nobody is there": lambda: set_back(False),
    "frames that come late": slips,
    "other size": other_size,
    "other size and clock set back": other_size_and_set_back,
    "second face enters": enters,
    "face leaves for good": for_good,
    "somebody else": somebody_else,
    "turned": turned,
    "faces take turns": takes_turns,
    **{f"eventful {seed}": (lambda seed=seed: eventful(seed)) for seed in range(9)},  # type: ignore[misc]
}


def outcome(push: Callable[[], object]) -> object:
    """Return what a push gives, or that it refuses the time."""
    try:
        return push()
    except rf.TimeError:
        return "refused"


# Each scene with one of these.
WAYS = [("student", "bgr"), ("fusion", "rgb"), ("pos", "bgr")]


@pytest.mark.parametrize(
    ("name", "method", "color"),
    [(name, *WAYS[i % len(WAYS)]) for i, name in enumerate(SCENES)],
)
def test_the_monitor_of_several_faces_gives_the_references_bits(
    name: str, method: str, color: str
) -> None:
    detectors = Shown(), Shown()
    monitor = rf.FacesMonitor(
        detector=detectors[0], settings=SETTINGS, method=method, color=color, most=3
    )
    expected = SeveralFaces(detectors[1], SETTINGS, method, most=3, color=color)
    for moment, frame in frames(SCENES[name]()):
        detectors[0].faces = detectors[1].faces = moment.faces
        found = outcome(lambda: monitor.push(frame, moment.time))  # noqa: B023
        wanted = outcome(lambda: expected.push(frame, moment.time))  # noqa: B023
        assert found == wanted, moment
        assert monitor.monitors.keys() == expected.there.keys()
        for number, face in expected.there.items():
            one = monitor.monitors[number]
            assert (one.box, one.turned) == (face.box, face.turned), moment
    for number, face in expected.there.items():
        pulse = monitor.monitors[number].pulse[1]
        np.testing.assert_array_equal(pulse, face.stream.newest(face.stream.size))


@pytest.mark.parametrize("tracking", ["follow", "paper"])
@pytest.mark.parametrize(
    ("name", "method", "color"),
    [(name, *WAYS[i % len(WAYS)]) for i, name in enumerate(SCENES, 1)],
)
def test_the_monitor_of_one_face_gives_the_references_bits(
    name: str, method: str, color: str, tracking: str
) -> None:
    scene = SCENES[name]()
    if tracking == "paper":
        scene = [moment for moment in scene if moment.size == scene[0].size]
    detectors = Shown(), Shown()
    monitor = rf.HeartRateMonitor(
        detector=detectors[0],
        settings=SETTINGS,
        method=method,
        color=color,
        tracking=tracking,
        box_scale=1.4,
    )
    expected = OneFace(detectors[1], SETTINGS, method, 1.4, tracking == "follow", color)
    for moment, frame in frames(scene):
        detectors[0].faces = detectors[1].faces = moment.faces
        found = outcome(lambda: monitor.push(frame, moment.time))  # noqa: B023
        wanted = outcome(lambda: expected.push(frame, moment.time))  # noqa: B023
        assert found == wanted, moment
        assert (monitor.box, monitor.turned, monitor.face) == (
            *(expected.box, expected.turned, expected.face),
        ), moment
    np.testing.assert_array_equal(monitor.pulse[1], expected.stream.newest(expected.stream.size))


# --- what the bits mean for several faces ---


def watch(name: str, most: int = 3) -> list[tuple[float, dict[int, rf.Reading]]]:
    """Return time and readings of the frames that are not refused."""
    detector, seen = Shown(), []
    monitor = rf.FacesMonitor(detector=detector, settings=SETTINGS, method="student", most=most)
    for moment, frame in frames(SCENES[name]()):
        detector.faces = moment.faces
        readings = outcome(lambda: monitor.push(frame, moment.time))  # noqa: B023
        if isinstance(readings, dict):
            seen.append((moment.time, readings))
    return seen


def starts(seen: list[tuple[float, dict[int, rf.Reading]]], number: int) -> list[float]:
    """Return when the windows of a face began, one for each frame with the face."""
    return [readings[number].start_s for _, readings in seen if number in readings]


@pytest.mark.parametrize(
    ("name", "goes_on"),
    [
        ("away for a moment", True),
        ("away just within the longest gap", True),
        ("away for longer than the longest gap", False),
    ],
)
def test_a_window_of_several_goes_on_where_its_face_is_back_in_time(
    name: str, goes_on: bool
) -> None:
    seen = watch(name)
    gone = [time for time, readings in seen if 1 not in readings]
    assert gone, "the face is lost, or nothing was tried"
    back = next(time for time, readings in seen if time > gone[-1])
    first = dict(seen)[back][1]
    assert (first.start_s < gone[0]) is goes_on
    assert all(2 in readings for _, readings in seen)
    assert starts(seen, 2)[-1] == pytest.approx(seen[-1][0] - SETTINGS.window, abs=0.06)


def test_a_face_that_has_left_for_good_is_a_new_one_when_it_is_back() -> None:
    numbers = {number for _, readings in watch("away until it is forgotten") for number in readings}
    assert numbers == {1, 2, 3}
    assert {number for _, readings in watch("face leaves for good") for number in readings} == {
        1,
        2,
    }


def test_all_windows_begin_anew_where_the_clock_is_set_back() -> None:
    seen = watch("clock set back")
    after = [(time, readings) for time, readings in seen if time < 100]
    assert after[0][1].keys() == {1, 2}
    for number in (1, 2):
        assert after[0][1][number].status is rf.Status.WARMING_UP
        assert after[0][1][number].start_s == after[0][0]


def test_all_faces_are_new_in_frames_of_another_size() -> None:
    numbers = [tuple(readings) for _, readings in watch("other size")]
    assert list(dict.fromkeys(numbers)) == [(1, 2), (3, 4), (5, 6)]


def test_a_face_that_enters_takes_no_window() -> None:
    seen = watch("second face enters")
    entered = next(time for time, readings in seen if 2 in readings)
    assert 3.0 <= entered < 3.6
    assert dict(seen)[entered][2].start_s == entered
    assert starts(seen, 1)[-1] == pytest.approx(seen[-1][0] - SETTINGS.window, abs=0.06)
    assert all(1 in readings for _, readings in seen)


@pytest.mark.parametrize("kind", [rf.HeartRateMonitor, rf.FacesMonitor])
def test_no_time_counts_twice_where_a_face_is_lost(
    kind: type[rf.HeartRateMonitor] | type[rf.FacesMonitor],
) -> None:
    """The frame in which the face is lost has been measured: the next one must be later."""
    detector = Shown()
    monitor = kind(detector=detector, settings=SETTINGS, method="student")
    lost = None
    for moment, frame in frames(alone_away(2.0)):
        detector.faces = moment.faces
        monitor.push(frame, moment.time)
        is_there = monitor.monitors if isinstance(monitor, rf.FacesMonitor) else monitor.box
        if moment.time > 5.0 and not is_there:
            lost = moment.time
            break
    assert lost is not None
    with pytest.raises(rf.TimeError):
        monitor.push(frame, lost - 0.4 / FPS)
    monitor.push(frame, lost + 0.1 / FPS)


# --- detectors that fail ---


@pytest.mark.parametrize("error", [ValueError("no picture"), KeyboardInterrupt()])
@pytest.mark.parametrize("several", [False, True])
def test_a_detector_that_fails_stops_one_frame_and_nothing_else(
    several: bool, error: BaseException
) -> None:
    """The failed frame was measured in its box; the frames after it go on from there."""
    detectors = Shown(), Shown()
    kind = rf.FacesMonitor if several else rf.HeartRateMonitor
    monitor, calm = (kind(detector=each, settings=SETTINGS) for each in detectors)
    failed = 0
    for moment, frame in frames(SCENES["stays"]()):
        detectors[0].faces = detectors[1].faces = moment.faces[:1]
        detectors[0].failing = error if 4.0 < moment.time < 4.5 else None
        wanted = calm.push(frame, moment.time)
        try:
            found = monitor.push(frame, moment.time)
        except (ValueError, KeyboardInterrupt) as raised:
            failed += raised is error
            continue
        if moment.time < 4.0 or moment.time > 4.5:
            assert found == wanted
    assert failed


# --- the pulse, piece by piece ---


@pytest.mark.parametrize("name", ["slow", "clock set back", "alone and away for longer"])
def test_pieces_of_the_pulse_need_no_state_of_the_monitor(name: str) -> None:
    """Two readers, of whom one reads seldom, get the samples that one who fetches gets."""
    detector = Shown()
    monitor = rf.HeartRateMonitor(detector=detector, settings=SETTINGS, method="student")
    often = seldom = 0
    pieces: list[list[float]] = [[], [], []]
    for number, (moment, frame) in enumerate(frames(SCENES.get(name, lambda: stays(9))())):
        detector.faces = moment.faces[:1]
        if outcome(lambda: monitor.push(frame, moment.time)) == "refused":  # noqa: B023
            continue
        fetched, piece = monitor.fetch_pulse(), monitor.pulse_since(often)
        np.testing.assert_array_equal(fetched, piece[:2])
        assert piece.end == often + piece.times.size
        often = piece.end
        pieces[0].extend(piece.times)
        pieces[1].extend(piece.values)
        if number % 20 == 19:
            late = monitor.pulse_since(seldom)
            seldom = late.end
            pieces[2].extend(late.times)
    pieces[2].extend(monitor.pulse_since(seldom).times)
    assert len(pieces[0]) > 100
    times = np.array(pieces[0])
    assert np.sum(np.diff(times) <= 0) == (name == "clock set back")
    assert set(pieces[2]) <= set(pieces[0])
    if name == "slow":
        assert pieces[2] == pieces[0]
    window = monitor.pulse
    np.testing.assert_array_equal(times[-window[0].size :], window[0])
    np.testing.assert_array_equal(pieces[1][-window[1].size :], window[1])
    monitor.reset()
    assert monitor.pulse_since(often).times.size == 0  # the index stays valid
    for index in (-1, often + 1):
        with pytest.raises(ValueError, match="index must"):
            monitor.pulse_since(index)


def test_a_face_of_several_tells_its_box_and_its_pulse_and_then_nothing() -> None:
    detector = Shown()
    monitor = rf.FacesMonitor(detector=detector, settings=SETTINGS, method="student")
    kept = None
    for moment, frame in frames(SCENES["face leaves for good"]()):
        detector.faces = moment.faces
        monitor.push(frame, moment.time)
        if moment.time == 3.0:
            kept = monitor.monitors[1]
            assert kept is monitor.monitors[1]
            assert kept.box == rf.face_box(moment.faces[1], WIDTH, HEIGHT, 1.4)
            assert kept.pulse[0].size == kept.fetch_pulse()[0].size > 80
            assert kept.fetch_pulse()[0].size == 0
    assert kept is not None
    assert list(monitor.monitors) == [2]
    assert (kept.box, kept.turned) == (None, 0)
    with pytest.raises(AttributeError):
        monitor.monitors[2].box = kept.box  # type: ignore[misc]


def test_a_warning_about_times_names_the_line_that_pushes() -> None:
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    monitor = rf.FacesMonitor(detector=Shown(), settings=SETTINGS)
    times = [33.0 * number for number in range(20)]
    with pytest.warns(RuntimeWarning, match="10 times a frame came more than 1.5 s") as warned:
        readings = [monitor.push(frame, time) for time in times]
    assert readings == [{}] * 20
    assert [str(one.filename) for one in warned] == [__file__]
