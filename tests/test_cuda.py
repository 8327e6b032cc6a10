"""The CUDA functions of the module without a device."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

import rppg_fast as rf
from bench.engine import run
from rppg_fast import _core
from tests.device_arrays import Exported, OnlyDlpack

BUILT = rf.cuda.build() != "not built"
NO_DEVICE = not BUILT or rf.cuda.devices().startswith("no device")


def test_the_module_needs_no_cuda_library() -> None:
    if shutil.which("readelf") is None:
        pytest.skip("there is no readelf")
    needed = [
        line for line in run("readelf", "-d", _core.__file__).splitlines() if "NEEDED" in line
    ]
    assert needed
    assert not [line for line in needed if "cuda" in line]


@pytest.mark.skipif(not NO_DEVICE, reason="there is a CUDA device")
def test_asking_for_cuda_where_there_is_none_is_one_clear_error() -> None:
    why = "is not available here: CUDA driver|is not available here: no CUDA-capable device"
    message = (
        why if BUILT else "is not part of this build: it takes a CUDA toolkit and RPPG_CUDA=ON"
    )
    for use in (lambda: rf.Student.load(backend="cuda"), rf.cuda.FrameMotion):
        with pytest.raises(ValueError, match=f"backend 'cuda' ({message})"):
            use()


def test_auto_never_picks_cuda() -> None:
    program = "import rppg_fast as rf; print(rf.Student.load().backend, *rf.backends())"
    for wish in ("", "auto"):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "RPPG_BACKEND": wish},
            capture_output=True,
            text=True,
            check=True,
        )
        assert "cuda" not in done.stdout.split()


def changes_out(**changes: object) -> Exported:
    return Exported(**{"shape": (2,), **changes})


@pytest.mark.parametrize(
    ("motion", "out", "error", "named"),
    [
        (3, changes_out(), TypeError, "motion must be an array on a CUDA device.* got int"),
        (Exported(), [0.0], TypeError, "out must be an array on a CUDA device.* got list"),
        (
            np.zeros((2, 3, 36, 36), np.float32),
            changes_out(),
            ValueError,
            r"motion must lie on a CUDA device, but is a ndarray elsewhere \(.* type 1\)",
        ),
        (OnlyDlpack((2, 3, 36, 36), device=3), changes_out(), ValueError, "DLPack device type 3"),
        (
            Exported(shape=(3, 36, 36)),
            changes_out(),
            ValueError,
            r"motion must be float32 of shape \(N, 3, 36, 36\), got float32 \(3, 36, 36\)",
        ),
        (Exported(typestr="<f8"), changes_out(), ValueError, "got float64"),
        (OnlyDlpack((2, 3, 36, 36), bits=16), changes_out(), ValueError, "got float16"),
        (Exported(), changes_out(shape=(3,)), ValueError, r"out must be .*, got float32 \(3,\)"),
        (Exported(), changes_out(data=(0x1000, True)), ValueError, "out must be writable"),
        (Exported(mask=changes_out()), changes_out(), ValueError, "motion must not be masked"),
        (Exported(stream=0), changes_out(), ValueError, "motion names stream 0"),
        (
            Exported(strides=(15552, 4, 432, 12)),
            changes_out(),
            ValueError,
            "motion must be contiguous",
        ),
        (Exported(strides=(4,)), changes_out(), ValueError, "another number of strides"),
        (Exported(data=7), changes_out(), ValueError, "interface__ that is not one"),
        (Exported(typestr="what"), changes_out(), ValueError, "interface__ that is not one"),
        (Exported(), changes_out(), ValueError, "backend='cuda'; this one runs on 'portable'"),
        (
            OnlyDlpack((2, 3, 36, 36)),
            OnlyDlpack((2,)),
            ValueError,
            "backend='cuda'; this one runs on 'portable'",
        ),
    ],
)
def test_what_an_array_on_a_device_must_be(
    motion: object, out: object, error: type[Exception], named: str
) -> None:
    student = rf.Student.load(backend="portable")
    with pytest.raises(error, match=named):
        student(motion, out=out)


@pytest.mark.parametrize(("stream", "number"), [(0, 1), (2, 2), (0x5000, 0x5000)])
def test_the_producer_is_told_the_stream(stream: int, number: int) -> None:
    motion, out = OnlyDlpack((2, 3, 36, 36)), OnlyDlpack((2,))
    with pytest.raises(ValueError, match="runs on 'portable'"):
        rf.Student.load(backend="portable")(motion, out=out, stream=stream)
    assert motion.asked == out.asked == number


def test_an_array_that_is_none_of_numpys_needs_out() -> None:
    with pytest.raises(TypeError, match="motion is a OnlyDlpack: give a NumPy array, or"):
        rf.Student.load()(OnlyDlpack((2, 3, 36, 36)))  # type: ignore[call-overload]
