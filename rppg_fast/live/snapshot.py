"""What a live session shows at one moment; nothing here changes once it has been made."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rppg_fast.live.advice import Advice
from rppg_fast.reading import Box, Reading
from rppg_fast.yuv import AnyFrame


class State(str, enum.Enum):
    """What a session is doing.

    Attributes
    ----------
    STARTING
        "starting": the source is being opened; no frame has come yet.
    RUNNING
        "running": frames come and are measured.
    PAUSED
        "paused": frames are not measured until the session is resumed.
    WAITING
        "waiting": a live source gives no frames; it is opened again and again.
    ENDED
        "ended": the file has been played to its end, or cannot be read further.
    FAILED
        "failed": the session has stopped because of an error in the program.
    """

    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    ENDED = "ended"
    FAILED = "failed"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class FaceSpectrum:
    """The power spectrum of the window of a face, in the band of heart rates.

    Attributes
    ----------
    first_hz, step_hz
        Frequency of the first bin and distance of the bins, Hz.
    power
        float64, shape (bins,): power relative to the largest bin, 0 to 1.
    """

    first_hz: float
    step_hz: float
    power: NDArray[np.float64]


@dataclass(frozen=True)
class FaceSnapshot:
    """One face at one moment.

    Attributes
    ----------
    number
        Its number: 1 for the first face found.
    reading
        The reading of the newest frame.
    box
        The measured pixels of the newest frame; None if the face is not in it.
    advice
        What the person can do.
    progress
        Share of the time before the first heart rate that has been seen, 0 to 1.
    samples
        Number of samples of the pulse so far.
    spectrum
        None until there is a window that can be read.
    """

    number: int
    reading: Reading
    box: Box | None
    advice: Advice
    progress: float
    samples: int
    spectrum: FaceSpectrum | None


@dataclass(frozen=True)
class Snapshot:
    """A session at one moment.

    Attributes
    ----------
    version
        Grows by one with each snapshot.
    state, reason
        What the session is doing, and the error message if it waits, has ended early or has failed.
    time_s
        Time of the newest frame on the session's clock, s; 0 before the first frame.
    unix_s
        The same as seconds since 1970, UTC.
    width, height
        Size of the newest frame, pixels; 0 before the first frame.
    source, method
        Name of the source, and the method that measures.
    frames, dropped
        Number of frames that were measured, and that were left out because a newer one had come or
        because their time was not later than the time before.
    fps
        Frame rate over the last two seconds, Hz.
    frame_ms
        Time that the measurement of a frame takes, mean over the last second or so, ms.
    advice
        What to do: that of the session where there is no face, otherwise of the first face.
    faces
        The faces that are there, by number, lowest first.
    run
        Number of the measurement: it grows with each new start and change of method.
    """

    version: int
    state: State
    reason: str | None
    time_s: float
    unix_s: float
    width: int
    height: int
    source: str
    method: str
    frames: int
    dropped: int
    fps: float
    frame_ms: float
    advice: Advice
    faces: tuple[FaceSnapshot, ...]
    run: int


@dataclass(frozen=True)
class LiveFrame:
    """A measured frame, as other code gets it.

    Attributes
    ----------
    frame
        The pixels as the source gave them: a ``YuvFrame`` or a blue-green-red array.
    time_s
        Its time on the session's clock, s, by the source's own times.
    captured_s
        ``time.monotonic()`` when it came from the source, s.
    number
        Number of frames measured before it.
    readings
        The reading of each face that is there, by number.
    boxes
        The measured pixels of each of them.
    """

    frame: AnyFrame
    time_s: float
    captured_s: float
    number: int
    readings: Mapping[int, Reading] = field(default_factory=dict)
    boxes: Mapping[int, Box] = field(default_factory=dict)
