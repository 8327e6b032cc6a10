"""Make synthetic videos without a pulse, whose status must never be ok.

    python -m training.synthetic.negatives --out DIR --clips 300 --seed 5

A picture (a printed face, a face on a screen, a wall, a cartoon, noise) is shown to a camera:
still, shaken, panned, rocked or carried away, under steady or flickering light, sometimes with a
frozen image, sometimes through an encoder with frequent keyframes. Living faces without a pulse are
made by ``training.synthetic.generate`` with ``--set pulse.amplitude=0``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import rppg_fast as rf
from training.data.clips import Clip, ClipWriter, Frames, as_stored
from training.data.trajectories import Times, Wander
from training.support.command import command
from training.synthetic.camera import Frame, Look, NoisyCamera
from training.synthetic.codec import transcode
from training.synthetic.generate import clip_times, fill_cache
from training.synthetic.paint import Field
from training.synthetic.parameters import Law, between, choice, one_of, sample, stream
from training.synthetic.render import Box, Placement, place_in_crop, render
from training.synthetic.scene import Camera, Scene, sample_scene
from training.synthetic.screen import Screen, Surface, play
from training.synthetic.surroundings import paint_background

VERSION = 2

Ranges = Mapping[str, Law]

NO_RANGES: Ranges = {}

_FINER = 2  # multiple of the resolution for painting, so that edges fall between pixels


@dataclass(frozen=True)
class Decoy:
    """How a picture is shown. Lengths are in pixels of the camera, amplitudes relative."""

    picture: str = choice(
        "what is seen", face=0.45, screen=0.19, cartoon=0.12, wall=0.12, noise=0.12
    )
    tremor: float = between("shaking of the hand, 0.7 to 6 Hz", 0.02, 3.0, log=True, share=0.35)
    sway: float = between("swaying below 0.5 Hz", 0.05, 15.0, log=True, share=0.45)
    rhythm: float = between("amplitude of rocking or nodding", 0.05, 6.0, log=True, share=0.25)
    rhythm_rate: float = between("its rate, Hz", 0.7, 3.5)
    pan: float = between("steady drift, pixels a second", 0.3, 20.0, log=True, share=0.25)
    pan_angle: float = between("its direction, rad", 0.0, 2 * np.pi)
    carry: float = between("length of one sudden move", 3.0, 150.0, log=True, share=0.25)
    carry_angle: float = between("its direction, rad", 0.0, 2 * np.pi)
    carry_start: float = between("when it begins, relative to the clip", 0.1, 0.95)
    carry_seconds: float = between("how long it takes", 0.2, 3.0)
    flicker: float = between("amplitude of a flicker", 0.0005, 0.04, log=True, share=0.25)
    flicker_rate: float = between("its rate, Hz", 0.7, 4.0)
    flicker_tint: float = between("its color: 0: none, 1: strong", 0.0, 0.6)
    drift: float = between("slow change of the light", 0.001, 0.04, log=True, share=0.5)
    frozen: float = between("share of the time that the camera hangs", 0.1, 0.9, share=0.1)
    keyframes: float = one_of("frames from one keyframe to the next", 8, 12, 15, 25, 30, 30, 60)
    codec: str = choice("encoder", none=0.5, h264=0.35, mpeg4=0.06, vp8=0.03, mjpeg=0.06)


_PICTURES = {
    "face": "printed face",
    "screen": "face on a screen",
    "cartoon": "cartoon",
    "wall": "wall",
    "noise": "noise",
}
_MOVES = {
    "tremor": "shaken",
    "sway": "swaying",
    "rhythm": "rocked",
    "pan": "panned",
    "carry": "carried off",
}
_OTHER_WAYS = {
    "flicker": "under a flicker",
    "drift": "in changing light",
    "frozen": "camera hangs",
}


def kinds(scene: Mapping[str, Any]) -> list[str]:
    """Return the names of what a clip without a pulse shows, and of all changes made to it.

    Parameters
    ----------
    scene
        Parameters of the clip, as in ``Clip.scene``: of a decoy, or of a scene without a pulse.
    """
    shown = scene.get("decoy")
    if shown is None:
        rhythms = {"light": "in rhythmic light", "motion": "rocking"}
        found = [name for part, name in rhythms.items() if scene[part]["rhythm"]]
        return ["living face", *(f"living face {name}" for name in found)]
    moves = [name for key, name in _MOVES.items() if shown[key]]
    others = [name for key, name in _OTHER_WAYS.items() if shown[key]]
    return [_PICTURES[shown["picture"]], *(moves or ["held still"]), *others]


def decoy(seed: int, index: int, ranges: Ranges = NO_RANGES) -> tuple[Decoy, Scene]:
    """Draw a decoy, and the scene that determines its picture, its camera and its box."""
    shown = sample(Decoy, "decoy", ranges, seed, index)
    scene = sample_scene(seed, index)
    return shown, replace(scene, camera=replace(scene.camera, codec=shown.codec))


def film(shown: Decoy, scene: Scene, times: Times) -> tuple[Iterator[Frame], Box]:
    """Return the frames of a decoy, uint8 (H, W, 3) BGR, and the box to be measured."""
    placement, box = place_in_crop(scene)
    frames = _seen(shown, scene, placement, times)
    camera = scene.camera
    if camera.codec != "none":
        gap = int(shown.keyframes)
        frames = transcode(frames, camera.codec, camera.fps, camera.bits_per_pixel, keyframes=gap)
    return frames, box


def _seen(shown: Decoy, scene: Scene, placement: Placement, times: Times) -> Iterator[Frame]:
    random = partial(stream, scene.seed, scene.index)
    pictures = _pictures(shown, scene, placement, times)
    surface = None
    if shown.picture == "screen":
        surface = Surface(_screen(scene), placement)
    camera = NoisyCamera(scene.camera, random("decoy.camera"))
    phase = random("decoy.phases").uniform(0, 2 * np.pi, 3)
    rhythm = shown.rhythm * np.sin(2 * np.pi * shown.rhythm_rate * times + phase[0])
    passed = (times - shown.carry_start * times[-1]) / max(shown.carry_seconds, times[1])
    carried = shown.carry * 0.5 * (1 - np.cos(np.pi * np.clip(passed, 0, 1)))
    shift = []
    for name, along in (("x", np.cos), ("y", np.sin)):
        shift.append(
            shown.tremor * Wander(random(f"decoy.tremor.{name}"), 0.7, 6.0)(times)
            + shown.sway * Wander(random(f"decoy.sway.{name}"), 0.03, 0.5)(times)
            + rhythm * along(phase[1])
            + shown.pan * times * along(shown.pan_angle)
            + carried * along(shown.carry_angle)
        )
    tint = random("decoy.tint").normal(size=3)
    color = np.append(1 + shown.flicker_tint * (tint - tint.mean()), 0)
    flicker = shown.flicker * np.sin(2 * np.pi * shown.flicker_rate * times + phase[2])
    drift = shown.drift * Wander(random("decoy.drift"), 0.02, 0.4)(times)
    liveliness = Wander(random("decoy.frozen"), 0.05, 0.5)(times)
    live = liveliness >= np.quantile(liveliness, shown.frozen)
    live[0] = True
    for i, picture in zip(range(len(times)), pictures):
        if live[i]:
            light = 1 + drift[i] + flicker[i] * color
            moved = _shifted(picture, shift[0][i], shift[1][i], placement)
            seen = np.asarray(moved * light, np.float32)
            if surface:
                seen = surface(seen, times[i], shift[0][i], shift[1][i])
            frame = camera(seen)
        yield frame


def _screen(scene: Scene) -> Screen:
    return sample(Screen, "screen", {}, scene.seed, scene.index)


def _pictures(shown: Decoy, scene: Scene, placement: Placement, times: Times) -> Iterator[Field]:
    """Paint the picture at all times at the finer resolution: float32 (H, W, 4), 8-bit levels."""
    size = [_FINER * value for value in asdict(placement).values()]
    fine = Placement(int(size[0]), int(size[1]), *size[2:])
    quiet = replace(scene.camera, read_noise=0.0, shot_noise=0.0, block_noise=0.0, row_noise=0.0)
    quiet = replace(quiet, blur=_FINER * scene.camera.blur)
    if shown.picture == "screen":
        return play(_screen(scene), replace(scene, camera=quiet), fine, times)
    if shown.picture == "face":
        printed = next(render(replace(scene, camera=quiet), fine, np.zeros(1)))
        return repeat(np.asarray(cv2.cvtColor(printed, cv2.COLOR_BGR2BGRA), np.float32))
    return repeat(_backdrop(shown, scene, fine, quiet))


def _backdrop(shown: Decoy, scene: Scene, fine: Placement, camera: Camera) -> Field:
    rows, columns = np.mgrid[0 : fine.height, 0 : fine.width].astype(np.float32)
    x = (columns - np.float32(fine.x)) / np.float32(fine.unit)
    y = (rows - np.float32(fine.y)) / np.float32(fine.unit)
    if shown.picture == "noise":
        random = stream(scene.seed, scene.index, "decoy.noise")
        color = random.uniform(0.05, 0.95, (3, *x.shape)).astype(np.float32)
    else:
        kind = {"wall": "wall", "cartoon": "cluttered"}[shown.picture]
        back = replace(scene.background, kind=kind)
        color = paint_background(replace(scene, background=back), x, y)
    return Look(camera).layer(color, np.ones_like(x))


def _shifted(picture: Field, dx: float, dy: float, placement: Placement) -> Field:
    """Move the picture by (dx, dy) camera pixels, mirrored at its edges, and reduce it."""
    period = [2 * placement.width, 2 * placement.height]
    far = [_FINER * (shift % length) for shift, length in zip((dx, dy), period)]
    height, width = picture.shape[:2]
    columns = (np.arange(width, dtype=np.float32) - np.float32(far[0]))[None, :]
    rows = (np.arange(height, dtype=np.float32) - np.float32(far[1]))[:, None]
    moved = cv2.remap(
        picture,
        np.repeat(columns, height, axis=0),
        np.repeat(rows, width, axis=1),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    size = placement.width, placement.height
    return np.asarray(cv2.resize(moved, size, interpolation=cv2.INTER_AREA), np.float32)


def make_decoy(seed: int, seconds: float, ranges: Ranges, index: int) -> Frames:
    """Render one decoy."""
    shown, scene = decoy(seed, index, ranges)
    times = clip_times(scene, seconds)
    frames, box = film(shown, scene, times)
    seen = np.stack([rf.appearance(frame, box) for frame in frames])
    none = np.zeros(len(times), np.float32)
    return Frames(as_stored(seen), none, times, np.full(len(times), np.nan, np.float32))


def make_decoys(
    folder: Path,
    clips: int,
    seed: int,
    seconds: float,
    workers: int = 1,
    ranges: Ranges = NO_RANGES,
) -> None:
    """Make a cache of decoys, or finish one.

    Parameters
    ----------
    folder
        Folder of the cache.
    clips, seed
        Number of clips, and seed of the random numbers.
    seconds
        Length of a clip, s.
    workers
        Number of processes.
    ranges
        Laws that replace the default laws of parameters, for example of ``decoy.flicker``.

    Raises
    ------
    OSError, ValueError
        The errors of ``fill_cache``.
    """
    plan = []
    start = 0
    for index in range(clips):
        shown, scene = decoy(seed, index, ranges)
        stop = start + len(clip_times(scene, seconds))
        name = f"decoy-{seed}-{index}"
        about = {"decoy": asdict(shown), **scene.to_json()}
        if shown.picture == "screen":
            about["screen"] = asdict(_screen(scene))
        plan.append(Clip(name, name, start, stop, scene.camera.fps, None, shown.picture, about))
        start = stop
    title = f"decoys, version {VERSION}, seed {seed}, {clips} clips of {seconds:g} s"
    of_all: dict[str, Any] = {
        "description": title,
        "decoys": VERSION,
        "seed": seed,
        "seconds": seconds,
    }
    if ranges:
        of_all["ranges"] = {name: str(law) for name, law in ranges.items()}
    make = partial(make_decoy, seed, seconds, ranges)
    fill_cache(ClipWriter(folder, of_all, plan), make, workers)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.synthetic.negatives", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--clips", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args(arguments)
    make_decoys(args.out, args.clips, args.seed, args.seconds, args.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
