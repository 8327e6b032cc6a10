"""Recordings of people: the data sets' layouts, the truth in a PPG, the cache made of them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("scipy", "av", "tqdm", "torch"):
    pytest.importorskip(module, reason="reading recordings needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from training.data import preprocess as preprocess_module  # noqa: E402
from training.data.clips import LEVELS, Clips, ClipWriter  # noqa: E402
from training.data.codec import write_video  # noqa: E402
from training.data.ingredients import OFF, Law, OneOf  # noqa: E402
from training.data.preprocess import (  # noqa: E402
    ENDS_APART,
    FAILED,
    PARTS,
    Part,
    Work,
    main,
    make_part,
    preprocess,
)
from training.data.pulse import PulseWave, label  # noqa: E402
from training.data.recordings import LAYOUTS, MAX_GAP, Recording, Trace, find  # noqa: E402
from training.data.render import place_in_frame, render  # noqa: E402
from training.data.scene import sample_scene  # noqa: E402
from training.data.timeline import pulse_wave  # noqa: E402
from training.data.truth import SHORTEST, truth  # noqa: E402
from training.data.write_ubfc import write_ground_truth  # noqa: E402
from training.splits import Split, deal  # noqa: E402

Values = NDArray[np.float64]
Frame = NDArray[np.uint8]

SPLIT = Path(__file__).parents[1] / "training" / "splits" / "ubfc-rppg.json"

# A PPG between its samples at 25 Hz and at the ends of the filter: small beside its deviation of 1.
PULSE_TOLERANCE = 0.02
# The spectrum of a window of 10 s whose rate is constant.
RATE_TOLERANCE = 0.1
# A window sees the mean of a rate that rises by 0.5 bpm a second.
RISING_RATE_TOLERANCE = 0.5
# What the task asks of a whole recording, which has ends.
CORRELATION = 0.99
# The true rate of a beating heart is not constant within 10 s.
SCENE_RATE_TOLERANCE = 3.0
# Half a step of what is stored, and the rounding of float32.
STORED_TOLERANCE = 0.51 / LEVELS
# Written with 8 digits.
TEXT_TOLERANCE = 1e-6


# Recordings of noise, for the readers.

COUNT = 7


def noise(seed: int, count: int = COUNT, width: int = 18, height: int = 14) -> list[Frame]:
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, 256, (count, height, width, 3), np.uint8))


def trace_values(count: int, fs: float, start: float = 0.0) -> tuple[Values, Values]:
    times = start + np.arange(count) / fs
    return np.sin(2 * np.pi * 1.2 * times), times


def uneven(count: int = COUNT) -> Values:
    """Times of frames as UBFC-rPPG has them: in pairs."""
    return np.arange(count) / 30 + 0.01 * (np.arange(count) % 2)


@dataclass
class Written:
    """What stands in a folder that a test has written."""

    frames: list[Frame]
    times: Values
    ppg: Values
    ppg_times: Values


def write_ubfc_1(place: Path, seed: int = 0, video: str = "vid.avi") -> Written:
    place.mkdir(parents=True)
    frames = noise(seed)
    write_video(place / video, frames, "raw", 28, 1)
    ppg, times = trace_values(40, 62)
    rows = (f"{round(1000 * t)},81,98,{v:.6f}" for t, v in zip(times, ppg))
    (place / "gtdump.xmp").write_text("\n".join(rows) + "\n")
    return Written(frames, np.arange(COUNT) / 28, ppg, np.round(times, 3))


def write_ubfc_2(place: Path, seed: int = 0, frames: int = COUNT, values: int = COUNT) -> Written:
    place.mkdir(parents=True)
    pictures = noise(seed, frames)
    write_video(place / "vid.avi", pictures, "raw", 30, 1)
    times = uneven(values)
    ppg = np.sin(2 * np.pi * 1.2 * times)
    write_ground_truth(place / "ground_truth.txt", ppg, np.full(values, 72.0), times)
    return Written(pictures, times, ppg, times)


def write_pure(place: Path, seed: int = 0) -> Written:
    (place / place.name).mkdir(parents=True)
    frames = noise(seed, width=17, height=13)
    # Nineteen digits, as the set has them: float64 cannot hold them.
    begin = 1392643993642815001
    stamps = [begin + round(t * 1e9) for t in uneven()]
    for stamp, frame in zip(stamps, frames):
        cv2.imwrite(str(place / place.name / f"Image{stamp}.png"), frame)
    ppg, times = trace_values(20, 60, -0.05)
    package = [
        {"Timestamp": begin + round(t * 1e9), "Value": {"waveform": float(v), "pulseRate": 72}}
        for t, v in zip(times, ppg)
    ]
    log = {"/FullPackage": package, "/Image": [{"Timestamp": stamp} for stamp in stamps]}
    (place / f"{place.name}.json").write_text(json.dumps(log))
    return Written(frames, uneven(), ppg, times)


def write_phys(place: Path, seed: int = 0, tasks: tuple[int, ...] = (1, 2, 3)) -> Written:
    place.mkdir(parents=True)
    frames = noise(seed)
    ppg, times = trace_values(30, 64)
    for task in tasks:
        write_video(place / f"vid_{place.name}_T{task}.avi", frames, "raw", 35, 1)
        text = "\n".join(f"{v:.6f}" for v in ppg)
        (place / f"bvp_{place.name}_T{task}.csv").write_text(text + "\n")
    return Written(frames, np.arange(COUNT) / 35, ppg, times)


def write_own(place: Path, seed: int = 0, stamped: bool = True, fps: float = 30.0) -> Written:
    place.mkdir(parents=True)
    frames = noise(seed)
    write_video(place / "video.mkv", frames, "ffv1", fps, 1)
    times = np.arange(COUNT) / fps
    if stamped:
        times = 100 + uneven()
        rows = "\n".join(f"{t:.6f}" for t in times)
        (place / "frames.csv").write_text(f"time_s\n{rows}\n")
    ppg, ppg_times = trace_values(25, 25, times[0])
    rows = "\n".join(f"{t:.6f}, {v:.6f}" for t, v in zip(ppg_times, ppg))
    (place / "ppg.csv").write_text(f"time_s,ppg\n{rows}\n")
    return Written(frames, times, ppg, ppg_times)


CASES: list[tuple[str, str, Callable[[Path], Written]]] = [
    ("ubfc-rppg-1", "after-exercise", write_ubfc_1),
    ("ubfc-rppg-1", "12-gt", lambda place: write_ubfc_1(place, video="vid-12.avi")),
    ("ubfc-rppg-2", "subject1", write_ubfc_2),
    ("pure", "01-02", write_pure),
    ("ubfc-phys", "s1", write_phys),
    ("own", "anna monday", write_own),
    ("own", "anna tuesday", lambda place: write_own(place, stamped=False, fps=25.0)),
]


@pytest.mark.parametrize(("layout", "name", "write"), CASES)
def test_frames_and_trace_are_what_the_files_hold(
    layout: str, name: str, write: Callable[[Path], Written], tmp_path: Path
) -> None:
    written = write(tmp_path / name)
    recording = find(layout, tmp_path)[0]
    seen = list(recording.frames())
    # Without loss: also no swap of colours, and no frame twice.
    np.testing.assert_array_equal([frame for frame, _ in seen], written.frames)
    np.testing.assert_allclose([time for _, time in seen], written.times, atol=TEXT_TOLERANCE)
    trace = recording.trace()
    np.testing.assert_allclose(trace.ppg, written.ppg, atol=TEXT_TOLERANCE)
    np.testing.assert_allclose(trace.times, written.ppg_times, atol=TEXT_TOLERANCE)


def test_recordings_come_in_order_with_their_subjects(tmp_path: Path) -> None:
    def listed(layout: str) -> list[tuple[str, str]]:
        return [(r.name, r.subject) for r in find(layout, tmp_path / layout)]

    for name in ("subject10", "subject2", "subject1", "notes", ".hidden"):
        (tmp_path / "ubfc-rppg-2" / name).mkdir(parents=True)
    names = ("subject1", "subject2", "subject10")
    assert listed("ubfc-rppg-2") == [(name, name) for name in names]

    for name in ("10-01", "01-02", "01-01", "readme"):
        (tmp_path / "pure" / name).mkdir(parents=True)
    assert listed("pure") == [("01-01", "01"), ("01-02", "01"), ("10-01", "10")]

    for name in ("s10", "s9", "scripts"):
        (tmp_path / "ubfc-phys" / name).mkdir(parents=True)
    tasks = [(f"{s}_T{task}", s) for s in ("s9", "s10") for task in (1, 2, 3)]
    assert listed("ubfc-phys") == tasks

    for name in ("after-exercise", "12-gt", "5-gt", ".hidden"):
        (tmp_path / "ubfc-rppg-1" / name).mkdir(parents=True)
    names = ("5-gt", "12-gt", "after-exercise")
    assert listed("ubfc-rppg-1") == [(name, name) for name in names]

    for name in ("monday", "tuesday"):
        (tmp_path / "own" / name).mkdir(parents=True)
    (tmp_path / "own" / "monday" / "subject.txt").write_text("anna\n")
    assert listed("own") == [("monday", "anna"), ("tuesday", "tuesday")]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_without_recordings_is_refused(layout: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"{tmp_path.name}.*{layout}"):
        find(layout, tmp_path)
    with pytest.raises(OSError, match="nowhere"):
        find(layout, tmp_path / "nowhere")


def test_a_data_set_one_folder_too_deep_is_refused(tmp_path: Path) -> None:
    write_pure(tmp_path / "PURE" / "01-01")
    with pytest.raises(ValueError, match=tmp_path.name):
        find("pure", tmp_path)


def test_an_unknown_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="vipl"):
        find("vipl", tmp_path)


def test_a_subject_without_a_name_is_refused(tmp_path: Path) -> None:
    write_own(tmp_path / "monday")
    (tmp_path / "monday" / "subject.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"monday.subject\.txt"):
        find("own", tmp_path)


# Broken recordings: layout, how it is written, what breaks it, what the message must name.

Break = Callable[[Path], object]


def edit(name: str, old: str, new: str) -> Break:
    def change(place: Path) -> None:
        path = place / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def lines(name: str, change: Callable[[list[str]], list[str]]) -> Break:
    def rewrite(place: Path) -> None:
        path = place / name
        path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")

    return rewrite


def remove(name: str) -> Break:
    return lambda place: (place / name).unlink()


def fill(name: str, content: bytes) -> Break:
    return lambda place: (place / name).write_bytes(content)


def swap(rows: list[str]) -> list[str]:
    return [*rows[:3], rows[4], rows[3], *rows[5:]]


def first_image(place: Path) -> Path:
    return min((place / place.name).iterdir())


def rewrite_pure(change: Callable[[dict[str, list[dict[str, object]]]], object]) -> Break:
    def rewrite(place: Path) -> None:
        path = place / "x.json".replace("x", place.name)
        log = json.loads(path.read_text())
        change(log)
        path.write_text(json.dumps(log))

    return rewrite


WRITERS: dict[str, tuple[str, Callable[[Path], Written]]] = {
    "ubfc-rppg-1": ("5-gt", write_ubfc_1),
    "ubfc-rppg-2": ("subject1", write_ubfc_2),
    "pure": ("01-02", write_pure),
    "ubfc-phys": ("s1", write_phys),
    "own": ("anna", write_own),
}

BROKEN: list[tuple[str, Break, str]] = [
    # Files that are missing, of another kind, or there twice.
    ("ubfc-rppg-1", remove("vid.avi"), r"5-gt: no vid\*\.avi"),
    ("ubfc-rppg-1", remove("gtdump.xmp"), r"gtdump\.xmp"),
    ("ubfc-rppg-1", fill("vid-2.avi", b""), r"5-gt: both vid-2\.avi and vid\.avi"),
    ("ubfc-rppg-1", fill("gtdump.xmp", b""), r"gtdump\.xmp"),
    ("ubfc-rppg-1", fill("gtdump.xmp", b"\xff\xfe"), r"gtdump\.xmp: not a text"),
    ("ubfc-rppg-2", remove("vid.avi"), r"vid\.avi"),
    ("ubfc-rppg-2", fill("vid.avi", b"no video"), r"vid\.avi"),
    ("ubfc-rppg-2", remove("ground_truth.txt"), r"ground_truth\.txt"),
    ("pure", remove("01-02.json"), r"01-02\.json"),
    ("pure", fill("01-02.json", b"{"), r"01-02\.json: not a log"),
    ("pure", fill("01-02.json", b"[]"), r"01-02\.json: not a log"),
    ("pure", rewrite_pure(lambda log: log.pop("/FullPackage")), r"01-02\.json.*/FullPackage"),
    ("pure", rewrite_pure(lambda log: log["/FullPackage"][3].pop("Value")), r"01-02\.json.*Value"),
    ("pure", lambda place: first_image(place).write_bytes(b"no"), r"Image\d+\.png: not a picture"),
    ("ubfc-phys", remove("vid_s1_T1.avi"), r"s1: no vid_s1_T1\.avi"),
    ("ubfc-phys", remove("bvp_s1_T1.csv"), r"bvp_s1_T1\.csv"),
    ("own", remove("video.mkv"), r"anna: no video"),
    ("own", fill("video.avi", b""), r"anna: both video\.avi and video\.mkv"),
    ("own", remove("ppg.csv"), r"ppg\.csv"),
    # Numbers that are none, and tables of another shape.
    ("ubfc-rppg-1", edit("gtdump.xmp", ",98,", ","), r"gtdump\.xmp.*4 columns.*\[3, 4\]"),
    ("ubfc-rppg-1", edit("gtdump.xmp", ",98,0.0", ",98,x0.0"), r"gtdump\.xmp.*x0\.0"),
    ("ubfc-phys", edit("bvp_s1_T1.csv", "0.0", "nan #"), r"bvp_s1_T1\.csv"),
    ("ubfc-phys", edit("bvp_s1_T1.csv", "0.000000", "inf"), r"bvp_s1_T1\.csv.*not finite"),
    ("own", edit("ppg.csv", "time_s,ppg\n", ""), r"ppg\.csv.*'time_s,ppg'"),
    ("own", edit("frames.csv", "time_s", "time"), r"frames\.csv.*'time_s'"),
    # Lengths that disagree.
    ("own", lines("frames.csv", lambda rows: rows[:-1]), r"video\.mkv: 7 frames.*csv has 6"),
    ("pure", lambda place: first_image(place).unlink(), r"6 images.*json lists 7"),
    ("pure", rewrite_pure(lambda log: log["/Image"].pop()), r"7 images.*json lists 6"),
    ("pure", rewrite_pure(lambda log: log["/Image"].clear()), r"01-02\.json: lists no image"),
    # Times that go back, or leave out a beat.
    ("ubfc-rppg-1", lines("gtdump.xmp", swap), r"gtdump\.xmp.*go back"),
    ("own", lines("ppg.csv", swap), r"ppg\.csv.*go back"),
    ("pure", rewrite_pure(lambda log: log["/FullPackage"].reverse()), r"01-02\.json.*go back"),
    ("own", lines("ppg.csv", lambda rows: rows[:2]), r"ppg\.csv.*at least two"),
    ("own", lines("ppg.csv", lambda rows: [*rows, "110,0"]), r"ppg\.csv: no sample.*110\.000 s"),
]


@pytest.mark.parametrize(("layout", "broken", "message"), BROKEN)
def test_a_broken_recording_is_refused_by_name(
    layout: str, broken: Break, message: str, tmp_path: Path
) -> None:
    name, write = WRITERS[layout]
    write(tmp_path / name)
    broken(tmp_path / name)
    recording = find(layout, tmp_path)[0]
    with pytest.raises((OSError, ValueError), match=message):
        recording.trace(), list(recording.frames())


@pytest.mark.parametrize(
    ("frames", "values", "good"), [(20, 23, True), (23, 20, True), (20, 24, False), (24, 20, False)]
)
def test_a_trace_with_a_value_for_each_frame_may_be_off_by_a_few(
    frames: int, values: int, good: bool, tmp_path: Path
) -> None:
    written = write_ubfc_2(tmp_path / "subject1", frames=frames, values=values)
    recording = find("ubfc-rppg-2", tmp_path)[0]
    if good:
        times = [time for _, time in recording.frames()]
        np.testing.assert_allclose(times, written.times[:20], atol=TEXT_TOLERANCE)
    else:
        with pytest.raises(ValueError, match=rf"vid\.avi: {frames} frames.*{values} values"):
            list(recording.frames())


def test_the_sample_of_the_real_set_is_a_torn_recording(data: Path) -> None:
    recording = find("ubfc-rppg-2", data / "ubfc_format")[0]
    trace = recording.trace()
    assert np.all(np.diff(trace.times) > 0)
    # The file has 1547 values, one of which repeats a time.
    assert trace.times.size == 1546
    with pytest.raises(ValueError, match=r"74 frames.*1547 values"):
        list(recording.frames())


# The truth.


def sine(bpm: float, fs: float, start: float, end: float) -> Trace:
    times = np.arange(start, end, 1 / fs)
    return Trace(40 + 7 * np.sin(2 * np.pi * bpm / 60 * times), times)


@pytest.mark.parametrize("bpm", [48.0, 78.0, 170.0])
def test_a_sine_stays_itself(bpm: float) -> None:
    times = np.sort(np.random.default_rng(1).uniform(3, 23, 601))
    known = truth(sine(bpm, 25, 0, 26), times)
    expected = np.sqrt(2) * np.sin(2 * np.pi * bpm / 60 * times)
    # To the deviation of 20 s, which hold no whole number of beats.
    assert np.abs(known.pulse - expected).max() < 2 * PULSE_TOLERANCE
    np.testing.assert_allclose(known.heart_rate, bpm, atol=RATE_TOLERANCE)


@pytest.mark.parametrize("shape", ["finger", "sine"])
def test_recorded_and_synthetic_pulses_have_one_definition(shape: str) -> None:
    """A wave sampled like a recording gives what ``label`` makes of the wave itself."""
    laws: dict[str, Law] = {"pulse.baseline": OFF}
    scene = sample_scene(4, 2, laws)
    wave = PulseWave(replace(scene.pulse, shape=shape), np.random.default_rng(5))
    times = 10 + np.arange(300) / 30
    samples = np.arange(0, 30, 1 / 60)
    # Offset and gain are the sensor's own.
    known = truth(Trace(512 + 90 * wave.ppg(samples), samples), times)
    np.testing.assert_allclose(known.pulse, label(wave, times), atol=PULSE_TOLERANCE)


def test_the_ends_of_a_trace_cost_little() -> None:
    """Trace and video begin and end together: the filter sees nothing beyond."""
    for index in range(8):
        wave = pulse_wave(sample_scene(6, index))
        times = np.arange(0, 20, 1 / 30)
        samples = np.arange(0, 20, 1 / 60)
        found = truth(Trace(wave.ppg(samples), samples), times).pulse
        assert np.corrcoef(found, label(wave, times))[0, 1] > CORRELATION


def test_the_heart_rate_follows_the_heart() -> None:
    times = np.arange(0, 60, 1 / 64)
    rate = 60 + 0.5 * times
    phase = 2 * np.pi / 60 * (60 * times + 0.25 * times**2)
    frames = np.arange(5, 55, 1 / 30)
    found = truth(Trace(np.sin(phase), times), frames).heart_rate
    np.testing.assert_allclose(found, np.interp(frames, times, rate), atol=RISING_RATE_TOLERANCE)


def test_a_trace_shorter_than_a_window_has_one_heart_rate() -> None:
    found = truth(sine(90, 60, 0, 6), np.arange(0.5, 5.5, 1 / 30)).heart_rate
    assert np.ptp(found) == 0
    assert abs(found[0] - 90) < 1


def test_a_trace_that_tells_nothing_is_refused() -> None:
    times = np.arange(1, 11, 1 / 30)
    good = sine(72, 25, 0, 12)
    with pytest.raises(ValueError, match="constant"):
        truth(replace(good, ppg=np.ones(300)), times)
    # The finger slipped out for the whole video, not before it.
    slipped = np.where(good.times < 0.9, good.ppg, 40.0)
    with pytest.raises(ValueError, match="constant"):
        truth(replace(good, ppg=slipped), times)
    with pytest.raises(ValueError, match=r"8\.0 samples a second"):
        truth(sine(72, 8, 0, 12), times)
    with pytest.raises(ValueError, match="beyond"):
        truth(good, times + 2)
    with pytest.raises(ValueError, match="less than 2 s"):
        truth(good, np.arange(1, 1 + SHORTEST - 0.1, 1 / 30))
    with pytest.raises(ValueError, match="less than 2 s"):
        truth(good, np.zeros(0))


def test_windows_without_a_peak_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    times = np.arange(1, 29, 1 / 30)
    read = rf.spectrum
    calls = iter(range(100))

    def blind(pulse: Values, fs: float, low: float, high: float) -> rf.Spectrum:
        spectrum = read(pulse, fs, low, high)
        return replace(spectrum, heart_rate=np.nan) if next(calls) not in keep else spectrum

    keep: set[int] = {2, 9}
    monkeypatch.setattr(rf, "spectrum", blind)
    found = truth(sine(72, 25, 0, 30), times).heart_rate
    np.testing.assert_allclose(found, 72, atol=RATE_TOLERANCE)
    keep.clear()
    with pytest.raises(ValueError, match="no peak"):
        truth(sine(72, 25, 0, 30), times)


def test_a_trace_names_its_file_and_its_gap() -> None:
    times = np.array([0.0, 0.5, 0.5, 1.0, 1.0 + 1.01 * MAX_GAP])
    with pytest.raises(ValueError, match=r"here: no sample from 1\.000 s to 3\.020 s"):
        Trace.checked(Path("here"), times, times)
    # A repeated time says nothing new.
    assert Trace.checked(Path("here"), times[:4], times[:4]).times.tolist() == [0.0, 0.5, 1.0]


# Faces.

SIZE = (320, 240)
SECONDS = 11.0
FPS = 20.0
SCENE_SEED = 9


@dataclass
class Filmed:
    """A rendered face with its pulse, of float64 (frames,) times."""

    frames: list[Frame]
    times: Values
    wave: PulseWave


def film(index: int) -> Filmed:
    steady: dict[str, Law] = {
        "camera.fps": OneOf((FPS,)),
        "camera.time_jitter": OFF,
        "camera.drops": OFF,
    }
    scene = sample_scene(SCENE_SEED, index, steady)
    times = np.arange(int(SECONDS * FPS)) / FPS
    frames = [np.array(f) for f in render(scene, place_in_frame(scene, *SIZE), times)]
    return Filmed(frames, times, pulse_wave(scene))


@pytest.fixture(scope="module")
def face() -> Filmed:
    return film(0)


def write_face(place: Path, face: Filmed) -> None:
    """Write a recording of DATASET_2."""
    place.mkdir(parents=True)
    write_video(place / "vid.avi", face.frames, "raw", FPS, 1)
    wave = face.wave
    write_ground_truth(
        place / "ground_truth.txt", wave.ppg(face.times), wave.heart_rate(face.times), face.times
    )


@pytest.fixture(scope="module")
def people(face: Filmed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """DATASET_2 with two faces, one of them mirrored, and three recordings of no use."""
    folder = tmp_path_factory.mktemp("DATASET_2")
    write_face(folder / "subject1", face)
    mirrored = [np.ascontiguousarray(frame[:, ::-1]) for frame in face.frames]
    write_face(folder / "subject3", replace(face, frames=mirrored))
    nobody = [np.full_like(face.frames[0], 90)] * len(face.frames)
    write_face(folder / "subject4", replace(face, frames=nobody))
    (folder / "subject5").mkdir()
    write_ubfc_2(folder / "subject8", frames=9, values=30)
    return folder


USABLE = ["subject1", "subject3"]
REASONS = {
    "subject4": "no face in the first 5 s",
    "subject5": "ground_truth.txt",
    "subject8": "subject8/vid.avi: 9 frames, but ground_truth.txt has 30 values",
}


def work(people: Path, out: Path, box_scale: float = 1.6) -> Work:
    return Work("ubfc-rppg-2", people, out, box_scale, find("ubfc-rppg-2", people))


@pytest.fixture(scope="module")
def cache(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("cache")
    preprocess(work(people, out))
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_cache_holds_the_faces_and_their_pulse(face: Filmed, cache: Path) -> None:
    clips = Clips.open(cache)
    assert [clip.name for clip in clips.clips] == clips.subjects == USABLE
    detector = rf.MTCNN()
    for i, flip in enumerate((1, -1)):
        frames = clips[i]
        filmed = [np.ascontiguousarray(frame[:, ::flip]) for frame in face.frames]
        found = rf.largest_face(detector(filmed[0]))
        assert found is not None
        box = rf.face_box(found, *SIZE, 1.6)
        expected = np.stack([rf.appearance(frame, box) for frame in filmed])
        seen = frames.appearance / LEVELS
        assert np.abs(seen - expected).max() <= STORED_TOLERANCE
        np.testing.assert_allclose(frames.times, face.times, atol=TEXT_TOLERANCE)
        assert np.corrcoef(frames.pulse, label(face.wave, face.times))[0, 1] > CORRELATION
        rate = face.wave.heart_rate(face.times)
        np.testing.assert_allclose(frames.heart_rate.mean(), rate.mean(), atol=SCENE_RATE_TOLERANCE)
        assert clips.clips[i].heart_rate == pytest.approx(frames.heart_rate.mean(), abs=1e-3)
        assert clips.clips[i].fps == pytest.approx(FPS)


def test_unusable_recordings_are_listed_with_their_reasons(cache: Path, people: Path) -> None:
    with (cache / FAILED).open(newline="") as file:
        failed = {row["name"]: row["reason"] for row in csv.DictReader(file)}
    assert list(failed) == list(REASONS)
    for name, reason in REASONS.items():
        assert reason in failed[name]
    # Where the data lay is nobody's business.
    for name, text in content(cache).items():
        assert os.fsencode(people.parent) not in text, name


def test_the_description_says_what_it_is(cache: Path) -> None:
    about = json.loads((cache / "clips.json").read_text())
    assert "ubfc-rppg-2" in about["description"]
    assert "2 recordings of 2 subjects, box scale 1.6" in about["description"]
    assert set(about["boxes"]) == set(USABLE)
    assert about["settings"]["recordings"] == [*USABLE, *REASONS]


class Killed(BaseException):
    """Nothing catches it."""


def kill_at(call: int, function: Callable[..., object]) -> Callable[..., object]:
    """Wrap a function so that its ``call``-th call ends the run."""
    calls = iter(range(1, 100))

    def wrapped(*arguments: object) -> object:
        if next(calls) == call:
            raise Killed
        return function(*arguments)

    return wrapped


def test_a_run_that_was_killed_goes_on(
    people: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "cache"
    with monkeypatch.context() as patch:
        patch.setattr(preprocess_module, "make_part", kill_at(2, make_part))
        with pytest.raises(Killed):
            preprocess(work(people, out))
    with pytest.raises(FileNotFoundError):
        Clips.open(out)
    assert [path.name for path in (out / PARTS).iterdir()] == ["subject1.npz"]
    made = []

    def noted(recording: Recording, box_scale: float) -> Part:
        made.append(recording.name)
        return make_part(recording, box_scale)

    # Again, while the finished ones are copied.
    with monkeypatch.context() as patch:
        patch.setattr(preprocess_module, "make_part", noted)
        patch.setattr(ClipWriter, "write", kill_at(2, ClipWriter.write))
        with pytest.raises(Killed):
            preprocess(work(people, out))
    assert made == ["subject3", *REASONS]
    assert set(preprocess(work(people, out))) == set(REASONS)
    assert content(out) == content(cache)


def test_a_finished_cache_is_left_alone(
    people: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = content(cache)
    monkeypatch.setattr(preprocess_module, "make_part", kill_at(1, make_part))
    assert set(preprocess(work(people, cache))) == set(REASONS)
    assert content(cache) == before


def test_any_number_of_processes_gives_the_same_bits(
    people: Path, cache: Path, tmp_path: Path
) -> None:
    preprocess(work(people, tmp_path / "cache"), workers=2)
    assert content(tmp_path / "cache") == content(cache)


# Videos and traces that do not quite fit; the frames come straight from memory.


def recording(face: Filmed, times: Values, trace: Trace) -> Recording:
    def frames() -> Iterator[tuple[Frame, float]]:
        shared = np.empty_like(face.frames[0])
        for frame, time in zip(face.frames, times):
            shared[:] = frame  # whoever keeps frames instead of reducing them gets the last one
            yield shared, float(time)

    return Recording("one", "one", frames, lambda: trace)


def wide(face: Filmed) -> Trace:
    """Give a trace that begins 3 s before the video and ends 3 s after it."""
    times = np.arange(-3, SECONDS + 3, 1 / 50)
    return Trace(face.wave.ppg(times), times)


def cut(trace: Trace, start: float, end: float) -> Trace:
    inside = (trace.times >= start) & (trace.times <= end)
    return Trace(trace.ppg[inside], trace.times[inside])


@pytest.fixture(scope="module")
def whole(face: Filmed) -> Part:
    return make_part(recording(face, face.times, wide(face)), 1.6)


def test_frames_are_reduced_one_by_one(face: Filmed, whole: Part) -> None:
    assert whole.frames.appearance.shape == (face.times.size, 3, 36, 36)
    last = rf.appearance(face.frames[-1], whole.box) * LEVELS
    assert np.abs(whole.frames.appearance[-1] - last).max() < 1
    assert np.any(whole.frames.appearance[0] != whole.frames.appearance[-1])


def test_frames_that_the_trace_does_not_cover_are_left_out(face: Filmed, whole: Part) -> None:
    trace = cut(wide(face), 0.52, SECONDS - 1.01)
    part = make_part(recording(face, face.times, trace), 1.6)
    kept = (face.times >= trace.times[0]) & (face.times <= trace.times[-1])
    assert 0 < kept.sum() < kept.size - 20
    np.testing.assert_array_equal(part.frames.times, face.times[kept])
    np.testing.assert_array_equal(part.frames.appearance, whole.frames.appearance[kept])
    assert np.corrcoef(part.frames.pulse, label(face.wave, face.times[kept]))[0, 1] > CORRELATION


@pytest.mark.parametrize("end", ["start", "end"])
def test_a_trace_that_misses_too_much_is_refused(end: str, face: Filmed) -> None:
    late = ENDS_APART + 0.1
    trace = cut(wide(face), late if end == "start" else -3, SECONDS - (late if end == "end" else 0))
    with pytest.raises(ValueError, match=r"the video goes from 0\.00 s.*the PPG from"):
        make_part(recording(face, face.times, trace), 1.6)


def test_a_frame_that_repeats_a_time_is_left_out(face: Filmed, whole: Part) -> None:
    times = face.times.copy()
    times[[40, -1]] = times[[39, -2]]
    part = make_part(recording(face, times, wide(face)), 1.6)
    kept = np.delete(np.arange(times.size), [40, times.size - 1])
    np.testing.assert_array_equal(part.frames.times, times[kept])
    np.testing.assert_array_equal(part.frames.appearance, whole.frames.appearance[kept])


@pytest.mark.parametrize("wrong", [1.0, np.nan, np.inf])
def test_frame_times_that_are_no_times_are_refused(wrong: float, face: Filmed) -> None:
    times = face.times.copy()
    times[40] = wrong
    with pytest.raises(ValueError, match="frame 40: the time"):
        make_part(recording(face, times, wide(face)), 1.6)


@pytest.mark.parametrize(("empty", "first"), [(1, 10), (31, 40), (101, None)])
def test_a_face_is_looked_for_every_half_second(
    empty: int, first: int | None, face: Filmed
) -> None:
    """At 20 frames a second: frames 0, 10, ... 100, and then no more."""
    nobody = np.full_like(face.frames[0], 90)
    late = replace(face, frames=[nobody] * empty + face.frames[empty:])
    made = recording(late, face.times, wide(face))
    if first is None:
        with pytest.raises(ValueError, match="no face in the first 5 s"):
            make_part(made, 1.6)
    else:
        np.testing.assert_array_equal(make_part(made, 1.6).frames.times, face.times[first:])


# The command line.


def run(people: Path, out: Path, *options: str) -> int:
    return main(["--layout", "ubfc-rppg-2", "--data", str(people), "--out", str(out), *options])


def test_the_command_says_what_is_not_in_the_cache(
    people: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(people, cache) == 3
    said = capsys.readouterr().err
    assert "3 of 5 recordings are not in the cache" in said
    for name, reason in REASONS.items():
        assert any(name in line and reason in line for line in said.splitlines())


def test_all_recordings_usable_is_success(face: Filmed, tmp_path: Path) -> None:
    write_face(tmp_path / "set" / "subject1", face)
    assert run(tmp_path / "set", tmp_path / "cache") == 0
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == sorted(
        [
            "appearance.npy",
            "clips.json",
            "heart_rate.npy",
            "pulse.npy",
            "settings.json",
            "times.npy",
        ]
    )


def test_the_version_of_the_data_follows_their_content(face: Filmed, tmp_path: Path) -> None:
    """Same names, lengths, box and heart rate, but one frame repeats the one before."""
    other = replace(face, frames=[*face.frames[:40], face.frames[39], *face.frames[41:]])
    versions = []
    for name, filmed in (("a", face), ("b", other)):
        write_face(tmp_path / name / "subject1", filmed)
        assert run(tmp_path / name, tmp_path / f"cache {name}") == 0
        clips = Clips.open(tmp_path / f"cache {name}")
        versions.append((clips.clips, clips.sha256))
    assert versions[0][0] == versions[1][0]
    assert versions[0][1] != versions[1][1]


def test_nothing_usable_is_an_error_that_can_be_mended(
    face: Filmed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "set" / "subject1"
    place.mkdir(parents=True)
    assert run(tmp_path / "set", tmp_path / "cache") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ")
    assert FAILED in said
    assert "ground_truth.txt" in (tmp_path / "cache" / FAILED).read_text()
    place.rmdir()
    write_face(place, face)
    assert run(tmp_path / "set", tmp_path / "cache") == 0
    assert not (tmp_path / "cache" / FAILED).exists()


@pytest.mark.parametrize(
    "options",
    [("--box-scale", "1.2"), ("--box-scale", "0"), ("--box-scale", "nan"), ("--workers", "0")],
)
def test_wrong_options_are_errors(
    options: tuple[str, ...], people: Path, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1.2 is another box than that of the cache that is there."""
    before = content(cache)
    assert run(people, cache, *options) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert content(cache) == before


def test_a_folder_of_something_else_is_left_alone(
    people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis.txt").write_text("long")
    assert run(people, tmp_path) == 2
    assert capsys.readouterr().err.startswith(f"error: {tmp_path} holds something else")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert run(tmp_path / "nowhere", tmp_path / "out") == 2
    assert run(tmp_path, tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()


# The split.


def test_the_split_tests_each_subject_once() -> None:
    split = Split.load(SPLIT)
    numbers = [1, 3, 4, 5, *range(8, 19), 20, *range(22, 28), *range(30, 50)]
    subjects = [f"subject{number}" for number in numbers]
    assert len(subjects) == 42
    tested = [subject for fold in split.folds for subject in fold.test]
    assert sorted(tested) == sorted(subjects)
    assert sorted(len(fold.test) for fold in split.folds) == [8, 8, 8, 9, 9]
    for fold in split.folds:
        assert not fold.validation
        assert sorted((*fold.train, *fold.test)) == sorted(subjects)
    # As the file says that it was made.
    assert [fold.test for fold in split.folds] == deal(subjects, 5, 0)
