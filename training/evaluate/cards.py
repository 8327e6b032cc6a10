r"""Write what the weights that ship score, and where they fail, into their cards.

    python -m training.evaluate.recordings --data data/benchmark --out runs/evaluation fusion \
        student=rppg_fast/assets/student.safetensors teacher=rppg_fast/assets/teacher.safetensors
    python -m training.evaluate.cards --benchmark runs/evaluation/results.csv

takes the scores on the benchmark by group from this file, keeps them in
``results/benchmark/groups.json``, and replaces the section "Scores" of each card in
``rppg_fast/assets``. What is read in real faces comes from ``results/injected``. Run it after
``training.models.export``, which writes cards without scores.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rppg_fast.student import BUNDLED_WEIGHTS
from training.evaluate.injected import markdown
from training.support.command import command
from training.support.files import as_json, replace_file

RESULTS = Path(__file__).parents[1] / "results"
GROUPS = RESULTS / "benchmark" / "groups.json"
ASSETS = BUNDLED_WEIGHTS.parent

HEAD, NEXT = "## Scores\n", "## Limits\n"
"""Heads of the section and of the one after it."""


@dataclass(frozen=True)
class Card:
    """Where a card's scores come from.

    Attributes
    ----------
    file : str
        Name of the card.
    injected, source : str
        File of ``results/injected``, and the name of the weights in it.
    method : str
        Name of what reads the benchmark by these weights.
    note : str
        A sentence on the benchmark's table; may be empty.
    """

    file: str
    injected: str
    source: str
    method: str
    note: str = ""


CARDS = (
    Card("student.md", "test.json", "carried", "student"),
    Card("teacher.md", "teacher.json", "teacher", "teacher"),
    Card(
        "temporal.md",
        "temporal.json",
        "temporal",
        "fusion",
        " Read by the default method, in which this network is one of four opinions.",
    ),
)

CHOSEN = {
    "skin": ("light", "medium", "dark"),
    "motion": ("calm", "swaying", "sudden", "rhythmic"),
    "stratum": (
        "very weak",
        "low light",
        "flicker",
        "compressed",
        "heavy compression",
        "everything",
    ),
}
"""Groups of the benchmark's clips that a card names, by kind."""

COLUMNS = ("recordings", "mae", "coverage", "ok_mae", "ok_within_5")


def groups_in(path: Path) -> list[dict[str, Any]]:
    """Read the groups of ``CHOSEN`` from a ``results.csv`` of ``training.evaluate.recordings``.

    Raises
    ------
    ValueError
        If it lacks one of the methods or groups.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = {(row["name"], row["kind"], row["group"]): row for row in csv.DictReader(file)}
    found = []
    for method in (card.method for card in CARDS):
        for kind, names in CHOSEN.items():
            for name in names:
                row = rows.get((method, kind, name))
                if row is None:
                    raise ValueError(f"{path}: there is no {method!r} with {kind} {name!r}")
                values = {column: float(row[column] or "nan") for column in COLUMNS}
                found.append({"method": method, "kind": kind, "group": name, **values})
    return found


def section(card: Card, groups: Sequence[dict[str, Any]]) -> str:
    """Return a card's section of scores, from its head to the next one."""
    path = RESULTS / "injected" / card.injected
    rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
    name = card.file.partition(".")[0]
    chosen = [{**row, "source": name} for row in rows if row["source"] == card.source]
    lines = [
        "| Kind | Clips | Mean error, bpm | Windows ok | Mean error of ok, bpm | ok within 5 bpm |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in groups:
        if row["method"] == card.method:
            kind = row["group"] if row["kind"] == "stratum" else f"{row['group']} {row['kind']}"
            errors = f"{row['mae']:.2f} | {row['coverage']:.0%} | {row['ok_mae']:.2f}"
            right = f"{row['ok_within_5']:.1%}"
            lines.append(f"| {kind} | {row['recordings']:.0f} | {errors} | {right} |")
    people, clips = chosen[0]["persons"], chosen[0]["clips"]
    parts = [
        HEAD,
        f"A known pulse put into the faces of {people} real persons whom it has not seen, {clips}"
        " recordings in each\ncell, by its amplitude in the skin's green. In the box that follows"
        " the face, and in that of the first frame:\n",
        markdown(chosen),
        "The synthetic benchmark, by skin, movement, light and compression. Every window counts in"
        f" the mean error by its\nmost likely rate, trusted or not.{card.note}\n",
        "\n".join(lines) + "\n",
        "`training/RESULTS.md` has the commands, and other sources beside these.\n\n",
    ]
    return "\n".join(parts)


def with_scores(text: str, scores: str) -> str:
    """Return a card with its section of scores replaced, or put before the limits."""
    before, _, limits = text.partition(NEXT)
    return before.partition(HEAD)[0] + scores + NEXT + limits


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.cards", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--benchmark", type=Path, required=True, help="results.csv")
    given = parser.parse_args(arguments)
    groups = groups_in(given.benchmark)
    replace_file(GROUPS, as_json(groups))
    for card in CARDS:
        path = ASSETS / card.file
        text = with_scores(path.read_text(encoding="utf-8"), section(card, groups))
        replace_file(path, text.encode())
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
