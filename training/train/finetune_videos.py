r"""Train the shipped student further on videos of one's own camera, without a sensor's pulse.

    python -m training.train.finetune_videos --videos DIR --out DIR [--workers N]

DIR holds videos of faces; the folder's videos are cut to faces (``training.data.preprocess --layout
videos``), and a known pulse is put into their skin while the network learns, in half of every
batch. The other half are synthetic clips, so that what was learned before is kept. Where the rates
of the bundled teacher, POS and CHROM agree in a video as it is, the network also learns from the
teacher's output there (``training.train.own_pulses``). A fifth of the videos is held out. Videos
that show the same person must be named in a split file (``--people``), or the report says more than
it should.

OUT receives ``carriers/``, ``synthetic/``, ``run/``, the weights ``student.safetensors`` with their
card, and ``report.md``, which compares the old weights, the new weights and POS on the videos that
were held out, with pulses put in. The true pulse of the people in the videos is unknown; to the
training and to the comparison it is a disturbance. After an interruption, the same command
continues where it stopped.

    rppg-fast measure VIDEO --weights OUT/student.safetensors

Exit code 0: there are new weights, better or not; 2: there are none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

import rppg_fast as rf
from rppg_fast.student import BUNDLED_WEIGHTS
from training.data.carriers import Carriers
from training.data.catalogue import SPLIT
from training.data.clips import Clips
from training.data.finger import Finger, fingers
from training.data.reduction import reduce
from training.data.splits import deal
from training.data.videos import VideosWork, find_videos
from training.evaluate.estimators import Source, open_source
from training.evaluate.injected import Reading, injected_clips, markdown, measures, read, summary
from training.models.config import Config
from training.models.config import load as load_config
from training.support.command import command
from training.support.files import replace_file
from training.synthetic.generate import Recipe, Stratum, make_cache
from training.synthetic.presets import PRESETS
from training.synthetic.scene import sample_scene
from training.synthetic.timeline import pulse_wave
from training.train.finetune import (
    PARTS,
    REPORT,
    WEIGHTS,
    as_sentence,
    check_student,
    train_further,
)
from training.train.own_pulses import NoOwnPulses

CONFIG = Path(__file__).parents[1] / "configs" / "finetune_videos.toml"

VIEWS = ("followed 1.4", "fixed 1.6")
"""Views of the comparison: the engine's box and the paper's."""

SYNTHETIC_SEED = 1
_RECORDS = 12  # made-up fingers
_RECORD_SECONDS = 60.0
_RECORD_FS = 100.0  # Hz


def made_up_fingers(seed: int) -> list[Finger]:
    """Return records of fingers from the synthetic generator's pulse."""
    times = np.arange(0, _RECORD_SECONDS, 1 / _RECORD_FS)
    waves = (pulse_wave(sample_scene(seed, i)) for i in range(_RECORDS))
    return [Finger(f"drawn {i + 1}", times, wave.ppg(times)) for i, wave in enumerate(waves)]


def hold_out(carriers: Carriers, seed: int) -> tuple[Carriers, Carriers]:
    """Return the carriers for training, and those of a fifth of the persons, at least one.

    Raises
    ------
    ValueError
        If there is only one person or video.
    """
    people = carriers.clips.subjects
    if len(people) < 2:
        raise ValueError(
            f"{carriers.clips.folder}: one video cannot be both trained and tested on; make more"
        )
    held_out = deal(people, min(PARTS, len(people)), seed)[0]
    rest = [person for person in people if person not in held_out]
    return carriers.select(rest), carriers.select(held_out)


def read_all(
    sources: Sequence[Source], held_out: Carriers, records: Sequence[Finger], seed: int
) -> tuple[list[tuple[str, str, float]], dict[str, list[Reading]]]:
    """Read pulses that are put into carriers: person, view and amplitude of each, and readings.

    Raises
    ------
    ValueError
        If no carrier is long enough.
    """
    shown = held_out.keep(lambda clip: clip.stratum in VIEWS)
    clips: list[tuple[str, str, float]] = []
    readings: dict[str, list[Reading]] = {source.name: [] for source in sources}
    for clip in tqdm(injected_clips(shown, records, seed=seed, unknown=True), "compare"):
        clips.append((clip.person, clip.view, clip.amplitude))
        for source in sources:
            readings[source.name].append(read(source, clip))
    if not clips:
        raise ValueError(f"{held_out.clips.folder}: no video that is held out is long enough")
    return clips, readings


def verdict(readings: dict[str, list[Reading]]) -> str:
    """Return a sentence that says whether the weights are better on the held-out videos."""
    before, after = (measures(readings[name]) for name in ("before", "after"))
    numbers = (
        f"{before[1]:.0%} of the put-in pulses were read within 3 bpm before and"
        f" {after[1]:.0%} are after, at {before[2]:+.2f} and {after[2]:+.2f} dB"
    )
    # Compare with the precision that is shown: a smaller difference is no improvement.
    shown = [(round(within, 2), round(snr, 2)) for _, within, snr in (before, after)]
    return as_sentence(shown[1] > shown[0], numbers)


def finetune(
    work: VideosWork,
    out: Path,
    weights: Path,
    config: Config,
    records: Sequence[Finger],
    synthetic_clips: int,
    workers: int,
    device: str,
) -> str:
    """Cut videos to faces, train on most of them and report on the rest, or finish an earlier run.

    Parameters
    ----------
    work : VideosWork
        The videos, and how to cut them.
    out : Path
        Folder of all other results.
    weights : Path
        The initial weights.
    config : Config
        Config of the training, with [carriers].
    records : sequence of Finger
        Records from which the pulses of the comparison are taken.
    synthetic_clips : int
        Number of synthetic clips.
    workers : int
        Number of processes that cut videos and draw clips.
    device : str
        Device of the training, see `training.support.parallel.choose_device`.

    Returns
    -------
    str
        A sentence that says whether the weights have become better.

    Raises
    ------
    OSError, ValueError
        If a file cannot be read or written, does not fit, or was made with other settings; if there
        are too few videos, or if those held out are too short.
    """
    check_student(config)
    if config.carriers is None:
        raise ValueError("the config has no [carriers], which says how videos are used")
    rf.Student.load(weights)  # find errors in the weights before minutes of reduction
    unused = reduce(work, work.videos, workers)
    rest, held_out = hold_out(Carriers.open(work.out), config.seed)
    # Compare before the training, which is useless if the videos are too short for a reading.
    before, pos = (open_source(text) for text in (f"before={weights}", "pos"))
    _, known = read_all((before, pos), held_out, records, config.seed)
    stratum = Stratum("", synthetic_clips, PRESETS["broad"])
    recipe = Recipe("synthetic clips", SYNTHETIC_SEED, 10.0, (stratum,))
    make_cache(recipe, out / "synthetic", workers)
    synthetic = Clips.open(out / "synthetic")
    try:
        after = train_further(weights, out, config, synthetic, device, rest)
        own = "Learned, too, from the people's own pulses, where" if config.own else ""
    except NoOwnPulses:
        plain = replace(config, own=None)
        after = train_further(weights, out, plain, synthetic, device, rest)
        own = "Not learned from the people's own pulses: in no video"
    clips, trained = read_all((after,), held_out, records, config.seed)
    readings = {"before": known["before"], **trained, "pos": known["pos"]}
    said = verdict(readings)
    lines = [
        "# Fine-tuning on videos",
        "",
        f"**{said}**",
        "",
        f"- Trained on {_listed(rest)}.",
        f"- Held out: {_listed(held_out)}.",
        *([f"- {own} the rates of teacher, POS and CHROM agree."] if own else []),
        "- The pulses of the comparison were put into the skin; the people's own are unknown.",
        f"- Weights before: SHA-256 `{before.about['sha256']}`; after: SHA-256"
        f" `{after.about['sha256']}`, `{WEIGHTS}`.",
        *(f"- Not used: {name}: {reason}." for name, reason in unused.items()),
        "",
        markdown(summary(clips, readings, config.seed)),
    ]
    replace_file(out / REPORT, "\n".join(lines).encode())
    return said


def _listed(carriers: Carriers) -> str:
    names = sorted({str(clip.scene["video"]) for clip in carriers.clips.clips})
    return f"{len(names)} video{'s' * (len(names) > 1)} ({', '.join(names)})"


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train.finetune_videos", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--videos", type=Path, required=True, help="folder of videos of faces")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--people", type=Path, default=SPLIT, help="a split file: who is seen")
    parser.add_argument("--fingers", type=Path, help="a folder of subject_*/PPG.csv (else drawn)")
    parser.add_argument(
        "--weights", type=Path, default=BUNDLED_WEIGHTS, help="to begin with; those that ship"
    )
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--clips", type=int, default=100, help="synthetic clips that are mixed in")
    parser.add_argument("--workers", type=int, default=1, help="processes that cut and draw")
    parser.add_argument("--device", default="auto", help="where to train")
    given = parser.parse_args(arguments)
    config = load_config(given.config)
    records = fingers(given.fingers) if given.fingers else made_up_fingers(config.seed)
    videos = find_videos(given.videos, "all", given.people)
    work = VideosWork(given.videos, given.out / "carriers", videos)
    said = finetune(
        work,
        given.out,
        given.weights,
        config,
        records,
        given.clips,
        given.workers,
        given.device,
    )
    print(f"{said}\nSee {given.out / REPORT}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
