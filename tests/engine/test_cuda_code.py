"""The CUDA kernels: their arithmetic, compiled as plain C++, and their resources."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rppg_fast as rf
from bench.cuda import resources
from bench.engine import ROOT, run
from rppg_fast.student import BUNDLED_WEIGHTS
from tests.support.golden import golden
from tests.support.tiers import APPEARANCE_TOLERANCE, FLOAT32_TIER, MOTION_TOLERANCE
from tests.support.weights import random_tensors, safetensors_bytes

pytestmark = pytest.mark.slow

ORDERS = ("forward", "backward", "shuffled")
COMPILER = os.environ.get("CXX", "c++")


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Any]]:
    """Compile the kernels as plain C++ with checked memory access; return a function to run it."""
    if shutil.which(COMPILER) is None:
        pytest.skip(f"there is no {COMPILER}")
    program = tmp_path_factory.mktemp("cuda") / "run_cuda"
    flags = ["-std=c++17", "-O2", f"-I{ROOT / 'csrc'}"]
    watch = ["-fsanitize=address,bounds,alignment", "-fno-sanitize-recover=all"]
    sources = [
        ROOT / "csrc" / f"{name}.cpp"
        for name in (
            "frame/frame",
            "network/weights",
            "network/safetensors",
            "network/weight_packing",
        )
    ]
    shim = ROOT / "tests" / "native" / "run_cuda.cpp"
    run(COMPILER, *flags, *watch, shim, *sources, "-o", program)

    def simulate(*arguments: object) -> dict[str, Any]:
        found: dict[str, dict[str, Any]] = {}
        for line in run(program, *arguments).splitlines():
            name, order, *values = line.split()
            found.setdefault(name, {})[order] = np.array([float.fromhex(x) for x in values])
        for name, by_order in found.items():
            if "forward" in by_order:
                assert tuple(by_order) == ORDERS
                for values in by_order.values():
                    np.testing.assert_array_equal(values, by_order["forward"], name)
        return {name: next(iter(by_order.values())) for name, by_order in found.items()}

    simulate.program = program  # type: ignore[attr-defined]
    return simulate


def test_both_student_kernels_give_what_pytorch_gives(
    simulator: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    motion, expected = golden(2)
    motion.tofile(tmp_path / "motions")
    found = simulator(BUNDLED_WEIGHTS, tmp_path / "motions")
    assert set(found) == {"whole", "split"}
    for changes in found.values():
        assert np.abs(changes - expected[:2]).max() <= FLOAT32_TIER * expected.std()


def test_every_weight_and_pixel_has_its_place(
    simulator: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """Single pixels at the borders and between the bands, and weights without any symmetry."""
    weights = tmp_path / "weights"
    weights.write_bytes(safetensors_bytes(random_tensors(5)))
    places = [(0, 0, 35), (1, 35, 0), (2, 11, 17), (0, 24, 18)]
    motion = np.zeros((len(places), 3, 36, 36), np.float32)
    for index, place in enumerate(places):
        motion[(index,) + place] = 3.0  # noqa: RUF005 (a star needs Python 3.11)
    motion.tofile(tmp_path / "motions")
    student = rf.Student(weights.read_bytes(), "made up", "portable")
    expected = student(motion)
    assert np.unique(expected).size == len(places)
    noise = np.random.default_rng(0).standard_normal((40, 3, 36, 36)).astype(np.float32)
    deviation = student(noise).std()
    for changes in simulator(weights, tmp_path / "motions").values():
        # With random weights, the transforms of the portable backend round to about 2e-5; see
        # test_student.py.
        assert np.abs(changes - expected).max() <= 3e-5 * deviation


def test_what_is_no_number_is_not_hidden_and_nothing_overflows(
    simulator: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    motion, _ = golden(2)
    motion[0, 2, 20, 20] = np.nan
    motion[1] *= 1e6
    motion.tofile(tmp_path / "motions")
    for changes in simulator(BUNDLED_WEIGHTS, tmp_path / "motions").values():
        assert list(np.isnan(changes)) == [True, False]
        assert np.isfinite(changes[1])


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((97, 131), (7, 11, 120, 90)),
        ((480, 640), (150, 20, 490, 460)),
        ((36, 36), (0, 0, 36, 36)),
        ((20, 300), (2, 3, 295, 5)),
        ((9, 9), (5, 3, 6, 4)),
        ((1300, 60), (0, 0, 60, 1300)),
    ],
)
@pytest.mark.parametrize(("color", "kind"), [("bgr", "normalized"), ("rgb", "difference")])
def test_the_frame_kernel_gives_what_portable_gives(
    simulator: Callable[..., dict[str, Any]],
    tmp_path: Path,
    size: tuple[int, int],
    box: tuple[int, int, int, int],
    color: str,
    kind: str,
) -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    second = np.clip(first + rng.integers(-20, 21, first.shape), 0, 255).astype(np.uint8)
    np.stack([first, second]).tofile(tmp_path / "frames")
    found = simulator("--frame", tmp_path / "frames", size[1], size[0], *box, color, kind)
    a, b = (rf.appearance(frame, box, color, "portable") for frame in (first, second))
    assert np.abs(found["first"] - a.ravel()).max() <= APPEARANCE_TOLERANCE
    assert np.abs(found["second"] - b.ravel()).max() <= APPEARANCE_TOLERANCE
    assert not found["rest"].any()
    expected = rf.motion(a, b, kind, "portable").ravel()
    assert np.abs(found["motion"] - expected).max() <= MOTION_TOLERANCE


@pytest.mark.parametrize("arch", resources.WANTED)
def test_the_kernels_compile_and_spill_nothing(arch: int) -> None:
    compiler = resources.compiler_for(arch)
    if compiler is None:
        pytest.skip(f"no CUDA compiler here knows sm_{arch}: none on the PATH, none in RPPG_NVCC")
    found = resources.report(compiler, arch)
    print(resources.table([(compiler, each) for each in found]))
    assert [each.kernel for each in found] == list(resources.THREADS)
    assert all(each.right for each in found)


def test_a_kernel_that_spills_or_does_not_fit_is_told() -> None:
    right = resources.Resources("whole", 53, registers=118, shared=30528, stack=0, spilled=0)
    assert right.right
    assert right.blocks == 2
    assert right.occupancy == pytest.approx(12 / 64)
    # 32768 registers for a block of 8 warps, as they are allocated, are 128 per thread.
    assert not resources.Resources("whole", 53, 136, 30528, 0, 0).right
    assert resources.Resources("whole", 90, 136, 30528, 0, 0).right
    assert not resources.Resources("whole", 90, 118, 30528, 0, 4).right
    assert not resources.Resources("whole", 53, 118, 70000, 0, 0).right


def test_the_report_knows_the_size_of_the_blocks(
    simulator: Callable[..., dict[str, Any]],
) -> None:
    printed = run(simulator.program, "--threads")  # type: ignore[attr-defined]
    assert {n: int(t) for n, t in (line.split() for line in printed.splitlines())} == (
        resources.THREADS
    )


def test_device_headers_are_cpp14(tmp_path: Path) -> None:
    if shutil.which(COMPILER) is None:
        pytest.skip(f"there is no {COMPILER}")
    source = tmp_path / "headers.cpp"
    source.write_text('#include "kernels/cuda/frame.hpp"\n#include "kernels/cuda/student.hpp"\n')
    flags = ["-std=c++14", "-pedantic-errors", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
    run(COMPILER, *flags, f"-I{ROOT / 'csrc'}", source)


def test_the_hosts_side_of_cuda_against_a_stand_in_for_its_runtime(tmp_path: Path) -> None:
    """Tests launches, chunks, streams, errors and frames; the program reports what is wrong."""
    if not resources.compilers():
        pytest.skip("there is no CUDA compiler here, on the PATH or in RPPG_NVCC, with its headers")
    flags = ["-std=c++17", f"-I{ROOT / 'csrc'}"]
    host = ["-x", "c++", "-allow-unsupported-compiler", "-Xcompiler=-fsanitize=address"]
    defined = '-DRPPG_CUDA_ARCHITECTURES="53"'
    objects = []
    for source in (
        ROOT / "csrc" / "cuda" / "cuda.cpp",
        ROOT / "tests" / "native" / "run_cuda_host.cpp",
    ):
        objects.append(tmp_path / f"{source.stem}.o")
        compiler = resources.compilers()[0]
        run(compiler, *flags, *host, defined, "-c", source, "-o", objects[-1])
    names = (
        "network/weight_packing",
        "frame/frame",
        "frame/resize",
        "frame/color",
        "network/student",
        "kernels/dispatch",
    )
    sources = [ROOT / "csrc" / f"{name}.cpp" for name in (*names, "kernels/portable")]
    program = tmp_path / "run_cuda_host"
    link = ["-fsanitize=address", "-pthread"]
    run(COMPILER, *flags, *link, *objects, *sources, "-o", program)
    run(program)
