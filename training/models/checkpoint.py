"""Checkpoints of a training run: all values needed to continue it or to export its model."""

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

#: Name of the file beside a checkpoint to which a run writes its losses and scores.
LOG = "log.csv"

Row = dict[str, float]


@dataclass(frozen=True)
class Checkpoint:
    """A training run after `step` steps.

    Random numbers have no state: those of a step depend only on the config's seed and the step
    (see `training.train.batches`).

    Attributes
    ----------
    step : int
        Number of optimizer steps done.
    config : Config
        Config of the run.
    data, validation : str
        Descriptions, one line each, of the training clips and of the validation clips whose scores
        are in the log; `validation` is empty if there are none.
    data_sha256, validation_sha256 : str
        Hashes of both, see `training.data.clips`.
    subjects : list of str
        Subjects in the training data of the network, and of its teacher.
    start, teacher : str
        SHA-256 of the weights file from which training started, and fingerprint of the teacher;
        empty for random weights, and if there is no teacher.
    label_std : float
        Standard deviation of the labels: the unit of the model's output.
    model, average, helper, optimizer, schedule : dict
        The `state_dict` of each. `average` is the running average of the model's weights, empty if
        there is none. The helper is trained together with the model and then dropped.
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
        """Write the checkpoint; if the run is killed meanwhile, the previous checkpoint remains."""
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
            If the file is not a checkpoint of this version.
        """
        with path.open("rb") as file:  # for a missing path, is_zipfile would return False
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
    """Return the SHA-256 of a network's names and values, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in state.items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
