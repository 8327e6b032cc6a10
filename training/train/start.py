"""The network that a training run starts from."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.clips import Clips
from training.models.checkpoint import Checkpoint
from training.models.config import Config
from training.models.networks import Student, Teacher, load_model
from training.support.files import file_sha256
from training.train.import_weights import import_weights


@dataclass(frozen=True)
class Start:
    """First weights of a run.

    Attributes
    ----------
    model : Student or Teacher
        The network with these weights.
    sha256 : str
        Hash of the file that they come from, in hexadecimal.
    subjects : sequence of str
        Subjects that they were trained on, as far as the file names them.
    """

    model: Student | Teacher
    sha256: str
    subjects: Sequence[str] = ()


def read_start(path: Path, clips: Clips, config: Config) -> Start:
    """Read first weights: a student's weights file, or a checkpoint of a student or a teacher.

    Parameters
    ----------
    path : Path
        Weights file, or checkpoint of a finished run.
    clips : Clips
        Clips of the run; a weights file's batch normalisation is measured on them.
    config : Config
        Config of the run.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file holds another network than the config says, one for another kind of motion, or
        a run that is not finished.
    """
    with path.open("rb") as file:
        is_checkpoint = zipfile.is_zipfile(file)
    if not is_checkpoint:
        if config.network != "student":
            raise ValueError(
                f"{path}: a weights file can start a student only; a teacher starts from a"
                " checkpoint of training.train.train"
            )
        return Start(import_weights(path, clips, config), file_sha256(path))
    checkpoint = Checkpoint.load(path)
    for name in ("network", "input", "activation", "pooling"):
        theirs, ours = getattr(checkpoint.config, name), getattr(config, name)
        if theirs != ours:
            raise ValueError(f"{path}: made with {name} = {theirs!r}, the config says {ours!r}")
    if checkpoint.step != checkpoint.config.steps:
        raise ValueError(
            f"{path}: the run stands at step {checkpoint.step} of {checkpoint.config.steps};"
            " finish it with --resume first"
        )
    return Start(load_model(checkpoint), file_sha256(path), checkpoint.subjects)
