"""Takes frames from a source in a thread of its own; the newest frame wins."""

from __future__ import annotations

from collections import deque
from threading import Condition, Event, Thread
from time import monotonic
from typing import Callable, NamedTuple

from rppg_fast.live.snapshot import State
from rppg_fast.results import reason_of
from rppg_fast.sources import Source
from rppg_fast.yuv import AnyFrame

#: Frames that may wait to be measured. A camera that is faster than the measurement loses frames,
#: not time: the delay is never longer than so many frames.
_WAITING_FRAMES = 8
#: Time after which a camera that has gone away is opened again, s.
_OPEN_AGAIN = 1.0


class CapturedFrame(NamedTuple):
    """A frame on its way to the measurement.

    Attributes
    ----------
    frame
        The pixels.
    time_s
        Its time on the session's clock, s.
    captured_s
        ``monotonic()`` when it arrived, s.
    reading
        Which reading of the source it comes from: 1 for the first one.
    """

    frame: AnyFrame
    time_s: float
    captured_s: float
    reading: int = 1


CaptureListener = Callable[[CapturedFrame], None]


class FrameQueue:
    """The newest few frames, from the thread that takes them to the one that measures them.

    Attributes
    ----------
    dropped
        Number of frames that were left out for newer ones.
    listeners
        Called with every frame in the thread that takes them: they must return at once.
    """

    def __init__(self, size: int = _WAITING_FRAMES) -> None:
        self._frames: deque[CapturedFrame] = deque()
        self._size = size
        self._changed = Condition()
        self.dropped = 0
        self.listeners: tuple[CaptureListener, ...] = ()

    def put(self, frame: CapturedFrame) -> None:
        """Add a frame; if there are too many, the oldest is left out."""
        for listener in self.listeners:
            listener(frame)
        with self._changed:
            if len(self._frames) == self._size:
                self._frames.popleft()
                self.dropped += 1
            self._frames.append(frame)
            self._changed.notify()

    def get(self, timeout: float) -> CapturedFrame | None:
        """Return the oldest frame that waits; None if none comes within ``timeout`` s."""
        with self._changed:
            if not self._frames:
                self._changed.wait(timeout)
            return self._frames.popleft() if self._frames else None

    def clear(self) -> None:
        """Leave out all frames that wait."""
        with self._changed:
            self._frames.clear()

    def wake(self) -> None:
        """End the wait of ``get``."""
        with self._changed:
            self._changed.notify_all()


class Capture:
    """The thread that reads a source.

    A live source that ends or fails is opened again every second. A file is played in its own time,
    once or over and over.

    Parameters
    ----------
    source
        What to read.
    queue
        Where the frames go.
    loop
        Whether a file is played again at its end.
    changed
        Called, in this thread, when ``state`` or ``reason`` has changed.

    Attributes
    ----------
    state
        STARTING, RUNNING, WAITING or ENDED.
    reason
        Why the source gives no frames, if it is known.
    """

    def __init__(
        self, source: Source, queue: FrameQueue, loop: bool, changed: Callable[[], None]
    ) -> None:
        self._source, self._queue, self._loop = source, queue, loop
        self._changed = changed
        self._stop = Event()
        self._paused = Event()
        self._wake = Event()
        self._again = Event()
        self._again.set()
        self._begun = monotonic()
        self._readings = 0
        self.state: State = State.STARTING
        self.reason: str | None = None
        self._thread = Thread(target=self._run, name="rppg-capture", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._begun = monotonic()
        self._thread.start()

    def close(self) -> None:
        """End the reading; waits for a camera that answers, but not for one that hangs."""
        self._stop.set()
        self._wake.set()
        self._again.set()
        self._source.close()
        self._thread.join(2.0)

    def pause(self, paused: bool) -> None:
        """Hold a file where it is, and leave out the frames of a camera; or go on."""
        (self._paused.set if paused else self._paused.clear)()
        self._wake.set()

    def play_again(self) -> None:
        """Play a file that has ended once more."""
        self._again.set()

    @property
    def clock(self) -> float:
        """Now, on the session's clock, s."""
        return monotonic() - self._begun

    def _run(self) -> None:
        while not self._stop.is_set():
            self._again.wait()
            self._again.clear()
            reason = None
            try:
                self._read()
                reason = "; ".join(self._source.warnings) or None
            except Exception as error:  # a camera's library may raise anything: it is shown
                reason = reason_of(error)
            if self._stop.is_set():
                return
            if self._source.live:
                self._set(State.WAITING, reason)
                self._stop.wait(_OPEN_AGAIN)
                self._again.set()
            elif self._loop and reason is None:
                self._again.set()
            else:
                self._again.clear()
                self._set(State.ENDED, reason)

    def _read(self) -> None:
        """Read the source to its end."""
        live = self._source.live
        offset: float | None = None
        self._readings += 1
        for frame, time in self._source:
            arrived = monotonic()
            if self._paused.is_set():
                offset = None
                if live:
                    continue
                self._hold()
                arrived = monotonic()
            if self._stop.is_set():
                return
            if offset is None:  # the clock goes on through pauses and openings
                offset = arrived - self._begun - time
            if not live:
                self._wait_until(self._begun + offset + time)
                arrived = monotonic()
            self._queue.put(CapturedFrame(frame, offset + time, arrived, self._readings))
            if self.state is not State.RUNNING:
                self._set(State.RUNNING, None)

    def _hold(self) -> None:
        while self._paused.is_set() and not self._stop.is_set():
            self._wake.wait(0.5)
            self._wake.clear()

    def _wait_until(self, due: float) -> None:
        delay = due - monotonic()
        if delay > 0:
            self._stop.wait(delay)

    def _set(self, state: State, reason: str | None) -> None:
        if (state, reason) != (self.state, self.reason):
            self.state, self.reason = state, reason
            self._changed()
