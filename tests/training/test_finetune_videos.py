"""Fine-tuning on videos without a sensor's pulse."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

for module in ("torch", "scipy", "av", "tqdm", "cv2"):
    pytest.importorskip(module, reason="training needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from rppg_fast.evaluation.metrics import PULSE  # noqa: E402
from rppg_fast.student import BUNDLED_WEIGHTS  # noqa: E402
from tests.support.made_up_carriers import make_carriers  # noqa: E402
from tests.support.small_runs import toml  # noqa: E402
from training.data.inject import RATES  # noqa: E402
from training.data.videos import VideosWork  # noqa: E402
from training.evaluate.injected import LIMIT, Reading  # noqa: E402
from training.models.config import load as load_config  # noqa: E402
from training.train import finetune_videos  # noqa: E402
from training.train.finetune_videos import (  # noqa: E402
    CONFIG,
    hold_out,
    made_up_fingers,
    main,
    verdict,
)


def test_one_person_is_held_out_and_one_alone_is_refused(tmp_path: Path) -> None:
    carriers = make_carriers(tmp_path / "two", for_tests=False)
    rest, held_out = hold_out(carriers, seed=0)
    assert sorted(rest.clips.subjects + held_out.clips.subjects) == ["anna", "bert"]
    assert len(held_out.clips.subjects) == 1
    with pytest.raises(ValueError, match="make more"):
        hold_out(carriers.select(["anna"]), seed=0)


def test_drawn_fingers_beat_at_rates_of_people() -> None:
    records = made_up_fingers(seed=0)
    assert len({record.name for record in records}) == len(records)
    for record in records:
        pace = 60 / np.median(np.diff(record.beats))
        assert 60 * PULSE.low < pace < 60 * PULSE.high
    # The fastest pulse that is put in has so many beats.
    most = RATES[1] / 60 * LIMIT
    assert sum(record.beats.size > most for record in records) > 5


def test_the_verdict_is_honest() -> None:
    good, bad = [Reading(0.1, 5.0)] * 4, [Reading(0.1, 5.0)] * 3 + [Reading(30.0, -9.0)]
    assert "are better" in verdict({"before": bad, "after": good})
    for after in (bad, good):
        assert "Keep the old ones" in verdict({"before": good, "after": after})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("own_bpm", "said_of_it"),
    [
        ({"anna": 72.0, "bert": 84.0}, "- Learned, too, from the people's own pulses, where"),
        ({}, "- Not learned from the people's own pulses: in no video"),
    ],
    ids=["a pulse of their own", "none"],
)
def test_videos_lead_to_weights_and_a_report(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    own_bpm: dict[str, float],
    said_of_it: str,
) -> None:
    """The cutting of videos has tests of its own; here it gives made-up skin."""

    def reduce(work: VideosWork, videos: object, workers: int) -> dict[str, str]:
        if not work.out.exists():
            make_carriers(work.out, for_tests=False, own_bpm=own_bpm)
        return {"wall.mp4": "no face is found in any frame"}

    monkeypatch.setattr(finetune_videos, "reduce", reduce)
    shipped = load_config(CONFIG)
    assert shipped.own is not None
    short = replace(shipped, steps=4, batch=16, run=8, validate_every=2, log_every=1)
    short = replace(short, own=replace(shipped.own, run=40))
    config = tmp_path / "short.toml"
    config.write_text(toml(short), encoding="utf-8")
    (tmp_path / "anna.mp4").write_bytes(b"")
    given = ["--videos", str(tmp_path), "--out", str(tmp_path / "out"), "--clips", "4"]
    given += ["--config", str(config), "--device", "cpu"]
    assert main(given) == 0
    said = capsys.readouterr().out
    weights = rf.Student.load(tmp_path / "out" / "student.safetensors")
    assert weights.sha256 != rf.Student.load(BUNDLED_WEIGHTS).sha256
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert said.splitlines()[-2] in report
    assert "Not used: wall.mp4: no face is found in any frame." in report
    assert "| followed 1.4 | after |" in report
    assert f"{said_of_it} the rates of teacher, POS and CHROM agree." in report
    assert weights.sha256 in report
    assert str(tmp_path) not in report
    # The same command again finds everything done.
    assert main(given) == 0
    assert (tmp_path / "out" / "report.md").read_text(encoding="utf-8") == report
