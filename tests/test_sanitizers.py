"""The engine under the compilers' sanitizers, and in front of a fuzzer."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bench.engine import ROOT, build, link, run
from rppg_fast.student import BUNDLED_WEIGHTS
from tests import fuzz
from tests.test_native import HERE

SANITIZERS = {
    "addresses and undefined behaviour": fuzz.SANITIZERS,
    "threads": "-fsanitize=thread",
}
FUZZ_SECONDS = 5
# Of each program: what is wrong shows at once, if at all.
MOTIONS, SECONDS, THREADS = 4, 10.5, 4

Program = Callable[[str], Path]


@pytest.fixture(scope="module", params=SANITIZERS)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """Return a function that builds a program of tests/native under a sanitizer."""
    flags = SANITIZERS[request.param]
    folder = tmp_path_factory.mktemp("sanitized")
    if HERE.missing:
        pytest.skip(f"there is no {' and no '.join(HERE.missing)}")
    (folder / "empty.cpp").write_text("int main() {}")
    command = [HERE.compiler, *flags.split(), folder / "empty.cpp", "-o", folder / "empty"]
    if subprocess.run([*map(str, command)], capture_output=True).returncode:
        pytest.skip(f"{HERE.compiler} has no {flags}")
    debug = ["-DCMAKE_BUILD_TYPE=Debug", f"-DCMAKE_CXX_FLAGS={flags} -O1 -g1"]
    build(folder, HERE.compiler, debug)
    return lambda name: link(
        folder, HERE.compiler, ROOT / "tests" / "native" / f"{name}.cpp", flags.split()
    )


def test_sanitizers_find_nothing(program: Program, tmp_path: Path) -> None:
    """What they find ends a program with an error."""
    with np.load(ROOT / "tests" / "fixtures" / "student_golden.npz") as golden:
        golden["motion"][:MOTIONS].tofile(tmp_path / "motions")
    run(program("run_backends"), BUNDLED_WEIGHTS, tmp_path / "motions")
    assert "portable 1" in run(program("run_stream"), BUNDLED_WEIGHTS, 80, SECONDS)
    threads = run(program("run_threads"), BUNDLED_WEIGHTS, THREADS, SECONDS)
    assert threads == "different 0\n"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the engine as a fuzzer needs it."""
    reason = fuzz.missing() or (None if shutil.which("cmake") else "there is no cmake")
    if reason:
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("fuzz")
    fuzz.build_engine(folder)
    return folder


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_fuzzing_finds_nothing(target: str, engine: Path) -> None:
    done = fuzz.fuzz(engine, target, FUZZ_SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
