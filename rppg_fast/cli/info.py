"""``rppg-fast info``: version, build, backends and weights."""

from __future__ import annotations

import argparse
import platform

import numpy as np

from rppg_fast import _core
from rppg_fast.cli.output import OK
from rppg_fast.student import BUNDLED_WEIGHTS, Student


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser("info", help="version, build, backends and weights")
    command.set_defaults(run=run)


def _libraries() -> str:
    import av  # imported here because the import is slow

    numbers = {name: ".".join(map(str, parts)) for name, parts in av.library_versions.items()}
    return f"NumPy {np.__version__}, av {av.__version__} (libavcodec {numbers['libavcodec']})"


def run(options: argparse.Namespace) -> int:
    """Run the command, and return its exit code."""
    student = Student.load()
    for name, value in (
        ("rppg_fast", _core.__version__),
        ("compiler", _core.compiler),
        ("flags", _core.flags),
        ("backends", ", ".join(_core.backends()) + f" (auto: {student.backend})"),
        ("CUDA", "; ".join(filter(None, (_core.cuda_build(), _core.cuda_devices())))),
        ("weights", f"{BUNDLED_WEIGHTS.name} sha256 {student.sha256}"),
        ("trained on", student.metadata.get("training_data", "unknown")),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("libraries", _libraries()),
    ):
        print(f"{name + ':':15}{value}")
    return OK
