"""The version is written in pyproject.toml; everything else says the same."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import rppg_fast as rf

ROOT = Path(__file__).parents[2]


def found(pattern: str, file: str) -> str:
    text = re.search(pattern, (ROOT / file).read_text(encoding="utf-8"), re.M)
    assert text is not None, f"{file} has no {pattern}"
    return text[1]


VERSION = found(r'^version = "(.+)"$', "pyproject.toml")


def test_package_and_citation_say_the_same() -> None:
    assert rf.__version__ == VERSION
    assert version("rppg_fast") == VERSION
    assert found(r"^version: (.+)$", "CITATION.cff") == VERSION


def test_the_c_library_says_the_same() -> None:
    program = shutil.which("rppg-fast-stream", path=str(Path(sys.executable).parent))
    if program is None:
        pytest.skip("the package was built with RPPG_PROGRAM=OFF")
    printed = subprocess.run([program, "--version"], check=True, capture_output=True, text=True)
    assert printed.stdout.split() == ["rppg-fast-stream", VERSION]  # rppg_version()


def test_what_the_build_fills_in_has_no_version_of_its_own() -> None:
    assert found(r'"version": "(.+)"', "web/package.json") == "0.0.0"
    assert found(r"^Version: (.+)$", "cmake/rppg_fast.pc.in") == "@PROJECT_VERSION@"
    assert found(r"^project\(rppg_fast VERSION (\S+)", "CMakeLists.txt") == "${version}"
