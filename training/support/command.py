"""What the command lines of training have in common: how they fail."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from functools import wraps
from typing import Any, TypeVar, cast

Main = TypeVar("Main", bound=Callable[..., int])


def command(main: Main) -> Main:
    """Make a command line say in one line what went wrong, and return 2.

    Applies to what a user can mend: files, values, packages that are missing, and a worker that
    somebody else ended. What was finished by then stays, and the same command goes on from there.
    """

    @wraps(main)
    def run(*arguments: Any, **options: Any) -> int:
        try:
            return main(*arguments, **options)
        except BrokenProcessPool:
            reason = (
                "a worker process was ended, perhaps for want of memory; give the command again,"
                " with fewer at a time"
            )
        except (OSError, ValueError, ImportError) as error:
            reason = str(error)
        print(f"error: {reason}", file=sys.stderr)
        return 2

    return cast(Main, run)
