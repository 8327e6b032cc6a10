"""Many videos: what inputs name, results in a file, interruptions, processes that die."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic, sleep

import pytest

import rppg_fast as rf
from rppg_fast.cli import BAD_INPUT, NO_HEART_RATE, OK, main
from rppg_fast.many.progress import RunProgress
from rppg_fast.many.table import Table
from tests.support.clips import BOX, frame_times, skin, write_video

RATES = {"calm": 60.0, "quick": 96.0}
CLOSE = 1.0  # bpm: clean drawn skin
SECONDS = 8.0
PATIENCE = 300.0  # s: for a machine that is busy with other things

IN_PROCESSES = """
import os, sys
from pathlib import Path
import rppg_fast.many.run as run

measure = run._measure

def dies_on_one(options, weights, folder, report, job):
    if "deadly" in job.video:
        os._exit(1)
    return measure(options, weights, folder, report, job)

if __name__ == "__main__":
    run._measure = dies_on_one
    options = {"box": (8, 6, 72, 54), "method": "pos"}
    for result in run.measure_many([sys.argv[1]], jobs=2, out=sys.argv[2], **options):
        print(result.video, flush=True)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    (folder / "sub").mkdir()
    for name, rate in RATES.items():
        place = folder / "sub" if name == "quick" else folder
        write_video(place / f"{name}.avi", skin(frame_times(30.0, SECONDS), rate), 30.0)
    (folder / "notes.txt").write_text("no video")
    return folder


def rows_of(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_folder_gives_each_of_its_videos_once(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    inputs: list[str | Path] = [folder, folder / "calm.avi", str(folder / "**" / "*.avi")]
    results = list(rf.measure_many(inputs, out=out, box=BOX, method="pos"))
    assert [Path(result.video).stem for result in results] == list(RATES)
    for result, rate in zip(results, RATES.values()):
        (face,) = result.faces
        assert abs(face["heart_rate_bpm"] - rate) < CLOSE
        alone = rf.measure(result.video, box=BOX, method="pos").to_dict()
        assert dict(face) == alone
    assert [row["heart_rate_bpm"] for row in rows_of(out)] == [
        result.faces[0]["heart_rate_bpm"] for result in results
    ]


def test_a_list_and_a_manifest_name_videos(folder: Path, tmp_path: Path) -> None:
    (folder / "names").write_text("# a comment\ncalm.avi\n\nsub\n")
    assert [Path(job.video).stem for job in rf.list_videos([f"@{folder / 'names'}"])] == list(RATES)
    manifest = folder / "all.csv"
    manifest.write_text(
        "video,subject,truth,box,fps\ncalm.avi,7,60,8 6 72 54,15\nsub/quick.avi,8,96,,\n"
    )
    calm, quick = rf.list_videos([manifest])
    assert calm.options == {"box": (8, 6, 72, 54), "fps": 15.0}
    assert quick.options == {}
    assert calm.columns == {"subject": "7", "truth": "60"}
    out = tmp_path / "r.csv"
    list(rf.measure_many([manifest], out=out, box=BOX, method="pos"))
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["subject"] for row in rows] == ["7", "8"]
    assert [row["fps"][:2] for row in rows] == ["15", "30"]  # half the rate, half the heart rate
    assert abs(float(rows[1]["heart_rate_bpm"]) - RATES["quick"]) < CLOSE


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file\na.avi\n", "must have a column 'video'"),
        ("video,fps\na.avi,fast\n", "line 2: fps has a wrong value: 'fast'"),
        ("video,fps\n,30\n", "line 2: the cell 'video' is empty"),
        ("video,fps\na.avi,30\na.avi,15\n", "line 3: .*a.avi is in an earlier line, too"),
        ("video,confidence\na.avi,1\n", "its column 'confidence' is a result's: rename it"),
    ],
)
def test_a_wrong_manifest_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        rf.list_videos([tmp_path / "m.csv"])


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_bytes(b"video\n\xff\xfe.avi\n")
    with pytest.raises(ValueError, match="not text in UTF-8"):
        rf.list_videos([tmp_path / "m.csv"])


def test_inputs_that_name_no_video_are_refused(tmp_path: Path) -> None:
    (tmp_path / "list").write_text("# nothing\n")
    for name in (str(tmp_path), str(tmp_path / "*.avi"), f"@{tmp_path / 'list'}"):
        with pytest.raises(FileNotFoundError, match="no "):
            rf.list_videos([name])


def test_a_video_that_cannot_be_measured_is_a_row(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video at all\n" * 50)
    out = tmp_path / "r.jsonl"
    results = rf.measure_many([tmp_path, folder / "calm.avi"], out=out, box=BOX, method="pos")
    broken, good = results
    assert "not a video" in broken.error
    assert good.error == ""
    assert [row["status"] for row in rows_of(out)] == ["error", "ok"]
    assert "not a video" in str(rows_of(out)[0]["error"])


def test_what_a_decoder_complains_about_is_in_the_row(folder: Path, tmp_path: Path) -> None:
    content = bytearray((folder / "calm.avi").read_bytes())
    (tmp_path / "cut.avi").write_bytes(content[: len(content) // 2])
    places = [len(content) // 3 + 40 * k for k in range(200)]
    for place in places:
        content[place] ^= 0xFF
    (tmp_path / "damaged.avi").write_bytes(content)
    for name in ("r.jsonl", "r.csv"):
        list(rf.measure_many([tmp_path], out=tmp_path / name, box=BOX, method="pos"))
    of_json = {Path(str(row["video"])).stem: row for row in rows_of(tmp_path / "r.jsonl")}
    alone = [rf.open_source(tmp_path / f"{name}.avi") for name in ("cut", "damaged")]
    for source in alone:
        frames = sum(1 for _ in source)
        said = source.remarks(frames)
        assert said
        assert of_json[Path(source.name).stem]["warnings"] == said
    with (tmp_path / "r.csv").open(newline="") as file:
        assert [row["warnings"] for row in csv.DictReader(file)] == [
            "; ".join(row["warnings"])  # type: ignore[arg-type]
            for row in of_json.values()
        ]


def test_rows_come_into_the_order_of_the_videos(tmp_path: Path) -> None:
    table = Table(tmp_path / "r.csv", "s", ["subject"])
    for name in ("c", "a", "x", "b"):
        table.add(rf.VideoResult(name, (), "", {"subject": name.upper()}))
    table.finish("abc")
    table.add(rf.VideoResult("y\n\udcff", (), "", {}))
    assert table.has("y\n\udcff")
    table.close()
    lines = (tmp_path / "r.csv").read_bytes().splitlines()
    assert [line[:1] for line in lines[1:]] == [b"a", b"b", b"c", b"x", b"y"]
    assert lines[1].endswith(b",A")
    again = Table(tmp_path / "r.csv", "s", ["subject"])
    again.close()
    assert [name for name in ("a", "b", "z", "y\n\udcff") if again.has(name)] == [
        *("a", "b"),
        "y\n\udcff",
    ]


def test_a_parquet_file_has_what_json_lines_have(folder: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    manifest = folder / "two.csv"
    manifest.write_text("video,subject\ncalm.avi,7\nnone.avi,8\n")
    results = rf.measure_many([manifest], out=tmp_path / "r.parquet", box=BOX, method="pos")
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert not (tmp_path / "r.parquet").exists()
    for _ in range(2):  # the second time all are measured
        list(rf.measure_many([manifest], out=tmp_path / "r.parquet", box=BOX, method="pos"))
        found = parquet.read_table(tmp_path / "r.parquet").to_pylist()
        assert [row["subject"] for row in found] == ["7", "8"]
        for row, line in zip(found, rows_of(tmp_path / "r.parquet.jsonl")):
            assert {name: value for name, value in row.items() if value is not None} == {
                name: value for name, value in line.items() if value is not None
            }


def test_progress_names_what_is_under_way(folder: Path) -> None:
    told: list[RunProgress] = []
    list(rf.measure_many([folder], box=BOX, method="pos", progress=told.append))
    assert [one.done for one in told if not one.under_way] == [1, 2]
    assert {one.total for one in told} == {2}
    for one in told[:-1]:
        for video, share in one.under_way.items():
            assert Path(video).parent in (folder, folder / "sub")
            assert share is not None
            assert 0 < share <= 1


def test_a_wrong_option_is_refused_before_the_first_video(tmp_path: Path) -> None:
    out = tmp_path / "r.jsonl"
    with pytest.raises(ValueError, match="method must be one of"):
        rf.measure_many(["a.avi"], out=out, method="magic")
    with pytest.raises(ValueError, match="jobs must be at least 1"):
        rf.measure_many(["a.avi"], jobs=0)
    assert not out.exists()
    with pytest.raises(ValueError, match=r"must end in \.jsonl, \.csv or \.parquet"):
        rf.measure_many(["a.avi"], out=tmp_path / "r.txt")


@pytest.mark.parametrize("name", ["r.jsonl", "r.csv"])
def test_a_run_that_was_cut_at_any_byte_gives_the_same_table(
    folder: Path, tmp_path: Path, name: str
) -> None:
    out = tmp_path / name

    def run() -> int:
        return sum(1 for _ in rf.measure_many([folder], out=out, box=BOX, method="pos"))

    assert run() == len(RATES)
    whole = out.read_bytes()
    assert run() == 0
    ends = [at + 1 for at in range(len(whole)) if whole[at : at + 1] == b"\n"]
    for length in (0, ends[0] - 1, ends[0], ends[0] + 7, len(whole) - 1):
        out.write_bytes(whole[:length])
        run()
        assert out.read_bytes() == whole, length


def test_faces_of_a_video_that_was_cut_are_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    Table(path, "s").close()
    rows = [{"video": "a", "face": 1}, {"video": "b", "face": 1}, {"video": "b", "face": 2}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = Table(path, "s")
    table.close()
    assert [name for name in "ab" if table.has(name)] == ["a"]
    assert rows_of(path) == rows[:1]


def test_results_of_other_options_are_not_continued(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.csv"
    list(rf.measure_many([folder / "calm.avi"], out=out, box=BOX, method="pos"))
    with pytest.raises(ValueError, match="measured with other options"):
        rf.measure_many([folder], out=out, box=BOX, method="green")
    (folder / "m.csv").write_text("video,subject\ncalm.avi,1\n")
    with pytest.raises(ValueError, match="other columns"):
        rf.measure_many([folder / "m.csv"], out=out, box=BOX, method="pos")


def test_the_command_measures_a_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "r.csv"
    given = ["measure", str(folder), "--out", str(out), "--method", "pos", "--box", "8,6,72,54"]
    assert main(given) == OK
    assert "2 videos measured; 2 gave a heart rate, 0 none, 0 could" in capsys.readouterr().out
    assert main(given) == OK
    assert "0 videos measured, 2 were in" in capsys.readouterr().out
    (tmp_path / "text.mp4").write_text("no video")
    assert (
        main(["measure", str(tmp_path / "text.mp4"), "--out", str(tmp_path / "x.csv")]) == BAD_INPUT
    )
    given = ["measure", str(folder / "calm.avi"), "--out", str(tmp_path / "y.csv")]
    assert main([*given, "--duration", "2"]) == NO_HEART_RATE
    assert main([*given, "--json", "-"]) == BAD_INPUT
    assert main(["measure", "a.avi", "--jobs", "2"]) == BAD_INPUT


def script(folder: Path, out: Path, tmp_path: Path) -> subprocess.Popen[str]:
    (tmp_path / "run.py").write_text(IN_PROCESSES)
    command = [sys.executable, str(tmp_path / "run.py"), str(folder), str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)


@pytest.mark.slow
def test_a_process_that_dies_costs_only_its_video(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("joblib", reason="several processes need joblib")
    videos = tmp_path / "videos"
    videos.mkdir()
    for name in ("a", "b", "deadly", "d", "e"):
        (videos / f"{name}.avi").symlink_to(folder / "calm.avi")
    out = tmp_path / "r.jsonl"
    with script(videos, out, tmp_path) as run:
        assert run.wait(PATIENCE) == 0
    found = {Path(str(row["video"])).stem: row for row in rows_of(out)}
    assert sorted(found) == ["a", "b", "d", "deadly", "e"]
    assert "the process that measured it has ended" in str(found.pop("deadly")["error"])
    for row in found.values():
        assert abs(float(str(row["heart_rate_bpm"])) - RATES["calm"]) < CLOSE


def processes_of(parent: int) -> list[int]:
    """Return the processes in which a run measures."""
    found = []
    for task in Path(f"/proc/{parent}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            if b"popen_loky" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(child)
    return found


def wait_until(happened: Callable[[], bool], what: str) -> None:
    until = monotonic() + PATIENCE
    while not happened():
        assert monotonic() < until, what
        sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_run_that_is_killed_at_any_moment_gives_the_same_table(
    folder: Path, tmp_path: Path
) -> None:
    """The run is killed alone, so that its processes have to notice; then one of these is."""
    pytest.importorskip("joblib", reason="several processes need joblib")
    videos = tmp_path / "videos"
    videos.mkdir()
    for number in range(12):
        (videos / f"{number:02d}.avi").symlink_to(folder / "calm.avi")
    whole, out = tmp_path / "whole.csv", tmp_path / "r.csv"
    list(rf.measure_many([videos], out=whole, box=(8, 6, 72, 54), method="pos"))

    def lines() -> int:
        return out.read_bytes().count(b"\n") if out.exists() else 0

    left: list[int] = []
    for least in (0, 1, 3, 6):  # as it starts; with the head only; with some results
        run = script(videos, out, tmp_path)
        wait_until(lambda n=least: lines() >= n, "no result came")  # type: ignore[misc]
        left += processes_of(run.pid)
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
    wait_until(
        lambda: not any(Path(f"/proc/{one}").exists() for one in left),
        "processes of a killed run go on",
    )
    before = lines()
    with script(videos, out, tmp_path) as run:
        wait_until(lambda: lines() > before, "no result came")
        for process in processes_of(run.pid)[:1]:
            os.kill(process, signal.SIGKILL)
        assert run.wait(PATIENCE) == 0
        assert run.stdout is not None
        again = run.stdout.read().split()
    assert len(again) == 12 - (before - 1)  # none is measured twice, none is left out
    assert out.read_bytes() == whole.read_bytes()
