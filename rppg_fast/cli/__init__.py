"""The command line, with a module for each command: ``rppg-fast measure``, ``live`` and so on."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from rppg_fast import _core
from rppg_fast.cli.output import BAD_INPUT, NO_HEART_RATE, OK, complain
from rppg_fast.results import naming

__all__ = ["BAD_INPUT", "INTERRUPTED", "NO_HEART_RATE", "OK", "main"]

_PROGRAM = "rppg-fast"
#: The exit code that shells use for a program that Ctrl-C ended.
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: every video gave a heart rate. 2: the input is bad; standard error says which input and why.
    3: a video gave no heart rate; this is a valid answer, and the output says the reason.
    """
    about = argparse.ArgumentParser(prog=_PROGRAM, add_help=False, allow_abbrev=False)
    about.add_argument("--version", action="version", version=f"rppg_fast {_core.__version__}")
    about.parse_known_args(arguments)  # before the commands are loaded, which takes longer
    options = _parser(about).parse_args(arguments)
    try:
        code = int(options.run(options))
        if sys.stdout is not None:
            with naming("standard output"):
                sys.stdout.flush()  # flush now: an error at exit could not be reported
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader has closed the pipe: discard the rest, also at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, TypeError, OSError, ImportError) as error:
        return complain(error)


def _parser(about: argparse.ArgumentParser) -> argparse.ArgumentParser:
    from rppg_fast.cli import demo, evaluate, export, info, live, measure, record

    parser = argparse.ArgumentParser(
        prog=_PROGRAM,
        description="Heart rate from a face video. Not a medical device.",
        parents=[about],
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (measure, evaluate, live, record, export, demo, info):
        command.add_parser(commands)
    return parser
