"""A pulse put into 36 x 36 skin: found again, as strong as asked for, and drawn the same again."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("scipy", "av", "tqdm", "cv2"):
    pytest.importorskip(module, reason="putting pulses into skin needs the extra 'train'")

from rppg_fast.methods import pos  # noqa: E402
from tests.support.made_up_carriers import ROOM, SKIN, skin_mask  # noqa: E402
from training.data.finger import InjectedPulse  # noqa: E402
from training.data.injection import Look  # noqa: E402
from training.data.standard_pulse import LABEL_FS, band_pass  # noqa: E402
from training.synthetic.parameters import OFF, Between, Choice, Law, OneOf  # noqa: E402
from training.synthetic.ppg_shapes import load_shapes  # noqa: E402
from training.synthetic.skin_pulses import (  # noqa: E402
    Beats,
    StepPulse,
    draw_pulses,
    put_into_clip,
    put_into_runs,
)

FPS, SECONDS, RATE = 30.0, 20.0, 73.0
AMPLITUDE = 0.006
# Half a bin of a spectrum of 20 s.
RATE_TOLERANCE = 1.5
# Delays over the face take a little of the mean's amplitude; the field is scaled over the skin.
AMPLITUDE_TOLERANCE = 0.02
# A change of brightness of a thousandth, squared.
LINEAR_TOLERANCE = 2e-4
# Cells: places between them are taken in steps of 1/32.
SWAY_TOLERANCE = 0.05

STILL = ("delay", "variation", "right", "down", "sway", "warmth", "exposure", "light", "noise")
QUIET: dict[str, Law] = {f"pulse.{name}": OFF for name in STILL}


def skin(frames: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    mask = np.repeat(skin_mask()[None] / np.float32(255), frames, 0)
    color = np.where(mask[:, None] > 0, np.reshape(SKIN, (1, 3, 1, 1)), ROOM)
    return color.astype(np.float32), mask.astype(np.float32)


def sine(frames: int) -> InjectedPulse:
    times = np.arange(frames) / FPS
    omega = 2 * np.pi * RATE / 60
    wave = np.sqrt(2) * np.sin(omega * times)
    slope = np.sqrt(2) * omega * np.cos(omega * times)
    return InjectedPulse(wave, slope, np.full(frames, RATE), "sine", 1.0)


def lasting(count: int, step: float) -> NDArray[np.float64]:
    """Times of runs of two frames."""
    return np.stack([np.zeros(count), np.full(count, step)])


def mean_color(seen: NDArray[np.float32], mask: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(seen[:, :, mask[0] > 0.5].mean(-1, dtype=np.float64))


def peak_bpm(wave: NDArray[np.float64]) -> float:
    power = np.abs(np.fft.rfft((wave - wave.mean()) * np.hanning(len(wave)), 8 * len(wave))) ** 2
    return float(60 * np.fft.rfftfreq(8 * len(wave), 1 / FPS)[power.argmax()])


def test_the_rate_of_a_clip_is_found_again_by_green_and_by_pos() -> None:
    count = int(SECONDS * FPS)
    seen, mask = skin(count)
    out = put_into_clip(seen, mask, sine(count), Look(), AMPLITUDE, np.random.default_rng(0))
    color = mean_color(out, mask)
    assert peak_bpm(color[:, 1]) == pytest.approx(RATE, abs=RATE_TOLERANCE)
    assert peak_bpm(pos(color, FPS)) == pytest.approx(RATE, abs=RATE_TOLERANCE)
    # Green falls as the blood volume rises.
    assert np.corrcoef(color[:, 1], sine(count).ppg)[0, 1] < -0.99


def test_the_amplitude_is_that_of_the_skins_green_and_colors_have_their_ratio() -> None:
    count = int(SECONDS * FPS)
    seen, mask = skin(count)
    out = put_into_clip(seen, mask, sine(count), Look(), AMPLITUDE, np.random.default_rng(0))
    color = mean_color(out, mask)
    strength = color.std(0) / color.mean(0)
    assert strength[1] == pytest.approx(AMPLITUDE, rel=AMPLITUDE_TOLERANCE)
    assert strength / strength[1] == pytest.approx([0.33 / 0.77, 1, 0.53 / 0.77], rel=1e-3)
    outside = mask[0] == 0
    np.testing.assert_array_equal(out[:, :, outside], seen[:, :, outside])


def test_a_stronger_place_stays_stronger_and_the_mean_does_not_change() -> None:
    count = int(SECONDS * FPS)
    seen, mask = skin(count)
    uneven = put_into_clip(
        seen, mask, sine(count), Look(variation=0.5, delay=0.0), AMPLITUDE, np.random.default_rng(1)
    )
    green = uneven[:, 1][:, mask[0] > 0.5].astype(np.float64)
    # What each place has of the pulse, with its sign: somewhere it may be turned over.
    local = -(green / green.mean(0) - 1).T @ sine(count).ppg / count
    assert local.std() / local.mean() > 0.2
    assert local.mean() == pytest.approx(AMPLITUDE, rel=AMPLITUDE_TOLERANCE)


@pytest.mark.parametrize("which", [0.0, 0.5, 0.999])
def test_labels_are_changes_of_the_band_passed_ppg(which: float) -> None:
    ranges = {
        **QUIET,
        "pulse.finger": Between(which, which),
        "pulse.shape": Choice({"finger": 1.0}),
        "pulse.phase": Between(0.0, 1.0),
    }
    pulses = draw_pulses(ranges, 1, 0, 40)
    seconds = lasting(40, 1 / 30)
    seen, mask = skin(40)
    _, change = put_into_runs(
        np.stack([seen, seen]), np.stack([mask, mask]), seconds, pulses, np.random.default_rng(0)
    )
    # The same by filtering a minute of the beat, as clips' labels are made.
    shapes = load_shapes()
    shape = shapes[int(which * len(shapes))]
    for i in range(40):
        rate = pulses["rate"][i] / 60
        grid = np.arange(-30, 30, 1 / LABEL_FS)
        phase = 2 * np.pi * (pulses["phase"][i] + rate * grid)
        wave = band_pass(sum((c * np.exp(1j * k * phase)).real for k, c in enumerate(shape, 1)))
        middle = np.abs(grid) < 15
        expected = np.diff(np.interp(seconds[:, i], grid, wave))[0] / wave[middle].std()
        # Interpolated between the filter's 120 samples a second, and a window of whole beats not.
        assert change[0, i] == pytest.approx(expected, abs=0.03)


def test_a_step_changes_the_skin_by_amplitude_times_the_change_of_the_ppg() -> None:
    pulses = draw_pulses({**QUIET, "pulse.shape": Choice({"sine": 1.0})}, 2, 5, 30)
    seen, mask = skin(30)
    seconds = lasting(30, 1 / 25)
    out, _ = put_into_runs(
        np.stack([seen, seen]), np.stack([mask, mask]), seconds, pulses, np.random.default_rng(0)
    )
    beats = Beats.of(pulses)
    ppg = beats.ppg(pulses["phase"] + beats.rate * seconds[1]) - beats.ppg(pulses["phase"])
    for channel, ratio in enumerate((pulses["red"], np.ones(30), pulses["blue"])):
        inside = out[:, :, channel][:, :, mask[0] > 0.5].mean(-1) / SKIN[channel]
        wanted = -pulses["amplitude"] * ratio * ppg
        np.testing.assert_allclose(inside[1] - inside[0], wanted, atol=LINEAR_TOLERANCE)


def test_the_same_seed_gives_the_same_and_one_ingredient_leaves_the_others() -> None:
    one, again = (draw_pulses({}, 7, 3, 50) for _ in range(2))
    other = draw_pulses({}, 7, 4, 50)
    changed = draw_pulses({"pulse.amplitude": Between(0.02, 0.03)}, 7, 3, 50)
    assert set(one) == {field.name for field in fields(StepPulse)}
    for name, values in one.items():
        np.testing.assert_array_equal(values, again[name])
        assert not np.array_equal(values, other[name])
        assert np.array_equal(values, changed[name]) == (name != "amplitude")
    assert changed["amplitude"].min() >= 0.02


def test_drawing_many_follows_the_law() -> None:
    random = np.random.default_rng(0)
    shared = Between(1.0, 2.0, share=0.25).draw_many(random, 4000)
    assert np.mean(shared == 0) == pytest.approx(0.75, abs=0.03)
    assert shared[shared > 0].min() >= 1
    logs = Between(0.001, 0.1, log=True).draw_many(random, 4000)
    assert np.median(logs) == pytest.approx(0.01, rel=0.2)
    assert set(OneOf((1.0, 3.0)).draw_many(random, 100)) == {1.0, 3.0}
    names = Choice({"a": 3.0, "b": 1.0}).draw_many(random, 4000)
    assert np.mean(names == "a") == pytest.approx(0.75, abs=0.03)


def test_light_and_noise_change_what_is_seen_but_not_the_label() -> None:
    seen, mask = skin(20)
    both, masks, seconds = np.stack([seen, seen]), np.stack([mask, mask]), lasting(20, 1 / 30)
    lit = {**QUIET, "pulse.light": Between(0.01, 0.01), "pulse.noise": Between(0.001, 0.001)}
    plain, change = put_into_runs(
        both, masks, seconds, draw_pulses(QUIET, 1, 1, 20), np.random.default_rng(0)
    )
    bright, same = put_into_runs(
        both, masks, seconds, draw_pulses(lit, 1, 1, 20), np.random.default_rng(0)
    )
    np.testing.assert_array_equal(change, same)
    ratio = bright[1].mean((1, 2, 3)) / plain[1].mean((1, 2, 3))
    np.testing.assert_allclose(ratio, 1.01, atol=0.004)
    assert (bright[0] - plain[0]).std() == pytest.approx(0.001, rel=0.1)


def test_steps_without_skin_stay_as_they_are() -> None:
    seen, mask = skin(5)
    pulses = draw_pulses(QUIET, 1, 1, 5)
    out, _ = put_into_runs(
        np.stack([seen, seen]),
        np.zeros((2, *mask.shape), np.float32),
        lasting(5, 0.04),
        pulses,
        np.random.default_rng(0),
    )
    np.testing.assert_array_equal(out[0], seen)


def test_a_run_holds_one_pulse_and_one_step_of_light() -> None:
    frames, count = 60, 6
    seen, mask = skin(count)
    seconds = np.repeat(np.arange(frames)[:, None] / FPS, count, 1)
    ranges = {
        **QUIET,
        "pulse.light": Between(0.2, 0.2),
        "pulse.light_slope": OFF,
        "pulse.shape": Choice({"sine": 1.0}),
        "pulse.rate": Between(RATE, RATE),
    }
    out, change = put_into_runs(
        np.repeat(seen[None], frames, 0),
        np.repeat(mask[None], frames, 0),
        seconds,
        draw_pulses(ranges, 3, 1, count),
        np.random.default_rng(0),
    )
    assert change.shape == (frames - 1, count)
    level = np.cumsum(change, 0)
    for run in range(count):
        assert peak_bpm(level[:, run]) == pytest.approx(RATE, abs=60 / frames * FPS / 4)
        green = out[:, run, 1][:, mask[0] > 0.5].mean(1)
        steps = np.flatnonzero(np.abs(np.diff(green) / green[:-1]) > 0.1)
        assert len(steps) == 1
    # Runs change their light at steps of their own.
    background = out[:, :, 1, 0, 0]
    assert len({int(np.abs(np.diff(background[:, run])).argmax()) for run in range(count)}) > 1


def test_a_picture_is_moved_with_its_skin_and_tinted() -> None:
    seen, mask = skin(3)
    ranges = {**QUIET, "pulse.right": Between(3.0, 3.0), "pulse.down": Between(-2.0, -2.0)}
    ranges["pulse.warmth"] = Between(1.2, 1.2)
    given = (np.stack([seen, seen]), np.stack([mask, mask]), lasting(3, 0.04))
    out, _ = put_into_runs(*given, draw_pulses(ranges, 1, 1, 3), np.random.default_rng(0))
    still, _ = put_into_runs(*given, draw_pulses(QUIET, 1, 1, 3), np.random.default_rng(0))
    tint = np.array([1.2, 1, 1 / 1.2])
    # A corner of the skin's ellipse, and the room around it.
    for row, column in ((17, 17), (17, 7), (5, 17), (0, 0)):
        moved = out[0, :, :, row - 2, column + 3] if row else out[0, :, :, row, column]
        was = still[0, :, :, row, column]
        np.testing.assert_allclose(moved, was * tint, rtol=0.02)


def test_a_sway_moves_the_skin_to_and_fro_in_its_direction() -> None:
    frames = 61
    seen, mask = skin(1)
    seconds = np.arange(frames)[:, None] / FPS
    ranges = {
        **QUIET,
        "pulse.sway": Between(1.0, 1.0),
        "pulse.sway_rate": Between(1.0, 1.0),
        "pulse.sway_direction": Between(0.25, 0.25),
    }
    out, _ = put_into_runs(
        np.repeat(seen[None], frames, 0),
        np.repeat(mask[None], frames, 0),
        seconds,
        draw_pulses(ranges, 1, 1, 1),
        np.random.default_rng(0),
    )
    bright = out[:, 0, 0].astype(np.float64) - ROOM
    cells = np.arange(bright.shape[-1])
    total = bright.sum((1, 2))
    right, down = (bright.sum(axis) @ cells / total for axis in (1, 2))
    assert right.std() < SWAY_TOLERANCE
    assert down[:-1].std() == pytest.approx(1.0, abs=SWAY_TOLERANCE)
    assert peak_bpm(down) == pytest.approx(60, abs=60 / frames * FPS / 4)
