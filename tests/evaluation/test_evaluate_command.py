"""``rppg-fast evaluate``: what it prints and writes, and what it says of bad input."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rppg_fast.cli import BAD_INPUT, OK, main
from tests.support.made_up_results import result, window, write_lines, write_table, write_ubfc


def written(folder: Path) -> list[str]:
    """Write results and truth; return the arguments that name them."""
    results = [
        result(f"{name}.mp4", rate, [window(10.0, rate), window(11.0, None, 0.3, 70.0)])
        for name, rate in (("a", 61.0), ("b", 73.5), ("c", None))
    ]
    path = write_lines(folder / "results.jsonl", results)
    header, rows = "video,start_s,heart_rate_bpm,stratum", ("a,0,60,x", "b,0,75,y", "c,0,70,y")
    truth = write_table(folder / "truth.csv", header, *rows)
    return [str(path), "--truth", str(truth)]


def test_tables_are_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    names = [tmp_path / name for name in ("out.json", "out.md", "out.png")]
    outputs = [
        *("--json", str(names[0]), "--markdown", str(names[1]), "--plot", str(names[2])),
        *("--seed", "3", "--by", "stratum"),
    ]
    assert main(["evaluate", *written(tmp_path), *outputs]) == OK
    printed = capsys.readouterr().out
    assert "3 recordings of 3 subjects" in printed
    assert "2 of 3 recordings have a heart rate; the errors are over these 2." in printed
    assert "By stratum, recordings" in printed
    assert "Accuracy by confidence, windows" in printed
    (row,) = [line for line in printed.splitlines() if line.startswith("MAE")]
    assert "1.25" in row  # of errors of 1 and -1.5 bpm
    values = json.loads(names[0].read_text())
    assert values["seed"] == 3
    assert values["summaries"][0]["values"]["bias"] == -0.25
    assert "| MAE, bpm | 1.25 [" in names[1].read_text()
    assert names[2].read_bytes().startswith(b"\x89PNG")


def test_one_subject_has_no_interval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = write_table(tmp_path / "r.csv", "video,hr", "a,61")
    truth = write_table(tmp_path / "t.csv", "video,hr", "a,60")
    assert main(["evaluate", str(results), "--truth", str(truth)]) == OK
    printed = capsys.readouterr().out
    assert "no confidence interval" in printed
    assert "[" not in printed


GOOD = "video,heart_rate_bpm\na,60\n"
BAD: list[tuple[str, str | None, str, str | None, str]] = [
    # Name and content of the results, of the truth (None: not written), and the message.
    ("r.csv", None, "t.csv", GOOD, "r.csv: No such file"),
    ("r.csv", GOOD, "t.csv", None, "t.csv: No such file"),
    ("r.txt", GOOD, "t.csv", GOOD, "results must be a file that ends in .jsonl, .json, .csv"),
    ("r.csv", GOOD, "t.txt", GOOD, "the truth must be a folder or a CSV file"),
    ("r.csv", GOOD, ".", None, "no folder in it has a ground_truth.txt"),
    ("r.csv", "video\na\n", "t.csv", GOOD, "must have a column 'video' and a column 'heart_ra"),
    ("r.csv", GOOD, "t.csv", "name,hr\n", "has name, hr"),
    ("r.csv", "video,hr\n", "t.csv", GOOD, "r.csv: no result in it"),
    ("r.csv", GOOD, "t.csv", "video,hr\n", "t.csv: has no row"),
    ("r.csv", "video,hr\na,x\n", "t.csv", GOOD, "r.csv: line 2: hr is not a number: 'x'"),
    ("r.csv", "video,hr\na,0\n", "t.csv", GOOD, "line 2: hr must be a positive number of bpm"),
    ("r.csv", "video,hr\n,60\n", "t.csv", GOOD, "line 2: the cell 'video' is empty"),
    ("r.csv", GOOD, "t.csv", "video,hr\n,60\n", "t.csv: line 2: the cell 'video' is empty"),
    ("r.csv", GOOD, "t.csv", "video,hr\na,\n", "line 2: hr is not a number: ''"),
    ("r.csv", GOOD, "t.csv", "video,hr\na,60\na,61\n", "a has several rows, so that each needs"),
    ("r.csv", GOOD, "t.csv", "video,hr,start_s\na,6,5\na,7,5\n", "the start_s of a must increase"),
    ("r.csv", GOOD + "a,61\n", "t.csv", GOOD, "r.csv: has several results of a: measure one"),
    ("r.csv", GOOD, "t.csv", "video,hr\nb,60\n", "t.csv: no truth belongs to a result: the vid"),
    ("r.csv", GOOD, "t.csv", "video,hr\nx/a,6\ny/a,6\n", "both x/a and y/a could be the truth of"),
    ("r.csv", "video,hr\nx/a,6\ny/a,6\n", "t.csv", GOOD, "both x/a and y/a belong to the truth"),
    ("r.jsonl", "{", "t.csv", GOOD, "r.jsonl: line 1: not JSON"),
    ("r.jsonl", "[]", "t.csv", GOOD, "r.jsonl: line 1: not a result of rppg-fast measure"),
    ("r.json", '{"video": "a"}', "t.csv", GOOD, "r.json: result 1: not a result of rppg-fast"),
    ("r.json", "[]", "t.csv", GOOD, "r.json: no result in it"),
]


@pytest.mark.parametrize(("results", "content", "truth", "known", "message"), BAD)
def test_bad_input_is_named_in_one_line(
    results: str,
    content: str | None,
    truth: str,
    known: str | None,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, text in ((results, content), (truth, known)):
        if text is not None:
            (tmp_path / name).write_text(text)
    code = main(["evaluate", str(tmp_path / results), "--truth", str(tmp_path / truth)])
    captured = capsys.readouterr()
    assert (code, captured.out) == (BAD_INPUT, "")
    assert captured.err.startswith("rppg-fast: ")
    assert captured.err.count("\n") == 1
    assert message in captured.err


def test_a_truth_that_cannot_be_used_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ubfc(tmp_path / "subject1")
    results = write_table(tmp_path / "r.csv", "video,hr,duration_s", "subject1/vid.avi,61,300")
    assert main(["evaluate", str(results), "--truth", str(tmp_path)]) == BAD_INPUT
    error = capsys.readouterr().err
    assert "no result has a truth that can be used; that of subject1/vid.avi: the video" in error
