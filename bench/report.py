r"""Turn runs of the benchmarks into a table.

    for i in 1 2 3; do pytest bench/test_stages.py --benchmark-json runs/bench$i.json; done
    python -m bench.report runs/bench?.json

Each contender runs once in each run, beside the others; its time is the median over the runs of its
medians, since other users of a machine slow down now one run, now another. Ratios are to the
backend that is chosen by itself.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import rppg_fast as rf
from rppg_fast import _core

OURS = "rppg_fast"


def medians(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Collect times.

    Parameters
    ----------
    runs
        Files of pytest-benchmark, parsed.

    Returns
    -------
    dict of str to (dict of str to float)
        For each group and contender, seconds.

    Raises
    ------
    ValueError
        If a contender is missing in one of the runs.
    """
    found: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        for one in run["benchmarks"]:
            who = (one["params"] or {}).get("who", OURS)
            times = found.setdefault(one["group"] or one["name"], {}).setdefault(who, [])
            times.append(one["stats"]["median"])
    for group, contenders in found.items():
        for who, times in contenders.items():
            if len(times) != len(runs):
                raise ValueError(f"{who} is in {len(times)} of {len(runs)} runs of {group!r}")
    return {
        group: {who: statistics.median(times) for who, times in contenders.items()}
        for group, contenders in found.items()
    }


def text(seconds: float) -> str:
    """Write a time to three digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def table(times: Mapping[str, Mapping[str, float]], auto: str) -> str:
    """Write a Markdown table: one row for each contender, the fastest of a group first.

    Parameters
    ----------
    times
        As `medians` gives them.
    auto
        Name of the backend that ratios are to; without it in a group, they are to rppg_fast.
    """
    lines = ["| Stage | Who | Median | Ratio |", "| --- | --- | ---: | ---: |"]
    for group, contenders in times.items():
        ours = contenders.get(auto, contenders.get(OURS))
        for who in sorted(contenders, key=lambda name: contenders[name]):
            ratio = "" if ours is None else f"{contenders[who] / ours:.2f}"
            lines.append(f"| {group} | {who} | {text(contenders[who])} | {ratio} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN.json")
    given = parser.parse_args(arguments)
    try:
        runs = [json.loads(path.read_text(encoding="utf-8")) for path in given.runs]
        printed = table(medians(runs), rf.Student.load().backend)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    cpu, when = runs[0]["machine_info"]["cpu"].get("brand_raw", "?"), runs[0]["datetime"][:10]
    print(printed)
    print(f"\n{cpu}, {_core.compiler}, {len(runs)} runs, {when}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
