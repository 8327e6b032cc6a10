"""The teacher network in the engine, against the same network in NumPy."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors import safe_open

import rppg_fast as rf
from rppg_fast import _core
from rppg_fast.cli import main
from rppg_fast.student import BUNDLED_WEIGHTS
from rppg_fast.teacher import BUNDLED_TEACHER
from tests.support.clips import BOX, frame_times, skin, write_video
from tests.support.demo import DEMO_BOX, DEMO_BPM, TOLERANCE_BPM, demo_frames
from tests.support.tiers import TEACHER_NOISE_TIER, allowed
from tests.support.weights import (
    TEACHER_METADATA,
    TEACHER_SHAPES,
    Tensors,
    numpy_teacher,
    random_teacher,
    safetensors_bytes,
)

Floats = NDArray[np.float32]

# Sums a thousand times as large have rounding errors a thousand times as large; most values of tanh
# are saturated and hide them. 5e-4 was measured.
SATURATED_TIER = 2e-3
# Largest error of a change by trained weights, of a face.
TRAINED_TOLERANCE = 1e-5
# A level is a sum of a few dozen changes of about 1.
LEVEL_TOLERANCE = 1e-5
STEPS = 12


def teacher(backend: str = "auto", tensors: Tensors | None = None) -> rf.Teacher:
    made = random_teacher() if tensors is None else tensors
    return rf.Teacher(safetensors_bytes(made, TEACHER_METADATA), "made up", backend)


def random_steps(count: int, seed: int = 0, scale: float = 1.0) -> tuple[Floats, Floats]:
    rng = np.random.default_rng(seed)
    motion = scale * rng.standard_normal((count, 3, 36, 36))
    return motion.astype(np.float32), rng.random((count, 3, 36, 36), np.float32)


@cache  # the reference takes much longer than the engine
def expected_changes(seed: int = 0, scale: float = 1.0) -> NDArray[np.float64]:
    """Return NumPy's output of a random teacher for `STEPS` random steps."""
    return numpy_teacher(random_teacher(seed), *random_steps(STEPS, seed, scale))


@cache
def lit_steps(where: str) -> tuple[Floats, Floats, NDArray[np.float64]]:
    """Return steps that differ from each other in one pixel each, and NumPy's output."""
    places = [(c, y, x) for c in range(3) for y in (0, 1, 17, 35) for x in (0, 18, 35)]
    motion, seen = (values.repeat(len(places), axis=0) for values in random_steps(1, 3, 0.1))
    lit = motion if where == "motion" else seen
    for index, place in enumerate(places):
        lit[(index,) + place] += 3.0  # noqa: RUF005 (a star needs Python 3.11)
    return motion, seen, numpy_teacher(random_teacher(), motion, seen)


def tier(backend: str) -> float:
    """Return the tolerance of a backend; none of them runs the teacher in bf16."""
    return allowed(backend, TEACHER_NOISE_TIER, TEACHER_NOISE_TIER)


@cache
def demo_steps() -> tuple[Floats, Floats]:
    """Return steps of the demonstration clip."""
    frames = [frame for frame, _ in demo_frames()[: STEPS + 1]]
    seen = np.stack([rf.appearance(frame, DEMO_BOX) for frame in frames])
    return np.stack([rf.motion(*pair) for pair in zip(seen, seen[1:])]), seen[:-1]


@cache
def demo_changes() -> NDArray[np.float64]:
    with safe_open(BUNDLED_TEACHER, "np") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    return numpy_teacher(tensors, *demo_steps())


def test_the_shipped_teacher_computes_what_numpy_does_of_a_face(backend: str) -> None:
    error = rf.Teacher.load(backend=backend)(*demo_steps()) - demo_changes()
    assert np.abs(error).max() <= TRAINED_TOLERANCE * max(1.0, demo_changes().std())


def test_the_shipped_teacher_reads_the_demonstration_clip() -> None:
    found = rf.measure_frames(demo_frames(), rf.HeartRateMonitor(method="teacher", box=DEMO_BOX))
    assert found.method == "teacher"
    assert found.heart_rate_bpm == pytest.approx(DEMO_BPM, abs=TOLERANCE_BPM)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("scale", [1e-30, 0.01, 1.0, 10.0])
def test_forward_pass_is_numpys(backend: str, seed: int, scale: float) -> None:
    found = teacher(backend, random_teacher(seed))(*random_steps(STEPS, seed, scale))
    error = found - expected_changes(seed, scale)
    assert np.abs(error).max() <= tier(backend) * expected_changes(seed).std()


@pytest.mark.parametrize("where", ["motion", "appearance"])
def test_every_input_pixel_reaches_the_output(backend: str, where: str) -> None:
    """One pixel is changed at a time, so that errors of borders, strides or order show."""
    motion, seen, expected = lit_steps(where)
    assert np.unique(expected).size == len(motion)
    error = teacher(backend)(motion, seen) - expected
    assert np.abs(error).max() <= tier(backend) * expected_changes().std()


@pytest.mark.parametrize("name", ["attention1", "attention2"])
def test_where_nothing_is_attended_motion_counts_for_nothing(backend: str, name: str) -> None:
    tensors, (motion, seen) = random_teacher(), random_steps(3)
    tensors[f"{name}.bias"][:] = -40.0
    found = teacher(backend, tensors)(motion, seen)
    if name == "attention2":
        assert found == pytest.approx(found[0])
        assert found == pytest.approx(numpy_teacher(tensors, motion, seen), abs=1e-6)
    still = teacher(backend, tensors)(np.zeros_like(motion), seen)
    assert found == pytest.approx(still, abs=1e-6)
    attended = teacher(backend)(motion, seen) - teacher(backend)(np.zeros_like(motion), seen)
    assert np.abs(attended).min() > 1e-3


def test_batches_of_any_size_give_the_same_bits(backend: str) -> None:
    network, (motion, seen) = teacher(backend), random_steps(7)
    whole = network(motion, seen)
    assert whole.shape == (7,)
    assert whole.dtype == np.float32
    for size in (1, 2, 5):
        pieces = [network(motion[i : i + size], seen[i : i + size]) for i in range(0, 7, size)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole)
    for threads in (2, 3, 7, 20):
        np.testing.assert_array_equal(network(motion, seen, threads=threads), whole)
    assert network(motion[:0], seen[:0]).shape == (0,)
    assert network(motion[:0], seen[:0], threads=3).shape == (0,)


def test_views_give_what_copies_give(backend: str) -> None:
    network, (motion, seen) = teacher(backend), random_steps(5)
    copied = network(motion[::-2].copy(), seen[::2].copy())
    np.testing.assert_array_equal(network(motion[::-2], seen[::2]), copied)


def test_threads_share_a_teacher(backend: str) -> None:
    network, steps = teacher(backend), random_steps(6)
    expected = network(*steps)
    found: list[Floats] = []
    threads = [threading.Thread(target=lambda: found.append(network(*steps))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    for each in found:
        np.testing.assert_array_equal(each, expected)


@pytest.mark.parametrize("where", [0, 1])
def test_a_value_that_is_no_number_is_not_hidden(backend: str, where: int) -> None:
    steps = random_steps(3)
    steps[where][1, 2, 20, 20] = np.nan
    assert list(np.isnan(teacher(backend)(*steps))) == [False, True, False]


def test_strong_motion_saturates_as_in_numpy(backend: str) -> None:
    """Motion far beyond its range does not overflow."""
    steps = random_steps(4, scale=1e4)
    expected = numpy_teacher(random_teacher(), *steps)
    error = teacher(backend)(*steps) - expected
    assert np.abs(error).max() <= SATURATED_TIER * expected.std()


@pytest.mark.parametrize(
    ("motion", "seen", "error", "named"),
    [
        (np.zeros((2, 3, 36, 36)), None, ValueError, "motion must be a float32 array, got float64"),
        (None, np.zeros((1, 3, 36, 36)), ValueError, "appearance must be a float32 array"),
        (
            np.zeros((1, 36, 36, 3), np.float32),
            None,
            ValueError,
            r"motion must have shape \(N, 3, 36, 36\), got float32 \(1, 36, 36, 3\)",
        ),
        (
            None,
            np.zeros((3, 36, 36), np.float32),
            ValueError,
            r"appearance must have shape \(N, 3, 36, 36\), got float32 \(3, 36, 36\)",
        ),
        (
            np.zeros((2, 3, 36, 36), np.float32),
            None,
            ValueError,
            r"as many motions as appearances, got 2 and 1",
        ),
        ("motion", None, TypeError, "motion must be a float32 array, got str"),
    ],
)
def test_bad_arguments_are_named(
    motion: object, seen: object, error: type[Exception], named: str
) -> None:
    good = np.zeros((1, 3, 36, 36), np.float32)
    with pytest.raises(error, match=named):
        teacher()(good if motion is None else motion, good if seen is None else seen)  # type: ignore[arg-type]


def test_nobody_runs_on_no_thread_nor_on_a_cuda_device() -> None:
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        teacher()(*random_steps(1), threads=0)
    with pytest.raises(ValueError, match="a teacher does not run on a CUDA device"):
        teacher("cuda")
    with pytest.raises(ValueError, match="'sse9' is not available here"):
        teacher("sse9")


def changed(**tensors: object) -> bytes:
    """Return a valid file with some tensors replaced, or left out where None."""
    merged = {**random_teacher(), **{k.replace("__", "."): v for k, v in tensors.items()}}
    kept = {name: tensor for name, tensor in merged.items() if tensor is not None}
    return safetensors_bytes(kept, TEACHER_METADATA)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (
            BUNDLED_WEIGHTS.read_bytes(),
            "its format is 'rppg_fast.student', not 'rppg_fast.teacher'",
        ),
        (changed(fc2__bias=None), "tensor 'fc2.bias' is missing"),
        (changed(motion__conv3__weight=None), "tensor 'motion.conv3.weight' is missing"),
        (changed(extra=np.zeros(3, np.float32)), "unexpected tensor 'extra'"),
        (
            changed(appearance__conv2__weight=np.zeros((32, 3, 3, 3), np.float32)),
            r"'appearance.conv2.weight' must have shape \(32, 32, 3, 3\), has \(32, 3, 3, 3\)",
        ),
        (changed(attention1__bias=np.zeros(1)), "'attention1.bias' must be F32, is F64"),
        (
            changed(fc1__weight=np.full((128, 5184), np.inf, np.float32)),
            "'fc1.weight' has a value that is not finite",
        ),
        (
            safetensors_bytes(random_teacher(), {**TEACHER_METADATA, "version": "2"}),
            "version is '2'; this release reads version 1",
        ),
        (
            safetensors_bytes(random_teacher(), {**TEACHER_METADATA, "input": "raw"}),
            "input is 'raw', neither",
        ),
    ],
)
def test_other_weights_are_refused_by_name(data: bytes, named: str) -> None:
    with pytest.raises(ValueError, match=f"^some.safetensors: .*{named}"):
        rf.Teacher(data, "some.safetensors")


def test_a_teachers_weights_are_no_students() -> None:
    data = safetensors_bytes(random_teacher(), TEACHER_METADATA)
    with pytest.raises(ValueError, match=r"its format is 'rppg_fast.teacher', not"):
        rf.Student(data, "made up")


def test_a_teacher_is_loaded_copied_and_pickled(tmp_path: Path) -> None:
    path = tmp_path / "teacher.safetensors"
    path.write_bytes(safetensors_bytes(random_teacher(), TEACHER_METADATA))
    network = rf.Teacher.load(path, "portable")
    assert network.backend == "portable"
    assert network.source == str(path)
    assert len(network.sha256) == 64
    assert network.metadata == TEACHER_METADATA
    steps = random_steps(2)
    for again in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert again.sha256 == network.sha256
        np.testing.assert_array_equal(again(*steps), network(*steps))
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors"):
        rf.Teacher.load(tmp_path / "none.safetensors")


def test_every_tensor_counts() -> None:
    """A change of any tensor changes the output."""
    steps = random_steps(1)
    before = teacher()(*steps)
    for name in TEACHER_SHAPES:
        tensors = random_teacher()
        tensors[name].flat[-1] += 3.0
        assert teacher(tensors=tensors)(*steps) != before, name


def test_a_stream_adds_up_what_the_teacher_says_of_motion_and_the_earlier_frame() -> None:
    network = teacher()
    stream = _core.Stream(network, rf.PulseSettings().to_native("teacher"))
    frames = list(skin(frame_times(30.0, 1.0), 72.0))
    seen = np.stack([rf.appearance(frame, BOX) for frame, _ in frames])
    motion = rf.motion(seen[:-1], seen[1:])
    at_rest = network(np.zeros_like(motion[:1]), seen[:1])
    levels = np.cumsum(network(motion, seen[:-1]).astype(float) - at_rest)
    assert np.ptp(levels) > 100 * LEVEL_TOLERANCE
    found = []
    for frame, time in frames:
        stream.push(frame, BOX, time)
        found.append(stream.signals[0])
    assert found == pytest.approx([0.0, *levels], abs=LEVEL_TOLERANCE)


def test_the_method_and_the_network_of_a_stream_belong_together() -> None:
    student = rf.Student.load()
    for network, method, named in (
        (student, "teacher", "method 'teacher' needs a teacher, got a student"),
        (teacher(), "student", "method 'student' needs a student, got a teacher"),
        (teacher(), "fusion", "method 'fusion' needs a student, got a teacher"),
    ):
        with pytest.raises(ValueError, match=named):
            _core.Stream(network, rf.PulseSettings().to_native(method))
    _core.Stream(teacher(), rf.PulseSettings().to_native("pos"))  # takes the kernels alone


def pulse_tensors() -> Tensors:
    """Return a teacher whose output is close to the mean of green's motion.

    Each convolution passes one map on, small enough for tanh to be almost linear. The masks are
    open everywhere.
    """
    tensors = {name: np.zeros(shape, np.float32) for name, shape in TEACHER_SHAPES.items()}
    for i, gain in enumerate((0.02, 1.0, 1.0, 1.0), start=1):
        tensors[f"motion.conv{i}.weight"][0, 1 if i == 1 else 0, 1, 1] = gain
    for name in ("attention1.bias", "attention2.bias"):
        tensors[name][:] = 20.0
    tensors["fc1.weight"].reshape(128, 64, 81)[0, 0] = 1 / 81
    tensors["fc2.weight"][0, 0] = 50.0
    return tensors


@pytest.mark.parametrize("bpm", [54.0, 97.0])
def test_a_monitor_reads_a_pulse_by_the_teacher(bpm: float) -> None:
    network = teacher(tensors=pulse_tensors())
    clip = list(skin(frame_times(30.0, 11.0), bpm))
    monitor = rf.HeartRateMonitor(method="teacher", teacher=network, box=BOX)
    assert monitor.method == "teacher"
    reading = [monitor.push(frame, time) for frame, time in clip][-1]
    assert reading.source == "teacher"
    assert reading.candidate_bpm == pytest.approx(bpm, abs=1.0)
    found = rf.measure_frames(
        clip, rf.HeartRateMonitor(method="teacher", teacher=network, box=BOX, min_confidence=0.0)
    )
    assert found.method == "teacher"
    assert found.heart_rate_bpm == pytest.approx(bpm, abs=1.0)


@pytest.mark.parametrize("of", [rf.HeartRateMonitor, rf.FacesMonitor])
def test_the_networks_of_a_monitor_belong_to_its_method(of: Callable[..., object]) -> None:
    network, student = teacher(), rf.Student.load()
    for options, named in (
        ({"method": "pos", "teacher": network}, "a teacher is not used by method 'pos'"),
        ({"teacher": network}, "a teacher is not used by method 'fusion'"),
        (
            {"method": "teacher", "teacher": network, "student": student},
            "a student is not used by method 'teacher'",
        ),
    ):
        with pytest.raises(ValueError, match=named):
            of(**options)
    with pytest.raises(TypeError, match="teacher must be a Teacher, got <"):
        of(method="teacher", teacher=student)


def test_the_command_line_measures_by_a_teacher(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "teacher.safetensors"
    weights.write_bytes(safetensors_bytes(pulse_tensors(), TEACHER_METADATA))
    clip = write_video(tmp_path / "clip.avi", skin(frame_times(30.0, 8.0), 72.0), 30.0)
    box = ",".join(str(side) for side in BOX)
    command = ["measure", str(clip), "--method", "teacher", "--box", box, "--json", "-"]
    assert main([*command, "--weights", str(weights), "--min-confidence", "0"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["method"] == "teacher"
    assert found["heart_rate_bpm"] == pytest.approx(72.0, abs=1.0)
    assert main([*command, "--min-confidence", "0"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["method"] == "teacher"
    assert found["heart_rate_bpm"] == pytest.approx(72.0, abs=1.0)
