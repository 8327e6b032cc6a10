"""Options of the monitors: their types, their defaults and their checks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple, TypedDict

from rppg_fast import _core
from rppg_fast.face import FaceDetector
from rppg_fast.pulse import PulseSettings
from rppg_fast.student import Student
from rppg_fast.teacher import Teacher

#: Side of the measured box over the side of the face: by measurement on real video, see
#: training/RESULTS.md; and the paper's value.
BOX_SCALE, PAPER_BOX_SCALE = _core.BOX_SCALE, _core.PAPER_BOX_SCALE

#: What a monitor can measure by: the network with second opinions, alone, or a classical method.
METHODS = ("fusion", "student", "pos", "chrom", "green", "ica")
#: Those of them that use the network.
NETWORK_METHODS = ("fusion", "student")
DEFAULT_METHOD = "fusion"
#: The paper's large network alone, for comparisons.
TEACHER_METHOD = "teacher"

#: What happens to the box once a face has been found.
TRACKINGS = ("follow", "paper")

#: The most faces that are measured at once by default.
MOST_FACES = 8

#: A box this many times as large as its face is the whole frame.
_LARGEST_BOX_SCALE = 1000.0


class FaceOptions(TypedDict, total=False):
    """Options of ``HeartRateMonitor`` and of ``FacesMonitor``, which describe them."""

    method: str
    student: Student | None
    teacher: Teacher | None
    detector: FaceDetector | None
    box_scale: float | None
    color: str
    settings: PulseSettings | None
    window: float | None
    low: float | None
    high: float | None
    min_confidence: float | None
    peaks: int | None
    min_window: float | None
    max_gap: float | None


class MonitorOptions(FaceOptions, total=False):
    """Options of ``HeartRateMonitor``."""

    box: Iterable[int] | None
    tracking: str


class FacesOptions(FaceOptions, total=False):
    """Options of ``FacesMonitor``."""

    most: int


class CheckedOptions(NamedTuple):
    """Options that have been checked; ``pulse`` is the native form of ``settings``."""

    method: str
    settings: PulseSettings
    pulse: _core.PulseOptions
    network: Student | Teacher
    detector: FaceDetector | None
    box_scale: float
    color: str


def check_options(
    *,
    default_box_scale: float = BOX_SCALE,
    method: str = DEFAULT_METHOD,
    student: Student | None = None,
    teacher: Teacher | None = None,
    detector: FaceDetector | None = None,
    box_scale: float | None = None,
    color: str = "bgr",
    settings: PulseSettings | None = None,
    **single: float | None,
) -> CheckedOptions:
    """Check the options that all monitors share, and load the weights.

    Parameters
    ----------
    default_box_scale
        The value in place of None for ``box_scale``.
    method, student, teacher, detector, box_scale, color, settings
        The options of ``HeartRateMonitor``.
    **single
        Values that replace those in ``settings``, unless they are None.

    Raises
    ------
    ValueError, TypeError
        If an option has a wrong value or type; the message names it.
    """
    if color not in ("bgr", "rgb"):
        raise ValueError(f"color must be 'bgr' or 'rgb', got {color!r}")
    box_scale = default_box_scale if box_scale is None else box_scale
    if not 0 < as_number(box_scale, "box_scale") <= _LARGEST_BOX_SCALE:
        raise ValueError(
            f"box_scale must lie between 0 and {_LARGEST_BOX_SCALE:g}, got {box_scale}"
        )
    if settings is not None and not isinstance(settings, PulseSettings):
        raise TypeError(f"settings must be PulseSettings, got {settings!r}")
    given: dict[str, Any] = {name: value for name, value in single.items() if value is not None}
    settings = replace(settings or PulseSettings(), **given)
    if student is not None and not isinstance(student, Student):
        raise TypeError(f"student must be a Student, got {student!r}")
    if teacher is not None and not isinstance(teacher, Teacher):
        raise TypeError(f"teacher must be a Teacher, got {teacher!r}")
    if detector is not None and not callable(detector):
        raise TypeError(f"detector must be callable, got {detector!r}")
    known = [*METHODS, TEACHER_METHOD]
    if method not in known:
        raise ValueError(f"method must be one of {known}, got {method!r}")
    if student is not None and method not in NETWORK_METHODS:
        raise ValueError(f"a student is not used by method {method!r}")
    if teacher is None and method == TEACHER_METHOD:
        teacher = Teacher.load()
    if teacher is not None and method != TEACHER_METHOD:
        raise ValueError(f"a teacher is not used by method {method!r}")
    return CheckedOptions(
        method,
        settings,
        settings.to_native(method),
        teacher or student or Student.load(),
        detector,
        box_scale,
        color,
    )


def as_number(value: float, name: str) -> float:
    """Return any real number as a float; raise a TypeError that names it for anything else."""
    try:
        return math.ldexp(value, 0)  # unlike float(), it takes no text
    except (TypeError, OverflowError) as error:
        raise TypeError(f"{name} must be a number: {error}") from error
