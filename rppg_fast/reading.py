"""The results: statuses, readings, measurements."""

from __future__ import annotations

import enum
import math
import operator
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import pandas
    from numpy.typing import NDArray

    from rppg_fast.beat import Beats
    from rppg_fast.conditions import Conditions, Obstacle

_Value = TypeVar("_Value")


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
        """Build from four whole numbers x0, y0, x1, y1; raises the constructor's errors."""
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
    """Whether there is a heart rate, and if not, why.

    Attributes
    ----------
    WARMING_UP
        "warming_up": a face is there, but the window holds less than ``min_window`` seconds of it.
    OK
        "ok": there is a face and a pulse. Only then there is a heart rate.
    NO_FACE
        "no_face": no face has been found, or the measured face has left.
    LOW_SIGNAL
        "low_signal": the window can be read, but it shows no pulse that can be trusted.
    GAP
        "gap": too many frames are missing from the window, or the frame rate is too low for the
        band.
    """

    WARMING_UP = "warming_up"
    OK = "ok"
    NO_FACE = "no_face"
    LOW_SIGNAL = "low_signal"
    GAP = "gap"

    def __str__(self) -> str:
        return self.value


def none_if_nan(value: float) -> float | None:
    """Return the number, or None for NaN; the native module has NaN in place of None."""
    return None if math.isnan(value) else value


def _renamed(value: _Value, old: str, new: str) -> _Value:
    """Return the value of a field that has another name now."""
    warnings.warn(f"{old} is now {new}", DeprecationWarning, stacklevel=3)
    return value


class Reading(NamedTuple):
    """The result for one frame, from the window of pulse that ends with it.

    Attributes
    ----------
    time_s
        The frame's time, s.
    status
        Whether there is a heart rate, and if not, why.
    heart_rate_bpm
        Heart rate, bpm; None unless ``status`` is ``Status.OK``.
    snr_db
        Signal-to-noise ratio, dB: power at the spectral peak and its first harmonic over the power
        of the rest of the band. None if there is no peak.
    confidence
        Probability, 0 to 1, that the peak is the heart's and not due to light or movement. None if
        there is no peak.
    start_s, end_s
        The window that was read, s; both equal ``time_s`` if there is no face.
    coverage
        Share of a full window that was seen, 0 to 1. It is less than 1 while the window grows, and
        if frames are missing from the window.
    candidate_bpm
        Rate of the peak that ``snr_db`` and ``confidence`` describe, bpm, trusted or not. It is not
        a heart rate unless ``status`` is ``Status.OK``. None if there is no peak.
    source
        The method that the peak comes from; None if there is no peak.
    """

    time_s: float
    status: Status
    heart_rate_bpm: float | None
    snr_db: float | None
    confidence: float | None
    start_s: float
    end_s: float
    coverage: float = 0.0
    candidate_bpm: float | None = None
    source: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the fields by name, as JSON has them."""
        return {
            "start_s": self.start_s,
            "end_s": self.end_s,
            "heart_rate_bpm": self.heart_rate_bpm,
            "snr_db": self.snr_db,
            "confidence": self.confidence,
            "coverage": self.coverage,
            "candidate_bpm": self.candidate_bpm,
            "source": self.source,
            "status": self.status.value,
            "time_s": self.time_s,
        }

    @property
    def time(self) -> float:
        """The same as ``time_s``; this name is deprecated."""
        return _renamed(self.time_s, "time", "time_s")

    @property
    def heart_rate(self) -> float | None:
        """The same as ``heart_rate_bpm``; this name is deprecated."""
        return _renamed(self.heart_rate_bpm, "heart_rate", "heart_rate_bpm")

    @property
    def start(self) -> float:
        """The same as ``start_s``; this name is deprecated."""
        return _renamed(self.start_s, "start", "start_s")

    @property
    def end(self) -> float:
        """The same as ``end_s``; this name is deprecated."""
        return _renamed(self.end_s, "end", "end_s")

    @property
    def candidate(self) -> float | None:
        """The same as ``candidate_bpm``; this name is deprecated."""
        return _renamed(self.candidate_bpm, "candidate", "candidate_bpm")


@dataclass(frozen=True)
class Measurement:
    """The result of a whole recording.

    Attributes
    ----------
    video
        Name of the recording.
    method
        The method that measured it: "fusion", "student", "teacher", "pos", "chrom",
        "green" or "ica".
    status
        ``Status.OK`` if the common rate of the windows can be trusted; else the reason why there is
        no heart rate.
    heart_rate_bpm
        Mean over the windows that agree, weighted by their confidence, bpm; None unless ``status``
        is ``Status.OK``.
    snr_db
        Median of the signal-to-noise ratio over these windows, dB; None if there are none.
    confidence
        Probability, 0 to 1, that their common rate is the heart rate. It can be higher than the
        confidence of each window. None if no window has a peak.
    coverage
        Share of the windows that agree, 0 to 1.
    spread_bpm
        Standard deviation of the rate over them, bpm; None unless ``status`` is ``Status.OK``.
    frames, skipped_frames
        Number of frames that were measured, and of frames that were left out because their time was
        not later than the time before.
    duration_s, fps
        Time from the first to the last frame without the gaps, s, and the mean frame rate in this
        time, Hz.
    box
        The pixels that were measured last; None if no face was found.
    windows
        One reading for every step, oldest first.
    times, pulse
        float64, shape (samples,): the times, s, and the values of the pulse on a uniform grid. The
        grid starts again after each gap; missing samples are left out. The pulse is band-passed
        forwards and backwards, so it has no delay. Its unit is the standard deviation of the
        training label; for a classical method it is relative to the color.
    face
        Number of the face, from 1 on, if all faces were measured; else None.
    turned
        How far the face in the box is turned clockwise from upright, degrees: 0, 90, 180 or 270.
    damaged_frames
        Number of frames that could not be decoded, or that the decoder says are damaged. A file
        that is cut off counts as one more.
    boxes
        int32 of shape (samples, 4): the pixels that were measured at each sample of the pulse, as
        x0, y0, x1, y1. None if they are not known.
    candidate_bpm
        Mean rate of the windows that agree, bpm, trusted or not. It is not a heart rate unless
        ``status`` is ``Status.OK``. None if no window has a peak.
    conditions
        Light, movement, size and compression of the face's picture. None if no face was found.
    """

    video: str
    method: str
    status: Status
    heart_rate_bpm: float | None
    snr_db: float | None
    confidence: float | None
    coverage: float
    spread_bpm: float | None
    frames: int
    skipped_frames: int
    duration_s: float
    fps: float
    box: Box | None
    windows: tuple[Reading, ...]
    times: NDArray[np.float64]
    pulse: NDArray[np.float64]
    face: int | None = None
    damaged_frames: int = 0
    turned: int = 0
    boxes: NDArray[np.int32] | None = None
    candidate_bpm: float | None = None
    conditions: Conditions | None = None

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """What in ``conditions`` can hide a pulse, whatever the status."""
        return () if self.conditions is None else self.conditions.obstacles

    def to_dict(self) -> dict[str, object]:
        """Return what ``rppg-fast measure --json`` writes for one video, or for one face in it."""
        conditions = self.conditions
        return {
            "video": self.video,
            **({} if self.face is None else {"face": self.face}),
            "status": self.status.value,
            "heart_rate_bpm": self.heart_rate_bpm,
            "snr_db": self.snr_db,
            "confidence": self.confidence,
            "coverage": self.coverage,
            "spread_bpm": self.spread_bpm,
            "candidate_bpm": self.candidate_bpm,
            "obstacles": [obstacle.value for obstacle in self.obstacles],
            "conditions": None if conditions is None else conditions.to_dict(),
            "frames": self.frames,
            "skipped_frames": self.skipped_frames,
            "damaged_frames": self.damaged_frames,
            "duration_s": self.duration_s,
            "fps": self.fps,
            "box": None if self.box is None else list(self.box),
            "turned": self.turned,
            "method": self.method,
            "windows": [window.to_dict() for window in self.windows],
        }

    def to_dataframe(self, what: str = "windows") -> pandas.DataFrame:
        """Return the windows, or the samples of the pulse, as a pandas data frame.

        Parameters
        ----------
        what
            "windows": a row for each window, with the fields of ``Reading``. "pulse": a row for
            each sample, with the columns of ``rppg-fast measure --pulse``.

        Raises
        ------
        ImportError
            If pandas is not installed (the extra ``pandas``).
        ValueError
            If ``what`` is something else.
        """
        from rppg_fast.waveform import to_dataframe

        return to_dataframe(self, what)

    def beats(self) -> Beats:
        """Return the beats of the pulse where the status is OK; see ``rppg_fast.beats``.

        ``sdnn`` is None: no recording of a face of 60 s with a known pulse has shown it right.
        """
        from rppg_fast.waveform import beats_of

        return beats_of(self)

    @property
    def heart_rate(self) -> float | None:
        """The same as ``heart_rate_bpm``; this name is deprecated."""
        return _renamed(self.heart_rate_bpm, "heart_rate", "heart_rate_bpm")

    @property
    def spread(self) -> float | None:
        """The same as ``spread_bpm``; this name is deprecated."""
        return _renamed(self.spread_bpm, "spread", "spread_bpm")

    @property
    def skipped(self) -> int:
        """The same as ``skipped_frames``; this name is deprecated."""
        return _renamed(self.skipped_frames, "skipped", "skipped_frames")

    @property
    def duration(self) -> float:
        """The same as ``duration_s``; this name is deprecated."""
        return _renamed(self.duration_s, "duration", "duration_s")

    @property
    def damaged(self) -> int:
        """The same as ``damaged_frames``; this name is deprecated."""
        return _renamed(self.damaged_frames, "damaged", "damaged_frames")

    def to_json(self) -> dict[str, object]:
        """Return the same as ``to_dict``; this name is deprecated."""
        return _renamed(self.to_dict(), "to_json", "to_dict")
