"""Put pulses into runs of frames of carriers, many at once, each with its own appearance.

The physics is that of ``training.data.injection``, at 36 x 36: in each frame, skin is multiplied by
``skin_factor``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfreqz

from training.data.carriers import SIDE
from training.data.finger import InjectedPulse
from training.data.injection import PATCH, SKIN, Look, along, over_green, skin_factor, uneven
from training.data.standard_pulse import BAND, LABEL_FS
from training.synthetic.parameters import Law, between, choice, one_of, sample_many
from training.synthetic.ppg_shapes import load_shapes

Floats = NDArray[np.float64]
Pixels = NDArray[np.float32]

PREFIX = "pulse"
"""Prefix of the names of ingredients, as in "pulse.rate"."""

_TYPICAL_SCALE = 1.5  # box side over face side, which converts PATCH to cells
_CEILING = 1.0  # white
_LEAST_MEAN = 0.1  # smallest mean of a field over the skin that is scaled to 1


@dataclass(frozen=True)
class StepPulse:
    """The ingredients of a pulse in a run of frames of a carrier.

    There is no ingredient for the speed of the video: a network that sees single frame steps cannot
    tell it from another ``rate``.
    """

    rate: float = between("Heart rate, bpm.", 40.0, 200.0, log=True)
    shape: str = choice("A real finger's beat, or a sine.", finger=0.85, sine=0.15)
    finger: float = between("Which finger: from the first, 0, to the last, 1.", 0.0, 1.0)
    phase: float = between("Where in the beat the step begins, in beats.", 0.0, 1.0)
    amplitude: float = between(
        "Standard deviation of the skin's green over its mean.", 0.001, 0.012, log=True
    )
    red: float = between("Change of red over that of green.", 0.25, 0.65)
    blue: float = between("Change of blue over that of green.", 0.5, 0.85)
    variation: float = between("Relative standard deviation over the face.", 0.0, 0.6)
    delay: float = between("Time from the earliest to the latest side, s.", 0.0, 0.04)
    direction: float = between("Towards the latest side, in turns.", 0.0, 1.0)
    frames: float = one_of("Frames of the video to a step.", 1, 1, 1, 2, 3)
    right: float = between("By how many cells the picture is moved to the right.", -4.0, 4.0)
    down: float = between("By how many cells it is moved down.", -4.0, 4.0)
    sway: float = between(
        "Standard deviation of a movement to and fro, cells.", 0.03, 1.5, log=True, share=0.5
    )
    sway_rate: float = between("How often it goes to and fro, Hz.", 0.1, 3.0, log=True)
    sway_direction: float = between("Its direction, in turns.", 0.0, 1.0)
    sway_phase: float = between("Where in the movement a run begins, in turns.", 0.0, 1.0)
    exposure: float = between("Factor on the light of both frames.", 0.4, 1.2, share=0.3)
    warmth: float = between("Red light over green, and green over blue, as a factor.", 0.8, 1.25)
    light: float = between("Change of the light over the step.", -0.01, 0.01, share=0.3)
    light_red: float = between("Change of red light over that of green.", 0.8, 1.2)
    light_blue: float = between("Change of blue light over that of green.", 0.8, 1.2)
    light_slope: float = between(
        "Change on the far side over that in the middle, less 1.", 0.0, 1.0
    )
    light_direction: float = between("Towards the stronger change, in turns.", 0.0, 1.0)
    noise: float = between(
        "Standard deviation of a cell's noise, of white.", 0.0001, 0.001, log=True, share=0.2
    )


StepPulses = Mapping[str, NDArray[Any]]
"""N pulses: an array (N,) for each field of ``StepPulse``."""


@dataclass(frozen=True)
class Beats:
    """Periodic beats: Fourier coefficients, before and after the band-pass of the labels.

    Attributes
    ----------
    rate : float64 (N,)
        Heart rate of each, Hz.
    wave : complex128 (N, harmonics)
        The PPG is ``Re(sum_k wave_k exp(2 pi i k phase))``, of unit standard deviation.
    band : complex128 (N, harmonics)
        The same for the band-passed PPG, with unit standard deviation.
    """

    rate: Floats
    wave: NDArray[np.complex128]
    band: NDArray[np.complex128]

    @classmethod
    def of(cls, pulse: StepPulses) -> Beats:
        """Make the beats of pulses."""
        fingers = load_shapes()
        which = np.minimum((pulse["finger"] * len(fingers)).astype(int), len(fingers) - 1)
        sine = np.zeros(fingers.shape[1])
        sine[0] = 1
        wave = np.where((pulse["shape"] == "sine")[:, None], sine, fingers[which])
        rate = np.asarray(pulse["rate"], np.float64) / 60
        return cls(rate, _unit(wave), _unit(wave * band_gain(_orders(wave) * rate[:, None])))

    def ppg(self, phase: Floats) -> Floats:
        """Return the PPG at phases in beats, (N,)."""
        return _at(self.wave, phase)

    def slope(self, phase: Floats) -> Floats:
        """Return the change of the PPG a second at phases in beats, (N,)."""
        turning = 2j * np.pi * _orders(self.wave) * self.rate[:, None]
        return _at(self.wave * turning, phase)

    def label(self, phase: Floats) -> Floats:
        """Return the band-passed PPG at phases in beats, (N,), as in ``standard_pulse``."""
        return _at(self.band, phase)


def band_gain(frequency: Floats) -> Floats:
    """Return the gain of ``standard_pulse.band_pass`` at frequencies in Hz."""
    sos = butter(2, BAND, "bandpass", fs=LABEL_FS, output="sos")
    _, response = sosfreqz(sos, frequency.ravel(), fs=LABEL_FS)
    return np.asarray(np.abs(response.reshape(frequency.shape)) ** 2)


def _orders(wave: NDArray[np.complex128]) -> NDArray[np.int64]:
    return np.arange(1, wave.shape[1] + 1)


def _unit(wave: NDArray[Any]) -> NDArray[np.complex128]:
    # By Parseval's theorem.
    return np.asarray(wave / np.sqrt((np.abs(wave) ** 2).sum(1, keepdims=True) / 2))


def _at(wave: NDArray[np.complex128], phase: Floats) -> Floats:
    turns = np.exp(2j * np.pi * phase[:, None] * _orders(wave))
    return np.asarray((wave * turns).sum(1).real)


def draw_pulses(ranges: Mapping[str, Law], seed: int, step: int, count: int) -> StepPulses:
    """Draw the pulses of a training step; ``ranges`` takes the place of default laws."""
    return sample_many(StepPulse, PREFIX, ranges, seed, step, count)


def put_into_runs(
    seen: Pixels, mask: Pixels, seconds: Floats, pulse: StepPulses, random: np.random.Generator
) -> tuple[Pixels, Floats]:
    """Put a pulse, light and noise into runs of frames.

    Parameters
    ----------
    seen : (frames, N, 3, SIDE, SIDE)
        Red, green and blue of N runs' frames, from 0 to 1.
    mask : (frames, N, SIDE, SIDE)
        How much of each cell is skin, from 0 to 1.
    seconds : (frames, N)
        Times since each run's first frame.
    pulse
        N of them.
    random
        Generator of the regions of stronger pulse, the step at which the light changes, and noise.

    Returns
    -------
    float32 (frames, N, 3, SIDE, SIDE), float64 (frames - 1, N)
        The frames with the pulse, and the changes of the band-passed PPG of unit standard
        deviation.
    """
    seen, mask = _moved(seen, mask, seconds, pulse)
    beats = Beats.of(pulse)
    phase = pulse["phase"] + beats.rate * seconds
    ppg, slope = (np.stack([f(one) for one in phase]) for f in (beats.ppg, beats.slope))
    late = pulse["delay"][:, None, None] * along(2 * np.pi * pulse["direction"], SIDE)
    local = ppg[..., None, None] - late * slope[..., None, None]
    weight = _spread(mask, _rough(random, len(pulse["rate"])), pulse["variation"]) * local
    ones = np.ones_like(pulse["red"])
    color = np.stack([pulse["red"], ones, pulse["blue"]], -1).astype(np.float32)
    amplitude = pulse["amplitude"][:, None, None]
    factor = skin_factor(weight.astype(np.float32), amplitude, color[:, None, None])
    out = seen * np.moveaxis(factor, -1, 2)
    bright, warmth = (_factor(pulse[name])[:, None] for name in ("exposure", "warmth"))
    out *= (bright * warmth ** np.array([1, 0, -1], np.float32))[..., None, None]
    light = np.moveaxis(_light(pulse), -1, 1)
    changes = 1 + (random.random(len(ones)) * (len(seen) - 1)).astype(int)
    for i, frame in enumerate(out):
        frame[changes <= i] *= light[changes <= i]
    noise = np.flatnonzero(pulse["noise"])
    level = pulse["noise"][noise, None, None, None].astype(np.float32)
    out[:, noise] += level * random.standard_normal(out[:, noise].shape, np.float32)
    np.clip(out, 0, _CEILING, out=out)
    label = np.stack([beats.label(one) for one in phase])
    return out, np.diff(label, axis=0)


def _moved(seen: Pixels, mask: Pixels, seconds: Floats, pulse: StepPulses) -> tuple[Pixels, Pixels]:
    """Move the frames and their skin masks; cells that enter repeat the edge.

    Without sway, the shift is a whole number of cells. With sway, frames are interpolated, as
    if a face moved in a fixed box.
    """
    turn = 2 * np.pi * (pulse["sway_phase"] + pulse["sway_rate"] * seconds)
    path = np.sqrt(2) * pulse["sway"] * np.sin(turn)
    angle = 2 * np.pi * pulse["sway_direction"]
    right = np.rint(pulse["right"]) + path * np.cos(angle)
    down = np.rint(pulse["down"]) + path * np.sin(angle)
    moved, skin = np.empty_like(seen), np.empty_like(mask)
    for i, j in np.ndindex(right.shape):
        place = np.array([[1, 0, right[i, j]], [0, 1, down[i, j]]])
        cells = np.concatenate([seen[i, j], mask[i, j, None]]).transpose(1, 2, 0)
        out = cv2.warpAffine(cells, place, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
        moved[i, j], skin[i, j] = out[..., :3].transpose(2, 0, 1), out[..., 3]
    return moved, skin


def _factor(values: Floats) -> Pixels:
    """Return factors, 1 where an ingredient is off."""
    return np.where(values == 0, 1, values).astype(np.float32)


def _light(pulse: StepPulses) -> Pixels:
    """Return the factors on the light of the later frames, (N, SIDE, SIDE, 3)."""
    uphill = 2 * along(2 * np.pi * pulse["light_direction"], SIDE)
    change = pulse["light"][:, None, None] * (1 + pulse["light_slope"][:, None, None] * uphill)
    color = np.stack([pulse["light_red"], np.ones_like(pulse["light"]), pulse["light_blue"]], -1)
    return np.asarray(1 + change[..., None] * color[:, None, None], np.float32)


def _rough(random: np.random.Generator, count: int) -> Floats:
    """Make smooth random fields, (count, SIDE, SIDE)."""
    place = np.arange(SIDE)
    cells = PATCH * SIDE / _TYPICAL_SCALE
    blur = np.exp(-0.5 * ((place[:, None] - place) / cells) ** 2)
    return np.asarray(blur @ random.standard_normal((count, SIDE, SIDE)) @ blur)


def _spread(mask: Pixels, rough: Floats, variation: Floats) -> Floats:
    """Return the strength of the pulse in each cell, (frames, N, SIDE, SIDE); its mean is 1."""
    field = mask * uneven(rough, variation[:, None, None])
    skin = mask > SKIN
    mean = (field * skin).sum((0, 2, 3)) / np.maximum(skin.sum((0, 2, 3)), 1)
    # With almost no skin, the field is zero.
    scale = np.where(mean > _LEAST_MEAN, 1 / np.maximum(mean, _LEAST_MEAN), 0.0)
    return np.asarray(field * scale[:, None, None])


def put_into_clip(
    seen: Pixels,
    mask: Pixels,
    pulse: InjectedPulse,
    look: Look,
    amplitude: float,
    random: np.random.Generator,
) -> Pixels:
    """Put a finger's pulse into a whole carrier.

    Parameters
    ----------
    seen : (frames, 3, SIDE, SIDE)
        Red, green and blue from 0 to 1.
    mask : (frames, SIDE, SIDE)
        How much of each cell is skin, from 0 to 1.
    pulse
        At the same frames.
    look
        Distribution of the pulse over the skin.
    amplitude
        Standard deviation of the skin's mean green over its mean.
    random
        Generator of the regions of stronger pulse and of the direction of the delay.

    Returns
    -------
    float32 (frames, 3, SIDE, SIDE)
    """
    spread = _spread(mask[:, None], _rough(random, 1), np.array([look.variation]))[:, 0]
    late = look.delay * along(random.uniform(0, 2 * np.pi), SIDE)
    local = pulse.ppg[:, None, None] - late * pulse.slope[:, None, None]
    factor = skin_factor((spread * local).astype(np.float32), amplitude, over_green(look.color))
    return np.asarray(seen * np.moveaxis(factor, -1, 1), np.float32)
