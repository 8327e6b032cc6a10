r"""Train the temporal network, which reads the pulse from a whole window of signals.

    python -m training.train.temporal --carriers data/carriers/dev --data data/broad \
        --out runs/temporal --header csrc/reading/temporal_weights.hpp

learns from faces of real videos into which a pulse is put
(``training.evaluate.window_signals``), and from drawn clips. OUT receives the signals, ``all.npz``
with the weights that ship, and for each of ``--folds`` parts of the persons ``fold0.npz``, ... with
weights that have not seen them: by these the network is judged, and to their readings a confidence
is fitted (``training.confidence.train``). The header holds the weights for the engine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from rppg_fast.evaluation.metrics import PULSE
from rppg_fast.student import BUNDLED_WEIGHTS
from training.data.carriers import Carriers
from training.data.catalogue import chosen_by_people, names_of_part
from training.data.clips import Clips
from training.evaluate.estimators import open_network
from training.evaluate.window_signals import (
    SAMPLES,
    WindowSignals,
    drawn_signals,
)
from training.models.temporal import (
    COARSE,
    RATE,
    TemporalNetwork,
    as_header,
    cells_of,
    packed,
)
from training.support.command import command
from training.support.files import replace_file, save_arrays
from training.support.processes import in_processes
from training.train.average import Average
from training.train.temporal_signals import SignalBatch, carried_signals

FACES, SILENT, DRAWN = "faces.npz", "silent.npz", "drawn.npz"
"""Files of signals: of carriers with and without a pulse, and of drawn clips."""

SHORTEST, HOLE = 5.0, (0.6, 2.0)
"""Shortest window, and shortest and longest hole in one, s."""


@dataclass(frozen=True)
class Settings:
    """What decides the numbers of a run, except the data.

    Attributes
    ----------
    faces, silent : int
        Signals of carriers that are made with a pulse, and without one.
    steps, batch : int
        Steps, and windows of a step.
    learning_rate, decay, average : float
        Peak learning rate, weight decay, and share of the old in the running average of weights.
    drawn : float
        Share of the steps that learn from drawn clips.
    mixed : float
        Share of the carriers' windows to which what moves in another one is added.
    holed : float
        Share of the steps whose windows have a hole.
    faster : float
        Windows are played up to so much faster or slower.
    share : float
        Weight of the power in the heart's line; the rest is that of the correlation.
    seed : int
        Seed of all random numbers.
    """

    faces: int = 3200
    silent: int = 1600
    steps: int = 2500
    batch: int = 24
    learning_rate: float = 3e-3
    decay: float = 1e-3
    average: float = 0.99
    drawn: float = 0.4
    mixed: float = 0.6
    holed: float = 0.2
    faster: float = 1.18
    share: float = 0.5
    seed: int = 0


def heart_share(pulse: Tensor, frequency: Tensor) -> Tensor:
    """Return the share of a pulse's power that lies in the heart's line, (windows,).

    Parameters
    ----------
    pulse : (windows, cells)
        At ``RATE``.
    frequency : (windows,)
        True heart rate, Hz.
    """
    count = pulse.shape[1]
    moments = torch.arange(count) / RATE
    lines = torch.arange(PULSE.low - 0.04, 3.4, 0.04)
    turns = torch.exp(-2j * torch.pi * moments[:, None] * lines)
    faded = (pulse - pulse.mean(1, keepdim=True)) * torch.hann_window(count, periodic=False)
    power = (faded.to(turns.dtype) @ turns).abs() ** 2
    near = torch.exp(-0.5 * ((lines - frequency[:, None]) / 0.09) ** 2)
    share: Tensor = (power * near).sum(1) / (power.sum(1) + 1e-9)
    return share


def correlation(pulse: Tensor, true: Tensor) -> Tensor:
    """Return Pearson's correlation of each window, (windows,)."""
    pulse, true = (one - one.mean(1, keepdim=True) for one in (pulse, true))
    found: Tensor = (pulse * true).sum(1) / (pulse.norm(dim=1) * true.norm(dim=1) + 1e-6)
    return found


class Windows:
    """Draws windows to learn from."""

    def __init__(
        self,
        carried: WindowSignals,
        silent: WindowSignals,
        drawn: WindowSignals,
        settings: Settings,
        random: np.random.Generator,
    ) -> None:
        self._carried, self._silent, self._drawn = carried, silent, drawn
        self._settings, self._random = settings, random

    def __call__(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return cells (windows, signals, cells), the true pulse, and its frequency, Hz."""
        random, settings = self._random, self._settings
        drawn = random.random() < settings.drawn
        count = COARSE * int(random.integers(round(SHORTEST * RATE), SAMPLES // COARSE + 1))
        rows = [self._window(drawn, count) for _ in range(settings.batch)]
        signals, pulse, frequency = (np.stack(part) for part in zip(*rows))
        both = np.concatenate([signals, pulse[..., None]], -1)
        holed = random.random() < settings.holed
        cells = _with_hole(both, random) if holed else cells_of(both)
        turned = torch.from_numpy(cells.swapaxes(-1, -2).astype(np.float32))
        return turned[:, :-1], turned[:, -1], torch.from_numpy(frequency.astype(np.float32))

    def _window(self, drawn: bool, count: int) -> tuple[NDArray[np.float32], ...]:
        random, settings = self._random, self._settings
        source = self._drawn if drawn else self._carried
        which = int(random.integers(len(source.signals)))
        speed = settings.faster ** random.uniform(-1, 1)
        speed = min(speed, (SAMPLES - 2) / (count - 1))
        first = random.uniform(0, SAMPLES - 1 - (count - 1) * speed)
        moments = first + np.arange(count) * speed
        signals, pulse, beats = (
            _between(part[which], moments) for part in (source.signals, source.pulse, source.beats)
        )
        if not drawn and random.random() < settings.mixed:
            other = self._silent.signals[int(random.integers(len(self._silent.signals)))]
            begin = int(random.integers(SAMPLES - count + 1))
            moved = other[begin : begin + count] - other[begin]
            signals = signals + moved * (random.uniform(0.2, 1.0) * random.choice([-1, 1]))
        frequency = (beats[-1] - beats[0]) / (count - 1) * PULSE.rate
        return signals, pulse, frequency


def _between(values: NDArray[np.float32], moments: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return values at moments between samples."""
    before = np.minimum(moments.astype(int), len(values) - 2)
    part = (moments - before).astype(np.float32)
    part = part.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray((1 - part) * values[before] + part * values[before + 1])


def _with_hole(signals: NDArray[np.float32], random: np.random.Generator) -> NDArray[np.float64]:
    """Return the cells of windows with a hole: as the engine has them, 0 in the hole."""
    count = signals.shape[1] // COARSE
    long = round(random.uniform(*HOLE) * RATE)
    least = round(0.5 * RATE)  # a shorter stretch is not filtered
    begin = int(random.integers(least, count - long - least))
    cells = np.zeros((len(signals), count, signals.shape[-1]))
    cells[:, :begin] = cells_of(signals[:, : begin * COARSE])
    cells[:, begin + long :] = cells_of(signals[:, (begin + long) * COARSE :])
    return cells


def trained(draw: Windows, settings: Settings, name: str) -> TemporalNetwork:
    """Train a network; return the running average of its weights, rounded for the engine."""
    torch.manual_seed(settings.seed)
    network = TemporalNetwork()
    optimizer = torch.optim.AdamW(
        network.parameters(), settings.learning_rate, weight_decay=settings.decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, settings.steps, pct_start=0.1
    )
    average = Average(network, settings.average)
    with tqdm(range(settings.steps), name, unit="step") as progress:
        usual = 0.0
        for step in progress:
            cells, true, frequency = draw()
            pulse = network(cells)
            power = -torch.log(heart_share(pulse, frequency) + 1e-4).mean()
            alike = 1 - correlation(pulse, true).mean()
            loss = settings.share * power + (1 - settings.share) * alike
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            average.take(network, step + 1)
            usual += (loss.item() - usual) * max(0.01, 1 / (step + 1))
            if step % 50 == 0:
                progress.set_postfix(loss=f"{usual:.3f}")
    average.model.round_weights()
    return average.model


def fold_of(people: Iterable[str], folds: int) -> dict[str, int]:
    """Return in which of the folds each person is not learned from."""
    return {person: i % max(1, folds) for i, person in enumerate(sorted(people))}


@dataclass(frozen=True)
class _Training:
    """Trains one network in another process, from files in a folder."""

    folder: Path
    settings: Settings
    folds: Mapping[str, int]

    def __call__(self, fold: int | None) -> NDArray[np.float32]:
        torch.set_num_threads(1)
        parts = []
        for name in (FACES, SILENT):
            found = WindowSignals.load(self.folder / name)
            learned = [self.folds[person] != fold for person in found.person]
            parts.append(found.select(np.array(learned)))
        drawn = WindowSignals.load(self.folder / DRAWN)
        random = np.random.default_rng(self.settings.seed)
        draw = Windows(parts[0], parts[1], drawn, self.settings, random)
        weights = packed(trained(draw, self.settings, name_of(fold)))
        left_out = [person for person, its in self.folds.items() if its == fold]
        path = self.folder / f"{name_of(fold)}.npz"
        save_arrays(path, weights=weights, left_out=np.array(left_out, np.str_))
        return weights


def name_of(fold: int | None) -> str:
    """Return the name of the network that leaves a fold out; None leaves nobody out."""
    return "all" if fold is None else f"fold{fold}"


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train.temporal", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--carriers", type=Path, required=True, help="folder of carriers")
    parser.add_argument("--data", type=Path, required=True, help="cache of drawn clips")
    parser.add_argument("--student", default=str(BUNDLED_WEIGHTS), help="weights of the student")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--header", type=Path, help="the C++ header to write")
    parser.add_argument("--folds", type=int, default=2)
    parser.add_argument(
        "--people",
        choices=("all", "fit"),
        default="all",
        help="fit leaves out the people by whom settings are chosen",
    )
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--faces", type=int, default=Settings.faces)
    parser.add_argument("--silent", type=int, default=Settings.silent)
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args(arguments)
    settings = Settings(given.faces, given.silent, given.steps, seed=given.seed)
    carriers, clips = Carriers.open(given.carriers), Clips.open(given.data)
    tested = names_of_part("test")
    people = {clip.subject for clip in carriers.clips.clips if clip.scene["video"] not in tested}
    if given.people == "fit":
        people -= chosen_by_people()
    if len(people) < 2 and given.folds:
        raise ValueError(
            f"{given.carriers}: of {len(people)} persons nobody can be left out; give --folds 0"
        )
    source = open_network(given.student)
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    for silent, faces, name in (
        (False, settings.faces, FACES),
        (True, settings.silent, SILENT),
    ):
        seed = settings.seed + silent
        batch = SignalBatch(given.carriers, frozenset(people), given.student, seed, silent)
        carried_signals(batch, faces, given.workers, out / name)
    if not (out / DRAWN).is_file():
        drawn_signals(clips, source).save(out / DRAWN)
    training = _Training(out, settings, fold_of(people, given.folds))
    wanted = (None, *range(given.folds))
    weights = dict(in_processes(training, wanted, given.workers))[0]
    if given.header is not None:
        about = (
            f"Student {source.about['sha256'][:12]}, carriers {carriers.clips.sha256[:12]}, clips"
            f" {clips.sha256[:12]}, {len(people)} persons, {settings.steps} steps of"
            f" {settings.batch}, seed {settings.seed}."
        )
        replace_file(given.header, as_header(weights, about).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
