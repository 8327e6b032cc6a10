r"""Train a student by distillation from a teacher.

    python -m training.train.distill --config training/configs/distilled.toml --teacher CHECKPOINT \
        --data DIR --validation DIR --out DIR [--resume] [--device DEVICE]

OUT receives the same files as from `training.train.train`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from training.data.carriers import Carriers
from training.data.clips import Clips
from training.models import losses
from training.models.checkpoint import Checkpoint
from training.models.config import Config
from training.models.config_tables import Distillation as Settings
from training.models.config_tables import Own
from training.models.networks import Maps, Student, Teacher, load_model
from training.support.command import command
from training.train.batches import Batch
from training.train.objective import Objective
from training.train.start import Start
from training.train.trainer import add_arguments, execute, read_arguments

TEACHER_CHANNELS = {"middle": 32, "last": 64}
_LEAST_GRADIENT = 1e-12  # added to a norm that divides


class Distillation(Objective):
    """Equation 4: task * L_S + middle * L_dist1 + last * L_dist2, and a term on the outputs.

    Parameters
    ----------
    student : Student
        The network that is trained.
    teacher : Teacher
        The network that it learns from; it is not changed.
    settings : Settings
        Weights of the terms, and how maps are compared.
    unit : float
        Unit of the teacher's output divided by the student's: the ratio of the standard deviations
        of their labels.
    band : float
        As in `Objective`, for the comparison with the labels and with the teacher's output.
    own : Own, optional
        As in `Objective`.
    """

    TERMS = ("loss", "task", "middle", "last", "output", "middle_spread", "last_spread")

    def __init__(
        self,
        student: Student,
        teacher: Teacher,
        settings: Settings,
        unit: float = 1.0,
        band: float = 0.0,
        own: Own | None = None,
    ) -> None:
        super().__init__(student, band, own)
        self.terms = self.TERMS + self.OWN * (own is not None)
        self.settings = settings
        self.unit = unit
        self.teacher = teacher.requires_grad_(False)
        if settings.projection:
            for name, channels in TEACHER_CHANNELS.items():
                if getattr(settings, name):
                    self.helper[name] = nn.Linear(channels, channels)

    def train(self, mode: bool = True) -> Distillation:
        """Set the mode of the student; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def forward(self, batch: Batch) -> Tensor:
        """Compute all terms; a map term whose weight is 0 is not computed and is 0."""
        settings = self.settings
        with torch.no_grad():
            target, theirs = self.teacher.run(batch.motion, batch.appearance)
        assert isinstance(self.model, Student)
        predicted, ours = self.model.run(batch.motion)
        predicted, target = predicted.float(), self.unit * target.float()
        values = {
            "task": self.task(predicted, batch)[0],
            "output": self.task(predicted, batch._replace(label=target))[0],
        }
        for name in TEACHER_CHANNELS:
            if getattr(settings, name) and self.done >= settings.begin:
                distance, values[name + "_spread"] = self._compare(name, ours, theirs)
                if settings.balance:
                    share = settings.balance * self._balance(name, ours, values["task"], distance)
                    distance = share * distance
                values[name] = distance
        zero = torch.zeros((), device=predicted.device)
        values["loss"] = zero + sum(
            getattr(settings, name) * values[name]
            for name in ("task", "middle", "last", "output")
            if getattr(settings, name) and name in values
        )
        values = self.with_own(values, batch)
        return torch.stack([values.get(name, zero) for name in self.terms])

    def _which(self, name: str) -> str:
        return name if self.settings.maps == "pooled" else name + "_full"

    def _balance(self, name: str, ours: Maps, task: Tensor, distance: Tensor) -> Tensor:
        """Return the norm of the task's gradient at a map over that of the maps' distance."""
        at = getattr(ours, self._which(name))
        norms: list[Tensor] = [
            torch.autograd.grad(term, at, retain_graph=True)[0].norm() for term in (task, distance)
        ]
        return norms[0] / (norms[1] + _LEAST_GRADIENT)

    def _compare(self, name: str, ours: Maps, theirs: Maps) -> tuple[Tensor, Tensor]:
        which = self._which(name)
        student = losses.embed(getattr(ours, which)).float()
        teacher = losses.embed(getattr(theirs, which)).float()
        if name in self.helper:
            student = self.helper[name](student)
        with torch.autocast(student.device.type, enabled=False):  # large sums need float32
            return losses.distance(student, teacher, self.settings)


def distill(
    config: Config,
    teacher: Checkpoint,
    data: Clips,
    validation: Clips | None,
    out: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    start: Start | None = None,
    carriers: Carriers | None = None,
) -> None:
    """Train a student by distillation; see `training.train.trainer.execute`.

    Raises
    ------
    OSError, ValueError
        The errors of `execute`. ValueError also if the config has no [distillation], or if the
        checkpoint holds no finished teacher, or a teacher for another kind of motion or other
        labels.
    """
    settings = config.distillation
    if settings is None:
        raise ValueError("the config has no [distillation]")
    for name in ("input", "label_power"):
        ours, theirs = getattr(config, name), getattr(teacher.config, name)
        if ours != theirs:
            raise ValueError(f"the teacher was trained with {name} = {theirs!r}, not {ours!r}")
    if teacher.step != teacher.config.steps:
        raise ValueError(f"the teacher stands at step {teacher.step} of {teacher.config.steps}")
    network = load_model(teacher)
    if not isinstance(network, Teacher):
        raise ValueError("the checkpoint to learn from holds a student, not a teacher")

    def make_objective(model: Student | Teacher, label_std: float) -> Objective:
        assert isinstance(model, Student)  # a config with a [distillation] always has a student
        unit = teacher.label_std / label_std
        return Distillation(model, network, settings, unit, config.band, config.own)

    execute(
        config,
        data,
        validation,
        out,
        resume=resume,
        device=device,
        make_objective=make_objective,
        start=start,
        teacher=teacher,
        carriers=carriers,
    )


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train.distill", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_arguments(parser)
    parser.add_argument(
        "--teacher", type=Path, required=True, help="checkpoint of training.train.train"
    )
    given = parser.parse_args(arguments)
    config, data, validation, start, carriers = read_arguments(given)
    distill(
        config,
        Checkpoint.load(given.teacher),
        data,
        validation,
        given.out,
        resume=given.resume,
        device=given.device,
        start=start,
        carriers=carriers,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
