"""The pulse of a measurement as a table, a file and a data frame."""

from __future__ import annotations

import csv
import errno
import importlib.util
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.cli import BAD_INPUT, NO_HEART_RATE, OK, main
from rppg_fast.pulse_files import FORMATS
from rppg_fast.waveform import pulse_columns
from tests.support.clips import BOX, SIZE, frame_times, skin, write_video

BOX_TEXT = ",".join(map(str, BOX))
COLUMNS = [
    "time_s", "pulse", "status", "heart_rate_bpm", "confidence", "coverage", "x0", "y0", "x1", "y1",
]  # fmt: skip
# Median error of an interval of a pulse of 72 bpm, s.
BEAT_TOLERANCE = 0.01


@pytest.fixture(scope="module")
def measured() -> rf.Measurement:
    """Return a measurement of a pulse of 72 bpm with a pause of five seconds."""
    times = frame_times(30.0, 30.0)
    frames = [pair for pair in skin(times, 72.0) if not 14.0 < pair[1] < 19.0]
    return rf.measure(frames, box=BOX)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("waveform") / "skin.avi"
    return str(write_video(path, skin(frame_times(30.0, 12.0), 72.0), 30.0))


def by_hand(measurement: rf.Measurement, time: float) -> rf.Reading | None:
    """Return the window that describes a sample, as the documentation says it."""
    inside = [w for w in measurement.windows if w.start_s <= time <= w.end_s]
    warm = [w for w in inside if w.status is not rf.Status.WARMING_UP]
    return min(warm or inside, key=lambda w: abs(time - 0.5 * (w.start_s + w.end_s)), default=None)


def test_each_sample_has_the_window_around_it(measured: rf.Measurement) -> None:
    columns = pulse_columns(measured)
    assert list(columns) == COLUMNS
    assert {len(column) for column in columns.values()} == {measured.times.size}
    for i, time in enumerate(measured.times.tolist()):
        window = by_hand(measured, time)
        assert columns["status"][i] == (None if window is None else window.status.value)
        for name in ("heart_rate_bpm", "confidence", "coverage"):
            value = None if window is None else getattr(window, name)
            np.testing.assert_equal(columns[name][i], np.nan if value is None else value)
    assert "ok" in columns["status"]


def test_the_box_is_that_of_the_newest_frame() -> None:
    class Moved:
        """A box that jumps, as a face that is found again."""

        def __iter__(self) -> Iterator[tuple[Any, float]]:
            for i, (frame, time) in enumerate(skin(frame_times(30.0, 8.0), 72.0)):
                if i == 120:
                    monitor.rebox(frame, rf.Box(4, 0, SIZE, SIZE))
                yield frame, time

    monitor = rf.HeartRateMonitor(box=BOX)
    found = rf.measure_frames(Moved(), monitor)
    assert found.boxes is not None
    assert found.boxes.dtype == np.int32
    before = found.times < 1.0 + 120 / 30
    assert {tuple(box) for box in found.boxes[before].tolist()} == {BOX}
    assert {tuple(box) for box in found.boxes[~before].tolist()} == {(4, 0, SIZE, SIZE)}


def test_a_csv_holds_every_sample(measured: rf.Measurement, tmp_path: Path) -> None:
    rf.write_pulse(measured, tmp_path / "p.csv")
    with (tmp_path / "p.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == COLUMNS
    columns = pulse_columns(measured)
    for name in COLUMNS:
        cells = [row[name] for row in rows]
        if name == "status":
            assert cells == [text or "" for text in columns[name]]
        else:
            values = [float(cell) if cell else np.nan for cell in cells]
            np.testing.assert_allclose(values, np.asarray(columns[name], float), atol=1e-5)


def test_a_parquet_holds_every_sample(measured: rf.Measurement, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow.parquet", reason="needs the extra 'parquet'")
    rf.write_pulse(measured, tmp_path / "p.parquet")
    table = pyarrow.read_table(tmp_path / "p.parquet")
    columns = pulse_columns(measured)
    assert table.column_names == COLUMNS
    assert table["status"].to_pylist() == columns["status"]
    for name in COLUMNS:
        if name != "status":
            values = [np.nan if v is None else v for v in table[name].to_pylist()]
            np.testing.assert_array_equal(values, columns[name])
    assert table.schema.metadata[b"method"] == measured.method.encode()


@pytest.mark.parametrize("start", [0.0, 5000.0])
def test_an_edf_holds_every_sample_and_no_person_or_date(
    measured: rf.Measurement, start: float, tmp_path: Path
) -> None:
    pyedflib = pytest.importorskip("pyedflib", reason="needs the extra 'edf'")
    name = "private name.avi"
    windows = tuple(
        w._replace(start_s=w.start_s + start, end_s=w.end_s + start) for w in measured.windows
    )
    late = replace(measured, video=name, times=measured.times + start, windows=windows)
    rf.write_pulse(late, tmp_path / "p.edf")
    head = (tmp_path / "p.edf").read_bytes()[:256]
    assert head[8:88].split() == [b"X"] * 4
    assert head[88:168].split()[:4] == [b"Startdate", b"X", b"X", b"X"]
    assert b"private" not in (tmp_path / "p.edf").read_bytes()
    columns = pulse_columns(late)
    places = np.round((late.times - late.times[0]) * 30).astype(int)
    with pyedflib.EdfReader(str(tmp_path / "p.edf")) as reader:
        assert reader.getSignalLabels() == [c for c in COLUMNS if c not in ("time_s", "status")]
        assert set(reader.getSampleFrequencies()) == {30.0}
        assert reader.getPhysicalDimension(0) == "SD"
        for channel, label in enumerate(reader.getSignalLabels()):
            signal = reader.readSignal(channel)
            empty = 0.0 if label == "pulse" else -1.0
            wanted = np.nan_to_num(np.asarray(columns[label], float), nan=empty)
            # The library cuts off the fraction of a step.
            limits = reader.getPhysicalMaximum(channel), reader.getPhysicalMinimum(channel)
            step = (limits[0] - limits[1]) / 65535
            np.testing.assert_allclose(signal[places], wanted, atol=step)
            np.testing.assert_allclose(np.delete(signal, places), empty, atol=step)
        onsets, durations, texts = reader.readAnnotations()
    assert texts[0] == f"first sample at {late.times[0]:.4f} s"
    said = [texts[1:][onsets[1:] <= place / 30 + 1e-3][-1] for place in places]
    assert said == [text or "no_window" for text in columns["status"]]
    hole = texts.tolist().index("no_pulse")
    assert durations[hole] == pytest.approx(5.0, abs=0.2)


def test_many_changes_of_status_are_all_written(measured: rf.Measurement, tmp_path: Path) -> None:
    """Each record of an EDF+ file has room for as many annotations as its header reserves."""
    pyedflib = pytest.importorskip("pyedflib", reason="needs the extra 'edf'")
    statuses = (rf.Status.OK, rf.Status.LOW_SIGNAL)
    first = measured.windows[0]
    windows = tuple(
        first._replace(status=statuses[i % 2], start_s=1 + i / 5, end_s=1 + (i + 1) / 5)
        for i in range(60)
    )
    rf.write_pulse(replace(measured, windows=windows), tmp_path / "p.edf")
    with pyedflib.EdfReader(str(tmp_path / "p.edf")) as reader:
        texts = reader.readAnnotations()[2].tolist()
    assert texts.count("ok") == texts.count("low_signal") == 30


@pytest.mark.parametrize("rate", [20.0, 25.5, 29.97])
def test_an_edf_has_the_sampling_rate_of_the_settings(rate: float, tmp_path: Path) -> None:
    pyedflib = pytest.importorskip("pyedflib", reason="needs the extra 'edf'")
    settings = rf.PulseSettings(rate=rate)
    found = rf.measure(list(skin(frame_times(30.0, 8.0), 72.0)), box=BOX, settings=settings)
    rf.write_pulse(found, tmp_path / "p.edf")
    with pyedflib.EdfReader(str(tmp_path / "p.edf")) as reader:
        assert reader.getSampleFrequencies()[0] == pytest.approx(rate, rel=1e-4)
        signal = reader.readSignal(0)[: found.times.size]
    np.testing.assert_allclose(signal, found.pulse, atol=1e-3)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_full_disk_leaves_the_file_as_it_was(
    measured: rf.Measurement, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = FORMATS[ending]
    if needed is not None:
        pytest.importorskip(needed[0], reason=f"needs the extra {needed[1]!r}")
    path = tmp_path / f"p{ending}"
    path.write_text("before")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as failed:
        rf.write_pulse(measured, path)
    assert failed.value.filename == str(path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_an_edf_that_the_library_cut_short_is_an_error(
    measured: rf.Measurement, tmp_path: Path
) -> None:
    """The library does not report a disk that is full."""
    pytest.importorskip("pyedflib", reason="needs the extra 'edf'")
    resource = pytest.importorskip("resource", reason="limits the size of a file")
    signal = pytest.importorskip("signal")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8000, limits[1]))
        with pytest.raises(OSError, match="Input/output error"):
            rf.write_pulse(measured, tmp_path / "p.edf")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", [ending for ending, needed in FORMATS.items() if needed])
def test_a_missing_package_is_named_before_the_video_is_read(
    ending: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["measure", "no such file.mp4", "--pulse", f"p{ending}"]) == BAD_INPUT
    package, extra = FORMATS[ending] or ("", "")
    needs = f'{ending} files need {package}: pip install "rppg_fast[{extra}]"'
    assert capsys.readouterr().err == f"rppg-fast: {needs}\n"


def test_the_command_line_writes_a_pulse(clip: str, tmp_path: Path) -> None:
    target = tmp_path / "p.csv"
    assert main(["measure", clip, "--box", BOX_TEXT, "--pulse", str(target)]) == OK
    assert len(target.read_text().splitlines()) == 1 + rf.measure(clip, box=BOX).times.size


def test_without_a_face_there_is_no_pulse_and_no_file(
    clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "p.csv"
    assert main(["measure", clip, "--pulse", str(target)]) == NO_HEART_RATE
    assert capsys.readouterr().err == f"rppg-fast: {target}: there is no pulse to write\n"
    assert not target.exists()
    with pytest.raises(ValueError, match="there is no pulse to write"):
        rf.write_pulse(rf.measure(clip), target)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["a.mp4", "b.mp4", "--pulse", "p.csv"], "--pulse writes one face in one video"),
        (["a.mp4", "--faces", "all", "--pulse", "p.csv"], "--pulse writes one face in one video"),
        (["a.mp4", "--out", "r.csv", "--pulse", "p.csv"], "--pulse writes one face in one video"),
        (["a.mp4", "--pulse", "p.txt"], "p.txt: the name must end in .csv, .parquet or .edf"),
        (["a.mp4", "--pulse", "-"], "-: the name must end in .csv, .parquet or .edf"),
    ],
)
def test_what_cannot_be_written_is_named(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["measure", *options]) == BAD_INPUT
    assert said in capsys.readouterr().err


def test_a_folder_is_not_replaced(measured: rf.Measurement, tmp_path: Path) -> None:
    (tmp_path / "p.csv").mkdir()
    with pytest.raises(ValueError, match=r"p\.csv: not a file"):
        rf.write_pulse(measured, tmp_path / "p.csv")


def test_beats_are_those_of_the_windows_that_are_ok(measured: rf.Measurement) -> None:
    found = measured.beats()
    assert found.times.size > 20
    for time in found.times.tolist():
        window = by_hand(measured, time)
        assert window is not None
        assert window.status is rf.Status.OK
    good = found.intervals[found.good]
    assert good.size > 15
    assert np.median(np.abs(good - 60 / 72)) < BEAT_TOLERANCE
    assert not ((found.times > 14.1) & (found.times < 18.9)).any()
    assert found.sdnn is None


def test_a_window_that_is_not_ok_gives_no_beats(measured: rf.Measurement) -> None:
    low = tuple(w._replace(status=rf.Status.LOW_SIGNAL) for w in measured.windows)
    assert replace(measured, windows=low).beats().times.size == 0
    assert replace(measured, windows=()).beats().times.size == 0


def test_data_frames_hold_windows_and_pulse(measured: rf.Measurement) -> None:
    pandas = pytest.importorskip("pandas", reason="needs the extra 'pandas'")
    windows = measured.to_dataframe()
    assert list(windows.columns) == list(measured.windows[0].to_dict())
    for name in windows.columns:
        values = [window.to_dict()[name] for window in measured.windows]
        assert [None if pandas.isna(v) else v for v in windows[name]] == values
    pulse = measured.to_dataframe("pulse")
    assert list(pulse.columns) == COLUMNS
    np.testing.assert_array_equal(pulse["pulse"], measured.pulse)
    assert pulse["x0"].dtype == np.int32
    none = replace(measured, windows=(), times=np.empty(0), pulse=np.empty(0), boxes=None)
    assert len(none.to_dataframe()) == len(none.to_dataframe("pulse")) == 0
    assert none.to_dataframe().dtypes["heart_rate_bpm"] == windows.dtypes["heart_rate_bpm"]
    with pytest.raises(ValueError, match="what must be 'windows' or 'pulse', got 'beats'"):
        measured.to_dataframe("beats")


def test_without_pandas_the_remedy_is_named(
    measured: rf.Measurement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r'pip install "rppg_fast\[pandas\]"'):
        measured.to_dataframe()
