"""Build the examples against the installed library in a separate folder, and run them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import rppg_fast as rf
from bench.engine import ARM, ARM_COMPILER, COMPILER, ROOT, cmake, run
from rppg_fast.measurement import measure_frames
from tests.capi.test_stream_program import ARM_TOOLS, EMULATOR
from tests.support.clips import SIZE, frame_times, skin, write_video

EXAMPLES = ROOT / "examples"
BOX = ("2", "3", "68", "71")
FPS = 15.0

# Other processors add sums in another order.
EMULATED_RATE = 0.01  # bpm
PRINTED = 5e-5  # bpm, half of the last digit
# The frames were scaled and converted before.
PIPE_RATE = 0.1  # bpm

WITHOUT_OPENCV = "-DCMAKE_DISABLE_FIND_PACKAGE_OpenCV=ON"

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake")


def need(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"there is no {' and no '.join(missing)}")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write raw frames with a pulse; return the file."""
    path = tmp_path_factory.mktemp("clip") / "frames.bgr24"
    frames = skin(frame_times(FPS, 11.0), 66.0)
    path.write_bytes(b"".join(frame.tobytes() for frame, _ in frames))
    return path


@pytest.fixture(scope="module")
def expected(clip: Path) -> rf.Measurement:
    frames = np.fromfile(clip, np.uint8).reshape(-1, SIZE, SIZE, 3)
    monitor = rf.HeartRateMonitor(box=map(int, BOX))
    return measure_frames(((frame, i / FPS) for i, frame in enumerate(frames)), monitor)


def arguments(clip: Path) -> list[object]:
    return [clip, SIZE, SIZE, FPS, *BOX]


def heart_rate(printed: str) -> float:
    found = re.findall(r"([\d.]+) bpm", printed)
    assert found, printed
    return float(found[-1])


def examples(prefix: Path, folder: Path, *options: str) -> Path:
    """Build the examples against an installed library, outside the sources; return the folder."""
    shutil.copytree(EXAMPLES, folder / "examples")
    cmake(folder / "examples", folder / "build", f"-DCMAKE_PREFIX_PATH={prefix}", *options)
    return folder / "build"


@pytest.fixture(scope="module")
def prefix(built: Callable[..., Path]) -> Path:
    return built(COMPILER, ()) / "prefix"


@pytest.fixture(scope="module")
def here(prefix: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return examples(prefix, tmp_path_factory.mktemp("examples"))


def test_a_c_program_prints_what_measure_reads(
    here: Path, clip: Path, expected: rf.Measurement
) -> None:
    printed = run(here / "raw_frames", *arguments(clip))
    assert heart_rate(printed) == pytest.approx(expected.heart_rate_bpm, abs=PRINTED)
    assert heart_rate(printed) == pytest.approx(66.0, abs=1.0)
    assert f"confidence {expected.confidence:.3f}" in printed


@pytest.mark.slow
def test_so_it_does_on_a_cortex_a57(
    built: Callable[..., Path], clip: Path, expected: rf.Measurement, tmp_path: Path
) -> None:
    need(*ARM_TOOLS)
    prefix = built(ARM_COMPILER, ARM) / "prefix"
    compiler = f"-DCMAKE_CXX_COMPILER={ARM_COMPILER}"
    folder = examples(prefix, tmp_path, *ARM, compiler, WITHOUT_OPENCV)
    printed = run(*EMULATOR, folder / "raw_frames", *arguments(clip))
    assert heart_rate(printed) == pytest.approx(
        expected.heart_rate_bpm, abs=EMULATED_RATE + PRINTED
    )


@pytest.mark.parametrize("kind", ["shared", "static"])
def test_pkg_config_links_it(
    prefix: Path, clip: Path, expected: rf.Measurement, kind: str, tmp_path: Path
) -> None:
    need("pkg-config", "cc")
    pc = next(prefix.glob("lib*/**/pkgconfig"))
    query = ["pkg-config", "--cflags", "--libs", *(["--static"] if kind == "static" else [])]
    environment = {**os.environ, "PKG_CONFIG_PATH": str(pc)}
    flags = subprocess.run(
        [*query, "rppg_fast"], check=True, capture_output=True, text=True, env=environment
    ).stdout.split()
    if kind == "static":
        flags = [flag.replace("-lrppg_fast", "-l:librppg_fast.a") for flag in flags]
    else:
        flags.append(f"-Wl,-rpath,{pc.parent}")
    run("cc", "-std=c99", EXAMPLES / "raw_frames.c", *flags, "-o", tmp_path / "program")
    printed = run(tmp_path / "program", *arguments(clip))
    assert heart_rate(printed) == pytest.approx(expected.heart_rate_bpm, abs=PRINTED)


def test_an_installed_library_may_be_moved(prefix: Path, clip: Path, tmp_path: Path) -> None:
    shutil.copytree(prefix, tmp_path / "elsewhere", symlinks=True)
    folder = examples(tmp_path / "elsewhere", tmp_path, WITHOUT_OPENCV)
    assert heart_rate(run(folder / "raw_frames", *arguments(clip))) > 0
    if shutil.which("ldd"):
        assert str(tmp_path / "elsewhere") in run("ldd", folder / "raw_frames")


def test_a_foreign_language_prints_the_last_reading(
    prefix: Path, clip: Path, expected: rf.Measurement
) -> None:
    library = next(prefix.glob("lib*/**/librppg_fast.so"))
    printed = run(sys.executable, EXAMPLES / "foreign.py", library, *arguments(clip))
    monitor = rf.HeartRateMonitor(box=map(int, BOX))
    for i, frame in enumerate(np.fromfile(clip, np.uint8).reshape(-1, SIZE, SIZE, 3)):
        last = monitor.push(frame, i / FPS)
    assert printed == f"{last.status} {last.heart_rate_bpm:.4f} bpm\n"


def test_opencv_captures(here: Path, tmp_path: Path) -> None:
    if not (here / "opencv_capture").exists():
        pytest.skip("there is no OpenCV for C++: opencv_capture is not built")
    video = write_video(tmp_path / "clip.avi", skin(frame_times(FPS, 13.0), 66.0), FPS)
    lines = run(here / "opencv_capture", video, *BOX).splitlines()
    expected = rf.measure(video, box=map(int, BOX)).windows[-1]
    assert lines[0] == "0.0 s: warming_up"
    assert lines[-1].startswith("13.0 s: ok")
    assert heart_rate(lines[-1]) == pytest.approx(expected.heart_rate_bpm, abs=0.2)


def ffmpeg() -> str:
    if shutil.which("ffmpeg"):
        return "ffmpeg"
    return str(pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe())


def shell(prefix: Path, *command: object, **environment: str) -> str:
    """Run a command with the program in its PATH; exit code 3 is also valid."""
    path = f"{prefix / 'bin'}:{os.environ['PATH']}"
    done = subprocess.run(
        [*map(str, command)],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "PATH": path, **environment},
    )
    assert done.returncode in (0, 3), done.stderr
    return done.stdout


def test_a_pipe_after_ffmpeg(prefix: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.avi", skin(frame_times(FPS, 11.0), 66.0), FPS)
    box = ",".join(BOX)
    pipe = EXAMPLES / "pipe.sh"
    printed = shell(prefix, pipe, video, f"{SIZE}x{SIZE}", 15, box, FFMPEG=ffmpeg())
    found = re.findall(r'"heart_rate_bpm": ([\d.]+)', printed)
    expected = rf.measure(video, box=map(int, BOX))
    assert float(found[-1]) == pytest.approx(expected.heart_rate_bpm, abs=PIPE_RATE)


def test_a_pipe_after_gstreamer(prefix: Path) -> None:
    """Runs the command of pipe.sh and of the page of boards, with a test picture as the source."""
    need("gst-launch-1.0")
    text = (EXAMPLES / "pipe.sh").read_text()
    line = re.findall(r"gst-launch.*?--format nv12", text, re.DOTALL)
    command = re.sub(r"[#\\\n]", " ", line[0]).replace("SOURCE", "videotestsrc num-buffers=130")
    for name, value in (("WIDTH", "320"), ("HEIGHT", "240"), ("FPS", "10")):
        command = command.replace(name, value)
    options = "--size 320x240 --fps 10 --box 10,10,300,200 --summary"
    printed = shell(prefix, "sh", "-c", f"{command} {options}")
    assert '"status": "low_signal"' in printed
    assert '"frames": 130' in printed


def test_valgrind_finds_nothing(here: Path, clip: Path, expected: rf.Measurement) -> None:
    need("valgrind")
    # The C++ runtime keeps memory for exceptions until the end; it stays reachable.
    kinds = "definite,indirect,possible"
    checks = ["-q", "--error-exitcode=99", "--leak-check=full", f"--errors-for-leak-kinds={kinds}"]
    # Valgrind emulates fused multiply-adds in software; with the other kernels this takes minutes.
    command = ["env", "RPPG_BACKEND=portable", "valgrind", *checks, here / "raw_frames"]
    printed = run(*command, *arguments(clip))
    assert heart_rate(printed) == pytest.approx(expected.heart_rate_bpm, abs=EMULATED_RATE)


def scripts() -> Sequence[Path]:
    return [path for path in EXAMPLES.iterdir() if path.is_file() and path.name != "CMakeLists.txt"]


@pytest.mark.parametrize("path", scripts(), ids=lambda path: str(path.name))
def test_an_example_fits_on_a_page(path: Path) -> None:
    assert len(path.read_text().splitlines()) < 60
