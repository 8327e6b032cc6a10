"""The synthetic-video generator: parameters, pulse, pictures, encoders, cache, files, demo clip."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("scipy", "av", "tqdm", "skimage"):
    pytest.importorskip(module, reason="the generator needs the extra 'train'")

from scipy.signal import periodogram  # noqa: E402

import rppg_fast as rf  # noqa: E402
from rppg_fast import methods  # noqa: E402
from rppg_fast.reference import Reference  # noqa: E402
from training import demo_clip  # noqa: E402
from training.data import ppg_shapes, synthetic  # noqa: E402
from training.data.clips import Clips  # noqa: E402
from training.data.codec import LOSSY, transcode  # noqa: E402
from training.data.ingredients import OFF, Between, Choice, Law, OneOf, parse_law  # noqa: E402
from training.data.pulse import label  # noqa: E402
from training.data.render import place_in_crop, place_in_frame, render  # noqa: E402
from training.data.scene import GROUPS, RANGES, Scene, describe, sample_scene  # noqa: E402
from training.data.synthetic import Recipe, clip_times, make_cache, make_clip, plan  # noqa: E402
from training.data.timeline import frame_times, pulse_wave, timeline  # noqa: E402
from training.data.trajectories import Wander  # noqa: E402
from training.data.write_ubfc import main as write_ubfc  # noqa: E402

FILES = ("motion.npy", "change.npy", "times.npy", "heart_rate.npy", "clips.json")

# All that moves or changes, but the pulse.
CALM: dict[str, Law] = {
    name: OFF
    for name in (
        *("pulse.baseline", "pulse.depth_modulation", "pulse.drift", "pulse.trend"),
        *("pulse.variability", "pulse.sinus_arrhythmia"),
        *("background.movement", "expression.blinks", "expression.talking"),
        *("light.drift", "light.rhythm", "light.flicker", "light.switching"),
        *(f"motion.{name}" for name in ("sway", "tremor", "ballistic", "rhythm", "moves")),
        *(f"motion.{name}" for name in ("roll", "yaw", "pitch", "zoom", "breathing")),
        *("camera.time_jitter", "camera.drops", "camera.block_noise", "camera.row_noise"),
    )
}
CALM["camera.codec"] = Choice({"none": 1.0})
CALM["camera.fps"] = OneOf((30.0,))
CALM["camera.exposure"] = Between(0.8, 0.8)  # neither black nor saturated
CALM["skin.melanin"] = Between(0.0, 0.7)
STRONG: dict[str, Law] = {**CALM, "pulse.amplitude": Between(0.01, 0.01)}

# Whole recordings of 10 s with a constant rate; the spectrum's main lobe is 12 bpm wide.
CLEAN_RATE_TOLERANCE = 0.7
# The mean over the face box also sees eyes, brows, hair and specular light, which hardly pulse.
AMPLITUDE_RANGE = (0.75, 1.15)
# Rounding to 8 bits in thousands of pixels.
COLOUR_TOLERANCE = 0.06


def peak_rate(signal: NDArray[Any], fs: float) -> float:
    """Give the rate of the largest peak from 0.7 to 4 Hz, in bpm."""
    frequency, power = periodogram(signal, fs, "hann", nfft=16384)
    band = (frequency > 0.7) & (frequency < 4)
    return float(60 * frequency[band][np.argmax(power[band])])


def filmed(scene: Scene, seconds: float = 10.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Film a scene's crop: mean RGB (frames, 3) of the inner face, and the times."""
    times = clip_times(scene, seconds)
    placement, _ = place_in_crop(scene)
    x0, y0, x1, y1 = (round(edge) for edge in placement.face_box())
    top = y0 + (y1 - y0) // 3
    frames = render(scene, placement, times)
    rows = [frame[top:y1, x0 + 8 : x1 - 8, ::-1].mean(axis=(0, 1)) for frame in frames]
    return np.array(rows, np.float64), times


# Parameters.


@pytest.mark.parametrize("index", range(30))
def test_every_parameter_is_within_its_law(index: int) -> None:
    scene = sample_scene(7, index)
    for name, law in RANGES.items():
        group, _, parameter = name.partition(".")
        assert getattr(getattr(scene, group), parameter) in law, name


def test_shares_come_out_as_stated() -> None:
    scenes = [sample_scene(7, index) for index in range(300)]
    talking = np.mean([scene.expression.talking > 0 for scene in scenes])
    # Within four standard deviations of a share of 0.2 among 300.
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


def test_frame_times_increase_whatever_the_jitter() -> None:
    for fps in (15.0, 60.0):
        camera = dataclasses.replace(
            sample_scene(1, 0).camera, fps=fps, time_jitter=0.02, drops=0.05
        )
        times = frame_times(camera, 20.0, np.random.default_rng(0))
        assert times[0] == 0
        assert np.all(np.diff(times) > 0)
        assert 0.9 * 20 * fps < len(times) < 20 * fps
        assert abs(times[-1] - 20) < 0.3


def test_wander_has_unit_deviation_and_the_integral_is_its_own() -> None:
    wander = Wander(np.random.default_rng(0), 0.1, 1.0)
    times = np.arange(0, 2000, 0.01)
    assert wander(times).std() == pytest.approx(1, abs=0.05)
    values = wander(times)
    by_sum = np.append(0, np.cumsum(values[:-1] + values[1:]) * 0.005)
    np.testing.assert_allclose(wander.integral(times), by_sum, atol=1e-3)


# The pulse.


def test_the_phase_runs_at_the_heart_rate() -> None:
    scene = sample_scene(7, 3, {"pulse.shape": Choice({"sine": 1.0}), "pulse.baseline": OFF})
    wave = pulse_wave(scene)
    times = np.arange(0, 60, 1e-3)
    ppg = wave.ppg(times)
    rising = times[1:][(ppg[:-1] < 0) & (ppg[1:] >= 0)]
    between = (rising[1:] + rising[:-1]) / 2
    # A beat's own rate is the mean over the beat: equal to second order in its length.
    np.testing.assert_allclose(60 / np.diff(rising), wave.heart_rate(between), atol=0.3)


def test_labels_are_standard_and_in_band() -> None:
    for index in range(5):
        scene = sample_scene(7, index, {"pulse.trend": OFF})
        wave = pulse_wave(scene)
        times = np.arange(0, 10, 1 / 60)
        values = label(wave, times)
        assert values.std() == pytest.approx(1, abs=0.02)
        assert abs(values.mean()) < 0.1
        # Within 10 s the rate varies by up to two or three bpm around its mean.
        assert abs(peak_rate(values, 60) - wave.heart_rate(times).mean()) < 3


def test_real_beats_rise_fast_and_fall_slowly() -> None:
    shapes = ppg_shapes.load_shapes()
    assert shapes.shape == (len(shapes), ppg_shapes.HARMONICS)
    assert len(shapes) >= 15
    phase = np.linspace(0, 2 * np.pi, 500)
    order = np.arange(1, ppg_shapes.HARMONICS + 1)
    beats = (np.exp(1j * np.multiply.outer(phase, order)) @ shapes.T).real
    slopes = np.diff(beats, axis=0)
    # The sign convention: systole, which is fast, rises.
    assert np.all(slopes.max(axis=0) > 1.5 * -slopes.min(axis=0))


def test_the_table_of_beats_is_what_the_recordings_give(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "table.json"
    monkeypatch.setattr("sys.argv", ["ppg_shapes", "--out", str(table)])
    ppg_shapes.main()
    # Rounded to four digits in the file.
    np.testing.assert_allclose(ppg_shapes.load_shapes(table), ppg_shapes.load_shapes(), atol=2e-4)


# Pictures.


@pytest.mark.parametrize("index", range(4))
def test_a_strong_pulse_shows_as_it_should(index: int) -> None:
    scene = sample_scene(11, index, STRONG)
    rgb, times = filmed(scene)
    wave = pulse_wave(scene)
    relative = rgb / rgb.mean(axis=0) - 1
    red, green, blue = relative.T
    truth = label(wave, times)
    # Polarity: green falls as the label rises.
    assert np.corrcoef(green, truth)[0, 1] < -0.9
    # Colour: amplitudes by regression on green, in RGB order.
    assert red @ green / (green @ green) == pytest.approx(scene.pulse.red, abs=COLOUR_TOLERANCE)
    assert blue @ green / (green @ green) == pytest.approx(scene.pulse.blue, abs=COLOUR_TOLERANCE)
    low, high = AMPLITUDE_RANGE
    assert low * 0.01 < green.std() < high * 0.01
    # Rate, by the plain green and by POS, whose pulse is positive where blood volume is.
    expected = float(wave.heart_rate(times).mean())
    assert abs(peak_rate(green, 30) - expected) < CLEAN_RATE_TOLERANCE
    pos = methods.pos(rgb, 30.0)
    assert abs(peak_rate(pos, 30) - expected) < CLEAN_RATE_TOLERANCE
    assert np.corrcoef(pos, truth)[0, 1] > 0.8


def test_without_amplitude_there_is_nothing_at_the_rate() -> None:
    ranges: dict[str, Law] = {**CALM, "camera.read_noise": OFF, "camera.shot_noise": OFF}
    alive = sample_scene(11, 0, {**ranges, "pulse.amplitude": Between(0.005, 0.005)})
    dead = sample_scene(11, 0, {**ranges, "pulse.amplitude": OFF})
    assert alive.has_pulse
    assert not dead.has_pulse
    assert filmed(alive, 3)[0].std(axis=0).min() > 0.05
    # Nothing at all changes in this scene.
    assert filmed(dead, 3)[0].std(axis=0).max() < 1e-9


def test_nothing_moves_with_a_heart_that_does_not_beat() -> None:
    ranges: dict[str, Law] = {
        "pulse.amplitude": OFF,
        "motion.ballistic": Between(0.01, 0.01),
    }
    assert sample_scene(11, 0, ranges).motion.ballistic == 0


@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("motion.sway", Between(0.05, 0.05)),
        ("motion.rhythm", Between(0.05, 0.05)),
        ("motion.yaw", Between(0.05, 0.05)),
        ("motion.moves", Between(2.0, 2.0)),
        ("motion.breathing", Between(0.05, 0.05)),
        ("expression.talking", Between(1.0, 1.0)),
        ("expression.blinks", Between(2.0, 2.0)),
        ("light.drift", Between(0.05, 0.05)),
        ("light.rhythm", Between(0.05, 0.05)),
        ("light.flicker", Between(0.05, 0.05)),
        ("light.switching", Between(2.0, 2.0)),
        ("background.movement", Between(0.1, 0.1)),
        ("camera.read_noise", Between(2.0, 2.0)),
        ("camera.shot_noise", Between(2.0, 2.0)),
        ("camera.block_noise", Between(2.0, 2.0)),
        ("camera.row_noise", Between(2.0, 2.0)),
    ],
)
def test_each_ingredient_alone_changes_the_pictures(name: str, law: Law) -> None:
    still: dict[str, Law] = {
        **CALM,
        "camera.read_noise": OFF,
        "camera.shot_noise": OFF,
        "pulse.amplitude": OFF,
    }
    frames = _frames(sample_scene(11, 1, {**still, name: law}), 2.0)
    assert np.abs(np.diff(frames.astype(int), axis=0)).max() >= 2


def _frames(scene: Scene, seconds: float) -> NDArray[np.uint8]:
    placement, _ = place_in_crop(scene)
    return np.stack(list(render(scene, placement, clip_times(scene, seconds))))


def test_a_scene_gives_the_same_pixels_again_and_another_does_not() -> None:
    scene = sample_scene(7, 3)
    first = _frames(scene, 0.5)
    assert np.array_equal(first, _frames(Scene.from_json(scene.to_json()), 0.5))
    assert not np.array_equal(first[0], _frames(sample_scene(8, 3, {}), 0.5)[0][: len(first[0])])


def test_movement_does_not_depend_on_the_frame_rate() -> None:
    scene = sample_scene(7, 3)
    slow, fast = np.arange(0, 5, 1 / 15), np.arange(0, 5, 1 / 60)
    for name in ("pulse", "x", "y", "yaw", "lids", "mouth"):
        np.testing.assert_allclose(
            getattr(timeline(scene, fast), name)[::4][: len(slow)],
            getattr(timeline(scene, slow), name),
            atol=1e-9,
        )


def test_the_face_detector_finds_the_painted_faces() -> None:
    detector = rf.MTCNN()
    overlaps = []
    for index in range(8):
        scene = sample_scene(13, index, {"camera.exposure": Between(0.9, 0.9)})
        placement = place_in_frame(scene, 320, 240)
        face = rf.largest_face(detector(next(render(scene, placement, np.array([0.0, 0.1])))))
        if face is not None:
            overlaps.append(_overlap((face.x0, face.y0, face.x1, face.y1), placement.face_box()))
    assert len(overlaps) >= 6
    # What training takes for the detector's box is the detector's box.
    assert np.median(overlaps) > 0.8


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(width, 0) * max(height, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def test_boxes_lie_in_the_picture() -> None:
    for index in range(50):
        placement, (x0, y0, x1, y1) = place_in_crop(sample_scene(7, index))
        assert placement.width % 2 == placement.height % 2 == 0
        assert 0 <= x0 < x1 <= placement.width
        assert 0 <= y0 < y1 <= placement.height
        assert min(x1 - x0, y1 - y0) > 36


# Encoders.


@pytest.mark.parametrize("codec", LOSSY)
def test_encoders_give_every_frame_back(codec: str) -> None:
    scene = sample_scene(11, 1, STRONG)
    frames = _frames(scene, 1.0)
    coded = np.stack(list(transcode(frames, codec, 30.0, 0.8)))
    again = np.stack(list(transcode(frames, codec, 30.0, 0.8)))
    assert coded.shape == frames.shape
    assert np.array_equal(coded, again)
    error = coded.astype(float) - frames
    assert error.any()
    # 30 dB; a swap of red and blue would be far below.
    assert np.sqrt(np.mean(error**2)) < 8
    assert np.abs(error.mean(axis=(0, 1, 2))).max() < 5


def test_fewer_bits_lose_more() -> None:
    frames = _frames(sample_scene(11, 1, STRONG), 1.0)
    rough, fine = (
        np.std(np.stack(list(transcode(frames, "h264", 30.0, bits))).astype(float) - frames)
        for bits in (0.05, 1.0)
    )
    assert rough > 1.3 * fine


# The cache.

QUICK: dict[str, Law] = {"camera.fps": OneOf((15.0, 25.0)), "framing.crop": Between(96.0, 100.0)}
RECIPE = Recipe(seed=5, clips=4, seconds=1.5, input="normalized", ranges=QUICK)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "cache"
    make_cache(RECIPE, folder)
    return folder


def test_a_cache_holds_what_was_planned(cache: Path) -> None:
    clips = Clips.open(cache)
    assert clips.clips == plan(RECIPE)
    assert clips.motion.dtype == np.float16
    assert clips.motion.shape == (clips.clips[-1].stop, 3, 36, 36)
    assert np.isfinite(clips.motion).all()
    for i, clip in enumerate(clips.clips):
        steps = clips[i]
        scene = Scene.from_json(clip.scene)
        times = clip_times(scene, RECIPE.seconds)
        assert clip.fps in (15.0, 25.0)
        np.testing.assert_array_equal(np.append(clip.first_time, steps.times), times)
        change = np.diff(label(pulse_wave(scene), times))
        np.testing.assert_allclose(steps.change, change, rtol=1e-6, atol=1e-7)
        assert clip.heart_rate == pytest.approx(np.mean(steps.heart_rate), abs=0.5)


def test_the_motion_is_that_of_inference() -> None:
    scene = RECIPE.scene(0)
    placement, box = place_in_crop(scene)
    frames = synthetic.film(scene, placement, clip_times(scene, RECIPE.seconds))
    seen = np.stack([rf.appearance(frame, box) for frame in frames])
    for kind in ("normalized", "difference"):
        steps = make_clip(dataclasses.replace(RECIPE, input=kind), 0)
        expected = rf.motion(seen[:-1], seen[1:], kind=kind)
        np.testing.assert_array_equal(steps.motion, expected.astype(np.float16))


def test_the_motion_has_its_colours_in_order() -> None:
    colour: dict[str, Law] = {"pulse.red": Between(0.35, 0.35), "pulse.blue": Between(0.65, 0.65)}
    recipe = dataclasses.replace(RECIPE, seconds=6.0, ranges={**STRONG, **colour})
    steps = make_clip(recipe, 0)
    middle = steps.motion[:, :, 10:26, 10:26].astype(np.float64).mean(axis=(2, 3))
    red, green, blue = middle.T @ steps.change / (steps.change @ steps.change)
    assert green < blue < red < 0


def test_workers_make_no_difference(cache: Path, tmp_path: Path) -> None:
    make_cache(RECIPE, tmp_path / "two", workers=2)
    for name in FILES:
        assert (tmp_path / "two" / name).read_bytes() == (cache / name).read_bytes(), name


def test_a_run_that_was_cut_off_goes_on(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cut"
    made: list[int] = []

    def cut(recipe: Recipe, index: int) -> Any:
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
    # Half a clip on disk, as after a sudden end, must not show later.
    torn = np.load(folder / "motion.npy", "r+")
    torn[plan(RECIPE)[2].start] = 7
    torn.flush()

    def count(recipe: Recipe, index: int) -> Any:
        made.append(index)
        return make_clip(recipe, index)

    monkeypatch.setattr(synthetic, "make_clip", count)
    make_cache(RECIPE, folder)
    assert made == [0, 1, 2, 3]
    for name in FILES:
        assert (folder / name).read_bytes() == (cache / name).read_bytes(), name
    make_cache(RECIPE, folder)
    assert made == [0, 1, 2, 3], "a finished cache is recognised"


def test_a_cache_is_not_mixed_with_another(cache: Path) -> None:
    with pytest.raises(FileExistsError, match="other settings"):
        make_cache(dataclasses.replace(RECIPE, seed=6), cache)


def test_clips_without_a_pulse(tmp_path: Path) -> None:
    recipe = dataclasses.replace(
        RECIPE, clips=2, ranges={**QUICK, "pulse.amplitude": Between(0.01, 0.01, share=0.0)}
    )
    make_cache(recipe, tmp_path)
    clips = Clips.open(tmp_path)
    assert [clip.heart_rate for clip in clips.clips] == [None, None]
    assert not clips.change.any()
    assert np.isnan(clips.heart_rate).all()


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "c")
    arguments = ["--out", out, "--clips", "1", "--seconds", "1", "--set", "camera.fps=15"]
    synthetic.main([*arguments, "--set", "expression.talking=0"])
    clips = Clips.open(out)
    assert clips.clips[0].fps == 15
    assert clips.clips[0].scene["expression"]["talking"] == 0
    synthetic.main(["--list"])
    assert "light.rhythm" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        synthetic.main(["--out", out, "--seed", "9"])
    with pytest.raises(SystemExit):
        synthetic.main(["--out", out, "--clips", "0"])
    assert "other settings" in capsys.readouterr().err
    for wrong in ("light.music=1", "camera.codec=betamax", "camera.fps"):
        with pytest.raises(SystemExit):
            synthetic.main(["--out", out, "--set", wrong])


# Files in UBFC-rPPG's layout.


def _read(path: Path) -> Iterator[NDArray[np.uint8]]:
    video = cv2.VideoCapture(str(path))
    while True:
        good, frame = video.read()
        if not good:
            return
        yield np.asarray(frame, np.uint8)


@pytest.mark.parametrize("codec", ["raw", "ffv1", "mpeg4"])
def test_files_in_the_layout_of_ubfc(codec: str, tmp_path: Path) -> None:
    arguments = ["--out", str(tmp_path), "--subjects", "2", "--seed", "9", "--seconds", "1"]
    arguments += ["--size", "160x120", "--fps", "25", "--codec", codec]
    write_ubfc(arguments)
    for index in range(2):
        folder = tmp_path / f"subject{index + 1}"
        truth = Reference.read(folder / "ground_truth.txt")
        frames = list(_read(folder / "vid.avi"))
        assert len(frames) == len(truth.ppg) == 25
        assert frames[0].shape == (120, 160, 3)
        np.testing.assert_allclose(truth.times, np.arange(25) / 25, atol=1e-6)
        scene = Scene.from_json(json.loads((folder / "scene.json").read_text())["scene"])
        np.testing.assert_allclose(
            truth.heart_rate, pulse_wave(scene).heart_rate(truth.times), rtol=1e-5
        )
        np.testing.assert_allclose(truth.ppg, pulse_wave(scene).ppg(truth.times), atol=1e-4)
        placement = place_in_frame(scene, 160, 120)
        rendered = np.stack(list(render(scene, placement, np.arange(25) / 25)))
        error = np.stack(frames).astype(float) - rendered
        # Without loss also without any swap of colours.
        if codec == "mpeg4":
            assert np.sqrt(np.mean(error**2)) < 8
        else:
            assert not error.any()
    before = (tmp_path / "subject1" / "vid.avi").stat().st_mtime_ns
    write_ubfc(arguments)
    assert (tmp_path / "subject1" / "vid.avi").stat().st_mtime_ns == before
    with pytest.raises(SystemExit):
        write_ubfc([*arguments, "--seed", "10"])


def test_the_layout_is_that_of_the_real_files(data: Path, tmp_path: Path) -> None:
    write_ubfc(["--out", str(tmp_path), "--subjects", "1", "--seconds", "0.2", "--size", "160x120"])
    number = re.compile(r"-?\d\.\d{7}e[+-]\d\d")
    texts = (
        (folder / "subject1" / "ground_truth.txt").read_text().splitlines()
        for folder in (data / "ubfc_format", tmp_path)
    )
    for rows in texts:
        assert len(rows) == 3
        assert all(number.fullmatch(value) for row in rows for value in row.split())


# The demo clip.


@pytest.fixture(scope="module")
def demo() -> list[NDArray[np.uint8]]:
    return list(_read(demo_clip.ASSETS / "demo.mp4"))


def test_the_demo_clip_is_what_its_script_makes(demo: list[NDArray[np.uint8]]) -> None:
    assert (demo_clip.ASSETS / "demo.mp4").stat().st_size < 1_000_000
    assert len(demo) == len(demo_clip.demo_times())
    made = demo_clip.frames()
    for shown in demo[:3]:
        # H.264 at 320 kbit/s; the bytes themselves depend on the encoder's version.
        assert np.sqrt(np.mean((shown.astype(float) - next(made)) ** 2)) < 9


def test_the_demo_truth_is_the_scenes() -> None:
    truth = Reference.read(demo_clip.ASSETS / "demo_truth.txt")
    times = demo_clip.demo_times()
    wave = pulse_wave(demo_clip.demo_scene())
    np.testing.assert_allclose(truth.times, times, atol=1e-6)
    np.testing.assert_allclose(truth.heart_rate, wave.heart_rate(times), atol=1e-4)
    np.testing.assert_allclose(truth.ppg, wave.ppg(times), atol=1e-5)
    assert truth.heart_rate[0] < 70 < 74 < truth.heart_rate[-1]


def test_the_demo_clip_has_a_face_and_its_pulse(demo: list[NDArray[np.uint8]]) -> None:
    face = rf.largest_face(rf.MTCNN()(demo[0]))
    assert face is not None
    assert face.probability > 0.95
    x0, y0, x1, y1 = (round(edge) for edge in (face.x0, face.y0, face.x1, face.y1))
    rgb = np.array([frame[y0:y1, x0:x1, ::-1].mean(axis=(0, 1)) for frame in demo])
    pulse = methods.pos(rgb, demo_clip.FPS)
    truth = Reference.read(demo_clip.ASSETS / "demo_truth.txt")
    for start in range(0, 301, 100):
        part = slice(start, start + 300)
        expected = truth.heart_rate[part].mean()
        # The rate rises by 4 bpm within a window.
        assert abs(peak_rate(pulse[part], demo_clip.FPS) - expected) < 1.5
        assert np.corrcoef(pulse[part], truth.ppg[part])[0, 1] > 0.6
