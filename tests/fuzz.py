"""Fuzz the engine with libFuzzer, under AddressSanitizer and UndefinedBehaviorSanitizer.

    python -m tests.fuzz --seconds 600 weights frame pulse

builds the engine and the targets of tests/native, and runs each target for the given time. If one
crashes, its input is stored in the folder named in the output. Needs clang with its runtime
libraries (Debian: clang, libclang-rt-14-dev).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.engine import ROOT, build, link
from rppg_fast.student import BUNDLED_WEIGHTS
from tests.weights import random_tensors, safetensors_bytes

COMPILER = "clang++"
TARGETS = ("weights", "frame", "pulse")
SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover=all"
LONGEST = {"weights": 110_000, "frame": 30_000, "pulse": 2_000}
"""Length of the longest input of each target, bytes."""


def missing() -> str | None:
    """Return the reason why fuzzing is not possible here; None if it is."""
    program = 'extern "C" int LLVMFuzzerTestOneInput(const char*, unsigned long) { return 0; }'
    with tempfile.TemporaryDirectory() as folder:
        command = [COMPILER, "-fsanitize=fuzzer,address,undefined", "-x", "c++", "-", "-o"]
        try:
            done = subprocess.run(
                [*command, f"{folder}/program"], input=program, capture_output=True, text=True
            )
        except OSError:
            return f"there is no {COMPILER}"
    return f"there is no libFuzzer for {COMPILER}" if done.returncode else None


def build_debug(folder: Path, compiler: str, flags: str) -> None:
    """Build the static engine and the program without much optimisation and with line numbers."""
    options = ["-DCMAKE_BUILD_TYPE=Debug", f"-DCMAKE_CXX_FLAGS={flags} -O1 -g1"]
    # A sanitizer is linked to programs, not to shared libraries.
    targets = ["rppg_fast_static", "rppg-fast-stream"]
    build(folder, compiler, [*options, "-DRPPG_STATIC_RUNTIME=OFF"], targets)


def build_engine(folder: Path) -> Path:
    """Build the engine with the fuzzer's coverage instrumentation; return its folder."""
    # Sanitizer checks prevent the vectorisation of loops; without the flag, clang would warn.
    build_debug(folder, COMPILER, f"{SANITIZERS} -fsanitize=fuzzer-no-link -Wno-pass-failed")
    return folder


def seeds(target: str) -> Iterator[bytes]:
    """Yield the initial inputs of a target."""
    rng = np.random.default_rng(0)
    if target == "weights":
        whole = BUNDLED_WEIGHTS.read_bytes()
        made_up = safetensors_bytes(random_tensors())
        for file in (whole, made_up):
            header = file[8 : 8 + int.from_bytes(file[:8], "little")]
            yield header
            yield file
        yield made_up[:4000]
    else:
        for length in (40, 200, 1000):
            yield rng.bytes(length)


def fuzz(folder: Path, target: str, seconds: int) -> subprocess.CompletedProcess[str]:
    """Run a target, linked with the engine in a folder, for some seconds."""
    source = ROOT / "tests" / "native" / f"fuzz_{target}.cpp"
    flags = [*SANITIZERS.split(), "-fsanitize=fuzzer", "-g1"]
    program = link(folder, COMPILER, source, flags, static=False)
    corpus, crashes = folder / f"corpus_{target}", folder / f"crashes_{target}"
    corpus.mkdir(exist_ok=True)
    crashes.mkdir(exist_ok=True)
    for index, seed in enumerate(seeds(target)):
        (corpus / f"seed{index}").write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "max_len": LONGEST[target],
        "timeout": 20,
        "malloc_limit_mb": 500,
        # A child's peak memory starts at its parent's, so the sanitizer limits the current memory.
        "rss_limit_mb": 0,
        "artifact_prefix": f"{crashes}/",
        "print_final_stats": 1,
    }
    command = [str(program), str(corpus), *(f"-{name}={value}" for name, value in options.items())]
    environment = {**os.environ, "ASAN_OPTIONS": "hard_rss_limit_mb=2000"}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + 120, env=environment
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    given = parser.parse_args(arguments)
    reason = missing()
    if reason:
        print(reason, file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    build_engine(folder)
    code = 0
    for target in given.targets or TARGETS:
        done = fuzz(folder, target, given.seconds)
        print(f"{target}: exit code {done.returncode}, {folder}/crashes_{target}")
        print("\n".join(done.stderr.splitlines()[-40 if done.returncode else -8 :]))
        code = code or done.returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
