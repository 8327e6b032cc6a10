"""The folder of a recording: training reads it, numbers go on, and errors keep what is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.record.files import GrowingFile
from rppg_fast.record.recording import (
    Recording,
    Setup,
    mark_interrupted,
    next_subject,
    read_stored,
    stored,
)
from rppg_fast.record.sensor import Sample

SETUP = Setup(subject=3, consent=True, codec="ffv1", camera="camera 0", sensor="made up")
START = 5000.0


def frame(seed: int, side: int = 64) -> rf.YuvFrame:
    rng = np.random.default_rng(seed)
    y, u, v = (rng.integers(0, 256, (n, n), np.uint8) for n in (side, side // 2, side // 2))
    return rf.YuvFrame(y, u, v)


def record(root: Path, setup: Setup = SETUP, frames: int = 8) -> Path:
    recording = Recording(root, setup, START)
    for i in range(frames):
        recording.add_frame(frame(i), START + 1 + i / 30)
        recording.add_samples([Sample(START + 0.9 + i / 25, 500.0 + i)])
    recording.finish({"why": "duration", "whole": True})
    return recording.folder


def test_training_reads_what_was_recorded(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs the extra 'train'")
    from training.data.recordings import find

    record(tmp_path)
    (found,) = find("own", tmp_path)
    assert (found.name, found.subject) == ("s003-r001", "3")
    pairs = list(found.frames())
    np.testing.assert_allclose([t for _, t in pairs], 1 + np.arange(8) / 30, atol=1e-6)
    np.testing.assert_array_equal(pairs[3][0], frame(3).to_bgr())
    trace = found.trace()
    np.testing.assert_allclose(trace.times, 0.9 + np.arange(8) / 25, atol=1e-6)
    np.testing.assert_array_equal(trace.ppg, 500 + np.arange(8))


def test_training_refuses_it_without_consent(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs the extra 'train'")
    from training.data.recordings import find

    record(tmp_path, Setup(1, False, "ffv1", "camera 0", "made up"))
    (found,) = find("own", tmp_path)
    with pytest.raises(ValueError, match="has not consented"):
        found.trace()


def test_numbers_go_on_and_no_name_is_stored(tmp_path: Path) -> None:
    assert next_subject(tmp_path / "none yet") == 1
    assert [record(tmp_path).name for _ in range(2)] == ["s003-r001", "s003-r002"]
    assert next_subject(tmp_path) == 4
    one, two = stored(tmp_path)
    assert (one.subject, one.number, two.number) == (3, 1, 2)
    assert one.whole
    assert (one.folder / "subject.txt").read_text() == "3\n"
    assert one.metadata["consent"] is True
    assert one.metadata["ended"]["frames"] == 8


def test_a_recording_that_was_killed_is_marked(tmp_path: Path) -> None:
    recording = Recording(tmp_path, SETUP, START)
    recording.add_frame(frame(0), START + 1)
    (one,) = stored(tmp_path)
    assert one.metadata["ended"] is None
    assert not one.whole
    mark_interrupted(one)
    assert read_stored(one.folder).metadata["ended"]["why"] == "interrupted"
    recording.finish({})


def test_a_piece_is_added_completely_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that takes half of a piece and then nothing more."""
    file = GrowingFile(tmp_path / "a.csv")
    file.add(b"time_s\n1.000\n")
    write = os.write
    left = [4]

    def half(descriptor: int, data: memoryview) -> int:
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        taken = write(descriptor, data[: left[0]])
        left[0] = 0
        return taken

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(OSError, match="No space left") as raised:
        file.add(b"2.000\n")
    assert raised.value.filename == str(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_bytes() == b"time_s\n1.000\n"
    monkeypatch.undo()
    file.add(b"3.000\n")
    file.close()
    assert (tmp_path / "a.csv").read_bytes() == b"time_s\n1.000\n3.000\n"


_FILL = """
import resource, sys
from pathlib import Path
from tests.record.test_stored_recording import SETUP, START, Recording, Sample, frame
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
recording = Recording(Path(sys.argv[1]), SETUP, START)
try:
    for i in range(10000):
        recording.add_frame(frame(i % 4), START + 1 + i / 30)
        recording.add_samples([Sample(START + 1 + i / 30, 500.0)])
except OSError as error:
    recording.abandon({"why": "disk", "whole": False})
    print(error)
"""


def test_a_full_disk_keeps_what_was_recorded(tmp_path: Path) -> None:
    """The system refuses files of more than 100,000 bytes, as a full disk would."""
    done = subprocess.run(
        [sys.executable, "-c", _FILL, str(tmp_path), "100000"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "video.mkv" in done.stdout
    (one,) = stored(tmp_path)
    times = one.times()
    frames = list(rf.open_source(one.folder / "video.mkv"))
    assert times.size >= 5
    assert 0 <= len(frames) - times.size <= 1
    for i in (0, times.size - 1):
        picture = frames[i][0]
        assert isinstance(picture, rf.YuvFrame)
        np.testing.assert_array_equal(picture.y, frame(i % 4).y)
    assert one.metadata["ended"]["why"] == "disk"
    assert json.loads((one.folder / "metadata.json").read_text())["ended"]["frames"] == times.size
