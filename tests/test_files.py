"""Files of results: JSON with a line for each row."""

from __future__ import annotations

import json
import math
from pathlib import Path

from training.support.files import as_json, replace_file

VALUES = {
    "name": "x",
    "rows": [{"seeds": [0, 1], "mae": 1.5}, {"seeds": [2], "mae": None}],
    "none": [],
}


def test_json_has_a_line_for_each_row_and_comes_back_the_same() -> None:
    text = as_json(VALUES).decode()
    assert json.loads(text) == VALUES
    lines = [line.strip() for line in text.splitlines()]
    assert '{"seeds": [0, 1], "mae": 1.5},' in lines
    assert '"none": []' in lines


def test_what_is_not_a_number_comes_back() -> None:
    assert math.isnan(json.loads(as_json({"rows": [{"mae": float("nan")}]}))["rows"][0]["mae"])


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text("old", encoding="utf-8")
    replace_file(file, b"new")
    assert file.read_text(encoding="utf-8") == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
