from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

import rppg_fast as rf
from bench.engine import build, run

# How long an example takes says more of the machine than of the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def data() -> Path:
    """Recordings that are no part of the project."""
    folder = os.environ.get("RPPG_DATA")
    if not folder:
        pytest.skip("RPPG_DATA is not set: there are no real recordings to test with")
    return Path(folder)


@pytest.fixture(scope="session", params=rf.backends())
def backend(request: pytest.FixtureRequest) -> str:
    """Every kernel backend that this machine can run."""
    return str(request.param)


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Sequence[str]], Path]:
    """Return a function that builds the engine once for a compiler and options of CMake.

    It is installed in the folder's subfolder ``prefix``, too.
    """

    @cache
    def make(compiler: str, options: tuple[str, ...]) -> Path:
        folder = tmp_path_factory.mktemp("engine")
        build(folder, compiler, options)
        run("cmake", "--install", folder, "--prefix", folder / "prefix")
        return folder

    return lambda compiler, options: make(compiler, tuple(options))
