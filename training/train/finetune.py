r"""Train the shipped student further on one's own recordings.

    python -m training.train.finetune --recordings DIR --out DIR [--workers N]

DIR holds recordings in the layout `own` (see training.data.recordings) or another one. A fifth of
the people is held out; if all recordings are of one person, a fifth of the recordings. OUT receives
`clips/`, `run/`, the weights `student.safetensors` with their card, and `report.md`, which compares
the old weights, the new weights and POS on the recordings that were held out. After an
interruption, the same command continues where it stopped.

    rppg-fast measure VIDEO --weights OUT/student.safetensors

Exit code 0: there are new weights, better or not; 2: there are none.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import rppg_fast as rf
from rppg_fast.student import BUNDLED_WEIGHTS
from training.data.carriers import Carriers
from training.data.clips import Clips
from training.data.preprocess import BOX_SCALE, Work, preprocess
from training.data.recordings import LAYOUTS, find
from training.data.splits import deal
from training.evaluate.estimators import Source, open_source
from training.evaluate.evaluation import Evaluation
from training.evaluate.recordings import evaluate
from training.evaluate.report import Row, as_markdown, rows
from training.models.checkpoint import Checkpoint
from training.models.config import Config
from training.models.config import load as load_config
from training.models.export import export
from training.support.command import command
from training.support.files import replace_file
from training.train.start import read_start
from training.train.trainer import CHECKPOINT, execute

CONFIG = Path(__file__).parents[1] / "configs" / "finetune.toml"
WEIGHTS = "student.safetensors"
REPORT = "report.md"
FIGURES = "figures"

PARTS = 5
"""One of this number of parts of the people, or of the recordings, is held out."""


@dataclass(frozen=True)
class Sides:
    """The clips for training, and those that are held out.

    Attributes
    ----------
    training, held_out : Clips
        They have no recording in common.
    strangers : bool
        Whether they also have no person in common.
    """

    training: Clips
    held_out: Clips
    strangers: bool


def hold_out(clips: Clips, seed: int) -> Sides:
    """Hold out a fifth of the subjects, at least one; for one subject, a fifth of its recordings.

    Raises
    ------
    ValueError
        If there is only one recording.
    """
    if len(clips) < 2:
        raise ValueError(
            f"{clips.folder}: one recording cannot be both trained and tested on; make more"
        )
    strangers = len(clips.subjects) > 1
    if not strangers:
        clips = replace(clips, clips=[replace(clip, subject=clip.name) for clip in clips.clips])
    subjects = clips.subjects
    held_out = deal(subjects, min(PARTS, len(subjects)), seed)[0]
    rest = [subject for subject in subjects if subject not in held_out]
    return Sides(clips.select(rest), clips.select(held_out), strangers)


def check_student(config: Config) -> None:
    """Check that a config is for the student that ships, without a teacher; else ValueError."""
    network = (config.network, config.activation, config.pooling)
    if network != ("student", "tanh", "average"):
        raise ValueError("only the student that ships can be fine-tuned: tanh, average pooling")
    if config.distillation is not None:
        raise ValueError("fine-tuning has no teacher: it takes no [distillation]")


def check_config(config: Config) -> None:
    """Check that a config can fine-tune a student on recordings.

    Raises
    ------
    ValueError
        If it is for another network, if it has a teacher, or if it needs values that recordings do
        not have.
    """
    check_student(config)
    if config.label_power:
        raise ValueError(
            f"label_power must be 0, not {config.label_power:g}: recordings do not say their"
            " pulse's amplitude"
        )


def finetune(
    work: Work, out: Path, weights: Path, config: Config, workers: int, device: str
) -> str:
    """Reduce recordings, train on most of them and report on the rest, or finish an earlier run.

    Parameters
    ----------
    work : Work
        The recordings, and how to reduce them.
    out : Path
        Folder of all other results.
    weights : Path
        The initial weights.
    config : Config
        Config of the training.
    workers : int
        Number of processes that reduce recordings.
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
        are too few recordings, or if those held out are too short.
    """
    check_config(config)
    rf.Student.load(weights)  # find errors in the weights before hours of reduction
    unused = preprocess(work, workers)
    sides = hold_out(Clips.open(work.out), config.seed)
    # Evaluate before the training, which is useless if the recordings are too short for a reading.
    before, pos = (open_source(text) for text in (f"before={weights}", "pos"))
    evaluations = [evaluate(source, sides.held_out) for source in (before, pos)]
    after = train_further(weights, out, config, sides.training, device)
    evaluations.insert(1, evaluate(after, sides.held_out))
    table = [row for evaluation in evaluations for row in rows(evaluation, config.seed)]
    pictures = draw((before, after, pos), evaluations, sides.held_out, out / FIGURES)
    text = report(sides, unused, evaluations, table, pictures)
    replace_file(out / REPORT, text.encode())
    return verdict(table)


def train_further(
    weights: Path,
    out: Path,
    config: Config,
    clips: Clips,
    device: str,
    carriers: Carriers | None = None,
) -> Source:
    """Train weights further, or finish an earlier run; write and return the new ones, "after".

    OUT receives ``run/`` and the weights with their card; the other parameters and the errors are
    those of ``trainer.execute``.
    """
    run = out / "run"
    execute(
        config,
        clips,
        None,
        run,
        resume=(run / CHECKPOINT).is_file(),
        device=device,
        start=read_start(weights, clips, config),
        carriers=carriers,
    )
    export(Checkpoint.load(run / CHECKPOINT), out / WEIGHTS, None)
    return open_source(f"after={out / WEIGHTS}")


def draw(
    sources: Sequence[Source], evaluations: Sequence[Evaluation], clips: Clips, out: Path
) -> list[Path] | None:
    """Draw figures; return None without matplotlib."""
    if find_spec("matplotlib") is None:
        return None
    from training.evaluate import figures

    out.mkdir(exist_ok=True)
    return figures.draw_all(sources, evaluations, clips, out)


def verdict(table: Sequence[Row]) -> str:
    """Return a sentence that says whether the weights are better on the held-out recordings.

    Parameters
    ----------
    table
        Rows of the sources "before" and "after".
    """
    error = {row.name: row.values["window_mae"] for row in table if row.kind == "all"}
    numbers = (
        f"the mean error of a window's heart rate was {error['before']:.2f} bpm before and is"
        f" {error['after']:.2f} bpm after"
    )
    # Compare with the precision that is shown: a smaller difference is no improvement.
    return as_sentence(round(error["after"], 2) < round(error["before"], 2), numbers)


def as_sentence(better: bool, numbers: str) -> str:
    """Return the sentence that says whether the new weights are better, with the numbers."""
    if better:
        return f"The fine-tuned weights are better on what was held out: {numbers}."
    return (
        f"Warning: the fine-tuned weights are not better on what was held out: {numbers}."
        " Keep the old ones."
    )


def report(
    sides: Sides,
    unused: dict[str, str],
    evaluations: Sequence[Evaluation],
    table: Sequence[Row],
    pictures: Sequence[Path] | None,
) -> str:
    """Return the report, Markdown.

    Parameters
    ----------
    sides : Sides
        The clips for training, and those that are held out.
    unused : dict of str to str
        Recordings that could not be used, with the reasons.
    evaluations, table
        The evaluations of "before", "after" and "pos", and their measures.
    pictures : sequence of Path or None
        Files in the folder `FIGURES`; None if matplotlib is missing.
    """
    known = {evaluation.name: evaluation.source.get("sha256") for evaluation in evaluations}
    lines = [
        "# Fine-tuning",
        "",
        f"**{verdict(table)}**",
        "",
        f"- Trained on {_listed(sides.training)}.",
        f"- Held out: {_listed(sides.held_out)}.",
        "- No one in the held-out recordings was trained on."
        if sides.strangers
        else "- All recordings are of one person: how the weights do on others is not known.",
        f"- Weights before: SHA-256 `{known['before']}`; after: SHA-256 `{known['after']}`,"
        f" `{WEIGHTS}`.",
        *(f"- Not used: {name}: {reason}." for name, reason in unused.items()),
        "",
        as_markdown(table, evaluations[0].data),
        "# Pictures",
        "",
    ]
    if pictures is None:
        lines.append("None: matplotlib is not installed.")
    else:
        lines += [f"![{path.stem}]({FIGURES}/{path.name})" for path in pictures]
    return "\n".join(lines) + "\n"


def _listed(clips: Clips) -> str:
    names = ", ".join(clip.name for clip in clips.clips)
    return f"{len(clips)} recording{'s' * (len(clips) > 1)} ({names})"


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train.finetune", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--recordings", type=Path, required=True, help="folder of their folders")
    parser.add_argument("--layout", choices=LAYOUTS, default="own")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--weights", type=Path, default=BUNDLED_WEIGHTS, help="to begin with; those that ship"
    )
    parser.add_argument("--config", type=Path, default=CONFIG)
    parser.add_argument("--workers", type=int, default=1, help="processes that reduce recordings")
    parser.add_argument("--device", default="auto", help="where to train")
    given = parser.parse_args(arguments)
    found = find(given.layout, given.recordings)
    work = Work(given.layout, given.recordings, given.out / "clips", BOX_SCALE, found)
    config = load_config(given.config)
    said = finetune(work, given.out, given.weights, config, given.workers, given.device)
    print(f"{said}\nSee {given.out / REPORT}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
