"""A camera and a sensor together: the thread that takes both and writes them."""

from __future__ import annotations

import enum
import math
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from queue import Empty, Full, Queue
from threading import Event, Thread
from time import monotonic
from typing import Any

from rppg_fast.live import LiveSession, State
from rppg_fast.live.capture import CapturedFrame
from rppg_fast.record.clock import FrameClock
from rppg_fast.record.finger import FingerCheck, FingerReading, FingerState
from rppg_fast.record.recording import Recording
from rppg_fast.record.sensor import Sample, Sensor
from rppg_fast.results import reason_of
from rppg_fast.yuv import AnyFrame

LONGEST_SILENCE = 2.0
"""A recording ends when camera or sensor have given nothing for so long, s: training refuses a
trace with a longer gap, and what was recorded before can be used."""

MARGIN = 0.5
"""The PPG begins before the first frame and ends after the last one by so much, s."""

#: Frames that may wait to be written: 2 s at 30 frames per second, while the disk is busy.
_WAITING_FRAMES = 64
_JUDGE_EVERY = 0.5  # s, the finger
_TURN = 0.05  # s, longest wait for a frame


class End(str, enum.Enum):
    """Why a recording has ended.

    Attributes
    ----------
    DURATION
        "duration": it was as long as it was meant to be.
    STOPPED
        "stopped": the user has stopped it.
    CAMERA
        "camera": the camera gave no more frames.
    SENSOR
        "sensor": the sensor gave no more samples.
    DISK
        "disk": a file could not be written.
    """

    DURATION = "duration"
    STOPPED = "stopped"
    CAMERA = "camera"
    SENSOR = "sensor"
    DISK = "disk"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class Ending:
    """How a recording has ended.

    Attributes
    ----------
    end
        Why.
    reason
        The message of the error, if there was one.
    duration_s
        Time from the first to the last frame, s.
    frames, dropped_frames
        Number of frames that were written, and that came while too many waited.
    samples, lost_samples
        Number of samples that were written, and that did not arrive.
    """

    end: End
    reason: str
    duration_s: float
    frames: int
    dropped_frames: int
    samples: int
    lost_samples: int


@dataclass(frozen=True)
class Progress:
    """A session at one moment.

    Attributes
    ----------
    finger
        How the finger lies.
    seconds
        How much has been recorded, s; 0 if nothing is being recorded.
    frames, dropped_frames
        Number of frames of this recording, and that were dropped.
    size
        Bytes of its video.
    """

    finger: FingerReading
    seconds: float
    frames: int
    dropped_frames: int
    size: int


class RecordingSession:
    """Takes the frames of a live session and the samples of a sensor, and records them on demand.

    One thread does all that has to do with the disk. Frames wait for it in a queue; if that is
    full, they are dropped and counted.

    Parameters
    ----------
    live
        The session that reads and measures the camera.
    sensor
        An open sensor.
    camera_delay
        How much later a frame arrives than it was taken, s.
    """

    def __init__(self, live: LiveSession, sensor: Sensor, camera_delay: float = 0.0) -> None:
        self.live, self.sensor = live, sensor
        self._camera_delay = camera_delay
        self._clock = FrameClock()
        self._check = FingerCheck(sensor.full_scale)
        self._finger = FingerReading(FingerState.NO_DATA)
        self._frames: Queue[tuple[AnyFrame, float]] = Queue(_WAITING_FRAMES)
        self._recent: deque[Sample] = deque()
        self._last_frame = self._last_sample = -math.inf
        self._judged = -math.inf
        self._failure = ""
        self._part: _Part | None = None
        self._ended = Event()
        self._ending: Ending | None = None
        self._stop = Event()
        self._thread = Thread(target=self._run, name="rppg-record", daemon=True)

    def __enter__(self) -> RecordingSession:
        self._forget = self.live.add_capture_listener(self._on_frame)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._forget()
        self.stop()
        self._stop.set()
        self._thread.join()

    @property
    def progress(self) -> Progress:
        """The session now."""
        part = self._part
        if part is None:
            return Progress(self._finger, 0.0, 0, 0, 0)
        recording = part.recording
        return Progress(self._finger, part.seconds, recording.frames, part.dropped, recording.size)

    @property
    def failure(self) -> str:
        """The error of a sensor that has ended the session; "" as long as it goes on."""
        return self._failure

    @property
    def camera_runs(self) -> bool:
        """Whether frames come."""
        return monotonic() - self._last_frame < LONGEST_SILENCE

    def begin(self, recording: Recording, first: float, duration: float) -> None:
        """Record from the time ``first``, by ``time.monotonic()``, for ``duration`` seconds.

        Raises
        ------
        RuntimeError
            If the sensor has failed; see ``failure``.
        """
        if self._failure:
            raise RuntimeError(self._failure)
        self._ended.clear()
        self._ending = None
        self._part = _Part(recording, first, duration, self.sensor.statistics().lost_samples)

    def stop(self) -> None:
        """End the recording now, if there is one."""
        part = self._part
        if part is not None:
            part.end = part.end or End.STOPPED
            self._ended.wait()

    def wait(self, timeout: float) -> Ending | None:
        """Return how the recording has ended, or None if it has not within ``timeout`` s."""
        self._ended.wait(timeout)
        return self._ending

    # --- The thread that reads the camera ------------------------------------------------------

    def _on_frame(self, captured: CapturedFrame) -> None:
        time = self._clock.to_host(captured.time_s, captured.captured_s) - self._camera_delay
        self._last_frame = monotonic()
        part = self._part
        if part is None or part.end is not None or not part.first <= time < part.last:
            return
        try:
            self._frames.put_nowait((captured.frame, time))
        except Full:
            part.dropped += 1

    # --- The thread that writes ---------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._turn()
            except Exception as error:  # of a sensor of the user's own: what was recorded is kept
                part, reason = self._part, f"{type(error).__name__}: {error}"
                if part is None:
                    self._failure = reason
                    return
                part.end, part.reason = part.end or End.SENSOR, reason
                self._finish(part)

    def _turn(self) -> None:
        """Take the next frame and the newest samples."""
        waiting: tuple[AnyFrame, float] | None = None
        with suppress(Empty):
            waiting = self._frames.get(timeout=_TURN)
        samples = self.sensor.read()
        now = monotonic()
        if samples:
            self._last_sample = now
            self._recent.extend(samples)
            self._check.push(samples)
            while self._recent[-1].time_s - self._recent[0].time_s > 2 * MARGIN:
                self._recent.popleft()
        if now - self._judged >= _JUDGE_EVERY:
            self._finger, self._judged = self._check.read(now), now
        part = self._part
        if part is not None:
            self._write(part, waiting, samples, now)

    def _write(
        self,
        part: _Part,
        waiting: tuple[AnyFrame, float] | None,
        samples: list[Sample],
        now: float,
    ) -> None:
        if not part.begun:
            part.begun = True
            samples = [one for one in self._recent if one.time_s >= part.first - MARGIN]
        try:
            if samples:
                part.recording.add_samples(samples)
            if waiting is not None:
                part.recording.add_frame(*waiting)
                part.note(waiting[1])
        except OSError as error:
            part.end, part.reason = End.DISK, reason_of(error)
            self._finish(part)
            return
        except ValueError as error:  # the frame does not fit those before
            part.end, part.reason = part.end or End.CAMERA, str(error)
        if part.end is None:
            part.end, part.reason = self._why_over(part, now)
        if part.end is not None and self._frames.empty():
            covered = self._recent and self._recent[-1].time_s > part.newest + MARGIN
            if covered or now - part.newest > LONGEST_SILENCE + MARGIN:
                self._finish(part)

    def _why_over(self, part: _Part, now: float) -> tuple[End | None, str]:
        if now >= part.last:
            return End.DURATION, ""
        if now - self._last_sample > LONGEST_SILENCE:
            return End.SENSOR, f"{self.sensor.name}: no sample for {LONGEST_SILENCE:g} s"
        snapshot = self.live.snapshot
        if snapshot.state in (State.ENDED, State.FAILED):
            return End.CAMERA, snapshot.reason or f"{snapshot.source}: has ended"
        if now - max(self._last_frame, part.first) > LONGEST_SILENCE:
            return End.CAMERA, f"{snapshot.source}: no frame for {LONGEST_SILENCE:g} s"
        return None, ""

    def _finish(self, part: _Part) -> None:
        assert part.end is not None
        statistics = self.sensor.statistics()
        recording = part.recording
        ending = Ending(
            end=part.end,
            reason=part.reason,
            duration_s=part.seconds,
            frames=recording.frames,
            dropped_frames=part.dropped,
            samples=recording.samples,
            lost_samples=statistics.lost_samples - part.lost_before,
        )
        while not self._frames.empty():
            self._frames.get()
        clock = None if statistics.clock is None else asdict(statistics.clock)
        if part.end is End.DISK:
            recording.abandon(_metadata(ending, clock))
        else:
            try:
                recording.finish(_metadata(ending, clock))
            except OSError as error:
                ending = replace(ending, end=End.DISK, reason=reason_of(error))
                recording.abandon(_metadata(ending, clock))
        self._part = None
        self._ending = ending  # from here on the next one may begin
        self._ended.set()


class _Part:
    """A recording that is being made, in a session."""

    def __init__(
        self, recording: Recording, first: float, duration: float, lost_before: int
    ) -> None:
        self.recording = recording
        self.first, self.last = first, first + duration
        self.lost_before = lost_before
        self.begun = False
        self.oldest = self.newest = first
        self.dropped = 0
        self.end: End | None = None
        self.reason = ""

    def note(self, time: float) -> None:
        """Note the time of a frame that was written."""
        self.oldest = time if self.newest == self.first else self.oldest
        self.newest = time

    @property
    def seconds(self) -> float:
        """Time from the first to the newest frame, s."""
        return self.newest - self.oldest


def _metadata(ending: Ending, clock: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the metadata says of the end of a recording."""
    return {
        "why": str(ending.end),
        "reason": ending.reason,
        "whole": ending.end is End.DURATION,
        "duration_s": ending.duration_s,
        "dropped_frames": ending.dropped_frames,
        "samples": ending.samples,
        "lost_samples": ending.lost_samples,
        "clock": clock,
    }
