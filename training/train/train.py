r"""Train a teacher, or a student without a teacher.

    python -m training.train.train --config training/configs/teacher.toml \
        --data DIR --validation DIR --out DIR [--resume] [--device DEVICE]

`--start FILE` starts from a student's weights file, or from a checkpoint of the same network,
instead of random weights.

OUT receives `log.csv` and `checkpoint.pt`; `training.train.distill` uses the checkpoint as a
teacher, `training.models.export` makes weights from it. Several processes or machines share a run
if `torchrun` starts them: `torchrun --nproc-per-node 2 -m training.train.train ...`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from training.support.command import command
from training.train.trainer import add_arguments, execute, read_arguments


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.train.train", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_arguments(parser)
    given = parser.parse_args(arguments)
    config, data, validation, start, carriers = read_arguments(given)
    if config.distillation is not None:
        raise ValueError(f"{given.config} has a [distillation]: use training.train.distill")
    execute(
        config,
        data,
        validation,
        given.out,
        resume=given.resume,
        device=given.device,
        start=start,
        carriers=carriers,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
