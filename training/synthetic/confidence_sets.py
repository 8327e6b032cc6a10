"""Make the synthetic clips for fitting the confidence of a reading, and others for testing it.

    python -m training.synthetic.confidence_sets --out data/trials --workers 2

writes the folders ``fit`` and ``test``, each with the sets ``pulse`` and ``none``; see ``SETS``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from training.support.command import command
from training.synthetic.generate import Recipe, Stratum, make_cache
from training.synthetic.negatives import make_decoys
from training.synthetic.parameters import OFF, Between, Choice, Law
from training.synthetic.presets import BROAD


@dataclass(frozen=True)
class Trial:
    """A set of clips: of faces, or of decoys."""

    clips: int
    seed: int
    seconds: float = 15.0
    ranges: Mapping[str, Law] = field(default_factory=dict)
    decoys: bool = False


# Living faces without a pulse, often with a rhythm of light or movement.
_SILENT: Mapping[str, Law] = {
    **BROAD,
    "pulse.amplitude": OFF,
    "light.rhythm": Between(0.0005, 0.03, log=True, share=0.35),
    "motion.rhythm": Between(0.003, 0.08, log=True, share=0.35),
}
# The hardest of them: most have a rhythm of light.
_RHYTHM: Mapping[str, Law] = {
    **_SILENT,
    "light.rhythm": Between(0.0005, 0.03, log=True, share=0.9),
    "motion.rhythm": Between(0.003, 0.08, log=True, share=0.2),
}
_FLICKER: Mapping[str, Law] = {
    "decoy.flicker": Between(0.0005, 0.04, log=True, share=0.85),
    "decoy.picture": Choice({"face": 0.5, "screen": 0.15, "cartoon": 0.15, "wall": 0.2}),
}
_TIGHT: Mapping[str, Law] = {"framing.box_scale": Between(0.4, 1.1)}
# Only skin in the box, and any heart rate in the band.
_SKIN: Mapping[str, Law] = {
    "framing.box_scale": Between(0.3, 0.75),
    "pulse.amplitude": Between(0.003, 0.03, log=True),
    "pulse.heart_rate": Between(40, 215),
}

# The clearest pulse: strong, in a face that hardly moves, in steady light.
_CLEAR: Mapping[str, Law] = {
    "pulse.amplitude": Between(0.008, 0.03, log=True),
    "camera.codec": Choice({"none": 1.0}),
    **{
        f"motion.{name}": Between(0.0005, 0.005, log=True, share=0.3)
        for name in ("sway", "tremor", "ballistic", "roll", "yaw", "pitch", "zoom")
    },
    "motion.moves": OFF,
    "motion.rhythm": OFF,
    "light.rhythm": OFF,
    "light.switching": OFF,
    "expression.talking": OFF,
}

SETS: Mapping[str, Trial] = {
    "fit/pulse/broad": Trial(240, 61, ranges=BROAD),
    "fit/pulse/default": Trial(120, 62),
    "fit/pulse/clear": Trial(160, 96, 13.0, _CLEAR),
    "fit/pulse/skin": Trial(160, 75, 13.0, _SKIN),
    "fit/pulse/tight": Trial(120, 68, 13.0, {**BROAD, **_TIGHT}),
    "fit/none/decoys": Trial(500, 64, decoys=True),
    "fit/none/silent": Trial(240, 63, ranges=_SILENT),
    "fit/none/flicker": Trial(240, 301, 11.5, _FLICKER, decoys=True),
    "fit/none/rhythm": Trial(160, 302, 11.5, _RHYTHM),
    "test/pulse/broad": Trial(240, 131, ranges=BROAD),
    "test/pulse/default": Trial(120, 132),
    "test/none/decoys": Trial(400, 134, decoys=True),
    "test/none/silent": Trial(240, 133, ranges=_SILENT),
}


def make(name: str, folder: Path, workers: int = 1) -> None:
    """Make one of ``SETS``, or finish it; the errors are those of ``make_cache``."""
    trial = SETS[name]
    if trial.decoys:
        make_decoys(folder, trial.clips, trial.seed, trial.seconds, workers, trial.ranges)
        return
    stratum = Stratum("", trial.clips, trial.ranges)
    make_cache(Recipe("synthetic clips", trial.seed, trial.seconds, (stratum,)), folder, workers)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.synthetic.confidence_sets", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args(arguments)
    for name in SETS:
        make(name, given.out / name, given.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
