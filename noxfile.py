"""Sessions for nox: ``nox -s lint``, ``tests``, ``slow``, ``bench``, ``docs``."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = ["lint", "tests", "docs"]

PINS = ("-c", "constraints.txt")
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")
CXX_FILES = ("*.c", "*.h", "*.cpp", "*.hpp", "*.cu")
ENGINE = ("-DRPPG_PYTHON=OFF", "-DRPPG_CUDA=OFF", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON")


@nox.session
def lint(session: nox.Session) -> None:
    """Check Python with ruff and mypy, C++ with clang-format and clang-tidy."""
    checkers = ("clang-format", "clang-tidy", "cmake", "mypy", "nox", "ruff")
    session.install(*PINS, ".[test,bench]", *checkers)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    listed = session.run("git", "ls-files", *CXX_FILES, external=True, silent=True)
    session.run("clang-format", "--dry-run", "-Werror", *str(listed).split())
    # The files that this machine compiles, without the CUDA backend and the Python module.
    build = session.create_tmp()
    session.run("cmake", "-S", ".", "-B", build, *ENGINE, silent=True)
    compiled = json.loads((Path(build) / "compile_commands.json").read_text(encoding="utf-8"))
    files = sorted(entry["file"] for entry in compiled if "csrc" in entry["file"])
    # mypy uses one core, so that the others need not wait for it.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        checks = [pool.submit(session.run, "mypy")]
        checks += [
            pool.submit(session.run, "clang-tidy", "-p", build, "--quiet", file, silent=True)
            for file in files
        ]
        for check in checks:
            check.result()


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the tests that take minutes; arguments after ``--`` go to pytest."""
    session.install(*PINS, ".[test]")
    session.run("python", "-m", "pytest", "-n", "auto", "--dist", "loadfile", *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """Run the slow tests: other processors, sanitizers, fuzzers, trainings, real clips."""
    session.install(*PINS, ".[test]")
    workers = ("-n", "auto", "--dist", "loadfile")
    session.run("python", "-m", "pytest", *workers, "-m", "slow and not alone", *session.posargs)
    session.run("python", "-m", "pytest", "-m", "alone", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Check that the benchmarks give right answers, without timing them."""
    session.install(*PINS, ".[bench]", "openvino", "ncnn")
    session.run("python", "-m", "pytest", "bench", "--benchmark-disable", "-q", *session.posargs)
    session.run("python", "-m", "bench.faces")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the documentation in build/site, run its notebooks; every warning is an error."""
    session.install(*PINS, ".[docs]")
    session.run("mkdocs", "build", "--strict", *session.posargs)
