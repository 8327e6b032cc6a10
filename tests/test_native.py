"""The engine on its own: no Python, no OpenCV, only a C++17 compiler."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rppg_fast.student import BUNDLED_WEIGHTS

ROOT = Path(__file__).parent.parent


def compile_with_engine(program: Path, target: Path) -> None:
    compiler = os.environ.get("CXX") or shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    sources = [p for p in (ROOT / "csrc").rglob("*.cpp") if p.name != "bindings.cpp"]
    command = [compiler, "-std=c++17", "-O2", f"-I{ROOT / 'csrc'}", *map(str, sources)]
    subprocess.run([*command, str(program), "-o", str(target)], check=True, timeout=300)


def test_a_warm_stream_allocates_nothing(tmp_path: Path) -> None:
    program = tmp_path / "count_allocations"
    compile_with_engine(ROOT / "tests" / "native" / "count_allocations.cpp", program)
    printed = subprocess.run(
        [str(program), str(BUNDLED_WEIGHTS)], check=True, capture_output=True, text=True
    ).stdout
    counts = {line.split()[0]: int(line.split()[1]) for line in printed.splitlines()}
    assert counts["creation"] > 0  # the counter counts
    assert counts["warm-up"] > 0
    assert counts["afterwards"] == 0
