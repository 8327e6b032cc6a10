r"""Train and test configs over folds and seeds: the paper's protocol.

    python -m training.train.crossvalidate --split training/splits/ubfc-rppg.json --data DIR \
        --out DIR training/configs/teacher.toml training/configs/plain.toml \
        training/configs/distilled.toml

For each seed and fold, every config is trained on the fold's training subjects and tested on its
test subjects. A config with a [distillation] learns from the teacher of the same seed and fold. The
folder OUT/CONFIG/seedS-foldK has each run with its `test.json`. A finished run is not repeated, and
an interrupted run continues. `--sources pos,chrom` tests methods that need no training on the same
folds: classical methods, or weights files. `python -m training.evaluate.tables` makes the tables.

To choose between configs, use `--part validation`: it evaluates the validation subjects of the
folds, writes `validation.json`, and does not touch the test subjects.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from rppg_fast.many.workers import LocalWorkers, run_tasks
from training.data.clips import Clips
from training.data.splits import PARTS, Split
from training.evaluate.estimators import open_source
from training.evaluate.evaluation import Evaluation
from training.evaluate.recordings import evaluate
from training.models.checkpoint import Checkpoint
from training.models.config import Config
from training.models.config import load as load_config
from training.support.command import command
from training.support.files import replace_file
from training.train.distill import distill
from training.train.trainer import CHECKPOINT, execute


@dataclass(frozen=True)
class Plan:
    """The configs, data and settings of a cross-validation.

    Attributes
    ----------
    configs : dict of str to Config
        Configs by the names of their files; the teacher, if any, is first.
    split : Split
        The folds.
    data, test_data : Path
        Folders of clips; they may be the same.
    out : Path
        Folder of the runs.
    part : str
        One of `PARTS`; the results are in files of that name. Validation subjects are in `data`,
        test subjects in `test_data`.
    sources : sequence of str
        Sources tested without training, see `training.evaluate.estimators.open_source`.
    device : str
        Device of the computation, see `training.support.parallel.choose_device`.
    """

    configs: dict[str, Config]
    split: Split
    data: Path
    test_data: Path
    out: Path
    part: str
    sources: Sequence[str]
    device: str

    def run(self, name: str, seed: int, fold: int) -> Path:
        """Return the folder of one run."""
        return self.out / name / f"seed{seed}-fold{fold}"

    def clips(self, fold: int) -> Clips:
        """Open the clips on which a fold is evaluated."""
        subjects = getattr(self.split.folds[fold], self.part)
        if not subjects:
            raise ValueError(f"split {self.split.name}: fold {fold} has nobody for {self.part}")
        return Clips.open(self.test_data if self.part == "test" else self.data).select(subjects)


def read_configs(paths: Sequence[Path]) -> dict[str, Config]:
    """Read configs by the names of their files, the teacher first.

    Raises
    ------
    OSError
        If a config cannot be read.
    ValueError
        If a config is invalid, if two have the same name, or if there is not exactly one teacher
        for distillation.
    """
    configs: dict[str, Config] = {}
    for path in paths:
        if path.stem in configs:
            raise ValueError(f"{path}: there are two configs of that name")
        configs[path.stem] = load_config(path)
    teachers = [name for name, config in configs.items() if config.network == "teacher"]
    pupils = [name for name, config in configs.items() if config.distillation is not None]
    if pupils and len(teachers) != 1:
        raise ValueError(f"{pupils[0]} needs exactly one teacher among the configs")
    return {name: configs[name] for name in sorted(configs, key=lambda n: n not in teachers)}


def run_fold(plan: Plan, threads: int, task: tuple[int, int]) -> None:
    """Train and evaluate every config on one fold with one seed, or finish an earlier run."""
    seed, fold = task
    torch.set_num_threads(threads)
    training = Clips.open(plan.data).select(plan.split.folds[fold].train)
    clips = plan.clips(fold)
    teacher = None
    for name, config in plan.configs.items():
        config, out = replace(config, seed=seed), plan.run(name, seed, fold)
        checkpoint = out / CHECKPOINT
        # Resuming a finished run makes no step, but it fails if the run was made from something
        # else.
        resume = checkpoint.is_file()
        if config.distillation is None:
            execute(config, training, None, out, resume=resume, device=plan.device)
        else:
            assert teacher is not None  # read_configs ensures this
            distill(config, teacher, training, None, out, resume=resume, device=plan.device)
        evaluate_into(out, f"{name}={checkpoint}", clips, plan, fold)
        if config.network == "teacher":
            teacher = Checkpoint.load(checkpoint)


def run_sources(plan: Plan, fold: int) -> None:
    """Evaluate the sources that need no training on one fold."""
    for source in plan.sources:
        name = Path(source).stem
        evaluate_into(
            plan.out / name / f"fold{fold}", f"{name}={source}", plan.clips(fold), plan, fold
        )


def evaluate_into(out: Path, source: str, clips: Clips, plan: Plan, fold: int) -> None:
    """Evaluate a source and write the result to a folder, unless the result exists.

    Raises
    ------
    ValueError
        If there is a result of another source or of other clips.
    """
    opened = open_source(source, plan.device)
    path = out / f"{plan.part}.json"
    if path.is_file():
        there = Evaluation.from_json(path.read_text(encoding="utf-8"))
        if there.source != opened.about or there.data["sha256"] != clips.sha256:
            raise ValueError(f"{path} was made with other weights or clips; remove it")
        return
    side: dict[str, str | int] = {"split": plan.split.name, "fold": fold, "part": plan.part}
    out.mkdir(parents=True, exist_ok=True)
    replace_file(path, evaluate(opened, clips, side=side).to_json().encode())


def crossvalidate(
    plan: Plan, seeds: Sequence[int], folds: Sequence[int], jobs: int, threads: int = 1
) -> None:
    """Train and test everything, `jobs` folds at a time.

    Raises
    ------
    OSError, ValueError
        The errors of training and evaluation; finished work is kept.
    """
    for fold in tqdm(folds, "sources", unit="fold", disable=not plan.sources):
        run_sources(plan, fold)
    tasks = [(seed, fold) for seed in seeds for fold in folds] if plan.configs else []
    workers = LocalWorkers(jobs, threads)
    with _quiet_children(), tqdm(total=len(tasks), desc="folds", unit="fold") as bar:
        for _ in run_tasks(workers, partial(run_fold, plan, threads), tasks):
            bar.update()


@contextmanager
def _quiet_children() -> Iterator[None]:
    """Switch off the progress bars of new processes, which would overwrite each other."""
    before = os.environ.get("TQDM_DISABLE")
    os.environ["TQDM_DISABLE"] = "1"  # tqdm reads this when it is imported
    try:
        yield
    finally:
        del os.environ["TQDM_DISABLE"]
        if before is not None:
            os.environ["TQDM_DISABLE"] = before


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.train.crossvalidate", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("configs", type=Path, nargs="*", metavar="CONFIG")
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of clips to train on")
    parser.add_argument("--test-data", type=Path, help="folder of clips to test on, if another")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--part", choices=PARTS, default="test", help="what is evaluated")
    parser.add_argument("--sources", type=lambda text: text.split(","), default=[])
    parser.add_argument("--seeds", type=_numbers, default=[0, 1, 2], help="such as 0,1,2")
    parser.add_argument("--folds", type=_numbers, help="such as 0,1; all of them by default")
    parser.add_argument("--jobs", type=int, default=1, help="folds at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each job")
    parser.add_argument("--device", default="auto")
    given = parser.parse_args(arguments)
    configs = read_configs(given.configs)
    if not configs and not given.sources:
        raise ValueError("there is nothing to evaluate: give configs, or --sources")
    names = [*configs, *(Path(source).stem for source in given.sources)]
    if len(set(names)) < len(names):
        raise ValueError("two of the configs and sources have one name, and so one folder")
    plan = Plan(
        configs=configs,
        split=Split.load(given.split),
        data=given.data,
        test_data=given.test_data or given.data,
        out=given.out,
        part=given.part,
        sources=given.sources,
        device=given.device,
    )
    count = len(plan.split.folds)
    folds = given.folds or list(range(count))
    if not set(folds) <= set(range(count)):
        raise ValueError(f"{given.split} has folds 0 to {count - 1}, not {folds}")
    crossvalidate(plan, given.seeds, folds, given.jobs, given.threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
