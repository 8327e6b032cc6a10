from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

import rppg_fast as rf

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
