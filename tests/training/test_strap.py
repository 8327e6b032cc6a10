"""Beats of real fingers against a strap, and the tools that compare them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

for module in ("scipy", "av", "cv2", "tqdm"):
    pytest.importorskip(module, reason="the comparison needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from training.data.strap import nearest, read_intervals, strap_beats  # noqa: E402
from training.evaluate.beats import (  # noqa: E402
    SPLIT,
    Compared,
    compare,
    evaluate,
    main,
    markdown,
    of_finger,
)

# The median error of good intervals of a finger's record may be this, ms.
MEDIAN_LIMIT_MS = 25.0
# SDNN of a record of more than a minute, relative error. 0.08 was seen.
SDNN_LIMIT = 0.1
# Half of the step between the offsets that are tried, s.
OFFSET_TOLERANCE = 0.006


def held_out(data: Path) -> dict[str, Compared | None]:
    """Return the records that no setting was chosen on."""
    names = json.loads(SPLIT.read_text(encoding="utf-8"))["report"]
    return {name: of_finger(data / "pulse" / "welltory" / name) for name in names}


def test_good_beats_of_real_fingers_are_those_of_the_strap(data: Path) -> None:
    compared = [one for one in held_out(data).values() if one is not None]
    assert len(compared) == 10
    error = np.concatenate([one.error for one in compared])
    good = np.concatenate([one.good for one in compared])
    assert good.sum() > 600
    assert np.median(error[good]) <= MEDIAN_LIMIT_MS
    assert np.isfinite(error[good]).all(), "a beat was missed or is too much"
    # The quality tells which those are.
    doubtful = np.nan_to_num(error[~good], nan=1000.0)
    assert np.median(doubtful) > 1.5 * np.median(error[good])
    assert np.mean(doubtful > MEDIAN_LIMIT_MS) > 5 * np.mean(error[good] > MEDIAN_LIMIT_MS)
    for one in compared:
        if one.good.any():
            assert np.median(one.error[one.good]) <= MEDIAN_LIMIT_MS
        if one.sdnn is not None:
            assert one.sdnn == pytest.approx(one.true_sdnn, rel=SDNN_LIMIT)
    assert sum(one.sdnn is not None for one in compared) >= 6


def test_a_saturated_sensor_has_no_good_beat(data: Path) -> None:
    of = held_out(data)["subject_20"]
    assert of is None or not of.good.any()


def test_the_strap_is_put_on_the_clock_of_the_pulse() -> None:
    rng = np.random.default_rng(0)
    intervals = rng.uniform(0.7, 1.0, 80)
    strap = np.cumsum(intervals)
    beats = np.delete(strap + 3.3, [5, 30]) + 0.005 * rng.standard_normal(78)
    found = strap_beats(intervals, np.sort(np.append(beats, 40.1)))
    np.testing.assert_allclose(found[1:] - strap, 3.3, atol=OFFSET_TOLERANCE)


def test_missed_beats_and_beats_too_many_have_no_true_interval() -> None:
    truth = np.linspace(0.0, 15.2, 20)
    times = np.sort(np.append(np.delete(truth, 8), 12.4))
    found = rf.Beats(times, np.ones(20), np.diff(times))
    compared = compare(found, truth, np.ones(19, np.bool_), 16.0)
    assert np.isnan(compared.error).sum() == 3  # one over the missed beat, two around the other
    assert np.nanmax(compared.error) == pytest.approx(0.0, abs=1e-9)
    assert (compared.missed, compared.beats) == (1, 20)


def test_nearest_is_the_nearest() -> None:
    times = np.array([0.0, 1.0, 3.0])
    wanted = np.array([-5.0, 0.4, 0.6, 1.9, 2.1, 9.0])
    assert nearest(times, wanted).tolist() == [0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("text", ["", "800 x", "800 -1", "800 nan"])
def test_broken_intervals_are_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "RR.txt").write_text(text)
    with pytest.raises(ValueError, match=r"RR\.txt: "):
        read_intervals(tmp_path / "RR.txt")


def test_no_beat_has_no_place_on_a_clock() -> None:
    with pytest.raises(ValueError, match="no beat to compare"):
        strap_beats(np.ones(10), np.empty(0))


def test_the_report_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Made-up records with one sensor for both, so that the errors are those of the method."""
    rng = np.random.default_rng(0)
    split = json.loads(SPLIT.read_text(encoding="utf-8"))
    for name in (*split["settings"], *split["report"]):
        folder = tmp_path / name
        folder.mkdir()
        intervals = 0.85 + 0.05 * rng.standard_normal(80)
        beats = np.cumsum(intervals)
        times = np.arange(0.0, beats[-1], 1 / 30)
        red = 200 - 5 * np.exp(-0.5 * ((times[:, None] - beats) / 0.1) ** 2).sum(axis=1)
        rows = [f"{1000 * t:.0f},{r:.4f},0,0" for t, r in zip(times, red)]
        (folder / "PPG.csv").write_text("time,R,G,B\n" + "\n".join(rows))
        (folder / "RR.txt").write_text(" ".join(f"{1000 * i:.0f}" for i in intervals))
    assert main(["--fingers", str(tmp_path), "--out", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out" / "beats.json").read_text(encoding="utf-8"))
    assert capsys.readouterr().out == markdown(report)
    assert [row["recordings"] for row in report["sets"]] == [11, 10]
    assert all(row["good_median_ms"] < 5 and row["good_wrong"] == 0 for row in report["sets"])
    assert len(report["records"]) == 21
    assert evaluate(None, []) == {"sets": [], "records": []}
