"""Run the work of a training command in several processes, with one thread each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Callable, TypeVar

import cv2

from rppg_fast.many import workers

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(
    task: Callable[[Item], Result], items: Iterable[Item], processes: int
) -> Iterator[tuple[int, Result]]:
    """Run a task on each item; yield (index of the item, result) as they come.

    With one process, the tasks run in this process one after another. In any case, OpenCV uses one
    thread.

    Raises
    ------
    rppg_fast.many.workers.ProcessEnded
        If the process of a task was killed, and a second process, too.
    """
    cv2.setNumThreads(1)
    return workers.in_processes(task, items, processes)
