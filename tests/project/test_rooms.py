"""The folders of the engine and of the training are ordered; none uses a later one."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Folders of ``csrc`` in order: a file may use its own folder and those with a lower number.
ENGINE = {
    "kernels": 0,
    "frame": 1,
    "network": 2,
    "cuda": 3,
    "signal": 3,
    "reading": 4,
    "face": 4,
    "monitor": 5,
    "capi": 6,
    "python": 6,
    "program": 6,
    "web": 7,
}
#: Folders of ``training`` in order; files outside of the folders are last.
TRAINING = ("support", "data", "synthetic", "models", "evaluate", "train", "confidence", "")
#: Headers outside of the folders.
ANYWHERE = {"rppg_fast.h"}

#: A file does one job: so many lines at most, except for the header of the C interface, which is
#: one file for its users and mostly documentation.
LONGEST = 400
LONG_FILES = {"csrc/include/rppg_fast.h"}
SOURCES = (
    "csrc/**/*.[ch]*",
    "rppg_fast/**/*.py",
    "training/**/*.py",
    "bench/**/*.py",
)


def includes() -> list[tuple[str, str]]:
    """Return a pair (file, file that it includes) for every quoted include, relative to csrc."""
    found = []
    for file in sorted((ROOT / "csrc").glob("**/*.[chk]*")):
        if file.suffix not in {".h", ".hpp", ".cpp", ".cu"}:
            continue
        for name in re.findall(r'^#include "([^"]+)"', file.read_text(encoding="utf-8"), re.M):
            beside = (file.parent / name).resolve()
            other = beside if beside.is_file() else ROOT / "csrc" / name
            if other.is_file():
                found.append(
                    (str(file.relative_to(ROOT / "csrc")), str(other.relative_to(ROOT / "csrc")))
                )
            else:
                assert name in ANYWHERE, f"{file} includes {name}, which is not there"
    return found


def test_every_folder_of_the_engine_has_a_place() -> None:
    folders = {path.name for path in (ROOT / "csrc").iterdir() if path.is_dir()}
    assert folders == {*ENGINE, "include"}


def test_no_file_of_the_engine_includes_one_of_a_later_folder() -> None:
    pairs = includes()
    assert len(pairs) > len(ENGINE), "the includes are read"
    upwards = [
        f"{file} includes {other}"
        for file, other in pairs
        if file.split("/")[0] != other.split("/")[0]
        and ENGINE[file.split("/")[0]] <= ENGINE[other.split("/")[0]]
    ]
    assert not upwards


def test_the_program_uses_the_c_interface_alone() -> None:
    others = {other.split("/")[0] for file, other in includes() if file.startswith("program/")}
    assert others <= {"program"}


def imports() -> list[tuple[str, str]]:
    """Return a pair (file, module) for every import of a module of training, of any depth."""
    found = []
    for file in sorted((ROOT / "training").glob("**/*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [name.name for name in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                modules = [f"{node.module}.{name.name}" for name in node.names]
            else:
                continue
            where = str(file.relative_to(ROOT / "training"))
            found += [(where, module) for module in modules if module.startswith("training.")]
    return found


def test_every_folder_of_the_training_has_a_place() -> None:
    folders = {path.parent.name for path in (ROOT / "training").glob("*/*.py")}
    assert folders == {room for room in TRAINING if room}


def test_no_file_of_the_training_imports_from_a_later_folder() -> None:
    pairs = imports()
    assert len(pairs) > len(TRAINING), "the imports are read"

    def place(path: list[str]) -> int:
        return TRAINING.index(path[0] if len(path) > 1 and path[0] in TRAINING else "")

    upwards = [
        f"{file} imports {module}"
        for file, module in pairs
        if place(file.split("/")) < place(module.split(".")[1:])
    ]
    assert not upwards


def test_no_file_is_long() -> None:
    files = {path for kind in SOURCES for path in ROOT.glob(kind) if path.is_file()}
    long = {
        str(path.relative_to(ROOT))
        for path in files
        if len(path.read_text(encoding="utf-8").splitlines()) > LONGEST
    }
    assert long == LONG_FILES
