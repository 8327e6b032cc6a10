"""What a stream reports: plain frozen records."""

from __future__ import annotations

import enum
import math
import operator
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Box:
    """A rectangle of pixels; unpacks to ``x0, y0, x1, y1``.

    Parameters
    ----------
    x0, y0
        First column and row.
    x1, y1
        One past the last column and row.

    Raises
    ------
    TypeError
        If an edge is not a whole number.
    ValueError
        If an edge is negative or the box is empty.
    """

    x0: int
    y0: int
    x1: int
    y1: int

    def __post_init__(self) -> None:
        for side in ("x0", "y0", "x1", "y1"):
            object.__setattr__(self, side, operator.index(getattr(self, side)))
        if not (0 <= self.x0 < self.x1 and 0 <= self.y0 < self.y1):
            raise ValueError(f"box must have 0 <= x0 < x1 and 0 <= y0 < y1, got {tuple(self)}")

    @classmethod
    def of(cls, sides: Iterable[int]) -> Box:
        """Build from any four whole numbers x0, y0, x1, y1; raises as the constructor does."""
        wanted = "box must be four whole numbers x0, y0, x1, y1, got"
        try:
            given = tuple(map(operator.index, sides))
        except TypeError as error:
            raise TypeError(f"{wanted} {sides!r}") from error
        if len(given) != 4:
            raise ValueError(f"{wanted} {given}")
        return cls(*given)

    def __iter__(self) -> Iterator[int]:
        return iter((self.x0, self.y0, self.x1, self.y1))

    @property
    def width(self) -> int:
        """Width in pixels."""
        return self.x1 - self.x0

    @property
    def height(self) -> int:
        """Height in pixels."""
        return self.y1 - self.y0


class Status(str, enum.Enum):
    """Whether there is a heart rate, and if not, why."""

    WARMING_UP = "warming_up"  #: the window is not full yet, since the start or a face's return
    OK = "ok"  #: there is a face and a pulse
    NO_FACE = "no_face"  #: no face has been found, or the one that was measured has left
    LOW_SIGNAL = "low_signal"  #: the window is full, but shows no clear pulse
    GAP = "gap"  #: frames were missing and the window is filling anew, or they come too slowly

    def __str__(self) -> str:
        return self.value


#: The order in which the native module, which makes the readings, numbers them.
STATUSES = tuple(Status)


def none_if_nan(value: float) -> float | None:
    """Return the number, or None for NaN, which stands for nothing in the native module."""
    return None if math.isnan(value) else value


class Reading(NamedTuple):
    """What is known at one frame, from the window of pulse that ends there.

    Attributes
    ----------
    time
        The frame's time, s.
    status
        Whether there is a heart rate, and if not, why.
    heart_rate
        bpm; None unless ``status`` is ``Status.OK``.
    snr_db
        Power at the spectral peak and its first harmonic against the rest of the band, dB.
        None while there is no peak to speak of.
    confidence
        How likely that peak is the heart's, 0 to 1, by what was seen of light and movement at its
        frequency; None while there is no peak.
    start, end
        The window that was read, s; both equal ``time`` while there is no face.
    """

    time: float
    status: Status
    heart_rate: float | None
    snr_db: float | None
    confidence: float | None
    start: float
    end: float

    def to_native(self) -> tuple[float, int, float, float, float, float, float]:
        """Return what ``_core.Recording.take`` takes, where NaN stands for nothing."""
        rate, snr_db, confidence = (
            math.nan if value is None else value
            for value in (self.heart_rate, self.snr_db, self.confidence)
        )
        status = STATUSES.index(self.status)
        return self.time, status, rate, snr_db, confidence, self.start, self.end


@dataclass(frozen=True)
class Measurement:
    """What a whole recording showed.

    Attributes
    ----------
    video
        Name of the recording.
    method
        The method that measured it: "student", "pos", "chrom", "green" or "ica".
    status
        ``Status.OK`` where at least half of the windows read ok; else what kept the others back.
    heart_rate
        Mean over the windows that read ok, bpm (the paper's definition); None unless ``status``
        is ``Status.OK``.
    snr_db
        Median over the same windows, dB; over all windows with a peak where none of them was ok.
    confidence
        Likewise.
    frames, skipped
        Frames measured, and frames left out because their time was not later than the last one's.
    duration, fps
        Time from first to last frame without the gaps, s, and the mean frame rate over it, Hz.
    box
        The pixels that were measured last; None where no face was found.
    windows
        One reading for every step, oldest first.
    times, pulse
        float64, shape (samples,): the band-passed pulse and its times, s, on a uniform grid that
        starts anew after each gap. In units of the training label's standard deviation.
    face
        Number of the face, 1 or more, where all faces were measured; else None.
    missing
        Frames that the video file promises but does not hold, or that cannot be decoded, where
        they are more than a tenth: the file is damaged; else 0.
    """

    video: str
    method: str
    status: Status
    heart_rate: float | None
    snr_db: float | None
    confidence: float | None
    frames: int
    skipped: int
    duration: float
    fps: float
    box: Box | None
    windows: tuple[Reading, ...]
    times: NDArray[np.float64]
    pulse: NDArray[np.float64]
    face: int | None = None
    missing: int = 0

    def to_json(self) -> dict[str, object]:
        """Return what ``rppg-fast measure --json`` writes for one video, or for one face in it."""
        return {
            "video": self.video,
            **({} if self.face is None else {"face": self.face}),
            "status": self.status.value,
            "heart_rate_bpm": self.heart_rate,
            "snr_db": self.snr_db,
            "confidence": self.confidence,
            "frames": self.frames,
            "skipped_frames": self.skipped,
            "missing_frames": self.missing,
            "duration_s": self.duration,
            "fps": self.fps,
            "box": None if self.box is None else list(self.box),
            "method": self.method,
            "windows": [
                {
                    "start_s": window.start,
                    "end_s": window.end,
                    "heart_rate_bpm": window.heart_rate,
                    "snr_db": window.snr_db,
                    "confidence": window.confidence,
                    "status": window.status.value,
                }
                for window in self.windows
            ],
        }
