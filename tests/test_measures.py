"""The measures of an evaluation."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from tests.made_up_clips import RATES, make_clips
from tests.made_up_evaluations import (
    HAND,
    PERFECT,
    PERFECT_BPM,
    seen_pulse,
    write_clips,
)
from training.data.clips import Clip
from training.evaluate.evaluation import Evaluation
from training.evaluate.recordings import CALM, conditions, evaluate
from training.evaluate.report import MEASURES, groups, mean_over_folds, measure, rows
from training.synthetic.scene import sample_scene


def everything(evaluation: Evaluation) -> dict[str, float]:
    return dict(zip(MEASURES, measure(evaluation.recordings)))


def test_a_perfect_prediction_has_no_error(perfect: Evaluation) -> None:
    values = everything(perfect)
    for name in ("mae", "rmse", "window_mae", "window_rmse", "ok_mae"):
        assert values[name] < PERFECT_BPM, name
    for name in ("within_5", "within_3", "coverage", "ok_within_5"):
        assert values[name] == 1.0, name
    assert values["correlation"] == pytest.approx(1.0, abs=1e-6)
    assert values["snr_db"] > 10
    assert math.isnan(values["false_ok"])
    assert perfect.recordings[2].windows["true_rate"] == pytest.approx(150.0, abs=0.3)


def test_a_clear_but_wrong_rate_shows_as_wrong(tmp_path: Path) -> None:
    clips = write_clips(tmp_path / "c", [seen_pulse("a", 100.0, 72.0)])
    values = everything(evaluate(PERFECT, clips))
    assert values["mae"] == pytest.approx(28.0, abs=0.5)
    assert values["rmse"] == pytest.approx(28.0, abs=0.5)
    assert values["within_5"] == 0.0
    assert values["snr_db"] < -10
    assert values["coverage"] == 1.0  # such a clip does not show that it is wrong
    assert values["ok_mae"] == pytest.approx(28.0, abs=0.5)


def test_noise_is_hardly_ever_ok_and_yet_counts(tmp_path: Path) -> None:
    clips = [seen_pulse("n" * (1 + i), 72.0, 72.0, noise=True) for i in range(4)]
    evaluation = evaluate(PERFECT, write_clips(tmp_path / "c", clips))
    values = everything(evaluation)
    assert values["coverage"] < 0.2
    assert values["mae"] > 10
    assert values["within_3"] < 0.5
    assert not math.isnan(values["window_mae"])


def test_a_clip_without_pulse_has_no_error_but_can_be_read_wrongly(tmp_path: Path) -> None:
    alone = write_clips(tmp_path / "alone", [seen_pulse("s", 90.0, None)])
    values = everything(evaluate(PERFECT, alone))
    assert values.pop("false_ok") == 1.0
    assert all(math.isnan(value) for value in values.values())
    both = [seen_pulse("s", 90.0, None), seen_pulse("a", 72.0, 72.0)]
    values = everything(evaluate(PERFECT, write_clips(tmp_path / "both", both)))
    assert values["mae"] < PERFECT_BPM
    assert values["coverage"] == 1.0
    silent = make_clips(tmp_path / "made-up")
    pos = evaluate("pos", silent)
    assert [r.has_pulse for r in pos.recordings] == [True] * len(RATES) + [False]
    assert everything(pos)["false_ok"] == 0.0


def test_measures_of_a_case_worked_by_hand() -> None:
    values = dict(zip(MEASURES, measure(HAND)))
    # Recordings: means of 75 against 72 and of 88 against 80. Errors of the windows: -2, 8, 10, 6.
    assert values["mae"] == 5.5
    assert values["rmse"] == pytest.approx(math.sqrt((9 + 64) / 2))
    assert values["window_mae"] == 6.5
    assert values["window_rmse"] == pytest.approx(math.sqrt((4 + 64 + 100 + 36) / 4))
    assert values["within_5"] == 0.25
    assert values["within_3"] == 0.25
    assert values["snr_db"] == 0.0
    assert values["coverage"] == 0.75
    assert values["ok_mae"] == 6.0
    assert values["ok_within_5"] == pytest.approx(1 / 3)
    assert values["false_ok"] == 0.5
    expected = np.corrcoef([70, 80, 90, 86], [72, 72, 80, 80])[0, 1]
    assert values["correlation"] == pytest.approx(expected)


def test_rows_count_what_they_rest_on() -> None:
    evaluation = Evaluation("hand", {}, {"description": "d"}, {}, HAND)
    first = rows(evaluation, 0)[0]
    assert (first.kind, first.group) == ("all", "all")
    assert (first.subjects, first.recordings) == (3, 4)
    assert (first.windows, first.without_window) == (6, 1)
    low, high = first.intervals["mae"]
    assert low <= first.values["mae"] <= high
    one = next(r for r in rows(evaluation, 0) if (r.kind, r.group) == ("subject", "x"))
    assert math.isnan(one.intervals["mae"][0])


def test_folds_are_averaged_as_the_paper_does() -> None:
    mean = mean_over_folds([Evaluation("hand", {}, {}, {}, (r,)) for r in HAND[:2]])
    assert mean["mae"] == pytest.approx((3.0 + 8.0) / 2)
    assert mean["rmse"] == 5.5  # 6.04 would be the value over all recordings together
    assert mean["ok_mae"] == pytest.approx((2.0 + 8.0) / 2)


def test_groups_are_complete_and_disjoint(perfect: Evaluation) -> None:
    found = groups(perfect.recordings)
    assert [r.name for r in found["all", "all"]] == ["a", "b", "c"]
    assert [r.name for r in found["stratum", "slow"]] == ["a", "b"]
    assert [r.name for r in found["subject", "one"]] == ["a", "b"]
    for kind in ("stratum", "subject"):
        members = [r.name for (k, _), group in found.items() if k == kind for r in group]
        assert sorted(members) == ["a", "b", "c"]


def test_scenes_are_sorted_by_skin_and_motion() -> None:
    found: dict[tuple[str, str], int] = {}
    for index in range(120):
        scene = sample_scene(17, index)
        clip = Clip("n", "s", 0, 1, 30.0, 60.0, "", scene.to_json())
        kinds = conditions(clip)
        assert set(kinds) == {"skin", "motion"}
        third = ("light", "medium", "dark").index(kinds["skin"])
        assert third / 3 <= scene.skin.melanin <= (third + 1) / 3
        still = scene.motion.rhythm == 0 and scene.motion.moves == 0
        assert (kinds["motion"] in ("calm", "swaying")) == still
        if still:
            assert (kinds["motion"] == "calm") == (scene.motion.sway <= CALM)
        for kind in kinds.items():
            found[kind] = found.get(kind, 0) + 1
    assert len(found) == 3 + 4  # each occurs
    darkest = sample_scene(17, 0).to_json()
    darkest["skin"]["melanin"] = 1.0
    clip = Clip("n", "s", 0, 1, 30.0, 60.0, "hard", darkest)
    assert conditions(clip)["skin"] == "dark"
    assert conditions(clip)["stratum"] == "hard"
    assert conditions(replace(clip, scene={}, stratum="")) == {}
