"""A live session: frames from a source, measured as they come, for any number of readers."""

from __future__ import annotations

from collections import deque
from queue import Empty, SimpleQueue
from threading import Condition, Event, Thread
from time import monotonic, perf_counter, time
from typing import Callable

from rppg_fast._core import TimeError
from rppg_fast.faces import FacesMonitor
from rppg_fast.live.advice import Advice
from rppg_fast.live.capture import Capture, CapturedFrame, CaptureListener, FrameQueue
from rppg_fast.live.face_state import FaceStates
from rppg_fast.live.history import History, PulsePiece, Row
from rppg_fast.live.snapshot import LiveFrame, Snapshot, State
from rppg_fast.monitor import DEFAULT_METHOD, METHODS
from rppg_fast.sources import Openable, open_source

#: Faces that are measured at once.
MOST_FACES = 4
#: A live source that gives no frame for so long is said to give none, s.
_SILENCE = 2.0
#: Time over which the frame rate is counted, s.
_RATE_OVER = 2.0
#: Share of the newest frame in the mean time of a measurement.
_NEWEST = 0.05
#: One reading in this time is kept, s.
_ROW_EVERY = 1.0

_ADVICE = {
    State.STARTING: Advice.STARTING,
    State.PAUSED: Advice.PAUSED,
    State.WAITING: Advice.NO_CAMERA,
    State.ENDED: Advice.ENDED,
    State.FAILED: Advice.FAILED,
    State.RUNNING: Advice.NO_FACE,
}

FrameListener = Callable[[LiveFrame], None]
SnapshotListener = Callable[[Snapshot], None]


class LiveSession:
    """Takes frames from a source, measures them, and tells everyone who listens.

    One thread reads the source, another one measures. Both never wait for a reader: ``snapshot`` is
    always the newest state, and a frame that cannot be measured in time is left out for a newer
    one. Memory is bounded: see ``history``.

    Parameters
    ----------
    source
        What ``open_source`` takes. Files are played in their own time.
    method
        One of ``rppg_fast.monitor.METHODS``.
    most
        The largest number of faces that are measured at once.
    loop
        Whether a file is played over and over. Each time is a new measurement.

    Attributes
    ----------
    source
        The open ``Source``.
    history
        The pulse of each face (10 min), and a reading a second (4 h).
    note
        A line of text that the page shows below its advice, such as the countdown of a recording.

    Raises
    ------
    ValueError, TypeError, OSError
        If an argument has a wrong value, or the source cannot be opened. A camera that does not
        answer is no error: the session's state is then ``State.WAITING``.
    """

    def __init__(
        self,
        source: Openable,
        *,
        method: str = DEFAULT_METHOD,
        most: int = MOST_FACES,
        loop: bool = False,
    ) -> None:
        self._most = most
        self._monitor = FacesMonitor(method=method, most=most)
        self.source = open_source(source)
        self.history = History()
        self.note = ""
        self._faces = FaceStates(self._monitor, self.history)
        self._queue = FrameQueue()
        self._capture = Capture(self.source, self._queue, loop, self._queue.wake)
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._frame_listeners: tuple[FrameListener, ...] = ()
        self._listeners: tuple[SnapshotListener, ...] = ()
        self._times: deque[float] = deque()
        self._frames = self._refused = self._version = self._run_number = 0
        self._reading = 0
        self._frame_ms = 0.0
        self._paused = False
        self._failure: str | None = None
        self._row_due = 0.0
        self._last_arrival = 0.0
        self._began_unix = time()
        self._newest: LiveFrame | None = None
        self._snapshot = self._look()
        self._published = Condition()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="rppg-measure", daemon=True)

    def start(self) -> None:
        """Begin to read and to measure."""
        self._began_unix = time()
        self._capture.start()
        self._thread.start()

    def close(self) -> None:
        """End the session; ``snapshot`` and ``history`` stay as they are."""
        self._stop.set()
        self._queue.wake()
        if self._thread.ident is not None:
            self._thread.join()
            self._capture.close()
        with self._published:
            self._published.notify_all()

    def __enter__(self) -> LiveSession:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    # --- What others read ---------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot:
        """The newest state."""
        return self._snapshot

    @property
    def newest(self) -> LiveFrame | None:
        """The frame that was measured last."""
        return self._newest

    @property
    def clock(self) -> float:
        """Now, on the session's clock, s."""
        return self._capture.clock

    def pulse_since(
        self, face: int, index: int, most: int = 300, end: int | None = None
    ) -> PulsePiece:
        """Return the newest samples of a face's live waveform from an index on, at most ``most``.

        Indices begin with 0 for each face; the next one is ``first`` plus the number of samples.
        With ``end``, only samples before that index: with ``FaceSnapshot.samples``, those that
        belong to that snapshot.
        """
        return self.history.pulse_since(face, index, most, end)

    def wait(self, version: int, timeout: float) -> Snapshot:
        """Return the newest snapshot once it is newer than ``version``, or after ``timeout`` s."""
        with self._published:
            self._published.wait_for(
                lambda: self._snapshot.version > version or self._stop.is_set(), timeout
            )
        return self._snapshot

    def add_listener(self, listener: SnapshotListener) -> Callable[[], None]:
        """Call a function with every new snapshot, in the measuring thread: it must return at once.

        A listener that is added before ``start`` misses nothing.

        Returns
        -------
        callable
            Ends it.
        """
        self._listeners += (listener,)
        return lambda: self._remove_listener(listener)

    def add_frame_listener(self, listener: FrameListener) -> Callable[[], None]:
        """Call a function with every measured frame, its time and its readings.

        It is called in the measuring thread, in the order of the frames, and holds up the
        measurement until it returns: give the frame to a thread of your own if more than a
        millisecond of work is to be done. While the session is paused it is not called. If it
        raises, the session stops with the state FAILED and the error as the reason. A listener that
        is added before ``start`` misses no frame.

        Returns
        -------
        callable
            Ends it.
        """
        self._frame_listeners += (listener,)
        return lambda: self._remove_frame_listener(listener)

    def add_capture_listener(self, listener: CaptureListener) -> Callable[[], None]:
        """Call a function with every frame that the source gives, measured or not.

        It is called in the thread that reads the source, and must return at once and never raise.

        Returns
        -------
        callable
            Ends it.
        """
        queue = self._queue
        queue.listeners += (listener,)

        def remove() -> None:
            queue.listeners = tuple(one for one in queue.listeners if one is not listener)

        return remove

    def _remove_listener(self, listener: SnapshotListener) -> None:
        self._listeners = tuple(one for one in self._listeners if one is not listener)

    def _remove_frame_listener(self, listener: FrameListener) -> None:
        self._frame_listeners = tuple(one for one in self._frame_listeners if one is not listener)

    # --- What others ask for ------------------------------------------------------------------

    def pause(self) -> None:
        """Measure no further frames; a file stops where it is."""
        self._commands.put(lambda: self._set_paused(True))
        self._queue.wake()

    def resume(self) -> None:
        """Go on after a pause; after more than ``max_gap`` the windows start again."""
        self._commands.put(lambda: self._set_paused(False))
        self._queue.wake()

    def restart(self) -> None:
        """Forget everything and measure anew; a file that has ended is played again."""
        self._commands.put(self._begin_again)
        self._queue.wake()

    def set_method(self, method: str) -> None:
        """Measure by another method; every window starts again.

        Raises
        ------
        ValueError
            If there is no such method.
        """
        if method not in METHODS:
            raise ValueError(f"method must be one of {list(METHODS)}, got {method!r}")
        self._commands.put(lambda: self._change_method(method))
        self._queue.wake()

    def _set_paused(self, paused: bool) -> None:
        self._paused = paused
        self._capture.pause(paused)
        if paused:
            self._queue.clear()

    def _begin_again(self) -> None:
        self.history.clear()
        self._new_run()
        self._set_paused(False)
        self._capture.play_again()

    def _change_method(self, method: str) -> None:
        if method != self._monitor.method:
            self._monitor = FacesMonitor(method=method, most=self._most)
            self._new_run()

    def _new_run(self) -> None:
        self._monitor.reset()
        self.history.clear_pulses()
        self._faces = FaceStates(self._monitor, self.history)
        self._run_number += 1

    # --- The measuring thread -----------------------------------------------------------------

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._obey()
                captured = self._queue.get(0.25)
                if captured is not None and not self._paused:
                    self._measure(captured)
                self._publish()
        except Exception as error:
            self._failure = f"{type(error).__name__}: {error}"
            self._publish()
            self._capture.close()

    def _obey(self) -> None:
        while True:
            try:
                command = self._commands.get_nowait()
            except Empty:
                return
            command()

    def _measure(self, captured: CapturedFrame) -> None:
        frame, time_s, captured_s, reading = captured
        if reading != self._reading and not self.source.live:
            if self._frames:  # the file is played again: its pulse does not go on
                self._new_run()
            self._reading = reading
        began = perf_counter()
        try:
            readings = self._monitor.push(frame, time_s)
        except TimeError:
            self._refused += 1
            return
        self._last_arrival = captured_s
        self._faces.update(frame, time_s, readings)
        taken = 1e3 * (perf_counter() - began)
        self._frame_ms += (_NEWEST if self._frames else 1.0) * (taken - self._frame_ms)
        self._times.append(time_s)
        while self._times[-1] - self._times[0] > _RATE_OVER:
            self._times.popleft()
        boxes = {face.number: face.box for face in self._faces.faces if face.box is not None}
        self._newest = LiveFrame(frame, time_s, captured_s, self._frames, readings, boxes)
        self._frames += 1
        for listener in self._frame_listeners:
            listener(self._newest)
        if time_s >= self._row_due:
            self._row_due = time_s + _ROW_EVERY
            self._keep_rows(time_s)

    def _keep_rows(self, time_s: float) -> None:
        begin = (self._began_unix + time_s, time_s, self._run_number, self._monitor.method)
        for face in self._faces.faces:
            self.history.add_row(Row(*begin, face.number, face.reading, face.box, face.advice))
        if not self._faces.faces:
            advice = self._faces.advice_without_face
            self.history.add_row(Row(*begin, None, None, None, advice))

    def _publish(self) -> None:
        self._version += 1
        with self._published:
            self._snapshot = self._look()
            self._published.notify_all()
        for listener in self._listeners:
            listener(self._snapshot)

    def _state(self) -> tuple[State, str | None]:
        if self._failure is not None:
            return State.FAILED, self._failure
        if self._paused:
            return State.PAUSED, None
        capture = self._capture
        silent = monotonic() - self._last_arrival > _SILENCE
        if capture.state is State.RUNNING and self.source.live and self._frames and silent:
            return State.WAITING, f"{self.source.name}: no frame for {_SILENCE:g} s"
        return capture.state, capture.reason

    def _look(self) -> Snapshot:
        state, reason = self._state()
        newest = self._newest
        height, width = (0, 0) if newest is None else newest.frame.shape[:2]
        times = self._times
        span = times[-1] - times[0] if len(times) > 1 else 0.0
        faces = self._faces.faces if state is not State.WAITING else ()
        advice = _ADVICE[state]
        if state is State.RUNNING:
            advice = faces[0].advice if faces else self._faces.advice_without_face
        time_s = 0.0 if newest is None else newest.time_s
        return Snapshot(
            version=self._version,
            state=state,
            reason=reason,
            time_s=time_s,
            unix_s=self._began_unix + time_s,
            width=width,
            height=height,
            source=self.source.name,
            method=self._monitor.method,
            frames=self._frames,
            dropped=self._queue.dropped + self._refused,
            fps=(len(times) - 1) / span if span > 0 and state is State.RUNNING else 0.0,
            frame_ms=self._frame_ms,
            advice=advice,
            faces=faces,
            run=self._run_number,
        )
