"""The shared library, for the tests of the C interface."""

from __future__ import annotations

import ctypes as c
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bench.engine import COMPILER
from tests.support.library import Library


@pytest.fixture
def library(built: Callable[..., Path]) -> Iterator[Library]:
    library = Library(built(COMPILER, ()) / "librppg_fast.so")
    yield library
    library.free("model", "stream", "recording", "student")
    library.free("face_model", "face_detector", "monitor")


@pytest.fixture
def model(library: Library) -> c.c_void_p:
    return library.make("model", create="create_default")
