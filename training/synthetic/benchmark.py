"""Make the benchmark: a fixed set of synthetic recordings that is never used for training.

    python -m training.synthetic.benchmark --out DIR

There are seventeen strata of five subjects, 30 s each, from easy to hard. Five folds contain one
subject of each stratum (``training/splits/benchmark.json``). The recordings are determined by
``BENCHMARK_SEED`` and ``STRATA``: a change to either needs a new ``VERSION``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from training.support.command import command
from training.synthetic.generate import Recipe, Stratum, make_cache
from training.synthetic.parameters import OFF, Between, Choice, Law, OneOf
from training.synthetic.scene import BENCHMARK_SEED

VERSION = 1
EACH = 5  # subjects per stratum, one for each fold
SECONDS = 30.0


def _amplitude(percent: float) -> dict[str, Law]:
    return {"pulse.amplitude": Between(percent / 100, percent / 100)}


# Only the movements of a person who keeps still, and the drift of a steady lamp.
_CALM: Mapping[str, Law] = {
    "motion.sway": Between(0.002, 0.01, log=True),
    "motion.rhythm": OFF,
    "motion.moves": OFF,
    "motion.roll": Between(0.001, 0.004, log=True),
    "motion.yaw": Between(0.002, 0.008, log=True),
    "motion.pitch": Between(0.002, 0.008, log=True),
    "motion.zoom": Between(0.0005, 0.002, log=True),
    "expression.talking": OFF,
    "light.rhythm": OFF,
    "light.flicker": OFF,
    "light.switching": OFF,
    "background.movement": OFF,
    "camera.fps": OneOf((30.0,)),
    "camera.drops": OFF,
    "camera.codec": Choice({"none": 1.0}),
}
_MOVES: Mapping[str, Law] = {
    "motion.sway": Between(0.03, 0.08, log=True),
    "motion.moves": Between(0.3, 0.6),
    "motion.move_size": Between(0.1, 0.3, log=True),
    "motion.roll": Between(0.02, 0.05, log=True),
    "motion.yaw": Between(0.04, 0.1, log=True),
    "motion.pitch": Between(0.04, 0.1, log=True),
    "motion.zoom": Between(0.01, 0.03, log=True),
}
_TALKS: Mapping[str, Law] = {
    "expression.talking": Between(0.6, 1.0),
    "motion.pitch": Between(0.02, 0.05, log=True),
}
_FLICKERS: Mapping[str, Law] = {
    "light.rhythm": Between(0.008, 0.03, log=True),
    "light.flicker": Between(0.002, 0.008, log=True),
    "light.unevenness": Between(0.4, 1.0),
}


def _h264(low: float, high: float) -> Mapping[str, Law]:
    codec = Choice({"h264": 1.0})
    return {"camera.codec": codec, "camera.bits_per_pixel": Between(low, high, log=True)}


STRATA: Mapping[str, Mapping[str, Law]] = {
    "clear": {**_CALM, **_amplitude(1.2)},
    "still": {**_CALM, **_amplitude(0.6)},
    "weak": {**_CALM, **_amplitude(0.3)},
    "very weak": {**_CALM, **_amplitude(0.1)},
    "light skin": {**_CALM, **_amplitude(0.3), "skin.melanin": Between(0.0, 0.15)},
    "dark skin": {**_CALM, **_amplitude(0.2), "skin.melanin": Between(0.8, 1.0)},
    "low light": {**_CALM, **_amplitude(0.4), "camera.exposure": Between(0.12, 0.2)},
    "frame rates": {
        **_CALM,
        **_amplitude(0.3),
        "camera.fps": OneOf((15.0, 20.0, 25.0, 50.0, 60.0)),
    },
    "compressed": {**_CALM, **_amplitude(0.3), **_h264(0.1, 0.2)},
    "heavy compression": {**_CALM, **_amplitude(0.6), **_h264(0.02, 0.05)},
    "talking": {**_CALM, **_amplitude(0.3), **_TALKS},
    "moving": {**_CALM, **_amplitude(0.4), **_MOVES},
    "rhythmic motion": {
        **_CALM,
        **_amplitude(0.4),
        "motion.rhythm": Between(0.03, 0.08, log=True),
    },
    "flicker": {**_CALM, **_amplitude(0.4), **_FLICKERS},
    "loose box": {
        **_CALM,
        **_amplitude(0.4),
        "motion.sway": Between(0.1, 0.25, log=True),
        "framing.box_x": Between(-0.25, 0.25),
        "framing.box_y": Between(-0.25, 0.25),
    },
    "moving background": {
        **_CALM,
        **_amplitude(0.4),
        "background.kind": Choice({"cluttered": 1.0}),
        "background.movement": Between(0.1, 0.3, log=True),
        "framing.box_scale": Between(1.6, 1.65),
    },
    "everything": {**_CALM, **_amplitude(0.3), **_MOVES, **_TALKS, **_FLICKERS, **_h264(0.1, 0.2)},
}


def benchmark(each: int = EACH, seconds: float = SECONDS) -> Recipe:
    """Return the recipe; values other than the defaults are for tests."""
    strata = tuple(Stratum(name, each, ranges) for name, ranges in STRATA.items())
    return Recipe(f"benchmark {VERSION}", BENCHMARK_SEED, seconds, strata)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.synthetic.benchmark", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args(arguments)
    make_cache(benchmark(), args.out, args.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
