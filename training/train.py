r"""Train the student on a folder of clips.

    python -m training.train --config training/configs/student.toml \
        --data DIR --validation DIR --out DIR [--resume] [--device DEVICE]

OUT receives `checkpoint.pt`, from which `training.export` makes weights, and `log.csv`.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from training.batches import Batches
from training.checkpoint import Checkpoint, Row, replace_file
from training.config import Config
from training.config import load as load_config
from training.data.clips import Clips
from training.labels import labels
from training.models import Student
from training.score import predict, score

CHECKPOINT = "checkpoint.pt"
LOG = "log.csv"
COLUMNS = ("step", "learning_rate", "loss", "correlation", "mae_bpm", "within_3_bpm", "snr_db")


class Run:
    """A training run: a model, its optimizer and schedule, and how far they are.

    Parameters
    ----------
    config : Config
        The run's config.
    training, validation : Clips
        Clips to learn from, and clips to report on.
    device : torch.device
        Where to compute.

    Raises
    ------
    ValueError
        If the clips hold another kind of motion than the config asks for, or training and
        validation share a scene.
    """

    def __init__(
        self, config: Config, training: Clips, validation: Clips, device: torch.device
    ) -> None:
        for clips in (training, validation):
            if clips.input != config.input:
                raise ValueError(
                    f"{clips.folder} holds {clips.input!r} motion, the config asks for"
                    f" {config.input!r}"
                )
        scenes = {json.dumps(clip.scene, sort_keys=True) for clip in training.clips}
        for clip in validation.clips:
            if json.dumps(clip.scene, sort_keys=True) in scenes:
                raise ValueError(
                    f"{validation.folder}: clip {clip.index} is one of the training clips, too"
                )
        self.config = config
        self.validation = validation
        self.device = device
        self.data = training.description
        label, self.label_std = labels(training, config.label_power)
        self.batches = Batches(training, config, label, device)
        torch.manual_seed(config.seed)
        self.model = Student().to(device)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.peak_learning_rate,
            weight_decay=config.weight_decay,
            fused=device.type == "cuda",
        )
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, max_lr=config.peak_learning_rate, total_steps=config.steps
        )
        self.step = 0
        self.log: list[Row] = []

    def checkpoint(self) -> Checkpoint:
        """Take the run as it is now."""
        return Checkpoint(
            step=self.step,
            config=self.config,
            data=self.data,
            validation=self.validation.description,
            label_std=self.label_std,
            model=self.model.state_dict(),
            optimizer=self.optimizer.state_dict(),
            schedule=self.schedule.state_dict(),
            log=self.log,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint.

        Raises
        ------
        ValueError
            If it was made with another config or other data.
        """
        ours, theirs = asdict(self.config), asdict(checkpoint.config)
        different = [name for name in ours if ours[name] != theirs[name]]
        if different:
            raise ValueError(f"the checkpoint was made with another {', '.join(different)}")
        if checkpoint.data != self.data:
            raise ValueError(f"the checkpoint was made with other data: {checkpoint.data}")
        self.model.load_state_dict(checkpoint.model)
        self.optimizer.load_state_dict(checkpoint.optimizer)
        self.schedule.load_state_dict(checkpoint.schedule)
        self.step = checkpoint.step
        self.log = list(checkpoint.log)

    def advance(self) -> Tensor:
        """Make one optimizer step; the loss stays on the device."""
        motion, label = self.batches(self.step)
        with torch.autocast(
            self.device.type, torch.bfloat16, enabled=self.config.precision == "bfloat16"
        ):
            predicted = self.model(motion)
        loss = nn.functional.mse_loss(predicted.float(), label)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        return loss.detach()

    def validate(self) -> Row:
        """Score the model on the validation clips."""
        return asdict(score(self.validation, predict(self.model, self.validation, self.device)))

    def train(self, out: Path) -> None:
        """Train to the last step; log and checkpoints go into `out`."""
        config = self.config
        losses = torch.zeros((), device=self.device)
        with tqdm(total=config.steps, initial=self.step, unit="step", desc="train") as bar:
            while self.step < config.steps:
                losses += self.advance()
                bar.update()
                if self.step % config.log_every:
                    continue
                row: Row = {
                    "step": self.step,
                    "learning_rate": float(self.schedule.get_last_lr()[0]),
                    "loss": float(losses) / config.log_every,
                }
                losses.zero_()
                bar.set_postfix(loss=f"{row['loss']:.4f}")
                if self.step % config.validate_every == 0:
                    row.update(self.validate())
                    bar.write("  ".join(f"{name} {value:.4g}" for name, value in row.items()))
                self.log.append(row)
                replace_file(out / LOG, as_csv(self.log).encode())
                if self.step % config.validate_every == 0:
                    self.checkpoint().save(out / CHECKPOINT)


def as_csv(log: Sequence[Row]) -> str:
    """Write the log as text; cells of rows without a validation stay empty."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(log)
    return text.getvalue()


def choose_device(name: str) -> torch.device:
    """Find the device that torch knows by a name; "auto" is a GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {name!r}: {str(error).splitlines()[0]}") from None
    return torch.device(name)


def train(
    config: Config, data: Path, validation: Path, out: Path, resume: bool, device: str = "auto"
) -> None:
    """Train on the clips in `data`, reporting on those in `validation`, into `out`.

    Raises
    ------
    OSError, ValueError
        If something cannot be read or does not fit; if `out` already holds a run and `resume`
        is false, or holds none and `resume` is true.
    """
    checkpoint = out / CHECKPOINT
    if resume != checkpoint.exists():
        raise ValueError(
            f"{out}: there is no checkpoint to resume"
            if resume
            else f"{out}: already holds a run; resume it or choose another folder"
        )
    run = Run(config, Clips.open(data), Clips.open(validation), choose_device(device))
    if resume:
        try:
            run.restore(Checkpoint.load(checkpoint))
        except ValueError as error:
            raise ValueError(f"{out}: {error}") from None
    else:
        out.mkdir(parents=True, exist_ok=True)
        run.checkpoint().save(checkpoint)  # so that a run killed at any moment can be resumed
    run.train(out)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="folder of training clips")
    parser.add_argument("--validation", type=Path, required=True, help="folder of other clips")
    parser.add_argument("--out", type=Path, required=True, help="folder for this run")
    parser.add_argument("--resume", action="store_true", help="continue the run in OUT")
    parser.add_argument("--device", default="auto", help='"auto", "cpu", "cuda", "cuda:1", ...')
    given = parser.parse_args(arguments)
    try:
        config = load_config(given.config)
        train(config, given.data, given.validation, given.out, given.resume, given.device)
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
