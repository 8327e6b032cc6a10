"""The library and the program compile for Windows and macOS, and run in Wine."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.engine import ROOT, cmake
from tests.support.clips import SIZE, frame_times, skin

#: The first bytes of a program, and the names of library and program.
FORMATS = {
    "x86_64-windows-gnu": (b"MZ", "librppg_fast.dll", "rppg-fast-stream.exe"),
    "aarch64-macos": (b"\xcf\xfa\xed\xfe", "librppg_fast.dylib", "rppg-fast-stream"),
}
#: Another compiler's mathematical functions round otherwise; shares of the value.
SAME = 1e-6

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake"),
    pytest.mark.skipif(
        importlib.util.find_spec("ziglang") is None,
        reason="there is no compiler for other systems: pip install '.[web]'",
    ),
]


def built_for(target: str, folder: Path) -> Path:
    """Build library and program for a target, warnings as errors; return the program."""
    cmake(
        ROOT,
        folder,
        f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'cmake' / 'zig.cmake'}",
        f"-DRPPG_TARGET={target}",
        f"-DRPPG_ZIG={sys.executable};-m;ziglang",
        *("-DRPPG_PYTHON=OFF", "-DRPPG_WERROR=ON", "-DRPPG_JPEG=OFF"),
    )
    magic, library, program = FORMATS[target]
    for name in (library, program):
        assert (folder / name).read_bytes()[: len(magic)] == magic
    return folder / program


def wine(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return the command of Wine, with a home of its own, and its environment."""
    command = shutil.which("wine64") or shutil.which("wine")
    if command is None:
        pytest.skip("the program was compiled, but there is no Wine to run it")
    return [command], {**os.environ, "WINEPREFIX": str(folder), "WINEDEBUG": "-all"}


def lines(
    command: list[str], data: bytes, environment: dict[str, str], *options: str
) -> tuple[list[dict[str, Any]], int, str]:
    """Return the program's lines, its exit code, and what it says on standard error."""
    done = subprocess.run(
        [*command, *options], input=data, capture_output=True, env=environment, timeout=1200
    )
    assert b"\r" not in done.stdout
    return (
        [json.loads(line) for line in done.stdout.splitlines()],
        done.returncode,
        str(done.stderr),
    )


def test_the_program_for_windows_reads_as_the_one_here_does(tmp_path: Path) -> None:
    program = built_for("x86_64-windows-gnu", tmp_path / "build")
    command, environment = wine(tmp_path / "wine")
    here = shutil.which("rppg-fast-stream", path=str(Path(sys.executable).parent))
    assert here is not None, "the package is installed with its program"
    data = b"".join(frame.tobytes() for frame, _ in skin(frame_times(30.0, 13.0), 78.0))
    box = f"2,3,{SIZE - 4},{SIZE - 1}"
    options = ("--size", f"{SIZE}x{SIZE}", "--box", box, "--fps", "30", "--summary")
    for backend in ("auto", "portable"):
        wished = {"RPPG_BACKEND": backend}
        expected, *_ = lines([here], data, {**os.environ, **wished}, *options)
        found, code, said = lines([*command, str(program)], data, environment | wished, *options)
        assert code == 0, said
        assert len(found) == len(expected) > 1
        for one, other in zip(found, expected):
            assert one.keys() == other.keys()
            for name, value in other.items():
                number = isinstance(value, (int, float))
                assert one[name] == (
                    pytest.approx(value, rel=SAME, abs=SAME) if number else value
                ), name
    _, _, natives = lines([here], b"", {**os.environ, "RPPG_BACKEND": "none"}, *options)
    _, code, known = lines(
        [*command, str(program)], b"", environment | {"RPPG_BACKEND": "none"}, *options
    )
    assert code == 2
    # The processor's instructions are found without the compiler's library.
    offered = [
        [name for name in said.split("there are: ")[1].split("\\")[0].split(", ") if name != "amx"]
        for said in (natives, known)  # amx is for Linux alone
    ]
    assert offered[0] == offered[1]
    _, code, said = lines(
        [*command, str(program)], b"", environment, "--camera", "0", "--size", "8x8"
    )
    assert code == 2
    assert "reads cameras on Linux only" in said


def test_library_and_program_compile_for_macos(tmp_path: Path) -> None:
    built_for("aarch64-macos", tmp_path)
