"""Error handling of the training commands."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from rppg_fast.many.workers import ProcessEnded

Main = TypeVar("Main", bound=Callable[..., int])


def command(main: Main) -> Main:
    """Make a command print an error in one line and return 2.

    This covers errors that a user can correct: files, values, missing packages, and a worker
    process that was killed. Finished work is kept, and the same command continues from there.
    """

    @wraps(main)
    def run(*arguments: Any, **options: Any) -> int:
        try:
            return main(*arguments, **options)
        except ProcessEnded:
            reason = (
                "a worker process was ended, perhaps for want of memory; give the command again,"
                " with fewer at a time"
            )
        except (OSError, ValueError, ImportError) as error:
            reason = str(error)
        print(f"error: {reason}", file=sys.stderr)
        return 2

    return cast(Main, run)
