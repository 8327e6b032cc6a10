"""A training run: the loop, its log and its checkpoints, for any objective."""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Callable

import torch
from torch import Tensor, nn
from tqdm import tqdm

from rppg_fast.teacher import BUNDLED_TEACHER
from training.data.carriers import Carriers
from training.data.catalogue import chosen_by_people
from training.data.clips import Clips
from training.evaluate.estimators import open_network
from training.evaluate.validation import Score, predict, score
from training.models.checkpoint import LOG, Checkpoint, Row, fingerprint
from training.models.config import Config
from training.models.config import load as load_config
from training.models.networks import Student, Teacher, new_model
from training.support import parallel
from training.support.files import replace_file
from training.support.parallel import Processes
from training.synthetic.scene import BENCHMARK_SEED
from training.train.average import Average
from training.train.batches import Batches
from training.train.carried import CarriedRuns
from training.train.labels import labels
from training.train.objective import Objective
from training.train.own_pulses import OwnRuns
from training.train.start import Start, read_start

CHECKPOINT = "checkpoint.pt"

MakeObjective = Callable[["Student | Teacher", float], Objective]
"""Creates the objective from a model and the standard deviation of its labels."""


class Trainer:
    """A training run: a model, its optimizer and schedule, and the number of steps done.

    Parameters
    ----------
    config : Config
        The run's config.
    training : Clips
        Clips to learn from.
    validation : Clips or None
        Clips of other subjects to report on, if any.
    device : torch.device
        Where to compute.
    make_objective : callable
        What is made smaller; `Objective` by default.
    start : Start, optional
        First weights, in place of random ones.
    processes : Processes
        Which of how many processes we are; every one of them makes its own Trainer.
    teacher : Checkpoint, optional
        Who teaches, if anyone.
    carriers : Carriers, optional
        Carriers to learn from, too, if the config has them.

    Raises
    ------
    ValueError
        If validation shares a subject with what the run, its start or its teacher learns from, a
        subject is one of the benchmark's or a person of the test part, the processes cannot share
        a batch, or carriers are given without the config's having them, or the other way round.
    """

    def __init__(
        self,
        config: Config,
        training: Clips,
        validation: Clips | None,
        device: torch.device,
        make_objective: MakeObjective | None = None,
        start: Start | None = None,
        processes: Processes = Processes(),  # noqa: B008 (frozen)
        teacher: Checkpoint | None = None,
        carriers: Carriers | None = None,
    ) -> None:
        if (carriers is None) != (config.carriers is None):
            raise ValueError(
                "the config has [carriers], but no carriers are given"
                if carriers is None
                else "carriers are given, but the config has no [carriers]"
            )
        for clip in training.clips:
            if clip.scene.get("seed") == BENCHMARK_SEED:
                raise ValueError(
                    f"{training.folder}: clip {clip.name} is one of the benchmark's, which nobody"
                    " trains on"
                )
        learned_from = [training.subjects]
        if carriers is not None:
            learned_from.append(carriers.clips.subjects)
        if start is not None:
            learned_from.append(list(start.subjects))
        if teacher is not None:
            learned_from.append(teacher.subjects)
        self.subjects = sorted({name for names in learned_from for name in names})
        both = set(self.subjects) & set(validation.subjects if validation else ())
        if validation is not None and both:
            raise ValueError(
                f"{validation.folder}: subject {min(both)} is one of the training data, too"
            )
        self.config = config
        self.training = training
        self.validation = validation
        self.device = device
        self.processes = processes
        self.teacher = "" if teacher is None else fingerprint(teacher.network)
        self.start = "" if start is None else start.sha256
        label, self.label_std = labels(training, config.label_power)
        carried = None if carriers is None else CarriedRuns(carriers, config, self.label_std)
        own, own_teacher = None, ""
        if carriers is not None and config.own is not None:
            agreeing = open_network(f"teacher={BUNDLED_TEACHER}")
            own, own_teacher = OwnRuns(carriers, config, agreeing, device), agreeing.about["sha256"]
        self.batches = Batches(training, config, label, device, processes, carried, own)
        self.data, self.data_sha256 = described(training, carriers, own_teacher)
        self.model = new_model(config) if start is None else start.model
        # The memory layout that is fastest for convolutions on a CPU: the forward pass is a third
        # faster.
        self.model.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if make_objective is None:
            self.objective = Objective(self.model, config.band, config.own)
        else:
            self.objective = make_objective(self.model, self.label_std)
        self.objective.to(device).train()
        if config.normalisation == "fixed":
            for module in self.model.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        parallel.synchronise(self.model, processes)
        self._shared = parallel.share(self.objective, processes)
        self.optimizer = torch.optim.AdamW(
            [p for p in self.objective.parameters() if p.requires_grad],
            lr=config.peak_learning_rate,
            weight_decay=config.weight_decay,
            fused=device.type == "cuda",
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr=config.peak_learning_rate, total_steps=config.steps
        )
        self.average = Average(self.model, config.average) if config.average else None
        self.step = 0
        self.log: list[Row] = []

    def checkpoint(self) -> Checkpoint:
        """Return the present state of the run."""
        return Checkpoint(
            step=self.step,
            config=self.config,
            data=self.data,
            data_sha256=self.data_sha256,
            validation="" if self.validation is None else self.validation.description,
            validation_sha256="" if self.validation is None else self.validation.sha256,
            subjects=self.subjects,
            start=self.start,
            teacher=self.teacher,
            label_std=self.label_std,
            model=self.model.state_dict(),
            average={} if self.average is None else self.average.model.state_dict(),
            helper=self.objective.helper.state_dict(),
            optimizer=self.optimizer.state_dict(),
            schedule=self.schedule.state_dict(),
            log=self.log,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint.

        Raises
        ------
        ValueError
            If it was made with another config, other data, another start or another teacher.
        """
        ours, theirs = asdict(self.config), asdict(checkpoint.config)
        different = [name for name in ours if ours[name] != theirs[name]]
        if different:
            raise ValueError(f"the checkpoint was made with another {', '.join(different)}")
        if checkpoint.data_sha256 != self.data_sha256:
            raise ValueError(f"the checkpoint was made with other data: {checkpoint.data}")
        if checkpoint.validation_sha256 != (self.validation.sha256 if self.validation else ""):
            theirs_text = checkpoint.validation or "none"
            raise ValueError(f"the checkpoint was made with other validation data: {theirs_text}")
        if (checkpoint.start, checkpoint.teacher) != (self.start, self.teacher):
            raise ValueError("the checkpoint was made with other first weights or another teacher")
        self.model.load_state_dict(checkpoint.model)
        if self.average is not None:
            self.average.model.load_state_dict(checkpoint.average)
        self.objective.helper.load_state_dict(checkpoint.helper)
        self.optimizer.load_state_dict(checkpoint.optimizer)
        self.schedule.load_state_dict(checkpoint.schedule)
        self.step = checkpoint.step
        self.log = list(checkpoint.log)

    def training_step(self) -> Tensor:
        """Make one optimizer step; return this process's terms of the objective, on the device."""
        batch = self.batches(self.step)
        self.objective.done = self.step / self.config.steps
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"
        ):
            terms: Tensor = self._shared(batch)
        self.optimizer.zero_grad()
        terms[0].backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        if self.average is not None:
            self.average.take(self.model, self.step)
        return terms.detach()

    def validate(self) -> Row:
        """Score the model, or its average, on the validation clips; nothing without them."""
        if self.validation is None:
            return {}
        model = self.model if self.average is None else self.average.model
        changes = predict(model, self.validation, self.config.input, self.device)
        return asdict(score(self.validation, changes))

    def train(self, out: Path) -> None:
        """Train to the last step; write log and checkpoints to `out`."""
        config, first = self.config, self.processes.first
        names = self.objective.terms
        sums = torch.zeros(len(names), device=self.device)
        quiet = {} if first else {"disable": True}  # otherwise the variable TQDM_DISABLE decides
        with tqdm(
            total=config.steps, initial=self.step, unit="step", desc=out.name, **quiet
        ) as bar:
            while self.step < config.steps:
                sums += self.training_step()
                bar.update()
                if self.step % config.log_every:
                    continue
                means = parallel.mean(sums / config.log_every, self.processes).tolist()
                sums.zero_()
                row: Row = {
                    "step": self.step,
                    "learning_rate": float(self.schedule.get_last_lr()[0]),
                    **dict(zip(names, means)),
                }
                bar.set_postfix(loss=f"{row['loss']:.4f}")
                last = self.step % config.validate_every == 0
                if first and last:
                    row.update(self.validate())
                    bar.write("  ".join(f"{name} {value:.4g}" for name, value in row.items()))
                self.log.append(row)
                if first:
                    replace_file(out / LOG, as_csv(self.log, names).encode())
                if first and last:
                    self.checkpoint().save(out / CHECKPOINT)


def as_csv(log: Sequence[Row], terms: Sequence[str]) -> str:
    """Return the log as CSV; cells of rows without a validation stay empty."""
    text = io.StringIO()
    columns = ("step", "learning_rate", *terms, *Score.__annotations__)
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(log)
    return text.getvalue()


def execute(
    config: Config,
    data: Clips,
    validation: Clips | None,
    out: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    make_objective: MakeObjective | None = None,
    start: Start | None = None,
    teacher: Checkpoint | None = None,
    carriers: Carriers | None = None,
) -> None:
    """Train on `data` with scores on `validation`, and write the run to the folder `out`.

    `resume` continues the run in `out`; `device` is a name that PyTorch knows, or "auto". The other
    parameters are those of `Trainer`.

    Raises
    ------
    OSError, ValueError
        If a file cannot be written or data do not fit; if `out` holds a run and `resume` is false,
        or holds none and `resume` is true.
    """
    checkpoint = out / CHECKPOINT
    if resume != checkpoint.exists():
        raise ValueError(
            f"{out}: there is no checkpoint to resume"
            if resume
            else f"{out}: already holds a run; resume it or choose another folder"
        )
    where = parallel.choose_device(device)
    processes = parallel.start(where)
    try:
        run = Trainer(
            config,
            data,
            validation,
            where,
            make_objective,
            start,
            processes,
            teacher,
            carriers,
        )
        if resume:
            try:
                run.restore(Checkpoint.load(checkpoint))
            except ValueError as error:
                raise ValueError(f"{out}: {error}") from None
        elif processes.first:
            out.mkdir(parents=True, exist_ok=True)
            run.checkpoint().save(checkpoint)  # so that a run killed at any moment can be resumed
        run.train(out)
    finally:
        parallel.finish(processes)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that all training commands have."""
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of training clips")
    parser.add_argument("--validation", type=Path, help="folder of clips of other subjects")
    parser.add_argument("--carriers", type=Path, help="folder of carriers, see [carriers]")
    parser.add_argument(
        "--start",
        type=Path,
        help="first weights: a student's weights file, or a checkpoint of the same network",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for this run")
    parser.add_argument("--resume", action="store_true", help="continue the run in OUT")
    parser.add_argument("--device", default="auto", help='"auto", "cpu", "cuda", "cuda:1", ...')


def described(clips: Clips, carriers: Carriers | None, own_teacher: str = "") -> tuple[str, str]:
    """Name what a run learns from, and its version.

    Parameters
    ----------
    clips, carriers
        The data.
    own_teacher
        SHA-256 of the weights that label the carriers' own pulses; empty if these are not used.
    """
    if carriers is None:
        return clips.description, clips.sha256
    said = f"{clips.description}; {carriers.clips.description}"
    versions = f"{clips.sha256}\n{carriers.clips.sha256}"
    if own_teacher:
        said += "; and the carriers' own pulses"
        versions += f"\n{own_teacher}"
    return said, hashlib.sha256(versions.encode()).hexdigest()


def open_carriers(folder: Path | None, config: Config) -> Carriers | None:
    """Open the carriers of a run, of the people that its config says; raises as `Carriers.open`."""
    if folder is None:
        return None
    carriers = Carriers.open(folder)
    if config.carriers is None or config.carriers.people == "all":
        return carriers
    chosen_by = chosen_by_people()
    return carriers.select([name for name in carriers.clips.subjects if name not in chosen_by])


def read_arguments(
    given: argparse.Namespace,
) -> tuple[Config, Clips, Clips | None, Start | None, Carriers | None]:
    """Read what the arguments of `add_arguments` name: config, clips, validation, start, carriers.

    Raises
    ------
    OSError, ValueError
        If one of them cannot be read or does not fit the config.
    """
    config, clips = load_config(given.config), Clips.open(given.data)
    validation = None if given.validation is None else Clips.open(given.validation)
    start = None if given.start is None else read_start(given.start, clips, config)
    return config, clips, validation, start, open_carriers(given.carriers, config)
