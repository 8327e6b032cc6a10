"""The benchmark does not change, covers enough conditions, and is never used for training."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

for module in ("scipy", "av", "tqdm", "skimage", "torch"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from training.data.clips import Clips  # noqa: E402
from training.data.splits import Split  # noqa: E402
from training.synthetic import benchmark as module_under_test  # noqa: E402
from training.synthetic.benchmark import EACH, STRATA, VERSION, benchmark  # noqa: E402
from training.synthetic.generate import clip_times, subject  # noqa: E402
from training.synthetic.parameters import OneOf  # noqa: E402
from training.synthetic.render import place_in_crop, render  # noqa: E402
from training.synthetic.scene import BENCHMARK_SEED, RANGES, Scene  # noqa: E402

SPLIT = Path(__file__).parents[2] / "training" / "splits" / "benchmark.json"

# SHA-256 of all scenes' parameters, by the benchmark's version. Numbers are rounded to 12 digits,
# because the last digits of powers and logarithms depend on the mathematical library.
SCENES = {1: "06892be2ce0b5356a4459f1d4ed6d1ea51641e9f5ed1d75533fa477ada426fa1"}
# Mean red, green and blue (0 to 1) of the face in the network's input, 1 s after the start.
SEEN = {
    1: {
        0: (0.54167, 0.44582, 0.35689),
        22: (0.52381, 0.44717, 0.42437),
        31: (0.10438, 0.08937, 0.09605),
        52: (0.38838, 0.34219, 0.24705),
        67: (0.28615, 0.25608, 0.26493),
        83: (0.44061, 0.36903, 0.35243),
    }
}
# A tenth of a grey level: other versions of OpenCV may round differently.
SEEN_TOLERANCE = 0.1 / 255

CHANGED = (
    "seed, strata, ranges or generator have changed: results would no longer compare."
    " Raise training.synthetic.benchmark.VERSION and pin its numbers here"
)
TRAINING_SEEDS = (1, 2)  # seeds of training and validation clips, see training/README.md


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    recipe = benchmark()
    return [recipe.scene(i) for i in range(recipe.clips)]


def stratum(scenes: list[Scene], name: str) -> list[Scene]:
    recipe = benchmark()
    return [scene for i, scene in enumerate(scenes) if recipe.stratum(i).name == name]


def digits(values: object) -> object:
    """Round all numbers in a nested value to 12 digits."""
    if isinstance(values, dict):
        return {name: digits(value) for name, value in values.items()}
    return float(f"{values:.11e}") if isinstance(values, float) else values


def test_the_benchmark_never_changes(scenes: list[Scene]) -> None:
    text = json.dumps([digits(scene.to_json()) for scene in scenes], sort_keys=True)
    recipe = benchmark()
    strata = [(stratum.name, stratum.clips) for stratum in recipe.strata]
    about = [BENCHMARK_SEED, recipe.about()["generator"], recipe.seconds, strata, text]
    found = hashlib.sha256(json.dumps(about).encode()).hexdigest()
    assert found == SCENES[VERSION], CHANGED


@pytest.mark.parametrize("index", SEEN[VERSION])
def test_its_pictures_never_change(scenes: list[Scene], index: int) -> None:
    placement, box = place_in_crop(scenes[index])
    times = clip_times(scenes[index], 1.0)
    *_, frame = render(scenes[index], placement, times)
    color = rf.appearance(frame, box).mean(axis=(1, 2))
    assert color.tolist() == pytest.approx(SEEN[VERSION][index], abs=SEEN_TOLERANCE), CHANGED


def test_it_is_large_enough(scenes: list[Scene]) -> None:
    recipe = benchmark()
    assert recipe.seconds >= 30
    assert recipe.clips == len(scenes) == len({subject(scene) for scene in scenes}) >= 40
    assert {s.name: s.clips for s in recipe.strata} == dict.fromkeys(STRATA, EACH)


def test_no_training_sees_its_people(scenes: list[Scene]) -> None:
    assert BENCHMARK_SEED not in TRAINING_SEEDS
    assert {scene.seed for scene in scenes} == {BENCHMARK_SEED}


def test_everyone_has_a_pulse_and_rates_span_the_range(scenes: list[Scene]) -> None:
    assert all(scene.has_pulse for scene in scenes)
    rates = sorted(scene.pulse.heart_rate for scene in scenes)
    assert 45 <= rates[0] < 55
    assert 170 < rates[-1] <= 180
    # No gap of more than 15 bpm between neighbouring rates.
    assert max(b - a for a, b in zip(rates, rates[1:])) < 15


CODED = ("compressed", "heavy compression", "everything")
TALKING = ("talking", "everything")
FLICKERING = ("flicker", "everything")
MOVING = ("moving", "everything")
SWAYING = (*MOVING, "loose box")


@pytest.mark.parametrize("name", STRATA)
def test_a_stratum_is_hard_in_its_own_way_alone(scenes: list[Scene], name: str) -> None:
    for scene in stratum(scenes, name):
        assert (0 < scene.motion.sway <= 0.01) == (name not in SWAYING)
        assert (scene.motion.moves == 0) == (name not in MOVING)
        assert (scene.motion.rhythm == 0) == (name != "rhythmic motion")
        assert (scene.expression.talking == 0) == (name not in TALKING)
        assert (scene.light.rhythm == scene.light.flicker == 0) == (name not in FLICKERING)
        assert (scene.background.movement == 0) == (name != "moving background")
        assert (scene.camera.codec == "none") == (name not in CODED)
        assert (scene.camera.exposure < 0.5) == (name == "low light")
        assert scene.camera.fps == 30 or name == "frame rates"
        assert scene.light.switching == scene.camera.drops == 0


def test_each_difficulty_is_there(scenes: list[Scene]) -> None:
    assert all(s.expression.talking >= 0.6 for s in stratum(scenes, "talking"))
    assert all(s.motion.sway >= 0.03 for s in stratum(scenes, "moving"))
    for scene in stratum(scenes, "rhythmic motion"):
        assert scene.motion.rhythm >= 0.03
        assert 0.7 <= scene.motion.rhythm_rate <= 4, "in the heart's band"
    for scene in stratum(scenes, "flicker"):
        assert scene.light.rhythm >= 0.008
        assert 0.7 <= scene.light.rhythm_rate <= 4, "in the heart's band"
        assert scene.light.flicker > 0
    assert all(s.skin.melanin >= 0.8 for s in stratum(scenes, "dark skin"))
    assert all(s.skin.melanin <= 0.15 for s in stratum(scenes, "light skin"))
    assert all(s.camera.exposure <= 0.2 for s in stratum(scenes, "low light"))
    for name, bits in (("compressed", 0.2), ("heavy compression", 0.05)):
        for scene in stratum(scenes, name):
            assert scene.camera.codec == "h264"
            assert scene.camera.bits_per_pixel <= bits


def test_frame_rates_from_15_to_60(scenes: list[Scene]) -> None:
    law = STRATA["frame rates"]["camera.fps"]
    assert isinstance(law, OneOf)
    assert (min(law.values), max(law.values)) == (15, 60)
    drawn = {scene.camera.fps for scene in stratum(scenes, "frame rates")}
    assert min(drawn) == 15
    assert max(drawn) == 60
    assert len(drawn) >= 3


def test_strength_of_the_pulse(scenes: list[Scene]) -> None:
    percent = {name: stratum(scenes, name)[0].pulse.amplitude * 100 for name in STRATA}
    for name, value in percent.items():
        assert {scene.pulse.amplitude * 100 for scene in stratum(scenes, name)} == {value}
    levels = [percent[name] for name in ("clear", "still", "weak", "very weak")]
    assert levels == pytest.approx([1.2, 0.6, 0.3, 0.1])
    assert all(0.1 <= value <= 1.2 for value in percent.values())


def test_every_named_parameter_exists() -> None:
    for laws in STRATA.values():
        for name, law in laws.items():
            assert type(law) is type(RANGES[name]), name


# --- The folds of the benchmark


def test_the_committed_folds_are_the_benchmarks(scenes: list[Scene]) -> None:
    recipe, split = benchmark(), Split.load(SPLIT)
    of = {subject(scene): recipe.stratum(i).name for i, scene in enumerate(scenes)}
    assert split.name == f"benchmark {VERSION}"
    assert len(split.folds) == EACH
    assert sorted(s for fold in split.folds for s in fold.test) == sorted(of)
    for fold in split.folds:
        assert Counter(of[name] for name in fold.test) == Counter(STRATA.keys())
        for name in (*fold.train, *fold.validation):
            assert name.startswith("synthetic-1-"), "trained on clips of the training seed alone"


def test_the_command_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # One clip of one second represents the whole benchmark, which takes an hour.
    tiny = benchmark(each=1, seconds=1.0)
    tiny = type(tiny)(tiny.title, tiny.seed, tiny.seconds, tiny.strata[:1])
    monkeypatch.setattr(module_under_test, "benchmark", lambda: tiny)
    out = tmp_path / "cache"
    assert module_under_test.main(["--out", str(out)]) == 0
    clips = Clips.open(out)
    assert clips.description.startswith(f"benchmark {VERSION}, generator ")
    assert [clip.stratum for clip in clips.clips] == ["clear"]
    assert clips.subjects == [f"synthetic-{BENCHMARK_SEED}-0"]
    assert Scene.from_json(clips.clips[0].scene) == benchmark().scene(0)
    monkeypatch.setattr(module_under_test, "benchmark", lambda: benchmark(each=2))
    assert module_under_test.main(["--out", str(out)]) == 2
    assert "made with other settings" in capsys.readouterr().err
