"""The engine alone: no Python, no OpenCV, only CMake and a C++17 compiler."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

import rppg_fast as rf
from bench.engine import ARM, ARM_COMPILER, COMPILER, ROOT, link, run
from rppg_fast.student import BUNDLED_WEIGHTS
from rppg_fast.video import VideoFile
from tests.support import mtcnn
from tests.support.clips import frame_times, skin
from tests.support.golden import golden
from tests.support.tiers import (
    BF16_NOISE_TIER,
    BF16_RATE,
    BF16_TIER,
    FLOAT32_TIER,
    TEACHER_NOISE_TIER,
    allowed,
)
from tests.support.weights import (
    TEACHER_METADATA,
    numpy_teacher,
    random_teacher,
    safetensors_bytes,
    torch_student,
)

TRUE_RATE = 97.0  # bpm
# For a window of 10 s; the pulse is a fraction of a grey level, so the frames are dithered.
RATE_TOLERANCE = 0.5
# Differences between backends come only from rounding.
SAME_RATE = 0.01  # bpm
SAME_SNR = 0.01  # dB
BF16_SNR = 0.3  # dB
# Box of the demonstration clip's face by the face detector, enlarged 1.6 times.
DEMO_FACE = (89, 30, 228, 205)
SAME_FACE = 0.01  # pixels; only rounding differs
SAME_FACE_AGAIN = 0.15  # relative to its side, as in test_face.py
# A small number, because some processors are emulated.
TEACHER_STEPS = 6
OK = list(rf.Status).index(rf.Status.OK)


@dataclass(frozen=True)
class Target:
    """A processor to build for, and how to run its programs."""

    compiler: str
    options: tuple[str, ...] = ()  # options of CMake
    emulator: tuple[str, ...] = ()
    anew: tuple[object, ...] = ()  # sources that replace the engine's own, with their options

    @property
    def missing(self) -> list[str]:
        tools = ["cmake", self.compiler, *self.emulator[:1]]
        return [tool for tool in tools if shutil.which(tool) is None]


HERE = Target(COMPILER)
KERNELS = ROOT / "csrc" / "kernels"
SOFTWARE = ROOT / "tests" / "native" / "software"
# Instructions that this processor may lack, implemented in plain C++.
IN_SOFTWARE = (
    "-O3",
    f"-I{SOFTWARE}",
    *("-DRPPG_AVX512", "-DRPPG_AMX"),
    *(KERNELS / f"{name}.cpp" for name in ("avx512", "amx", "dispatch")),
    *(SOFTWARE / f"{name}.cpp" for name in ("amx_support", "cpu_features")),
)
NOT_VECTORISED = ("-O3", "-fno-tree-vectorize", "-fno-tree-slp-vectorize", KERNELS / "portable.cpp")
TARGETS = {
    "here": HERE,
    "here, portable as it is written": Target(HERE.compiler, anew=NOT_VECTORISED),
    "AVX-512 and AMX in software": Target(HERE.compiler, anew=IN_SOFTWARE),
    "clang": Target("clang++"),
    "Cortex-A57": Target(ARM_COMPILER, ARM, ("qemu-aarch64", "-cpu", "cortex-a57")),
    "Nehalem": Target(HERE.compiler, (), ("qemu-x86_64", "-cpu", "Nehalem")),
    "Haswell": Target(HERE.compiler, (), ("qemu-x86_64", "-cpu", "Haswell")),
}
BACKENDS = {
    "AVX-512 and AMX in software": ["avx512", "portable", "amx"],
    "Cortex-A57": ["neon", "portable"],
    "Nehalem": ["portable"],  # without AVX: no instruction of the other backends may be executed
    "Haswell": ["avx2", "portable"],
}


class Engine:
    """The engine built for a target, and programs linked with it."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.folder = target, folder

    def run(self, program: str, *arguments: object) -> str:
        """Build a program of tests/native, run it and return its output."""
        source = ROOT / "tests" / "native" / f"{program}.cpp"
        made = link(self.folder, self.target.compiler, source, self.target.anew)
        return run(*self.target.emulator, made, *arguments)

    def changes(
        self, motion: NDArray[np.float32], folder: Path, *backend: str
    ) -> dict[str, NDArray[np.float64]]:
        """Return the changes of each backend, or of one, for motion, float32 (N, 3, 36, 36)."""
        motion.tofile(folder / "motions")
        printed = self.run("run_backends", BUNDLED_WEIGHTS, folder / "motions", *backend)
        return {
            line.split()[0]: np.array([float.fromhex(x) for x in line.split()[1:]])
            for line in printed.splitlines()
        }


@pytest.fixture(scope="module", params=TARGETS)
def engine(request: pytest.FixtureRequest, built: Callable[..., Path]) -> Engine:
    target = TARGETS[request.param]
    if target.missing:
        pytest.skip(f"there is no {' and no '.join(target.missing)}")
    return Engine(target, built(target.compiler, target.options))


@pytest.mark.slow
def test_every_processor_runs_its_backends_and_they_are_right(
    engine: Engine, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    motion, expected = golden()
    changes = engine.changes(motion, tmp_path)
    known = BACKENDS.get(request.node.callspec.params["engine"], rf.backends())
    assert list(changes) == known
    for backend, found in changes.items():
        tier = allowed(backend, FLOAT32_TIER, BF16_NOISE_TIER)
        assert np.abs(found - expected).max() <= tier * expected.std()


@pytest.mark.slow
def test_every_processor_runs_the_teacher(engine: Engine, tmp_path: Path) -> None:
    tensors, rng = random_teacher(), np.random.default_rng(2)
    motion = rng.standard_normal((TEACHER_STEPS, 3, 36, 36), np.float32)
    seen = rng.random((TEACHER_STEPS, 3, 36, 36), np.float32)
    (tmp_path / "weights").write_bytes(safetensors_bytes(tensors, TEACHER_METADATA))
    np.stack([motion, seen], axis=1).tofile(tmp_path / "steps")
    expected = numpy_teacher(tensors, motion, seen)
    printed = engine.run("run_teacher", tmp_path / "weights", tmp_path / "steps")
    for line in printed.splitlines():
        backend, *values = line.split()
        found = np.array([float.fromhex(value) for value in values])
        tier = allowed(backend, TEACHER_NOISE_TIER, TEACHER_NOISE_TIER)
        assert np.abs(found - expected).max() <= tier * expected.std(), backend


@pytest.mark.skipif(platform.machine() != "x86_64", reason="AVX2 is x86-64's")
@pytest.mark.parametrize("name", ["here", pytest.param("clang", marks=pytest.mark.slow)])
def test_sums_of_products_stay_in_registers(name: str, built: Callable[..., Path]) -> None:
    """Half of the networks' time is spent there; spilled registers make it twice as long."""
    target = TARGETS[name]
    missing = [*target.missing, *["objdump"] * (shutil.which("objdump") is None)]
    if missing:
        pytest.skip(f"there is no {' and no '.join(missing)}")
    engine = built(target.compiler, target.options) / "librppg_fast.a"
    listing = run("objdump", "-d", "-C", "--no-show-raw-insn", engine)
    code = listing.split("\navx2.cpp.o:", 1)[1].split(" file format ", 2)[1]
    functions = re.findall(r"^[0-9a-f]+ <.*::multiply<.*>:\n((?:.+\n)+)", code, re.MULTILINE)
    assert len(functions) == 6  # two of the student, two of the teacher alone, two of O-Net
    for instructions in functions:
        assert instructions.count("vfmadd") >= 8  # the number of sums
        assert "(%rsp" not in instructions


@pytest.mark.slow
def test_every_processor_reads_the_same_heart_rate(engine: Engine) -> None:
    lines = engine.run("run_stream", BUNDLED_WEIGHTS, TRUE_RATE, 11).splitlines()
    readings = {line.split()[0]: [float(x) for x in line.split()[1:]] for line in lines}
    _, expected_rate, expected_snr = readings["portable"]
    for backend, (status, heart_rate, snr) in readings.items():
        assert status == OK
        assert heart_rate == pytest.approx(TRUE_RATE, abs=RATE_TOLERANCE)
        same = allowed(backend, SAME_RATE, BF16_RATE)
        assert heart_rate == pytest.approx(expected_rate, abs=same)
        assert snr == pytest.approx(expected_snr, abs=allowed(backend, SAME_SNR, BF16_SNR))


@pytest.mark.slow
def test_every_processor_finds_the_same_faces(engine: Engine, tmp_path: Path) -> None:
    frame, _ = next(iter(VideoFile(BUNDLED_WEIGHTS.parent / "demo.mp4")))
    (expected,) = rf.MTCNN()(frame)
    frame.tofile(tmp_path / "frame")
    height, width = frame.shape[:2]
    printed = engine.run("run_face", mtcnn.WEIGHTS, tmp_path / "frame", width, height)
    for line in printed.splitlines():
        backend, *numbers = line.split()
        found, again, *lying = np.array(numbers, float).reshape(5, 5)
        assert found == pytest.approx([*expected.edges, expected.probability], abs=SAME_FACE)
        for other in (again, *lying):
            assert other == pytest.approx(found, abs=SAME_FACE_AGAIN * expected.side), backend


def heart_rates(change: NDArray[np.float64]) -> list[float]:
    """Return heart rates in windows of 10 s, bpm, from changes at 30 fps."""
    pulse = rf.BandPass(0.7, 4.0, fs=30.0)(np.cumsum(change - change.mean()))
    starts = range(0, len(pulse) - 298, 60)
    peaks = [rf.spectrum(pulse[start : start + 299], 30.0).heart_rate for start in starts]
    return [peak for peak in peaks if peak is not None]


@pytest.fixture(scope="module")
def clips() -> dict[str, NDArray[np.float32]]:
    """Return the motion of the demonstration clip's face, and of skin with a pulse."""
    demo = [frame for frame, _ in VideoFile(BUNDLED_WEIGHTS.parent / "demo.mp4")]
    seen: dict[str, Any] = {"demo": (demo, DEMO_FACE)}
    for rate in (54.0, 168.0):
        frames = [frame for frame, _ in skin(frame_times(30.0, 10.0), rate)]
        seen[f"{rate} bpm"] = (frames, None)
    appearances = {
        name: np.stack([rf.appearance(frame, box) for frame in frames])
        for name, (frames, box) in seen.items()
    }
    return {name: rf.motion(faces[:-1], faces[1:]) for name, faces in appearances.items()}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["AVX-512 and AMX in software"], indirect=True)
def test_amx_keeps_to_its_tier_on_clips(
    engine: Engine, clips: dict[str, NDArray[np.float32]], tmp_path: Path
) -> None:
    tensors = load_file(BUNDLED_WEIGHTS)
    for name, motion in clips.items():
        expected = torch_student(tensors, motion)
        found = engine.changes(motion, tmp_path, "amx")["amx"]
        assert np.abs(found - expected).max() <= BF16_TIER, name
        rates = heart_rates(found)
        assert rates, name
        assert rates == pytest.approx(heart_rates(expected), abs=BF16_RATE), name


@pytest.mark.parametrize("engine", ["here"], indirect=True)
def test_a_warm_stream_allocates_nothing(engine: Engine) -> None:
    printed = engine.run("count_allocations", BUNDLED_WEIGHTS)
    counts = {line.split()[0]: int(line.split()[1]) for line in printed.splitlines()}
    assert counts["creation"] > 0  # shows that the counter works
    assert counts["warm-up"] > 0
    assert counts["afterwards"] == 0
