"""The engine on its own: no Python, no OpenCV, only CMake and a C++17 compiler."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import rppg_fast as rf
from bench.engine import ARM, ARM_COMPILER, ROOT, build, link, run
from rppg_fast.student import BUNDLED_WEIGHTS

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


HERE = Target(os.environ.get("CXX", "c++"))
TARGETS = {
    "here": HERE,
    "clang": Target("clang++"),
    "Cortex-A57": Target(ARM_COMPILER, ARM, ("qemu-aarch64", "-cpu", "cortex-a57")),
    "Nehalem": Target(HERE.compiler, (), ("qemu-x86_64", "-cpu", "Nehalem")),
    "Haswell": Target(HERE.compiler, (), ("qemu-x86_64", "-cpu", "Haswell")),
}
BACKENDS = {
    "Cortex-A57": ["neon", "portable"],
    "Nehalem": ["portable"],  # knows no AVX: nothing of the others may run
    "Haswell": ["avx2", "portable"],
}


class Engine:
    """The engine as built for a target, and programs linked with it."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target, self.folder = target, folder

    def run(self, program: str, *arguments: object) -> str:
        """Build a program of tests/native, run it and return what it prints."""
        source = ROOT / "tests" / "native" / f"{program}.cpp"
        return run(
            *self.target.emulator, link(self.folder, self.target.compiler, source), *arguments
        )


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Target], Path]:
    """Return a function that builds for a target; those with one compiler share its engine."""

    @cache
    def make(compiler: str, options: tuple[str, ...]) -> Path:
        folder = tmp_path_factory.mktemp("engine")
        build(folder, compiler, options)
        return folder

    return lambda target: make(target.compiler, target.options)


@pytest.fixture(scope="module", params=TARGETS)
def engine(request: pytest.FixtureRequest, built: Callable[[Target], Path]) -> Engine:
    target = TARGETS[request.param]
    if target.missing:
        pytest.skip(f"there is no {' and no '.join(target.missing)}")
    return Engine(target, built(target))


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
