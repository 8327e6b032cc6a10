"""rppg-fast-stream reads raw frames or a camera, and writes lines of JSON."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import rppg_fast as rf
from bench.engine import ARM, ARM_COMPILER, COMPILER, run
from rppg_fast.face import ASSETS
from rppg_fast.measurement import measure_frames
from rppg_fast.monitor import METHODS
from tests.support import yuv_reference as reference
from tests.support.clips import SIZE, Frame, frame_times, skin
from tests.support.raw_frames import FORMATS, pack, to_samples

EMULATOR = ("qemu-aarch64", "-L", "/usr/aarch64-linux-gnu", "-cpu", "cortex-a57")
ARM_TOOLS = ["cmake", ARM_COMPILER, EMULATOR[0]]

# Conversion to 8-bit colors rounds values that the program averages without rounding.
SAME_RATE = 0.1  # bpm
SAME_SNR = 0.5  # dB
# If the box comes from the detector, it may differ by a pixel.
LYING_RATE = 0.5  # bpm
# Other processors add sums in another order.
EMULATED_RATE = 0.01  # bpm
MEMORY = 8 << 20  # bytes

BOX = (2, 3, SIZE - 4, SIZE - 1)
DEMO = ASSETS / "demo.mp4"
FPS = 30.0

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake")


@pytest.fixture(scope="module")
def program(built: Callable[..., Path]) -> Path:
    return built(COMPILER, ()) / "prefix" / "bin" / "rppg-fast-stream"


@pytest.fixture(scope="module")
def arm_program(built: Callable[..., Path]) -> list[str]:
    if not all(map(shutil.which, ARM_TOOLS)):
        pytest.skip(f"of {', '.join(ARM_TOOLS)} one is missing")
    return [*EMULATOR, str(built(ARM_COMPILER, ARM) / "prefix" / "bin" / "rppg-fast-stream")]


@pytest.fixture(scope="module")
def frames() -> list[Frame]:
    return [frame for frame, _ in skin(frame_times(FPS, 13.0), 78.0)]


def stream(
    command: Path | Sequence[str], data: bytes, *options: object, code: int = 0, **environment: str
) -> list[dict[str, Any]]:
    """Run the program on raw frames; return its lines."""
    box = ["--box", ",".join(map(str, BOX))]
    return lines_of(
        command, data, "--size", f"{SIZE}x{SIZE}", *box, *options, code=code, **environment
    )


def lines_of(
    command: Path | Sequence[str], data: bytes, *options: object, code: int = 0, **environment: str
) -> list[dict[str, Any]]:
    given = [command] if isinstance(command, Path) else command
    done = subprocess.run(
        [*given, *map(str, options)],
        input=data,
        capture_output=True,
        timeout=300,
        env={**os.environ, **environment},
    )
    assert done.returncode == code, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.splitlines()]


BOXED = ["--box", ",".join(map(str, BOX))]
RAW = ["--size", f"{SIZE}x{SIZE}", *BOXED]


def heard(program: Path, data: bytes, *options: object) -> tuple[dict[str, Any], str]:
    """Return the summary and the text on standard error."""
    command = [str(program), *map(str, options), "--summary"]
    done = subprocess.run(command, input=data, capture_output=True, timeout=300)
    assert done.returncode in (0, 3), done.stderr.decode()
    return json.loads(done.stdout.splitlines()[-1]), done.stderr.decode()


def raw(frames: Sequence[Frame]) -> bytes:
    return b"".join(frame.tobytes() for frame in frames)


def measured(frames: Sequence[Frame], times: Sequence[float], **options: Any) -> dict[str, Any]:
    monitor = rf.HeartRateMonitor(box=BOX, **options)
    return measure_frames(zip(frames, times), monitor).to_dict()


def check_same(lines: list[dict[str, Any]], expected: dict[str, Any]) -> None:
    """Check that the lines of windows equal the measurement's, and that the last is its summary."""
    *readings, summary = lines
    names = (
        *("time_s", "start_s", "end_s", "heart_rate_bpm", "snr_db", "confidence", "coverage"),
        *("candidate_bpm", "source", "status"),
    )
    windows = [r for r in readings if r["status"] in ("ok", "low_signal")]
    assert [{name: r[name] for name in names} for r in windows] == expected["windows"]
    assert summary == {name: expected[name] for name in summary}
    of_pictures = {"obstacles", "conditions"}  # the program does not look at them
    assert set(summary) == set(expected) - {"video", "windows", "damaged_frames"} - of_pictures


@pytest.mark.parametrize("color", ["bgr", "rgb"])
def test_a_pipe_reads_what_measure_reads(program: Path, frames: list[Frame], color: str) -> None:
    times = [i / FPS for i in range(len(frames))]
    options = ("--format", f"{color}24", "--fps", FPS, "--summary")
    lines = stream(program, raw(frames), *options)
    check_same(lines, measured(frames, times, color=color))
    assert lines[-1]["heart_rate_bpm"] == pytest.approx(78.0, abs=1.0)
    assert lines[0]["status"] == "warming_up"
    assert [line["time_s"] for line in lines[:5]] == pytest.approx(range(5))
    assert [line["status"] for line in lines[:5]] == ["warming_up"] * 5
    assert lines[5]["time_s"] == pytest.approx(4.9)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reads_what_measure_reads(
    program: Path, frames: list[Frame], method: str
) -> None:
    times = [i / FPS for i in range(len(frames))]
    lines = stream(program, raw(frames), "--fps", FPS, "--summary", "--method", method)
    check_same(lines, measured(frames, times, method=method))
    assert lines[-1]["method"] == method


def test_times_come_from_a_file_and_late_frames_are_skipped(
    program: Path, frames: list[Frame], tmp_path: Path
) -> None:
    times = frame_times(FPS, 13.0, jitter=0.4)
    times[50], times[200] = times[49], times[198]
    (tmp_path / "times").write_text("".join(f"{t!r}\n" for t in times))
    lines = stream(program, raw(frames), "--times", tmp_path / "times", "--summary")
    check_same(lines, measured(frames, times))
    assert lines[-1]["skipped_frames"] == 2


def test_settings_and_weights_are_those_of_the_package(program: Path, frames: list[Frame]) -> None:
    times = [i / FPS for i in range(len(frames))]
    settings = {"window": 6.0, "low": 0.8, "high": 3.0, "min_confidence": 0.3, "peaks": 2}
    settings |= {"min_window": 4.0, "max_gap": 1.0}
    given = [x for name, value in settings.items() for x in (f"--{name.replace('_', '-')}", value)]
    path = Path(rf.__file__).parent / "assets" / "student.safetensors"
    lines = stream(program, raw(frames), "--fps", FPS, *given, "--weights", path, "--summary")
    check_same(lines, measured(frames, times, **settings))


def demo() -> list[tuple[Frame, float]]:
    return list(rf.VideoFile(Path(rf.__file__).parent / "assets" / "demo.mp4"))


def demo_lines(
    command: Path | Sequence[str], folder: Path, clip: Sequence[tuple[Frame, float]], *more: object
) -> list[dict[str, Any]]:
    """Run the program without a box; return its lines."""
    height, width = clip[0][0].shape[:2]
    (folder / "times").write_text("".join(f"{time!r}\n" for _, time in clip))
    options = ["--size", f"{width}x{height}", "--times", folder / "times", "--summary", *more]
    return lines_of(command, raw([frame for frame, _ in clip]), *options)


def test_the_program_finds_the_face_and_reads_what_measure_reads(
    program: Path, tmp_path: Path
) -> None:
    """Equal to the last bit: frames, detector and tracker are the same."""
    expected = rf.measure(demo()).to_dict()
    check_same(demo_lines(program, tmp_path, demo()), expected)


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_so_it_does_where_the_camera_lies(program: Path, tmp_path: Path, turned: int) -> None:
    clip = [
        (np.ascontiguousarray(np.rot90(frame, -turned // 90)), time)
        for frame, time in demo()
        if time < 7
    ]
    expected = measure_frames(clip, rf.HeartRateMonitor()).to_dict()
    assert expected["turned"] == turned
    assert expected["heart_rate_bpm"] is not None
    check_same(demo_lines(program, tmp_path, clip), expected)


@pytest.mark.slow
def test_so_it_does_on_a_cortex_a57(arm_program: list[str], tmp_path: Path) -> None:
    clip = [(frame, time) for frame, time in demo() if time < 4.5]
    expected = measure_frames(clip, rf.HeartRateMonitor(window=4.0)).to_dict()
    found = demo_lines(arm_program, tmp_path, clip, "--window", 4)[-1]
    assert found["box"] == expected["box"]
    assert found["heart_rate_bpm"] == pytest.approx(expected["heart_rate_bpm"], abs=EMULATED_RATE)


def test_a_face_that_leaves_is_missed_within_a_second(program: Path) -> None:
    clip = demo()[: 3 * 30]
    there = [frame for frame, _ in clip]
    frames = [*there, *([np.zeros_like(there[0])] * 90), *there]
    height, width = there[0].shape[:2]
    size = ("--size", f"{width}x{height}", "--fps", FPS)
    lines = lines_of(program, raw(frames), *size, "--step", 10, "--summary", code=3)
    changes = [(line["status"], line["time_s"]) for line in lines[:-1]]
    assert [status for status, _ in changes] == ["warming_up", "no_face", "warming_up"]
    assert 3.0 < changes[1][1] < 4.0
    assert 6.0 <= changes[2][1] < 6.6  # the pause is too long, so the window is empty
    assert lines[-1]["box"] is not None
    nobody = lines_of(program, raw(frames[90:180]), *size, "--summary", code=3)
    assert {line["status"] for line in nobody} == {"no_face"}
    assert nobody[-1]["box"] is None


@pytest.mark.parametrize("layout", [*FORMATS, "bgrx", "rgbx"])
def test_every_format_reads_the_same_heart(program: Path, frames: list[Frame], layout: str) -> None:
    """There is no warning that the format looks wrong."""
    name = layout.replace("x", "a")
    packed = b"".join(pack(frame, name) for frame in frames)
    # Confidence is not what is compared: without color it is low.
    least = ("--min-confidence", 0.5)
    found, said = heard(program, packed, *RAW, "--format", layout, "--fps", FPS, *least)
    assert said == ""
    shown = frames
    if name == "grey":
        luma = [reference.to_rgb(to_samples(frame, name)) for frame in frames]
        shown = [np.round(255 * picture).astype(np.uint8) for picture in luma]
    expected = measured(shown, [i / FPS for i in range(len(frames))], min_confidence=0.5)
    assert found["heart_rate_bpm"] == pytest.approx(expected["heart_rate_bpm"], abs=SAME_RATE)


@pytest.mark.parametrize(("given", "matrix"), [("full", "bt709"), ("limited", "bt2020")])
def test_range_and_matrix_are_taken(
    program: Path, frames: list[Frame], given: str, matrix: str
) -> None:
    packed = b"".join(pack(frame, "i444", given == "full", matrix) for frame in frames)
    options = ["--format", "i444", "--fps", FPS, "--range", given, "--matrix", matrix]
    found, _ = heard(program, packed, *RAW, *options, "--method", "pos")
    expected = measured(frames, [i / FPS for i in range(len(frames))], method="pos")
    assert found["heart_rate_bpm"] == pytest.approx(expected["heart_rate_bpm"], abs=SAME_RATE)
    assert found["snr_db"] == pytest.approx(expected["snr_db"], abs=SAME_SNR)


def y4m(frames: Sequence[Frame], name: str, tags: str) -> bytes:
    """Write a YUV4MPEG2 stream."""
    header = f"YUV4MPEG2 W{SIZE} H{SIZE} {tags}\n".encode()
    return header + b"".join(b"FRAME\n" + pack(frame, name) for frame in frames)


@pytest.mark.parametrize("option", ["y4m", "auto"])
@pytest.mark.parametrize(
    ("name", "color"),
    [
        ("i420", ""),
        ("i420", " C420jpeg"),
        ("i420", " C420mpeg2 XYSCSS=420MPEG2"),
        ("i422", " C422"),
        ("i444", " C444"),
        ("grey", " Cmono XCOLORRANGE=FULL"),
        ("i010", " C420p10 XYSCSS=420P10 XCOLORRANGE=LIMITED"),
    ],
)
def test_a_header_says_size_rate_and_format(
    program: Path, frames: list[Frame], option: str, name: str, color: str
) -> None:
    raw_frames = b"".join(pack(frame, name) for frame in frames)
    expected, _ = heard(program, raw_frames, *RAW, "--format", name, "--fps", "30000/1001")
    stream = y4m(frames, name, f"F30000:1001 Ip A1:1{color}")
    found, said = heard(program, stream, *BOXED, "--format", option)
    assert (found, said) == (expected, "")
    assert found["fps"] == pytest.approx(30000 / 1001)


def test_ffmpegs_streams_are_read(program: Path, frames: list[Frame], tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "clip.y4m"), "w", format="yuv4mpegpipe") as container:
        out = container.add_stream("wrapped_avframe", rate=30)
        out.width = out.height = SIZE
        out.pix_fmt = "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(frame, "bgr24").reformat(format="yuv420p")
            container.mux(out.encode(picture))
        container.mux(out.encode(None))
    data = (tmp_path / "clip.y4m").read_bytes()
    found, said = heard(program, data, *BOXED, "--format", "auto")
    assert said == ""
    expected = measured(frames, [i / 30 for i in range(len(frames))])
    assert found["frames"] == len(frames)
    assert found["heart_rate_bpm"] == pytest.approx(expected["heart_rate_bpm"], abs=SAME_RATE)


def test_interlaced_frames_are_named(program: Path, frames: list[Frame]) -> None:
    stream = y4m(frames[:200], "i420", "F30:1 It")
    _, said = heard(program, stream, *BOXED, "--format", "y4m")
    assert said.count("\n") == 1
    assert "interlaced, the upper rows first" in said
    assert "yadif" in said


def jpegs(frames: Sequence[Frame]) -> list[bytes]:
    quality = [cv2.IMWRITE_JPEG_QUALITY, 98]
    return [cv2.imencode(".jpg", frame, quality)[1].tobytes() for frame in frames]


@pytest.fixture(scope="module")
def jpeg_program(program: Path) -> Path:
    """Return the program; skip if it was built without libjpeg."""
    done = subprocess.run(
        [program, "--format", "mjpg", "--fps", "30"], input=b"", capture_output=True, timeout=60
    )
    if b"no decoder" in done.stderr:
        pytest.skip("this build has no libjpeg")
    return program


@pytest.mark.parametrize("option", ["mjpg", "auto"])
def test_jpeg_pictures_are_read(jpeg_program: Path, frames: list[Frame], option: str) -> None:
    """Any bytes may be between two pictures."""
    pictures = jpegs(frames)
    data = pictures[0] + b"".join(b"\0\xff" + picture for picture in pictures[1:])
    found, said = heard(jpeg_program, data, *BOXED, "--format", option, "--fps", FPS)
    assert said == ""
    decoded = [cv2.imdecode(np.frombuffer(p, np.uint8), cv2.IMREAD_COLOR) for p in pictures]
    shown = [np.asarray(frame, np.uint8) for frame in decoded]
    expected = measured(shown, [i / FPS for i in range(len(frames))])
    assert found["frames"] == len(frames)
    assert found["heart_rate_bpm"] == pytest.approx(expected["heart_rate_bpm"], abs=SAME_RATE)


def test_damaged_pictures_are_left_out_and_their_time_passes(
    jpeg_program: Path, frames: list[Frame]
) -> None:
    pictures = jpegs(frames)
    for index in (0, 50, 51):  # truncated pictures that still have an end marker
        pictures[index] = pictures[index][: len(pictures[index]) // 2] + b"\xff\xd9"
    data = b"".join(pictures)
    found, said = heard(jpeg_program, data, *BOXED, "--format", "mjpg", "--fps", FPS)
    assert found["frames"] == len(frames) - 3
    assert found["duration_s"] == pytest.approx((len(frames) - 2) / FPS)
    assert found["heart_rate_bpm"] == pytest.approx(78.0, abs=1.0)
    assert said.count("\n") == 1
    assert "JPEG picture 1 is damaged and was skipped" in said


@pytest.mark.slow
def test_without_libjpeg_there_is_a_way(built: Callable[..., Path]) -> None:
    folder = built(COMPILER, ("-DRPPG_JPEG=OFF",))
    command = [str(folder / "rppg-fast-stream"), "--format", "mjpg", "--fps", "30"]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=60)
    assert done.returncode == 2
    for words in (b"no decoder", b"ffmpeg -f mjpeg", b"--format yuyv", b"libjpeg-dev"):
        assert words in done.stderr


@pytest.mark.parametrize(
    ("true", "said", "likely"),
    [
        ("i420", "nv12", "--format i420"),
        ("nv12", "i420", "--format nv12 or nv21"),
        ("i420", "nv21", "--format i420"),
        ("nv12", "bgr24", "--format nv12 or nv21"),
        ("bgr24", "nv12", "--format bgr24 or rgb24"),
        ("rgb24", "bgra", "--format bgr24 or rgb24"),
        ("bgra", "bgr24", "--format bgra or rgba"),
        ("yuyv", "uyvy", "--format yuyv"),
        ("uyvy", "yuyv", "--format uyvy"),
        ("yuyv", "nv12", "--format yuyv"),
        ("i420", "yuyv", "--format i420"),
    ],
)
def test_a_wrong_format_is_named_with_the_right_one(
    program: Path, true: str, said: str, likely: str
) -> None:
    frames = [frame for frame, _ in itertools.islice(rf.VideoFile(DEMO), 24)]
    height, width = frames[0].shape[:2]
    data = b"".join(pack(frame, true) for frame in frames)
    count = len(data) // len(pack(frames[0], said))
    data = data[: count * len(pack(frames[0], said))]
    options = ["--size", f"{width}x{height}", "--box", "10,10,90,90", "--fps", 30]
    _, warned = heard(program, data, *options, "--format", said)
    assert warned.count("\n") == 1
    assert warned.endswith(f"do not look like {said} of width {width}: try {likely}\n")
    _, right = heard(program, b"".join(pack(f, true) for f in frames), *options, "--format", true)
    assert right == ""


@pytest.mark.parametrize("layout", ["nv12", "bgr24", "yuyv", "grey"])
def test_a_wrong_width_is_named_with_the_right_one(program: Path, layout: str) -> None:
    frame = next(iter(rf.VideoFile(DEMO)))[0]
    frame = np.asarray(cv2.resize(frame, (640, 480), interpolation=cv2.INTER_AREA), np.uint8)
    options = ["--size", "480x640", "--box", "10,10,90,90", "--fps", 30, "--format", layout]
    _, warned = heard(program, 3 * pack(frame, layout), *options)
    assert warned.endswith("try --size 640xHEIGHT\n")


@pytest.mark.parametrize("turned", [90, 180])
@pytest.mark.parametrize("layout", ["nv12", "yuyv"])
def test_a_face_that_lies_is_found_in_luma_and_chroma(
    program: Path, tmp_path: Path, layout: str, turned: int
) -> None:
    clip = [
        (np.ascontiguousarray(np.rot90(frame, -turned // 90)), time)
        for frame, time in demo()
        if time < 8
    ]
    expected = demo_lines(program, tmp_path, clip)[-1]
    height, width = clip[0][0].shape[:2]
    data = b"".join(pack(frame, layout) for frame, _ in clip)
    options = ("--size", f"{width}x{height}", "--times", tmp_path / "times", "--summary")
    found = lines_of(program, data, "--format", layout, *options)[-1]
    assert found["turned"] == expected["turned"] == turned
    np.testing.assert_allclose(found["box"], expected["box"], atol=0.03 * width)
    assert found["heart_rate_bpm"] == pytest.approx(expected["heart_rate_bpm"], abs=LYING_RATE)


@pytest.mark.parametrize("layout", ["nv12", "yuyv", "uyvy", "i420", "bgr24", "mjpg"])
def test_a_camera_is_read_by_its_own_times(
    program: Path, frames: list[Frame], layout: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Uses a simulated driver, because no real camera was available."""
    if shutil.which("cc") is None:
        pytest.skip("there is no cc")
    if layout == "mjpg":
        request.getfixturevalue("jpeg_program")
    source = Path(__file__).parents[1] / "native" / "fake_camera.c"
    run("cc", "-Wall", "-Werror", "-shared", "-fPIC", source, "-o", tmp_path / "fake.so", "-ldl")
    pictures = jpegs(frames) if layout == "mjpg" else [pack(frame, layout) for frame in frames]
    room = max(map(len, pictures))  # pictures are shorter than the buffer
    (tmp_path / "frames").write_bytes(b"".join(p.ljust(room, b"\0") for p in pictures))
    codes = {"i420": "YU12", "bgr24": "BGR3", "mjpg": "MJPG"}
    fake = {
        "LD_PRELOAD": str(tmp_path / "fake.so"),
        "FAKE_FRAMES": str(tmp_path / "frames"),
        "FAKE_FORMAT": codes.get(layout, layout.upper()),
        "FAKE_BYTES": str(room),
    }
    options = ("--format", layout, "--summary")
    # The camera is unplugged at the end. This is an error, but the summary is still written.
    found = stream(program, b"", *options, "--camera", "/dev/fake", "--fps", 30, code=2, **fake)
    (tmp_path / "times").write_text(
        "".join(f"{5 + (i * 1000000 + 15) // 30 / 1e6!r}\n" for i in range(len(frames)))
    )
    data = b"".join(pictures)
    expected = stream(program, data, *options, "--times", tmp_path / "times")[-1]
    assert found[-1]["frames"] == len(frames)
    assert found[-1]["heart_rate_bpm"] == pytest.approx(expected["heart_rate_bpm"], abs=1e-6)
    fake["FAKE_FORMAT"] = "H264"
    assert stream(program, b"", *options, "--camera", "/dev/fake", code=2, **fake) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--size 72 --box 0,0,9,9 --fps 30", "'72' is not WIDTHxHEIGHT"),
        ("--size 0x72 --box 0,0,9,9 --fps 30", "out of range"),
        ("--size 72x72 --box 0,0,9 --fps 30", "four whole numbers"),
        ("--size 72x72 --box 0,0,9,99 --fps 30", "leaves the frame"),
        ("--box 0,0,9,9 --fps 30", "--size WxH is missing"),
        ("--size 72x72 --box 0,0,9,9", "--fps, --times and --arrival"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --arrival", "--fps, --times and --arrival"),
        ("--size 72x72 --box 0,0,9,9 --fps -1", "--fps must be positive"),
        ("--size 72x72 --box 0,0,9,9 --fps fast", "'fast' is not a number"),
        ("--size 72x72 --box 0,0,9,9 --fps 30000/0", "--fps must be positive"),
        ("--size 72x72 --box 0,0,9,9 --fps 30000/1001/2", "'1001/2' is not a number"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --range full", "of luma and chroma"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --format nv12 --range tv", "limited or full"),
        ("--size 72x72 --fps 30 --format nv12 --matrix bt470", "bt601, bt709 or bt2020"),
        ("--size 71x72 --box 0,0,9,9 --fps 30 --format uyvy", "the width of uyvy must be even"),
        ("--format auto", "give the format and size of its frames with --format and --size"),
        ("--format y4m", "does not begin with a YUV4MPEG2 header"),
        ("--size 72x72 --format y4m --camera /dev/null", "not for a camera"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --format h264", "--format must be"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --low 9", "band"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --step 0", "--step must be positive"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --peaks 0", "peaks"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --method magic", "'magic'"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --min-window 0", "--min-window must be positive"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --max-gap -1", "--max-gap must be positive"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --peaks some", "'some' is not a whole number"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --weights /nowhere", "/nowhere: No such file"),
        ("--size 72x72 --box 0,0,9,9 --fps", "--fps needs a value"),
        ("--size 72x72 --box 0,0,9,9 --fps 30 --color red", "no option '--color'"),
        ("--size 71x72 --box 0,0,9,9 --fps 30 --format yuyv", "must be even"),
        ("--size 72x72 --box 0,0,9,9 --times /nowhere", "/nowhere: No such file"),
        ("--size 72x72 --box 0,0,9,9 --times TIMES", "has only 1 times"),
        ("--size 72x73 --box 0,0,9,9 --fps 30", "ends inside frame 2, after 15336 of its 15768"),
        ("--size 72x72 --box 0,0,9,9 --camera /dev/null", "not a Video4Linux device"),
        ("--size 72x72 --box 0,0,9,9 --camera /nowhere", "/nowhere: No such file"),
        ("--size 72x72 --box 0,0,9,9 --camera /dev/null --arrival", "a camera has its own times"),
    ],
)
def test_bad_input_is_named(program: Path, options: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "times").write_text("0.5\n")
    given = options.replace("TIMES", str(tmp_path / "times")).split()
    data = bytes(2 * SIZE * SIZE * 3)
    done = subprocess.run([program, *given], input=data, capture_output=True, timeout=60)
    assert done.returncode == 2
    assert message in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


def test_no_frames_are_bad_input(program: Path) -> None:
    assert stream(program, b"", "--fps", 30, "--summary", code=2) == []


def test_without_a_pulse_there_is_no_heart_rate(program: Path) -> None:
    data = raw([frame for frame, _ in skin(frame_times(FPS, 11.0), 72.0, amplitude=0.0)])
    lines = stream(program, data, "--fps", FPS, "--summary", code=3)
    assert lines[-1]["status"] == "low_signal"
    assert all(line["heart_rate_bpm"] is None for line in lines)


def test_frames_of_a_live_pipe_are_timed_as_they_come(program: Path) -> None:
    command = [str(program), "--size", "72x72", "--box", "0,0,9,9", "--arrival", "--step", "0.001"]
    running = subprocess.Popen(
        [*command, "--summary"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert running.stdin is not None
    assert running.stdout is not None
    times = []
    for _ in range(3):
        running.stdin.write(bytes(SIZE * SIZE * 3))
        running.stdin.flush()
        times.append(json.loads(running.stdout.readline())["time_s"])
        time.sleep(0.1)
    assert 0.1 <= times[1] - times[0] < 5
    running.send_signal(signal.SIGINT)  # the summary is still written
    summary = json.loads(running.stdout.readline())
    assert running.wait(60) == 3
    assert summary["frames"] == 3
    running.stdin.close()
    running.stdout.close()


def peak_memory(command: Sequence[object], data: bytes, lines: int) -> int:
    """Return the peak of the private memory of a process after a given number of lines, bytes."""
    running = subprocess.Popen([*map(str, command)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(data)
    running.stdin.flush()
    for _ in range(lines):
        assert running.stdout.readline()
    status = Path(f"/proc/{running.pid}/status").read_text()
    running.stdin.close()
    assert running.wait(60) == 0
    running.stdout.close()
    return int(status.split("VmHWM:")[1].split()[0]) << 10


VGA = ["--size", "640x480", "--box", "150,20,490,460", "--fps", "10"]
# More than a whole window, so that all code has run.
VGA_FRAMES = 105


def vga_frames() -> bytes:
    rng = np.random.default_rng(0)
    frame = rng.integers(90, 110, (480, 640, 3), np.uint8)
    return b"".join((frame + i % 7).tobytes() for i in range(VGA_FRAMES))


def test_the_program_is_small(program: Path) -> None:
    whole = peak_memory([program, *VGA], vga_frames(), 11)
    print(f"{whole / 1e6:.1f} MB")
    assert whole < MEMORY


def test_it_stays_small_while_it_looks_for_a_face(program: Path) -> None:
    """The detector's weights, twice, and sums of a picture are added."""
    size = VGA[:2] + VGA[4:]
    whole = peak_memory([program, *size], vga_frames(), 11)
    print(f"{whole / 1e6:.1f} MB")
    assert whole < 2 * MEMORY


@pytest.mark.slow
def test_the_program_is_small_on_a_cortex_a57(arm_program: list[str], tmp_path: Path) -> None:
    """Measures the memory beyond that of an emulator with a program of one line."""
    text = '#include <cstdio>\nint main() { std::puts(""); std::fflush(stdout); std::getchar(); }\n'
    (tmp_path / "empty.cpp").write_text(text)
    run(ARM_COMPILER, tmp_path / "empty.cpp", "-o", tmp_path / "empty")
    emulator = peak_memory([*EMULATOR, tmp_path / "empty"], b"", 1)
    whole = peak_memory([*arm_program, *VGA], vga_frames(), 11)
    print(f"{(whole - emulator) / 1e6:.1f} MB more than the emulator alone")
    assert whole - emulator < MEMORY
