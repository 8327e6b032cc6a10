r"""What the CUDA kernels take of a multiprocessor: registers, shared memory, spills, occupancy.

    python -m bench.cuda.resources [ARCHITECTURE...]

compiles the kernels for each architecture (53, 87 and 90 by default) with the first compiler that
knows it, of the one on the PATH and those that the environment variable RPPG_NVCC lists (joined as
in PATH), and prints what ptxas says and what follows from it. Needs no GPU. Exit code 1: a kernel
spills or does not fit; 3: for some architecture there is no compiler.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.engine import ROOT, run

SOURCE = ROOT / "csrc" / "kernels" / "cuda" / "kernels.cu"
THREADS = {"whole": 192, "split": 256, "frame": 128}
"""Of a block, by kernel."""
WANTED = (53, 87, 90)

WARP = 32


@dataclass(frozen=True)
class Limits:
    """What there is of a multiprocessor (CUDA C++ Programming Guide, "Compute Capabilities")."""

    registers_of_block: int
    shared: int  # bytes
    warps: int
    blocks: int
    reserved: int = 0  # bytes of shared memory that the system takes for each block
    registers: int = 65536


LIMITS = {
    53: Limits(32768, 64 << 10, 64, 32),
    60: Limits(65536, 64 << 10, 64, 32),
    62: Limits(32768, 64 << 10, 64, 32),
    70: Limits(65536, 96 << 10, 64, 32),
    72: Limits(65536, 96 << 10, 64, 32),
    75: Limits(65536, 64 << 10, 32, 16),
    80: Limits(65536, 164 << 10, 64, 32, 1 << 10),
    87: Limits(65536, 164 << 10, 48, 16, 1 << 10),
    90: Limits(65536, 228 << 10, 64, 32, 1 << 10),
    100: Limits(65536, 228 << 10, 64, 32, 1 << 10),
    120: Limits(65536, 100 << 10, 48, 24, 1 << 10),
}


@dataclass(frozen=True)
class Resources:
    """What one kernel takes on one architecture."""

    kernel: str
    arch: int
    registers: int  # of a thread
    shared: int  # bytes of a block
    stack: int  # bytes of a thread
    spilled: int  # bytes of a thread, stores and loads

    @property
    def registers_of_block(self) -> int:
        """Registers as they are handed out: 256 at a time, for warps four at a time."""
        warps = -(-THREADS[self.kernel] // WARP)
        return -(-warps // 4) * 4 * -(-self.registers * WARP // 256) * 256

    @property
    def blocks(self) -> int:
        """How many blocks one multiprocessor holds at a time."""
        limits = LIMITS[self.arch]
        if self.registers_of_block > limits.registers_of_block:
            return 0
        return min(
            limits.registers // self.registers_of_block,
            limits.shared // (self.shared + limits.reserved),
            limits.warps // (THREADS[self.kernel] // WARP),
            limits.blocks,
        )

    @property
    def occupancy(self) -> float:
        """Share of the warps that a multiprocessor could hold."""
        return self.blocks * THREADS[self.kernel] / WARP / LIMITS[self.arch].warps

    @property
    def right(self) -> bool:
        """Whether it spills nothing and a block of it can run."""
        return self.spilled == 0 and self.stack == 0 and self.blocks > 0


def compilers() -> list[str]:
    """Return the CUDA compilers that there are, that of the PATH first."""
    named = [path for path in os.environ.get("RPPG_NVCC", "").split(os.pathsep) if path]
    return [path for path in ["nvcc", *named] if shutil.which(path)]


@cache
def architectures(compiler: str) -> frozenset[int]:
    """Return those that a compiler knows."""
    listed = run(compiler, "--list-gpu-arch")
    return frozenset(int(number) for number in re.findall(r"compute_(\d+)\b", listed))


@cache
def version(compiler: str) -> str:
    """Return a compiler's version, such as "11.8"."""
    found = re.search(r"release ([\d.]+)", run(compiler, "--version"))
    return found[1] if found else "unknown"


def compiler_for(arch: int) -> str | None:
    """Return the first compiler that knows an architecture."""
    return next((path for path in compilers() if arch in architectures(path)), None)


def report(compiler: str, arch: int) -> list[Resources]:
    """Compile the kernels and return what each takes, or raise RuntimeError with the errors."""
    with tempfile.TemporaryDirectory() as folder:
        command = [compiler, "-std=c++14", "-O3", "-allow-unsupported-compiler", "-Xptxas=-v"]
        command += ["-Xcompiler=-Wall,-Wextra,-Wshadow,-Werror", f"-arch=sm_{arch}"]
        target = ["-cubin", "-o", str(Path(folder) / "kernels.cubin"), str(SOURCE)]
        done = subprocess.run([*command, *target], capture_output=True, text=True, timeout=600)
    printed = done.stdout + done.stderr
    if done.returncode:
        raise RuntimeError(f"{compiler} failed for sm_{arch}:\n{printed}")
    return parse(printed, arch)


def parse(printed: str, arch: int) -> list[Resources]:
    """Read what ptxas -v prints."""
    found = []
    for part in printed.split("Compiling entry function")[1:]:
        kernel = re.search(rf"({'|'.join(THREADS)})_kernel", part)
        stack = re.search(r"(\d+) bytes stack frame", part)
        spills = re.findall(r"(\d+) bytes spill (?:stores|loads)", part)
        registers = re.search(r"Used (\d+) registers", part)
        shared = re.search(r"(\d+) bytes smem", part)
        if not (kernel and stack and len(spills) == 2 and registers):
            raise RuntimeError(f"ptxas printed something else than expected:\n{printed}")
        numbers = (int(registers[1]), int(shared[1]) if shared else 0, int(stack[1]))
        found.append(Resources(kernel[1], arch, *numbers, sum(map(int, spills))))
    return sorted(found, key=lambda each: list(THREADS).index(each.kernel))


def table(rows: Sequence[tuple[str, Resources]]) -> str:
    """Return compiler versions and resources as Markdown."""
    lines = [
        "| nvcc | for | Kernel | Threads | Registers | Shared memory, bytes | Spilled, bytes "
        "| Blocks on a multiprocessor | Occupancy |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for compiler, each in rows:
        lines.append(
            f"| {version(compiler)} | sm_{each.arch} | {each.kernel} | {THREADS[each.kernel]} | "
            f"{each.registers} | {each.shared} | {each.spilled} | {each.blocks} | "
            f"{each.occupancy:.0%} |"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Command line; returns the exit code."""
    wrong, missing, rows = False, False, []
    for arch in map(int, arguments or map(str, WANTED)):
        compiler = compiler_for(arch)
        if compiler is None:
            print(f"sm_{arch}: no CUDA compiler here knows it", file=sys.stderr)
            missing = True
            continue
        for each in report(compiler, arch):
            rows.append((compiler, each))
            if not each.right:
                print(f"sm_{arch}: {each.kernel} spills or does not fit", file=sys.stderr)
                wrong = True
    if rows:
        print(table(rows))
    return 1 if wrong else 3 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
