"""The engine on its own: no Python, no OpenCV, only CMake and a C++17 compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rppg_fast.student import BUNDLED_WEIGHTS

ROOT = Path(__file__).parent.parent


def cmake(*arguments: object) -> None:
    subprocess.run(["cmake", *map(str, arguments)], check=True, timeout=600, stdout=sys.stderr)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the engine without Python; return the folder of its library."""
    if shutil.which("cmake") is None or shutil.which(os.environ.get("CXX", "c++")) is None:
        pytest.skip("there is no CMake or no C++ compiler")
    folder = tmp_path_factory.mktemp("engine")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    cmake("-S", ROOT, "-B", folder, *generator, "-DRPPG_PYTHON=OFF", "-DRPPG_WERROR=ON")
    cmake("--build", folder)
    return folder


def link_with(engine: Path, program: Path, target: Path) -> None:
    compiler = os.environ.get("CXX", "c++")
    options = ["-std=c++17", "-O2", f"-I{ROOT / 'csrc'}"]
    libraries = [str(engine / "librppg_core.a"), "-pthread"]
    command = [compiler, *options, str(program), *libraries, "-o", str(target)]
    subprocess.run(command, check=True, timeout=300)


def test_a_warm_stream_allocates_nothing(engine: Path, tmp_path: Path) -> None:
    program = tmp_path / "count_allocations"
    link_with(engine, ROOT / "tests" / "native" / "count_allocations.cpp", program)
    printed = subprocess.run(
        [str(program), str(BUNDLED_WEIGHTS)], check=True, capture_output=True, text=True
    ).stdout
    counts = {line.split()[0]: int(line.split()[1]) for line in printed.splitlines()}
    assert counts["creation"] > 0  # the counter counts
    assert counts["warm-up"] > 0
    assert counts["afterwards"] == 0
