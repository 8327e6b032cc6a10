from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.measurement import measure_frames
from rppg_fast.monitor import METHODS
from rppg_fast.reference import Reference
from tests.support.clips import BOX, frame_times, skin, write_video
from tests.support.signal_reference import zero_phase

RATE_TOLERANCE_BPM = 0.7
# Methods whose peaks a reading of a method may have.
SOURCES = {"fusion": {"student", "pos", "chrom"}}
# The weights of windows are at least 1e-3.
WEIGHT_TOLERANCE_BPM = 0.01
# SciPy also filters in float64.
FILTER_TOLERANCE = 1e-9


@pytest.fixture(scope="module")
def clip_72(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = skin([t - 1.0 for t in frame_times(30.0, 14.0)], 72.0)
    return write_video(tmp_path_factory.mktemp("clips") / "skin72.avi", frames, 30.0)


@pytest.mark.parametrize("method", METHODS)
def test_measure_is_push_frame_by_frame_to_the_last_bit(method: str, clip_72: Path) -> None:
    options: dict[str, Any] = {"method": method, "box": BOX}
    whole = rf.measure(clip_72, **options)
    again = rf.measure(clip_72, **options)
    monitor, other = (rf.HeartRateMonitor(**options) for _ in range(2))
    pieces = []
    readings = [monitor.push(frame, time) for frame, time in rf.open_source(clip_72)]
    for frame, time in rf.open_source(clip_72):
        other.push(frame, time)
        pieces.append(other.fetch_unfiltered()[1])
    pulse = np.concatenate(pieces)
    s = rf.PulseSettings()
    expected = zero_phase(pulse, s.low, s.high, s.rate, s.order)
    np.testing.assert_allclose(whole.pulse, expected, atol=FILTER_TOLERANCE * np.abs(pulse).max())
    assert whole.windows == again.windows
    np.testing.assert_array_equal(whole.pulse, again.pulse)
    assert set(whole.windows) <= set(readings)
    assert whole.heart_rate_bpm == again.heart_rate_bpm
    assert whole.heart_rate_bpm == pytest.approx(72.0, abs=RATE_TOLERANCE_BPM)
    assert {w.source for w in whole.windows} <= SOURCES.get(method, {method})


def test_fusion_is_the_students_measurement_where_the_student_is_surest(clip_72: Path) -> None:
    student, fusion = (rf.measure(clip_72, method=m, box=BOX) for m in ("student", "fusion"))
    assert len(student.windows) == len(fusion.windows) > 5
    for alone, together in zip(student.windows, fusion.windows):
        assert together.confidence is not None
        assert alone.confidence is not None
        if together.source == "student":
            assert together == alone
        else:
            assert together.confidence >= alone.confidence
    np.testing.assert_array_equal(student.pulse, fusion.pulse)


def test_a_measurement_says_what_it_measured(clip_72: Path) -> None:
    found = rf.measure(clip_72, box=BOX, step=0.5)
    assert found.video == str(clip_72)
    assert found.method == "fusion"
    assert found.status is rf.Status.OK
    assert (found.frames, found.skipped_frames) == (421, 0)
    assert found.duration_s == pytest.approx(14.0, abs=0.01)
    assert found.fps == pytest.approx(30.0, abs=0.01)
    assert found.box == rf.Box(*BOX)
    ends = [window.end_s for window in found.windows]
    assert 4.9 <= ends[0] <= 5.0  # a first reading after half a window
    np.testing.assert_allclose(np.diff(ends), 0.5, atol=0.04)
    assert ends[-1] > 13.4
    assert found.coverage == 1.0
    starts = [window.start_s for window in found.windows]
    assert starts[:10] == [0.0] * 10  # only the last reading of a growing window counts
    counted = found.windows[starts.count(0.0) - 1 :]
    rates = np.array([window.candidate_bpm for window in counted], float)
    weights = [(w.confidence or 0.0) * w.coverage for w in counted]
    mean = np.average(rates, weights=weights)
    assert found.heart_rate_bpm == pytest.approx(mean, abs=WEIGHT_TOLERANCE_BPM)
    spread = np.sqrt(np.average((rates - mean) ** 2, weights=weights))
    assert found.spread_bpm == pytest.approx(spread, abs=WEIGHT_TOLERANCE_BPM)
    assert found.snr_db == pytest.approx(np.median([w.snr_db for w in found.windows]))
    assert found.times.shape == found.pulse.shape == (420,)


def test_progress_counts_every_frame(clip_72: Path) -> None:
    counts: list[int] = []
    rf.measure(clip_72, box=BOX, progress=counts.append)
    assert counts == list(range(1, 422))


def test_json_is_the_documented_one(clip_72: Path) -> None:
    found = json.loads(json.dumps(rf.measure(clip_72, box=BOX).to_dict(), allow_nan=False))
    assert list(found) == [
        "video", "status", "heart_rate_bpm", "snr_db", "confidence", "coverage", "spread_bpm",
        "candidate_bpm", "obstacles", "conditions", "frames", "skipped_frames", "damaged_frames",
        "duration_s", "fps", "box", "turned", "method", "windows",
    ]  # fmt: skip
    assert list(found["windows"][0]) == [
        "start_s", "end_s", "heart_rate_bpm", "snr_db", "confidence", "coverage", "candidate_bpm",
        "source", "status", "time_s",
    ]  # fmt: skip
    assert found["status"] == "ok"
    assert found["windows"][0]["source"] == "student"
    assert found["windows"][0]["candidate_bpm"] == found["windows"][0]["heart_rate_bpm"]
    assert found["box"] == list(BOX)
    assert found["obstacles"] == []
    assert list(found["conditions"]) == [
        "brightness", "clipped", "movement", "color", "side_px", "bits_per_pixel",
    ]  # fmt: skip


def test_a_damaged_file_says_so_as_the_decoder_sees_it(clip_72: Path, tmp_path: Path) -> None:
    """The file is cut inside a frame: that frame is damaged, and the rest is missing."""
    cut = tmp_path / clip_72.name
    cut.write_bytes(clip_72.read_bytes()[: clip_72.stat().st_size // 2])
    read = sum(1 for _ in rf.VideoFile(cut))
    assert 150 < read < 300
    found = rf.measure(cut, box=BOX)
    assert found.damaged_frames == found.to_dict()["damaged_frames"] == 1
    assert rf.measure(clip_72, box=BOX).damaged_frames == 0


def test_frames_whose_time_stands_still_are_left_out_and_counted() -> None:
    clip = [(frame, time) for frame, time in skin(frame_times(30.0, 11.0), 90.0)]
    repeated = [pair for pair in clip for _ in range(2)]
    monitors = [rf.HeartRateMonitor(box=BOX) for _ in range(2)]
    calm, found = measure_frames(clip, monitors[0]), measure_frames(repeated, monitors[1])
    assert found.windows == calm.windows
    assert (found.frames, found.skipped_frames) == (331, 331)


def test_a_pulse_in_a_part_of_a_recording_is_read_there_alone() -> None:
    """The clip has a pulse for 13 s and is then a photograph for 27 s."""
    times = frame_times(20.0, 40.0)
    alive = skin([t for t in times if t < 14.0], 72.0)
    still = skin([t for t in times if t >= 14.0], 72.0, amplitude=0.0)
    found = measure_frames([*alive, *still], rf.HeartRateMonitor(box=BOX))
    read = [w for w in found.windows if w.status is rf.Status.OK]
    assert read
    assert all(w.start_s < 14.0 for w in read)
    assert all(w.heart_rate_bpm == pytest.approx(72.0, abs=2 * RATE_TOLERANCE_BPM) for w in read)
    assert found.coverage < 0.7
    if found.heart_rate_bpm is not None:
        assert found.heart_rate_bpm == pytest.approx(72.0, abs=RATE_TOLERANCE_BPM)


def test_nothing_to_measure() -> None:
    found = measure_frames([], rf.HeartRateMonitor(box=BOX))
    assert found.status is rf.Status.NO_FACE
    assert (found.heart_rate_bpm, found.frames, found.windows) == (None, 0, ())


@pytest.mark.parametrize("fps", [15.0, 29.97, 60.0])
def test_windows_keep_to_their_step_at_any_frame_rate(fps: float) -> None:
    clip = skin(frame_times(fps, 20.0), 72.0)
    found = measure_frames(clip, rf.HeartRateMonitor(box=BOX), step=0.5)
    ends = np.array([window.end_s for window in found.windows])
    assert 30 <= ends.size <= 31
    np.testing.assert_allclose(ends, ends[0] + 0.5 * np.arange(ends.size), atol=0.07)


def test_a_rate_for_an_open_video_is_refused(clip_72: Path) -> None:
    with pytest.raises(ValueError, match="belongs to the VideoFile"):
        rf.measure(rf.VideoFile(clip_72), fps=10.0)


def test_a_box_of_any_integers_goes_into_json(clip_72: Path) -> None:
    found = rf.measure(clip_72, box=np.array(BOX))
    assert json.loads(json.dumps(found.to_dict()))["box"] == list(BOX)
    with pytest.raises(TypeError):
        rf.measure(clip_72, box=(0.0, 0.0, 40.0, 40.0))  # type: ignore[arg-type]


@pytest.mark.parametrize("step", [0.0, -1.0, float("nan")])
def test_bad_steps_are_named(step: float) -> None:
    with pytest.raises(ValueError, match="step must be a positive number"):
        measure_frames([], rf.HeartRateMonitor(box=BOX), step=step)


def write_reference(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", "ascii")
    return path


def test_a_reference_is_read_and_brought_to_the_grid(tmp_path: Path) -> None:
    times = np.arange(0, 20, 1 / 61.0)
    ppg = 40.0 + np.sin(2 * np.pi * 1.3 * times)
    rates = np.full_like(times, 78.0)
    rows = [" ".join(f"{v:.7e}" for v in row) for row in (ppg, rates, times)]
    reference = Reference.read(write_reference(tmp_path / "ground_truth.txt", *rows))
    assert reference.mean_heart_rate(3.0, 9.0) == pytest.approx(78.0)
    at, pulse = reference.pulse()
    assert rf.spectrum(pulse[-300:], 30.0).heart_rate == pytest.approx(78.0, abs=0.3)
    np.testing.assert_allclose(np.diff(at), 1 / 30.0)
    with pytest.raises(ValueError, match="no sample between 30"):
        reference.mean_heart_rate(30.0, 40.0)


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        (("1 2 3", "60 60 60"), r"three rows of equal length .* has rows of \[3, 3\]"),
        (("1 2 3", "60 60", "0 1 2"), r"has rows of \[3, 2, 3\]"),
        (("1 2 x", "60 60 60", "0 1 2"), "not a table of numbers"),
        (("1 2 nan", "60 60 60", "0 1 2"), "not finite"),
        (("1 2 3", "60 60 60", "0 2 1"), "never go back"),
        (("1", "60", "0"), "at least two"),
    ],
)
def test_broken_references_are_named(tmp_path: Path, rows: tuple[str, ...], named: str) -> None:
    path = write_reference(tmp_path / "truth.txt", *rows)
    with pytest.raises(ValueError, match=r"truth\.txt: .*" + named):
        Reference.read(path)


def test_fields_have_one_name_in_python_and_json_and_old_names_still_work(clip_72: Path) -> None:
    found = rf.measure(clip_72, box=BOX)
    window = found.windows[-1]
    about = found.to_dict()
    for result, known in ((found, about), (window, window.to_dict())):
        for name, value in known.items():
            if name not in ("box", "windows", "conditions", "obstacles"):
                assert getattr(result, name) == value
    assert about["windows"] == [one.to_dict() for one in found.windows]
    of_both = {"heart_rate": "heart_rate_bpm"}
    of_found = {"spread": "spread_bpm", "duration": "duration_s", "skipped": "skipped_frames"}
    of_found |= {"damaged": "damaged_frames"}
    of_window = {"candidate": "candidate_bpm", "time": "time_s", "start": "start_s", "end": "end_s"}
    for result, names in ((found, of_both | of_found), (window, of_both | of_window)):
        for name, new in names.items():
            with pytest.warns(DeprecationWarning, match=f"{name} is now {new}") as warned:
                assert getattr(result, name) == getattr(result, new)
            assert warned[0].filename == __file__
    method = "to_json"
    with pytest.warns(DeprecationWarning, match="to_json is now to_dict"):
        assert getattr(found, method)() == about
