"""One training run, as a TOML file says it."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_type_hints

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

INPUTS = ("normalized", "difference")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Config:
    """Everything that decides the numbers of a run, except the data and the device.

    Attributes
    ----------
    input : str
        How motion is made from two frames: "normalized" or "difference".
    seed : int
        Seeds the initial weights and, together with the step, every batch.
    steps, batch : int
        Optimizer steps, and clips' frame steps drawn for each.
    peak_learning_rate, weight_decay : float
        Of AdamW; the learning rate follows one cycle over all steps.
    label_power : float
        Clips' labels are scaled by the pulse's amplitude to this power, see `training.labels`.
    flip, reverse : float
        Probability that a sample is mirrored left to right, and that it is played backwards
        (motion and label both change sign).
    precision : str
        "float32", or "bfloat16" for autocast.
    log_every, validate_every : int
        Steps between rows of the log, and between validations: `steps` is a multiple of the
        second, and that one of the first. Checkpoints are written at validations.
    """

    input: str
    seed: int
    steps: int
    batch: int
    peak_learning_rate: float
    weight_decay: float
    label_power: float
    flip: float
    reverse: float
    precision: str
    log_every: int
    validate_every: int

    def __post_init__(self) -> None:
        """Refuse values that no run can have."""
        if self.input not in INPUTS:
            raise ValueError(f"input must be one of {', '.join(INPUTS)}, not {self.input!r}")
        if self.precision not in PRECISIONS:
            raise ValueError(
                f"precision must be one of {', '.join(PRECISIONS)}, not {self.precision!r}"
            )
        for name in ("steps", "batch", "log_every", "validate_every", "peak_learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("seed", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        for name in ("label_power", "flip", "reverse"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} lies between 0 and 1, not {getattr(self, name)}")
        if self.validate_every % self.log_every or self.steps % self.validate_every:
            raise ValueError(
                "steps must be a multiple of validate_every, and that one of log_every"
            )

    def to_json(self) -> str:
        """Compact JSON with sorted keys: equal configs give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def sha256(self) -> str:
        """Hash of `to_json`, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def from_mapping(values: Mapping[str, Any], source: str) -> Config:
    """Build a config from parsed values.

    Parameters
    ----------
    values : Mapping
        One entry for each field of `Config`; an integer may stand for a float.
    source : str
        Where the values come from, for the messages.

    Raises
    ------
    ValueError
        If a key is unknown or missing, has the wrong type, or its value makes no sense.
    """
    types = get_type_hints(Config)
    names = [field.name for field in fields(Config)]
    for key in values:
        if key not in names:
            raise ValueError(f"{source}: unknown key {key!r} (known: {', '.join(names)})")
    checked: dict[str, Any] = {}
    for name in names:
        if name not in values:
            raise ValueError(f"{source}: key {name!r} is missing")
        value = values[name]
        # type() and not isinstance: true is an int to Python, but no number of steps
        if types[name] is float and type(value) is int:
            value = float(value)
        if type(value) is not types[name]:
            raise ValueError(
                f"{source}: {name} must be {types[name].__name__}, not {type(value).__name__}"
            )
        checked[name] = value
    try:
        return Config(**checked)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def load(path: Path) -> Config:
    """Read a config from a TOML file.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not TOML or not a config; names the file and the key.
    """
    with path.open("rb") as file:
        try:
            values = tomllib.load(file)
        except ValueError as error:  # neither TOML nor, perhaps, text
            raise ValueError(f"{path}: {error}") from None
    return from_mapping(values, str(path))
