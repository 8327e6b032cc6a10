"""Pictures without a pulse, shown to a camera in many ways, never have the status ok."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rppg_fast as rf
from training.data.clips import Clips
from training.synthetic.generate import clip_times
from training.synthetic.negatives import Decoy, decoy, film, make_decoys
from training.synthetic.parameters import sample

_NOTHING: dict[str, Any] = dict.fromkeys(asdict(sample(Decoy, "decoy", {}, 0, 0)), 0.0)
STILL = Decoy(**{**_NOTHING, "picture": "face", "codec": "none", "keyframes": 60.0})
SEED, SECONDS = 7, 13.0

SHOWN = {
    "a photograph on the wall": STILL,
    "a photograph in a shaking hand": replace(STILL, tremor=1.5, sway=6.0),
    "a photograph that is panned": replace(STILL, pan=6.0, pan_angle=0.7),
    "a photograph that is carried past": replace(
        STILL, carry=60.0, carry_angle=0.4, carry_start=0.8, carry_seconds=1.0
    ),
    "a photograph that is nudged": replace(STILL, carry=4.0, carry_start=0.85, carry_seconds=0.3),
    "a video on a screen": replace(STILL, picture="screen"),
    "a video on a screen in a shaking hand": replace(STILL, picture="screen", tremor=0.5, sway=4),
    "a photograph that is rocked": replace(STILL, rhythm=3.0, rhythm_rate=1.3, sway=2.0),
    "a photograph under a flickering lamp": replace(STILL, flicker=0.02, flicker_rate=1.4),
    "a photograph under a faint flicker": replace(STILL, flicker=0.003, flicker_rate=1.1),
    "a photograph with two keyframes a second": replace(STILL, codec="h264", keyframes=15.0),
    "a camera that hangs now and then": replace(STILL, sway=3.0, frozen=0.6),
    "a wall under a flickering lamp": replace(STILL, picture="wall", flicker=0.01, flicker_rate=2),
    "a cartoon that moves": replace(STILL, picture="cartoon", sway=8.0, tremor=0.5),
    "noise": replace(STILL, picture="noise", tremor=0.3),
}


@pytest.mark.parametrize("shown", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_no_pulse_no_heart_rate(shown: Decoy, index: int) -> None:
    _, scene = decoy(SEED, index)
    scene = replace(scene, camera=replace(scene.camera, codec=shown.codec, fps=30.0))
    times = clip_times(scene, SECONDS)
    frames, box = film(shown, scene, times)
    monitor = rf.HeartRateMonitor(box=box)
    ok = [monitor.push(frame, time) for frame, time in zip(frames, times)]
    assert not any(reading.status is rf.Status.OK for reading in ok)


def test_a_cache_of_decoys_has_no_pulse_and_can_be_made_again(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    make_decoys(folder, 3, seed=5, seconds=1.0)
    clips = Clips.open(folder)
    assert [clip.heart_rate for clip in clips.clips] == [None, None, None]
    assert all(np.isnan(clips[i].heart_rate).all() for i in range(3))
    again = tmp_path / "b"
    make_decoys(again, 3, seed=5, seconds=1.0)
    assert Clips.open(again).sha256 == clips.sha256
    np.testing.assert_array_equal(Clips.open(again).appearance, clips.appearance)
