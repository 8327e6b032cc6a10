"""``rppg-fast export``: the networks as files for other runtimes."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

from rppg_fast.cli.output import OK, say
from rppg_fast.onnx_export import as_onnx
from rppg_fast.results import naming
from rppg_fast.student import BUNDLED_WEIGHTS, Student
from rppg_fast.teacher import BUNDLED_TEACHER, Teacher

_NETWORKS = ("student", "teacher")


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "export",
        help="write a network as an ONNX file for other runtimes",
        description="Write a network as an ONNX file for other runtimes.",
    )
    command.add_argument("--onnx", required=True, metavar="FILE", help="the file to write")
    command.add_argument(
        "--network", choices=_NETWORKS, default=_NETWORKS[0], help=f"default: {_NETWORKS[0]}"
    )
    command.add_argument("--weights", metavar="FILE", help="other weights for the network")
    command.add_argument(
        "--batch",
        action="store_true",
        help="take any number of frame steps at once, not one",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command, and return its exit code."""
    if any(importlib.util.find_spec(name) is None for name in ("onnx", "safetensors")):
        raise ValueError('--onnx needs onnx and safetensors: pip install "rppg_fast[onnx]"')
    network: Student | Teacher
    if options.network == "teacher":
        network = Teacher.load(options.weights or BUNDLED_TEACHER)
    else:
        network = Student.load(options.weights or BUNDLED_WEIGHTS)
    content = as_onnx(network, options.batch)
    with naming(options.onnx):
        Path(options.onnx).write_bytes(content)
    inputs = "motion and appearance" if options.network == "teacher" else "motion"
    steps = "any number of steps" if options.batch else "1 step"
    say(f"{options.onnx}: {options.network}, {len(content) / 1e3:.0f} kB, {inputs} of {steps}")
    return OK
