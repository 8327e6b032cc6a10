"""The parameters of a synthetic clip, as named numbers.

``sample_scene`` draws a ``Scene`` from a seed and an index. Each field below has its meaning, its
range, and the share of scenes in which it is not off. Lengths are in *head units*: 1 is half the
height of the face, so that chin and hairline are about 2 apart and the face is about 1.5 wide.
Amplitudes of movement are standard deviations unless stated otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_type_hints

import numpy as np

from training.synthetic.parameters import Law, between, choice, laws, one_of, sample, stream

VERSION = 1  # version of the generator; raise it if the same seed gives other pixels than before
BENCHMARK_SEED = 20231  # of training.synthetic.benchmark; its clips are not used for training


@dataclass(frozen=True)
class Pulse:
    """The PPG under the skin."""

    heart_rate: float = between("at the start, bpm, before all changes", 45, 180)
    # By default, every scene has a pulse: the other scenes have shaking and flicker, too, and a
    # regression learns from them that these are no pulse. A share below 1 gives scenes without.
    amplitude: float = between("of the pulse in green, relative; 0: none", 0.0015, 0.015, log=True)
    red: float = between("pulse in red, relative to green", 0.28, 0.58)
    blue: float = between("pulse in blue, relative to green", 0.52, 0.86)
    trend: float = between("steady change of the rate, bpm a minute", -4.0, 4.0)
    drift: float = between("of the rate, 20 to 100 s, bpm", 0.0, 2.0)
    variability: float = between("of the rate, 7 to 20 s, bpm", 0.0, 1.0)
    sinus_arrhythmia: float = between("swing of the rate with breathing, bpm", 0.0, 3.0)
    breathing_rate: float = between("breaths a minute", 9, 24)
    depth_modulation: float = between("swing of the pulse's height with breathing", 0.0, 0.25)
    baseline: float = between("swing of the baseline, in beats' deviations", 0.0, 0.4)
    shape: str = choice("of the beat", finger=0.5, harmonics=0.4, sine=0.1)
    finger: float = between("which of the real finger beats, 0 to 1", 0.0, 1.0)
    second_harmonic: float = between("of the beat of shape 'harmonics'", 0.15, 0.6)
    second_phase: float = between("its phase, rad", 1.4, 2.8)
    third_harmonic: float = between("of the beat of shape 'harmonics'", 0.0, 0.35)
    third_phase: float = between("its phase, rad", 2.2, 4.0)
    unevenness: float = between("of its strength over the skin", 0.1, 0.5)
    delay: float = between("of its arrival over the skin, s", 0.002, 0.015)


@dataclass(frozen=True)
class Skin:
    """What the skin looks like."""

    melanin: float = between("0: very light, 1: very dark", 0.0, 1.0)
    redness: float = between("amount of blood, 0 to 1", 0.0, 1.0)
    yellow: float = between("yellow or olive tint, 0 to 1", 0.0, 1.0)
    mottling: float = between("contrast of large blotches", 0.01, 0.06)
    grain: float = between("contrast of freckles and pores", 0.01, 0.06)
    shine: float = between("strength of specular patches", 0.05, 0.5, share=0.7)


@dataclass(frozen=True)
class Head:
    """The shape of the head."""

    width: float = between("half-width of the face", 0.70, 0.84)
    jaw: float = between("narrowing of the jaw", 0.02, 0.26)
    square: float = between("squareness of the chin (exponent)", 2.2, 3.4)
    tilt: float = between("mean roll, rad", -0.12, 0.12)
    turn: float = between("mean yaw: shift of the nose, head units", -0.14, 0.14)
    eye_height: float = between("of the eyes above the face's centre", 0.08, 0.18)
    eye_distance: float = between("of an eye from the middle", 0.30, 0.37)
    eye_size: float = between("half-width of an eye", 0.125, 0.165)
    eye_opening: float = between("half-height over half-width", 0.25, 0.5)
    iris: float = between("its darkness", 0.2, 1.0)
    brow_height: float = between("above the eyes", 0.17, 0.25)
    brow_thickness: float = between("half of it", 0.022, 0.05)
    brow_density: float = between("opacity", 0.3, 0.95)
    nose_length: float = between("tip below the eyes", 0.45, 0.58)
    nose_width: float = between("half-width at the nostrils", 0.12, 0.19)
    mouth_height: float = between("mouth below the face's centre", 0.52, 0.62)
    mouth_width: float = between("half-width", 0.21, 0.32)
    lips: float = between("half-thickness", 0.04, 0.09)
    lip_colour: float = between("redness and darkness of the lips", 0.2, 0.9)
    ears: float = between("how far they stand out", 0.0, 0.12)
    asymmetry: float = between("of left and right", -0.02, 0.02)


@dataclass(frozen=True)
class Hair:
    """Hair on head and face, and glasses."""

    style: str = choice("haircut", bald=0.12, buzz=0.13, short=0.35, long=0.25, fringe=0.15)
    darkness: float = between("0: white or blond, 1: black", 0.1, 1.0)
    red: float = between("0: grey, 1: ginger", 0.0, 1.0)
    dye: float = between("strength of an unnatural color, or a cap", 0.5, 1.0, share=0.08)
    dye_hue: float = between("its hue, 0 to 1", 0.0, 1.0)
    volume: float = between("how far it stands out", 0.05, 0.22)
    hairline: float = between("height above the face's centre", 0.72, 1.0)
    parting: float = between("its sideways lean", -0.35, 0.35)
    streaks: float = between("contrast of strands", 0.04, 0.2)
    beard: float = between("opacity of a beard", 0.15, 0.95, share=0.2)
    moustache: float = between("opacity of a moustache", 0.2, 0.95, share=0.2)
    glasses: float = between("half-thickness of the frame; 0: none", 0.008, 0.03, share=0.25)
    lens: float = between("half-width of a lens", 0.2, 0.26)
    lens_shape: float = between("roundness: exponent of the outline", 2.0, 4.0)
    frame_darkness: float = between("of the glasses' frame", 0.3, 1.0)
    glare: float = between("strength of reflections in the lenses", 0.1, 0.5, share=0.5)


@dataclass(frozen=True)
class Body:
    """Neck and clothes."""

    neck: float = between("half-width over that of the face", 0.58, 0.82)
    shoulders: float = between("their slope", 0.15, 0.45)
    neckline: float = between("depth of the opening", 0.0, 0.5)
    hue: float = between("of the clothes, 0 to 1", 0.0, 1.0)
    saturation: float = between("of the clothes", 0.0, 0.8)
    value: float = between("brightness of the clothes", 0.08, 0.95)
    pattern: str = choice("of the clothes", plain=0.5, stripes=0.17, checks=0.13, blotches=0.2)
    contrast: float = between("of the pattern", 0.1, 0.6)
    scale: float = between("of the pattern, head units", 0.08, 0.4)
    pulse: float = between("pulse of neck and chest, relative to the face", 0.2, 0.7)


@dataclass(frozen=True)
class Background:
    """What lies behind the head."""

    kind: str = choice("of background", wall=0.3, blurred=0.35, cluttered=0.35)
    hue: float = between("0 to 1", 0.0, 1.0)
    saturation: float = between("0 to 1", 0.0, 0.5)
    value: float = between("brightness", 0.1, 0.95)
    contrast: float = between("of blotches or objects", 0.1, 0.6)
    scale: float = between("size of blotches or objects, head units", 0.3, 1.6)
    objects: float = between("how many", 6, 24)
    movement: float = between("of the background, head units", 0.01, 0.1, log=True, share=0.1)


@dataclass(frozen=True)
class Light:
    """The light, and how it changes. Changes are relative."""

    ambient: float = between("share of light from everywhere", 0.45, 0.85)
    azimuth: float = between("of the lamp, rad to the right", -1.2, 1.2)
    elevation: float = between("of the lamp, rad above the horizon", -0.2, 1.0)
    gradient: float = between("of brightness over the scene, per head unit", 0.0, 0.18)
    gradient_angle: float = between("its direction, rad", 0.0, 2 * np.pi)
    unevenness: float = between("how unevenly changes fall on the scene", 0.0, 0.8)
    drift: float = between("slow change, below 0.4 Hz", 0.001, 0.025, log=True, share=0.8)
    rhythm: float = between("amplitude of a rhythm", 0.0005, 0.008, log=True, share=0.12)
    rhythm_rate: float = between("its rate, Hz", 0.7, 4.0)
    flicker: float = between("change from frame to frame", 0.0003, 0.004, log=True, share=0.2)
    switching: float = between("sudden changes a second, as of a screen", 0.05, 0.4, share=0.1)
    switching_size: float = between("of such a change", 0.005, 0.06, log=True)
    colour: float = between("of all changes: 0: none, 1: strong", 0.0, 0.6)


@dataclass(frozen=True)
class Motion:
    """Movements of the head."""

    sway: float = between("below 0.4 Hz", 0.002, 0.04, log=True, share=0.95)
    tremor: float = between("0.5 to 6 Hz", 0.0005, 0.005, log=True, share=0.8)
    ballistic: float = between("with the heartbeat", 0.0003, 0.003, log=True, share=0.4)
    ballistic_delay: float = between("behind the pulse, s", -0.2, 0.2)
    rhythm: float = between("amplitude of rocking or nodding", 0.002, 0.03, log=True, share=0.15)
    rhythm_rate: float = between("its rate, Hz", 0.7, 3.5)
    rhythm_nod: float = between("its share that nods, else rocks", 0.0, 1.0)
    moves: float = between("sudden moves a second", 0.05, 0.3, share=0.2)
    move_size: float = between("of a sudden move", 0.03, 0.2, log=True)
    roll: float = between("rotation below 0.6 Hz, rad", 0.001, 0.02, log=True, share=0.85)
    yaw: float = between("turning below 0.8 Hz", 0.002, 0.04, log=True, share=0.8)
    pitch: float = between("nodding below 0.8 Hz", 0.002, 0.04, log=True, share=0.8)
    zoom: float = between("approach below 0.4 Hz, relative", 0.0005, 0.01, log=True, share=0.8)
    body: float = between("movement of the shoulders, relative to the head", 0.1, 0.7)
    breathing: float = between("rise of the shoulders with breath", 0.002, 0.02, share=0.8)


@dataclass(frozen=True)
class Expression:
    """Movements of the face."""

    blinks: float = between("a second", 0.08, 0.6, share=0.85)
    talking: float = between("opening of the mouth, 0 to 1", 0.2, 1.0, share=0.2)
    syllables: float = between("a second", 2.0, 5.0)


@dataclass(frozen=True)
class Camera:
    """Camera and encoder. Noise is in 8-bit levels, sizes in pixels."""

    fps: float = one_of("nominal frame rate, Hz", 15, 20, 24, 25, 25, 29.97, 30, 30, 30, 60)
    time_jitter: float = between("of the frames' times, s", 0.0005, 0.005, share=0.25)
    drops: float = between("share of frames lost", 0.002, 0.03, log=True, share=0.1)
    exposure: float = between("gain", 0.55, 1.3)
    white_red: float = between("white balance, red gain", 0.85, 1.15)
    white_blue: float = between("white balance, blue gain", 0.8, 1.15)
    gamma: float = between("exponent of the tone curve", 0.75, 1.15)
    saturation: float = between("gain of the colors", 0.7, 1.2)
    blur: float = between("standard deviation, in pixels", 0.5, 1.1)
    read_noise: float = between("independent of light", 0.2, 1.6)
    shot_noise: float = between("at full light; grows with its square root", 0.3, 2.4)
    block_noise: float = between("in blocks, lasting", 0.05, 0.4, log=True, share=0.25)
    block: float = between("size of a block", 4, 12)
    row_noise: float = between("of whole rows", 0.03, 0.3, log=True, share=0.2)
    codec: str = choice(
        "encoder in the loop", none=0.65, h264=0.15, mpeg4=0.05, vp8=0.03, vp9=0.03, mjpeg=0.09
    )
    bits_per_pixel: float = between("of the encoder", 0.1, 0.8, log=True)


@dataclass(frozen=True)
class Framing:
    """How the head lies in the picture, and how its box is cut out."""

    crop: float = between("height of the picture around the box, pixels", 96, 176)
    box_scale: float = between("box over the face detector's", 1.15, 1.65)
    box_x: float = between("shift of the box, relative to the face's", -0.06, 0.06)
    box_y: float = between("shift of the box, relative to the face's", -0.06, 0.06)
    box_width: float = between("error of the box's width, relative", -0.07, 0.07)
    box_height: float = between("error of the box's height, relative", -0.07, 0.07)
    face: float = between("height of the face in a whole picture, relative", 0.36, 0.5)
    face_x: float = between("place of the face in a whole picture, relative", 0.44, 0.56)
    face_y: float = between("place of the face in a whole picture, relative", 0.38, 0.48)


@dataclass(frozen=True)
class Scene:
    """One synthetic clip, of any length and at any size. Every pixel follows from it."""

    seed: int
    index: int
    pulse: Pulse
    skin: Skin
    head: Head
    hair: Hair
    body: Body
    background: Background
    light: Light
    motion: Motion
    expression: Expression
    camera: Camera
    framing: Framing

    @property
    def has_pulse(self) -> bool:
        """Whether there is a heartbeat at all."""
        return self.pulse.amplitude > 0

    def stream(self, name: str) -> np.random.Generator:
        """Return the random stream of a name, for details that are not parameters."""
        return stream(self.seed, self.index, name)

    def to_json(self) -> dict[str, Any]:
        """Return all parameters as plain values, for ``from_json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Scene:
        """Create the scene that ``to_json`` described."""
        parts = {name: group(**values[name]) for name, group in GROUPS.items()}
        return cls(values["seed"], values["index"], **parts)


GROUPS: dict[str, type[Any]] = {
    name: kind for name, kind in get_type_hints(Scene).items() if kind is not int
}
"""The groups of parameters by name, in the order of ``Scene``."""

RANGES: dict[str, Law] = {
    name: law for prefix, group in GROUPS.items() for name, law in laws(group, prefix).items()
}
"""The default law of every parameter by full name, such as "light.rhythm"."""


def describe() -> str:
    """Return all parameters as text, two lines each: name and default law, and the meaning."""
    lines = []
    for prefix, group in GROUPS.items():
        for f in fields(group):
            law = f.metadata["law"]
            lines.append(f"{prefix}.{f.name}: {law}\n    {f.metadata['doc']}")
    return "\n".join(lines)


def sample_scene(seed: int, index: int, ranges: Mapping[str, Law] | None = None) -> Scene:
    """Draw a scene.

    Parameters
    ----------
    seed, index
        Together they determine the scene.
    ranges
        Laws that replace those of ``RANGES``, by full name. All other parameters keep their default
        law and exactly the same values.

    Raises
    ------
    ValueError
        If ``ranges`` names an unknown parameter or gives it a law of the wrong type.
    """
    ranges = ranges or {}
    for name, law in ranges.items():
        if name not in RANGES:
            raise ValueError(f"unknown parameter {name!r}")
        if type(law) is not type(RANGES[name]):
            raise ValueError(f"{name} needs a {type(RANGES[name]).__name__}, got {law}")
    parts = {name: sample(group, name, ranges, seed, index) for name, group in GROUPS.items()}
    scene = Scene(seed, index, **parts)
    if not scene.has_pulse:  # without a heartbeat there is no movement with it
        still = type(scene.motion)(**{**asdict(scene.motion), "ballistic": 0.0})
        scene = Scene(seed, index, **{**parts, "motion": still})
    return scene
