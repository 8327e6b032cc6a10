"""The backends that are offered are those that the processor can run, as Linux itself says."""

from __future__ import annotations

import platform
import re
from pathlib import Path

import pytest

import rppg_fast as rf

#: What each backend needs, in the words of Linux.
NEEDS = {
    "avx512": {"avx512f", "avx512bw", "avx512vl", "fma"},
    "avx2": {"avx2", "fma"},
}
INFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(
    platform.machine() != "x86_64" or not INFO.exists(), reason="needs Linux on x86-64"
)
def test_backends_are_those_that_linux_lists_the_instructions_of() -> None:
    flags = re.search(r"^flags\s*:(.*)$", INFO.read_text("ascii", "replace"), re.M)
    assert flags is not None
    known = set(flags[1].split())
    assert {name for name in rf.backends() if name in NEEDS} == {
        name for name, needs in NEEDS.items() if needs <= known
    }
