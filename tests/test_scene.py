"""Scenes: named parameters, each drawn from its law."""

from __future__ import annotations

import json

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

from training.synthetic.codec import LOSSY  # noqa: E402
from training.synthetic.parameters import OFF, Between, Choice, OneOf, parse_law  # noqa: E402
from training.synthetic.scene import GROUPS, RANGES, Scene, describe, sample_scene  # noqa: E402


@pytest.mark.parametrize("index", range(30))
def test_every_parameter_is_within_its_law(index: int) -> None:
    scene = sample_scene(7, index)
    for name, law in RANGES.items():
        group, _, parameter = name.partition(".")
        assert getattr(getattr(scene, group), parameter) in law, name


def test_shares_come_out_as_stated() -> None:
    scenes = [sample_scene(7, index) for index in range(300)]
    talking = np.mean([scene.expression.talking > 0 for scene in scenes])
    # Within four standard deviations of a share of 0.2 of 300 scenes.
    assert abs(talking - RANGES["expression.talking"].share) < 4 * np.sqrt(0.2 * 0.8 / 300)  # type: ignore[union-attr]
    assert {scene.camera.codec for scene in scenes} == {"none", *LOSSY}


def test_one_parameter_changes_no_other() -> None:
    before = sample_scene(7, 3).to_json()
    after = sample_scene(7, 3, {"motion.sway": Between(0.5, 0.5)}).to_json()
    assert after["motion"].pop("sway") == 0.5
    before["motion"].pop("sway")
    assert after == before


def test_a_scene_survives_json() -> None:
    scene = sample_scene(7, 3)
    assert Scene.from_json(json.loads(json.dumps(scene.to_json()))) == scene


def test_scenes_are_named_and_documented() -> None:
    lines = describe().splitlines()
    assert [line.partition(":")[0] for line in lines[::2]] == list(RANGES)
    assert all(len(line.strip()) > 3 for line in lines[1::2])
    assert {name.partition(".")[0] for name in RANGES} == set(GROUPS)


def test_wrong_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown parameter 'motion\.swing'"):
        sample_scene(1, 0, {"motion.swing": OFF})
    with pytest.raises(ValueError, match=r"camera\.codec needs a Choice"):
        sample_scene(1, 0, {"camera.codec": OFF})
    with pytest.raises(ValueError, match="not a range"):
        Between(2.0, 1.0)
    with pytest.raises(ValueError, match="share"):
        Between(1.0, 2.0, share=1.5)
    with pytest.raises(ValueError, match="weights"):
        Choice({"a": 0.0})


def test_laws_from_the_command_line() -> None:
    number, name, listed = Between(1.0, 2.0, log=True), Choice({"a": 1.0, "b": 1.0}), OneOf((1.0,))
    assert parse_law(number, "3") == Between(3.0, 3.0, log=True)
    assert parse_law(number, "3,4") == Between(3.0, 4.0, log=True)
    assert parse_law(number, "3,4,0.5") == Between(3.0, 4.0, log=True, share=0.5)
    assert parse_law(number, "0") == OFF
    assert parse_law(name, "b") == Choice({"b": 1.0})
    assert parse_law(name, "a=1,b=3") == Choice({"a": 1.0, "b": 3.0})
    assert parse_law(listed, "15,30") == OneOf((15.0, 30.0))
    for law, text in ((number, "x"), (number, "1,2,3,4"), (name, "c"), (name, "a=x")):
        with pytest.raises(ValueError, match=r".+"):
            parse_law(law, text)
