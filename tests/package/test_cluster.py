"""Many videos on a Dask cluster of several processes, two of which are killed."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

distributed = pytest.importorskip("distributed", reason="a cluster needs the extra dask")

import rppg_fast as rf  # noqa: E402
import rppg_fast.many.run as run  # noqa: E402
from rppg_fast.cli import BAD_INPUT, OK, main  # noqa: E402
from tests.support.clips import BOX, frame_times, skin, write_video  # noqa: E402

OPTIONS: dict[str, Any] = {"box": BOX, "method": "pos"}
VIDEOS = 24
WORKERS = 8

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="processes are killed in the way of POSIX"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of videos with three heart rates, and a text that is none."""
    folder = tmp_path_factory.mktemp("cluster")
    for number in range(3):
        write_video(
            folder / f"{number:02d}.mkv", skin(frame_times(30.0, 8.0), 60 + 15 * number), 30
        )
    for number in range(3, VIDEOS):
        (folder / f"{number:02d}.mkv").symlink_to(folder / f"{number % 3:02d}.mkv")
    (folder / "text.mkv").write_text("no video")
    return folder


@contextmanager
def cluster(workers: int, allowed_failures: int = 3) -> Iterator[Any]:
    """Yield a client of a new cluster of processes, each of which is started again if it ends."""
    import dask

    settings = {
        "distributed.scheduler.allowed-failures": allowed_failures,
        "distributed.comm.timeouts.connect": "10s",  # of tries to fetch what a dead process held
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as made,
        distributed.Client(made, set_as_default=False) as client,
    ):
        yield client


def kill(client: Any, count: int) -> None:
    for process in list(client.run(os.getpid).values())[:count]:
        os.kill(process, signal.SIGKILL)


@pytest.mark.slow
def test_two_of_eight_processes_are_killed(folder: Path, tmp_path: Path) -> None:
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    list(rf.measure_many([folder], out=here, **OPTIONS))
    with cluster(WORKERS) as client:
        results = rf.measure_many([folder], out=there, client=client, **OPTIONS)
        next(results)
        kill(client, 2)
        assert sum(1 for _ in results) == VIDEOS
    assert there.read_bytes() == here.read_bytes()
    assert b"not a video" in here.read_bytes()


@pytest.mark.slow
def test_the_command_measures_on_a_cluster_and_a_video_that_kills_is_an_error(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    box = ",".join(map(str, BOX))
    monkeypatch.chdir(folder)
    with cluster(2, allowed_failures=1) as client:
        address = client.scheduler.address
        given = ["--out", str(tmp_path / "r.csv"), "--dask", address, "--method", "pos"]
        assert main(["measure", "00.mkv", "01.mkv", *given, "--box", box]) == OK
        assert "2 videos measured; 2 gave a heart rate" in capsys.readouterr().out
        assert "\n00.mkv,," in (tmp_path / "r.csv").read_text()

        monkeypatch.setattr(run, "_measure", _dies)
        out = tmp_path / "r.jsonl"
        results = rf.measure_many(["00.mkv", "deadly.mkv", "01.mkv"], client=client, out=out)
        errors = {result.video: result.error for result in results}
        assert "the process that measured it has ended" in errors.pop("deadly.mkv")
        assert errors == {"00.mkv": "", "01.mkv": ""}
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        assert [row["video"] for row in rows] == ["00.mkv", "deadly.mkv", "01.mkv"]


def _dies(
    options: object, weights: object, folder: object, report: object, job: rf.VideoJob
) -> rf.VideoResult:
    if "deadly" in job.video:
        os.kill(os.getpid(), signal.SIGKILL)
    return rf.VideoResult(job.video, (), "", {})


def test_wrong_addresses_are_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["measure", str(folder), "--dask", "tcp://127.0.0.1:9"]
    assert main(given) == BAD_INPUT
    assert "also give --out" in capsys.readouterr().err
    assert main([*given, "--out", "r.csv", "--jobs", "2"]) == BAD_INPUT
    assert "give one of them" in capsys.readouterr().err
    with pytest.raises(ValueError, match="leave them out with a cluster"):
        rf.measure_many([folder], jobs=2, client="tcp://127.0.0.1:9")
