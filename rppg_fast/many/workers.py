"""Run tasks in several processes and yield each result as it comes."""

from __future__ import annotations

import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from importlib.util import find_spec
from time import sleep
from typing import Any, Callable, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Longest time between two calls of ``waiting``, s.
TICK = 0.5
#: Time between two looks of a process for the one that started it, s.
_PARENT_CHECK = 1.0
#: Variables that set the number of threads of numerical libraries in a new process.
THREAD_VARIABLES = (
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
    "VECLIB_MAXIMUM_THREADS",
)


class ProcessEnded(BrokenProcessPool):
    """A process has ended before its task was done, each time that the task was tried."""


class Workers(ABC):
    """Processes that run one task each at a time.

    Attributes
    ----------
    tries
        How often a task is started if the process that runs it ends.
    elsewhere
        Whether they may have other current folders, as on other machines.
    """

    tries = 1
    elsewhere = False

    @abstractmethod
    def room(self) -> int:
        """Return how many tasks may be under way at once."""

    @abstractmethod
    def submit(self, task: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Start a task; there is room for it."""

    @abstractmethod
    def result(self, future: Future[Result]) -> Result:
        """Return the result of a finished task or raise its error.

        Raises
        ------
        ProcessEnded
            If the process has ended before the task was done.
        """

    @abstractmethod
    def close(self) -> None:
        """End what is under way."""


class LocalWorkers(Workers):
    """Processes of this machine.

    Each is a joblib (loky) executor of one process. If a process is killed, only its executor
    breaks and only its task is lost.

    Parameters
    ----------
    count
        Number of processes.
    threads
        Number of threads that numerical libraries use in each process.
    """

    tries = 2

    def __init__(self, count: int, threads: int = 1) -> None:
        self._count = count
        self._environment = {name: str(threads) for name in THREAD_VARIABLES}
        self._idle: list[Any] = []
        self._busy: dict[Future[Any], Any] = {}

    def room(self) -> int:
        """Return the number of processes."""
        return self._count

    def submit(self, task: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Start a task in an idle process, or in a new one."""
        while True:
            executor = self._idle.pop() if self._idle else self._new()
            try:
                future: Future[Result] = executor.submit(task, item)
            except BrokenProcessPool:  # it was killed while it was idle
                executor.shutdown(wait=False, kill_workers=True)
                continue
            self._busy[future] = executor
            return future

    def _new(self) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        parent = (os.getpid(),)
        return ProcessPoolExecutor(1, initializer=_begin, initargs=parent, env=self._environment)

    def result(self, future: Future[Result]) -> Result:
        """Return the result of a finished task or raise its error."""
        executor = self._busy.pop(future)
        try:
            result = future.result()
        except BrokenProcessPool as error:
            from joblib.externals.loky.process_executor import TerminatedWorkerError

            executor.shutdown(wait=False, kill_workers=True)
            if isinstance(error, TerminatedWorkerError):
                raise ProcessEnded(str(error)) from error
            raise  # the task did not reach the process; the error's cause says why
        except BaseException:
            self._idle.append(executor)
            raise
        self._idle.append(executor)
        return result

    def close(self) -> None:
        """End all processes."""
        for executor in self._busy.values():
            executor.shutdown(wait=True, kill_workers=True)
        for executor in self._idle:
            executor.shutdown(wait=True)
        self._idle, self._busy = [], {}


def _begin(parent: int) -> None:
    """Prepare a process: it ends when the one that started it does, and leaves Ctrl-C to that."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        sleep(_PARENT_CHECK)
    os._exit(1)


def run_tasks(
    workers: Workers,
    task: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    lost: Callable[[Item], Result] | None = None,
    waiting: Callable[[], None] | None = None,
) -> Iterator[tuple[int, Result]]:
    """Run a task on each item; yield (index of the item, result) as they come.

    Items are taken and results are held only as many as there is room for.

    Parameters
    ----------
    workers
        Where the tasks run. They are closed at the end, also after an error.
    task
        A function of one item; it must be possible to pickle it.
    items
        What the task is run on.
    lost
        Gives the result of an item whose task ended its process at each try. None: an error.
    waiting
        Called at least every ``TICK`` seconds while tasks are under way.

    Raises
    ------
    ProcessEnded
        If a task ended its process at each try and ``lost`` is None.
    """
    left = enumerate(items)
    again: list[tuple[int, Item, int]] = []
    under_way: dict[Future[Result], tuple[int, Item, int]] = {}

    def start() -> None:
        while len(under_way) < workers.room():
            if again:
                index, item, tried = again.pop()
            else:
                following = next(left, None)
                if following is None:
                    return
                index, item, tried = *following, 0
            under_way[workers.submit(task, item)] = index, item, tried + 1

    def finish(future: Future[Result]) -> Iterator[tuple[int, Result]]:
        index, item, tried = under_way.pop(future)
        try:
            yield index, workers.result(future)
        except ProcessEnded:
            if tried < workers.tries:
                again.append((index, item, tried))
            elif lost is None:
                raise
            else:
                yield index, lost(item)

    try:
        start()
        while under_way:
            found: list[tuple[int, Result]] = []
            errors: list[Exception] = []
            for future in wait(under_way, TICK, FIRST_COMPLETED).done:
                try:
                    found += finish(future)
                except Exception as error:  # does not lose the results of other tasks
                    errors.append(error)
            if not errors:
                start()  # before the results are used, so that no process waits for that
            yield from found
            if errors:
                raise errors[0]
            if waiting is not None:
                waiting()
    finally:
        workers.close()


def in_processes(
    task: Callable[[Item], Result],
    items: Iterable[Item],
    processes: int,
    *,
    threads: int = 1,
    lost: Callable[[Item], Result] | None = None,
    waiting: Callable[[], None] | None = None,
) -> Iterator[tuple[int, Result]]:
    """Run a task on each item in processes of this machine; see ``run_tasks``.

    A task whose process is killed is run once more, in a new process. With one process, the tasks
    run in the calling process one after another.

    Parameters
    ----------
    task, items, lost, waiting
        As for ``run_tasks``.
    processes
        Number of processes; -1 for one on each processor core.
    threads
        Number of threads of each.

    Raises
    ------
    ValueError
        If ``processes`` is neither positive nor -1.
    ImportError
        If there are several processes and joblib is not installed.
    ProcessEnded
        If a task ended its process twice and ``lost`` is None.
    """
    count = process_count(processes)
    if count == 1:
        return enumerate(map(task, items))
    return run_tasks(LocalWorkers(count, threads), task, items, lost=lost, waiting=waiting)


def process_count(processes: int) -> int:
    """Return the number of processes that "-1" or a positive number means.

    Raises
    ------
    ValueError
        If it is neither positive nor -1.
    ImportError
        If it means several processes and joblib is not installed.
    """
    if processes == 0 or processes < -1:
        raise ValueError(f"jobs must be at least 1, or -1 for all processor cores, got {processes}")
    if processes == 1:
        return 1
    if find_spec("joblib") is None:
        raise ImportError('jobs above 1 need joblib: pip install "rppg_fast[many]"')
    import joblib

    return int(joblib.effective_n_jobs(processes))
