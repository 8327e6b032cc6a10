"""Describe the interface of the shared library as text: symbols, functions, structs, numbers.

``python -m tests.abi LIBRARY`` records the interface of the header's version in ``tests/abi/``. A
recorded version never changes: a change of the interface needs another version.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.engine import ROOT, run
from tests.library import HEADER, declarations

FOLDER = ROOT / "tests" / "abi"


def version(header: str) -> tuple[int, int]:
    """Return the major and minor number of the interface that a header describes."""
    major, minor = (
        int(re.findall(rf"#define RPPG_ABI_{part} (\d+)", header)[0]) for part in ("MAJOR", "MINOR")
    )
    return major, minor


def describe(library: Path) -> list[str]:
    """Describe a built library and the header, one fact per line."""
    exported = subprocess.run(
        ["nm", "-D", "--defined-only", library], check=True, capture_output=True, text=True
    ).stdout
    symbols = [f"symbol {line.split()[-1]}" for line in exported.splitlines()]
    functions = [f"function {to} {name}({', '.join(of)})" for to, name, of in declarations()]
    return sorted(symbols) + sorted(functions) + _layout()


def _layout() -> list[str]:
    """Return sizes and offsets as the C compiler computes them, and the values of constants."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    lines = []
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text, re.DOTALL):
        lines.append(f'printf("struct {name} %zu\\n", sizeof({name}));')
        for declaration in body.split(";")[:-1]:
            kind, first = (
                declaration.strip().rsplit(" ", 1)
                if "," not in declaration
                else (
                    declaration.split()[0],
                    declaration.strip().split(" ", 1)[1],
                )
            )
            for field in first.replace(" ", "").split(","):
                member = field.split("[")[0]
                place = f"offsetof({name}, {member}), sizeof((({name}*)0)->{member})"
                lines.append(f'printf("field {name}.{field} {kind} %zu %zu\\n", {place});')
    names = [*re.findall(r"\b(RPPG_[A-Z0-9_]+) =", text), "RPPG_SIDE", "RPPG_PIXELS"]
    lines += [f'printf("value {name} %d\\n", (int){name});' for name in names]
    program = "#include <stdio.h>\n#include <rppg_fast.h>\nint main(void) {\n"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "layout.c")
        source.write_text(program + "\n".join(lines) + "\nreturn 0;\n}\n")
        run("cc", "-std=c99", f"-I{HEADER.parent}", source, "-o", Path(folder, "layout"))
        return run(Path(folder, "layout")).splitlines()


def step_needed(old: list[str], new: list[str]) -> str:
    """Return which number must rise from one description to another: "none", "minor" or "major"."""
    if old == new:
        return "none"
    # Structs grow at their end, so their size alone may change.
    kept = {line for line in old if not line.startswith("struct ")}
    sizes = [
        {line.split()[1]: int(line.split()[2]) for line in d if line.startswith("struct ")}
        for d in (old, new)
    ]
    grown = all(name in sizes[1] and sizes[1][name] >= size for name, size in sizes[0].items())
    return "minor" if kept <= set(new) and grown else "major"


def record(library: Path) -> Path:
    """Write the description of the header's version; fail if that would change a recorded one."""
    major, minor = version(HEADER.read_text())
    path = FOLDER / f"{major}.{minor}.txt"
    text = "\n".join(describe(library)) + "\n"
    if path.exists() and path.read_text() != text:
        raise SystemExit(f"{path} is recorded already: raise RPPG_ABI_MINOR or RPPG_ABI_MAJOR")
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


if __name__ == "__main__":
    print(record(Path(sys.argv[1])))
