"""Checkpoints of a training run: all that continuing it, or exporting its model, takes."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.config import Config, from_mapping

FORMAT = "rppg_fast.checkpoint"
VERSION = 1

Row = dict[str, float]


@dataclass(frozen=True)
class Checkpoint:
    """A training run after `step` steps.

    Random numbers need no state here: those of a step follow from the config's seed and the
    step (see `training.batches`).

    Attributes
    ----------
    step : int
        Optimizer steps made.
    config : Config
        The run's config.
    data, validation : str
        One line each that names the training data and the data of the log's scores.
    label_std : float
        Standard deviation of the labels: the unit of the model's output.
    model, optimizer, schedule : dict
        Their `state_dict`.
    log : list of dict
        Rows of the log so far.
    """

    step: int
    config: Config
    data: str
    validation: str
    label_std: float
    model: dict[str, Tensor]
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    log: list[Row]

    def save(self, path: Path) -> None:
        """Write the checkpoint; a run that is killed meanwhile leaves the one before."""
        values = {**vars(self), "config": self.config.to_json()}
        buffer = io.BytesIO()
        torch.save({"format": FORMAT, "version": VERSION, **values}, buffer)
        replace_file(path, buffer.getvalue())

    @classmethod
    def load(cls, path: Path) -> Checkpoint:
        """Read a checkpoint onto the CPU; runs no code from the file.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is no checkpoint of this version.
        """
        if not zipfile.is_zipfile(path):
            raise ValueError(f"{path}: not a checkpoint")
        try:
            values = torch.load(path, map_location="cpu", weights_only=True)
        except (RuntimeError, pickle.UnpicklingError) as error:
            problem = str(error).splitlines()[0]
            raise ValueError(f"{path}: not a checkpoint, or a broken one ({problem})") from None
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"{path}: not a checkpoint of rppg_fast")
        if values.get("version") != VERSION:
            raise ValueError(
                f"{path}: checkpoint version {values.get('version')}, expected {VERSION}"
            )
        missing = [field.name for field in fields(cls) if field.name not in values]
        if missing:
            raise ValueError(f"{path}: the checkpoint lacks {', '.join(missing)}")
        del values["format"], values["version"]
        values["config"] = from_mapping(json.loads(values["config"]), str(path))
        return cls(**values)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that at any moment `path` holds the old content or the new, whole."""
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
