"""The signals of videos that a confidence is fitted to."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs PyTorch")

import rppg_fast as rf
from rppg_fast.cli.demo import DEMO
from rppg_fast.student import Student
from tests.support.clips import write_video
from tests.support.weights import random_tensors, safetensors_bytes
from training.confidence.signals import Recorder

SECONDS = 2.0


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    frames = islice(rf.VideoFile(DEMO), int(30 * SECONDS))
    return write_video(tmp_path_factory.mktemp("video") / "face.mkv", frames, 30.0)


def test_signals_are_those_of_a_monitor_with_the_same_student(video: Path, tmp_path: Path) -> None:
    weights = tmp_path / "other.safetensors"
    weights.write_bytes(safetensors_bytes(random_tensors()))
    found = {}
    for name, student in (("bundled", Student.load()), ("other", Student.load(weights))):
        taken = Recorder(student, 1.4, tmp_path / "cache").signals(video, "plain")
        monitor = rf.HeartRateMonitor(student=student, box_scale=1.4)
        expected = []
        for frame, time in rf.VideoFile(video):
            monitor.push(frame, time)
            expected.append(monitor.signals)
        np.testing.assert_array_equal(taken.values, expected)
        found[name] = taken.values
    assert (found["bundled"][:, 0] != found["other"][:, 0]).any()


def test_signals_are_recorded_once(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(Student.load(), 1.4, tmp_path)
    first = recorder.signals(video, "holes")
    monkeypatch.setattr(Recorder, "_record", lambda *given: pytest.fail("recorded again"))
    again = recorder.signals(video, "holes")
    np.testing.assert_array_equal(first.values, again.values)
    np.testing.assert_array_equal(first.times, again.times)
    assert len(list(tmp_path.iterdir())) == 1
