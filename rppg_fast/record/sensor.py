"""The interface of a pulse sensor, and how one is named."""

from __future__ import annotations

import importlib.util
import inspect
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, TypeVar

from rppg_fast.record.clock import ClockStatistics

_Self = TypeVar("_Self", bound="Sensor")


class Sample(NamedTuple):
    """A sample of a PPG.

    Attributes
    ----------
    time_s
        When it was taken, by ``time.monotonic()`` of this machine, s.
    value
        The PPG in the sensor's unit. It rises with the blood volume.
    """

    time_s: float
    value: float


@dataclass(frozen=True)
class SensorStatistics:
    """What a sensor has delivered since it was opened.

    Attributes
    ----------
    samples
        Number of samples.
    lost_samples
        Number of samples that were taken and did not arrive.
    damaged_lines
        Number of lines with a wrong checksum.
    reconnections
        How often the sensor was away and came back.
    clock
        How well its clock is known; None if its times are the host's.
    """

    samples: int
    lost_samples: int = 0
    damaged_lines: int = 0
    reconnections: int = 0
    clock: ClockStatistics | None = None


class Sensor(ABC):
    """A source of PPG samples with times of the host's clock.

    Attributes
    ----------
    name
        Name in messages and in the metadata.
    full_scale
        Values go from 0 to this one, so that a signal at an end is recognised; None if there are
        no ends.
    """

    name: str
    full_scale: float | None = None

    @abstractmethod
    def open(self) -> None:
        """Begin to measure. A sensor that goes away later comes back by itself.

        Raises
        ------
        OSError, ValueError
            If there is no such sensor.
        """

    @abstractmethod
    def read(self) -> list[Sample]:
        """Return the samples that have come since the last call, in order; do not wait for more."""

    @abstractmethod
    def close(self) -> None:
        """End the measurement."""

    @abstractmethod
    def statistics(self) -> SensorStatistics:
        """Return what it has delivered so far."""

    def __enter__(self: _Self) -> _Self:
        self.open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def make_sensor(name: str, rate: int, channel: str | None) -> Sensor:
    """Return the sensor of a name; it is not opened.

    Parameters
    ----------
    name
        "auto", the board that is found at a serial port; the name of a serial port; or
        ``FILE.py:CLASS``, a class of one's own.
    rate, channel
        Of ``SerialSensor``.

    Raises
    ------
    ValueError
        If the file has no such sensor, or an option has a wrong value.
    OSError
        If the file cannot be read.
    """
    file, colon, class_name = name.rpartition(":")
    if colon and file.endswith(".py"):
        return _own_sensor(Path(file), class_name)
    from rppg_fast.record.serial_sensor import SerialSensor

    return SerialSensor(None if name == "auto" else name, rate=rate, channel=channel)


def _own_sensor(file: Path, class_name: str) -> Sensor:
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = getattr(module, class_name, None)
    if not (inspect.isclass(found) and issubclass(found, Sensor)):
        raise ValueError(f"{file}: has no class {class_name} that is a rppg_fast.record.Sensor")
    return found()
