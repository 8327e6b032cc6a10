r"""Train a teacher, or a student without a teacher.

    python -m training.train.train --config training/configs/teacher.toml \
        --data DIR --validation DIR --out DIR [--resume] [--device DEVICE]

`--start WEIGHTS` starts a student from the weights of a file instead of random ones.

OUT receives `log.csv` and `checkpoint.pt`; `training.train.distill` uses the checkpoint as a
teacher, `training.models.export` makes weights from it. Several processes or machines share a run
if `torchrun` starts them: `torchrun --nproc-per-node 2 -m training.train.train ...`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from training.support.command import command
from training.support.files import file_sha256
from training.train.import_weights import import_weights
from training.train.trainer import add_arguments, execute, open_carriers, read_arguments


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train.train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_arguments(parser)
    parser.add_argument("--start", type=Path, help="weights file to begin a student with")
    given = parser.parse_args(arguments)
    config, data, validation = read_arguments(given)
    if config.distillation is not None:
        raise ValueError(f"{given.config} has a [distillation]: use training.train.distill")
    if given.start is not None and config.network != "student":
        raise ValueError("--start is for students: weights files hold nothing else")
    execute(
        config,
        data,
        validation,
        given.out,
        resume=given.resume,
        device=given.device,
        model=None if given.start is None else import_weights(given.start, data, config),
        start="" if given.start is None else file_sha256(given.start),
        carriers=open_carriers(given.carriers, config),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
