"""The interface of the shared library cannot change unnoticed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.engine import COMPILER, run
from tests.abi import FOLDER, describe, step_needed, version
from tests.library import HEADER, declarations

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(shutil.which, ["cmake", "nm", "cc"])), reason="there is no cmake, nm or cc"
    ),
]


@pytest.fixture(scope="module")
def described(built: Callable[..., Path]) -> list[str]:
    return describe(built(COMPILER, ()) / "librppg_fast.so")


def recorded(major: int, minor: int) -> list[str]:
    path = FOLDER / f"{major}.{minor}.txt"
    assert path.exists(), f"the header's version is new: python -m tests.abi LIBRARY records {path}"
    return path.read_text().splitlines()


def test_the_interface_is_the_one_that_its_version_was_recorded_with(described: list[str]) -> None:
    needed = step_needed(recorded(*version(HEADER.read_text())), described)
    assert needed == "none", f"the interface has changed: raise RPPG_ABI_{needed.upper()}"


def test_every_recorded_version_followed_from_the_one_before() -> None:
    versions = sorted(tuple(map(int, path.stem.split("."))) for path in FOLDER.glob("*.txt"))
    assert versions
    for old, new in zip(versions, versions[1:]):
        needed = step_needed(recorded(*old), recorded(*new))
        assert new[0] > old[0] or needed != "major", f"{old} to {new}"


@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        (r"symbol rppg_version", "symbol rppg_release", "major"),
        (r"rppg_stream_push\(rppg_stream\*, ", "rppg_stream_push(", "major"),
        (r"field rppg_frame.width int32_t", "field rppg_frame.width int16_t", "major"),
        (r"(field rppg_reading.snr_db double) 24", r"\1 32", "major"),
        (r"value RPPG_STATUS_GAP 4", "value RPPG_STATUS_GAP 5", "major"),
        (r"struct rppg_reading 88", "struct rppg_reading 80", "major"),
        (r"struct rppg_reading 88", "struct rppg_reading 96", "minor"),
        (r"(symbol rppg_version)", "\\1\nsymbol rppg_more", "minor"),
        (r"(value RPPG_STATUS_GAP 4)", "\\1\nvalue RPPG_STATUS_NEW 5", "minor"),
    ],
)
def test_a_change_asks_for_a_new_version(
    old: str, new: str, step: str, described: list[str]
) -> None:
    changed, count = re.subn(old, new, "\n".join(described))
    assert count == 1
    assert step_needed(described, changed.splitlines()) == step


def test_the_library_exports_what_the_header_declares_and_nothing_else(
    described: list[str],
) -> None:
    symbols = {line.split()[1] for line in described if line.startswith("symbol ")}
    assert symbols == {name for _, name, _ in declarations()}


def test_the_library_carries_its_version_in_its_name(built: Callable[..., Path]) -> None:
    prefix = built(COMPILER, ()) / "prefix"
    major, minor = version(HEADER.read_text())
    library = next(prefix.glob(f"lib*/**/librppg_fast.so.{major}.{minor}"))
    if shutil.which("readelf"):
        assert f"[librppg_fast.so.{major}]" in run("readelf", "-d", library)


@pytest.mark.parametrize(
    ("compiler", "options"),
    [
        ("gcc", ["-x", "c", "-std=c99", "-pedantic"]),
        ("g++", ["-x", "c++", "-std=c++11", "-pedantic"]),
        ("clang", ["-x", "c", "-std=c99", "-Weverything", "-Wno-padded", "-Wno-unused-macros"]),
        ("clang++", ["-x", "c++", "-std=c++11", "-pedantic"]),
    ],
)
def test_the_header_is_plain_c_and_plain_cpp(compiler: str, options: list[str]) -> None:
    if shutil.which(compiler) is None:
        pytest.skip(f"there is no {compiler}")
    run(compiler, *options, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", HEADER)
