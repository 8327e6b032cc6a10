"""A live session: what it reads and keeps, what it obeys, and what happens when a camera goes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import numpy as np
import pytest

from rppg_fast.live import (
    Advice,
    FaceSnapshot,
    LiveFrame,
    LiveSession,
    Snapshot,
    State,
    messages,
)
from rppg_fast.live.capture import CapturedFrame, FrameQueue
from rppg_fast.live.history import PulseRing
from rppg_fast.reading import Status
from rppg_fast.sources import Source, VideoError
from rppg_fast.sources.source import Pictures
from tests.support.demo import DEMO_BPM, TOLERANCE_BPM, demo_frames
from tests.support.live import Frame, fast_session, until

#: Frames of the first seven seconds: the first heart rate comes after five.
SEVEN_SECONDS = 7 * 30


@pytest.fixture
def empty() -> Frame:
    return np.full((240, 320, 3), 90, np.uint8)


def first_face(session: LiveSession) -> FaceSnapshot | None:
    faces = session.snapshot.faces
    return faces[0] if faces else None


def test_the_known_pulse_is_read_and_all_of_it_is_kept() -> None:
    frames = demo_frames()[: 12 * 30]
    seen: list[LiveFrame] = []
    measuring = fast_session(frames)
    measuring.add_frame_listener(seen.append)
    with measuring as session:
        until(lambda: session.snapshot.frames == len(frames))
        face = seen[-1].readings[1]
        snapshot = session.snapshot
        piece = session.pulse_since(1, 0, most=10_000)
        rows = session.history.rows
    assert face.status is Status.OK
    assert face.heart_rate_bpm == pytest.approx(DEMO_BPM, abs=TOLERANCE_BPM)
    assert snapshot.dropped == 0
    # Every frame, in order, with the source's own distances in time.
    assert [frame.number for frame in seen] == list(range(len(frames)))
    steps = np.diff([frame.time_s for frame in seen])
    np.testing.assert_allclose(steps, np.diff([t for _, t in frames]), atol=1e-9)
    assert all(frame.boxes[1].width > 50 for frame in seen[10:])
    assert piece.first == 0
    assert len(piece.values) > 11.5 * 30
    assert np.isfinite(piece.values).all()
    assert [row.reading is not None for row in rows].count(True) >= 11
    assert 11 <= len(rows) <= 13


def test_the_first_heart_rate_comes_within_six_seconds_and_its_peak_is_in_the_spectrum() -> None:
    first: list[LiveFrame] = []

    def listen(frame: LiveFrame) -> None:
        if not first and any(one.status is Status.OK for one in frame.readings.values()):
            first.append(frame)

    progress: list[float] = []
    measuring = fast_session(demo_frames()[:SEVEN_SECONDS])
    measuring.add_frame_listener(listen)
    measuring.add_listener(
        lambda snapshot: progress.extend(face.progress for face in snapshot.faces)
    )
    with measuring as session:
        face = until(
            lambda: (one := first_face(session)) and one.spectrum is not None and one, 60.0
        )
        assert first[0].time_s - session.history.rows[0].time_s < 6.0
    peak = face.spectrum.first_hz + face.spectrum.step_hz * int(np.argmax(face.spectrum.power))
    assert 60 * peak == pytest.approx(face.reading.candidate_bpm, abs=TOLERANCE_BPM)
    assert face.spectrum.power.max() == 1.0
    assert progress == sorted(progress)
    assert progress[0] < 0.1
    assert face.advice is Advice.GOOD


def test_of_frames_that_cannot_be_measured_in_time_the_newest_win(empty: Frame) -> None:
    queue = FrameQueue(3)
    for index in range(10):
        queue.put(CapturedFrame(empty, float(index), 0.0))
    taken = [queue.get(0.0) for _ in range(4)]
    assert [one.time_s for one in taken if one is not None] == [7.0, 8.0, 9.0]
    assert taken[-1] is None
    assert queue.dropped == 7


def test_a_file_is_played_in_its_own_time(empty: Frame) -> None:
    begun = time.monotonic()
    arrivals: list[float] = []
    playing = LiveSession([(empty, index / 10) for index in range(11)])
    playing.add_frame_listener(lambda frame: arrivals.append(frame.captured_s))
    with playing as session:
        until(lambda: session.snapshot.state is State.ENDED)
    assert 0.95 <= time.monotonic() - begun < 10.0
    # On a busy machine the first frame may come late, and the last one early after it.
    assert arrivals[-1] - arrivals[0] >= 0.7


class BreakingCamera(Source):
    """A camera that cannot be opened at first, then films, and goes away."""

    def __init__(self, frames: list[tuple[Frame, float]]) -> None:
        super().__init__("a breaking camera", live=True)
        self._frames, self.opened = frames, 0

    def _pictures(self) -> Pictures:
        self.opened += 1
        if self.opened == 1:
            raise VideoError("a breaking camera: cannot be opened")
        if self.opened == 3:
            raise RuntimeError("its library has failed")
        yield from self._frames


def test_a_camera_that_goes_away_is_opened_again_and_its_time_goes_on(empty: Frame) -> None:
    camera = BreakingCamera([(empty, 0.0), (empty, 0.1)])
    with LiveSession(camera) as session:
        waiting = until(
            lambda: (now := session.snapshot).state is State.WAITING and now.reason and now
        )
        assert waiting.reason == "a breaking camera: cannot be opened"
        assert waiting.advice is Advice.NO_CAMERA
        before = until(lambda: (now := session.snapshot).frames == 2 and now)
        after = until(lambda: (now := session.snapshot).frames >= 4 and now)
    assert after.time_s > before.time_s + 0.5, "the time without frames is in the clock"
    assert after.dropped == 0


class HangingCamera(Source):
    """A camera that gives two frames, and then neither ends nor goes on."""

    def _pictures(self) -> Pictures:
        frame = np.full((240, 320, 3), 90, np.uint8)
        yield frame, 0.0
        yield frame, 0.1
        while not self._stopped:
            time.sleep(0.05)


def test_a_camera_that_hangs_is_named() -> None:
    with LiveSession(HangingCamera("a hanging camera", live=True)) as session:
        snapshot = until(lambda: (now := session.snapshot).state is State.WAITING and now)
    assert snapshot.reason == "a hanging camera: no frame for 2 s"
    assert snapshot.fps == 0


@pytest.fixture
def looping(empty: Frame) -> Iterator[LiveSession]:
    """Return a session that plays a short clip over and over."""
    with LiveSession([(empty, index / 50) for index in range(40)], loop=True) as session:
        until(lambda: session.snapshot.frames > 2)
        yield session


def test_a_pause_measures_nothing_and_ends(looping: LiveSession) -> None:
    looping.pause()
    paused = until(lambda: (now := looping.snapshot).state is State.PAUSED and now)
    time.sleep(0.2)
    assert looping.snapshot.frames == paused.frames
    looping.resume()
    until(lambda: looping.snapshot.frames > paused.frames)
    assert looping.snapshot.state is State.RUNNING


def test_a_new_start_and_another_method_begin_anew(looping: LiveSession) -> None:
    until(lambda: looping.history.rows)
    run = looping.snapshot.run
    looping.restart()
    until(lambda: looping.snapshot.run > run)
    assert all(row.run > run for row in looping.history.rows)
    run = looping.snapshot.run
    looping.set_method("pos")
    until(lambda: looping.snapshot.method == "pos")
    assert looping.snapshot.run > run
    with pytest.raises(ValueError, match="method must be one of"):
        looping.set_method("magic")


def test_a_file_that_has_ended_is_played_again_by_a_new_start(empty: Frame) -> None:
    with LiveSession([(empty, index / 50) for index in range(5)]) as session:
        until(lambda: session.snapshot.state is State.ENDED)
        frames = session.snapshot.frames
        session.restart()
        until(lambda: session.snapshot.frames >= frames + 3)


def test_a_file_that_is_played_again_is_a_new_measurement(looping: LiveSession) -> None:
    first = looping.snapshot.run
    later = until(lambda: (now := looping.snapshot).run >= first + 2 and now)
    assert later.state is State.RUNNING


def test_a_new_start_of_a_file_that_still_plays_does_not_play_it_twice(empty: Frame) -> None:
    with LiveSession([(empty, index / 50) for index in range(30)]) as session:
        until(lambda: session.snapshot.frames > 2)
        session.restart()
        until(lambda: session.snapshot.state is State.ENDED)
        time.sleep(0.3)
        assert session.snapshot.state is State.ENDED
        assert session.snapshot.frames <= 30


def test_in_the_dark_more_light_is_asked_for(empty: Frame) -> None:
    for frame, advice in ((empty, Advice.NO_FACE), (empty // 9, Advice.MORE_LIGHT)):
        with LiveSession([(frame, index / 50) for index in range(30)], loop=True) as session:
            until(lambda: session.snapshot.frames > 5)
            assert session.snapshot.advice is advice


def test_somebody_else_is_noticed_and_a_second_face_is_not_somebody_else() -> None:
    face = demo_frames()[0][0]
    nobody = np.full_like(face, 90)
    frames = [face] * 30 + [nobody] * 300 + [face] * 30
    advice: dict[int, list[Advice]] = {}

    def note(snapshot: Snapshot) -> None:
        for one in snapshot.faces:
            advice.setdefault(one.number, []).append(one.advice)

    measuring = fast_session([(frame, index / 30) for index, frame in enumerate(frames)])
    measuring.add_listener(note)
    with measuring as session:
        until(lambda: session.snapshot.frames == len(frames))
    assert set(advice) == {1, 2}
    assert Advice.SOMEONE_ELSE not in advice[1]
    assert Advice.SOMEONE_ELSE in advice[2]
    both = np.hstack([face, face[:, ::-1]])
    advice.clear()
    measuring = fast_session([(both, index / 30) for index in range(60)])
    measuring.add_listener(note)
    with measuring as session:
        until(lambda: session.snapshot.frames == 60)
    assert set(advice) == {1, 2}
    assert all(Advice.SOMEONE_ELSE not in found for found in advice.values())


def test_a_listener_that_raises_stops_the_session_and_says_why(empty: Frame) -> None:
    def full(frame: LiveFrame) -> None:
        raise OSError("no space left")

    playing = LiveSession([(empty, index / 50) for index in range(20)], loop=True)
    playing.add_frame_listener(full)
    with playing as session:
        snapshot = until(lambda: (now := session.snapshot).state is State.FAILED and now)
    assert snapshot.reason == "OSError: no space left"


def test_a_listener_is_called_until_it_is_removed(looping: LiveSession) -> None:
    seen: list[LiveFrame] = []
    remove = looping.add_frame_listener(seen.append)
    until(lambda: len(seen) > 3)
    remove()
    time.sleep(0.1)
    count = len(seen)
    time.sleep(0.2)
    assert len(seen) == count


def test_the_pulse_that_is_kept_is_bounded_and_its_indices_go_on() -> None:
    ring = PulseRing(100)
    for begin in range(0, 1000, 7):
        times = np.arange(begin, begin + 7, dtype=np.float64)
        ring.extend(times, 2 * times)
    piece = ring.since(0, 1000)
    assert piece.first == ring.count - 100
    np.testing.assert_array_equal(piece.times, np.arange(piece.first, ring.count))
    np.testing.assert_array_equal(piece.values, 2 * piece.times)
    assert len(ring.since(ring.count, 10).times) == 0
    assert len(ring.since(ring.count - 3, 10).times) == 3
    older = ring.since(ring.count - 20, 1000, end=ring.count - 5)
    np.testing.assert_array_equal(older.times, np.arange(ring.count - 20, ring.count - 5))
    assert older.first == ring.count - 20
    assert len(ring.since(ring.count, 10, end=ring.count - 5).times) == 0
    assert len(ring.since(0, 10, end=ring.count - 5).times) == 10


def test_a_message_has_the_samples_of_its_snapshot_and_the_next_one_goes_on() -> None:
    frames = demo_frames()[:90]
    seen: list[Snapshot] = []
    measuring = fast_session(frames)
    measuring.add_listener(seen.append)
    with measuring as session:
        until(lambda: session.snapshot.frames == len(frames))
        # The session has measured on since these snapshots: more samples are there than they say.
        shown = [snapshot for snapshot in seen if snapshot.faces and snapshot.faces[0].samples][::7]
        assert len(shown) > 5
        index = 0
        for snapshot in shown:
            (face,) = snapshot.faces
            (sent,) = json.loads(messages.state(session, snapshot, ((1, index),)))["faces"]
            assert sent["first"] == index
            index += len(sent["values"])
            assert index == face.samples
