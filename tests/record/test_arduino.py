"""The real sketch in simavr, recorded by the real command: times, kills, pulled plugs."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("serial", reason="a sensor at a serial port needs the extra 'record'")
pytest.importorskip("skimage", reason="the person's portrait needs the extra 'train'")

import rppg_fast as rf
from rppg_fast.record.clock import ClockStatistics
from rppg_fast.record.recording import Stored, stored
from rppg_fast.record.report import pulse_delay
from rppg_fast.record.serial_sensor import SerialSensor
from rppg_fast.reference import as_reference
from tests.support.arduino import Arduino, build, skip_without_tools
from tests.support.clips import write_video
from tests.support.people import Person, filmed, still

pytestmark = [pytest.mark.slow, pytest.mark.alone]

Floats = NDArray[np.float64]
Built = tuple[Path, Path]

BPM = 72.0
FPS = 30.0
#: Of the time of a sample against the time of a frame, s: what is asked for.
TOLERANCE = 10e-3
#: What a kill may lose, s: what is asked for.
LOSS = 1.0
#: Bits of the number of a frame in its top left corner, and their side in pixels.
BITS, SIDE = 11, 8


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return the compiled sketch and the simulation."""
    skip_without_tools()
    return build(tmp_path_factory.mktemp("arduino"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a film of a person with a pulse of ``BPM``, each frame with its number."""
    times = [i / FPS for i in range(1350)]
    frames = filmed([Person(BPM, still(220.0))], times)
    return write_video(tmp_path_factory.mktemp("clip") / "face.mkv", numbered(frames), FPS)


def numbered(
    frames: Iterator[tuple[NDArray[np.uint8], float]],
) -> Iterator[tuple[NDArray[np.uint8], float]]:
    for number, (frame, at) in enumerate(frames):
        for bit in range(BITS):
            frame[:SIDE, bit * SIDE : (bit + 1) * SIDE] = 255 * (number >> bit & 1)
        yield frame, at


def number_of(frame: NDArray[np.uint8]) -> int:
    middle = SIDE // 2
    return sum(int(frame[middle, bit * SIDE + middle, 1] > 127) << bit for bit in range(BITS))


def command(folder: Path, clip: Path, port: Path, *options: object) -> list[str]:
    arguments = ("record", folder, "--camera", clip, "--sensor", port, "--consent", *options)
    return [sys.executable, "-m", "rppg_fast.cli", *map(str, arguments)]


def delays(times: Floats, values: Floats, epoch: float, piece: float = 3.0) -> Floats:
    """Return by how much the times are late in each piece, s, by the phase of the pulse."""
    found = []
    omega = 2 * np.pi * BPM / 60
    for begin in np.arange(times[0], times[-1] - piece, piece):
        inside = (times >= begin) & (times < begin + piece)
        at = omega * (times[inside] - epoch)
        basis = np.stack([np.sin(at), np.cos(at), np.sin(2 * at), np.cos(2 * at), np.ones(at.size)])
        sine, cosine = np.linalg.lstsq(basis.T, values[inside], rcond=None)[0][:2]
        found.append(-np.arctan2(cosine, sine) / omega)
    return np.array(found)


# --- The sketch -------------------------------------------------------------------------------


def listen(port: Path, seconds: float, rate: int = 100) -> tuple[Floats, Floats, SerialSensor]:
    with SerialSensor(str(port), rate=rate) as sensor:
        found, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.1)
            found += sensor.read()
    times, values = np.array(found, np.float64).T
    return times, values, sensor


@pytest.mark.parametrize("sensor", ["PulseSensor", "max30102"])
@pytest.mark.parametrize("rate", [25, 100])
def test_samples_have_the_time_of_the_pulse(
    sensor: str, rate: int, board: Built, tmp_path: Path
) -> None:
    """A board whose clock is 2000 ppm fast, as a cheap resonator may be."""
    port = tmp_path / "port"
    epoch = time.monotonic()
    sensors = () if sensor == "PulseSensor" else (sensor,)
    with Arduino(board, port, bpm=BPM, epoch=epoch, ppm=2000.0, sensors=sensors):
        times, values, opened = listen(port, 14.0, rate)
    assert (np.diff(times) > 0).all()
    assert np.median(np.diff(times)) == pytest.approx(1 / rate, rel=0.1)
    late = delays(times[rate:], values[rate:], epoch)
    assert late.size >= 3
    assert np.abs(late).max() < TOLERANCE
    statistics = opened.statistics()
    clock = statistics.clock
    assert isinstance(clock, ClockStatistics)
    # The simulation falls behind for a moment where other programs take the processor.
    assert clock.drift_ppm == pytest.approx(-2000, abs=1000)
    assert statistics.lost_samples == 0


def test_lost_characters_are_counted_as_lost_samples(board: Built, tmp_path: Path) -> None:
    port = tmp_path / "port"
    with Arduino(board, port, lose_every=499):
        times, _, opened = listen(port, 8.0)
    statistics = opened.statistics()
    span = times[-1] - times[0]
    assert statistics.lost_samples > 10
    assert statistics.damaged_lines > 10
    taken = statistics.samples + statistics.lost_samples
    assert taken == pytest.approx(100 * span, abs=30)  # until the clock was known


# --- The command ------------------------------------------------------------------------------


def green(recording: Stored) -> tuple[Floats, Floats, list[int]]:
    """Return times, the blood volume in the face by its mean green, and the frames' numbers."""
    times, values, numbers = recording.times(), [], []
    for frame, _ in rf.VideoFile(recording.folder / "video.mkv"):
        values.append(-float(frame[60:180, 160:280, 1].mean()))
        numbers.append(number_of(frame))
    return times, np.array(values[: times.size]), numbers


@pytest.fixture(scope="module")
def recorded(
    board: Built, clip: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Stored, float]:
    """Return a recording by the command, and the time at which the finger's pulse began."""
    folder = tmp_path_factory.mktemp("recorded")
    port, epoch = folder / "port", time.monotonic()
    with Arduino(board, port, bpm=BPM, epoch=epoch, ppm=300.0):
        done = subprocess.run(
            command(folder, clip, port, "--duration", 15, "--countdown", 1),
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    (one,) = stored(folder)
    return one, epoch


def error_of(delay: float, known: float) -> float:
    """Return the difference of two delays, s; a whole beat is none."""
    return (delay - known + 30 / BPM) % (60 / BPM) - 30 / BPM


def test_the_delay_between_video_and_finger_is_found_again(
    recorded: tuple[Stored, float],
) -> None:
    one, epoch = recorded
    assert one.whole
    times, volume, numbers = green(one)
    assert numbers == list(range(numbers[0], numbers[0] + times.size))  # no frame is missing

    # The film shows the pulse from its own beginning on, which lay here on the host's clock:
    began = times - np.array(numbers) / FPS + one.metadata["monotonic_start_s"]
    assert np.ptp(began) < TOLERANCE
    known = float(np.median(began)) - epoch
    finger, seen = as_reference(*one.ppg()), as_reference(times, volume)
    found, correlation = pulse_delay(*seen.pulse(), *finger.pulse())
    assert correlation > 0.95
    assert abs(error_of(found, known)) < TOLERANCE
    # The network's pulse, too: it is that of the changes between frames.
    report = json.loads((one.folder / "report.json").read_text())
    assert abs(error_of(report["delay_s"], known)) < TOLERANCE


def test_the_report_compares_camera_and_finger(recorded: tuple[Stored, float]) -> None:
    folder = recorded[0].folder
    report = json.loads((folder / "report.json").read_text())
    assert report["finger_bpm"] == pytest.approx(BPM, abs=1.0)
    assert report["camera_bpm"] == pytest.approx(BPM, abs=1.0)
    assert report["mean_error_bpm"] < 1.0
    assert report["wrong_windows"] == 0
    assert (folder / "report.png").stat().st_size > 10_000


def test_training_takes_the_recording(recorded: tuple[Stored, float], tmp_path: Path) -> None:
    """The face at 36x36 with the pulse of the finger, which is that of the film."""
    pytest.importorskip("torch", reason="training needs the extra 'train'")
    from training.data.clips import Clips
    from training.data.preprocess import main as preprocess

    data = str(recorded[0].folder.parent)
    assert preprocess(["--layout", "own", "--data", data, "--out", str(tmp_path / "clips")]) == 0
    (clip,) = Clips.open(tmp_path / "clips").clips
    assert clip.subject == "1"
    assert clip.stop - clip.start == recorded[0].times().size
    assert clip.heart_rate == pytest.approx(BPM, abs=1.0)


def test_a_kill_at_any_moment_loses_less_than_a_second(
    board: Built, clip: Path, tmp_path: Path
) -> None:
    port, folder = tmp_path / "port", tmp_path / "all"
    random.seed(int.from_bytes(os.urandom(4), "big"))
    options = ("--duration", 60, "--countdown", 0, "--skip-check", "--subject", 1)
    with Arduino(board, port, bpm=BPM):
        for count in range(1, 11):
            process = subprocess.Popen(
                command(folder, clip, port, *options), stderr=subprocess.PIPE, text=True
            )
            try:
                video = folder / f"s001-r{count:03d}" / "video.mkv"
                end = time.monotonic() + 40
                while not video.exists() or video.stat().st_size < 100_000:
                    assert process.poll() is None, process.communicate()[1]
                    assert time.monotonic() < end
                    time.sleep(0.02)
                time.sleep(random.uniform(0.2, 2.0))
                os.kill(process.pid, signal.SIGKILL)
                killed = time.monotonic()
            finally:
                process.kill()
                process.communicate()
            one = stored(folder)[-1]
            assert one.number == count
            start = one.metadata["monotonic_start_s"]
            times, (ppg_times, _) = one.times(), one.ppg()
            frames = sum(1 for _ in rf.open_source(video))
            assert 0 <= frames - times.size <= 1
            assert killed - (start + times[-1]) < LOSS
            assert killed - (start + ppg_times[-1]) < LOSS
    ends = [one.metadata["ended"] for one in stored(folder)]
    assert [end and end["why"] for end in ends] == ["interrupted"] * 9 + [None]


def test_a_pulled_plug_ends_a_recording_and_the_next_one_begins(
    board: Built, clip: Path, tmp_path: Path
) -> None:
    port, folder = tmp_path / "port", tmp_path / "all"
    options = ("--duration", 8, "--countdown", 0, "--skip-check", "--no-report", "--subject", 1)
    with Arduino(board, port, bpm=BPM, epoch=time.monotonic()) as arduino:
        process = subprocess.Popen(
            command(folder, clip, port, *options),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        video = folder / "s001-r001" / "video.mkv"
        end = time.monotonic() + 40
        while not video.exists() or video.stat().st_size < 3_000_000:
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < end
            time.sleep(0.05)
        arduino.pull_out()
        time.sleep(4)
        arduino.plug_in()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    first, second = stored(folder)
    assert first.metadata["ended"]["why"] == "sensor"
    assert "no sample for 2 s" in said
    assert first.times().size > 10
    assert second.whole
    late = delays(*shifted(second), epoch=0.0, piece=2.5)
    assert np.ptp(np.unwrap(late, period=60 / BPM)) < TOLERANCE  # on one clock throughout


def shifted(one: Stored) -> tuple[Floats, Floats]:
    times, values = one.ppg()
    return times + one.metadata["monotonic_start_s"], values
