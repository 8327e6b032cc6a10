"""The tests that the page of promises names exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
PAGE = (HERE / "README.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and "**" not in line][1:]


def names_in(file: str) -> set[str]:
    (path,) = HERE.glob(f"*/{file}")
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_every_promise_is_held_by_a_test(row: str) -> None:
    held_by = row.split("|")[2]
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", held_by)
    assert len(named) == held_by.count("`") / 2 > 0
    for file, test in named:
        assert test in names_in(file), f"{file}::{test}"
