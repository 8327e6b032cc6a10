"""The cache made of recordings: face detection, interrupted runs, and unusable recordings."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("scipy", "av", "tqdm", "torch"):
    pytest.importorskip(module, reason="reading recordings needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from rppg_fast.evaluation.traces import ENDS_APART, Trace  # noqa: E402
from tests.support.made_up_recordings import write_ubfc_2  # noqa: E402
from training.data import preprocess as preprocess_module  # noqa: E402
from training.data.clips import LEVELS, Clips, ClipWriter  # noqa: E402
from training.data.preprocess import (  # noqa: E402
    Part,
    Work,
    main,
    make_part,
    preprocess,
)
from training.data.recording import Recording  # noqa: E402
from training.data.recordings import find  # noqa: E402
from training.data.reduction import FAILED, PARTS  # noqa: E402
from training.data.ubfc_format import write_ground_truth  # noqa: E402
from training.synthetic.codec import write_video  # noqa: E402
from training.synthetic.parameters import OFF, Law, OneOf  # noqa: E402
from training.synthetic.pulse import PulseWave, label  # noqa: E402
from training.synthetic.render import place_in_frame, render  # noqa: E402
from training.synthetic.scene import sample_scene  # noqa: E402
from training.synthetic.timeline import pulse_wave  # noqa: E402

Values = NDArray[np.float64]
Frame = NDArray[np.uint8]


# Required correlation over a whole recording, including its ends.
CORRELATION = 0.99
# The true rate of a heart varies within 10 s.
SCENE_RATE_TOLERANCE = 3.0
# Half a storage step, and float32 rounding.
STORED_TOLERANCE = 0.51 / LEVELS
# The text has 8 digits.
TEXT_TOLERANCE = 1e-6

# Faces.

SIZE = (320, 240)
SECONDS = 11.0
FPS = 20.0
SCENE_SEED = 9


@dataclass
class Filmed:
    """A rendered face with its pulse, at times float64 (frames,)."""

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
    """Write a recording in the layout of DATASET_2."""
    place.mkdir(parents=True)
    write_video(place / "vid.avi", face.frames, "raw", FPS, 1)
    wave = face.wave
    write_ground_truth(
        place / "ground_truth.txt", wave.ppg(face.times), wave.heart_rate(face.times), face.times
    )


@pytest.fixture(scope="module")
def people(face: Filmed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a DATASET_2: two faces, one of them mirrored, and three unusable recordings."""
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
    # The path of the data must not be stored.
    for name, text in content(cache).items():
        assert os.fsencode(people.parent) not in text, name


def test_the_description_says_what_it_is(cache: Path) -> None:
    about = json.loads((cache / "clips.json").read_text())
    assert "ubfc-rppg-2" in about["description"]
    assert "2 recordings of 2 subjects, box scale 1.6" in about["description"]
    assert set(about["boxes"]) == set(USABLE)
    assert about["settings"]["recordings"] == [*USABLE, *REASONS]


class Killed(BaseException):
    """A BaseException, so that no handler catches it."""


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

    # Interrupt again, while the finished recordings are copied.
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


# Videos and traces that do not fit exactly; the frames come from memory.


def recording(face: Filmed, times: Values, trace: Trace) -> Recording:
    def frames() -> Iterator[tuple[Frame, float]]:
        shared = np.empty_like(face.frames[0])
        for frame, time in zip(face.frames, times):
            shared[:] = frame  # code that keeps frames would get the last one
            yield shared, float(time)

    return Recording("one", "one", frames, lambda: trace)


def wide(face: Filmed) -> Trace:
    """Return a trace that begins 3 s before the video and ends 3 s after it."""
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
    """At 20 frames per second, frames 0, 10, ... 100 are searched, and then no more."""
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
    """Names, lengths, box and heart rate are equal, but one frame repeats the previous one."""
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
    """A box scale of 1.2 is not that of the existing cache."""
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
