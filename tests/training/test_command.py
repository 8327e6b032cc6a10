"""Errors of the training commands are one line."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool

import pytest

pytest.importorskip("torch")
from training.support.command import command
from training.support.processes import in_processes


def _die(item: int) -> None:
    os.kill(os.getpid(), signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)


def test_a_worker_that_is_killed(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def main() -> int:
        return len(list(in_processes(_die, range(2), 2)))

    assert main() == 2
    error = capsys.readouterr().err
    assert error.startswith("error: a worker process was ended")
    assert error.count("\n") == 1


class _Unreadable:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return int, ("no number",)

    def __call__(self, item: int) -> int:
        return item


def test_a_task_that_a_worker_cannot_read_is_our_own_mistake() -> None:
    @command
    def main() -> int:
        return len(list(in_processes(_Unreadable(), range(2), 2)))

    with pytest.raises(BrokenProcessPool) as found:
        main()
    assert "no number" in str(found.value.__cause__)


@pytest.mark.parametrize(
    "error", [ValueError("5 is odd"), FileNotFoundError("x"), ImportError("y")]
)
def test_what_a_user_can_mend(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def main(number: int) -> int:
        if number:
            raise error
        return number

    assert main(0) == 0
    assert main(number=1) == 2
    assert capsys.readouterr().err == f"error: {error}\n"


def test_what_is_our_own_mistake_keeps_its_traceback() -> None:
    @command
    def main() -> int:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        main()
