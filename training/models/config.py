"""The config of a training run, read from a TOML file."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Optional, TypeVar, get_type_hints

from training.synthetic.parameters import Law, laws, parse_law
from training.synthetic.skin_pulses import PREFIX, StepPulse

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CHOICES = {
    "network": ("student", "teacher"),
    "input": ("normalized", "difference"),
    "activation": ("tanh", "relu"),
    "pooling": ("average", "max"),
    "precision": ("float32", "bfloat16"),
    "orientation": ("literal", "target"),
    "features": ("plain", "standard"),
    "distance": ("norm", "mean square"),
    "maps": ("pooled", "full"),
    "people": ("fit", "all"),
    "normalisation": ("batch", "fixed"),
}
"""Allowed values of the fields that are names."""


@dataclass(frozen=True)
class Distillation:
    """How a student learns from a teacher: equation 4 of the paper, and what it leaves open.

    Attributes
    ----------
    task, middle, last : float
        Weights of L_S, L_dist1 and L_dist2; the paper has 1 for each.
    output : float
        Weight of the mean squared difference of student's and teacher's outputs; not in the paper.
    orientation : str
        Of equation 2: "literal", as printed, or "target", where each position of the teacher's
        map gathers those of the student's that are like it (Lin et al., 2022).
    features : str
        "plain", or "standard": each channel of a map, teacher's and student's, with zero mean and
        unit deviation over the batch.
    temperature : float
        Divides the logits of equation 2.
    projection : bool
        Whether a learned linear layer is applied to the student's maps first; it is then dropped.
    distance : str
        Of equation 3: "norm", the Euclidean norm over a map, or its "mean square".
    maps : str
        Feature maps "pooled", or "full" as they are before pooling.
    """

    task: float
    middle: float
    last: float
    output: float
    orientation: str
    features: str
    temperature: float
    projection: bool
    distance: str
    maps: str

    def __post_init__(self) -> None:
        """Check the values; raise ValueError if one is invalid."""
        _check_choices(self)
        for name in ("task", "middle", "last", "output"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} must not be negative, not {getattr(self, name)}")
        if not self.temperature > 0:
            raise ValueError(f"temperature must be above 0, not {self.temperature}")
        if not self.task + self.output > 0:
            raise ValueError("task and output must not both be 0: nothing would say what to learn")


@dataclass(frozen=True)
class Carried:
    """How carriers (real faces with a pulse put in) are mixed with clips.

    Attributes
    ----------
    share : float
        Of every batch, of carriers' steps; the rest are clips'.
    people : str
        "fit" leaves out the people by whom settings are chosen, "all" does not; see
        ``training.data.catalogue.chosen_by_people``.
    pulse : dict of str to str
        Laws in the place of those of ``training.data.skin_pulses.StepPulse``, by name, as
        ``training.data.ingredients.parse_law`` reads them.
    """

    share: float
    people: str
    pulse: dict  # type: ignore[type-arg]  # of str to str; looked up at run time

    def __post_init__(self) -> None:
        """Refuse values that no run can have."""
        _check_choices(self)
        if not 0 < self.share < 1:
            raise ValueError(f"share lies between 0 and 1, not {self.share}")
        self.laws()

    def laws(self) -> dict[str, Law]:
        """Return the laws by full name.

        Raises
        ------
        ValueError
            If one cannot be read, or there is no such ingredient.
        """
        known = laws(StepPulse, PREFIX)
        found = {}
        for name, text in self.pulse.items():
            full = f"{PREFIX}.{name}"
            if full not in known:
                names = ", ".join(one.partition(".")[2] for one in known)
                raise ValueError(f"pulse: unknown ingredient {name!r} (known: {names})")
            try:
                found[full] = parse_law(known[full], str(text))
            except ValueError as error:
                raise ValueError(f"pulse: {name}: {error}") from None
        return found


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

    def __post_init__(self) -> None:
        """Check the values; raise ValueError if one is invalid."""
        _check_choices(self)
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

    def to_json(self) -> str:
        """Compact JSON with sorted keys: equal configs give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    def sha256(self) -> str:
        """Hash of `to_json`, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def _check_choices(values: Config | Distillation | Carried) -> None:
    for name, choices in CHOICES.items():
        value = getattr(values, name, choices[0])
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value!r}")


def from_mapping(values: Mapping[str, Any], source: str) -> Config:
    """Build a config from parsed values.

    Parameters
    ----------
    values : Mapping
        One entry for each field of `Config`; an integer may stand for a float, and
        `distillation` and `carriers` may be absent or None.
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
    config = _build(Config, values, source, optional=("distillation", "carriers"))
    try:
        return replace(config, distillation=distillation, carriers=carriers)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None


Table = TypeVar("Table", Config, Distillation, Carried)


def _table(kind: type[Table], values: dict[str, Any], name: str, source: str) -> Table | None:
    """Take a table out of the values and build it, where it is there."""
    table = values.pop(name, None)
    if table is None:
        return None
    if not isinstance(table, Mapping):
        raise ValueError(f"{source}: {name} must be a table")
    return _build(kind, table, f"{source}: [{name}]")


def _build(
    kind: type[Table], values: Mapping[str, Any], source: str, optional: Sequence[str] = ()
) -> Table:
    types = get_type_hints(kind)
    names = [field.name for field in fields(kind) if field.name not in optional]
    for key in values:
        if key not in names:
            raise ValueError(f"{source}: unknown key {key!r} (known: {', '.join(names)})")
    checked: dict[str, Any] = {}
    for name in names:
        if name not in values:
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
