r"""Run the whole chain at a small scale: from clips to an evaluated student in a few minutes.

    python -m training.smoke --out DIR [--workers N]

Makes synthetic clips, trains a teacher, a plain student and a distilled one, exports the students'
weights, and evaluates everything on clips of other people; the engine runs the weights. This shows
that the parts fit together. The figures are those of a very short training. After an interruption,
the same command continues where it stopped.

OUT receives `data/`, a folder for each of the runs `teacher`, `plain` and `distilled` (the latter
two with `student.safetensors`), and `evaluation/` with tables and pictures.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from training.data.clips import Clips
from training.evaluate.estimators import open_source
from training.evaluate.evaluation import Evaluation
from training.evaluate.recordings import evaluate, write_results
from training.models.checkpoint import Checkpoint
from training.models.config import Config
from training.models.config import load as load_config
from training.models.export import export
from training.support.command import command
from training.synthetic.benchmark import STRATA
from training.synthetic.generate import Recipe, Stratum, make_cache
from training.train.distill import distill
from training.train.trainer import CHECKPOINT, execute

CONFIGS = Path(__file__).parent / "configs" / "chain"
CLIPS = 12
SECONDS = 12.0  # a reading needs a window of 10 s

EVALUATION = "evaluation"
TABLES = "results.md"
WEIGHTS = "student.safetensors"

SIDES = {"train": (31, 1.0), "validation": (32, 0.125), "test": (33, 0.25)}
"""Seed of each side of the data, and the number of its clips relative to the training clips."""

KINDS = ("clear", "talking")
"""Strata of the benchmark that are easy enough for a short training."""


def make_data(out: Path, clips: int, seconds: float, workers: int) -> dict[str, Clips]:
    """Make the clips of all sides, or finish them; no person is on two sides."""
    sides = {}
    for side, (seed, share) in SIDES.items():
        count = math.ceil(share * clips)
        strata = tuple(Stratum(kind, count, STRATA[kind]) for kind in KINDS)
        # For the few clips of the other sides, starting processes takes longer than making the
        # clips.
        processes = workers if side == "train" else 1
        make_cache(Recipe(f"chain, {side}", seed, seconds, strata), out / side, processes)
        sides[side] = Clips.open(out / side)
    return sides


def train(config: Config, teacher: Checkpoint | None, data: dict[str, Clips], out: Path) -> None:
    """Train a network, by distillation if there is a teacher, or finish its training."""
    sides = (data["train"], data["validation"])
    resume = (out / CHECKPOINT).is_file()
    if teacher is None:
        execute(config, *sides, out, resume=resume)
    else:
        distill(config, teacher, *sides, out, resume=resume)


def chain(
    out: Path,
    configs: Path = CONFIGS,
    clips: int = CLIPS,
    seconds: float = SECONDS,
    workers: int = 1,
) -> list[Evaluation]:
    """Run the chain, or the part of it that is not finished.

    Parameters
    ----------
    out : Path
        Folder of the results; it is created if it does not exist.
    configs : Path
        Folder with `teacher.toml`, `plain.toml` and `distilled.toml`.
    clips : int
        Number of training clips of each of ``KINDS``.
    seconds : float
        Length of a clip, s; it must be longer than the window of 10 s.
    workers : int
        Number of processes that make clips.

    Returns
    -------
    list of Evaluation
        The evaluations of the teacher, the plain student, the distilled student and POS.

    Raises
    ------
    OSError, ValueError
        If a file cannot be read or written, or was made with other settings.
    ImportError
        If matplotlib is missing.
        If matplotlib is missing.
    """
    from training.evaluate import figures  # fails before the long work starts

    networks = {
        name: load_config(configs / f"{name}.toml") for name in ("teacher", "plain", "distilled")
    }
    data = make_data(out / "data", clips, seconds, workers)
    for name in ("teacher", "plain"):
        train(networks[name], None, data, out / name)
    teacher = Checkpoint.load(out / "teacher" / CHECKPOINT)
    train(networks["distilled"], teacher, data, out / "distilled")
    texts = [f"teacher={out / 'teacher' / CHECKPOINT}"]
    for name in ("plain", "distilled"):
        weights = out / name / WEIGHTS
        export(Checkpoint.load(out / name / CHECKPOINT), weights, None)
        texts.append(f"{name}={weights}")
    sources = [open_source(text) for text in (*texts, "pos")]
    evaluations = [evaluate(source, data["test"]) for source in sources]
    write_results(evaluations, 0, out / EVALUATION)
    figures.draw_all(sources, evaluations, data["test"], out / EVALUATION)
    return evaluations


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.smoke", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--configs", type=Path, default=CONFIGS, help="folder of three configs")
    parser.add_argument("--clips", type=int, default=CLIPS, help="training clips of each kind")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of a clip")
    parser.add_argument("--workers", type=int, default=1, help="processes that make clips")
    given = parser.parse_args(arguments)
    chain(given.out, given.configs, given.clips, given.seconds, given.workers)
    print((given.out / EVALUATION / TABLES).read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
