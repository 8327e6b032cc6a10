r"""Count the instructions per frame on a Cortex-A57, the processor of a Jetson Nano.

    python -m bench.instructions

cross-compiles the engine, runs it in QEMU one instruction at a time and counts the instructions:
the count of doing a task twice minus the count of doing it once. Needs CMake, qemu-aarch64 and the
cross compiler (Debian: qemu-user, g++-aarch64-linux-gnu). A count is exact, but it does not give
the time.

If llvm-mca is installed, its model of the core adds an estimate of the cycles. The estimate is the
sum over all instruction sequences without a branch, each multiplied by how often it was executed.
The model has no cache and predicts every branch correctly.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.engine import ARM, ARM_COMPILER, ROOT, build, link, run
from rppg_fast.student import BUNDLED_WEIGHTS

DISASSEMBLER = "aarch64-linux-gnu-objdump"
MODEL = ("llvm-mca", "-mtriple=aarch64-linux-gnu", "-mcpu=cortex-a57", "-iterations=100")
CLOCK = 1.43e9
"""Clock of a Jetson Nano's cores, Hz."""
WHAT = {
    "forward": "motion to the change of the pulse",
    "teacher": "the same by the teacher, which looks at the appearance, too",
    "frame": "340x440 pixels of a 640x480 frame to a sample of the pulse, forward included",
    "reading": "a full window to its heart rate",
    "doubt": "a full window without a pulse, all its peaks weighed",
}


def executed(program: Path, what: str, times: int) -> Counter[int]:
    """Return how often the program executes the instruction at each address."""
    emulator = ["qemu-aarch64", "-cpu", "cortex-a57", "-singlestep", "-d", "exec,nochain"]
    command = [*emulator, str(program), str(BUNDLED_WEIGHTS), what, str(times)]
    addresses: Counter[int] = Counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as emulated:
        assert emulated.stderr is not None
        for line in emulated.stderr:
            if line.startswith(b"Trace"):  # Trace 0: 0x... [flags/address/flags/flags] symbol
                addresses[int(line.split(b"/", 2)[1], 16)] += 1
    if emulated.returncode:
        raise RuntimeError(f"{program} {what} ended with {emulated.returncode}")
    return addresses


def straight_runs(program: Path, counts: Counter[int]) -> list[tuple[list[str], int]]:
    """Split the executed code at branches; return each sequence and how often it was executed."""
    listing = run(DISASSEMBLER, "-d", "--no-show-raw-insn", program)
    runs: list[tuple[list[str], int]] = []
    last = (0, 0)  # address and count of the previous instruction
    for found in re.finditer(r"^\s*([0-9a-f]+):\t([^\n<]*)", listing, re.MULTILINE):
        address, instruction = int(found[1], 16), found[2].strip()
        count = counts[address]
        if count <= 0:
            continue
        if last != (address - 4, count):
            runs.append(([], count))
        last = (address, count)
        # Branches end a sequence; the model reads neither them nor addresses relative to the
        # program.
        if re.match(r"(b|b\.\w+|bl|blr|br|ret|cbn?z|tbn?z|adrp?)\b", instruction):
            if not instruction.startswith("adr"):
                last = (0, 0)
            continue
        runs[-1][0].append(instruction)
    return [run for run in runs if run[0]]


def estimated_cycles(program: Path, counts: Counter[int]) -> float:
    """Return the cycles that llvm-mca's model of the core predicts for the executed code."""
    cycles = 0.0
    for instructions, count in straight_runs(program, counts):
        told = subprocess.run(
            MODEL, input="\n".join(instructions), check=True, capture_output=True, text=True
        ).stdout
        total = re.search(r"^Total Cycles:\s+(\d+)", told, re.MULTILINE)
        assert total is not None
        cycles += count * int(total[1]) / 100
    return cycles


def main() -> int:
    """Run the command line; return the exit code."""
    tools = ("cmake", ARM_COMPILER, DISASSEMBLER, "qemu-aarch64")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        print(f"error: there is no {', no '.join(missing)} here", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder), ARM_COMPILER, ARM)
        program = link(Path(folder), ARM_COMPILER, ROOT / "bench" / "native" / "repeat.cpp")
        for what, meaning in WHAT.items():
            counts = executed(program, what, 2)
            counts.subtract(executed(program, what, 1))
            print(f"{what}: {sum(counts.values()) / 1e6:.3f} million instructions ({meaning})")
            if shutil.which(MODEL[0]):
                cycles = estimated_cycles(program, counts)
                print(
                    f"  estimate: {cycles / 1e6:.2f} million cycles,"
                    f" {1e3 * cycles / CLOCK:.2f} ms at {CLOCK / 1e9} GHz"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
