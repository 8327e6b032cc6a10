"""The figures of RESULTS.md are those of its result files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

from training.tables import FORMAT, as_markdown

TRAINING = Path(__file__).parents[1] / "training"
RESULTS = sorted((TRAINING / "results").glob("*.json"))


def test_there_are_results() -> None:
    assert RESULTS


@pytest.mark.parametrize("path", RESULTS, ids=[path.stem for path in RESULTS])
def test_each_table_stands_in_the_text_as_its_file_has_it(path: Path) -> None:
    table = json.loads(path.read_text(encoding="utf-8"))
    assert table["format"] == FORMAT
    text = (TRAINING / "RESULTS.md").read_text(encoding="utf-8")
    assert f"results/{path.name}" in text
    assert as_markdown(table) in text
