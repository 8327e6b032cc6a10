"""The engine under the compilers' sanitizers, and in front of a fuzzer."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from bench.engine import ROOT, build, link, run
from rppg_fast.student import BUNDLED_WEIGHTS
from tests import fuzz
from tests.test_native import HERE

# Of each program: what is wrong shows at once, if at all.
FUZZ_SECONDS = 4
MOTIONS, SECONDS, THREADS = 4, 10.5, 4


def engine(folder: Path, compiler: str, flags: str) -> Path:
    """Build the engine with a sanitizer, or skip where the compiler has none."""
    if HERE.missing:
        pytest.skip(f"there is no {' and no '.join(HERE.missing)}")
    (folder / "empty.cpp").write_text("int main() {}")
    command = [compiler, *flags.split(), folder / "empty.cpp", "-o", folder / "empty"]
    if subprocess.run([*map(str, command)], capture_output=True).returncode:
        pytest.skip(f"{compiler} has no {flags}")
    build(folder, compiler, fuzz.debug(flags))
    return folder


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Return a folder with the engine as a fuzzer needs it, None where there is no fuzzer."""
    if fuzz.missing() or HERE.missing:
        return None
    return fuzz.build_engine(tmp_path_factory.mktemp("fuzz"))


def run_programs(folder: Path, compiler: str, flags: str) -> None:
    """Run programs of tests/native; what a sanitizer finds ends them with an error."""

    @cache
    def program(name: str) -> Path:
        return link(folder, compiler, ROOT / "tests" / "native" / f"{name}.cpp", flags.split())

    with np.load(ROOT / "tests" / "fixtures" / "student_golden.npz") as golden:
        golden["motion"][:MOTIONS].tofile(folder / "motions")
    run(program("run_backends"), BUNDLED_WEIGHTS, folder / "motions")
    assert "portable 1" in run(program("run_stream"), BUNDLED_WEIGHTS, 80, SECONDS)
    threads = run(program("run_threads"), BUNDLED_WEIGHTS, THREADS, SECONDS)
    assert threads == "different 0\n"


def test_no_address_is_wrong_and_no_behaviour_undefined(
    fuzzed: Path | None, tmp_path: Path
) -> None:
    compiler = fuzz.COMPILER if fuzzed else HERE.compiler
    folder = fuzzed or engine(tmp_path, compiler, fuzz.SANITIZERS)
    run_programs(folder, compiler, fuzz.SANITIZERS)


def test_many_streams_in_many_threads_do_not_race(tmp_path: Path) -> None:
    flags = "-fsanitize=thread"
    run_programs(engine(tmp_path, HERE.compiler, flags), HERE.compiler, flags)


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_fuzzing_finds_nothing(target: str, fuzzed: Path | None) -> None:
    if fuzzed is None:
        pytest.skip(fuzz.missing() or "there is no cmake")
    done = fuzz.fuzz(fuzzed, target, FUZZ_SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
