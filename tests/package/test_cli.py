from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rppg_fast as rf
from rppg_fast.cli import BAD_INPUT, INTERRUPTED, NO_HEART_RATE, OK, main
from rppg_fast.results import ResultsFile, ResultsStream, open_results
from rppg_fast.yuv import AnyFrame
from tests.support.clips import BOX, frame_times, skin, write_video

BOX_TEXT = ",".join(map(str, BOX))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with videos of every kind that a user may give."""
    folder = tmp_path_factory.mktemp("videos")
    for name, seconds in (("skin.avi", 12.0), ("short.avi", 3.0), ("one.avi", 0.0)):
        write_video(folder / name, skin(frame_times(30.0, seconds), 72.0), 30.0)
    write_video(folder / "still.avi", skin(frame_times(30.0, 12.0), 72.0, amplitude=0.0), 30.0)
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.mp4").write_text("Not a video at all.\n" * 40)
    (folder / "cut.avi").write_bytes((folder / "skin.avi").read_bytes()[:3000])
    return folder


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rppg_fast.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_good_video_gives_a_line_and_zero(folder: Path) -> None:
    done = run("measure", folder / "skin.avi", "--box", BOX_TEXT)
    assert done.returncode == OK
    assert done.stderr == ""
    line = done.stdout.strip()
    assert "\n" not in line
    assert line.startswith(f"{folder / 'skin.avi'}: 7")
    assert "bpm (confidence 0.9" in line or "bpm (confidence 1.0" in line
    assert "8 of 8 windows" in line
    assert "361 frames at 30.00 fps" in line


@pytest.mark.parametrize(
    ("name", "options", "code", "said"),
    [
        ("skin.avi", [], NO_HEART_RATE, "no heart rate, no_face: no face was found"),
        ("one.avi", [], NO_HEART_RATE, "no heart rate, no_face"),
        (
            "short.avi",
            ["--box", BOX_TEXT],
            NO_HEART_RATE,
            "no heart rate, warming_up: a face must be seen for 5 s, of 3.0 s of video",
        ),
        (
            "one.avi",
            ["--box", BOX_TEXT],
            NO_HEART_RATE,
            "warming_up: a face must be seen for 5 s, of 0.0 s of video;"
            " a smaller --min-window accepts less",
        ),
        (
            "still.avi",
            ["--box", BOX_TEXT],
            NO_HEART_RATE,
            "no heart rate, low_signal: no pulse that",
        ),
        ("empty.mp4", [], BAD_INPUT, "empty.mp4: the file is empty"),
        ("text.mp4", [], BAD_INPUT, "text.mp4: not a video that FFmpeg can read"),
        ("cut.avi", [], BAD_INPUT, "cut.avi: not"),
        ("none.mp4", [], BAD_INPUT, "none.mp4: no such file"),
        ("skin.avi", ["--box", "0,0,500,500"], BAD_INPUT, "box (0, 0, 500, 500) leaves the frame"),
        ("skin.avi", ["--weights", "none.safetensors"], BAD_INPUT, "none.safetensors: No such"),
        ("skin.avi", ["--window", "-3"], BAD_INPUT, "window must be positive"),
        (
            "skin.avi",
            ["--box", BOX_TEXT, "--fps", "7"],
            NO_HEART_RATE,
            "7.0 frames per second are too few for heart rates up to 4 Hz: --high 3.5 would do",
        ),
        (
            "skin.avi",
            ["--box", BOX_TEXT, "--fps", "3"],
            NO_HEART_RATE,
            "3.0 frames per second are too few for heart rates up to 4 Hz: 3.4 are the least",
        ),
        ("skin.avi", ["--min-window", "0"], BAD_INPUT, "least window must be positive"),
        ("skin.avi", ["--max-gap", "0"], BAD_INPUT, "longest gap must be positive"),
        ("skin.avi", ["--high", "20"], BAD_INPUT, "half the sampling rate"),
        ("skin.avi", ["--fps", "0"], BAD_INPUT, "fps must be a positive number"),
        ("skin.avi", ["--step", "0"], BAD_INPUT, "step must be a positive number"),
        ("skin.avi", ["--reference", "x.txt"], BAD_INPUT, "also give --plot"),
        (
            "skin.avi",
            ["--faces", "all"],
            NO_HEART_RATE,
            "no heart rate, no_face: no face was found",
        ),
        ("skin.avi", ["--faces", "all", "--box", BOX_TEXT], BAD_INPUT, "box is for one face"),
        ("skin.avi", ["--faces", "all", "--plot", "x.png"], BAD_INPUT, "--plot draws one face"),
        ("skin.avi", ["--faces", "all", "--tracking", "paper"], BAD_INPUT, "tracking is for one"),
        (
            "skin.avi",
            ["--method", "pos", "--weights", "x"],
            BAD_INPUT,
            "--weights are not used by --method pos",
        ),
    ],
)
def test_everything_else_is_one_clear_line_and_its_exit_code(
    folder: Path, name: str, options: list[str], code: int, said: str
) -> None:
    done = run("measure", folder / name, *options)
    assert done.returncode == code
    line = (done.stderr if code == BAD_INPUT else done.stdout).strip()
    assert said in line
    assert len((done.stdout + done.stderr).strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_times_in_milliseconds_are_named_in_one_line(folder: Path) -> None:
    """The container says 0.2 frames per second, so every frame comes after a gap."""
    done = run("measure", folder / "short.avi", "--box", BOX_TEXT, "--fps", "0.2")
    assert done.returncode == NO_HEART_RATE
    (warning,) = done.stderr.strip().splitlines()
    assert warning.startswith(f"rppg-fast: {folder / 'short.avi'}: 10 times a frame came more than")
    assert "divide milliseconds by 1000" in warning
    (line,) = done.stdout.strip().splitlines()
    assert "no heart rate, gap" in line


def test_a_bad_box_is_explained_by_the_command_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["measure", str(folder / "skin.avi"), "--box", "1,2,3"])
    assert stopped.value.code == BAD_INPUT
    assert "'1,2,3' is not four whole numbers" in capsys.readouterr().err


def test_json_of_all_faces_has_an_object_for_each(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("skimage", reason="the people's portrait needs the extra 'train'")
    from tests.support.people import Person, filmed, still

    people = [Person(84.0, still(90.0)), Person(120.0, still(320.0), 1.15)]
    times = [index / 30 for index in range(330)]
    name = str(write_video(tmp_path / "two.avi", filmed(people, times), 30.0))
    assert main(["measure", name, "--faces", "all", "--json", "-"]) == OK
    found = json.loads(capsys.readouterr().out)
    assert [(one["video"], one["face"], one["status"]) for one in found] == [
        (name, 1, "ok"),
        (name, 2, "ok"),
    ]
    assert found[0]["heart_rate_bpm"] == pytest.approx(120.0, abs=3.0)
    assert found[1]["heart_rate_bpm"] == pytest.approx(84.0, abs=3.0)
    assert main(["measure", name, "--faces", "all"]) == OK
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"{name}, face 1", f"{name}, face 2"]
    assert main(["measure", name, "--tracking", "paper", "--json", "-"]) == OK
    (one,) = json.loads(capsys.readouterr().out)
    assert "face" not in one


def test_peaks_are_those_that_are_tried(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a confidence that no peak reaches, the last one that was tried is the candidate."""
    name = str(folder / "skin.avi")
    arguments = ["measure", name, "--box", BOX_TEXT, "--min-confidence", "1", "--json", "-"]
    for peaks in (1, 8):
        assert main([*arguments, "--peaks", str(peaks)]) == NO_HEART_RATE
        (found,) = json.loads(capsys.readouterr().out)
        expected = rf.measure(name, box=BOX, min_confidence=1.0, peaks=peaks)
        assert found["windows"] == [window.to_dict() for window in expected.windows]
    assert main([*arguments, "--peaks", "9"]) == BAD_INPUT
    assert "number of peaks must be from 1 to 8" in capsys.readouterr().err


def test_json_holds_every_good_video_and_nothing_is_lost_to_a_bad_one(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(folder / n) for n in ("skin.avi", "empty.mp4", "still.avi")]
    target = tmp_path / "out.json"
    assert main(["measure", *names, "--box", BOX_TEXT, "--json", str(target)]) == BAD_INPUT
    found = json.loads(target.read_text())
    assert [entry["video"] for entry in found] == [names[0], names[2]]
    assert found[0] == rf.measure(names[0], box=BOX).to_dict()
    assert found[1]["status"] == "low_signal"
    assert found[1]["heart_rate_bpm"] is None
    assert "empty.mp4: the file is empty" in capsys.readouterr().err


def test_json_on_standard_output_is_json_alone(folder: Path) -> None:
    done = run("measure", folder / "still.avi", "--box", BOX_TEXT, "--json", "-")
    assert done.returncode == NO_HEART_RATE
    assert json.loads(done.stdout)[0]["method"] == "fusion"


def test_json_that_cannot_be_written_is_named_after_the_result(folder: Path) -> None:
    done = run(
        "measure", folder / "skin.avi", "--box", BOX_TEXT, "--json", folder / "no" / "o.json"
    )
    assert done.returncode == BAD_INPUT
    assert "bpm" in done.stdout  # the results are not lost
    assert "o.json: No such file or directory" in done.stderr


@pytest.mark.parametrize("ending", ["png", "pdf", "svg"])
def test_plot_draws_pulse_and_spectrum(folder: Path, tmp_path: Path, ending: str) -> None:
    times = np.array(frame_times(30.0, 12.0)) - 1.0
    truth = tmp_path / "truth.txt"
    rows = (np.sin(2 * np.pi * 1.2 * times), np.full_like(times, 72.0), times)
    truth.write_text("\n".join(" ".join(map(str, row)) for row in rows))
    picture = tmp_path / f"pulse.{ending}"
    arguments = ["measure", str(folder / "skin.avi"), "--box", BOX_TEXT, "--plot", str(picture)]
    assert main([*arguments, "--reference", str(truth)]) == OK
    assert picture.stat().st_size > 5000


def test_the_plot_marks_the_window_s_own_peak(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib.figure import Figure

    from rppg_fast.plot import plot_measurement

    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: drawn.append(self))
    result = rf.measure(folder / "skin.avi", box=BOX)
    plot_measurement(result, "nowhere.png")
    legend = drawn[0].axes[1].get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    best = max(result.windows, key=lambda window: window.snr_db or 0.0)
    assert best.heart_rate_bpm is not None
    assert labels == [f"predicted: {best.heart_rate_bpm:.1f} bpm"]


def test_a_plot_without_a_window_is_left_out(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "p.png"
    code = main(["measure", str(folder / "short.avi"), "--box", BOX_TEXT, "--plot", str(target)])
    assert code == NO_HEART_RATE  # a valid answer
    assert "p.png: there is no window to plot" in capsys.readouterr().err
    assert not target.exists()


def test_two_videos_are_not_one_plot(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(folder / "skin.avi")] * 2
    assert main(["measure", *names, "--plot", "p.png"]) == BAD_INPUT
    assert "--plot draws one video" in capsys.readouterr().err


def test_a_reader_that_leaves_early_is_no_error() -> None:
    command = f"{sys.executable} -u -m rppg_fast.cli info | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    assert done.returncode == OK


def test_demo_prints_the_measured_and_the_true_rate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == OK
    printed = capsys.readouterr().out
    rates = [float(line.split(":")[1].split()[0]) for line in printed.splitlines() if "bpm" in line]
    assert rates[0] == pytest.approx(rates[1], abs=1.5)


def test_info_tells_what_is_running(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info"]) == OK
    printed = capsys.readouterr().out
    for expected in (rf.__version__, "portable", rf.Student.load().sha256, "-O3", "libavcodec"):
        assert expected in printed


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_is_shown_to_people_only(folder: Path) -> None:
    import pty

    parent, child = pty.openpty()
    pieces: list[bytes] = []

    def read() -> None:
        try:
            while piece := os.read(parent, 4096):
                pieces.append(piece)
        except OSError:
            pass  # Linux signals in this way that the other end is closed

    reader = threading.Thread(target=read)
    reader.start()
    command = [sys.executable, "-m", "rppg_fast.cli", "measure", str(folder / "skin.avi")]
    done = subprocess.run(
        [*command, "--box", BOX_TEXT], stdout=subprocess.PIPE, stderr=child, timeout=120
    )
    os.close(child)
    reader.join(timeout=10)
    os.close(parent)
    shown = b"".join(pieces).decode()
    assert done.returncode == OK
    assert "skin.avi [##" in shown
    assert shown.endswith("\r\033[K")


needs_full_disk = pytest.mark.skipif(
    not os.path.exists("/dev/full"), reason="needs /dev/full, a disk that is always full"
)


@needs_full_disk
def test_a_full_disk_loses_no_other_result(folder: Path, tmp_path: Path) -> None:
    full, picture = tmp_path / "full.png", tmp_path / "p.png"
    full.symlink_to("/dev/full")
    video = ("measure", folder / "skin.avi", "--box", BOX_TEXT)
    done = run(*video, "--json", "/dev/full", "--plot", picture)
    assert done.returncode == BAD_INPUT
    assert "bpm" in done.stdout
    assert picture.stat().st_size > 5000
    assert done.stderr == "rppg-fast: /dev/full: No space left on device\n"
    done = run(*video, "--json", tmp_path / "out.json", "--plot", full)
    assert done.returncode == BAD_INPUT
    assert "bpm" in done.stdout
    assert json.loads((tmp_path / "out.json").read_text())[0]["status"] == "ok"
    assert done.stderr == f"rppg-fast: {full}: No space left on device\n"


@needs_full_disk
@pytest.mark.parametrize("options", [[], ["--json", "-"]])
def test_a_full_standard_output_is_named(folder: Path, options: list[str]) -> None:
    command = [sys.executable, "-m", "rppg_fast.cli", "measure", str(folder / "still.avi")]
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [*command, "--box", BOX_TEXT, *options], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == BAD_INPUT
    assert done.stderr == "rppg-fast: standard output: No space left on device\n"


def test_results_are_whole_after_every_video_and_replace_old_ones_at_once(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A killed program leaves the state between two writes; no write is half done."""
    target = tmp_path / "out.json"
    target.write_text("what was there")
    seen: list[str] = []

    def watched(video: rf.Source, **options: object) -> rf.Measurement:
        seen.append(target.read_text())
        if len(seen) == 3:
            raise KeyboardInterrupt
        return rf.measure(video, box=BOX)

    monkeypatch.setattr("rppg_fast.cli.measure.measure", watched)
    names = [str(folder / "still.avi")] * 3
    assert main(["measure", *names, "--json", str(target)]) == INTERRUPTED
    assert seen[0] == "what was there"
    assert [len(json.loads(text)) for text in seen[1:]] == [1, 2]
    assert len(json.loads(target.read_text())) == 2
    assert os.listdir(tmp_path) == ["out.json"]


def test_a_write_that_fails_leaves_the_results_before_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = ResultsFile(str(tmp_path / "out.json"))
    one = rf.measure(folder / "one.avi", box=BOX)
    results.add(one)

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*out\.json'"):
        results.add(one)
    assert len(json.loads((tmp_path / "out.json").read_text())) == 1
    assert os.listdir(tmp_path) == ["out.json"]


def test_results_go_through_links_and_into_pipes(folder: Path, tmp_path: Path) -> None:
    one = rf.measure(folder / "one.avi", box=BOX)
    (tmp_path / "link.json").symlink_to(tmp_path / "real.json")
    results = open_results(str(tmp_path / "link.json"))
    results.add(one)
    results.finish()
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_text()) == [one.to_dict()]

    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()))
    reader.start()
    results = open_results(str(tmp_path / "pipe"))
    results.add(one)
    results.add(one)
    results.finish()
    reader.join()
    assert json.loads(read[0]) == [one.to_dict()] * 2


def test_no_result_is_an_empty_list(folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    for where in (str(target), "-"):
        done = run("measure", folder / "empty.mp4", "--json", where)
        assert done.returncode == BAD_INPUT
        assert json.loads(done.stdout or target.read_text()) == []


def test_a_video_that_ends_in_an_error_keeps_what_was_measured(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = rf.Source.__iter__

    def broken(self: rf.Source) -> Iterator[tuple[AnyFrame, float]]:
        for index, pair in enumerate(whole(self)):
            if index == 340:
                raise rf.VideoError("the disk is gone")
            yield pair

    monkeypatch.setattr(rf.Source, "__iter__", broken)
    target = tmp_path / "out.json"
    arguments = ["measure", str(folder / "skin.avi"), "--box", BOX_TEXT, "--json", str(target)]
    assert main(arguments) == BAD_INPUT
    said = capsys.readouterr()
    assert "340 frames" in said.out
    assert said.err.endswith("skin.avi: ended after 340 frames: the disk is gone\n")
    assert json.loads(target.read_text())[0]["heart_rate_bpm"] == pytest.approx(72.0, abs=1.0)


def test_names_that_standard_output_cannot_show(folder: Path, tmp_path: Path) -> None:
    odd = tmp_path / "h\u00e4nd\u2620.avi"
    odd.symlink_to(folder / "short.avi")
    done = subprocess.run(
        [sys.executable, "-m", "rppg_fast.cli", "measure", str(odd), "--box", BOX_TEXT],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
    )
    assert done.returncode == NO_HEART_RATE
    assert b"h\\xe4nd\\u2620.avi: no heart rate" in done.stdout


NUMBER = st.floats() | st.sampled_from([0.0, 1e-300, 1e-9, 1e9, 1e300]) | st.floats(0.1, 60.0)
OPTIONS = (
    "fps", "window", "min-window", "max-gap", "low", "high", "min-confidence", "step", "box-scale",
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    numbers=st.dictionaries(st.sampled_from(OPTIONS), NUMBER, max_size=4),
    box=st.none() | st.lists(st.integers(-10, 90), min_size=4, max_size=4),
    method=st.sampled_from(["student", "pos", "green", "fusion"]),
)
def test_any_options_give_json_or_one_line_that_says_why(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    numbers: dict[str, float],
    box: list[int] | None,
    method: str,
) -> None:
    arguments = ["measure", str(folder / "short.avi"), "--json", "-", "--method", method]
    arguments += [f"--{name}={value!r}" for name, value in numbers.items()]
    arguments += [] if box is None else [f"--box={','.join(map(str, box))}"]
    code = main(arguments)
    said = capsys.readouterr()
    if code == BAD_INPUT:
        assert len(said.err.splitlines()) == 1
        assert said.err.startswith("rppg-fast: ")
    entries = json.loads(said.out or "[]", parse_constant=pytest.fail)  # no NaN, no Infinity
    assert len(entries) == (code != BAD_INPUT)
    for entry in entries:
        assert (entry["status"] == "ok") == (code == OK) == (entry["heart_rate_bpm"] is not None)
        assert entry["frames"] + entry["skipped_frames"] == 91


READING = st.builds(
    rf.Reading,
    time_s=st.floats(allow_nan=False, allow_infinity=False),
    status=st.sampled_from(rf.Status),
    heart_rate_bpm=st.none() | st.floats(1.0, 300.0),
    snr_db=st.none() | st.floats(-60.0, 60.0),
    confidence=st.none() | st.floats(0.0, 1.0),
    start_s=st.floats(-1e9, 1e9),
    end_s=st.floats(-1e9, 1e9),
    coverage=st.floats(0.0, 1.0),
    candidate_bpm=st.none() | st.floats(1.0, 300.0),
    source=st.none() | st.sampled_from(["student", "pos", "chrom"]),
)


@settings(max_examples=30)
@given(name=st.text(), windows=st.lists(READING, max_size=4), count=st.integers(0, 2**53))
def test_any_measurement_comes_back_from_json(
    name: str, windows: list[rf.Reading], count: int
) -> None:
    empty = np.empty(0)
    measured = rf.Measurement(
        name, "student", rf.Status.GAP, None, None, None, 0.0, None, count, 0, 0.0, 0.0,
        rf.Box(0, 1, 2, 3), tuple(windows), empty, empty,
    )  # fmt: skip
    stream = io.StringIO()
    results = ResultsStream(stream, "text")
    for _ in range(2):
        results.add(measured)
    first, second = json.loads(stream.getvalue() + "]", parse_constant=pytest.fail)
    assert first == second == measured.to_dict()
    assert first["video"] == name
    for entry, window in zip(first["windows"], windows):
        assert (entry["start_s"], entry["end_s"]) == (window.start_s, window.end_s)
        assert entry["heart_rate_bpm"] == window.heart_rate_bpm
        assert entry["candidate_bpm"] == window.candidate_bpm
        assert (entry["coverage"], entry["source"]) == (window.coverage, window.source)
