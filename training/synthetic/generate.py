"""Make a training cache of synthetic clips.

    python -m training.synthetic.generate --out DIR --clips 600 --seed 1

The same seed and options give the same bits with any number of workers. A run that was interrupted
continues where it stopped. ``--preset broad`` makes harder clips; ``--set NAME=LAW`` changes the
law of a parameter and leaves all others unchanged; ``--list`` prints all parameters.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Callable

import av
import cv2
import numpy as np
from tqdm import tqdm

import rppg_fast as rf
from training.data.clips import Clip, ClipWriter, Frames, as_stored
from training.data.trajectories import Times
from training.support.command import command
from training.support.processes import in_processes
from training.synthetic.camera import Frame
from training.synthetic.codec import transcode
from training.synthetic.parameters import Law, parse_law
from training.synthetic.presets import PRESETS
from training.synthetic.pulse import label
from training.synthetic.render import Placement, place_in_crop, render
from training.synthetic.scene import RANGES, VERSION, Scene, describe, sample_scene
from training.synthetic.timeline import frame_times, pulse_wave


@dataclass(frozen=True)
class Stratum:
    """Clips of one kind.

    Attributes
    ----------
    name : str
        Stratum of the clips.
    clips : int
        Number of clips, at least one.
    ranges : mapping of str to Law
        Laws of parameters that differ from ``scene.RANGES``.
    """

    name: str
    clips: int
    ranges: Mapping[str, Law]


@dataclass(frozen=True)
class Recipe:
    """The values that determine a cache.

    Attributes
    ----------
    title : str
        Name of the data.
    seed : int
        Seed of all scenes.
    seconds : float
        Length of a clip, s, at least 1.
    strata : sequence of Stratum
        The kinds of clips, in order; the indices of the scenes run through all of them.
    """

    title: str
    seed: int
    seconds: float
    strata: Sequence[Stratum]

    def __post_init__(self) -> None:
        """Check that there is at least one clip, long enough for a standard deviation."""
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        fewest = min((stratum.clips for stratum in self.strata), default=0)
        if fewest < 1 or not self.seconds >= 1:
            raise ValueError(
                f"need at least one clip of at least 1 s, got {fewest} of {self.seconds:g} s"
            )

    @property
    def clips(self) -> int:
        """Number of clips."""
        return sum(stratum.clips for stratum in self.strata)

    def stratum(self, index: int) -> Stratum:
        """Return the stratum of a scene."""
        ends = np.cumsum([stratum.clips for stratum in self.strata])
        return self.strata[int(np.searchsorted(ends, index, side="right"))]

    def scene(self, index: int) -> Scene:
        """Draw a scene."""
        return sample_scene(self.seed, index, self.stratum(index).ranges)

    def about(self) -> dict[str, object]:
        """Return the description of the cache."""
        changed = [
            f", {name}: {law}"
            for stratum in self.strata
            for name, law in sorted(stratum.ranges.items())
        ]
        return {
            "description": (
                f"{self.title}, generator {VERSION}, seed {self.seed}, {self.clips} clips of"
                f" {self.seconds:g} s" + "".join(changed if len(self.strata) == 1 else [])
            ),
            "generator": VERSION,
            "seed": self.seed,
            "seconds": self.seconds,
            "ranges": {name: asdict(law) for name, law in RANGES.items()},
            "strata": [
                {
                    "name": stratum.name,
                    "clips": stratum.clips,
                    "ranges": {n: asdict(law) for n, law in sorted(stratum.ranges.items())},
                }
                for stratum in self.strata
            ],
            # The bits also depend on the libraries that draw, encode and average.
            "made_with": {
                "rppg_fast": rf.__version__,
                "numpy": np.__version__,
                "opencv": cv2.__version__,
                "av": av.__version__,
            },
        }


def clip_times(scene: Scene, seconds: float) -> Times:
    """Return the times of a scene's frames, s."""
    return frame_times(scene.camera, seconds, scene.stream("time.frames"))


def film(scene: Scene, placement: Placement, times: Times) -> Iterator[Frame]:
    """Yield a scene's frames as its camera delivers them: rendered, encoded and decoded."""
    camera = scene.camera
    frames = render(scene, placement, times)
    if camera.codec == "none":
        return frames
    return transcode(frames, camera.codec, camera.fps, camera.bits_per_pixel)


def make_clip(recipe: Recipe, index: int) -> Frames:
    """Render one clip and compute its true pulse."""
    scene = recipe.scene(index)
    times = clip_times(scene, recipe.seconds)
    placement, box = place_in_crop(scene)
    seen = np.stack([rf.appearance(frame, box) for frame in film(scene, placement, times)])
    if scene.has_pulse:
        wave = pulse_wave(scene)
        pulse, rate = label(wave, times), wave.heart_rate(times)
    else:
        pulse, rate = np.zeros(len(times)), np.full(len(times), np.nan)
    return Frames(as_stored(seen), pulse.astype(np.float32), times, rate.astype(np.float32))


def subject(scene: Scene) -> str:
    """Return the name of a scene's person; each head has exactly one name."""
    return f"synthetic-{scene.seed}-{scene.index}"


def plan(recipe: Recipe) -> list[Clip]:
    """Return the descriptions of all clips of a cache, without rendering them."""
    clips = []
    start = 0
    for index in tqdm(range(recipe.clips), desc="plan", unit="clip", leave=False):
        scene = recipe.scene(index)
        times = clip_times(scene, recipe.seconds)
        clip = Clip(
            name=subject(scene),
            subject=subject(scene),
            start=start,
            stop=start + len(times),
            fps=scene.camera.fps,
            heart_rate=float(pulse_wave(scene).heart_rate(times).mean())
            if scene.has_pulse
            else None,
            stratum=recipe.stratum(index).name,
            scene=scene.to_json(),
        )
        clips.append(clip)
        start = clip.stop
    return clips


def make_cache(recipe: Recipe, folder: Path, workers: int = 1) -> None:
    """Make a cache, or finish one.

    Parameters
    ----------
    recipe
        The recipe of the cache.
    folder
        Folder of the cache; see ``training.data.clips``.
    workers
        Number of processes.

    Raises
    ------
    FileExistsError
        If the folder holds a cache of another recipe.
    OSError
        If the disk is full; clips written before are not affected.
    ValueError
        If ``workers`` is less than 1.
    """
    fill_cache(
        ClipWriter(folder, recipe.about(), plan(recipe)), partial(make_clip, recipe), workers
    )


def fill_cache(writer: ClipWriter, make: Callable[[int], Frames], workers: int = 1) -> None:
    """Make the clips that a cache lacks.

    Parameters
    ----------
    writer
        Writer of the cache.
    make
        Returns the frames of the clip with a given index; with several workers it must pickle.
    workers
        Number of processes.

    Raises
    ------
    OSError
        If the disk is full; clips written before are not affected.
    ValueError
        If ``workers`` is less than 1.
    """
    if workers < 1:
        raise ValueError(f"workers must be at least 1, got {workers}")
    missing = writer.missing()
    total = len(writer.clips)
    with tqdm(
        total=total, initial=total - len(missing), desc=writer.folder.name, unit="clip"
    ) as bar:
        for index, frames in in_processes(make, missing, workers):
            writer.write(missing[index], frames)
            bar.update()
    writer.finish()


def parse_ranges(settings: Sequence[str]) -> dict[str, Law]:
    """Read ``NAME=LAW`` settings; see ``training.synthetic.parameters.parse_law``.

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


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.synthetic.generate", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--list", action="store_true", help="print all parameters and stop")
    parser.add_argument("--out", type=Path, required="--list" not in (arguments or sys.argv))
    parser.add_argument("--clips", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--preset", choices=PRESETS, default="default")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=LAW")
    args = parser.parse_args(arguments)
    if args.list:
        print(describe())
        return 0
    stratum = Stratum("", args.clips, {**PRESETS[args.preset], **parse_ranges(args.set)})
    recipe = Recipe("synthetic clips", args.seed, args.seconds, (stratum,))
    make_cache(recipe, args.out, args.workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
