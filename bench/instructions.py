r"""Count the instructions that a Cortex-A57, the processor of a Jetson Nano, takes for a frame.

    python -m bench.instructions

cross-compiles the engine, runs it in QEMU one instruction at a time and counts them: the difference
between doing a thing twice and once. Needs CMake, ninja, aarch64-linux-gnu-g++ and qemu-aarch64
(Debian: g++-aarch64-linux-gnu, qemu-user). A count is exact; what it takes in time is not known
from it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from rppg_fast.student import BUNDLED_WEIGHTS

ROOT = Path(__file__).parent.parent
COMPILER = "aarch64-linux-gnu-g++"
WHAT = {
    "forward": "motion to the change of the pulse",
    "frame": "340x440 pixels of a 640x480 frame to a sample of the pulse, forward included",
    "reading": "a full window to its heart rate",
}


def run(*command: object) -> None:
    """Run a command silently."""
    subprocess.run([*map(str, command)], check=True, stdout=subprocess.DEVNULL)


def build(folder: Path) -> Path:
    """Cross-compile the engine and the program that repeats; return its path."""
    arm = ["-DCMAKE_SYSTEM_NAME=Linux", "-DCMAKE_SYSTEM_PROCESSOR=aarch64"]
    options = ["-DRPPG_PYTHON=OFF", f"-DCMAKE_CXX_COMPILER={COMPILER}", *arm]
    run("cmake", "-G", "Ninja", "-S", ROOT, "-B", folder, *options)
    run("cmake", "--build", folder)
    program = folder / "repeat"
    source, library = ROOT / "bench" / "native" / "repeat.cpp", folder / "librppg_core.a"
    flags = ["-std=c++17", "-O2", "-static", "-pthread", f"-I{ROOT / 'csrc'}"]
    run(COMPILER, *flags, source, library, "-o", program)
    return program


def executed(program: Path, what: str, times: int) -> int:
    """Return the number of instructions that the whole program executes."""
    emulator = ["qemu-aarch64", "-cpu", "cortex-a57", "-singlestep", "-d", "exec,nochain"]
    command = [*emulator, str(program), str(BUNDLED_WEIGHTS), what, str(times)]
    count = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as emulated:
        assert emulated.stderr is not None
        for line in emulated.stderr:
            count += line.startswith(b"Trace")
    if emulated.returncode:
        raise RuntimeError(f"{program} {what} ended with {emulated.returncode}")
    return count


def main() -> int:
    """Command line; returns the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        program = build(Path(folder))
        for what, meaning in WHAT.items():
            count = executed(program, what, 2) - executed(program, what, 1)
            print(f"{what}: {count / 1e6:.3f} million instructions ({meaning})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
