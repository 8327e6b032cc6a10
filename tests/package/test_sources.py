"""Sources of frames: cameras, pictures, addresses, streams and iterables."""

from __future__ import annotations

import importlib.util
import io
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from http.server import BaseHTTPRequestHandler, HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.format import names  # type: ignore[attr-defined]
from av.video.reformatter import VideoReformatter

import rppg_fast as rf
from rppg_fast.cli import BAD_INPUT, OK, main
from rppg_fast.sources import camera
from rppg_fast.sources.camera import FFmpegCamera, OpenCVCamera
from rppg_fast.sources.orientation import Orientation, orientation_of
from rppg_fast.sources.pixels import _LAYOUTS, ONE_THREAD, Converter
from rppg_fast.yuv import YuvFrame
from tests.support.zoo import BOX, BPM, Kind, Timed, scene, times_at, write

TOLERANCE_BPM = 0.5
BOX_TEXT = ",".join(map(str, BOX))
H264 = {"preset": "ultrafast", "crf": "16"}


@cache
def clip() -> list[Timed]:
    return scene(times_at(30.0))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the clip as video files and as pictures."""
    folder = tmp_path_factory.mktemp("sources")
    start = {"movflags": "faststart"}  # puts the index first, so that a stream need not be rewound
    write(folder / "clip.mp4", Kind("mp4", "libx264", options=H264, muxing=start), clip())
    write(folder / "clip.ts", Kind("ts", "libx264", options=H264, format="mpegts"), clip())
    write(folder / "clip.h264", Kind("h264", "libx264", options=H264), clip())
    write(folder / "clip.y4m", Kind("y4m", "wrapped_avframe", format="yuv4mpegpipe"), clip())
    (folder / "pictures").mkdir()
    for index, (frame, _) in enumerate(clip()):
        picture = folder / "pictures" / f"f_{index + 8}.bmp"
        write(picture, Kind("", "bmp", "bgr24", format="image2pipe"), [(frame, 0.0)])
    return folder


def check(found: rf.Measurement) -> None:
    assert found.status is rf.Status.OK
    assert found.heart_rate_bpm == pytest.approx(BPM, abs=TOLERANCE_BPM)
    assert (found.frames, found.skipped_frames, found.damaged_frames) == (len(clip()), 0, 0)


# Tests for all sources


@pytest.mark.parametrize("name", ["clip.mp4", "clip.ts", "clip.y4m", "pictures"])
def test_measure_is_push_of_the_sources_frames_to_the_last_bit(name: str, folder: Path) -> None:
    fps = 30.0 if name == "pictures" else None
    first, again = (rf.measure(folder / name, box=BOX, fps=fps) for _ in range(2))
    monitor = rf.HeartRateMonitor(box=BOX)
    readings = [monitor.push(*pair) for pair in rf.open_source(folder / name, fps=fps)]
    check(first)
    assert first.windows == again.windows
    np.testing.assert_array_equal(first.pulse, again.pulse)
    assert set(first.windows) <= set(readings)
    assert first.windows[-1].end_s == pytest.approx(readings[-1].time_s, abs=1.0)


def test_a_sources_frames_can_be_kept(folder: Path) -> None:
    """They are views of the decoder's memory, which it must not reuse while they live."""
    source = rf.open_source(folder / "clip.mp4")
    kept = [frame for frame, _ in source]
    assert all(isinstance(frame, YuvFrame) for frame in kept)
    for held, (fresh, _) in zip(kept, source):
        assert isinstance(held, YuvFrame)
        assert isinstance(fresh, YuvFrame)
        np.testing.assert_array_equal(held.y, fresh.y)


def test_a_source_is_stopped_and_closed(folder: Path) -> None:
    with rf.open_source(folder / "clip.mp4") as source:
        seen = 0
        for _ in source:
            seen += 1
            if seen == 5:
                source.stop()
    assert seen == 5
    assert sum(1 for _ in source) == len(clip())  # it starts again


def test_a_duration_ends_it(folder: Path) -> None:
    found = rf.measure(folder / "clip.mp4", box=BOX, duration=6.0)
    assert found.frames == 180
    with pytest.raises(ValueError, match="duration must be a positive number"):
        rf.measure(folder / "clip.mp4", box=BOX, duration=0.0)


def test_what_is_no_source_is_named(folder: Path) -> None:
    with pytest.raises(TypeError, match=r"a source must be a path, .* got None"):
        rf.open_source(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="got True"):
        rf.open_source(True)
    with pytest.raises(ValueError, match="fps belongs to the source that is already open"):
        rf.open_source(rf.open_source(folder / "clip.mp4"), fps=3.0)
    every: list[Any] = [folder / "clip.mp4", folder / "pictures", [], b"x", 0, "rtsp://nowhere/"]
    for what in every:
        with pytest.raises(ValueError, match="fps must be a positive number"):
            rf.open_source(what, fps=-1.0)


# Pictures


@pytest.mark.parametrize("what", ["pictures", "pictures/f_%d.bmp", "pictures/*.bmp"])
def test_pictures_are_read_in_the_order_of_their_numbers(what: str, folder: Path) -> None:
    with pytest.raises(rf.VideoError, match=r"pictures have no times: give their rate \(--fps"):
        rf.open_source(folder / what)
    source = rf.open_source(folder / what, fps=30.0)
    assert source.frame_count == len(clip())
    for (frame, time), (drawn, at) in zip(source, clip()):
        np.testing.assert_array_equal(frame, drawn)
        assert time == pytest.approx(at)
    check(rf.measure(str(folder / what), box=BOX, fps=30.0))


def test_a_picture_that_is_missing_or_broken_is_a_hole(folder: Path, tmp_path: Path) -> None:
    for number in (1, 2, 4, 5, 10):
        content = (folder / "pictures" / f"f_{number + 10}.bmp").read_bytes()
        (tmp_path / f"{number:03}.bmp").write_bytes(b"nothing" if number == 4 else content)
    source = rf.open_source(tmp_path / "%03d.bmp", fps=10.0)
    assert [time for _, time in source] == pytest.approx([0.0, 0.1, 0.4, 0.9])
    assert source.damaged == 1


def test_no_pictures_are_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    for what in (tmp_path, tmp_path / "%d.png", tmp_path / "*.png", tmp_path / "no" / "%d.png"):
        with pytest.raises(rf.VideoError, match="no picture there"):
            rf.open_source(what, fps=30.0)
    (tmp_path / "a.png").write_text("x")
    with pytest.raises(rf.VideoError, match="none of its files is a picture"):
        list(rf.open_source(tmp_path, fps=30.0))


# Streams


class Pipe:
    """Bytes that arrive in pieces and cannot be rewound."""

    def __init__(self, content: bytes, piece: int = 5000) -> None:
        self._file, self._piece = io.BytesIO(content), piece

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._piece))


@pytest.mark.parametrize("name", ["clip.ts", "clip.y4m"])
def test_a_pipe_is_read_once(name: str, folder: Path) -> None:
    source = rf.open_source(Pipe((folder / name).read_bytes()))
    check(rf.measure(source, box=BOX))
    with pytest.raises(rf.VideoError, match="cannot be read twice"):
        list(source)


def test_bytes_and_files_are_read_from_where_they_stand(folder: Path) -> None:
    content = (folder / "clip.mp4").read_bytes()
    check(rf.measure(content, box=BOX))
    file = io.BytesIO(b"before" + content)
    file.seek(6)
    source = rf.open_source(file)
    for _ in range(2):
        check(rf.measure(source, box=BOX))


def test_a_bare_stream_in_a_pipe_needs_a_rate(folder: Path) -> None:
    content = (folder / "clip.h264").read_bytes()
    with pytest.raises(rf.VideoError, match="a bare h264 stream has no times"):
        list(rf.open_source(Pipe(content)))
    check(rf.measure(Pipe(content), box=BOX, fps=30.0))


def test_an_mp4_whose_index_is_at_its_end_says_why_a_pipe_cannot_give_it(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "clip.mp4"
    with av.open(str(folder / "clip.ts")) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = stream
                new.mux(packet)
    content = path.read_bytes()
    assert content.index(b"mdat") < content.index(b"moov")
    check(rf.measure(content, box=BOX))
    with pytest.raises(rf.VideoError, match=r"its index is at its end.* or give a file's name"):
        list(rf.open_source(Pipe(content)))


@pytest.mark.parametrize("content", [b"", b"no video at all " * 100])
def test_a_pipe_without_a_video_says_what_to_send(content: bytes) -> None:
    with pytest.raises(rf.VideoError, match=r"stream: not a video .* in one go: send MPEG-TS"):
        list(rf.open_source(Pipe(content)))


def test_a_bare_stream_loses_no_time_to_damage(folder: Path) -> None:
    """At a given rate, every packet counts as a frame, whether it can be decoded or not."""
    content = bytearray((folder / "clip.h264").read_bytes())
    units = [at for at in range(len(content) - 4) if content[at : at + 3] == b"\0\0\1"]
    for unit in units[100:110]:
        content[unit + 3] = 0x61  # a slice without a picture header
        content[unit + 4 : unit + 12] = b"\xff" * 8
    source = rf.open_source(bytes(content), fps=30.0)
    times = [time for _, time in source]
    assert source.damaged > 0
    assert times[-1] == pytest.approx(clip()[-1][1], abs=2 / 30)


def command(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    whole = [sys.executable, "-m", "rppg_fast.cli", "measure", *map(str, arguments)]
    return subprocess.run(whole, input=stdin, capture_output=True, timeout=120)


def test_the_program_reads_standard_input(folder: Path) -> None:
    done = command("-", "--box", BOX_TEXT, stdin=(folder / "clip.y4m").read_bytes())
    assert done.returncode == OK
    assert done.stdout.startswith(b"standard input: 7")
    done = command("-", "--box", BOX_TEXT, stdin=(folder / "clip.h264").read_bytes())
    assert done.returncode == BAD_INPUT
    (line,) = done.stderr.decode().splitlines()
    assert "standard input: a bare h264 stream has no times: give its frame rate (--fps" in line


def test_the_program_takes_a_fraction_as_the_rate(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = str(folder / "clip.h264")
    assert main(["measure", name, "--box", BOX_TEXT, "--fps", "30000/1001"]) == OK
    assert "330 frames at 29.97 fps" in capsys.readouterr().out
    for bad in ("30000/0", "a third", "1/2/3"):
        with pytest.raises(SystemExit):
            main(["measure", name, "--fps", bad])
        assert "is not a frame rate: give a number, as 29.97, or a fraction" in (
            capsys.readouterr().err
        )


def test_the_program_reads_pictures_and_stops_after_a_duration(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--box", BOX_TEXT, "--fps", "30", "--duration", "8"]
    assert main(["measure", str(folder / "pictures"), *options]) == OK
    assert "240 frames at 30.00 fps" in capsys.readouterr().out


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_a_stream(folder: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    content = (folder / "clip.ts").read_bytes()
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(content))
    writer.start()
    check(rf.measure(tmp_path / "pipe", box=BOX))
    writer.join()


# Iterables of frames


def test_frames_come_with_times_or_with_a_rate() -> None:
    check(rf.measure(clip(), box=BOX))
    check(rf.measure((frame for frame, _ in clip()), box=BOX, fps=30.0))
    check(rf.measure(np.stack([frame for frame, _ in clip()]), box=BOX, fps=30.0))
    with pytest.raises(rf.VideoError, match=r"frames without times: give pairs .* or fps="):
        rf.measure([frame for frame, _ in clip()], box=BOX)


# The network


@contextmanager
def served(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve HTTP on a free local port; yield the address."""
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        pass


def test_a_file_behind_an_address_is_read(folder: Path) -> None:
    with served(partial(Quiet, directory=str(folder))) as address:
        check(rf.measure(f"{address}/clip.mp4", box=BOX))
        with pytest.raises(rf.VideoError, match=r"none\.mp4: cannot be opened: .*404"):
            rf.measure(f"{address}/none.mp4")


def test_a_network_cameras_pictures_have_the_times_that_they_come_at() -> None:
    """Many network cameras send JPEG pictures over HTTP, without times."""
    step = 0.05

    class Camera(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace;boundary=next")
            self.end_headers()
            for index in range(30):
                picture = io.BytesIO()
                kind = Kind("", "mjpeg", "yuvj420p", format="mjpeg", full_range=True)
                write(picture, kind, [clip()[index]])
                content = picture.getvalue()
                head = (
                    f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
                )
                self.wfile.write(head.encode() + content + b"\r\n")
                threading.Event().wait(step)

    with served(Camera) as address:
        source = rf.open_source(f"{address}/video")
        times = [time for _, time in source]
        assert source.live
    assert len(times) >= 28
    assert np.median(np.diff(times[10:])) == pytest.approx(step, abs=0.5 * step)


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_an_address_that_does_not_answer_is_given_up(scheme: str) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(rf.VideoError, match=rf"{scheme}://u@{place}/x: no answer within 0.3 s"):
            list(rf.open_source(f"{scheme}://u:secret@{place}/x", timeout=0.3))
    with pytest.raises(rf.VideoError, match=rf"{place}/x: cannot be opened: Connection refused"):
        list(rf.open_source(f"{scheme}://{place}/x"))


# Cameras


class Capture:
    """OpenCV's class for a camera that gives the clip's frames at once and is then unplugged."""

    asked: dict[int, float]

    def __init__(self, device: int | str) -> None:
        self.device, self.asked, self.left = device, {}, 30
        made.append(self)

    def isOpened(self) -> bool:
        return self.device == 0

    def set(self, what: int, value: float) -> bool:
        self.asked[what] = value
        return True

    def grab(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def retrieve(self) -> tuple[bool, Any]:
        return self.left != 10, clip()[30 - self.left][0]

    def release(self) -> None:
        self.left = -1


made: list[Capture] = []


def test_a_camera_through_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    cv2 = pytest.importorskip("cv2", reason="needs the extra 'camera'")
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    source = rf.open_source(0, fps=25.0, size=(1280, 720))
    assert isinstance(source, OpenCVCamera)
    assert source.live
    times = [time for _, time in source]
    assert len(times) == 29
    assert source.damaged == 1
    assert source.warnings == ["gives no more frames"]
    assert times[0] == 0.0
    assert times == sorted(times)
    asked = made[-1].asked
    assert (asked[cv2.CAP_PROP_FRAME_WIDTH], asked[cv2.CAP_PROP_FRAME_HEIGHT]) == (1280, 720)
    assert asked[cv2.CAP_PROP_FPS] == 25.0
    assert asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    list(rf.open_source(0))
    assert cv2.CAP_PROP_FOURCC not in made[-1].asked  # 640x480 fits uncompressed
    with pytest.raises(rf.VideoError, match="camera 7: cannot be opened: is it plugged in"):
        list(rf.open_source(7))


def test_a_camera_through_ffmpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Uses FFmpeg's device that draws test pictures in place of a real camera."""
    if "lavfi" not in av.formats_available:
        pytest.skip("this FFmpeg draws no pictures")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(camera._DEVICES, sys.platform, "lavfi")
    monkeypatch.setattr(FFmpegCamera, "_device_name", lambda self, device: str(device))
    source = rf.open_source(3, size=(1280, 720))
    assert isinstance(source, FFmpegCamera)
    source = FFmpegCamera("testsrc2=size=320x240:rate=25:duration=2", 25.0, (320, 240))
    times = [time for _, time in source]
    assert times == pytest.approx([index / 25 for index in range(50)])
    with pytest.raises(rf.VideoError, match=r"camera 3: .*: is it plugged in"):
        list(rf.open_source(3))


@pytest.mark.skipif(sys.platform != "linux", reason="names of devices are Linux's here")
def test_a_camera_without_opencv_is_ffmpegs_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    opened: list[tuple[str, str, dict[str, str]]] = []

    def refuse(file: str, mode: str, **options: Any) -> None:
        opened.append((file, options["format"], options["container_options"]))
        raise av.error.FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(av, "open", refuse)
    with pytest.raises(rf.VideoError, match="camera 7: cannot be opened: No such file"):
        list(rf.open_source("7", size=(1920, 1080), fps=60.0))
    assert opened == [
        ("/dev/video7", "v4l2", options)
        for options in (
            {"video_size": "1920x1080", "framerate": "60", "input_format": "mjpeg"},
            {"video_size": "1920x1080", "framerate": "60"},
            {},
        )
    ]


# Pixels


PIXELS = sorted({*_LAYOUTS, "ya8", "yuv422p10be", "vuyx", "monow"})


@pytest.mark.parametrize("size", [(48, 64), (35, 51)])
@pytest.mark.parametrize("name", PIXELS)
def test_planes_of_every_format_are_those_of_the_frame(name: str, size: tuple[int, int]) -> None:
    """Pictures are drawn as 8-bit YUV 4:4:4 and converted by FFmpeg; they are smooth in chroma."""
    if name.startswith(("yuyv", "yvyu", "uyvy")) and size[1] % 2:
        pytest.skip("packed formats hold pairs of pixels")
    height, width = size
    rows, columns = np.mgrid[0:height, 0:width]
    drawn = np.stack([60 + rows, 110 + columns // 4, 140 - columns // 5]).astype(np.uint8)
    frame = av.VideoFrame(width, height, "yuv444p")
    for plane, values in zip(frame.planes, drawn):
        padded = np.zeros((height, plane.line_size), np.uint8)
        padded[:, :width] = values
        plane.update(padded.tobytes())
    try:
        made = VideoReformatter().reformat(frame, format=name, **ONE_THREAD)
    except ValueError as error:
        pytest.skip(f"this FFmpeg does not convert to it: {error}")
    found = Converter("clip")(made)
    assert isinstance(found, YuvFrame)
    assert found.y.shape == size
    if name == "monow":
        assert set(np.unique(found.y)) <= {0, 255}
        return
    scale = 2.0 ** (8 - found.bits - found.shift)
    luma = found.y.astype(float) * scale
    if found.full_range:
        luma = 16 + luma * 219 / 255
    assert np.abs(luma - drawn[0]).max() < 2.0
    for chroma, expected in ((found.u, drawn[1]), (found.v, drawn[2])):
        if chroma is None:
            assert found.u is found.v
            continue
        down, across = -(-height // chroma.shape[0]), -(-width // chroma.shape[1])
        values = chroma.astype(float) * scale
        if found.full_range:
            values = 128 + (values - 128) * 224 / 255
        large = np.repeat(np.repeat(values, down, 0), across, 1)[:height, :width]
        assert np.abs(large - expected).max() < 3.0


@pytest.mark.parametrize(
    ("color_space", "height", "expected"),
    [
        (1, 96, "bt709"),
        (6, 720, "bt601"),
        (5, 720, "bt601"),
        (9, 96, "bt2020"),
        (2, 576, "bt601"),
        (2, 720, "bt709"),
    ],
)
def test_the_matrix_is_the_streams_or_that_of_its_height(
    color_space: int, height: int, expected: str
) -> None:
    frame = av.VideoFrame(64, height, "yuv420p")
    frame.colorspace = color_space
    found = Converter("clip")(frame)
    assert isinstance(found, YuvFrame)
    assert (found.matrix, found.full_range) == (expected, False)
    frame.color_range = 2
    found = Converter("clip")(frame)
    assert isinstance(found, YuvFrame)
    assert found.full_range


def test_every_other_format_is_converted_or_named() -> None:
    refused = []
    for name in sorted(names - set(_LAYOUTS)):
        try:
            frame = av.VideoFrame(64, 48, name)
        except av.error.FFmpegError:
            continue  # in the memory of a graphics card
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        try:
            found = Converter("clip")(frame)
        except rf.VideoError as error:
            assert f"clip: its pixels are {name}, which FFmpeg does not" in str(error)  # noqa: PT017
            refused.append(name)
        else:
            assert found.shape == (48, 64, 3)
    assert "rgb24" not in refused
    assert len(refused) < 40  # for example floating-point and big-endian formats


class Sided:
    """A frame with a display matrix."""

    def __init__(self, a: int, b: int, c: int, d: int) -> None:
        numbers = np.array([a << 16, b << 16, 0, c << 16, d << 16, 0, 0, 0, 1 << 30], np.int32)
        self.side_data = {"DISPLAYMATRIX": numbers.tobytes()}


@pytest.mark.parametrize(
    "matrix",
    [
        *((1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0)),
        *((-1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 0, -1), (0, -1, -1, 0)),
    ],
)
def test_each_display_matrix_puts_each_pixel_where_it_says(
    matrix: tuple[int, int, int, int],
) -> None:
    a, b, c, d = matrix
    coded = np.arange(6, dtype=np.uint8).reshape(2, 3)
    places = {
        (a * x + c * y, b * x + d * y): coded[y, x] for y in range(2) for x in range(3)
    }  # x' = a x + c y, y' = b x + d y, y down
    left, top = (min(place[axis] for place in places) for axis in (0, 1))
    height, width = (2, 3) if b == 0 else (3, 2)
    expected = np.array(
        [[places[left + x, top + y] for x in range(width)] for y in range(height)], np.uint8
    )
    orientation = orientation_of(Sided(*matrix))  # type: ignore[arg-type]
    bgr = orientation.apply(np.repeat(coded[..., None], 3, 2))
    assert isinstance(bgr, np.ndarray)
    np.testing.assert_array_equal(bgr[..., 0], expected)
    planes = orientation.apply(YuvFrame(coded, coded, coded))
    assert isinstance(planes, YuvFrame)
    np.testing.assert_array_equal(planes.y, expected)
    assert (orientation == Orientation(False, 0)) == (matrix == (1, 0, 0, 1))
