"""Known pulses in carriers, read as whole recordings by methods and by networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

for module in ("torch", "scipy", "av", "tqdm", "cv2"):
    pytest.importorskip(module, reason="evaluation needs the extra 'train'")

from rppg_fast.student import BUNDLED_WEIGHTS  # noqa: E402
from tests.support.made_up_carriers import JUMP, VIEWS, make_carriers  # noqa: E402
from training.data.carriers import Carriers  # noqa: E402
from training.data.finger import Finger  # noqa: E402
from training.evaluate.estimators import open_source  # noqa: E402
from training.evaluate.injected import (  # noqa: E402
    InjectedClip,
    Reading,
    injected_clips,
    main,
    markdown,
    measures,
    read,
    summary,
    wave_of,
)

# A strong pulse in still skin: nothing but the window's resolution is in the way.
CLEAR, CLEAR_TOLERANCE = 1.2, 0.5
# A jump by half of the brightness would be a hundred times the usual change.
MOST_STEP = 8


@pytest.fixture(scope="module")
def carriers(tmp_path_factory: pytest.TempPathFactory) -> Carriers:
    return make_carriers(tmp_path_factory.mktemp("carriers"))


def finger() -> Finger:
    """A minute of a made-up finger that beats evenly, 72 a minute, with a second harmonic."""
    times = np.arange(0, 70, 1 / 60)
    phase = 2 * np.pi * 1.2 * times
    return Finger("made up", times, 20 * np.sin(phase) + 6 * np.sin(2 * phase + 0.6))


@pytest.fixture(scope="module")
def clips(carriers: Carriers) -> list[InjectedClip]:
    return list(injected_clips(carriers, [finger()], (CLEAR, 0.3), repeats=2))


def test_all_boxes_and_amplitudes_of_a_video_get_the_same_pulse(clips: list[InjectedClip]) -> None:
    assert len(clips) == 2 * len(VIEWS) * 2 * 2
    rates: dict[str, set[float]] = {}
    for clip in clips:
        key = f"{clip.person} {clip.name.rpartition(' ')[2]}"
        rates.setdefault(key, set()).add(round(clip.heart_rate, 1))
        assert 45 <= clip.heart_rate <= 150
    assert len(rates) == 4
    assert all(len(found) == 1 for found in rates.values())
    assert len({min(found) for found in rates.values()}) == 4


@pytest.mark.parametrize("source", ["pos", "chrom", "green", f"student={BUNDLED_WEIGHTS}"])
def test_a_clear_pulse_is_read_where_the_box_stays_and_where_it_moves(
    clips: list[InjectedClip], source: str
) -> None:
    reader = open_source(source)
    for clip in clips:
        if clip.amplitude == CLEAR:
            assert abs(read(reader, clip).error) < CLEAR_TOLERANCE


def test_the_pulse_does_not_jump_where_the_box_moves(clips: list[InjectedClip]) -> None:
    """By half of the box's skin: a jump there would be a hundred times the pulse."""
    moved = next(clip for clip in clips if clip.view == "followed 1.4" and clip.amplitude == CLEAR)
    darker = moved.seen.copy()
    darker[JUMP:] *= 0.5
    jump = InjectedClip(
        moved.name, moved.person, moved.view, moved.amplitude, darker, moved.times, moved.heart_rate
    )
    for source in ("green", "pos", f"student={BUNDLED_WEIGHTS}"):
        reader = open_source(source)
        assert abs(read(reader, jump).error) < CLEAR_TOLERANCE
        wave = wave_of(reader, jump)
        assert np.abs(np.diff(wave)).max() < MOST_STEP * np.diff(wave).std()


def test_measures_and_their_summary() -> None:
    readings = [Reading(1.0, 2.0), Reading(-4.0, 0.0), Reading(0.5, float("nan"))]
    assert measures(readings) == pytest.approx((5.5 / 3, 2 / 3, 1.0))
    clips = [("a", "fixed", 0.3), ("b", "fixed", 0.3), ("a", "fixed", 1.2)]
    rows = summary(clips, {"one": readings, "two": readings[::-1]}, seed=1)
    assert [(r["amplitude_percent"], r["source"], r["clips"], r["persons"]) for r in rows] == [
        (0.3, "one", 2, 2),
        (0.3, "two", 2, 2),
        (1.2, "one", 1, 1),
        (1.2, "two", 1, 1),
    ]
    assert rows[0]["mae_bpm"] == 2.5
    low, high = rows[0]["mae_bpm_interval"]
    assert low == 1.0
    assert high == 4.0
    text = markdown(rows)
    assert "| fixed | one | 2.50 | 50 % | 1.00 | 0.50 | 100 % | nan |" in text


def test_the_command_writes_what_it_prints(
    carriers: Carriers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / "fingers" / "subject_01"
    record.mkdir(parents=True)
    made = finger()
    rows = [f"{1000 * t:.3f},{100 - p:.5f},0,0" for t, p in zip(made.times, made.ppg)]
    (record / "PPG.csv").write_text("time,R,G,B\n" + "\n".join(rows) + "\n", encoding="utf-8")
    given = ["--carriers", str(carriers.clips.folder), "--fingers", str(record.parent)]
    out = tmp_path / "out"
    assert main([*given, "--out", str(out), "--repeats", "1", "green", "pos"]) == 0
    report = json.loads((out / "injected.json").read_text(encoding="utf-8"))
    assert capsys.readouterr().out == (out / "injected.md").read_text(encoding="utf-8")
    assert {row["source"] for row in report["rows"]} == {"green", "pos"}
    assert {row["clips"] for row in report["rows"]} == {2}
    assert len(report["clips"]) == 2 * 2 * 3
    assert set(report["sources"]) == {"green", "pos"}
    mixed = make_carriers(tmp_path / "mixed", people=("face10.mp4", "bert"))
    given[1] = str(mixed.clips.folder)
    assert main([*given, "--choosing", "--out", str(out), "green"]) == 0
    report = json.loads((out / "injected.json").read_text(encoding="utf-8"))
    assert {clip["person"] for clip in report["clips"]} == {"face10.mp4"}


def test_carriers_that_may_hold_a_pulse_are_not_for_tests(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    carriers = make_carriers(tmp_path / "carriers", for_tests=False)
    assert not list(injected_clips(carriers, [finger()]))
    short = make_carriers(tmp_path / "short", seconds=4.5)
    assert not list(injected_clips(short, [finger()]))
