"""``rppg-fast record`` and its session, with a board and a camera that are made up."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.cli import BAD_INPUT, main
from rppg_fast.live import LiveSession
from rppg_fast.live import messages as page_messages
from rppg_fast.record.recording import Recording, Setup, stored
from rppg_fast.record.sensor import Sample, Sensor, SensorStatistics
from rppg_fast.record.session import MARGIN, End, RecordingSession
from tests.support.clips import skin, write_video
from tests.support.made_up_board import MadeUpBoard

SETUP = Setup(1, True, "ffv1", "made up", "made up")
FPS = 30.0
#: On a busy machine the first frames may all arrive late, and the first one that does not moves the
#: clock, s.
LATE = 10e-3


class MadeUpSensor(Sensor):
    """A sensor that gives the samples up to now; none while ``silent``, an error if ``broken``."""

    name, full_scale = "made up", 1023.0

    def __init__(self) -> None:
        self.silent = self.broken = False
        self._next = time.monotonic()

    def open(self) -> None:
        pass

    def read(self) -> list[Sample]:
        if self.broken:
            raise ZeroDivisionError("the strap's battery is empty")
        found = []
        while self._next < time.monotonic():
            if not self.silent:
                found.append(Sample(self._next, 500 + 100 * np.sin(7.5 * self._next)))
            self._next += 0.01
        return found

    def close(self) -> None:
        pass

    def statistics(self) -> SensorStatistics:
        return SensorStatistics(0)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return 30 s of skin."""
    times = [i / FPS for i in range(900)]
    return write_video(tmp_path_factory.mktemp("clip") / "skin.mkv", skin(times, 72.0), FPS)


@pytest.fixture
def session(clip: Path) -> Iterator[RecordingSession]:
    with LiveSession(clip) as live, RecordingSession(live, MadeUpSensor()) as session:
        end = time.monotonic() + 20
        while not session.camera_runs:
            assert time.monotonic() < end
            time.sleep(0.01)
        yield session


def begin(session: RecordingSession, root: Path, seconds: float) -> Path:
    recording = Recording(root, SETUP, time.monotonic() - MARGIN)
    session.begin(recording, time.monotonic(), seconds)
    return recording.folder


def test_a_recording_has_every_frame_and_the_finger_around_them(
    session: RecordingSession, tmp_path: Path
) -> None:
    time.sleep(0.6)
    folder = begin(session, tmp_path, 2.0)
    ending = session.wait(10.0)
    assert ending is not None
    assert ending.end is End.DURATION
    assert ending.dropped_frames == 0
    (one,) = stored(tmp_path)
    assert one.whole
    times, (ppg_times, _) = one.times(), one.ppg()
    assert times.size == ending.frames == pytest.approx(60, abs=2)
    np.testing.assert_allclose(np.diff(times), 1 / FPS, atol=LATE)
    assert sum(1 for _ in rf.open_source(folder / "video.mkv")) == times.size
    assert ppg_times[0] < times[0] - 0.3
    assert ppg_times[-1] > times[-1] + 0.3
    np.testing.assert_allclose(np.diff(ppg_times), 0.01, atol=1e-5)


def test_a_sensor_that_falls_silent_ends_the_recording(
    session: RecordingSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rppg_fast.record.session.LONGEST_SILENCE", 0.5)
    begin(session, tmp_path, 60.0)
    time.sleep(0.5)
    assert isinstance(session.sensor, MadeUpSensor)
    session.sensor.silent = True
    ending = session.wait(10.0)
    assert ending is not None
    assert ending.end is End.SENSOR
    assert "no sample for 0.5 s" in ending.reason
    (one,) = stored(tmp_path)
    assert not one.whole
    assert one.times().size > 10


def test_a_sensor_that_fails_ends_the_recording_and_the_session(
    session: RecordingSession, tmp_path: Path
) -> None:
    begin(session, tmp_path, 60.0)
    time.sleep(0.4)
    assert isinstance(session.sensor, MadeUpSensor)
    session.sensor.broken = True
    ending = session.wait(10.0)
    assert ending is not None
    assert ending.end is End.SENSOR
    assert ending.reason == "ZeroDivisionError: the strap's battery is empty"
    (one,) = stored(tmp_path)
    assert one.times().size == ending.frames > 5
    end = time.monotonic() + 5
    while not session.failure:
        assert time.monotonic() < end
        time.sleep(0.01)
    with pytest.raises(RuntimeError, match="battery"):
        begin(session, tmp_path, 1.0)


def test_a_camera_that_ends_ends_the_recording(tmp_path: Path) -> None:
    times = [i / FPS for i in range(60)]
    film = write_video(tmp_path / "short.mkv", skin(times, 72.0), FPS)
    with LiveSession(film) as live, RecordingSession(live, MadeUpSensor()) as session:
        begin(session, tmp_path / "all", 60.0)
        ending = session.wait(20.0)
    assert ending is not None
    assert ending.end is End.CAMERA
    assert ending.reason.endswith("short.mkv: has ended")
    (one,) = stored(tmp_path / "all")
    assert 60 >= one.times().size == ending.frames > 50


def test_it_can_be_stopped_and_the_next_one_begun(
    session: RecordingSession, tmp_path: Path
) -> None:
    for _ in range(2):
        begin(session, tmp_path, 60.0)
        time.sleep(0.4)
        assert session.progress.frames > 3
        session.stop()
    ends = [one.metadata["ended"]["why"] for one in stored(tmp_path)]
    assert ends == ["stopped", "stopped"]


def test_the_page_shows_the_note_of_a_recording(session: RecordingSession) -> None:
    session.live.note = "recording in 3 s"
    message = json.loads(page_messages.state(session.live, session.live.snapshot, ()))
    assert message["note"] == "recording in 3 s"


def test_the_command_records_and_goes_on_where_it_was(clip: Path, tmp_path: Path) -> None:
    """Without a face in the film there is no heart rate: exit code 3."""
    pytest.importorskip("serial", reason="a sensor at a serial port needs the extra 'record'")
    options = (
        *("--sensor", tmp_path / "port", "--camera", clip, "--duration", 1.5, "--countdown", 0),
        *("--skip-check", "--consent", "--subject", 7, "--codec", "h264"),
    )
    command = [sys.executable, "-m", "rppg_fast.cli", "record", tmp_path / "all", *options]
    with MadeUpBoard(tmp_path / "port"):
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3, done.stderr
    folder, report = done.stdout.splitlines()
    assert "s007-r001: 1.5 s" in folder
    assert "0 dropped" in folder
    assert "camera no_face" in report
    (one,) = stored(tmp_path / "all")
    assert one.whole
    assert one.metadata["codec"] == "h264"
    assert one.metadata["ended"]["clock"]["round_trips"] > 5
    again = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)
    assert again.returncode == 0
    assert "subject 7 has 1 whole recordings" in again.stdout


def test_a_full_disk_ends_the_recording_with_a_line(clip: Path, tmp_path: Path) -> None:
    """The system refuses files of more than 300 kB, as a full disk would."""
    pytest.importorskip("serial", reason="a sensor at a serial port needs the extra 'record'")
    options = ("--duration", 30, "--countdown", 0, "--skip-check", "--no-report", "--subject", 1)
    places = ("record", tmp_path / "all", "--sensor", tmp_path / "port", "--camera", clip)
    limit = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (300000, 300000));"
        "from rppg_fast.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", limit, *map(str, (*places, *options))]
    with MadeUpBoard(tmp_path / "port"):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == BAD_INPUT, done.stderr
    assert "video.mkv: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    (one,) = stored(tmp_path / "all")
    assert one.metadata["ended"]["why"] == "disk"
    frames = sum(1 for _ in rf.open_source(one.folder / "video.mkv"))
    assert 0 <= frames - one.times().size <= 1
    assert frames > 5


@pytest.mark.skipif(sys.platform != "linux", reason="cameras are read otherwise there")
def test_a_camera_is_read_by_ffmpeg_with_the_drivers_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []

    def camera(*arguments: object) -> None:
        asked.append(arguments)
        raise rf.VideoError("camera 3: cannot be opened")

    class Board(MadeUpSensor):
        def __init__(self, *arguments: object) -> None:
            super().__init__()

    monkeypatch.setattr("rppg_fast.sources.camera.FFmpegCamera", camera)
    monkeypatch.setattr("rppg_fast.record.sensor.make_sensor", Board)
    arguments = ["record", str(tmp_path), "--camera", "3", "--fps", "25", "--size", "320x240"]
    assert main(arguments) == BAD_INPUT
    assert asked == [(3, 25.0, (320, 240))]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--duration", "0"), "--duration must be positive, is 0"),
        (("--recordings", "0"), "--recordings must be positive, is 0"),
        (("--subject", "0"), "--subject must be a number from 1 on, is 0"),
        (("--sensor", "/nowhere/port"), "/nowhere/port"),
        (("--sensor", "/nowhere/mine.py:Mine"), "/nowhere/mine.py: no such file"),
        (("--rate", "60"), "rate must be one of (25, 50, 100) samples per second, got 60"),
    ],
)
def test_what_is_wrong_is_one_line(
    options: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["record", str(tmp_path), *options]) == BAD_INPUT
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("rppg-fast: ")
    assert said in line
    assert not stored(tmp_path)
