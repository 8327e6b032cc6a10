"""A board at a serial port: its times, lost lines, unplugging, and what is refused."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("serial", reason="a sensor at a serial port needs the extra 'record'")

from rppg_fast.record.sensor import Sample, make_sensor
from rppg_fast.record.serial_sensor import SerialSensor
from tests.support.made_up_board import MadeUpBoard

#: Of a sample's time, s: what is asked for. This board answers every 4 ms, in Python.
JITTER = 10e-3


def collect(sensor: SerialSensor, seconds: float) -> list[Sample]:
    found, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
        found += sensor.read()
    return found


def errors(samples: list[Sample], board: MadeUpBoard) -> np.ndarray:
    """Return the error of each sample's time, s, from the slope of the pulse where it is steep."""
    found = []
    for at, value in samples:
        near = at + np.linspace(-0.05, 0.05, 1001)
        expected = np.array([board.value(t) for t in near])
        if np.abs(np.gradient(expected)).min() > 0.05:
            found.append(near[np.abs(expected - value).argmin()] - at)
    return np.array(found)


def test_samples_have_the_hosts_times(tmp_path: Path) -> None:
    board = MadeUpBoard(tmp_path / "port", ppm=400.0)
    with board, SerialSensor(str(tmp_path / "port")) as sensor:
        samples = collect(sensor, 1.5)
        statistics = sensor.statistics()
    times = np.array([one.time_s for one in samples])
    assert (np.diff(times) > 0).all()
    assert len(samples) > 100
    late = errors(samples, board)
    assert late.size > 20
    assert np.abs(late).max() < JITTER
    assert statistics.lost_samples == 0
    assert statistics.clock is not None
    assert statistics.clock.round_trips > 10


def test_lost_and_damaged_lines_are_counted(tmp_path: Path) -> None:
    board = MadeUpBoard(tmp_path / "port", lost=frozenset({60, 61, 90}), damaged=frozenset({100}))
    with board, SerialSensor(str(tmp_path / "port")) as sensor:
        collect(sensor, 1.5)
        statistics = sensor.statistics()
    assert statistics.lost_samples == 4
    assert statistics.damaged_lines == 1


def test_a_board_that_is_unplugged_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rppg_fast.record.serial_sensor._OPEN_AGAIN", 0.1)
    board = MadeUpBoard(tmp_path / "port")
    with board, SerialSensor(str(tmp_path / "port")) as sensor:
        before = collect(sensor, 0.5)
        board.pull_out()
        assert not collect(sensor, 0.4)[20:]
        board.plug_in()
        after = collect(sensor, 1.0)
        statistics = sensor.statistics()
    assert len(before) > 30
    assert len(after) > 50
    assert after[0].time_s - before[-1].time_s > 0.3
    assert statistics.reconnections == 1
    assert np.abs(errors(after, board)).max() < JITTER  # its clock began again at 0


def test_the_infrared_channel_is_taken_first_and_turned_round(tmp_path: Path) -> None:
    with MadeUpBoard(tmp_path / "port", channels="AI") as board:
        with SerialSensor(str(tmp_path / "port"), rate=50) as sensor:
            samples = collect(sensor, 0.5)
        assert sensor.full_scale == 262143
    assert min(one.value for one in samples) > 262143 - 1023
    assert 50 in board.rates


@pytest.mark.parametrize(
    ("board", "channel", "said"),
    [
        ({"silent": True}, None, "no samples come: is the sketch of recorder/arduino on the board"),
        ({"version": 9}, None, "speaks version 9 of the protocol"),
        ({"channels": "A"}, "I", "has the channels A, not I"),
    ],
)
def test_a_board_that_does_not_answer_is_named(
    board: dict[str, object],
    channel: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rppg_fast.record.serial_sensor._FIRST_SAMPLE", 0.7)
    port = tmp_path / "port"
    with MadeUpBoard(port, **board), pytest.raises(OSError, match=said):  # type: ignore[arg-type]
        SerialSensor(str(port), channel=channel).open()


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        SerialSensor(str(tmp_path / "nowhere")).open()
    with pytest.raises(ValueError, match="rate must be one of"):
        SerialSensor(rate=60)
    with pytest.raises(ValueError, match="channel must be one of"):
        SerialSensor(channel="X")


def test_a_sensor_of_ones_own_is_found_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from rppg_fast.record import Sensor, SensorStatistics\n"
        "class Mine(Sensor):\n"
        "    name = 'mine'\n"
        "    def open(self): pass\n"
        "    def read(self): return []\n"
        "    def close(self): pass\n"
        "    def statistics(self): return SensorStatistics(0)\n"
    )
    assert make_sensor(f"{file}:Mine", 100, None).name == "mine"
    with pytest.raises(ValueError, match="has no class Other that is a"):
        make_sensor(f"{file}:Other", 100, None)
    with pytest.raises(FileNotFoundError, match="no such file"):
        make_sensor(f"{tmp_path}/none.py:Mine", 100, None)
