r"""Train a teacher, or a student that nobody teaches.

    python -m training.train --config training/configs/teacher.toml \
        --data DIR --validation DIR --out DIR [--resume] [--device DEVICE]

`--start WEIGHTS` begins a student with the weights of a file in place of random ones.

OUT receives `checkpoint.pt`, from which `training.distill` learns or `training.export` makes
weights, and `log.csv`. Several processes or machines share a run when `torchrun` starts them:
`torchrun --nproc-per-node 2 -m training.train ...`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.command import command
from training.files import file_sha256
from training.run import add_arguments, execute, open_carriers, read_arguments
from training.unfold import unfold


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_arguments(parser)
    parser.add_argument("--start", type=Path, help="weights file to begin a student with")
    given = parser.parse_args(arguments)
    config, data, validation = read_arguments(given)
    if config.distillation is not None:
        raise ValueError(f"{given.config} has a [distillation]: use training.distill")
    if given.start is not None and config.network != "student":
        raise ValueError("--start is for students: weights files hold nothing else")
    execute(
        config,
        data,
        validation,
        given.out,
        resume=given.resume,
        device=given.device,
        model=None if given.start is None else unfold(given.start, data, config),
        start="" if given.start is None else file_sha256(given.start),
        carriers=open_carriers(given.carriers, config),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
