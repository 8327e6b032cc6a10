"""The config of a training run, read from a TOML file."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Optional, TypeVar, get_type_hints

from training.models.config_tables import Carried, Distillation, Own, check_choices

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


@dataclass(frozen=True)
class Config:
    """Everything that decides the numbers of a run, except the data and the device.

    Attributes
    ----------
    network : str
        "student" or "teacher".
    input : str
        How motion is made from two frames: "normalized" or "difference", see `rppg_fast.motion`.
    activation, pooling : str
        Of the student: "tanh" or "relu", "average" or "max". Only the first ones can be exported.
    seed : int
        Seeds the initial weights and, together with the step, every batch.
    steps, batch : int
        Optimizer steps, and clips' frame steps drawn for each.
    run : int
        How many of these follow each other in one clip: 1, or a run of some seconds.
    band : float
        Share in the loss of how well runs correlate with the pulse in the heart's band, see
        `training.train.objective`; at 0 the loss is the steps' mean squared error.
    normalisation : str
        "batch", or "fixed" for one that stays as a weights file gives it, since a batch of a few
        runs says little of what is usual.
    peak_learning_rate, weight_decay : float
        Of AdamW; the learning rate follows one cycle over all steps.
    label_power : float
        Clips' labels are scaled by the pulse's amplitude to this power: `training.train.labels`.
    flip, reverse : float
        Probability that a sample is mirrored left to right, and that it is played backwards
        (motion and label both change sign).
    average : float
        Share of the old in the running average of the weights, which is what is validated and
        exported (`training.train.average`); at 0 there is none, and the last weights are.
    precision : str
        "float32", or "bfloat16" for autocast.
    log_every, validate_every : int
        Steps between rows of the log, and between validations. `steps` is a multiple of
        `validate_every`, which is a multiple of `log_every`. Each validation writes a checkpoint.
    distillation : Distillation or None
        For a student that learns from a teacher, the table [distillation]; None for one that
        learns from the labels alone.
    carriers : Carried or None
        The table [carriers], for a run that learns from carriers, too; None for clips alone.
    own : Own or None
        The table [own], for a run that learns from the carriers' own pulses, too.
    """

    network: str
    input: str
    activation: str
    pooling: str
    seed: int
    steps: int
    batch: int
    run: int
    band: float
    normalisation: str
    peak_learning_rate: float
    weight_decay: float
    label_power: float
    flip: float
    reverse: float
    average: float
    precision: str
    log_every: int
    validate_every: int
    distillation: Optional[Distillation] = None  # noqa: UP045 (read at run time, on Python 3.9)
    carriers: Optional[Carried] = None  # noqa: UP045
    own: Optional[Own] = None  # noqa: UP045

    def __post_init__(self) -> None:
        """Check the values; raise ValueError if one is invalid."""
        check_choices(self)
        for name in ("steps", "batch", "run", "log_every", "validate_every", "peak_learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, not {getattr(self, name)}")
        for name in ("seed", "weight_decay"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        for name in ("band", "label_power", "flip", "reverse"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} lies between 0 and 1, not {getattr(self, name)}")
        if self.batch % self.run:
            raise ValueError(f"batch must be a multiple of run, not {self.batch} of {self.run}")
        if self.band and self.run == 1:
            raise ValueError("band needs runs of several steps")
        if not 0 <= self.average < 1:
            raise ValueError(f"average lies from 0 to below 1, not {self.average}")
        if self.validate_every % self.log_every or self.steps % self.validate_every:
            raise ValueError(
                "steps must be a multiple of validate_every, and that one of log_every"
            )
        if self.network == "teacher":
            if (self.activation, self.pooling) != ("tanh", "average"):
                raise ValueError("the teacher has tanh and average pooling")
            if self.distillation is not None:
                raise ValueError("a teacher learns from no other: it takes no [distillation]")
        if self.own is not None and self.carriers is None:
            raise ValueError("[own] needs [carriers], whose own pulses these are")

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
        One entry for each field of `Config`; an integer may stand for a float, what has a
        default may be absent, and a table may be None.
    source : str
        Where the values come from, for the messages.

    Raises
    ------
    ValueError
        If a key is unknown or missing, has the wrong type, or its value makes no sense.
    """
    values = dict(values)
    distillation = _table(Distillation, values, "distillation", source)
    carriers = _table(Carried, values, "carriers", source)
    own = _table(Own, values, "own", source)
    config = _build(Config, values, source, tables=("distillation", "carriers", "own"))
    try:
        return replace(config, distillation=distillation, carriers=carriers, own=own)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


Table = TypeVar("Table", Config, Distillation, Carried, Own)


def _table(kind: type[Table], values: dict[str, Any], name: str, source: str) -> Table | None:
    """Take a table out of the values and build it, where it is there."""
    table = values.pop(name, None)
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise ValueError(f"{source}: {name} must be a table")
    return _build(kind, table, f"{source}: [{name}]")


def _build(
    kind: type[Table], values: Mapping[str, Any], source: str, tables: Sequence[str] = ()
) -> Table:
    types = get_type_hints(kind)
    known = [field for field in fields(kind) if field.name not in tables]
    names = [field.name for field in known]
    optional = {field.name for field in known if field.default is not MISSING}
    for key in values:
        if key not in names:
            raise ValueError(f"{source}: unknown key {key!r} (known: {', '.join(names)})")
    checked: dict[str, Any] = {}
    for name in names:
        if name not in values:
            if name in optional:
                continue
            raise ValueError(f"{source}: key {name!r} is missing")
        value = values[name]
        # type() instead of isinstance(): in Python True is an int, but not a number of steps.
        if types[name] is float and type(value) is int:
            value = float(value)
        if type(value) is not types[name]:
            raise ValueError(
                f"{source}: {name} must be {types[name].__name__}, not {type(value).__name__}"
            )
        checked[name] = value
    try:
        return kind(**checked)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


def load(path: Path) -> Config:
    """Read a config from a TOML file.

    The file may name another one as its ``base``, a path relative to its own folder; it then holds
    only what is different. A table, such as ``[distillation]``, changes the base's entry by entry.

    Raises
    ------
    OSError
        If the file, or one that it is based on, cannot be read.
    ValueError
        If it is not TOML or not a config, or is based on itself; names the file and the key.
    """
    return from_mapping(_read(path, ()), str(path))


def _read(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """Read the values of a file and of what it is based on; ``above`` are those based on it."""
    try:
        values: dict[str, Any] = tomllib.loads(path.read_bytes().decode())
    except ValueError as error:  # neither TOML nor, perhaps, text
        raise ValueError(f"{path}: {error}") from None
    name = values.pop("base", None)
    if name is None:
        return values
    if not isinstance(name, str):
        raise ValueError(f"{path}: base must be the path of a config, not {name!r}")
    base = (path.parent / name).resolve()
    if base in (*above, path.resolve()):
        raise ValueError(f"{path}: base: {name} is based on this file")
    merged = _read(base, (*above, path.resolve()))
    for key, value in values.items():
        old = merged.get(key)
        merged[key] = (
            {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged
