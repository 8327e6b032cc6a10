"""Named random parameters, each with a law (range) and a random stream of its own.

A group of parameters is a frozen dataclass whose fields are declared by ``between``, ``one_of`` and
``choice``. ``sample`` draws a group. Since every parameter has its own random stream, changing the
law of one parameter, or switching it off, does not change a bit of the others.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, Union

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Between:
    """A number that is uniform between two limits (its logarithm is, if ``log``).

    In a share ``1 - share`` of the scenes it is exactly 0: the effect is off.
    """

    low: float
    high: float
    log: bool = False
    share: float = 1.0

    def __post_init__(self) -> None:
        """Check the limits."""
        if not self.low <= self.high or (self.log and self.low <= 0):
            raise ValueError(f"not a range: {self}")
        if not 0 <= self.share <= 1:
            raise ValueError(f"share must be within 0 and 1: {self}")

    def draw(self, random: np.random.Generator) -> float:
        """Draw a value."""
        on, where = random.random(2)
        if on >= self.share:
            return 0.0
        if self.log:
            return float(self.low * (self.high / self.low) ** where)
        return float(self.low + (self.high - self.low) * where)

    def draw_many(self, random: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Draw several values at once, (count,)."""
        on, where = random.random((2, count))
        if self.log:
            values = self.low * (self.high / self.low) ** where
        else:
            values = self.low + (self.high - self.low) * where
        return np.where(on < self.share, values, 0.0)

    def __str__(self) -> str:
        """Return a short description."""
        law = f"{self.low:g} to {self.high:g}" if self.low < self.high else f"{self.low:g}"
        return law + " (log)" * self.log + f" in {self.share:.0%}" * (self.share < 1)

    def __contains__(self, value: object) -> bool:
        """Return whether the law can give a value."""
        if not isinstance(value, float):
            return False
        slack = 1e-9 * abs(self.high)
        return self.low - slack <= value <= self.high + slack or (value == 0 and self.share < 1)


@dataclass(frozen=True)
class Choice:
    """One of several values, each with a weight."""

    weights: Mapping[str, float]

    def __post_init__(self) -> None:
        """Check the weights."""
        if min(self.weights.values(), default=-1) < 0 or not sum(self.weights.values()) > 0:
            raise ValueError(f"weights must be positive: {dict(self.weights)}")

    def draw(self, random: np.random.Generator) -> str:
        """Draw a value."""
        names = list(self.weights)
        edges = np.cumsum([self.weights[name] for name in names])
        # The first edge above the point, so that a name with weight 0 is never drawn.
        return names[int(np.searchsorted(edges, random.random() * edges[-1], side="right"))]

    def draw_many(self, random: np.random.Generator, count: int) -> NDArray[np.str_]:
        """Draw several values at once, (count,)."""
        return np.array([self.draw(random) for _ in range(count)])

    def __str__(self) -> str:
        """Return a short description."""
        return ", ".join(f"{name}={weight:g}" for name, weight in self.weights.items())

    def __contains__(self, value: object) -> bool:
        """Return whether the law can give a value."""
        return isinstance(value, str) and self.weights.get(value, 0) > 0


@dataclass(frozen=True)
class OneOf:
    """One of several numbers; a number that is listed twice is drawn twice as often."""

    values: tuple[float, ...]

    def draw(self, random: np.random.Generator) -> float:
        """Draw a value."""
        return self.values[int(random.integers(len(self.values)))]

    def draw_many(self, random: np.random.Generator, count: int) -> NDArray[np.float64]:
        """Draw several values at once, (count,)."""
        return np.array(self.values, np.float64)[random.integers(len(self.values), size=count)]

    def __str__(self) -> str:
        """Return a short description."""
        return ", ".join(f"{value:g}" for value in self.values)

    def __contains__(self, value: object) -> bool:
        """Return whether the law can give a value."""
        return value in self.values


Law = Union[Between, Choice, OneOf]  # evaluated at run time: Python 3.9 has no | for types
OFF = Between(0.0, 0.0)

Group = TypeVar("Group")


def between(doc: str, low: float, high: float, log: bool = False, share: float = 1.0) -> Any:
    """Declare a dataclass field that is a number; see ``Between``."""
    return field(metadata={"law": Between(low, high, log, share), "doc": doc})


def choice(doc: str, **weights: float) -> Any:
    """Declare a dataclass field that is one of several names; see ``Choice``."""
    return field(metadata={"law": Choice(weights), "doc": doc})


def one_of(doc: str, *values: float) -> Any:
    """Declare a dataclass field that is one of several numbers; see ``OneOf``."""
    return field(metadata={"law": OneOf(values), "doc": doc})


def stream(seed: int, index: int, name: str) -> np.random.Generator:
    """Return the random stream of a name in a scene."""
    return np.random.default_rng((seed, index, zlib.crc32(name.encode())))


def laws(group: type[Any], prefix: str) -> dict[str, Law]:
    """Return the default laws of a group's parameters, by full name."""
    return {f"{prefix}.{f.name}": f.metadata["law"] for f in fields(group)}


def sample(
    group: type[Group], prefix: str, ranges: Mapping[str, Law], seed: int, index: int
) -> Group:
    """Draw all parameters of a group; laws in ``ranges`` replace default laws."""
    drawn = {
        name.rpartition(".")[2]: ranges.get(name, law).draw(stream(seed, index, name))
        for name, law in laws(group, prefix).items()
    }
    return group(**drawn)


def sample_many(
    group: type[Any], prefix: str, ranges: Mapping[str, Law], seed: int, index: int, count: int
) -> dict[str, NDArray[Any]]:
    """Draw all parameters of a group ``count`` times: an array (count,) for each field."""
    return {
        name.rpartition(".")[2]: ranges.get(name, law).draw_many(stream(seed, index, name), count)
        for name, law in laws(group, prefix).items()
    }


def parse_law(default: Law, text: str) -> Law:
    """Read a law from the command line; its type is that of the default law.

    ``0.5`` fixes a number, ``0.1,0.9`` gives limits, ``0.1,0.9,0.25`` also gives a share. If the
    default is a list of numbers, ``15,30,60`` lists them. ``none=1,h264=2`` gives weights of names,
    ``h264`` fixes a name.

    Raises
    ------
    ValueError
        If the text has none of these forms, or names an unknown choice.
    """
    parts = text.split(",")
    if isinstance(default, OneOf):
        return OneOf(tuple(float(part) for part in parts))
    if isinstance(default, Between):
        numbers = [float(part) for part in parts]
        if len(numbers) > 3:
            raise ValueError(f"expected VALUE, LOW,HIGH or LOW,HIGH,SHARE, got {text!r}")
        low, high = numbers[0], numbers[min(1, len(numbers) - 1)]
        return Between(low, high, default.log and low > 0, *numbers[2:])
    pairs = [part.partition("=") for part in parts]
    weights = {name: float(weight or 1) for name, _, weight in pairs}
    unknown = set(weights) - set(default.weights)
    if unknown:
        raise ValueError(f"{sorted(unknown)} not among {sorted(default.weights)}")
    return Choice(weights)
