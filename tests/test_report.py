"""Runs of the benchmarks give the right table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.report import main, medians, table, text


def run(**times: float) -> dict[str, Any]:
    return {
        "benchmarks": [
            {
                "group": "student",
                "name": who,
                "params": {"who": who},
                "stats": {"median": seconds, "p99": 2 * seconds},
            }
            for who, seconds in times.items()
        ]
    }


def test_a_time_is_the_median_over_runs() -> None:
    runs = [run(fast=1e-4, peer=3e-4), run(fast=9e-4, peer=2e-4), run(fast=2e-4, peer=4e-4)]
    assert medians(runs) == {"student": {"fast": (2e-4, 4e-4), "peer": (3e-4, 6e-4)}}


def test_ratios_are_to_the_chosen_backend_and_the_fastest_comes_first() -> None:
    times = {"peer": (3e-4, 9e-4), "fast": (2e-4, 5e-3), "slow": (4e-3, 5e-3)}
    assert table({"student": times}, "fast").splitlines()[2:] == [
        "| student | fast | 200 µs | 5 ms | 1.00 |",
        "| student | peer | 300 µs | 900 µs | 1.50 |",
        "| student | slow | 4 ms | 5 ms | 20.00 |",
    ]
    assert table({"x": {"peer": (1.0, 2.0)}}, "fast").endswith("| x | peer | 1 s | 2 s |  |")


def test_a_contender_that_missed_a_run_is_named() -> None:
    with pytest.raises(ValueError, match="peer is in 1 of 2 runs of 'student'"):
        medians([run(fast=1.0, peer=2.0), run(fast=1.0)])


def test_a_file_that_is_no_run_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "run.json").write_text(json.dumps([1]))
    assert main([str(tmp_path / "none.json")]) == 2
    assert main([str(tmp_path / "run.json")]) == 2
    assert capsys.readouterr().err.count("\n") == 2


def test_times_have_three_digits() -> None:
    assert [text(x) for x in (1.234, 0.01234, 1.234e-5)] == ["1.23 s", "12.3 ms", "12.3 µs"]
