"""Print the size of the engine without Python, for this processor and for a Cortex-A57.

``python -m bench.size`` prints, for each of the two for which a compiler is installed: the size of
the static library with its weights (code and data, as ``size`` counts them), and the sizes of the
shared library and of the program without symbols, the compiler's own libraries included.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from bench.engine import ARM, ARM_COMPILER, COMPILER, build, run


def static_size(folder: Path) -> int:
    """Return the bytes of code and data in the static library of a build folder."""
    total = run("size", "-t", folder / "librppg_fast.a").splitlines()[-1]
    return int(total.split()[3])


def stripped_size(binary: Path, strip: str) -> int:
    """Return the size of a binary file without its symbols, bytes."""
    copy = binary.with_suffix(".stripped")
    run(strip, binary.resolve(), "-o", copy)
    return copy.stat().st_size


def main() -> int:
    """Run the command line; return the exit code."""
    known = 0
    for name, compiler, options, strip in (
        ("this processor", COMPILER, (), "strip"),
        ("aarch64", ARM_COMPILER, ARM, "aarch64-linux-gnu-strip"),
    ):
        if not all(map(shutil.which, ("cmake", "size", compiler, strip))):
            continue
        known += 1
        with tempfile.TemporaryDirectory() as folder:
            build(Path(folder), compiler, options)
            sizes = (
                static_size(Path(folder)),
                stripped_size(Path(folder, "librppg_fast.so"), strip),
                stripped_size(Path(folder, "rppg-fast-stream"), strip),
            )
        print(f"{name}: static {sizes[0]}, shared {sizes[1]}, program {sizes[2]} bytes")
    return 0 if known else 2


if __name__ == "__main__":
    sys.exit(main())
