"""Run tasks on a Dask cluster."""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from contextlib import suppress
from importlib.util import find_spec
from time import monotonic
from typing import TYPE_CHECKING, Any, Callable, Union

from rppg_fast.many.workers import Item, ProcessEnded, Result, Workers

if TYPE_CHECKING:
    from distributed import Client

#: A client of a cluster, or the address of its scheduler.
ClientLike = Union["Client", str]

#: Tasks that are sent to the cluster for each thread there, so that none waits for the next.
_AHEAD = 2
#: How long a number of threads is taken for right, s.
_KNOWN_FOR = 2.0


def check_dask() -> None:
    """Raise an ImportError if Dask's scheduler is not installed."""
    if find_spec("distributed") is None:
        raise ImportError('a cluster needs Dask: pip install "rppg_fast[dask]"')


class ClusterWorkers(Workers):
    """Threads of a Dask cluster, usually one in each process.

    If a process is killed, the scheduler gives its tasks to others. It gives up a task when more of
    its processes have ended than the setting ``allowed-failures``, 3, allows. Such a task may only
    have waited behind the one that ended them, so it is sent once more.

    Raises
    ------
    OSError
        If no scheduler answers at the address.
    """

    tries = 2
    elsewhere = True

    def __init__(self, client: ClientLike) -> None:
        from distributed import Client

        self._owned = isinstance(client, str)
        self._client = Client(client, set_as_default=False) if isinstance(client, str) else client
        self._sent: dict[Future[Any], Any] = {}
        self._room, self._until = 1, 0.0

    def room(self) -> int:
        """Return twice the number of threads that the cluster has now."""
        if monotonic() >= self._until:
            self._room = max(1, _AHEAD * sum(self._client.nthreads().values()))
            self._until = monotonic() + _KNOWN_FOR
        return self._room

    def submit(self, task: Callable[[Item], Result], item: Item) -> Future[Result]:
        """Send a task to the cluster."""
        sent = self._client.submit(task, item, pure=False)
        done: Future[Any] = Future()
        self._sent[done] = sent
        # Dask's own executor with futures of this kind waits for ever if a result gets lost.
        sent.add_done_callback(lambda _: done.set_result(None))
        return done

    def result(self, future: Future[Result]) -> Result:
        """Return the result of a finished task or raise its error.

        Raises
        ------
        ConnectionError
            If the scheduler has gone, or has forgotten the task.
        """
        from distributed import KilledWorker

        try:
            result: Result = self._sent.pop(future).result()
            return result
        except KilledWorker as error:
            raise ProcessEnded(str(error)) from error
        except CancelledError as error:
            raise ConnectionError(
                "the connection to the Dask scheduler is lost: start it, and give the same command"
                " again"
            ) from error

    def close(self) -> None:
        """Cancel the tasks that are under way."""
        sent, self._sent = list(self._sent.values()), {}
        if sent:
            with suppress(OSError):  # the scheduler may be gone
                self._client.cancel(sent)
        if self._owned:
            self._client.close()
