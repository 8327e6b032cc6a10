"""A video that is being written: nothing is lost, and after a kill it can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import process_time

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.record.video_writer import CODECS, VideoWriter
from rppg_fast.yuv import AnyFrame

HEIGHT, WIDTH = 46, 62
CORES = 2
KINDS = {
    "blue-green-red": (),
    "grey": (),
    "yuv420p": (2, 2),
    "yuv422p": (1, 2),
    "yuv444p": (1, 1),
    "10 bits in 16": (2, 2),
}


def samples(
    rng: np.random.Generator, shape: tuple[int, int], deep: bool
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    if deep:
        return np.asarray(rng.integers(0, 1024, shape) << 6, np.uint16)
    return rng.integers(0, 256, shape, np.uint8)


def noise(kind: str, count: int, odd: bool = False) -> Iterator[AnyFrame]:
    rng = np.random.default_rng(0)
    height, width = HEIGHT - odd, WIDTH - odd
    for _ in range(count):
        if not KINDS[kind]:
            shape = (height, width, 3) if kind == "blue-green-red" else (height, width)
            yield rng.integers(0, 256, shape, np.uint8)
            continue
        deep = kind == "10 bits in 16"
        down, across = KINDS[kind]
        chroma = (-(-height // down), -(-width // across))
        bits, shift = (10, 6) if deep else (8, 0)
        y, u, v = (samples(rng, shape, deep) for shape in ((height, width), chroma, chroma))
        yield rf.YuvFrame(y, u, v, bits=bits, shift=shift, full_range=deep, matrix="bt709")


def assert_same(stored: AnyFrame, given: AnyFrame) -> None:
    if isinstance(given, np.ndarray):
        pixels = stored.y if isinstance(stored, rf.YuvFrame) else stored
        np.testing.assert_array_equal(pixels, given)
        return
    assert isinstance(stored, rf.YuvFrame)
    assert (stored.matrix, stored.full_range) == (given.matrix, given.full_range)
    for plane, samples in ((stored.y, given.y), (stored.u, given.u), (stored.v, given.v)):
        assert plane is not None
        assert samples is not None
        np.testing.assert_array_equal(plane, samples >> given.shift)


@pytest.mark.parametrize("odd", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_ffv1_keeps_every_bit_and_every_time(kind: str, odd: bool, tmp_path: Path) -> None:
    given = list(noise(kind, 5, odd))
    times = [0.5, 0.52, 0.6, 0.601, 2.0]
    writer = VideoWriter(tmp_path / "video.mkv")
    for frame, time in zip(given, times):
        writer.write(frame, time)
    writer.close()
    assert writer.frames == 5
    stored = list(rf.open_source(tmp_path / "video.mkv"))
    np.testing.assert_allclose([t for _, t in stored], np.array(times) - 0.5, atol=1e-9)
    for (frame, _), before in zip(stored, given):
        assert_same(frame, before)


@pytest.mark.parametrize("codec", CODECS)
def test_a_file_that_is_cut_anywhere_has_its_whole_frames(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "video.mkv"
    writer = VideoWriter(path, codec)
    sizes, whole = [], []
    for i, frame in enumerate(noise("yuv420p", 20)):
        writer.write(frame, i / 30)
        sizes.append(path.stat().st_size)
        whole.append(writer.frames)
    assert whole == list(range(20))  # one frame waits, and no more
    writer.close()
    data = path.read_bytes()
    cut = tmp_path / "cut.mkv"
    for size, frames in zip(sizes, whole):
        for less in (0, 1, 50):
            cut.write_bytes(data[: size - less])
            if frames - (less > 0) < 1:
                continue
            found = len(list(rf.open_source(cut)))
            assert found >= frames - (less > 0), (size, less)


def test_h264_is_all_intra(tmp_path: Path) -> None:
    import av

    writer = VideoWriter(tmp_path / "video.mkv", "h264")
    for i, frame in enumerate(noise("blue-green-red", 5)):
        writer.write(frame, i / 30)
    writer.close()
    with av.open(str(tmp_path / "video.mkv")) as container:
        packets = [p for p in container.demux(video=0) if p.size]
        assert all(packet.is_keyframe for packet in packets)
        assert len(packets) == 5


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="codec must be one of"):
        VideoWriter(tmp_path / "a.mkv", "mjpeg")
    (tmp_path / "b.mkv").write_bytes(b"")
    with pytest.raises(FileExistsError, match=r"b\.mkv"):
        VideoWriter(tmp_path / "b.mkv")
    writer = VideoWriter(tmp_path / "c.mkv")
    (frame,) = noise("yuv420p", 1)
    writer.write(frame, 0.0)
    (other,) = noise("yuv420p", 1, odd=True)
    with pytest.raises(
        ValueError, match="a frame of 61x45 pixels, yuv420p, follows those of 62x46"
    ):
        writer.write(other, 0.1)
    writer.write(frame, 0.2)
    writer.close()
    assert len(list(rf.open_source(tmp_path / "c.mkv"))) == 2


@pytest.mark.parametrize("kind", ["yuv420p", "blue-green-red"])
def test_ffv1_keeps_up_with_a_camera_on_two_cores(kind: str, tmp_path: Path) -> None:
    """640x480 at 30 frames per second, with a camera's noise: real time by processor time."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[0:480, 0:640]
    scene = 120 + 60 * np.sin(rows / 40) * np.cos(columns / 55)
    frames: list[AnyFrame] = []
    for _ in range(15):
        noisy = [
            np.clip(scene[::step, ::step] + rng.normal(0, 2, scene[::step, ::step].shape), 0, 255)
            for step in ((1, 2, 2) if kind == "yuv420p" else (1, 1, 1))
        ]
        y, u, v = (np.asarray(plane, np.uint8) for plane in noisy)
        frames.append(rf.YuvFrame(y, u, v) if kind == "yuv420p" else np.dstack([y, u, v]))
    writer = VideoWriter(tmp_path / "video.mkv")
    writer.write(frames[0], 0.0)
    begun = process_time()
    for number, frame in enumerate(frames[1:], 1):
        writer.write(frame, number / 30)
    spent = (process_time() - begun) / (len(frames) - 1)
    writer.close()
    assert spent < CORES / 30
