"""Files that are broken, malicious, or change while they are read."""

from __future__ import annotations

import errno
import io
import math
import os
import struct
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.student import BUNDLED_WEIGHTS
from tests.support.clips import BOX, SIZE, Frame, frame_times, skin

DEMO = BUNDLED_WEIGHTS.parent / "demo.mp4"
FRAMES = 61
CODECS = {"avi": "MJPG", "mp4": "mp4v", "mkv": "VP80"}
PATIENCE = 20  # s; a child process should need a fraction of a second

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


@pytest.fixture(scope="module", params=CODECS)
def good(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a small file of each kind of container."""
    path: Path = tmp_path_factory.mktemp("good") / f"clip.{request.param}"
    codec = cv2.VideoWriter.fourcc(*CODECS[request.param])
    writer = cv2.VideoWriter(str(path), codec, 30.0, (SIZE, SIZE))
    assert writer.isOpened()
    for frame, _ in skin(frame_times(30.0, 2.0), 72.0):
        writer.write(frame)
    writer.release()
    return path


def read(path: Path, forward: bool = True) -> int:
    """Return the number of frames of a file and check its times; 0 for an error that names it."""
    last = -1.0
    count = 0
    try:
        for frame, time in rf.VideoFile(path):
            assert frame.ndim == 3
            assert frame.dtype == np.uint8
            assert math.isfinite(time)
            assert time > last or not forward
            last, count = time, count + 1
    except rf.VideoError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017
    return count


def test_a_file_cut_anywhere_gives_its_first_frames_or_a_named_error(
    good: Path, tmp_path: Path
) -> None:
    content = good.read_bytes()
    cut = tmp_path / good.name
    counts = []
    for share in np.linspace(0.0, 1.0, 25):
        cut.write_bytes(content[: round(share * len(content))])
        counts.append(read(cut))
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert counts[-1] == FRAMES


@pytest.mark.parametrize("flips", [1, 10, 100, 1000])
def test_flipped_bits_are_decoded_or_named(good: Path, tmp_path: Path, flips: int) -> None:
    rng = np.random.default_rng(flips)
    for _ in range(4):
        content = np.frombuffer(good.read_bytes(), np.uint8).copy()
        at = rng.integers(0, content.size, flips)
        content[at] ^= np.left_shift(1, rng.integers(0, 8, flips)).astype(np.uint8)
        (tmp_path / good.name).write_bytes(content.tobytes())
        # A flipped bit in a time stamp changes the time; only a monitor refuses it.
        count = read(tmp_path / good.name, forward=False)
        assert count <= FRAMES
        if count == 0:
            continue
        try:
            found = rf.measure(tmp_path / good.name, box=BOX)
        except (ValueError, rf.MeasurementInterrupted):
            continue  # frames of another size, which do not contain the box
        assert isinstance(found, rf.Measurement)
        assert found.frames + found.skipped_frames == count
        assert found.heart_rate_bpm is None  # two seconds are too few


def patched(content: bytes, tag: bytes, offset: int, layout: str, *values: int) -> bytes:
    edited = bytearray(content)
    struct.pack_into(layout, edited, content.index(tag) + offset, *values)
    return bytes(edited)


@pytest.mark.parametrize("size", [0, 65535])
def test_a_declared_size_is_not_believed(tmp_path: Path, size: int) -> None:
    path = tmp_path / "huge.mp4"
    path.write_bytes(patched(DEMO.read_bytes(), b"avc1", 28, ">HH", size, size))
    shapes = {frame.shape for frame, _ in islice(rf.VideoFile(path), 20)}
    assert shapes == {(320, 320, 3)}  # the size stated in the coded pictures


def test_a_file_that_points_elsewhere_is_not_followed(tmp_path: Path) -> None:
    for name, text in {
        "list.m3u8": f"#EXTM3U\n#EXTINF:9,\nhttp://127.0.0.1:9/{DEMO.name}\n#EXT-X-ENDLIST\n",
        "list.mp4": f"ffconcat version 1.0\nfile {DEMO}\n",
        "list.sdp": "v=0\nc=IN IP4 127.0.0.1\nm=video 9 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(rf.VideoError, match=rf"{name}: not"):
            list(rf.VideoFile(tmp_path / name))


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that takes any bytes")
def test_a_name_of_any_bytes_is_read(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xfe.mp4"
    with open(name, "wb") as file:
        file.write(DEMO.read_bytes())
    assert len(list(islice(rf.VideoFile(os.fsdecode(name)), 3))) == 3


def cut_short(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(path.stat().st_size // 2))


@pytest.mark.parametrize("change", [os.unlink, cut_short, overwrite])
def test_a_file_that_goes_away_while_it_is_read(
    good: Path, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / good.name
    path.write_bytes(good.read_bytes())
    monitor = rf.HeartRateMonitor(box=BOX)

    def frames() -> Iterator[tuple[Frame, float]]:
        for index, pair in enumerate(rf.VideoFile(path)):
            if index == 5:
                change(path)
            yield pair

    found = rf.measure_frames(frames(), monitor)
    assert 5 < found.frames <= FRAMES
    assert found.status is rf.Status.WARMING_UP


def test_a_file_that_goes_away_between_looking_and_reading(good: Path, tmp_path: Path) -> None:
    path = tmp_path / good.name
    path.write_bytes(good.read_bytes())
    video = rf.VideoFile(path)
    path.write_text("something else")
    with pytest.raises(rf.VideoError, match="not a video"):
        list(video)
    path.unlink()
    with pytest.raises(FileNotFoundError, match=path.name):
        list(video)


def test_an_error_of_the_disk_is_said_as_it_is(tmp_path: Path) -> None:
    content = io.BytesIO(DEMO.read_bytes())

    class Disk:
        """A file whose reads fail after the middle."""

        seek, tell = content.seek, content.tell

        def read(self, size: int) -> bytes:
            if content.tell() > 0.5 * len(content.getvalue()):
                raise OSError(errno.EIO, "Input/output error")
            return content.read(size)

    with pytest.raises(OSError, match="Input/output error"):
        list(rf.open_source(Disk()))


def in_a_fork(work: Callable[[], object]) -> str:
    """Run in a forked process; return its error, "" if none, "hangs" if it does not end."""
    import signal

    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(PATIENCE)
        said = ""
        try:
            work()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(into, said.encode())
        os._exit(0)
    os.close(into)
    with open(out, "rb") as answers:
        said = answers.read().decode()
    _, status = os.waitpid(child, 0)
    return said if status == 0 else "hangs"


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_everything_that_was_used_before_a_fork_works_after_it() -> None:
    frame = next(iter(rf.VideoFile(DEMO)))[0]
    motion = np.zeros((8, 3, 36, 36), np.float32)
    student, detector, monitor = rf.Student.load(), rf.MTCNN(), rf.HeartRateMonitor()
    band_pass, resampler, video = (
        rf.BandPass(0.7, 4.0, 30.0),
        rf.Resampler(30.0),
        rf.VideoFile(DEMO),
    )
    uses: list[Callable[[float], object]] = [
        lambda time: student(motion, threads=4),
        lambda time: detector(frame),
        lambda time: monitor.push(frame, time),
        lambda time: band_pass([time]),
        lambda time: resampler.push(time, [1.0]),
        lambda time: rf.spectrum(np.sin(np.arange(99.0)), 30.0),
        lambda time: list(islice(video, 3)),
    ]
    for use in uses:
        use(0.0)
        assert in_a_fork(partial(use, 0.1)) == ""


@needs_fork
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_file_half_read_before_a_fork_is_refused_after_it() -> None:
    """Otherwise both processes would read from the same open file, each a part of it."""
    frames = iter(rf.VideoFile(DEMO))
    next(frames)
    assert "reading began before a fork" in in_a_fork(lambda: next(frames))
    assert in_a_fork(frames.close) == ""  # type: ignore[attr-defined]
    next(frames)
