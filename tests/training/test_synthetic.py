"""The cache of synthetic clips: content, interrupted runs, and the command line."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from tests.support.scenes import STRONG  # noqa: E402
from training.data.clips import Clips, Frames, as_stored  # noqa: E402
from training.synthetic import generate as synthetic  # noqa: E402
from training.synthetic.generate import (  # noqa: E402
    Recipe,
    Stratum,
    clip_times,
    make_cache,
    make_clip,
    plan,
    subject,
)
from training.synthetic.parameters import Between, Law, OneOf  # noqa: E402
from training.synthetic.pulse import label  # noqa: E402
from training.synthetic.render import place_in_crop  # noqa: E402
from training.synthetic.scene import RANGES, Scene, sample_scene  # noqa: E402
from training.synthetic.timeline import pulse_wave  # noqa: E402

FILES = ("appearance.npy", "pulse.npy", "times.npy", "heart_rate.npy", "clips.json")

QUICK: dict[str, Law] = {"camera.fps": OneOf((15.0, 25.0)), "framing.crop": Between(96.0, 100.0)}
# The label is stored in float32.
PULSE_TOLERANCE = 1e-6


def make_recipe(
    *ranges: Mapping[str, Law], clips: int = 4, seed: int = 5, seconds: float = 1.5
) -> Recipe:
    strata = tuple(Stratum(f"s{i}", clips, laws) for i, laws in enumerate(ranges))
    return Recipe("made for a test", seed, seconds, strata)


RECIPE = make_recipe(QUICK)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "cache"
    make_cache(RECIPE, folder)
    return folder


def test_a_cache_holds_what_was_planned(cache: Path) -> None:
    clips = Clips.open(cache)
    assert clips.clips == plan(RECIPE)
    assert clips.appearance.dtype == np.uint16
    assert clips.appearance.shape == (clips.clips[-1].stop, 3, 36, 36)
    for i, clip in enumerate(clips.clips):
        frames, scene = clips[i], Scene.from_json(clip.scene)
        assert scene == RECIPE.scene(i)
        times = clip_times(scene, RECIPE.seconds)
        assert clip.fps in (15.0, 25.0)
        np.testing.assert_array_equal(frames.times, times)
        wave = pulse_wave(scene)
        np.testing.assert_allclose(frames.pulse, label(wave, times), rtol=0, atol=PULSE_TOLERANCE)
        np.testing.assert_allclose(frames.heart_rate, wave.heart_rate(times), rtol=1e-6)
        assert clip.heart_rate == pytest.approx(np.mean(frames.heart_rate))
        # A face fills the picture, so it is neither black nor of one color.
        assert frames.appearance.mean() > 2000
        assert frames.appearance.std(axis=(0, 2, 3)).min() > 1000


def test_the_appearance_is_that_of_inference(cache: Path) -> None:
    clips = Clips.open(cache)
    scene = RECIPE.scene(1)
    placement, box = place_in_crop(scene)
    frames = synthetic.film(scene, placement, clip_times(scene, RECIPE.seconds))
    seen = np.stack([rf.appearance(frame, box) for frame in frames])
    np.testing.assert_array_equal(clips[1].appearance, as_stored(seen))


def test_the_motion_has_its_colors_in_order() -> None:
    color: dict[str, Law] = {"pulse.red": Between(0.35, 0.35), "pulse.blue": Between(0.65, 0.65)}
    frames = make_clip(make_recipe({**STRONG, **color}, seconds=6.0), 0)
    motion, change = frames.motion("normalized"), frames.change
    middle = motion[:, :, 10:26, 10:26].astype(np.float64).mean(axis=(2, 3))
    red, green, blue = middle.T @ change / (change @ change)
    assert green < blue < red < 0


def test_strata_change_their_own_clips_alone() -> None:
    dark: dict[str, Law] = {**QUICK, "skin.melanin": Between(0.9, 1.0)}
    recipe = make_recipe(QUICK, dark, clips=2)
    clips = plan(recipe)
    assert [clip.stratum for clip in clips] == ["s0", "s0", "s1", "s1"]
    assert len({clip.subject for clip in clips}) == recipe.clips == 4
    for i, clip in enumerate(clips):
        scene = recipe.scene(i)
        assert (scene.seed, scene.index) == (recipe.seed, i)
        assert clip.subject == subject(scene) == f"synthetic-5-{i}"
        # Two scenes use the laws of QUICK, the others those of `dark`; all other values are
        # unchanged.
        assert scene == sample_scene(5, i, QUICK if i < 2 else dark)
    assert all(recipe.scene(i).skin.melanin >= 0.9 for i in (2, 3))


@pytest.mark.parametrize(("clips", "seconds"), [(0, 10.0), (-1, 10.0), (1, 0.5), (1, float("nan"))])
def test_a_recipe_of_nothing_is_refused(clips: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="need at least one clip of at least 1 s"):
        make_recipe(QUICK, clips=clips, seconds=seconds)
    with pytest.raises(ValueError, match="need at least one clip"):
        make_recipe()


def test_the_description_tells_recipes_apart() -> None:
    about = RECIPE.about()
    assert about["description"] == (
        "made for a test, generator 1, seed 5, 4 clips of 1.5 s, camera.fps: 15, 25,"
        " framing.crop: 96 to 100"
    )
    others = (
        dataclasses.replace(RECIPE, seed=6),
        dataclasses.replace(RECIPE, seconds=2.0),
        make_recipe({**QUICK, "camera.fps": OneOf((15.0,))}),
        make_recipe(QUICK, clips=5),
    )
    for other in others:
        assert other.about() != about
    assert len(about["ranges"]) == len(RANGES)  # type: ignore[arg-type]


def test_workers_make_no_difference(cache: Path, tmp_path: Path) -> None:
    make_cache(RECIPE, tmp_path / "two", workers=2)
    for name in FILES:
        assert (tmp_path / "two" / name).read_bytes() == (cache / name).read_bytes(), name


def test_a_run_that_was_cut_off_goes_on(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cut"
    made: list[int] = []

    def cut(recipe: Recipe, index: int) -> Frames:
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(index)
        return make_clip(recipe, index)

    with monkeypatch.context() as patch:
        patch.setattr(synthetic, "make_clip", cut)
        with pytest.raises(KeyboardInterrupt):
            make_cache(RECIPE, folder)
    with pytest.raises(FileNotFoundError, match="unfinished"):
        Clips.open(folder)
    # Half a clip on disk, as after a sudden end, must be written again.
    torn = np.load(folder / "appearance.npy", "r+")
    torn[plan(RECIPE)[2].start] = 7
    torn.flush()

    def count(recipe: Recipe, index: int) -> Frames:
        made.append(index)
        return make_clip(recipe, index)

    monkeypatch.setattr(synthetic, "make_clip", count)
    make_cache(RECIPE, folder)
    assert made == [0, 1, 2, 3]
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (folder / name).read_bytes() == (cache / name).read_bytes(), name
    make_cache(RECIPE, folder)
    assert made == [0, 1, 2, 3], "a finished cache is recognised"


def test_a_cache_is_not_mixed_with_another(cache: Path) -> None:
    with pytest.raises(FileExistsError, match="other settings"):
        make_cache(dataclasses.replace(RECIPE, seed=6), cache)


def test_clips_without_a_pulse(tmp_path: Path) -> None:
    silent: dict[str, Law] = {**QUICK, "pulse.amplitude": Between(0.01, 0.01, share=0.0)}
    make_cache(make_recipe(silent, clips=2), tmp_path)
    clips = Clips.open(tmp_path)
    assert [clip.heart_rate for clip in clips.clips] == [None, None]
    assert not clips.pulse.any()
    assert np.isnan(clips.heart_rate).all()


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "c")
    arguments = ["--out", out, "--clips", "1", "--seconds", "1", "--set", "camera.fps=15"]
    assert synthetic.main([*arguments, "--set", "expression.talking=0"]) == 0
    clips = Clips.open(out)
    assert clips.clips[0].fps == 15
    assert clips.clips[0].scene["expression"]["talking"] == 0
    synthetic.main(["--list"])
    assert "light.rhythm" in capsys.readouterr().out
    for wrong, message in (
        (["--clips", "1", "--seed", "9"], "other settings"),
        (["--clips", "0"], "at least one clip"),
        (["--seconds", "0.5"], "at least 1 s"),
        (["--set", "light.music=1"], "unknown parameter 'light.music'"),
        (["--set", "camera.codec=betamax"], "betamax"),
        (["--set", "camera.fps"], "could not convert"),
    ):
        assert synthetic.main(["--out", out, *wrong]) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert Clips.open(out).sha256 == clips.sha256
