r"""Report the registers, shared memory, spills and occupancy of the CUDA kernels.

    python -m bench.cuda.resources [ARCHITECTURE...]

compiles the kernels for each architecture (53, 87 and 90 by default) and prints the output of ptxas
and the occupancy. It uses the first compiler that knows the architecture: the one on the PATH, then
those in the environment variable RPPG_NVCC (separated as in PATH). Needs no GPU. Exit code 1: a
kernel spills or does not fit; 3: there is no compiler for one of the architectures.
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
"""Threads of a block, by kernel."""
WANTED = (53, 87, 90)

WARP = 32


@dataclass(frozen=True)
class Limits:
    """Limits of a multiprocessor (CUDA C++ Programming Guide, "Compute Capabilities")."""

    registers_of_block: int
    shared: int  # bytes
    warps: int
    blocks: int
    reserved: int = 0  # bytes of shared memory that the system reserves for each block
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
    """What one kernel uses on one architecture."""

    kernel: str
    arch: int
    registers: int  # per thread
    shared: int  # bytes per block
    stack: int  # bytes per thread
    spilled: int  # bytes per thread, stores and loads

    @property
    def registers_of_block(self) -> int:
        """Registers as allocated: in units of 256 per warp, for warps in groups of four."""
        warps = -(-THREADS[self.kernel] // WARP)
        return -(-warps // 4) * 4 * -(-self.registers * WARP // 256) * 256

    @property
    def blocks(self) -> int:
        """Number of blocks that one multiprocessor holds at the same time."""
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
        """Warps that the blocks use, divided by the most that a multiprocessor can hold."""
        return self.blocks * THREADS[self.kernel] / WARP / LIMITS[self.arch].warps

    @property
    def right(self) -> bool:
        """Whether the kernel spills nothing and at least one of its blocks can run."""
        return self.spilled == 0 and self.stack == 0 and self.blocks > 0


def compilers() -> list[str]:
    """Return the available CUDA compilers, the one on the PATH first."""
    named = [path for path in os.environ.get("RPPG_NVCC", "").split(os.pathsep) if path]
    return [path for path in ["nvcc", *named] if shutil.which(path)]


@cache
def architectures(compiler: str) -> frozenset[int]:
    """Return the architectures that a compiler knows."""
    listed = run(compiler, "--list-gpu-arch")
    return frozenset(int(number) for number in re.findall(r"compute_(\d+)\b", listed))


@cache
def version(compiler: str) -> str:
    """Return a compiler's version, such as "11.8"."""
    found = re.search(r"release ([\d.]+)", run(compiler, "--version"))
    return found[1] if found else "unknown"


def compiler_for(arch: int) -> str | None:
    """Return the first compiler that knows an architecture; None if there is none."""
    return next((path for path in compilers() if arch in architectures(path)), None)


def report(compiler: str, arch: int) -> list[Resources]:
    """Compile the kernels and return what each uses; raise RuntimeError if that fails."""
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
    """Read the output of ptxas -v."""
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
    """Run the command line; return the exit code."""
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
