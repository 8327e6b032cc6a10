"""Compute the changes of a scene over time: pulse, pose, face and light at the frames' times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.data.trajectories import Times, Wander, blinks, jumps, talking
from training.synthetic.pulse import PulseWave
from training.synthetic.scene import Camera, Scene


def frame_times(camera: Camera, duration: float, random: np.random.Generator) -> Times:
    """Return the times of the frames of a clip, s: increasing, the first one 0.

    Parameters
    ----------
    camera
        Frame rate, jitter and drops.
    duration
        Length, s. The frames at 0, 1/fps, ... before it belong to the clip.
    random
        Generator of jitter and drops.
    """
    count = max(int(np.ceil(duration * camera.fps - 1e-6)), 1)
    jitter = random.normal(size=count) * camera.time_jitter
    # At most 0.4 of the frame interval, so that the times increase at any frame rate.
    jitter = np.clip(jitter, -0.4 / camera.fps, 0.4 / camera.fps)
    jitter[0] = 0
    keep = random.random(count) >= camera.drops
    keep[0] = True
    return np.asarray((np.arange(count) / camera.fps + jitter)[keep])


@dataclass(frozen=True)
class Timeline:
    """Values for every frame: float64 (frames,) each, lengths in head units, angles in rad.

    Attributes
    ----------
    pulse, slope
        The PPG (unit deviation, rising with the blood volume) and its change per second.
    x, y, roll, zoom
        Movement of the head in the picture: shift right and down, clockwise rotation, and relative
        growth.
    yaw, pitch
        Turning to the viewer's right, and nodding down.
    lids, mouth
        How far the eyes are closed and the mouth is open, 0 to 1.
    body_x, body_y, back_x, back_y
        Shift of shoulders and background.
    light : list of (color, change)
        Changing light sources: relative gain (3,) in RGB, and the relative change over time.
    """

    pulse: Times
    slope: Times
    x: Times
    y: Times
    roll: Times
    zoom: Times
    yaw: Times
    pitch: Times
    lids: Times
    mouth: Times
    body_x: Times
    body_y: Times
    back_x: Times
    back_y: Times
    light: list[tuple[NDArray[np.float64], Times]]


def pulse_wave(scene: Scene) -> PulseWave:
    """Return the PPG of a scene."""
    return PulseWave(scene.pulse, scene.stream("time.pulse"))


def timeline(scene: Scene, times: Times) -> Timeline:
    """Compute a scene's timeline at the frames' times, s, which must not be negative."""
    motion, expression = scene.motion, scene.expression
    wave = pulse_wave(scene)
    mouth = expression.talking * talking(scene.stream("time.talking"), expression.syllables, times)

    def wander(name: str, low: float, high: float) -> Times:
        return Wander(scene.stream(f"time.{name}"), low, high)(times)

    # Rocking in a random direction, or nodding.
    random = scene.stream("time.rhythm")
    direction, phase = random.uniform(0, 2 * np.pi, 2)
    rhythm = motion.rhythm * np.sin(2 * np.pi * motion.rhythm_rate * times + phase)
    rock = (1 - motion.rhythm_nod) * rhythm
    # The movement of the head with the heartbeat, mostly vertical.
    recoil = motion.ballistic * wave.ppg(times - motion.ballistic_delay)
    lean = scene.stream("time.ballistic").uniform(-0.4, 0.4)
    move_x = motion.move_size * jumps(scene.stream("time.move.x"), motion.moves, times)
    move_y = motion.move_size * jumps(scene.stream("time.move.y"), motion.moves, times)
    # A talking head moves with its words.
    x = (
        motion.sway * wander("sway.x", 0.03, 0.4)
        + motion.tremor * wander("tremor.x", 0.5, 6.0)
        + np.cos(direction) * rock
        + lean * recoil
        + move_x
        + 0.02 * expression.talking * wander("talk.x", 0.2, 2.0)
    )
    y = (
        0.7 * motion.sway * wander("sway.y", 0.03, 0.4)
        + motion.tremor * wander("tremor.y", 0.5, 6.0)
        + np.sin(direction) * rock
        + recoil
        + 0.6 * move_y
        + 0.02 * expression.talking * wander("talk.y", 0.2, 2.0)
    )
    pitch = motion.pitch * wander("pitch", 0.05, 0.8) + 2 * motion.rhythm_nod * rhythm
    pitch += 0.03 * expression.talking * wander("talk.pitch", 0.2, 2.5)
    breath = np.sin(2 * np.pi * scene.pulse.breathing_rate / 60 * times + phase)
    step = 1e-3
    return Timeline(
        pulse=wave.ppg(times),
        slope=(wave.ppg(times + step) - wave.ppg(times - step)) / (2 * step),
        x=x,
        y=y,
        roll=motion.roll * wander("roll", 0.03, 0.6) + 0.3 * move_x,
        zoom=motion.zoom * wander("zoom", 0.03, 0.4),
        yaw=motion.yaw * wander("yaw", 0.05, 0.8) + move_x,
        pitch=pitch,
        lids=blinks(scene.stream("time.blinks"), expression.blinks, times),
        mouth=mouth,
        body_x=motion.body * x,
        body_y=motion.body * y - motion.breathing * breath,
        back_x=scene.background.movement * wander("back.x", 0.05, 1.5),
        back_y=0.5 * scene.background.movement * wander("back.y", 0.05, 1.5),
        light=_light(scene, times),
    )


def _light(scene: Scene, times: Times) -> list[tuple[NDArray[np.float64], Times]]:
    light = scene.light
    phase = scene.stream("time.light.rhythm").uniform(0, 2 * np.pi)
    flicker = scene.stream("time.light.flicker").normal(size=len(times))
    changes = {
        "drift": light.drift * Wander(scene.stream("time.light.drift"), 0.02, 0.4)(times),
        "rhythm": light.rhythm * np.sin(2 * np.pi * light.rhythm_rate * times + phase),
        "flicker": light.flicker * flicker,
        "switching": light.switching_size
        * jumps(scene.stream("time.light.switching"), light.switching, times),
    }
    sources = []
    for name, change in changes.items():
        if np.any(change):
            tint = scene.stream(f"time.light.{name}.colour").normal(size=3)
            sources.append((1 + light.colour * (tint - tint.mean()), change))
    return sources
