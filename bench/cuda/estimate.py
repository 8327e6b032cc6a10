r"""Estimate the time of a frame on the GPU of a Jetson Nano; this is not a measurement.

    python -m bench.cuda.estimate

counts operations and bytes of the kernels from their geometry (csrc/kernels/cuda/student.hpp and
frame.hpp) and divides them by the rates in the board's data sheet. The result is a lower bound: the
real kernels take more time. The occupancy comes from the resource report for sm_53.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from bench.conftest import BOX
from bench.cuda.resources import THREADS, WARP, compiler_for, report, version

CLOCK = 921.6e6
"""Clock of the Nano's GPU, Hz. 128 cores with two operations per multiply-add give 236 GFLOP/s."""
FLOPS = 2 * 128 * CLOCK
BANDWIDTH = 25.6e9
"""Bandwidth of the Nano's memory, bytes/s."""
SHARED_FLOATS = 32 * CLOCK
"""Floats that the multiprocessor reads from shared memory and the first-level cache, per second."""
SPECIAL = 32 * CLOCK
"""Powers of two and reciprocals that the multiprocessor computes, per second."""

SCHEDULERS = 4
"""Schedulers of the multiprocessor; each has 32 cores."""
WARPS = THREADS["whole"] // WARP

# A strip is nine pooling cells of one map, 2x18 outputs, from one input plane: 9 products per
# output.
STRIP = 9 * 36


@dataclass(frozen=True)
class Work:
    """The work of one kernel for one frame."""

    products: int  # number of multiply-adds
    reads: int  # floats that the threads read from shared memory and weights
    special: int
    bytes: int  # bytes of the board's memory, each counted once

    def seconds(self) -> dict[str, float]:
        """Return the shortest time that each limit allows, s."""
        return {
            "multiply-adds": 2 * self.products / FLOPS,
            "reads of shared memory and weights": self.reads / SHARED_FLOATS,
            "powers and reciprocals": self.special / SPECIAL,
            "memory": self.bytes / BANDWIDTH,
        }


def whole() -> Work:
    """Return the work of the student: one block per image, three bands of three rows of cells."""
    # First layer: 8 rows of 18 cells per band, minus one row at each end of the image, which does
    # not exist; 32 maps, 3 planes. A strip of one map reads 4 rows of 20 floats and 9 weights.
    strips1 = (3 * 8 - 2) * 2 * 32 * 3
    # Second layer: 9 rows of cells, 64 maps in pairs, 32 planes. A pair of maps reads the same
    # floats as one map, and 18 weights.
    strips2 = 9 * 64 * 32
    cells = (3 * 8 - 2) * 18 * 32 + 81 * 64
    weights = 4 * (3 * 9 * 32 + 32 + 32 * 9 * 64 + 64 + 81 * 64 + 1)
    return Work(
        products=(strips1 + strips2) * STRIP,
        reads=strips1 * (4 * 20 + 9) + strips2 // 2 * (4 * 20 + 18),
        special=cells * 5,
        bytes=4 * 3 * 36 * 36 + weights + 4,
    )


def frame() -> Work:
    """Return the work of resizing a face one metre from a 640x480 camera."""
    x0, y0, x1, y1 = BOX
    # Neighbouring cells share the pixels at their common edge.
    across, down = (x1 - x0) + 35, (y1 - y0) + 35
    return Work(
        products=3 * across * down,
        reads=3 * across * down,
        special=3 * 36 * 36,
        bytes=3 * (x1 - x0) * (y1 - y0) + 3 * 4 * 3 * 36 * 36,
    )


def main() -> int:
    """Run the command line; return the exit code."""
    print("An estimate, on paper: no Jetson Nano was at hand.")
    print(f"Limits: {FLOPS / 1e9:.0f} GFLOP/s in float32, {BANDWIDTH / 1e9:.1f} GB/s.")
    for name, work in (("frame", frame()), ("whole", whole())):
        print(f"\n{name}: {2 * work.products / 1e6:.2f} MFLOP, {work.bytes / 1e3:.0f} KB of memory")
        for limit, seconds in work.seconds().items():
            print(f"  {limit + ':':36}at least {1e6 * seconds:5.1f} us")
    # Some schedulers have two warps; the others wait for them.
    uneven = -(-WARPS // SCHEDULERS) * SCHEDULERS / WARPS * whole().seconds()["multiply-adds"]
    least = uneven + max(frame().seconds().values())
    print(
        f"\nOne frame at a time is one block of `whole`, {WARPS} warps on {SCHEDULERS} schedulers: "
        f"its multiply-adds take at least {1e6 * uneven:.0f} us."
        f"\nBoth kernels, one after the other: no frame takes less than {1e6 * least:.0f} us."
    )
    compiler = compiler_for(53)
    if compiler is None:
        print("Occupancy: no CUDA compiler here knows sm_53.")
        return 0
    print(f"Occupancy, by nvcc {version(compiler)} for sm_53:")
    for each in report(compiler, 53):
        print(
            f"  {each.kernel}: {each.registers} registers, {each.shared} bytes of shared memory, "
            f"{each.blocks} blocks on the one multiprocessor, {each.occupancy:.0%} of its warps"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
