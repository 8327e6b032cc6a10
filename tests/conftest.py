from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import rppg_fast as rf
from bench.engine import build, run
from rppg_fast.many.workers import THREAD_VARIABLES

if TYPE_CHECKING:  # needs PyTorch, which not every test has
    from training.evaluate.evaluation import Evaluation

# Each process that runs tests beside others computes in one thread, and so do the processes that it
# starts: threads that wait for a busy core take many times the processor time.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _variable in THREAD_VARIABLES:
        os.environ.setdefault(_variable, "1")

# The time of an example depends on the machine more than on the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def data() -> Path:
    """Return the folder of recordings, which are not part of the project."""
    folder = os.environ.get("RPPG_DATA")
    if not folder:
        pytest.skip("RPPG_DATA is not set: there are no real recordings to test with")
    return Path(folder)


@pytest.fixture(scope="session", params=rf.backends())
def backend(request: pytest.FixtureRequest) -> str:
    """Return every kernel backend that this machine can run."""
    return str(request.param)


@pytest.fixture(scope="session")
def perfect(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Return the evaluation of a source without errors."""
    from tests.support.made_up_evaluations import perfect_evaluation

    return perfect_evaluation(tmp_path_factory.mktemp("perfect") / "clips")


@pytest.fixture(scope="session")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return clips of a few rendered faces, made like the benchmark's."""
    from tests.support.made_up_evaluations import tiny_benchmark

    return tiny_benchmark(tmp_path_factory.mktemp("faces") / "clips")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Sequence[str]], Path]:
    """Return a function that builds the engine once for each compiler and CMake options.

    The engine is also installed in the subfolder ``prefix``. Processes that run tests side by side
    share the builds.
    """
    from filelock import FileLock  # not in the environments that test sources only

    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    @cache
    def make(compiler: str, options: tuple[str, ...]) -> Path:
        digest = hashlib.sha256("\n".join((compiler, *options)).encode()).hexdigest()
        folder = shared / f"engine-{digest[:12]}"
        with FileLock(shared / f"{folder.name}.lock"):
            if not (folder / "prefix").exists():
                build(folder, compiler, options)
                run("cmake", "--install", folder, "--prefix", folder / "prefix")
        return folder

    return lambda compiler, options: make(compiler, tuple(options))
