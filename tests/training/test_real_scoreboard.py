"""The scoreboard of real video is right, and no clip without a face has the status ok."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage", "torch"):
    pytest.importorskip(module, reason="the scoreboard needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from rppg_fast.reference import Reference  # noqa: E402
from tests.support.people import Person, filmed, still  # noqa: E402
from training.data.timed_video import write_timed_video  # noqa: E402
from training.data.ubfc_format import write_ground_truth  # noqa: E402
from training.evaluate.scoreboard import main as scoreboard  # noqa: E402
from training.evaluate.scoreboard_items import Item  # noqa: E402
from training.evaluate.scoreboard_measure import pulse_windows  # noqa: E402
from training.evaluate.scoreboard_tables import Result, totals  # noqa: E402

pytestmark = pytest.mark.slow

RATE, FPS = 72.0, 30.0
# For a clear pulse in a portrait that does not move.
TOLERANCE_BPM = 1.0
# In a Hann window of 10 s, a tenth of a line's power is beyond 0.1 Hz and counts as noise.
LEAK_DB = 0.6

# Real clips of all kinds that take seconds instead of minutes.
SHORT = [
    *("evm_face.mp4", "face03.mp4", "face41.mp4", "face45.gif", "none05.mp4", "none06.mp4"),
    *("none07.mp4", "none08.mp4", "none10.gif", "none11.mp4"),
]


def result(
    truth: float | None,
    read: float | None,
    *,
    kind: str = "injected 0.6 %",
    own: float | None = None,
    alive: bool = True,
) -> Result:
    status = "low_signal" if read is None else "ok"
    window = {"start_s": 0.0, "end_s": 10.0, "status": status, "heart_rate_bpm": read}
    window |= {"snr_db": 1.0, "confidence": 0.9, "true_bpm": truth}
    pulse = {"peak_bpm": 80.0}
    if truth is not None:
        pulse |= {"true_bpm": truth, "true_rate_snr_db": 2.0}
    record: dict[str, Any] = {
        "status": status,
        "heart_rate_bpm": read,
        "true_bpm": None if read is None else truth,
        "share_with_face": 0.5,
        "took_s": 2.0,
        "windows": [window],
        "pulse": [pulse],
    }
    path = None if truth is None else Path("ground_truth.txt")
    return Result(Item("clip", Path("clip"), kind, path, own, alive), "student", record)


def test_totals_are_those_of_three_clips() -> None:
    sums = totals([result(80.0, 81.0), result(60.0, 67.0), result(100.0, None)])
    assert sums["clips"] == 3
    assert sums["ok_clips"] == 2
    assert sums["mae"] == pytest.approx(4.0)
    assert sums["worst"] == pytest.approx(7.0)
    assert sums["wrong_clips"] == sums["wrong_windows"] == 1
    assert sums["ok_windows"] == 2
    assert sums["top_right"] == pytest.approx(1 / 3)  # every highest peak is at 80
    assert sums["snr"] == pytest.approx(2.0)
    assert sums["clip_top_right"] == pytest.approx(1 / 3)
    assert sums["face"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("kind", "own", "alive", "read", "unexplained"),
    [
        ("none", None, False, 70.0, True),
        ("none", None, False, None, False),
        ("face", None, True, 70.0, False),
        ("negative photo-shaken", 70.0, False, 70.0, True),
        ("negative flicker", 70.0, True, 71.0, False),
        ("negative flicker", 70.0, True, 90.0, True),
        ("negative flicker", None, True, 90.0, True),
        ("negative grey", None, True, None, False),
    ],
)
def test_what_reads_ok_without_a_reason_is_counted(
    kind: str, own: float | None, alive: bool, read: float | None, unexplained: bool
) -> None:
    sums = totals([result(None, read, kind=kind, own=own, alive=alive)])
    assert sums["unexplained_clips"] == int(unexplained)
    assert sums["mae"] is None
    assert sums["wrong_clips"] is None


def test_a_pulse_is_judged_at_its_true_rate_whatever_was_read(tmp_path: Path) -> None:
    """A pulse of 72 bpm with a stronger rhythm of 150 bpm."""
    times = np.asarray((np.arange(450) + 0.5) / FPS, np.float64)
    pulse = np.sin(2 * np.pi * 1.2 * times) + 2 * np.sin(2 * np.pi * 2.5 * times)
    write_ground_truth(tmp_path / "t.txt", pulse, np.full_like(times, RATE), times)
    windows = pulse_windows(times, pulse, Reference.read(tmp_path / "t.txt"))
    assert len(windows) == 6  # 15 s hold six windows of 10 s
    assert windows[0]["peak_bpm"] == pytest.approx(150.0, abs=0.5)
    # Powers of 1 to 4; the stronger line is also away from the first harmonic of 72 bpm.
    alone = np.sin(2 * np.pi * 1.2 * times) + 2 * np.sin(2 * np.pi * 3.1 * times)
    for window in pulse_windows(times, alone, Reference.read(tmp_path / "t.txt")):
        assert window["true_rate_snr_db"] == pytest.approx(10 * np.log10(0.25), abs=LEAK_DB)
    after_a_gap = np.concatenate([times[:200], times[200:] + 3.0])
    assert len(pulse_windows(after_a_gap, pulse, None)) == 2  # pieces of 6.7 and 8.3 s
    assert pulse_windows(times[:120], pulse[:120], None) == []


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two real clips and an injected one, all of a portrait at rest."""
    root = tmp_path_factory.mktemp("scoreboard")
    times = [float(t) for t in np.arange(0, 12, 1 / FPS)]
    entries = []
    for name, people in (("face.nut", [Person(RATE, still(210.0))]), ("none.nut", [])):
        write_timed_video(root / name, filmed(people, times), "ffv1", 14)
        entry = {"file": name, "faces": len(people), "seen": "a test", "seconds": 12.0}
        agree = {"agree": 3, "windows": 3, "bpm": RATE} if people else None
        entry |= {"origin": "made up", "licence_of_origin": "none", "classical_agree": agree}
        entries.append(entry)
    (root / "catalogue.json").write_text(json.dumps(entries))
    clip = root / "injected" / "face-1.2-1"
    clip.mkdir(parents=True)
    (clip / "video.nut").write_bytes((root / "face.nut").read_bytes())
    truth = np.array(times)
    write_ground_truth(
        clip / "ground_truth.txt", np.sin(7.5 * truth), np.full_like(truth, RATE), truth
    )
    about = {"kind": "injected", "video": "video.nut", "amplitude_percent": 1.2}
    about["made_from"] = {"seed": 7}
    about |= {"carrier": {"file": "face.nut", "own_rate_bpm": None}}
    (clip / "clip.json").write_text(json.dumps(about))
    return root


def run(folder: Path, out: Path, *options: str) -> tuple[int, dict[str, Any]]:
    places = ["--catalogue", str(folder / "catalogue.json")]
    places += ["--injected", str(folder / "injected"), "--out", str(out)]
    code = scoreboard([*places, *options])
    return code, json.loads((out / "report.json").read_text())


def test_a_scoreboard_says_what_measure_says(folder: Path, tmp_path: Path) -> None:
    others = tmp_path / "others.json"
    said = {"face-1.2-1": 90.0, "none.nut": None, "face.nut": 71.5}
    others.write_text(json.dumps([{"program": "another", "clips": said}]))
    options = ("--methods", "student", "green", "teacher", "--others", str(others))
    code, found = run(folder, tmp_path / "out", *options)
    assert code == 0
    clips = {(clip["clip"], clip["method"]): clip for clip in found["clips"]}
    assert len(clips) == 9
    for method in ("student", "green", "teacher"):
        direct = rf.measure(folder / "face.nut", method=method)
        assert clips["face.nut", method]["heart_rate_bpm"] == direct.heart_rate_bpm
        assert len(clips["face.nut", method]["windows"]) == len(direct.windows)
        injected = clips["face-1.2-1", method]
        assert injected["true_bpm"] == pytest.approx(RATE, abs=1e-4)
        assert abs(injected["error_bpm"]) < TOLERANCE_BPM
        assert injected["share_with_face"] > 0.95
        assert all(window["true_rate_snr_db"] > 3.0 for window in injected["pulse"])
        assert injected["made_from"] == {"seed": 7}
        none = clips["none.nut", method]
        assert (none["status"], none["share_with_face"]) == ("no_face", 0.0)
    text = (tmp_path / "out" / "report.md").read_text()
    assert "| injected 1.2 % | another | 1 | 1 | 18.00 | 18.00 | 1 |" in text
    (agreed,) = (line for line in text.splitlines() if line.startswith("| face.nut | 72.0 |"))
    rate, confidence = (clips["face.nut", "student"][n] for n in ("candidate_bpm", "confidence"))
    assert rate == pytest.approx(RATE, abs=TOLERANCE_BPM)
    assert f" | {rate:.1f} ({confidence:.2f}) | " in agreed
    assert " | 71.5 | " in agreed
    assert clips["face.nut", "student"]["obstacles"] == []
    assert found["about"]["engine"]["version"] == rf.__version__


def test_what_was_measured_is_not_measured_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, before = run(folder, tmp_path, "--clips", "face.nut")

    def never(*arguments: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr("training.evaluate.scoreboard_measure.measure_clip", never)
    _, after = run(folder, tmp_path, "--clips", "face.nut")
    assert before["clips"] == after["clips"]
    with pytest.raises(AssertionError, match="measured again"):
        run(folder, tmp_path, "--clips", "face.nut", "--box-scale", "1.2")


def test_a_broken_clip_is_named_and_stops_no_other(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    entries = json.loads((folder / "catalogue.json").read_text())[:1]
    (tmp_path / "face.nut").write_bytes((folder / "face.nut").read_bytes())
    entries.append({**entries[0], "file": "bad.mp4"})
    (tmp_path / "catalogue.json").write_text(json.dumps(entries))
    (tmp_path / "injected").symlink_to(folder / "injected")
    code, found = run(tmp_path, tmp_path / "out")
    assert code == 3
    assert "bad.mp4" in capsys.readouterr().err
    assert [clip["clip"] for clip in found["clips"]] == ["face.nut", "face-1.2-1"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--clips", "nobody.mp4"], "no such clip: nobody.mp4"),
        (["--split", "test"], "nothing to measure"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    options: Sequence[str],
    reason: str,
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    places = ["--catalogue", str(folder / "catalogue.json"), "--out", str(tmp_path)]
    assert scoreboard([*places, *options]) == 2
    assert reason in capsys.readouterr().err


def test_ten_real_clips_are_read_right_or_not_at_all(data: Path, tmp_path: Path) -> None:
    catalogue = data / "real" / "catalogue.json"
    arguments = ["--catalogue", str(catalogue), "--methods", "student", "--out", str(tmp_path)]
    assert scoreboard([*arguments, "--clips", *SHORT]) == 0
    found = json.loads((tmp_path / "report.json").read_text())
    clips = {clip["clip"]: clip for clip in found["clips"]}
    assert set(clips) == set(SHORT)
    for name, clip in clips.items():
        assert not (name.startswith("none") and clip["status"] == "ok"), name
    face = clips["evm_face.mp4"]
    assert face["status"] == "ok"
    assert 50.0 <= face["heart_rate_bpm"] <= 60.0
