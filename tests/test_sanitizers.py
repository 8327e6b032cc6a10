"""The engine under the compilers' sanitizers, and in front of a fuzzer."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bench.engine import ROOT, link, run
from rppg_fast.student import BUNDLED_WEIGHTS
from rppg_fast.video import VideoFile
from tests import fuzz, mtcnn
from tests.clips import SIZE, frame_times, skin
from tests.golden import golden
from tests.test_native import HERE

pytestmark = pytest.mark.slow

# Of each program: what is wrong shows at once, if at all.
FUZZ_SECONDS = 4
MOTIONS, SECONDS, THREADS = 4, 10.5, 4
FPS = 15.0


def engine(folder: Path, compiler: str, flags: str) -> Path:
    """Build the engine with a sanitizer, or skip where the compiler has none."""
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
    """Return a folder with the engine as a fuzzer needs it, None where there is no fuzzer."""
    if fuzz.missing() or HERE.missing:
        return None
    return fuzz.build_engine(tmp_path_factory.mktemp("fuzz"))


def run_under(folder: Path, compiler: str, flags: str, name: str, *arguments: object) -> str:
    """Run a program of tests/native; what a sanitizer finds ends it with an error."""
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
    for layout, side in (("bgr24", SIZE), ("nv12", SIZE - 1), ("yuyv", SIZE)):
        even = side + side % 2
        frame = {"bgr24": 3 * side**2, "nv12": side**2 + even**2 // 2, "yuyv": 2 * side**2}[layout]
        size = ["--size", f"{side}x{side}", "--format", layout, "--fps", str(FPS)]
        program = [str(folder / "rppg-fast-stream"), *size]
        whole = clip[: 40 * frame]
        for box in (["--box", "2,3,68,71"], []):
            done = subprocess.run([*program, *box], input=whole, capture_output=True, timeout=300)
            assert done.returncode == 0, done.stderr.decode()


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
