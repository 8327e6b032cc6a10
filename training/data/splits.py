r"""Make files of subject-wise folds: subjects for training, for validation and for testing.

    python -m training.data.splits --data DIR [--test-data DIR] --folds 5 --seed 0 \
        --name NAME --out FILE

A split file is JSON: ``{"name": ..., "folds": [{"train": [...], "validation": [...],
"test": [...]}, ...]}``. With ``--test-data``, fold k trains on all of DATA except its k-th part,
validates on that part and tests on the k-th part of the other data. Without it, each part of DATA
is tested once, and there is no validation. ``--train-share 0.25`` keeps a quarter of the training
subjects of each fold and changes nothing else, to measure the effect of fewer subjects.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from training.data.clips import Clips
from training.support.command import command
from training.support.files import as_json, replace_file

PARTS = ("test", "validation")
"""Parts of a fold that may be evaluated."""


@dataclass(frozen=True)
class Fold:
    """Names of the subjects in each part; no subject is in two parts."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True)
class Split:
    """Folds of subjects.

    Attributes
    ----------
    name : str
        Name in results.
    folds : tuple of Fold
        At least one.

    Raises
    ------
    ValueError
        If a subject is in a fold twice, if a fold has no subject to train or to test on, or if a
        subject is tested in two folds.
    """

    name: str
    folds: tuple[Fold, ...]

    def __post_init__(self) -> None:
        """Check the folds; raise ValueError if they are invalid."""
        if not self.folds:
            raise ValueError("a split needs at least one fold")
        tested: set[str] = set()
        for number, fold in enumerate(self.folds):
            for side in ("train", "test"):
                if not getattr(fold, side):
                    raise ValueError(f"fold {number} has nobody to {side} on")
            seen: set[str] = set()
            for subject in (*fold.train, *fold.validation, *fold.test):
                if subject in seen:
                    raise ValueError(f"fold {number} has subject {subject!r} twice")
                seen.add(subject)
            twice = tested.intersection(fold.test)
            if twice:
                raise ValueError(f"subject {min(twice)!r} is tested in two folds")
            tested.update(fold.test)

    @classmethod
    def load(cls, path: Path) -> Split:
        """Read a split file; it may have a text "made_by" that states its origin.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is not a split file, or if its folds are not disjoint; the message names the file.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(values, dict) or set(values) - {"made_by"} != {"name", "folds"}:
                raise ValueError("needs the keys 'name' and 'folds'")
            if not isinstance(values["name"], str) or not isinstance(values["folds"], list):
                raise ValueError("name must be a text and folds a list")
            return cls(values["name"], tuple(_fold(fold) for fold in values["folds"]))
        except ValueError as error:
            raise ValueError(f"{path}: not a split file: {error}") from None

    def save(self, path: Path, made_by: str) -> None:
        """Write a split file."""
        values = {"name": self.name, "made_by": made_by, "folds": [asdict(f) for f in self.folds]}
        replace_file(path, as_json(values))


def _fold(values: object) -> Fold:
    sides = ("train", "validation", "test")
    if not isinstance(values, dict) or set(values) != set(sides):
        raise ValueError(f"a fold needs the lists {', '.join(sides)}")
    for side in sides:
        if not isinstance(values[side], list) or not all(isinstance(s, str) for s in values[side]):
            raise ValueError(f"{side} must be a list of names")
    return Fold(*(tuple(values[side]) for side in sides))


def deal(subjects: Sequence[str], folds: int, seed: int) -> list[tuple[str, ...]]:
    """Shuffle subjects and distribute them over folds; sizes of folds differ by at most one.

    Raises
    ------
    ValueError
        If there are fewer subjects than folds, or fewer than two folds.
    """
    if not 2 <= folds <= len(subjects):
        raise ValueError(f"cannot make {folds} folds of {len(subjects)} subjects")
    order = np.random.default_rng(seed).permutation(len(subjects))
    return [tuple(subjects[i] for i in sorted(order[k::folds])) for k in range(folds)]


def deal_strata(clips: Clips, folds: int, seed: int) -> list[tuple[str, ...]]:
    """Distribute the subjects of each stratum separately, so that each fold has all strata."""
    strata: dict[str, list[str]] = {}
    for clip in clips.clips:
        names = strata.setdefault(clip.stratum, [])
        if clip.subject not in names:
            names.append(clip.subject)
    dealt = [deal(names, folds, seed + i) for i, names in enumerate(strata.values())]
    return [tuple(subject for parts in dealt for subject in parts[k]) for k in range(folds)]


def make_split(
    name: str,
    data: Clips,
    test_data: Clips | None,
    folds: int,
    seed: int,
    train_share: float = 1.0,
) -> Split:
    """Make a split of one data set, or of training data with a test set of other subjects.

    Raises
    ------
    ValueError
        If there are too few subjects, or the share is not in (0, 1].
    """
    if not 0 < train_share <= 1:
        raise ValueError(f"the share of training subjects must be in (0, 1], got {train_share}")
    parts = deal_strata(data, folds, seed)
    tests = parts if test_data is None else deal_strata(test_data, folds, seed)
    made = []
    for number, (part, test) in enumerate(zip(parts, tests)):
        train = tuple(subject for subject in data.subjects if subject not in part)
        order = np.random.default_rng([seed, number]).permutation(len(train))
        kept = sorted(order[: max(1, round(train_share * len(train)))])
        train = tuple(train[i] for i in kept)
        made.append(Fold(train, () if test_data is None else part, test))
    return Split(name, tuple(made))


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.data.splits", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--data", type=Path, required=True, help="cache to train on")
    parser.add_argument("--test-data", type=Path, help="cache to test on, if another")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--train-share", type=float, default=1.0, help="of the subjects, in (0, 1]")
    parser.add_argument("--name", required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args(arguments)
    data = Clips.open(given.data)
    test_data = None if given.test_data is None else Clips.open(given.test_data)
    split = make_split(given.name, data, test_data, given.folds, given.seed, given.train_share)
    made_by = f"training.data.splits --folds {given.folds} --seed {given.seed}"
    if given.train_share < 1:
        made_by += f" --train-share {given.train_share}"
    made_by += f"; {data.description}"
    if test_data is not None:
        made_by += f"; tested on {test_data.description}"
    split.save(given.out, made_by)
    return 0


if __name__ == "__main__":
    sys.exit(main())
