"""Make a training cache of synthetic clips.

    python -m training.data.synthetic --out DIR --clips 600 --seed 1

The same seed and options give the same bits, whatever the number of workers; a run that was cut off
goes on where it stopped. ``--set NAME=LAW`` changes the law of a parameter and leaves all others as
they are, ``--list`` prints all parameters.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

import rppg_fast as rf
from training.data.camera import Frame
from training.data.clips import Clip, ClipWriter, Steps
from training.data.codec import transcode
from training.data.ingredients import Law, parse_law
from training.data.pulse import label
from training.data.render import Placement, place_in_crop, render
from training.data.scene import RANGES, VERSION, Scene, describe, sample_scene
from training.data.timeline import frame_times, pulse_wave
from training.data.trajectories import Times

INPUTS = ("normalized", "difference")


@dataclass(frozen=True)
class Recipe:
    """What fixes a cache.

    Attributes
    ----------
    seed : int
        Of all scenes.
    clips : int
        How many; the scenes' indices are 0 to ``clips`` - 1.
    seconds : float
        Length of a clip, at least 1.
    input : str
        Kind of motion, see ``rppg_fast.motion``.
    ranges : mapping of str to Law
        Parameters with other laws than ``scene.RANGES``.
    """

    seed: int
    clips: int
    seconds: float
    input: str
    ranges: Mapping[str, Law]

    def __post_init__(self) -> None:
        """Check that there is something to make, and enough of it for a standard deviation."""
        if self.clips < 1 or not self.seconds >= 1:
            raise ValueError(
                f"need at least one clip of at least 1 s, got {self.clips} of {self.seconds:g} s"
            )

    def scene(self, index: int) -> Scene:
        """Draw one of its scenes."""
        return sample_scene(self.seed, index, self.ranges)

    def about(self) -> dict[str, object]:
        """Describe it for the cache."""
        changed = "".join(f", {name}: {law}" for name, law in sorted(self.ranges.items()))
        return {
            "description": (
                f"synthetic clips, generator {VERSION}, seed {self.seed}, {self.clips} clips of"
                f" {self.seconds:g} s{changed}"
            ),
            "input": self.input,
            "generator": VERSION,
            "seed": self.seed,
            "seconds": self.seconds,
            "ranges": {name: asdict(law) for name, law in {**RANGES, **self.ranges}.items()},
            # The bits also depend on who draws, encodes and computes the motion.
            "made_with": {
                "rppg_fast": rf.__version__,
                "numpy": np.__version__,
                "opencv": cv2.__version__,
                "av": av.__version__,
            },
        }


def clip_times(scene: Scene, seconds: float) -> Times:
    """Give the times of a scene's frames in seconds."""
    return frame_times(scene.camera, seconds, scene.stream("time.frames"))


def film(scene: Scene, placement: Placement, times: Times) -> Iterator[Frame]:
    """Yield a scene's frames as its camera delivers them: rendered, encoded and decoded."""
    camera = scene.camera
    frames = render(scene, placement, times)
    if camera.codec == "none":
        return frames
    return transcode(frames, camera.codec, camera.fps, camera.bits_per_pixel)


def make_clip(recipe: Recipe, index: int) -> Steps:
    """Render one clip and work out its motion and labels."""
    scene = recipe.scene(index)
    times = clip_times(scene, recipe.seconds)
    placement, box = place_in_crop(scene)
    seen = np.stack([rf.appearance(frame, box) for frame in film(scene, placement, times)])
    if scene.has_pulse:
        wave = pulse_wave(scene)
        change, rate = np.diff(label(wave, times)), wave.heart_rate(times[1:])
    else:
        change, rate = np.zeros(len(times) - 1), np.full(len(times) - 1, np.nan)
    return Steps(
        motion=rf.motion(seen[:-1], seen[1:], kind=recipe.input).astype(np.float16),
        change=change.astype(np.float32),
        times=times[1:],
        heart_rate=rate.astype(np.float32),
    )


def plan(recipe: Recipe) -> list[Clip]:
    """Lay out all clips of a cache, without rendering any."""
    clips = []
    start = 0
    for index in tqdm(range(recipe.clips), desc="plan", unit="clip", leave=False):
        scene = recipe.scene(index)
        times = clip_times(scene, recipe.seconds)
        rate = float(pulse_wave(scene).heart_rate(times).mean()) if scene.has_pulse else None
        stop = start + len(times) - 1
        clips.append(Clip(start, stop, index, scene.camera.fps, times[0], rate, scene.to_json()))
        start = stop
    return clips


def make_cache(recipe: Recipe, folder: Path, workers: int = 1) -> None:
    """Make a cache, or finish one.

    Parameters
    ----------
    recipe
        What to make.
    folder
        Where; see ``training.data.clips``.
    workers
        Number of processes.

    Raises
    ------
    FileExistsError
        If the folder holds a cache of another recipe.
    """
    writer = ClipWriter(folder, recipe.about(), plan(recipe))
    missing = writer.missing()
    done = recipe.clips - len(missing)
    with tqdm(total=recipe.clips, initial=done, desc=folder.name, unit="clip") as bar:
        for i, steps in zip(missing, _made(recipe, missing, workers)):
            writer.write(i, steps)
            bar.update()
    writer.finish()


def _made(recipe: Recipe, indices: Sequence[int], workers: int) -> Iterator[Steps]:
    make = partial(make_clip, recipe)
    _one_thread()
    if workers == 1:
        yield from map(make, indices)
        return
    # Fresh processes: a fork would copy OpenCV's threads in an unknown state.
    with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
        yield from pool.map(make, indices)


def _one_thread() -> None:
    cv2.setNumThreads(1)


def parse_ranges(settings: Sequence[str]) -> dict[str, Law]:
    """Read ``NAME=LAW`` settings; see ``training.data.ingredients.parse_law``.

    Raises
    ------
    ValueError
        If a parameter is unknown or its law cannot be read.
    """
    ranges = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        if name not in RANGES:
            raise ValueError(f"unknown parameter {name!r}; --list prints them all")
        ranges[name] = parse_law(RANGES[name], text)
    return ranges


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m training.data.synthetic", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--list", action="store_true", help="print all parameters and stop")
    parser.add_argument("--out", type=Path, required="--list" not in (arguments or sys.argv))
    parser.add_argument("--clips", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--input", choices=INPUTS, default="normalized")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=LAW")
    args = parser.parse_args(arguments)
    if args.list:
        print(describe())
        return
    try:
        ranges = parse_ranges(args.set)
        recipe = Recipe(args.seed, args.clips, args.seconds, args.input, ranges)
    except ValueError as error:
        parser.error(str(error))
    try:
        make_cache(recipe, args.out, args.workers)
    except FileExistsError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
