"""Build the engine without Python for a given processor, and link programs with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMPILER = os.environ.get("CXX", "c++")
"""C++ compiler for this machine."""
ARM_COMPILER = "aarch64-linux-gnu-g++"
ARM = (
    "-DCMAKE_SYSTEM_NAME=Linux",
    "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
    "-DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc",
)
"""CMake options for the Arm compiler."""


def run(*command: object) -> str:
    """Run a command and return its output.

    Raises
    ------
    RuntimeError
        If the command fails; the message contains its output.
    """
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def build(
    folder: Path, compiler: str, options: Sequence[str] = (), targets: Sequence[str] = ("all",)
) -> None:
    """Build the engine in a folder, warnings as errors; `options` and `targets` are CMake's."""
    switches = ["-DRPPG_PYTHON=OFF", "-DRPPG_WERROR=ON", "-DCMAKE_BUILD_TYPE=Release"]
    cmake(ROOT, folder, f"-DCMAKE_CXX_COMPILER={compiler}", *switches, *options, targets=targets)


def cmake(source: Path, folder: Path, *options: str, targets: Sequence[str] = ("all",)) -> None:
    """Configure and build the project of a folder's CMakeLists.txt."""
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    run("cmake", "-S", source, "-B", folder, *generator, *options)
    run("cmake", "--build", folder, "--target", *targets)


def link(
    folder: Path,
    compiler: str,
    source: Path,
    anew: Sequence[object] = (),
    shared: bool = False,
    static: bool = True,
) -> Path:
    """Compile a program and link it with the engine of a folder; return the program's path.

    ``anew`` are sources that replace sources of the engine, and options of the compiler.
    ``shared`` makes a library instead of a program. A program is linked statically unless
    ``static`` is False: an emulated program finds no shared libraries.
    """
    program = folder / source.stem
    kind = ["-shared", "-fPIC"] if shared else ["-static"] * static
    flags = ["-std=c++17", "-O2", *kind, "-pthread", f"-I{ROOT / 'csrc'}"]
    run(compiler, *flags, *anew, source, folder / "librppg_fast.a", "-o", program)
    return program
