r"""Make the tables of RESULTS.md from cross-validations.

    python -m training.evaluate.tables --runs OUT --out training/results/table2.json \
        [--only NAME,NAME...]

OUT is a folder of `training.train.crossvalidate`. The JSON contains every figure, and the configs,
hashes and versions that it was made with; the table is printed as Markdown.
`python -m training.evaluate.tables --show FILE` prints it again.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from training.data.splits import PARTS
from training.evaluate.evaluation import Evaluation
from training.evaluate.report import mean_over_folds
from training.support.command import command
from training.support.files import as_json, replace_file

FORMAT = "rppg_fast.table"
COLUMNS = {
    "mae": "MAE",
    "rmse": "RMSE",
    "window_mae": "Window MAE",
    "within_5": "Within 5 bpm",
    "snr_db": "SNR, dB",
    "coverage": "ok",
    "ok_mae": "MAE of ok",
}
"""Measures of `training.evaluate.report` in a table, with their headings."""

GAP_COLUMNS = ("mae", "rmse", "snr_db")
"""Measures for which a table states the share of the gap that distillation closes."""

_IN_PERCENT = {"within_5", "coverage"}
_FOLDER = re.compile(r"(?:seed(?P<seed>\d+)-)?fold(?P<fold>\d+)")


def collect(runs: Path, name: str, part: str) -> dict[int, list[Evaluation]]:
    """Read the evaluations of one config: for each seed, its folds in order.

    An evaluation without a seed, such as that of a classical method, counts as seed 0.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If there is no evaluation, if the seeds have different folds, or if the runs differ in the
        config, in the weights file, or in the test clips of a fold.
    """
    found: dict[int, dict[int, Evaluation]] = {}
    for path in sorted((runs / name).glob(f"*/{part}.json")):
        match = _FOLDER.fullmatch(path.parent.name)
        if match:
            seed, fold = int(match["seed"] or 0), int(match["fold"])
            text = path.read_text(encoding="utf-8")
            found.setdefault(seed, {})[fold] = Evaluation.from_json(text)
    if not found:
        raise ValueError(f"{runs / name} holds no {part}.json")
    if len({tuple(sorted(folds)) for folds in found.values()}) > 1:
        raise ValueError(f"{runs / name}: not every seed has every fold yet")
    if len({_made_of(one) for folds in found.values() for one in folds.values()}) > 1:
        raise ValueError(f"{runs / name}: its runs are not all of one config")
    if len({tuple(folds[k].data["sha256"] for k in sorted(folds)) for folds in found.values()}) > 1:
        raise ValueError(f"{runs / name}: its seeds were tested on other clips")
    return {seed: [folds[k] for k in sorted(folds)] for seed, folds in sorted(found.items())}


def _made_of(evaluation: Evaluation) -> str:
    """Return the values that all seeds and folds of a row must share; a folder may mix runs."""
    source = evaluation.source
    config = {k: v for k, v in (source.get("config") or {}).items() if k != "seed"}
    weights = source["sha256"] if source["kind"] == "weights" else ""
    return json.dumps([source["kind"], config, weights], sort_keys=True)


def summarise(name: str, seeds: Mapping[int, Sequence[Evaluation]]) -> dict[str, Any]:
    """Compute one line of a table.

    Returns
    -------
    dict
        For each of ``COLUMNS`` the means over folds, one for each seed; and what was evaluated.
    """
    means = {seed: mean_over_folds(folds) for seed, folds in seeds.items()}
    first = next(iter(seeds.values()))
    return {
        "name": name,
        "seeds": list(seeds),
        "folds": len(first),
        "recordings": sum(len(evaluation.recordings) for evaluation in first),
        "source": {k: v for k, v in first[0].source.items() if k not in ("sha256", "config")},
        "config": {k: v for k, v in (first[0].source.get("config") or {}).items() if k != "seed"},
        "weights_sha256": {
            str(seed): [evaluation.source.get("sha256", "") for evaluation in folds]
            for seed, folds in seeds.items()
        },
        "data_sha256": [evaluation.data["sha256"] for evaluation in first],
        "data": first[0].data["description"],
        "made_with": first[0].made_with,
        "values": {c: [round(values[c], 4) for values in means.values()] for c in COLUMNS},
    }


def gap_closed(plain: float, distilled: float, teacher: float) -> float:
    """Return the share of the gap between plain student and teacher that distillation closes.

    If the two are equal, there is no gap, and the result is 0.
    """
    return (plain - distilled) / (plain - teacher) if plain != teacher else 0.0


def gaps(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, list[float]]]:
    """Compute the share of the gap that each distilled student closes, for each seed.

    Parameters
    ----------
    rows
        Rows of a table. The teacher is the row of that network. The plain student is the row whose
        config differs from the distilled student's only in the distillation.

    Returns
    -------
    dict of str to (dict of str to list of float)
        For each distilled student and each of ``GAP_COLUMNS``, one share for each seed.
    """
    found = {}
    teachers = [row for row in rows if row["config"].get("network") == "teacher"]
    for row in rows:
        if not row["config"].get("distillation"):
            continue
        alone = {**row["config"], "distillation": None}
        plain = [other for other in rows if other["config"] == alone]
        if len(plain) == len(teachers) == 1:
            found[str(row["name"])] = {
                c: [
                    round(gap_closed(*values), 4)
                    for values in zip(
                        plain[0]["values"][c], row["values"][c], teachers[0]["values"][c]
                    )
                ]
                for c in GAP_COLUMNS
            }
    return found


def as_markdown(table: Mapping[str, Any]) -> str:
    """Return a table as Markdown: mean over seeds, and standard deviation if there are several."""
    lines = [
        "| | Seeds | " + " | ".join(COLUMNS.values()) + " |",
        "| --- | ---: |" + " ---: |" * len(COLUMNS),
    ]
    for row in table["rows"]:
        cells = [_cell(c, row["values"][c]) for c in COLUMNS]
        lines.append(f"| {row['name']} | {len(row['seeds'])} | {' | '.join(cells)} |")
    for name, closed in table["gap_closed"].items():
        shares = (
            f"{COLUMNS[c]} " + ", ".join(f"{100 * share:.0f} %" for share in values)
            for c, values in closed.items()
        )
        lines += ["", f"Gap closed by `{name}`, seed by seed: {'; '.join(shares)}."]
    return "\n".join(lines) + "\n"


def _cell(column: str, values: Sequence[float]) -> str:
    scale = 100 if column in _IN_PERCENT else 1
    unit = " %" if column in _IN_PERCENT else ""
    digits = 1 if column in _IN_PERCENT else 2
    if any(math.isnan(value) for value in values):
        return "none"  # for example the error of ok readings if there is none
    text = f"{scale * statistics.fmean(values):.{digits}f}"
    if len(values) > 1:
        text += f" ± {scale * statistics.stdev(values):.{digits}f}"
    return text + unit


def make_table(runs: Path, part: str, only: Sequence[str] | None = None) -> dict[str, Any]:
    """Make the table of a cross-validation.

    Raises
    ------
    OSError, ValueError
        If a run is missing or not finished, or if rows cannot be compared.
    """
    names = only or sorted(path.name for path in runs.iterdir() if path.is_dir())
    rows = [summarise(name, collect(runs, name, part)) for name in names]
    for row in rows:
        if row["data_sha256"] != rows[0]["data_sha256"]:
            raise ValueError(f"{row['name']} was evaluated on other clips than {rows[0]['name']}")
        if len(row["seeds"]) > 1 and row["seeds"] != next(
            other["seeds"] for other in rows if len(other["seeds"]) > 1
        ):
            raise ValueError(f"{row['name']} has other seeds than the rows before it")
    return {"format": FORMAT, "part": part, "rows": rows, "gap_closed": gaps(rows)}


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate.tables", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--runs", type=Path, help="folder of training.train.crossvalidate")
    parser.add_argument("--only", type=lambda text: text.split(","), help="configs, in this order")
    parser.add_argument("--part", choices=PARTS, default="test", help="of the folds")
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    parser.add_argument("--show", type=Path, help="print the table of such a JSON")
    given = parser.parse_args(arguments)
    if (given.runs is None) == (given.show is None) or (given.runs and given.out is None):
        parser.error("give either --show, or --runs and --out")
    if given.show is not None:
        table = json.loads(given.show.read_text(encoding="utf-8"))
    else:
        table = make_table(given.runs, given.part, given.only)
        replace_file(given.out, as_json(table))
    print(as_markdown(table), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
