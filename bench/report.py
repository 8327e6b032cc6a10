r"""Make a table of the results of several runs of the benchmarks.

    for i in 1 2 3; do pytest bench/test_stages.py --benchmark-json runs/bench$i.json; done
    python -m bench.report runs/bench?.json

Each contender runs once in each run, beside the others. Its p50 and p99 are the medians of its
values in the runs, because other users of a machine slow down different runs. Ratios are ratios of
p50 to the backend that "auto" chooses.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import rppg_fast as rf
from rppg_fast import _core

OURS = "rppg_fast"
PEERS = ("numpy", "opencv-python", "torch", "onnxruntime", "openvino", "ncnn")
Times = Mapping[str, Mapping[str, tuple[float, float]]]
"""p50 and p99 in seconds, for each group and contender."""


def medians(runs: Sequence[Mapping[str, Any]]) -> Times:
    """Collect the times of several runs.

    Parameters
    ----------
    runs
        Parsed JSON files of pytest-benchmark, with the `p99` that bench/conftest.py adds.

    Returns
    -------
    Times
        Medians over the runs.

    Raises
    ------
    ValueError
        If a contender is missing from one of the runs.
    """
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for run in runs:
        for one in run["benchmarks"]:
            who = (one["params"] or {}).get("who", OURS)
            times = found.setdefault(one["group"] or one["name"], {}).setdefault(who, [])
            times.append((one["stats"]["median"], one["stats"]["p99"]))
    for group, contenders in found.items():
        for who, times in contenders.items():
            if len(times) != len(runs):
                raise ValueError(f"{who} is in {len(times)} of {len(runs)} runs of {group!r}")
    return {
        group: {
            who: (
                statistics.median(p50 for p50, _ in times),
                statistics.median(p99 for _, p99 in times),
            )
            for who, times in contenders.items()
        }
        for group, contenders in found.items()
    }


def installed(package: str) -> str:
    """Return the version of an installed package, or an empty string."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def text(seconds: float) -> str:
    """Return a time with three digits and a unit."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"


def table(times: Times, auto: str) -> str:
    """Return a Markdown table with one row for each contender, the fastest of a group first.

    Parameters
    ----------
    times
        The result of `medians`.
    auto
        Name of the backend that ratios refer to; in a group without it, they refer to rppg_fast.
    """
    lines = ["| Stage | Who | p50 | p99 | Ratio |", "| --- | --- | ---: | ---: | ---: |"]
    for group, contenders in times.items():
        ours = contenders.get(auto, contenders.get(OURS))
        for who in sorted(contenders, key=lambda name: contenders[name]):
            p50, p99 = contenders[who]
            ratio = "" if ours is None else f"{p50 / ours[0]:.2f}"
            lines.append(f"| {group} | {who} | {text(p50)} | {text(p99)} | {ratio} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
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
    peers = [f"{name} {found}" for name in PEERS if (found := installed(name))]
    print(f"\n{cpu}, {_core.compiler}, {len(runs)} runs, {when}; {', '.join(peers)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
