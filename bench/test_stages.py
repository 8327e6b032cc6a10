"""Time every stage of one frame with every backend, beside the usual code with other libraries.

Each benchmark asserts its result. Contenders that are not installed are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import count, cycle
from typing import Any, Callable

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

import rppg_fast as rf
from bench.conftest import BOX
from bench.peers import Run, peer_student
from bench.teacher import onnx_run, our_teacher, steps, torch_run, torch_teacher
from rppg_fast import _core
from training.models.temporal import TemporalNetwork, packed

Frame = NDArray[np.uint8]
Floats = NDArray[np.float32]

# The contenders differ only in the order of their float32 operations.
APPEARANCE_TOLERANCE = 1e-5
MOTION_TOLERANCE = 1e-4
CHANGE_TOLERANCE = 1e-4
# For bf16; the input is noise, whose motion is far larger than a face's.
BF16_TOLERANCE = 2e-2


def change_tolerance(who: str) -> float:
    return BF16_TOLERANCE if who == "amx" else CHANGE_TOLERANCE


def opencv_appearance(frame: Frame) -> Floats:
    x0, y0, x1, y1 = BOX
    crop = frame[y0:y1, x0:x1].astype(np.float32)
    small = cv2.resize(crop, (36, 36), interpolation=cv2.INTER_AREA)
    return np.asarray(small[..., ::-1].transpose(2, 0, 1) / np.float32(255.0), order="C")


def numpy_motion(a: Floats, b: Floats) -> Floats:
    ratio = (b - a) / (a + b + np.float32(0.3))
    return np.asarray(np.clip(ratio, -0.2, 0.2) * np.float32(50.0))


def rotating(
    items: list[Any] | NDArray[Any],
) -> Callable[[], tuple[tuple[Any, ...], dict[str, Any]]]:
    """Return a set-up function for ``benchmark.pedantic`` that passes the next pair of items."""
    indices: Iterator[int] = cycle(range(len(items) - 1))

    def next_pair() -> tuple[tuple[Any, ...], dict[str, Any]]:
        index = next(indices)
        return (items[index], items[index + 1]), {}

    return next_pair


@pytest.mark.benchmark(group="appearance: 340x440 pixels to 36x36")
@pytest.mark.parametrize("who", [*rf.backends(), "OpenCV"])
def test_appearance(benchmark: Any, frames: list[Frame], who: str) -> None:
    def run(frame: Frame, _: Frame) -> Floats:
        return (
            opencv_appearance(frame) if who == "OpenCV" else rf.appearance(frame, BOX, backend=who)
        )

    benchmark.pedantic(run, setup=rotating(frames), rounds=300, warmup_rounds=20)
    found = run(frames[3], frames[4])
    np.testing.assert_allclose(found, opencv_appearance(frames[3]), atol=APPEARANCE_TOLERANCE)


@pytest.mark.benchmark(group="motion")
@pytest.mark.parametrize("who", [*rf.backends(), "NumPy"])
def test_motion(benchmark: Any, appearances: Floats, who: str) -> None:
    run = numpy_motion if who == "NumPy" else partial(rf.motion, backend=who)
    benchmark.pedantic(run, setup=rotating(appearances), rounds=1000, warmup_rounds=50)
    np.testing.assert_allclose(
        run(appearances[0], appearances[1]),
        numpy_motion(appearances[0], appearances[1]),
        atol=MOTION_TOLERANCE,
    )


PEERS = ["PyTorch eager", "TorchScript", "ONNX Runtime", "OpenVINO", "ncnn"]


@pytest.fixture
def network(who: str, torch_student: torch.nn.Module) -> Run:
    """Return the student as one contender runs it."""
    if who in rf.backends():
        return rf.Student.load(backend=who)
    return peer_student(who, torch_student)


@pytest.mark.benchmark(group="student: one frame")
@pytest.mark.parametrize("who", [*rf.backends(), *PEERS])
def test_student(
    benchmark: Any, appearances: Floats, network: Run, torch_student: torch.nn.Module, who: str
) -> None:
    motion = rf.motion(appearances[:1], appearances[1:2])
    found = benchmark.pedantic(network, args=(motion,), rounds=1000, warmup_rounds=50)
    expected = peer_student("PyTorch eager", torch_student)(motion)
    np.testing.assert_allclose(found, expected, atol=change_tolerance(who))


@pytest.mark.benchmark(group="student: one frame, after its pixels went through the cache")
@pytest.mark.parametrize("who", [*rf.backends(), "ONNX Runtime"])
def test_student_behind_a_frame(
    benchmark: Any, frames: list[Frame], appearances: Floats, network: Run, who: str
) -> None:
    motion = rf.motion(appearances[:1], appearances[1:2])
    next_frames = cycle(frames)

    def resize_one() -> tuple[tuple[Floats], dict[str, Any]]:
        rf.appearance(next(next_frames), BOX)
        return (motion,), {}

    found = benchmark.pedantic(network, setup=resize_one, rounds=1000)
    np.testing.assert_allclose(found, rf.Student.load()(motion), atol=change_tolerance(who))


@pytest.mark.benchmark(group="student: a batch of 256 frames")
@pytest.mark.parametrize("who", [*rf.backends(), *PEERS])
def test_batch(
    benchmark: Any, appearances: Floats, network: Run, torch_student: torch.nn.Module, who: str
) -> None:
    pairs = rf.motion(appearances[:-1], appearances[1:])
    motion = np.tile(pairs, (18, 1, 1, 1))[:256]
    found = benchmark.pedantic(network, args=(motion,), rounds=10, warmup_rounds=1)
    expected = peer_student("PyTorch eager", torch_student)(motion)
    np.testing.assert_allclose(found, expected, atol=change_tolerance(who))


@pytest.mark.benchmark(group="teacher: one frame")
@pytest.mark.parametrize("who", [*rf.backends(), "PyTorch eager", "ONNX Runtime"])
def test_teacher(benchmark: Any, who: str) -> None:
    if who == "ONNX Runtime":
        pytest.importorskip("onnxruntime")
    network = torch_teacher()
    peers = {"PyTorch eager": torch_run, "ONNX Runtime": onnx_run}
    run = peers[who](network) if who in peers else our_teacher(network, who)
    found = benchmark.pedantic(run, args=steps(1), rounds=300, warmup_rounds=20)
    expected = torch_run(network)(*steps(1))
    np.testing.assert_allclose(found, expected, atol=CHANGE_TOLERANCE)


@pytest.mark.benchmark(group="temporal network: a window of 9 s")
@pytest.mark.parametrize("who", ["rppg_fast", "PyTorch eager"])
def test_temporal_network(benchmark: Any, who: str) -> None:
    torch.manual_seed(0)
    model = TemporalNetwork().eval()
    cells = 0.003 * np.random.default_rng(0).standard_normal((90, _core.SIGNALS))
    with torch.no_grad():
        turned = torch.from_numpy(cells.T[None].astype(np.float32))
        expected = model(turned)[0].double().numpy()
        if who == "rppg_fast":
            # The weights of this build cost the same, and need not be copied for each window.
            benchmark(_core.temporal_pulse, cells)
            pulse = _core.temporal_pulse(cells, packed(model))
        else:
            pulse = benchmark(model, turned)[0].double().numpy()
    np.testing.assert_allclose(pulse, expected, rtol=0, atol=CHANGE_TOLERANCE * expected.std())


@pytest.mark.benchmark(group="spectrum: 300 samples to a heart rate")
@pytest.mark.parametrize("who", ["rppg_fast", "NumPy"])
def test_spectrum(benchmark: Any, who: str) -> None:
    times = np.arange(300) / 30.0
    pulse = np.sin(2 * np.pi * 1.2 * times)
    hann = np.sin(np.pi * (np.arange(300) + 0.5) / 300) ** 2
    frequencies = np.fft.rfftfreq(4096, 1 / 30.0)
    band = np.flatnonzero((frequencies >= 0.7) & (frequencies <= 4.0))

    def numpy_rate() -> float:
        power = np.abs(np.fft.rfft((pulse - pulse.mean()) * hann, 4096)) ** 2
        return float(60.0 * frequencies[band[np.argmax(power[band])]])

    # Any confidence will do: the signals are too plain to be a face's.
    window = _core.PulseWindow(rf.PulseSettings(min_confidence=0.0).to_native())
    window.restart(0.0, False)
    # Skin that pulses, in green more than in red, and a rim that does not.
    samples = np.zeros((300, _core.SIGNALS))
    samples[:, 0] = pulse
    samples[:, 1:4] = [0.6, 0.45, 0.35] * (1 - pulse[:, None] * [0.004, 0.01, 0.007])
    samples[:, 4:20] = -0.01 * pulse[:, None]
    samples[:, 21:37] = -0.006 * pulse[:, None]
    window.push(samples)
    beat = cycle([samples[i : i + 1] for i in range(25)])

    def our_rate() -> float | None:
        window.push(next(beat))  # a new sample before each reading, so that no result can be reused
        return window.read(10.0).heart_rate_bpm

    run = {"rppg_fast": our_rate, "NumPy": numpy_rate}[who]
    rate = benchmark.pedantic(run, rounds=500, warmup_rounds=20)
    assert rate == pytest.approx(72.0, abs=0.5)


@pytest.mark.benchmark(group="frame: 640x480 pixels to a new heart rate")
@pytest.mark.parametrize("who", [*rf.backends(), "OpenCV + NumPy + ONNX Runtime"])
def test_frame(
    benchmark: Any, frames: list[Frame], torch_student: torch.nn.Module, who: str
) -> None:
    ours_it_is = who in rf.backends()
    monitor = rf.HeartRateMonitor(
        student=rf.Student.load(backend=who if ours_it_is else "auto"), box=BOX
    )
    network = None if ours_it_is else peer_student("ONNX Runtime", torch_student)
    clock = count()
    frequencies = np.fft.rfftfreq(4096, 1 / 30.0)
    band = np.flatnonzero((frequencies >= 0.7) & (frequencies <= 4.0))
    hann = np.sin(np.pi * (np.arange(300) + 0.5) / 300) ** 2
    changes = np.zeros(300)

    def ours(_: Frame, frame: Frame) -> rf.Reading:
        return monitor.push(frame, next(clock) / 30.0)

    def theirs(before: Frame, frame: Frame) -> float:
        # The other engine needs no band-pass here: it only sums, transforms and finds the peak. It
        # resizes one frame, as a stream would.
        motion = numpy_motion(previous[0], now := opencv_appearance(frame))
        previous[0] = now
        changes[:-1] = changes[1:]
        assert network is not None
        changes[-1] = network(motion[None])[0]
        pulse = np.cumsum(changes)
        power = np.abs(np.fft.rfft((pulse - pulse.mean()) * hann, 4096)) ** 2
        return float(60.0 * frequencies[band[np.argmax(power[band])]])

    previous = [opencv_appearance(frames[0])]
    run: Callable[[Frame, Frame], Any] = ours if ours_it_is else theirs
    next_pair = rotating(frames)
    for _ in range(310):  # fill the window first
        run(*next_pair()[0])
    found = benchmark.pedantic(run, setup=next_pair, rounds=400)
    if isinstance(found, rf.Reading):
        assert found.status in (rf.Status.OK, rf.Status.LOW_SIGNAL)  # the window was full
        assert found.end_s - found.start_s == pytest.approx(10.0)
    else:
        assert 42.0 <= found <= 240.0


@pytest.mark.benchmark(group="face detection: 640x480 pixels")
def test_face_detection(benchmark: Any) -> None:
    from skimage.data import astronaut

    picture = np.full((480, 640, 3), 90, np.uint8)
    picture[:, 80:560] = cv2.resize(astronaut()[..., ::-1], (480, 480))
    faces = benchmark.pedantic(rf.MTCNN(), args=(picture,), rounds=20, warmup_rounds=2)
    assert len(faces) == 1
