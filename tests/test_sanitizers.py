"""Run the engine with the compilers' sanitizers, and with a fuzzer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest

from bench.engine import ROOT, link, run
from rppg_fast.student import BUNDLED_WEIGHTS
from rppg_fast.video import VideoFile
from tests import fuzz, mtcnn
from tests.clips import SIZE, frame_times, skin
from tests.golden import golden
from tests.raw_frames import EVEN_WIDTH, FORMATS, pack
from tests.test_native import HERE
from tests.weights import TEACHER_METADATA, random_teacher, safetensors_bytes

pytestmark = pytest.mark.slow

# Time for each target: errors appear at once, or not at all.
FUZZ_SECONDS = 4
MOTIONS, SECONDS, THREADS = 4, 10.5, 4
FPS = 15.0


def engine(folder: Path, compiler: str, flags: str) -> Path:
    """Build the engine with a sanitizer; skip if the compiler has none."""
    if HERE.missing:
        pytest.skip(f"there is no {' and no '.join(HERE.missing)}")
    (folder / "empty.cpp").write_text("int main() {}")
    command = [compiler, *flags.split(), folder / "empty.cpp", "-o", folder / "empty"]
    if subprocess.run([*map(str, command)], capture_output=True).returncode:
        pytest.skip(f"{compiler} has no {flags}")
    fuzz.build_debug(folder, compiler, flags)
    return folder


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """Return a folder with the engine built for fuzzing; None if there is no fuzzer."""
    if fuzz.missing() or HERE.missing:
        return None
    return fuzz.build_engine(tmp_path_factory.mktemp("fuzz"))


def run_under(folder: Path, compiler: str, flags: str, name: str, *arguments: object) -> str:
    """Run a program of tests/native; an error of a sanitizer ends it with an error code."""
    source = ROOT / "tests" / "native" / f"{name}.cpp"
    program = link(folder, compiler, source, flags.split(), static=False)
    return run(program, BUNDLED_WEIGHTS, *arguments)


def test_no_address_is_wrong_and_no_behaviour_undefined(
    fuzzed: Path | None, tmp_path: Path
) -> None:
    compiler = fuzz.COMPILER if fuzzed else HERE.compiler
    built = (fuzzed or engine(tmp_path, compiler, fuzz.SANITIZERS), compiler, fuzz.SANITIZERS)
    golden(MOTIONS)[0].tofile(tmp_path / "motions")
    run_under(*built, "run_backends", tmp_path / "motions")
    (tmp_path / "weights").write_bytes(safetensors_bytes(random_teacher(), TEACHER_METADATA))
    steps = np.concatenate([golden(2)[0]] * 2)  # as motion and as appearance
    steps.tofile(tmp_path / "steps")
    source = ROOT / "tests" / "native" / "run_teacher.cpp"
    program = link(*built[:2], source, fuzz.SANITIZERS.split(), static=False)
    assert "portable" in run(program, tmp_path / "weights", tmp_path / "steps")
    assert "portable 1" in run_under(*built, "run_stream", 80, SECONDS)
    frame, _ = next(iter(VideoFile(BUNDLED_WEIGHTS.parent / "demo.mp4")))
    frame.tofile(tmp_path / "frame")
    height, width = frame.shape[:2]
    source = ROOT / "tests" / "native" / "run_face.cpp"
    program = link(*built[:2], source, fuzz.SANITIZERS.split(), static=False)
    assert len(run(program, mtcnn.WEIGHTS, tmp_path / "frame", width, height).split()) > 10


def test_the_c_interface_is_used_without_a_mistake(fuzzed: Path | None, tmp_path: Path) -> None:
    compiler = fuzz.COMPILER if fuzzed else HERE.compiler
    folder = fuzzed or engine(tmp_path, compiler, fuzz.SANITIZERS)
    source, example = ROOT / "examples" / "raw_frames.c", tmp_path / "raw_frames"
    flags = [*fuzz.SANITIZERS.split(), "-g1", "-pthread"]
    include = ROOT / "csrc" / "include"
    run(compiler, *flags, "-x", "c", "-std=c99", f"-I{include}", "-c", source, "-o", f"{example}.o")
    run(compiler, *flags, f"{example}.o", folder / "librppg_fast.a", "-o", example)
    clip = b"".join(frame.tobytes() for frame, _ in skin(frame_times(FPS, SECONDS), 66.0))
    (tmp_path / "clip").write_bytes(clip)
    printed = run(example, tmp_path / "clip", SIZE, SIZE, FPS, 2, 3, 68, 71)
    assert float(printed.split()[0]) == pytest.approx(66.0, abs=1.0)
    frames = [frame for frame, _ in skin(frame_times(FPS, 1.0), 66.0)]
    for layout in [*FORMATS, "y4m", "mjpg"]:
        side = SIZE if layout in EVEN_WIDTH else SIZE - 1
        shown = [frame[:side, :side] for frame in frames]
        options = ["--format", layout, "--fps", str(FPS)]
        if layout == "y4m":
            header = f"YUV4MPEG2 W{side} H{side} F30:1 It C420p10\n".encode()
            data = header + b"".join(b"FRAME\n" + pack(frame, "i010") for frame in shown)
        elif layout == "mjpg":
            data = b"".join(cv2.imencode(".jpg", frame)[1].tobytes() for frame in shown)
        else:
            data = b"".join(pack(frame, layout) for frame in shown)
            options += ["--size", f"{side}x{side}"]
        for box in (["--box", "2,3,68,71"], []):
            command = [str(folder / "rppg-fast-stream"), *options, *box]
            done = subprocess.run(command, input=data, capture_output=True, timeout=300)
            absent = layout == "mjpg" and b"no decoder" in done.stderr
            assert done.returncode == 0 or absent, done.stderr.decode()


def test_many_streams_in_many_threads_do_not_race(tmp_path: Path) -> None:
    flags = "-fsanitize=thread"
    built = (engine(tmp_path, HERE.compiler, flags), HERE.compiler, flags)
    assert run_under(*built, "run_threads", THREADS, SECONDS) == "different 0\n"


@pytest.mark.parametrize("target", fuzz.TARGETS)
def test_fuzzing_finds_nothing(target: str, fuzzed: Path | None) -> None:
    if fuzzed is None:
        pytest.skip(fuzz.missing() or "there is no cmake")
    done = fuzz.fuzz(fuzzed, target, FUZZ_SECONDS)
    assert done.returncode == 0, done.stderr[-4000:]
