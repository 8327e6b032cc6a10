"""The engine on its own: no Python, no OpenCV, only CMake and a C++17 compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.student import BUNDLED_WEIGHTS

ROOT = Path(__file__).parent.parent
LIBRARY = "librppg_core.a"


# What a forward pass may differ by from PyTorch in float64, as for every float32 backend.
FLOAT32_TIER = 1e-5
TRUE_RATE = 97.0  # bpm
# A window of 10 s, and dither in place of the pulse's fractions of a grey level.
RATE_TOLERANCE = 0.5
# Of backends among each other: they differ by rounding alone.
SAME_RATE = 0.01  # bpm
SAME_SNR = 0.01  # dB
OK = list(rf.Status).index(rf.Status.OK)


@dataclass(frozen=True)
class Target:
    """A processor to build for, and one to run on."""

    compiler: str
    options: tuple[str, ...] = ()  # of CMake
    emulator: tuple[str, ...] = ()

    @property
    def missing(self) -> list[str]:
        tools = ["cmake", self.compiler, *self.emulator[:1]]
        return [tool for tool in tools if shutil.which(tool) is None]


ARM = ("-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64")
HERE = Target(os.environ.get("CXX", "c++"))
TARGETS = {
    "here": HERE,
    "clang": Target("clang++"),
    "Cortex-A57": Target("aarch64-linux-gnu-g++", ARM, ("qemu-aarch64", "-cpu", "cortex-a57")),
    "Nehalem": Target(HERE.compiler, (), ("qemu-x86_64", "-cpu", "Nehalem")),
    "Haswell": Target(HERE.compiler, (), ("qemu-x86_64", "-cpu", "Haswell")),
}
BACKENDS = {
    "Cortex-A57": ["neon", "portable"],
    "Nehalem": ["portable"],  # knows no AVX: nothing of the others may run
    "Haswell": ["avx2", "portable"],
}


class Engine:
    """The engine, built without Python, and programs linked with it."""

    def __init__(self, target: Target, folder: Path) -> None:
        if target.missing:
            pytest.skip(f"there is no {' and no '.join(target.missing)}")
        self.target, self.folder = target, folder
        generator = ["-G", "Ninja"] if shutil.which("ninja") else []
        switches = ["-DRPPG_PYTHON=OFF", "-DRPPG_WERROR=ON", "-DCMAKE_BUILD_TYPE=Release"]
        compiler = f"-DCMAKE_CXX_COMPILER={target.compiler}"
        self._run(
            "cmake", "-S", ROOT, "-B", folder, *generator, *switches, compiler, *target.options
        )
        self._run("cmake", "--build", folder)

    @staticmethod
    def _run(*command: object) -> str:
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, program: str, *arguments: object) -> str:
        """Build a program of tests/native, run it and return what it prints."""
        built = self.folder / program
        # Static: an emulated program finds no libraries.
        options = ["-std=c++17", "-O2", "-static", f"-I{ROOT / 'csrc'}", "-pthread"]
        source, library = ROOT / "tests" / "native" / f"{program}.cpp", self.folder / LIBRARY
        self._run(self.target.compiler, *options, source, library, "-o", built)
        return self._run(*self.target.emulator, built, *arguments)


@pytest.fixture(scope="module", params=TARGETS)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return Engine(TARGETS[request.param], tmp_path_factory.mktemp("engine"))


def test_every_processor_runs_its_backends_and_they_are_right(
    engine: Engine, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    with np.load(ROOT / "tests" / "fixtures" / "student_golden.npz") as golden:
        golden["motion"].tofile(tmp_path / "motions")
        expected = golden["change"]
    lines = engine.run("run_backends", BUNDLED_WEIGHTS, tmp_path / "motions").splitlines()
    changes = {line.split()[0]: [float.fromhex(x) for x in line.split()[1:]] for line in lines}
    known = BACKENDS.get(request.node.callspec.params["engine"], rf.backends())
    assert list(changes) == known
    for found in changes.values():
        assert np.abs(found - expected).max() <= FLOAT32_TIER * expected.std()


def test_every_processor_reads_the_same_heart_rate(engine: Engine) -> None:
    lines = engine.run("run_stream", BUNDLED_WEIGHTS, TRUE_RATE, 11).splitlines()
    readings = [[float(x) for x in line.split()[1:]] for line in lines]
    for status, heart_rate, _ in readings:
        assert status == OK
        assert heart_rate == pytest.approx(TRUE_RATE, abs=RATE_TOLERANCE)
    _, rates, snrs = zip(*readings)
    assert max(rates) - min(rates) <= SAME_RATE
    assert max(snrs) - min(snrs) <= SAME_SNR


@pytest.mark.parametrize("engine", ["here"], indirect=True)
def test_a_warm_stream_allocates_nothing(engine: Engine) -> None:
    printed = engine.run("count_allocations", BUNDLED_WEIGHTS)
    counts = {line.split()[0]: int(line.split()[1]) for line in printed.splitlines()}
    assert counts["creation"] > 0  # the counter counts
    assert counts["warm-up"] > 0
    assert counts["afterwards"] == 0
