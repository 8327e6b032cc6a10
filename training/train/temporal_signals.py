"""Make the signals of faces that the temporal network learns from, in several processes.

The task has a file of its own: processes find it by the name of this module, whatever command runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tqdm import tqdm

from training.data.carriers import Carriers
from training.evaluate.estimators import open_network
from training.evaluate.window_signals import CarriedSignals, WindowSignals
from training.support.processes import in_processes
from training.synthetic.parameters import laws, parse_law
from training.synthetic.skin_pulses import PREFIX, StepPulse

LAWS = {"pulse.amplitude": "0.0015,0.012", "pulse.rate": "42,180"}
"""Laws of ``StepPulse`` in the place of its own."""

AT_ONCE = 8
"""Faces that are made together."""


@dataclass(frozen=True)
class SignalBatch:
    """Makes the signals of some faces.

    Attributes
    ----------
    carriers : Path
        Folder of carriers.
    people : frozenset of str
        The persons whose carriers are used.
    student : str
        Weights file of the student.
    seed : int
        Seed of the random numbers.
    silent : bool
        Whether to put no pulse in.
    """

    carriers: Path
    people: frozenset[str]
    student: str
    seed: int
    silent: bool

    def __call__(self, step: int) -> WindowSignals:
        """Return the signals of ``AT_ONCE`` faces, which follow from the seed and the step."""
        return _maker(self)(step, AT_ONCE)


@cache
def _maker(batch: SignalBatch) -> CarriedSignals:
    """Open the carriers once in each process: all of their masks are read."""
    carriers = Carriers.open(batch.carriers).select(batch.people)
    known = laws(StepPulse, PREFIX)
    chosen = {name: parse_law(known[name], text) for name, text in LAWS.items()}
    source = open_network(batch.student)
    return CarriedSignals(carriers, source, chosen, batch.seed, batch.silent)


def carried_signals(batch: SignalBatch, faces: int, workers: int, path: Path) -> None:
    """Write the signals of faces to a file, unless an earlier run has written it."""
    if path.is_file():
        return
    count = -(-faces // AT_ONCE)
    parts: dict[int, WindowSignals] = {}
    made = in_processes(batch, range(count), workers)
    for which, found in tqdm(made, path.stem, total=count, unit="batch"):
        parts[which] = found
    WindowSignals.joined([parts[which] for which in range(count)]).save(path)
