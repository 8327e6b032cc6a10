"""Checkpoints of a training run: all that continuing it, or exporting its model, takes."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.models.config import Config, from_mapping
from training.support.files import replace_file

FORMAT = "rppg_fast.checkpoint"
VERSION = 3

#: The file beside a checkpoint that a run writes its scores to.
LOG = "log.csv"

Row = dict[str, float]


@dataclass(frozen=True)
class Checkpoint:
    """A training run after `step` steps.

    Random numbers need no state here: those of a step follow from the config's seed and the
    step (see `training.train.batches`).

    Attributes
    ----------
    step : int
        Optimizer steps made.
    config : Config
        The run's config.
    data, validation : str
        One line each that names the training data and the data of the log's scores; the second is
        empty where there are none.
    data_sha256, validation_sha256 : str
        Versions of both, see `training.data.clips`.
    subjects : list of str
        Whom the network has learned from, by itself or through its teacher.
    start, teacher : str
        SHA-256 of the weights file that training began with, and fingerprint of the teacher; empty
        for random weights, and where no one teaches.
    label_std : float
        Standard deviation of the labels: the unit of the model's output.
    model, average, helper, optimizer, schedule : dict
        Their `state_dict`; the average of the model's weights is empty where there is none, and
        the helper is what is trained along and then thrown away.
    log : list of dict
        Rows of the log so far.
    """

    step: int
    config: Config
    data: str
    data_sha256: str
    validation: str
    validation_sha256: str
    subjects: list[str]
    start: str
    teacher: str
    label_std: float
    model: dict[str, Tensor]
    average: dict[str, Tensor]
    helper: dict[str, Tensor]
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    log: list[Row]

    @property
    def network(self) -> dict[str, Tensor]:
        """The weights that the training is for: their average, or else the last ones."""
        return self.average or self.model

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
        with path.open("rb") as file:  # given a path, is_zipfile takes a missing file for no zip
            if not zipfile.is_zipfile(file):
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


def fingerprint(state: Mapping[str, Tensor]) -> str:
    """Hash a network's weights: SHA-256 over names and values, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in state.items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
