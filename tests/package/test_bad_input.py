"""Bad input to any part gives a clear error that names it, or is skipped and counted; no crash.

Errors of single functions are tested with those functions.
"""

from __future__ import annotations

import copy
import functools
import math
import pickle
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast import _core
from tests.support.clips import BOX, SIZE, Frame, frame_times, skin
from tests.support.weights import (
    TEACHER_METADATA,
    random_teacher,
    random_tensors,
    safetensors_bytes,
)

GOOD = np.full((48, 64, 3), 90, np.uint8)

BAD_FRAMES: dict[str, Any] = {
    "int8": GOOD.astype(np.int8),
    "16 bits": GOOD.astype(np.uint16) * 256,
    "floats": GOOD / 255.0,
    "no numbers": np.full(GOOD.shape, np.nan),
    "objects": GOOD.astype(object),
    "one channel": GOOD[..., :1],
    "RGBA": np.dstack([GOOD, GOOD[..., :1]]),
    "no rows": GOOD[:0],
    "no columns": GOOD[:, :0],
    "flat": GOOD.ravel(),
    "a scalar": np.array(3, np.uint8),
    "None": None,
    "a list": GOOD.tolist(),
    "bytes": GOOD.tobytes(),
}
ODD_FRAMES: dict[str, Any] = {
    "grey": GOOD[..., 0],
    "planes": rf.YuvFrame(GOOD[..., 0], GOOD[::2, ::2, 1], GOOD[::2, ::2, 2]),
    "one pixel": GOOD[:1, :1],
    "one row": GOOD[:1],
    "one column": GOOD[:, :1],
    "read-only": np.broadcast_to(np.uint8(90), GOOD.shape),
    "backwards": GOOD[::-1, ::-1, ::-1],
    "every third pixel": GOOD[::3, ::3],
    "Fortran's order": np.asfortranarray(GOOD),
    "half of RGBA": np.dstack([GOOD, GOOD])[..., ::2],
    "8K": np.broadcast_to(GOOD[:1, :1], (4320, 7680, 3)),
}

Take = Callable[[Any], object]
DOORS: dict[str, Take] = {
    "appearance": rf.appearance,
    "MTCNN": rf.MTCNN(),
    "student": lambda frame: rf.HeartRateMonitor(box=(0, 0, 1, 1)).push(frame, 0.0),
    "POS": lambda frame: rf.HeartRateMonitor(method="pos", box=(0, 0, 1, 1)).push(frame, 0.0),
    "search, BGR": lambda frame: rf.HeartRateMonitor().push(frame, 0.0),
    "search, RGB": lambda frame: rf.HeartRateMonitor(color="rgb").push(frame, 0.0),
    "measure_frames": lambda frame: rf.measure_frames(
        [(frame, 0.0)], rf.HeartRateMonitor(box=(0, 0, 1, 1))
    ),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("bad", BAD_FRAMES)
def test_bad_frames_are_named_at_every_door(door: str, bad: str) -> None:
    frame = BAD_FRAMES[bad]
    error = ValueError if isinstance(frame, np.ndarray) else TypeError
    with pytest.raises(error, match=r"^frame "):
        DOORS[door](frame)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("odd", ODD_FRAMES)
def test_odd_frames_are_frames(door: str, odd: str) -> None:
    DOORS[door](ODD_FRAMES[odd])


def test_a_bad_frame_between_two_searches_is_named_and_takes_no_time() -> None:
    monitor = rf.HeartRateMonitor(detector=lambda frame: [])
    assert monitor.push(GOOD, 0.0).status is rf.Status.NO_FACE
    with pytest.raises(ValueError, match="frame must"):
        monitor.push(GOOD[..., :1], 0.1)
    assert monitor.push(GOOD, 0.1).status is rf.Status.NO_FACE


NUMBERS: dict[str, Take] = {
    "samples": rf.BandPass(0.7, 4.0, 30.0),
    "pulse": lambda pulse: rf.spectrum(pulse, 30.0),
    "values": lambda values: rf.Resampler(30.0).push(0.0, values),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ("text", TypeError),
        (None, TypeError),
        (["a", "b"], TypeError),
        ([1.0, None], TypeError),
        ([1.0, [2.0]], TypeError),
        ([1.0, 2.0j], TypeError),
        ([10**400, 1], TypeError),
        (np.zeros(3, "M8[s]"), TypeError),
        (3.0, ValueError),
        ([[1.0, 2.0], [3.0, 4.0]], ValueError),
    ],
)
def test_what_is_no_row_of_numbers_is_named(name: str, bad: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^{name} must "):
        NUMBERS[name](bad)


@pytest.mark.parametrize("scale", [1e308, 1e200, 1e-200, math.inf, math.nan])
def test_a_spectrum_of_no_size_that_means_anything_has_no_peak(scale: float) -> None:
    beat = np.sin(np.arange(300) * 0.25)
    with np.errstate(invalid="ignore"):
        found = rf.spectrum(scale * beat, 30.0)
    assert np.isnan(found.heart_rate) or found.heart_rate == pytest.approx(71.6, abs=0.3)
    beat[17] = scale
    found = rf.spectrum(beat, 30.0)
    assert np.isfinite(scale) or np.isnan(found.heart_rate)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((30.0, 0), "number of channels must be from 1 to 1000, is 0"),
        ((30.0, 10**9), "number of channels must be"),
        ((1e300,), "too long to be bridged"),
        ((30.0, 1, 1e7), "a gap of 10000000.0* s is too long to be bridged"),
    ],
)
def test_a_resampler_that_could_never_fit_in_memory_is_refused(
    arguments: tuple[Any, ...], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        rf.Resampler(*arguments)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"window": "10"}, "window must be a number, got '10'"),
        ({"low": 1j}, "low must be a number"),
        ({"settings": {"window": 5.0}}, "settings must be PulseSettings"),
        ({"box_scale": "2"}, "box_scale must be a number"),
        ({"box": "abcd"}, "box must be four whole numbers x0, y0, x1, y1, got 'abcd'"),
        ({"box": 7}, "box must be four whole numbers x0, y0, x1, y1, got 7"),
        ({"box": (0, 0, 1.5, 2)}, "box must be four whole numbers"),
        ({"student": "weights.safetensors"}, "student must be a Student, got 'weights"),
        ({"detector": 5}, "detector must be callable, got 5"),
    ],
)
def test_options_of_another_kind_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(TypeError, match=named):
        rf.HeartRateMonitor(**options)
    with pytest.raises(TypeError, match=r"order must be a whole number, got 2\.5"):
        rf.PulseSettings(order=2.5)  # type: ignore[arg-type]


@pytest.mark.parametrize("edge", [1e308, math.inf, math.nan])
def test_a_face_beyond_all_numbers_is_named(edge: float) -> None:
    with pytest.raises(ValueError, match="face box is not finite"):
        rf.face_box(rf.Face(-edge, -edge, edge, edge, 0.99), 64, 48)


@pytest.mark.parametrize("method", [[], None, 5])
def test_a_method_of_another_kind_is_named(method: object) -> None:
    with pytest.raises(ValueError, match=r"method must be one of \['fusion', 'student'"):
        rf.HeartRateMonitor(method=method)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["conv1.weight", "conv2.bias", "fc.weight", "fc.bias"])
def test_weights_too_large_to_compute_with_give_no_heart_rate(name: str) -> None:
    """The weights are finite, but the results computed with them are not."""
    tensors = random_tensors()
    tensors[name] = np.full_like(tensors[name], 3e38)
    student = rf.Student(safetensors_bytes(tensors), "huge")
    monitor = rf.HeartRateMonitor(student=student, box=BOX, window=3.0)
    for frame, time in skin(frame_times(12.0, 5.0), 72.0):
        reading = monitor.push(frame, time)
    if name in ("fc.weight", "fc.bias"):  # the values that saturate in tanh may still give a pulse
        assert reading.status is rf.Status.LOW_SIGNAL
    assert reading.heart_rate_bpm is None or math.isfinite(reading.heart_rate_bpm)


def broken_off(count: int, error: Exception) -> Iterator[tuple[Frame, float]]:
    """Yield frames of a camera that is unplugged after ``count`` frames."""
    for index, pair in enumerate(skin(frame_times(20.0, 8.0), 72.0)):
        if index == count:
            raise error
        yield pair


@pytest.mark.parametrize("method", ["student", "pos"])
def test_a_source_that_raises_loses_nothing(method: str) -> None:
    def monitor() -> rf.HeartRateMonitor:
        return rf.HeartRateMonitor(method=method, box=BOX, window=4.0, min_confidence=0.0)

    calm = rf.measure_frames(list(skin(frame_times(20.0, 8.0), 72.0))[:140], monitor())
    with pytest.raises(
        rf.MeasurementInterrupted, match="cam: ended after 140 frames: gone"
    ) as info:
        rf.measure_frames(broken_off(140, OSError("gone")), monitor(), name="cam")
    found = info.value.measurement
    assert isinstance(found, rf.Measurement)
    assert isinstance(info.value.__cause__, OSError)
    assert found.heart_rate_bpm == calm.heart_rate_bpm is not None
    assert found.windows == calm.windows
    np.testing.assert_array_equal(found.pulse, calm.pulse)
    again = pickle.loads(pickle.dumps(info.value))
    assert str(again) == str(info.value)
    assert isinstance(again.measurement, rf.Measurement)
    assert again.measurement.windows == found.windows


def test_a_source_that_raises_at_once_says_so_itself() -> None:
    with pytest.raises(OSError, match="gone"):
        rf.measure_frames(broken_off(0, OSError("gone")), rf.HeartRateMonitor(box=BOX))


def test_a_camera_that_changes_its_size_loses_nothing() -> None:
    clip = list(skin(frame_times(20.0, 5.0), 72.0))
    cut = (clip[0][0][: SIZE // 2], clip[-1][1] + 0.05)
    with pytest.raises(rf.MeasurementInterrupted, match="not at the same place in it") as info:
        rf.measure_frames(
            [*clip, cut], rf.HeartRateMonitor(box=BOX, window=4.0, min_confidence=0.0)
        )
    found = info.value.measurement
    assert isinstance(found, rf.Measurement)
    assert found.heart_rate_bpm == pytest.approx(72.0, abs=3.0)


def made_up_teacher() -> rf.Teacher:
    return rf.Teacher(safetensors_bytes(random_teacher(), TEACHER_METADATA), "made up")


def measured_face() -> rf.MeasuredFace:
    monitor = rf.FacesMonitor(detector=lambda frame: [rf.Face(20.0, 20.0, 60.0, 60.0, 0.99)])
    monitor.push(GOOD, 0.0)
    (face,) = monitor.monitors.values()
    return face


@functools.cache
def made_up_evaluation() -> rf.Evaluation:
    """Return the evaluation of one result beside a table of the truth."""
    with tempfile.TemporaryDirectory() as folder:
        truth = Path(folder, "truth.csv")
        truth.write_text("video,hr\na.mp4,60\n", encoding="utf-8")
        results = Path(folder, "results.csv")
        results.write_text("video,hr\na.mp4,61\n", encoding="utf-8")
        return rf.evaluate(results, truth)


def public_objects() -> dict[str, object]:
    return {
        "Beats": rf.beats(np.sin(7.0 * np.arange(300) / 30), fs=30.0),
        "Box": rf.Box(0, 0, 5, 5),
        "Conditions": rf.Conditions(0.5, 0.0, 0.01, 0.2, 120.0),
        "Evaluation": made_up_evaluation(),
        "Face": rf.Face(0.0, 0.0, 5.0, 5.0, 0.9),
        "MTCNN": rf.MTCNN(),
        "MeasuredFace": measured_face(),
        "Measurement": rf.measure_frames([], rf.HeartRateMonitor(box=BOX)),
        "MeasurementInterrupted": rf.MeasurementInterrupted(
            "x", rf.measure_frames([], rf.HeartRateMonitor(box=BOX))
        ),
        "Obstacle": rf.Obstacle.DARK,
        "PulseSettings": rf.PulseSettings(window=5.0),
        "Reading": rf.Reading(0.0, rf.Status.GAP, None, None, None, 0.0, 0.0),
        "Spectrum": rf.spectrum(np.sin(np.arange(60.0)), 30.0),
        "Status": rf.Status.OK,
        "Step": rf.Step.HOLE,
        "Student": rf.Student.load(),
        "Teacher": made_up_teacher(),
        "TimeError": rf.TimeError("late"),
        "VideoError": rf.VideoError("text"),
        "VideoFile": rf.VideoFile("rppg_fast/assets/demo.mp4"),
        "VideoJob": rf.VideoJob("a.mp4", {"fps": 30.0}, {"subject": "1"}),
        "VideoResult": rf.VideoResult("a.mp4", [{"status": "ok"}], "", {}),
        "YuvFrame": rf.YuvFrame(GOOD[..., 0]),
        "BandPass": rf.BandPass(0.7, 4.0, 30.0),
        "FacesMonitor": rf.FacesMonitor(),
        "HeartRateMonitor": rf.HeartRateMonitor(box=BOX),
        "Resampler": rf.Resampler(30.0),
    }


RUNNING = (
    "BandPass",
    "FacesMonitor",
    "HeartRateMonitor",
    "MeasuredFace",
    "Resampler",
)  # their state cannot be pickled
ABSTRACT = ("FaceDetector", "Source")


def test_every_public_class_is_listed() -> None:
    classes = {name for name in rf.__all__ if isinstance(getattr(rf, name), type)}
    assert set(public_objects()) == classes - set(ABSTRACT)


@pytest.mark.parametrize("name", public_objects())
@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))]
)
def test_public_objects_are_copied_and_pickled_or_say_why_not(
    name: str, duplicate: Callable[[object], object]
) -> None:
    thing = public_objects()[name]
    if name in RUNNING:
        with pytest.raises(TypeError, match=f"{name}"):
            duplicate(thing)
        return
    again = duplicate(thing)
    assert type(again) is type(thing)
    if isinstance(again, rf.Student):
        motion = np.random.default_rng(0).standard_normal((2, 3, 36, 36)).astype(np.float32)
        np.testing.assert_array_equal(again(motion), rf.Student.load()(motion))
        assert again.sha256 == rf.Student.load().sha256
    elif isinstance(again, rf.Teacher):
        steps = np.random.default_rng(0).random((2, 2, 3, 36, 36), np.float32)
        np.testing.assert_array_equal(again(*steps), made_up_teacher()(*steps))
    elif isinstance(again, (rf.Box, rf.Face, rf.PulseSettings, rf.Reading, rf.Status, rf.VideoJob)):
        assert again == thing


def test_a_detector_that_has_run_can_be_pickled() -> None:
    detector = rf.MTCNN()
    detector(GOOD)
    assert pickle.loads(pickle.dumps(detector))(GOOD) == []


def test_native_streams_say_that_they_cannot_be_pickled() -> None:
    options = rf.PulseSettings().to_native()
    for thing in (options, _core.PulseWindow(options), _core.Clock(0.5)):
        with pytest.raises(TypeError, match="cannot pickle"):
            pickle.dumps(thing)
