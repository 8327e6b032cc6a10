from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import rppg_fast as rf
from tests.clips import SIZE, frame_times, skin, write_video
from tests.zoo import Kind, write


def variable_rate_file(path: Path, times: list[float]) -> Path:
    """Write a Matroska file whose frames have given times, rounded to milliseconds; return it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width = stream.height = SIZE
        stream.pix_fmt = "bgr0"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for frame, time in skin(times, 72.0):
            picture = av.VideoFrame.from_ndarray(frame, "bgr24")
            picture.pts = round(time * 1000)
            picture.time_base = Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def test_frames_come_back_as_they_were_written(tmp_path: Path) -> None:
    clip = list(skin(frame_times(30.0, 1.0), 72.0))
    video = rf.VideoFile(write_video(tmp_path / "clip.avi", iter(clip), 30.0))
    found = list(video)
    assert len(found) == video.frame_count == 31
    for (frame, time), (written, _), index in zip(found, clip, range(31)):
        np.testing.assert_array_equal(frame, written)
        assert time == pytest.approx(index / 30.0, abs=1e-6)


def test_a_video_can_be_read_twice(tmp_path: Path) -> None:
    video = rf.VideoFile(write_video(tmp_path / "a.avi", skin(frame_times(25.0, 1.0), 72.0), 25.0))
    first, second = list(video), list(video)
    assert [t for _, t in first] == [t for _, t in second]
    assert all((a == b).all() for (a, _), (b, _) in zip(first, second))


def test_the_containers_own_times_are_used(tmp_path: Path) -> None:
    """A phone's video has frames at uneven times; frame number over frame rate would be wrong."""
    times = [t - 1.0 for t in frame_times(30.0, 3.0, jitter=0.4, seed=5)]
    times = [t - times[0] for t in times if not 1.2 < t < 1.5]
    found = [t for _, t in rf.VideoFile(variable_rate_file(tmp_path / "phone.mkv", times))]
    np.testing.assert_allclose(np.diff(found), np.diff(times), atol=0.0011)


def test_a_given_rate_overrides_the_containers_times(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", skin(frame_times(30.0, 1.0), 72.0), 30.0)
    assert [t for _, t in rf.VideoFile(path, fps=12.5)] == [k / 12.5 for k in range(31)]


def test_a_stream_without_times_is_refused_and_a_rate_is_the_remedy(tmp_path: Path) -> None:
    """FFmpeg assumes 25 frames per second for a bare H.264 stream of 30 frames per second."""
    path = tmp_path / "clip.h264"
    with av.open(str(path), "w", format="h264") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width = stream.height = SIZE
        for frame, _ in skin(frame_times(30.0, 1.0), 72.0):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "bgr24")))
        container.mux(stream.encode(None))
    with pytest.raises(rf.VideoError, match=r"a bare h264 stream has no times: .* \(--fps"):
        rf.VideoFile(path)
    assert [t for _, t in rf.VideoFile(path, fps=30.0)] == [k / 30.0 for k in range(31)]


def test_one_frame_is_a_video(tmp_path: Path) -> None:
    found = list(rf.VideoFile(write_video(tmp_path / "a.avi", skin([0.0], 72.0), 30.0)))
    assert len(found) == 1
    assert found[0][1] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("name", "content", "named"),
    [
        ("empty.mp4", b"", "the file is empty"),
        ("text.mp4", b"This is no video.\n" * 50, "not a video that FFmpeg can read"),
        ("noise.avi", bytes(range(256)) * 40, "not a video that FFmpeg can read"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, name: str, content: bytes, named: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(rf.VideoError, match=f"{name}: {named}"):
        rf.VideoFile(tmp_path / name)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.mp4: no such file"):
        rf.VideoFile(tmp_path / "none.mp4")
    with pytest.raises(rf.VideoError, match="not a file"):
        rf.VideoFile(tmp_path)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan"), float("inf")])
def test_bad_rates_are_named(tmp_path: Path, fps: float) -> None:
    with pytest.raises(ValueError, match="fps must be a positive number"):
        rf.VideoFile(tmp_path / "any", fps=fps)


@pytest.mark.skipif(sys.platform != "linux", reason="reads memory use from /proc")
def test_a_long_video_is_never_in_memory_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "long.avi"
    frames = ((np.full((480, 640, 3), k % 256, np.uint8), k / 30.0) for k in range(400))
    write(path, Kind("avi", "mjpeg", "yuvj420p", size=(480, 640), full_range=True), frames)

    def resident_mb() -> float:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096 / 2**20

    before, most, count = resident_mb(), 0.0, 0
    for _ in rf.VideoFile(path):
        count += 1
        most = max(most, resident_mb() - before)
    assert count == 400
    assert most < 120.0  # all frames at once would be 350 MB
