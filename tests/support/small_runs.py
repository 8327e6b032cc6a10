"""Helpers for tests of training: a small config, an interrupted run, and all bits of a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from training.models.checkpoint import LOG, Checkpoint
from training.models.config import Config
from training.models.config_tables import Distillation
from training.train.trainer import CHECKPOINT, Trainer

CONFIG = Config(
    network="student",
    input="normalized",
    activation="tanh",
    pooling="average",
    seed=3,
    steps=40,
    batch=32,
    run=1,
    band=0.0,
    normalisation="batch",
    peak_learning_rate=3e-3,
    weight_decay=1e-3,
    label_power=0.0,
    flip=0.5,
    reverse=0.5,
    average=0.0,
    precision="float32",
    log_every=10,
    validate_every=20,
)
SHORT = replace(CONFIG, steps=6, batch=8, log_every=1, validate_every=2)
PAPER = Distillation(
    task=1.0,
    middle=1.0,
    last=1.0,
    output=0.0,
    orientation="literal",
    features="plain",
    temperature=1.0,
    projection=False,
    distance="norm",
    maps="pooled",
)
"""Equation 4 as the paper prints it."""


class Killed(Exception):
    """Raised in place of a signal that kills the process."""


@contextmanager
def killed_at(step: int) -> Iterator[None]:
    """Interrupt a run that is started within the context, before it makes a given step."""
    training_step = Trainer.training_step

    def step_or_die(run: Trainer) -> torch.Tensor:
        if run.step == step:
            raise Killed
        return training_step(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "training_step", step_or_die)
        with pytest.raises(Killed):
            yield


def flat(values: Any, path: str = "") -> dict[str, Any]:
    """Flatten nested containers and convert tensors to bytes, so that == compares every bit."""
    if isinstance(values, dict):
        values = values.items()
    elif isinstance(values, (list, tuple)):
        values = enumerate(values)
    elif isinstance(values, torch.Tensor):
        return {path: (values.dtype, values.shape, values.numpy().tobytes())}
    else:
        return {path: values}
    parts = {}
    for name, value in values:
        parts.update(flat(value, f"{path}/{name}"))
    return parts


def bits(folder: Path) -> dict[str, Any]:
    """Return all bits of a run: its log and its checkpoint."""
    checkpoint = flat(vars(Checkpoint.load(folder / CHECKPOINT)))
    return {"log": (folder / LOG).read_bytes(), **checkpoint}


def toml(config: Config) -> str:
    """Return a config as the text of its file."""

    def lines(values: dict[str, Any]) -> list[str]:  # these TOML values are also JSON
        return [f"{name} = {json.dumps(value)}" for name, value in values.items()]

    values = dict(vars(config))
    distillation, carriers, own = (values.pop(n) for n in ("distillation", "carriers", "own"))
    text = lines(values)
    if distillation is not None:
        text += ["[distillation]", *lines(vars(distillation))]
    if carriers is not None:
        plain = dict(vars(carriers))
        pulse = plain.pop("pulse")
        text += ["[carriers]", *lines(plain), "[carriers.pulse]", *lines(pulse)]
    if own is not None:
        text += ["[own]", *lines(vars(own))]
    return "\n".join(text) + "\n"


def write(folder: Path, config: Config, name: str = "config") -> Path:
    """Write a config file into a folder."""
    path = folder / f"{name}.toml"
    path.write_text(toml(config), encoding="utf-8")
    return path
