"""Results beside the truth: what is compared with what, and what comes out."""

from __future__ import annotations

import csv
import json
import math
import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.evaluation.compare import BINS
from rppg_fast.many.results import VideoResult
from rppg_fast.many.table import Table
from tests.support.made_up_results import (
    FIRST_BPM,
    LAST_BPM,
    SECONDS,
    WRITERS,
    finger,
    result,
    rising,
    window,
    write_lines,
    write_own,
    write_table,
    write_ubfc,
)

# The rate rises by 7.5 bpm in a window; the peak of its spectrum is near the middle.
RATE_TOLERANCE_BPM = 1.0
# Of a spectrum by SciPy; see test_metrics.
SNR_TOLERANCE_DB = 0.05


def test_measures_are_those_of_the_readings_that_were_given(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    true = random.uniform(55, 110, 30)
    read = true + random.normal(1, 3, 30)
    given = [i % 4 != 0 for i in range(30)]
    results = [result(f"{i}.mp4", read[i] if given[i] else None) for i in range(30)]
    table = write_table(
        tmp_path / "truth.csv",
        "video,heart_rate_bpm,subject,stratum",
        *(f"{i}.mp4,{true[i]},p{i // 3},{'dark' if i % 2 else 'light'}" for i in range(30)),
    )
    found = rf.evaluate(write_lines(tmp_path / "results.jsonl", results), table)
    for group, chosen in (
        ("all", range(30)),
        ("dark", range(1, 30, 2)),
        ("light", range(0, 30, 2)),
    ):
        kind = "all" if group == "all" else "stratum"
        summary = found.summary("recordings", kind, group)
        with_reading = [i for i in chosen if given[i]]
        errors = [float(read[i] - true[i]) for i in with_reading]
        assert summary.recordings == summary.compared == len(chosen)
        assert summary.read == len(with_reading)
        values = summary.values
        assert values["coverage"] == pytest.approx(len(with_reading) / len(chosen))
        assert values["mae"] == pytest.approx(statistics.fmean(map(abs, errors)))
        assert values["rmse"] ** 2 == pytest.approx(statistics.fmean(e * e for e in errors))
        assert values["mape"] == pytest.approx(
            statistics.fmean(100 * abs(e) / true[i] for e, i in zip(errors, with_reading))
        )
        assert values["pearson"] == pytest.approx(
            np.corrcoef(read[with_reading], true[with_reading])[0, 1]
        )
        assert values["bias"] == pytest.approx(statistics.fmean(errors))
        spread = 1.96 * statistics.stdev(errors)
        assert values["upper_limit"] - values["bias"] == pytest.approx(spread)
        assert values["bias"] - values["lower_limit"] == pytest.approx(spread)
        assert math.isnan(values["snr_db"])  # there is no pulse
        for name in ("mae", "rmse", "pearson", "bias", "coverage"):
            low, high = summary.intervals[name]
            assert low <= values[name] <= high
            assert low < high or values[name] == 1.0
    assert found.summary().subjects == 10


def test_whole_subjects_are_resampled(tmp_path: Path) -> None:
    """One subject is 6 bpm off in 50 videos: the interval goes from no error to twice the mean."""
    results = [result(f"{i}", 66.0 if i < 50 else 60.0) for i in range(60)]
    subjects = ["a"] * 50 + ["b"] * 10
    table = write_table(
        tmp_path / "truth.csv",
        "video,heart_rate_bpm,subject",
        *(f"{i},60,{subject}" for i, subject in enumerate(subjects)),
    )
    summary = rf.evaluate(results, table).summary()
    assert summary.intervals["mae"] == (0.0, 6.0)
    assert rf.evaluate(results, table, seed=1).summary().values == pytest.approx(
        summary.values, nan_ok=True
    )


@pytest.mark.parametrize("name", WRITERS)
def test_the_truth_of_a_finger_is_read_in_the_videos_windows(name: str, tmp_path: Path) -> None:
    WRITERS[name](tmp_path / "set" / name)
    ends = np.arange(10.0, SECONDS - 0.5)
    windows = [window(end, rate) for end, rate in zip(ends.tolist(), rising(ends - 5).tolist())]
    video = f"{tmp_path}/set/{name}/vid.avi"
    found = rf.evaluate([result(video, 75.0, windows)], tmp_path / "set")
    assert found.summary("windows").compared == len(ends)
    (compared,) = found.recordings
    np.testing.assert_allclose(compared.windows["true"], rising(ends - 5), atol=RATE_TOLERANCE_BPM)
    assert float(compared.recordings["true"][0]) == pytest.approx(
        (FIRST_BPM + LAST_BPM) / 2, abs=RATE_TOLERANCE_BPM
    )
    subject = {"01-02": "01", "anna monday": "anna"}.get(name, name)
    assert compared.subject == subject


def test_the_truth_is_that_of_the_part_that_was_measured(tmp_path: Path) -> None:
    write_ubfc(tmp_path / "subject1")
    early = rf.evaluate(
        write_table(tmp_path / "a.csv", "video,heart_rate,duration_s", "subject1.avi,66,15"),
        tmp_path,
    )
    late = rf.evaluate([result("subject1.avi", 80.0, [window(38.0, 80.0)])], tmp_path)
    whole = rf.evaluate(
        write_table(tmp_path / "b.csv", "video,heart_rate", "subject1.avi,75"), tmp_path
    )
    true = [float(one.recordings[0].recordings["true"][0]) for one in (early, late, whole)]
    expected = [rising(np.array(at)) for at in (8.5, 33.0, 20.0)]
    # The rate is held before the middle of the first window, 5 s, and after that of the last.
    np.testing.assert_allclose(true, expected, atol=2 * RATE_TOLERANCE_BPM)
    assert "windows" not in whole.reliability


def test_windows_beyond_the_finger_are_left_out_and_counted(tmp_path: Path) -> None:
    write_own(tmp_path / "anna")
    windows = [window(end, 70.0) for end in (10.0, 20.0, 43.0)]
    found = rf.evaluate([result("anna/video.mkv", 70.0, windows)], tmp_path)
    assert found.recordings[0].windows_without_truth == 1
    assert found.summary("windows").compared == 2
    assert "1 windows have no true heart rate" in found.to_text()


def test_rates_of_a_table_hold_until_the_next_one(tmp_path: Path) -> None:
    table = write_table(tmp_path / "truth.csv", "video,start_s,hr", "a,0,60", "a,10,70", "a,30,100")
    windows = [window(end, 60.0) for end in (10.0, 15.0, 25.0, 35.0)]
    (compared,) = rf.evaluate([result("a", 70.0, windows)], table).recordings
    np.testing.assert_allclose(compared.windows["true"], [60.0, 65.0, 70.0, 85.0])
    # From 0 to 35 s: 10 s of 60, 20 s of 70, 5 s of 100.
    assert float(compared.recordings["true"][0]) == pytest.approx((600 + 1400 + 500) / 35)


def test_one_rate_of_a_whole_recording_is_not_that_of_its_windows(tmp_path: Path) -> None:
    table = write_table(tmp_path / "truth.csv", "video,hr", "a,60")
    found = rf.evaluate([result("a", 70.0, [window(10.0, 60.0)])], table)
    assert [summary.level for summary in found.summaries] == ["recordings"]
    assert found.recordings[0].windows_without_truth == 1


def test_the_accuracy_is_that_of_the_bin_of_confidence_with_withheld_rates(tmp_path: Path) -> None:
    table = write_table(tmp_path / "truth.csv", "video,start_s,hr", "a,0,60", "b,0,60")
    windows = [
        window(10.0, 60.0, 0.95),
        window(11.0, 66.0, 0.99),
        window(12.0, 64.9, 1.0),
        window(13.0, None, 0.31, candidate=62.0),
        window(14.0, None, 0.39, candidate=90.0),
    ]
    found = rf.evaluate([result("a", 60.0, windows), result("b", None, windows[:1])], table)
    low, high = found.reliability["windows"]
    assert (low.low, low.high, low.count) == (BINS[3], BINS[4], 2)
    assert low.within_5 == 0.5
    assert low.confidence == pytest.approx(0.35)
    assert (high.count, high.within_5) == (4, 0.75)
    assert found.summary("windows").values["coverage"] == pytest.approx(4 / 6)


def test_measurements_have_an_snr_at_the_true_rate(tmp_path: Path) -> None:
    signal = pytest.importorskip("scipy.signal")
    times, pulse = finger(30)
    pulse = pulse + np.random.default_rng(3).normal(0, 0.5, pulse.size)
    one = rf.Reading(20.0, rf.Status.OK, 67.0, 1.0, 0.9, 10.0, 20.0, candidate_bpm=67.0)
    measurement = rf.Measurement(
        *("subject1.avi", "student", rf.Status.OK, 70.0, 1.0, 0.9, 1.0, 1.0, 1200, 0, 40.0, 30.0),
        *(None, (one,), times, pulse),
    )
    write_ubfc(tmp_path / "subject1")
    found = rf.evaluate([measurement], tmp_path)
    true = float(found.recordings[0].windows["true"][0]) / 60
    inside = pulse[(times >= 10) & (times <= 20)]
    bins = rf.spectrum(inside, 30).power.size
    frequencies, power = signal.periodogram(inside, 30, "hann", nfft=2 * (bins - 1))
    near = np.minimum(abs(frequencies - true), abs(frequencies - 2 * true)) <= 0.1
    band = (frequencies >= 0.7) & (frequencies <= 4.0)
    expected = 10 * np.log10(power[band & near].sum() / power[band & ~near].sum())
    for level in ("windows", "recordings"):
        assert found.summary(level).values["snr_db"] == pytest.approx(
            expected, abs=SNR_TOLERANCE_DB
        )
    as_json = {**measurement.to_dict(), "times": times.tolist(), "pulse": pulse.tolist()}
    again = rf.evaluate([json.loads(json.dumps(as_json))], tmp_path)
    assert again.summary().values == pytest.approx(found.summary().values, nan_ok=True)


@pytest.mark.parametrize("suffix", [".jsonl", ".csv"])
def test_the_file_of_measure_many_is_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"results{suffix}"
    file = Table(path, "", ("subject", "stratum"))
    columns = {"subject": "eve", "stratum": "dim"}
    faces = result("x/a.mp4", 61.0, [window(10.0, 61.0)])
    file.add(VideoResult("x/a.mp4", [faces], "", columns))
    file.add(VideoResult("x/b.mp4", [result("x/b.mp4", None)], "", columns))
    file.add(VideoResult("x/c.mp4", [], "x/c.mp4: no such file", columns))
    file.add(VideoResult("x/d.mp4", [], "", columns))
    file.close()
    table = write_table(tmp_path / "truth.csv", "video,hr", *(f"{name},60" for name in "abcd"))
    found = rf.evaluate(path, table)
    assert found.summary("recordings", "stratum", "dim").compared == 4
    assert found.summary().values["coverage"] == 0.25
    assert found.summary().values["mae"] == 1.0
    assert {one.subject for one in found.recordings} == {"eve"}


def test_the_table_of_another_program_is_read(tmp_path: Path) -> None:
    path = write_table(
        tmp_path / "other.csv", "video,hr,confidence", "a.avi,61,0.8", "b.avi,,0.1", "c.avi,nan,"
    )
    table = write_table(tmp_path / "truth.csv", "video,hr", "a,60", "b,60", "c,60")
    summary = rf.evaluate(path, table).summary()
    assert (summary.compared, summary.read, summary.values["mae"]) == (3, 1, 1.0)


def test_what_does_not_belong_together_is_named(tmp_path: Path) -> None:
    write_ubfc(tmp_path / "set" / "subject1")
    write_ubfc(tmp_path / "set" / "subject2")
    write_ubfc(tmp_path / "set" / "subject3")
    (tmp_path / "set" / "subject2" / "ground_truth.txt").write_text("1 2\n3 4\n")
    videos = [f"d/subject{i}/vid.avi" for i in (1, 2, 9)]
    found = rf.evaluate([result(video, 75.0) for video in videos], tmp_path / "set")
    assert found.without_truth == ("d/subject9/vid.avi",)
    assert found.without_result == ("subject3",)
    assert "three rows" in found.unusable["d/subject2/vid.avi"]
    for text in (found.to_text(), found.to_markdown()):
        assert "d/subject9/vid.avi" in text
        assert "subject3" in text
        assert "d/subject2/vid.avi: " in text
    assert len(found.recordings) == 1


MATCHES = [
    ("a.mp4", "a.mp4", True),
    ("/data/x/a.mp4", "x/a.mp4", True),
    ("a.mp4", "/data/x/a", True),
    ("./x/a.mp4", "x/a.avi", False),  # two files
    ("x/a.mp4", "y/a.mp4", False),
    ("x/ba.mp4", "a.mp4", False),
    ("x/a/vid.avi", "a", False),  # only the truth of a folder belongs to what is in it
]


@pytest.mark.parametrize(("video", "name", "belongs"), MATCHES)
def test_paths_that_end_alike_belong_together(
    video: str, name: str, belongs: bool, tmp_path: Path
) -> None:
    table = write_table(tmp_path / "truth.csv", "video,hr", f"{name},60", "other,60")
    found = rf.evaluate([result(video, 60.0), result("other", 60.0)], table)
    assert (video not in found.without_truth) == belongs


def test_the_innermost_folder_and_the_longest_path_count(tmp_path: Path) -> None:
    for name in ("subject1", "subject2"):
        write_ubfc(tmp_path / name)
    (one,) = rf.evaluate([result("subject1/subject2/vid.avi", 60.0)], tmp_path).recordings
    assert one.truth == "subject2"
    table = write_table(tmp_path / "truth.csv", "video,hr", "a.mp4,60", "x/a.mp4,70")
    (one,) = rf.evaluate([result("y/x/a.mp4", 60.0)], table).recordings
    assert one.truth == "x/a.mp4"


def test_groups_are_by_any_column(tmp_path: Path) -> None:
    table = write_table(
        tmp_path / "truth.csv", "video,hr,skin,stratum", "a,60,light,x", "b,60,dark,x"
    )
    results = [result("a", 61.0, camera="one"), result("b", 62.0, camera="two")]
    found = rf.evaluate(results, table, by=["skin", "camera"])
    kinds = [(summary.kind, summary.group) for summary in found.summaries]
    assert kinds == [
        ("all", "all"),
        ("skin", "dark"),
        ("skin", "light"),
        ("camera", "one"),
        ("camera", "two"),
    ]
    assert found.summary("recordings", "skin", "dark").values["mae"] == 2.0
    with pytest.raises(ValueError, match=r"no recording has a column 'age'; there are: camera, sk"):
        rf.evaluate(results, table, by=["age"])


def test_the_dictionary_is_strict_json_and_the_csv_round_trips(tmp_path: Path) -> None:
    table = write_table(tmp_path / "truth.csv", "video,hr", "a,60")
    found = rf.evaluate([result("a", None)], table)
    values = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert values["summaries"][0]["values"]["mae"] is None
    assert values["recordings"][0]["heart_rate_bpm"] is None
    assert values["recordings"][0]["true_bpm"] == 60.0
    # The recordings of an evaluation are a table of results themselves.
    path = tmp_path / "again.csv"
    with path.open("w", newline="") as file:
        rows = csv.DictWriter(file, ["video", "heart_rate_bpm"], extrasaction="ignore")
        rows.writeheader()
        rows.writerows(values["recordings"])
    assert rf.evaluate(path, table).summary().read == 0


def test_a_real_measurement_beside_its_truth(tmp_path: Path) -> None:
    assets = Path(rf.__file__).parent / "assets"
    measurement = rf.measure(assets / "demo.mp4", duration=12.0)
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "ground_truth.txt").write_bytes((assets / "demo_truth.txt").read_bytes())
    summary = rf.evaluate([replace(measurement, video="demo.mp4")], tmp_path).summary("windows")
    assert summary.read == summary.compared > 5
    assert summary.values["mae"] < 1.0
    assert summary.values["snr_db"] > 0
