"""Videos in object stores and on servers, against real servers on this machine."""

from __future__ import annotations

import http.server
import threading
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

fsspec = pytest.importorskip("fsspec", reason="stores need the extra remote")
pytest.importorskip("s3fs", reason="stores need the extra remote")
pytest.importorskip("aiohttp", reason="servers need the extra remote")
moto = pytest.importorskip("moto.server", reason="an object store needs moto")

import rppg_fast as rf  # noqa: E402
from rppg_fast.cli import OK, main  # noqa: E402
from rppg_fast.face import ASSETS  # noqa: E402
from rppg_fast.sources import remote  # noqa: E402
from tests.support.clips import BOX, frame_times, skin, write_video  # noqa: E402

OPTIONS: dict[str, Any] = {"box": BOX, "method": "pos"}
NAMES = ("a.mkv", "sub/b.mkv")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with videos, a text, and a manifest."""
    folder = tmp_path_factory.mktemp("remote")
    (folder / "sub").mkdir()
    for name, rate in zip(NAMES, (60.0, 90.0)):
        write_video(folder / name, skin(frame_times(30.0, 7.0), rate), 30.0)
    (folder / "notes.txt").write_text("no video")
    (folder / "list.csv").write_text("video,subject\na.mkv,1\nsub/b.mkv,2\n")
    return folder


@pytest.fixture(scope="module")
def s3(folder: Path) -> Iterator[str]:
    """Return the address of the folder in an S3 store."""
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "nobody")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        system = fsspec.filesystem("s3")
        system.mkdir("clips")
        for path in folder.rglob("*.*"):
            system.put_file(str(path), f"clips/day/{path.relative_to(folder).as_posix()}")
        yield "s3://clips/day"
        system.clear_instance_cache()
    server.stop()


@pytest.fixture(scope="module")
def gs(folder: Path) -> Iterator[str]:
    """Return the address of the folder in a store with Google's interface."""
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="needs an emulator")
    server = emulator.create_server("127.0.0.1", 0, in_memory=True)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        port = server._api._httpd.server_port
        patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
        patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # the emulator has no gRPC
        pytest.importorskip("gcsfs", reason="Google's stores need the extra remote")
        patch.setenv("FSSPEC_GS_TOKEN", "anon")
        patch.setenv("FSSPEC_GCS_TOKEN", "anon")
        fsspec.config.set_conf_env(fsspec.config.conf)
        system = fsspec.filesystem("gs")
        system.mkdir("clips")
        for name in NAMES:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ResourceWarning)  # of aiohttp, of large bodies
                system.put_file(str(folder / name), f"clips/day/{name}")
        yield "gs://clips/day"
        system.clear_instance_cache()
    server.stop()


@pytest.fixture(scope="module")
def web(folder: Path) -> Iterator[str]:
    """Return the address of the folder on a web server."""
    handler = partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files; the second half of the file "cut.mkv" is not sent."""

    def log_message(self, *arguments: object) -> None:
        pass

    def copyfile(self, source, outputfile):  # type: ignore[no-untyped-def]
        content = source.read()
        outputfile.write(content[: len(content) // 2] if "cut.mkv" in self.path else content)


def test_a_store_is_measured_like_a_folder(s3: str, folder: Path, tmp_path: Path) -> None:
    inputs = (s3, f"{s3}/", f"{s3}/**/*.mkv", f"{s3}/list.csv")
    for given in inputs:
        assert [job.video for job in rf.list_videos([given])] == [f"{s3}/{n}" for n in NAMES]
    assert rf.list_videos([f"{s3}/*.mkv"]) == [rf.VideoJob(f"{s3}/a.mkv")]
    there = list(rf.measure_many([f"{s3}/list.csv"], out=tmp_path / "there.csv", **OPTIONS))
    here = list(rf.measure_many([folder / "list.csv"], out=tmp_path / "here.csv", **OPTIONS))
    text = (tmp_path / "there.csv").read_text().replace(s3, str(folder))
    assert text == (tmp_path / "here.csv").read_text()
    assert [result.columns for result in there] == [{"subject": "1"}, {"subject": "2"}]
    assert [result.error for result in here] == ["", ""]


def test_a_google_store_is_measured_like_a_folder(gs: str, folder: Path, tmp_path: Path) -> None:
    assert [job.video for job in rf.list_videos([gs])] == [f"{gs}/{name}" for name in NAMES]
    list(rf.measure_many([f"{gs}/**/*.mkv"], out=tmp_path / "there.jsonl", **OPTIONS))
    list(rf.measure_many([folder], out=tmp_path / "here.jsonl", **OPTIONS))
    text = (tmp_path / "there.jsonl").read_text().replace(gs, str(folder))
    assert text == (tmp_path / "here.jsonl").read_text()


def test_a_store_is_a_source(s3: str, folder: Path) -> None:
    """An MP4 whose index is at its end is read, too; the demonstration clip is one."""
    assert rf.measure(f"{s3}/a.mkv", **OPTIONS).windows
    fsspec.filesystem("s3").put_file(str(ASSETS / "demo.mp4"), "clips/demo.mp4")
    with rf.open_source("s3://clips/demo.mp4") as source:
        assert sum(1 for _ in source) == sum(1 for _ in rf.open_source(ASSETS / "demo.mp4"))


def test_the_command_measures_a_store(s3: str, tmp_path: Path) -> None:
    given = ["--method", "pos", "--box", ",".join(map(str, BOX)), "--out", str(tmp_path / "r.csv")]
    assert main(["measure", f"{s3}/", *given]) == OK
    assert (tmp_path / "r.csv").read_text().count(s3) == len(NAMES)


def test_a_server_is_measured_like_a_folder(web: str, folder: Path) -> None:
    assert [job.video for job in rf.list_videos([f"{web}/*.mkv"])] == [f"{web}/a.mkv"]
    (there,) = rf.measure_many([f"{web}/a.mkv"], **OPTIONS)
    (here,) = rf.measure_many([folder / "a.mkv"], **OPTIONS)
    assert there.error == ""
    assert {**there.faces[0], "video": ""} == {**here.faces[0], "video": ""}


def test_what_is_not_there_is_said(s3: str, web: str) -> None:
    for missing in (f"{s3}/none.mkv", "s3://nobody/none.mkv", f"{web}/none.mkv"):
        (result,) = rf.measure_many([missing])
        assert result.error == f"{missing}: no such file"
    with pytest.raises(FileNotFoundError, match="no file matches"):
        rf.list_videos([f"{s3}/*.avi"])
    with pytest.raises(FileNotFoundError, match="no such file"):
        rf.list_videos(["s3://nobody/list.csv"])


def test_half_a_file_is_no_damaged_video(
    web: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "_PAUSES", (0.0,))
    (folder / "cut.mkv").write_bytes((folder / "a.mkv").read_bytes())
    (result,) = rf.measure_many([f"{web}/cut.mkv"], **OPTIONS)
    assert result.error.startswith(f"{web}/cut.mkv: cannot be fetched: ")
    assert not result.faces
