"""Make a scoreboard on real video: results of every method on every clip, beside the truth.

    python -m training.evaluate.scoreboard --catalogue CATALOGUE.json --injected DIR \
        --negatives DIR --split test --methods student pos chrom green --out OUT

writes ``OUT/report.md`` and ``OUT/report.json``. The kinds of clips are real faces, clips without a
face, pulses put in by ``training.data.inject``, and negatives. For each kind the report has the
number of clips that are ok, the errors if the truth is known, and the number of wrong windows; for
each clip it has the status. The pulse is assessed even if the status is not ok, by its SNR at the
true rate and by how often its highest peak is at the true rate.

``--others`` adds the results of other programs, from files with
``[{"program": NAME, "clips": {FILE OR FOLDER: BPM OR null}}]``.

A clip is not measured again with the same engine and the same settings. Settings are chosen on the
part "dev"; results are reported for the part "test".
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from tqdm import tqdm

import rppg_fast as rf
from rppg_fast.monitor import BOX_SCALE, DEFAULT_METHOD, METHODS
from rppg_fast.options import TEACHER_METHOD
from training.data.catalogue import PARTS
from training.evaluate.scoreboard_items import Item, made_items, real_items
from training.evaluate.scoreboard_measure import Record, Settings, engine, measured
from training.evaluate.scoreboard_tables import (
    COLUMNS,
    Number,
    Result,
    agreement_table,
    clips_table,
    grouped,
    others_table,
    totals,
    totals_table,
)
from training.support.command import command
from training.support.files import as_json, replace_file
from training.support.processes import in_processes

CACHE = "cache"

_Task = tuple[Item, Settings]


def score(
    items: Sequence[Item],
    methods: Sequence[str],
    box_scale: float,
    cache_folder: Path,
    workers: int = 1,
) -> tuple[list[Result], dict[str, str]]:
    """Measure clips with several methods.

    Parameters
    ----------
    items, methods, box_scale
        The clips, the methods, and the scale of the measured box.
    cache_folder
        Folder of the records; it is created if it does not exist.
    workers
        Number of processes.

    Returns
    -------
    list of Result, dict of str to str
        One result for each clip and method; and the clips that could not be read, with the reason.
    """
    cache_folder.mkdir(parents=True, exist_ok=True)
    tasks = [(item, Settings(method, box_scale)) for item, method in product(items, methods)]
    records: dict[int, Record | str] = {}
    with tqdm(total=len(tasks), unit="clip") as bar:
        for index, record in in_processes(partial(_record, cache_folder), tasks, workers):
            records[index] = record
            bar.update()
    results, failed = [], {}
    for index, (item, settings) in enumerate(tasks):
        found = records[index]
        if isinstance(found, str):
            failed[item.name] = found
        else:
            results.append(Result(item, settings.method, found))
    return results, failed


def _record(folder: Path, task: _Task) -> Record | str:
    try:
        return measured(*task, folder)
    except (OSError, ValueError, rf.MeasurementInterrupted) as error:
        return str(error)


def read_others(paths: Sequence[Path]) -> dict[str, dict[str, Number]]:
    """Read the results of other programs: heart rate in bpm or None, by program and clip.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If a file has another layout; the message names the file.
    """
    programs: dict[str, dict[str, Number]] = {}
    for path in paths:
        try:
            for entry in json.loads(path.read_text(encoding="utf-8")):
                said = {
                    name: None if rate is None else float(rate)
                    for name, rate in entry["clips"].items()
                }
                programs.setdefault(entry["program"], {}).update(said)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            wanted = '[{"program": NAME, "clips": {FILE: BPM or null}}]'
            raise ValueError(f"{path}: must hold {wanted} ({error})") from None
    return programs


def report(
    results: Sequence[Result],
    failed: dict[str, str],
    others: dict[str, dict[str, Number]],
    about: dict[str, Any],
) -> tuple[str, dict[str, Any]]:
    """Return a scoreboard as Markdown and as plain values."""
    parts = ["# Real video", f"`{about['command']}`", _described(about), totals_table(results)]
    if others:
        parts += ["## Other programs", others_table(results, others)]
    if agreed := agreement_table(results, others):
        parts += ["## Faces that seem to have a readable pulse of their own", agreed]
    parts += ["## Clips", clips_table(results, others)]
    if failed:
        parts += ["## Could not be read", *(f"- {name}: {why}" for name, why in failed.items())]
    values = {
        "about": about,
        "columns": COLUMNS,
        "totals": [
            {"kind": kind, "method": method, **totals(members)}
            for (kind, method), members in grouped(results).items()
        ],
        "clips": [
            {
                "clip": result.item.name,
                "kind": result.item.kind,
                "method": result.method,
                "own_rate_bpm": result.item.own_rate,
                "made_from": result.item.made_from,
                "error_bpm": result.error,
                **result.record,
            }
            for result in results
        ],
        "others": others,
        "failed": failed,
    }
    return "\n\n".join(parts) + "\n", values


def _described(about: dict[str, Any]) -> str:
    machine = about["engine"]
    return (
        f"rppg_fast {machine['version']}, code {machine['code_sha256'][:12]}, weights"
        f" {machine['weights_sha256'][:12]}, box {about['box_scale']:g} times the face, part"
        f" {about['split']}. A face's own pulse was never measured: only pulses that were put in"
        " have a true rate."
    )


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code, 3 if a clip could not be read."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate.scoreboard", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--catalogue", type=Path)
    parser.add_argument("--injected", type=Path, nargs="+", default=[], metavar="DIR")
    parser.add_argument("--negatives", type=Path, nargs="+", default=[], metavar="DIR")
    parser.add_argument("--clips", nargs="+", metavar="NAME", help="only these, by their names")
    parser.add_argument("--split", choices=(*PARTS, "all"), default="all")
    parser.add_argument(
        "--methods",
        nargs="+",
        default=[DEFAULT_METHOD],
        choices=(*METHODS, TEACHER_METHOD),
        metavar="METHOD",
    )
    parser.add_argument("--box-scale", type=float, default=BOX_SCALE)
    parser.add_argument("--others", type=Path, nargs="+", default=[], metavar="FILE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args(given)
    items = [] if args.catalogue is None else real_items(args.catalogue, args.split)
    items += made_items([*args.injected, *args.negatives], args.split)
    if args.clips is not None:
        unknown = set(args.clips) - {item.name for item in items}
        if unknown:
            raise ValueError(f"no such clip: {', '.join(sorted(unknown))}")
        items = [item for item in items if item.name in args.clips]
    if not items:
        raise ValueError("nothing to measure: give --catalogue, --injected or --negatives")
    others = read_others(args.others)
    results, failed = score(items, args.methods, args.box_scale, args.out / CACHE, args.workers)
    about = {
        "command": " ".join(["python -m training.evaluate.scoreboard", *given]),
        "engine": engine(),
        "box_scale": args.box_scale,
        "split": args.split,
    }
    text, values = report(results, failed, others, about)
    replace_file(args.out / "report.md", text.encode())
    replace_file(args.out / "report.json", as_json(values))
    print(totals_table(results))
    for name, why in failed.items():
        print(f"{name}: {why}", file=sys.stderr)
    return 3 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
