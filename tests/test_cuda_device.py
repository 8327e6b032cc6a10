"""Tests that need a CUDA device; they are marked ``cuda``."""

from __future__ import annotations

import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.student import BUNDLED_WEIGHTS
from rppg_fast.video import VideoFile
from tests.device_arrays import Exported
from tests.golden import golden
from tests.tiers import FLOAT32_TIER, MOTION_TOLERANCE


@pytest.fixture(scope="session")
def torch_cuda() -> Any:
    """Return PyTorch with a CUDA device; skip with the reason if there is none."""
    if rf.cuda.build() == "not built" or rf.cuda.devices().startswith("no device"):
        pytest.skip(f"CUDA: {rf.cuda.build()} {rf.cuda.devices()}")
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch sees no CUDA device to make arrays on")
    return torch


@pytest.fixture(scope="session")
def motions() -> NDArray[np.float32]:
    """Return 4096 different motions of the size that a face has."""
    motion, _ = golden(23)
    gains = np.linspace(0.5, 1.5, 4096, dtype=np.float32)
    return motion[np.arange(4096) % 23] * gains[:, None, None, None]


def poisoned(torch: Any, *shape: int) -> Any:
    return torch.full(shape, float("nan"), device="cuda")


@pytest.mark.cuda
def test_every_batch_size_gives_what_portable_gives(
    torch_cuda: Any, motions: NDArray[np.float32]
) -> None:
    expected = rf.Student.load(backend="portable")(motions, threads=8)
    student = rf.Student.load(backend="cuda")
    assert student.backend == "cuda"
    there = torch_cuda.from_numpy(motions).cuda()
    for count in [*range(1, 34), 64, 65, 513, 4096]:
        out = poisoned(torch_cuda, count)
        assert student(there[:count], out=out) is out
        torch_cuda.cuda.synchronize()
        for found in (out.cpu().numpy(), student(motions[:count])):
            assert np.abs(found - expected[:count]).max() <= FLOAT32_TIER * expected.std(), count
        again = poisoned(torch_cuda, count)
        student(there[:count], out=again)
        torch_cuda.testing.assert_close(again, out, rtol=0, atol=0)
    assert student(motions[:0]).shape == (0,)
    student(there[:0], out=poisoned(torch_cuda, 0))


@pytest.mark.cuda
def test_nothing_is_written_beyond_the_output(
    torch_cuda: Any, motions: NDArray[np.float32]
) -> None:
    there = torch_cuda.from_numpy(motions[:100]).cuda()
    for count in (1, 100):
        room = poisoned(torch_cuda, count + 64)
        rf.Student.load(backend="cuda")(there[:count], out=room[32 : 32 + count])
        written = ~torch_cuda.isnan(room).cpu().numpy()
        assert written.nonzero()[0].tolist() == list(range(32, 32 + count))


@pytest.mark.cuda
def test_streams_do_not_disturb_each_other(torch_cuda: Any, motions: NDArray[np.float32]) -> None:
    student = rf.Student.load(backend="cuda")
    there = torch_cuda.from_numpy(motions[:256]).cuda()
    expected = poisoned(torch_cuda, 256)
    for i in range(256):
        student(there[i : i + 1], out=expected[i : i + 1])
    torch_cuda.cuda.synchronize()
    streams = [torch_cuda.cuda.Stream() for _ in range(8)]
    out = poisoned(torch_cuda, 20, 256)
    torch_cuda.cuda.synchronize()
    for repeat in range(20):
        for i in range(256):
            stream = streams[(i + repeat) % 8]
            with torch_cuda.cuda.stream(stream):
                student(there[i : i + 1], out=out[repeat, i : i + 1], stream=stream.cuda_stream)
    torch_cuda.cuda.synchronize()
    torch_cuda.testing.assert_close(out, expected.expand(20, 256), rtol=0, atol=0)


@pytest.mark.cuda
def test_the_callers_stream_is_waited_for(torch_cuda: Any, motions: NDArray[np.float32]) -> None:
    """The motion arrives on the stream late, after other work that takes long."""
    student = rf.Student.load(backend="cuda")
    host = torch_cuda.from_numpy(motions[:4]).pin_memory()
    stream = torch_cuda.cuda.Stream()
    with torch_cuda.cuda.stream(stream):
        there = torch_cuda.zeros(4, 3, 36, 36, device="cuda")
        heavy = torch_cuda.ones(4096, 4096, device="cuda")
        for _ in range(20):
            heavy = heavy @ heavy * 1e-4
        there.copy_(host, non_blocking=True)
        out = poisoned(torch_cuda, 4)
        student(there, out=out, stream=stream.cuda_stream)
        found = out.cpu().numpy()
    np.testing.assert_allclose(found, rf.Student.load()(motions[:4]), atol=1e-5)


@pytest.mark.cuda
def test_a_graph_replays_the_student(torch_cuda: Any, motions: NDArray[np.float32]) -> None:
    student = rf.Student.load(backend="cuda")
    there = torch_cuda.from_numpy(motions[:1]).cuda()
    out = poisoned(torch_cuda, 1)
    student(there, out=out)
    stream, graph = torch_cuda.cuda.Stream(), torch_cuda.cuda.CUDAGraph()
    torch_cuda.cuda.synchronize()
    with torch_cuda.cuda.graph(graph, stream=stream):
        student(there, out=out, stream=stream.cuda_stream)
    for i in range(5):
        there.copy_(torch_cuda.from_numpy(motions[i : i + 1]))
        graph.replay()
        np.testing.assert_allclose(
            out.cpu().numpy(), rf.Student.load()(motions[i : i + 1]), atol=1e-5
        )


@pytest.mark.cuda
@pytest.mark.parametrize("kind", ["normalized", "difference"])
@pytest.mark.parametrize("where", ["host", "device", "pitched", "four channels", "flipped"])
def test_motion_of_frames_is_that_of_portable(torch_cuda: Any, kind: str, where: str) -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(30, 200, (240, 321, 3), dtype=np.uint8)
    frames = [first, np.clip(first + rng.integers(-9, 9, first.shape), 0, 255).astype(np.uint8)]
    boxes = [(5, 7, 300, 233), (5, 7, 300, 233), (6, 7, 300, 233)]

    def place(frame: NDArray[np.uint8]) -> Any:
        if where == "host":
            return frame
        if where == "flipped":
            return frame[:, ::-1]
        there = torch_cuda.from_numpy(frame).cuda()
        if where == "pitched":
            return torch_cuda.nn.functional.pad(there, (0, 0, 0, 191))[:, :321]
        if where == "four channels":
            return torch_cuda.nn.functional.pad(there, (0, 1))[..., :3]
        return there

    frame_motion = rf.cuda.FrameMotion(kind)
    seen = []
    for frame, box in zip([*frames, frames[0]], boxes):
        out = poisoned(torch_cuda, 3, 36, 36)
        frame_motion.push(place(frame), box, out=out)
        seen.append(out.cpu().numpy())
    a, b = (
        rf.appearance(f[:, ::-1] if where == "flipped" else f, boxes[0], "bgr", "portable")
        for f in frames
    )
    assert not seen[0].any()
    assert np.abs(seen[1] - rf.motion(a, b, kind, "portable")).max() <= MOTION_TOLERANCE
    assert not seen[2].any()  # the box has changed
    frame_motion.reset()
    frame_motion.push(place(frames[1]), boxes[2], out=out)
    assert not out.cpu().numpy().any()


@pytest.mark.cuda
def test_a_monitor_reads_the_same_with_its_student_there(torch_cuda: Any) -> None:
    def last(backend: str) -> rf.Reading:
        student = rf.Student.load(backend=backend)
        monitor = rf.HeartRateMonitor(student=student, box=(0, 0, 100, 100))
        for frame, time in islice(VideoFile(BUNDLED_WEIGHTS.parent / "demo.mp4"), 320):
            reading = monitor.push(frame, time)
        return reading

    there, here = last("cuda"), last("portable")
    assert there.status is here.status is rf.Status.OK
    assert there.heart_rate_bpm == pytest.approx(here.heart_rate_bpm, abs=0.01)


@pytest.mark.cuda
def test_errors_on_a_device(torch_cuda: Any) -> None:
    student, out = rf.Student.load(backend="cuda"), poisoned(torch_cuda, 2)
    with pytest.raises(ValueError, match="motion must lie on a CUDA device"):
        student(torch_cuda.zeros(2, 3, 36, 36), out=out)
    with pytest.raises(ValueError, match="motion must lie on CUDA device 0, not in the processor"):
        student(Exported(data=(np.zeros(31104, np.float32).ctypes.data, False)), out=out)
    with pytest.raises(ValueError, match="leaves the frame"):
        rf.cuda.FrameMotion().push(
            np.zeros((9, 9, 3), np.uint8), (0, 0, 10, 9), poisoned(torch_cuda, 3, 36, 36)
        )
    graph = torch_cuda.cuda.CUDAGraph()
    with pytest.raises(RuntimeError), torch_cuda.cuda.graph(graph):  # a graph cannot allocate
        rf.Student.load(backend="cuda")


@pytest.mark.cuda
def test_compute_sanitizer_finds_nothing(torch_cuda: Any, tmp_path: Path) -> None:
    if shutil.which("compute-sanitizer") is None:
        pytest.skip("there is no compute-sanitizer")
    program = tmp_path / "program.py"
    program.write_text(
        "import numpy as np, rppg_fast as rf\n"
        "student = rf.Student.load(backend='cuda')\n"
        "motion = np.random.default_rng(0).standard_normal((300, 3, 36, 36)).astype(np.float32)\n"
        "for count in (1, 7, 300): assert np.isfinite(student(motion[:count])).all()\n"
    )
    for tool in ("memcheck", "racecheck", "synccheck", "initcheck"):
        command = ["compute-sanitizer", "--tool", tool, "--error-exitcode", "9", sys.executable]
        done = subprocess.run([*command, str(program)], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout
