"""CUDA: what can be known without a device, and, marked ``cuda``, what takes one."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from bench.cuda import resources
from bench.engine import ROOT, run
from rppg_fast import _core
from rppg_fast.student import BUNDLED_WEIGHTS
from rppg_fast.video import VideoFile
from tests.weights import random_tensors, safetensors_bytes

# 1e-5 of the output's standard deviation on real motion, as for every float32 backend.
FLOAT32_TIER = 1e-5
# Both sides are in float32 and round in another order: as against float64, twice.
APPEARANCE_TOLERANCE = 2e-6
# Values up to 10: a change of an appearance by its tolerance, over 0.3, times 50.
MOTION_TOLERANCE = 4e-4

ORDERS = ("forward", "backward", "shuffled")
COMPILER = os.environ.get("CXX", "c++")


def golden(count: int) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Motion of a face, and what PyTorch makes of it in float64."""
    with np.load(ROOT / "tests" / "fixtures" / "student_golden.npz") as file:
        return file["motion"][:count], file["change"]


# --- The kernels' arithmetic, on the processor


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """The kernels as plain C++, every access to memory watched; returns what each order gives."""
    if shutil.which(COMPILER) is None:
        pytest.skip(f"there is no {COMPILER}")
    program = tmp_path_factory.mktemp("cuda") / "run_cuda"
    flags = ["-std=c++17", "-O2", f"-I{ROOT / 'csrc'}"]
    watch = ["-fsanitize=address,bounds,alignment", "-fno-sanitize-recover=all"]
    sources = [ROOT / "csrc" / f"{name}.cpp" for name in ("weights", "safetensors", "pack")]
    shim = ROOT / "tests" / "native" / "run_cuda.cpp"
    run(COMPILER, *flags, *watch, shim, *sources, "-o", program)

    def simulate(*arguments: object) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = {}
        for line in run(program, *arguments).splitlines():
            name, order, *values = line.split()
            found.setdefault(name, {})[order] = np.array([float.fromhex(x) for x in values])
        for name, by_order in found.items():
            if "forward" in by_order:
                assert tuple(by_order) == ORDERS
                for values in by_order.values():
                    np.testing.assert_array_equal(values, by_order["forward"], name)
        return {name: next(iter(by_order.values())) for name, by_order in found.items()}

    simulate.program = program  # type: ignore[attr-defined]
    return simulate


def test_both_student_kernels_give_what_pytorch_gives(
    simulator: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    motion, expected = golden(2)
    motion.tofile(tmp_path / "motions")
    found = simulator(BUNDLED_WEIGHTS, tmp_path / "motions")
    assert set(found) == {"whole", "split"}
    for changes in found.values():
        assert np.abs(changes - expected[:2]).max() <= FLOAT32_TIER * expected.std()


def test_every_weight_and_pixel_has_its_place(
    simulator: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """Lit pixels at the borders and between the bands, and weights without any symmetry."""
    weights = tmp_path / "weights"
    weights.write_bytes(safetensors_bytes(random_tensors(5)))
    places = [(0, 0, 35), (1, 35, 0), (2, 11, 17), (0, 24, 18)]
    motion = np.zeros((len(places), 3, 36, 36), np.float32)
    for index, place in enumerate(places):
        motion[(index,) + place] = 3.0  # noqa: RUF005 (a star needs Python 3.11)
    motion.tofile(tmp_path / "motions")
    student = rf.Student(weights.read_bytes(), "made up", "portable")
    expected = student(motion)
    assert np.unique(expected).size == len(places)
    noise = np.random.default_rng(0).standard_normal((40, 3, 36, 36)).astype(np.float32)
    deviation = student(noise).std()
    for changes in simulator(weights, tmp_path / "motions").values():
        # Of made-up weights portable's own transforms round to some 2e-5: see test_student.py.
        assert np.abs(changes - expected).max() <= 3e-5 * deviation


def test_what_is_no_number_is_not_hidden_and_nothing_overflows(
    simulator: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    motion, _ = golden(2)
    motion[0, 2, 20, 20] = np.nan
    motion[1] *= 1e6
    motion.tofile(tmp_path / "motions")
    for changes in simulator(BUNDLED_WEIGHTS, tmp_path / "motions").values():
        assert list(np.isnan(changes)) == [True, False]
        assert np.isfinite(changes[1])


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((97, 131), (7, 11, 120, 90)),
        ((480, 640), (150, 20, 490, 460)),
        ((36, 36), (0, 0, 36, 36)),
        ((20, 300), (2, 3, 295, 5)),
        ((9, 9), (5, 3, 6, 4)),
        ((1300, 60), (0, 0, 60, 1300)),
    ],
)
@pytest.mark.parametrize(("color", "kind"), [("bgr", "normalized"), ("rgb", "difference")])
def test_the_frame_kernel_gives_what_portable_gives(
    simulator: Callable[..., dict[str, Any]],
    tmp_path: Path,
    size: tuple[int, int],
    box: tuple[int, int, int, int],
    color: str,
    kind: str,
) -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    second = np.clip(first + rng.integers(-20, 21, first.shape), 0, 255).astype(np.uint8)
    np.stack([first, second]).tofile(tmp_path / "frames")
    found = simulator("--frame", tmp_path / "frames", size[1], size[0], *box, color, kind)
    a, b = (rf.appearance(frame, box, color, "portable") for frame in (first, second))
    assert np.abs(found["first"] - a.ravel()).max() <= APPEARANCE_TOLERANCE
    assert np.abs(found["second"] - b.ravel()).max() <= APPEARANCE_TOLERANCE
    assert not found["rest"].any()
    expected = rf.motion(a, b, kind, "portable").ravel()
    assert np.abs(found["motion"] - expected).max() <= MOTION_TOLERANCE


# --- The device code


@pytest.mark.parametrize("arch", resources.WANTED)
def test_the_kernels_compile_and_spill_nothing(arch: int) -> None:
    compiler = resources.compiler_for(arch)
    if compiler is None:
        pytest.skip(f"no CUDA compiler here knows sm_{arch}: none on the PATH, none in RPPG_NVCC")
    found = resources.report(compiler, arch)
    print(resources.table([(compiler, each) for each in found]))
    assert [each.kernel for each in found] == list(resources.THREADS)
    assert all(each.right for each in found)


def test_a_kernel_that_spills_or_does_not_fit_is_told() -> None:
    right = resources.Resources("whole", 53, registers=118, shared=30528, stack=0, spilled=0)
    assert right.right
    assert right.blocks == 2
    assert right.occupancy == pytest.approx(12 / 64)
    # 32768 registers for a block of 8 warps, as they are handed out, are 128 for a thread.
    assert not resources.Resources("whole", 53, 136, 30528, 0, 0).right
    assert resources.Resources("whole", 90, 136, 30528, 0, 0).right
    assert not resources.Resources("whole", 90, 118, 30528, 0, 4).right
    assert not resources.Resources("whole", 53, 118, 70000, 0, 0).right


def test_the_report_knows_the_size_of_the_blocks(
    simulator: Callable[..., dict[str, Any]],
) -> None:
    printed = run(simulator.program, "--threads")  # type: ignore[attr-defined]
    assert {n: int(t) for n, t in (line.split() for line in printed.splitlines())} == (
        resources.THREADS
    )


def test_device_headers_are_cpp14(tmp_path: Path) -> None:
    if shutil.which(COMPILER) is None:
        pytest.skip(f"there is no {COMPILER}")
    source = tmp_path / "headers.cpp"
    source.write_text('#include "kernels/cuda/frame.hpp"\n#include "kernels/cuda/student.hpp"\n')
    flags = ["-std=c++14", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    run(COMPILER, *flags, f"-I{ROOT / 'csrc'}", source)


def test_the_hosts_side_of_cuda_against_a_stand_in_for_its_runtime(tmp_path: Path) -> None:
    """Launches, chunks, streams, errors, frames; the program says itself what is wrong."""
    if not resources.compilers():
        pytest.skip("there is no CUDA compiler here, on the PATH or in RPPG_NVCC, with its headers")
    flags = ["-std=c++17", f"-I{ROOT / 'csrc'}"]
    host = ["-x", "c++", "-allow-unsupported-compiler", "-Xcompiler=-fsanitize=address"]
    defined = '-DRPPG_CUDA_ARCHITECTURES="53"'
    objects = []
    for source in (ROOT / "csrc" / "cuda.cpp", ROOT / "tests" / "native" / "run_cuda_host.cpp"):
        objects.append(tmp_path / f"{source.stem}.o")
        compiler = resources.compilers()[0]
        run(compiler, *flags, *host, defined, "-c", source, "-o", objects[-1])
    names = ("pack", "frame", "student", "kernels/dispatch", "kernels/portable")
    sources = [ROOT / "csrc" / f"{name}.cpp" for name in names]
    program = tmp_path / "run_cuda_host"
    link = ["-fsanitize=address", "-pthread", "-DRPPG_PORTABLE"]
    run(COMPILER, *flags, *link, *objects, *sources, "-o", program)
    run(program)


# --- The module

BUILT = rf.cuda.build() != "not built"
NO_DEVICE = not BUILT or rf.cuda.devices().startswith("no device")


def test_the_module_needs_no_cuda_library() -> None:
    if shutil.which("readelf") is None:
        pytest.skip("there is no readelf")
    needed = [
        line for line in run("readelf", "-d", _core.__file__).splitlines() if "NEEDED" in line
    ]
    assert needed
    assert not [line for line in needed if "cuda" in line]


@pytest.mark.skipif(not NO_DEVICE, reason="there is a CUDA device")
def test_asking_for_cuda_where_there_is_none_is_one_clear_error() -> None:
    why = "is not available here: CUDA driver|is not available here: no CUDA-capable device"
    message = (
        why if BUILT else "is not part of this build: it takes a CUDA toolkit and RPPG_CUDA=ON"
    )
    for use in (lambda: rf.Student.load(backend="cuda"), rf.cuda.FrameMotion):
        with pytest.raises(ValueError, match=f"backend 'cuda' ({message})"):
            use()


def test_auto_never_picks_cuda() -> None:
    program = "import rppg_fast as rf; print(rf.Student.load().backend, *rf.backends())"
    for wish in ("", "auto"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "RPPG_BACKEND": wish},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "cuda" not in done.stdout.split()


class Exported:
    """What an array on a device shows of itself."""

    def __init__(self, **changes: object) -> None:
        self.__cuda_array_interface__ = {
            "shape": (2, 3, 36, 36),
            "typestr": "<f4",
            "data": (0x1000, False),
            "version": 3,
            **changes,
        }


class OnlyDlpack:
    """The same by DLPack, made by hand: a float32 array with a type of device."""

    class Tensor(ctypes.Structure):
        _fields_ = [
            ("data", ctypes.c_void_p),
            ("device_type", ctypes.c_int32),
            ("device_id", ctypes.c_int32),
            ("ndim", ctypes.c_int32),
            ("code", ctypes.c_uint8),
            ("bits", ctypes.c_uint8),
            ("lanes", ctypes.c_uint16),
            ("shape", ctypes.POINTER(ctypes.c_int64)),
            ("strides", ctypes.POINTER(ctypes.c_int64)),
            ("byte_offset", ctypes.c_uint64),
            ("manager", ctypes.c_void_p),
            ("deleter", ctypes.c_void_p),
        ]

    def __init__(self, shape: tuple[int, ...], device: int = 2, bits: int = 32) -> None:
        extents = (ctypes.c_int64 * len(shape))(*shape)
        self.tensor = self.Tensor(0x1000, device, 0, len(shape), 2, bits, 1, extents)
        self.asked: object = None

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.device_type, self.tensor.device_id

    def __dlpack__(self, stream: object = None) -> object:
        self.asked = stream
        make = ctypes.pythonapi.PyCapsule_New
        make.restype = ctypes.py_object
        make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return make(ctypes.addressof(self.tensor), b"dltensor", None)


def changes_out(**changes: object) -> Exported:
    return Exported(**{"shape": (2,), **changes})


@pytest.mark.parametrize(
    ("motion", "out", "error", "named"),
    [
        (3, changes_out(), TypeError, "motion must be an array on a CUDA device.* got int"),
        (Exported(), [0.0], TypeError, "out must be an array on a CUDA device.* got list"),
        (
            np.zeros((2, 3, 36, 36), np.float32),
            changes_out(),
            ValueError,
            r"motion must lie on a CUDA device, but is a ndarray elsewhere \(.* type 1\)",
        ),
        (OnlyDlpack((2, 3, 36, 36), device=3), changes_out(), ValueError, "DLPack device type 3"),
        (
            Exported(shape=(3, 36, 36)),
            changes_out(),
            ValueError,
            r"motion must be float32 of shape \(N, 3, 36, 36\), got float32 \(3, 36, 36\)",
        ),
        (Exported(typestr="<f8"), changes_out(), ValueError, "got float64"),
        (OnlyDlpack((2, 3, 36, 36), bits=16), changes_out(), ValueError, "got float16"),
        (Exported(), changes_out(shape=(3,)), ValueError, r"out must be .*, got float32 \(3,\)"),
        (Exported(), changes_out(data=(0x1000, True)), ValueError, "out must be writable"),
        (Exported(mask=changes_out()), changes_out(), ValueError, "motion must not be masked"),
        (Exported(stream=0), changes_out(), ValueError, "motion names stream 0"),
        (
            Exported(strides=(15552, 4, 432, 12)),
            changes_out(),
            ValueError,
            "motion must be contiguous",
        ),
        (Exported(strides=(4,)), changes_out(), ValueError, "another number of strides"),
        (Exported(data=7), changes_out(), ValueError, "interface__ that is not one"),
        (Exported(typestr="what"), changes_out(), ValueError, "interface__ that is not one"),
        (Exported(), changes_out(), ValueError, "backend='cuda'; this one runs on 'portable'"),
        (
            OnlyDlpack((2, 3, 36, 36)),
            OnlyDlpack((2,)),
            ValueError,
            "backend='cuda'; this one runs on 'portable'",
        ),
    ],
)
def test_what_an_array_on_a_device_must_be(
    motion: object, out: object, error: type[Exception], named: str
) -> None:
    student = rf.Student.load(backend="portable")
    with pytest.raises(error, match=named):
        student(motion, out=out)


@pytest.mark.parametrize(("stream", "number"), [(0, 1), (2, 2), (0x5000, 0x5000)])
def test_the_producer_is_told_the_stream(stream: int, number: int) -> None:
    motion, out = OnlyDlpack((2, 3, 36, 36)), OnlyDlpack((2,))
    with pytest.raises(ValueError, match="runs on 'portable'"):
        rf.Student.load(backend="portable")(motion, out=out, stream=stream)
    assert motion.asked == out.asked == number


def test_an_array_that_is_none_of_numpys_needs_out() -> None:
    with pytest.raises(TypeError, match="motion is a OnlyDlpack: give a NumPy array, or"):
        rf.Student.load()(OnlyDlpack((2, 3, 36, 36)))  # type: ignore[call-overload]


# --- On a device


@pytest.fixture(scope="session")
def torch_cuda() -> Any:
    """PyTorch that sees the device, or the reason why not."""
    if NO_DEVICE:
        pytest.skip(f"CUDA: {rf.cuda.build()} {rf.cuda.devices()}")
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("this PyTorch sees no CUDA device to make arrays on")
    return torch


@pytest.fixture(scope="session")
def motions() -> NDArray[np.float32]:
    """4096 motions, all different, of the size that a face shows."""
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
    """The motion arrives on the stream late, after work that takes long."""
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
    assert not seen[2].any()  # another box
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
    assert there.heart_rate == pytest.approx(here.heart_rate, abs=0.01)


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
    with pytest.raises(RuntimeError), torch_cuda.cuda.graph(graph):  # which must not allocate
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
