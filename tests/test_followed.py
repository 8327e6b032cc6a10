"""On real clips, the tracker has a face while the cascade sees one."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("tqdm", reason="the command needs the extra 'train'")

import rppg_fast as rf
from rppg_fast.face import ASSETS
from training.evaluate import followed

# Clips with a face that is cut and large, cut and moving, far and near, cut at the end, dark.
CLIPS = ["face27.mp4", "face23.mp4", "face05.mp4", "face20.mp4", "face31.avi"]


@pytest.mark.parametrize("clip", CLIPS)
def test_a_real_face_is_followed_as_long_as_the_cascade_sees_it(clip: str, data: Path) -> None:
    path = data / "real" / clip
    row = followed.follow(path, followed.search(path))
    assert row.seen > 0.4
    assert row.kept >= followed.GOAL
    assert row.on_face >= followed.GOAL
    assert row.numbers == 1


def cut(path: Path, share: float) -> None:
    """Write the demonstration clip, cut at the left, with nobody in two of its seconds."""
    frames = [frame for frame, _ in rf.VideoFile(ASSETS / "demo.mp4")][:150]
    face = rf.largest_face(rf.MTCNN()(frames[0]))
    assert face is not None
    left = round(face.x0 + share * face.side)
    size = frames[0].shape[1] - left, frames[0].shape[0]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 30.0, size)
    for index, frame in enumerate(frames):
        shown = frame[:, left:] if not 60 <= index < 120 else np.full_like(frame[:, left:], 128)
        writer.write(np.ascontiguousarray(shown))
    writer.release()


def test_the_command_counts_what_is_seen_and_what_is_followed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut(tmp_path / "clip.avi", 0.2)
    entries = [{"file": "clip.avi", "faces": 1}, {"file": "missing.mp4", "faces": 0}]
    (tmp_path / "catalogue.json").write_text(json.dumps(entries))
    out = tmp_path / "out.json"
    arguments = ["--catalogue", str(tmp_path / "catalogue.json"), "--out", str(out)]
    assert followed.main(arguments) == 0
    (row,) = json.loads(out.read_text())
    assert row["frames"] == 30
    assert row["seen"] == pytest.approx(18 / 30)  # 2 of 5 s are without a face
    assert 18 / 30 < row["tracked"] < 24 / 30  # lost within 1 s, found within 0.5 s
    assert row["clipped"] == 1.0
    assert row["kept"] == pytest.approx(1 - len(row["lost"]) / 18)
    assert all(4.0 <= time < 4.6 for time in row["lost"])
    assert "1 clips: " in capsys.readouterr().out
    # The faces of the cascade are read from the file.
    monkeypatch.setattr(followed, "search", lambda path: pytest.fail("searched again"))
    assert followed.main(arguments) == 0
    assert json.loads(out.read_text()) == [row]


def test_a_catalogue_that_is_missing_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert followed.main(["--catalogue", str(tmp_path / "none.json")]) == 2
    assert "none.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("edges", "beyond"),
    [((100, 100, 200, 200), False), ((20, 100, 120, 200), True), ((100, 500, 200, 560), True)],
)
def test_a_box_that_is_cut_is_known(edges: followed.Edges, beyond: bool) -> None:
    assert followed.reaches_beyond(rf.Face(*edges, 1.0), 640, 560) is beyond
