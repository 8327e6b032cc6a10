"""An Arduino Uno with the sketch of ``recorder/arduino``, compiled by avr-gcc and run in simavr."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKETCH = ROOT / "recorder" / "arduino" / "ppg_sensor"
SIMULATION = ROOT / "tests" / "native" / "simulate_arduino.c"
_CORES = (Path("/usr/share/arduino/hardware/arduino/avr"),)
_FLAGS = (
    *("-mmcu=atmega328p", "-DF_CPU=16000000UL", "-DARDUINO=10819", "-DARDUINO_ARCH_AVR"),
    *("-DDECIMAL_DIG=__DECIMAL_DIG__", "-Os", "-ffunction-sections", "-fdata-sections"),
)


def skip_without_tools() -> None:
    """Skip the test where a compiler, the Arduino core or simavr is missing."""
    for program in ("avr-gcc", "avr-g++", "cc"):
        if shutil.which(program) is None:
            pytest.skip(f"there is no {program} here (Debian: gcc-avr avr-libc)")
    if not _core().is_dir():
        pytest.skip("there is no Arduino core here (Debian: arduino-core-avr)")
    if not Path("/usr/include/simavr").is_dir():
        pytest.skip("there is no simavr here (Debian: libsimavr-dev libelf-dev)")


def _core() -> Path:
    return next((core for core in _CORES if core.is_dir()), _CORES[0])


def build(folder: Path) -> tuple[Path, Path]:
    """Compile the sketch and the simulation; return the firmware and the program."""
    core = _core()
    wire = core / "libraries" / "Wire" / "src"
    places = (core / "cores" / "arduino", core / "variants" / "standard", wire, wire / "utility")
    include = [f"-I{place}" for place in places]
    ours = (*_FLAGS, "-Wall", "-Wextra", "-Werror", "-std=gnu++11", *include)
    sketch = folder / "sketch.o"
    _run("avr-g++", *ours, "-x", "c++", "-include", "Arduino.h", "-c", SKETCH / "ppg_sensor.ino",
         "-o", sketch)  # fmt: skip
    objects = [sketch]
    for source in (file for place in places for file in sorted(place.glob("*.c*"))):
        compiler = ("avr-gcc",) if source.suffix == ".c" else ("avr-g++", "-std=gnu++11")
        objects.append(folder / f"{source.name}.o")
        _run(*compiler, *_FLAGS, "-w", *include, "-c", source, "-o", objects[-1])
    firmware, program = folder / "sketch.elf", folder / "simulate_arduino"
    _run("avr-gcc", "-mmcu=atmega328p", "-Os", "-Wl,--gc-sections", *objects, "-lm", "-o", firmware)
    _run("cc", "-O2", "-Wall", "-Wextra", "-Werror", "-I/usr/include/simavr", SIMULATION,
         "-lsimavr", "-lelf", "-lm", "-o", program)  # fmt: skip
    return firmware, program


def _run(*command: object) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


class Arduino:
    """A simulated board at the port ``port``; ``epoch`` is the time at which its pulse begins."""

    def __init__(
        self,
        built: tuple[Path, Path],
        port: Path,
        *,
        bpm: float = 72.0,
        epoch: float = 0.0,
        ppm: float = 0.0,
        lose_every: int = 0,
        sensors: Iterable[str] = (),
    ) -> None:
        firmware, program = built
        numbers = map(str, (bpm, epoch, ppm, lose_every))
        self.port = port
        self._process = subprocess.Popen(
            [program, firmware, port, *numbers, *sensors],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # It must keep up with the time while other programs take the processor.
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, -10)
        self._wait_for(True)

    def pull_out(self) -> None:
        """Pull the plug."""
        self._process.send_signal(signal.SIGUSR1)
        self._wait_for(False)

    def plug_in(self) -> None:
        """Plug it in again; the sketch starts anew."""
        self._process.send_signal(signal.SIGUSR2)
        self._wait_for(True)

    def __enter__(self) -> Arduino:
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait()

    def _wait_for(self, there: bool) -> None:
        end = time.monotonic() + 10
        while self.port.is_symlink() is not there:
            assert self._process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
