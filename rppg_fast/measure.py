"""A whole recording through the monitor."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Any, Callable

import numpy as np
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.monitor import HeartRateMonitor
from rppg_fast.reading import STATUSES, Measurement, Reading, none_if_nan
from rppg_fast.video import Frame, VideoFile

#: Called with every frame with the number of frames so far.
Progress = Callable[[int], None]


def measure(
    video: str | os.PathLike[str] | VideoFile,
    *,
    fps: float | None = None,
    step: float = 1.0,
    progress: Progress | None = None,
    **options: Any,
) -> Measurement:
    """Measure the heart rate in a video file.

    The file is read frame by frame and pushed through a ``HeartRateMonitor``: the result is the
    same, to the last bit, as pushing its frames one by one.

    Parameters
    ----------
    video
        A path, or an opened ``VideoFile``.
    fps
        Frame rate, Hz, that overrides what the container says of time.
    step
        Time from one reported window to the next, s.
    progress
        Called at every frame with the number of frames so far.
    **options
        What ``HeartRateMonitor`` takes: ``method``, ``box``, ``window``, ...

    Raises
    ------
    FileNotFoundError, VideoError
        If the file cannot be read as a video.
    ValueError
        If an option makes no sense.
    """
    monitor = HeartRateMonitor(**options)
    if isinstance(video, VideoFile):
        if fps is not None:
            raise ValueError("fps belongs to the VideoFile that is already open")
        file = video
    else:
        file = VideoFile(video, fps)
    return measure_frames(file, monitor, name=file.path, step=step, progress=progress)


def measure_frames(
    frames: Iterable[tuple[Frame, float]],
    monitor: HeartRateMonitor,
    *,
    name: str = "frames",
    step: float = 1.0,
    progress: Progress | None = None,
) -> Measurement:
    """Measure the heart rate in a sequence of (frame, time).

    Frames whose time is not later than the last one's are left out and counted.

    Parameters
    ----------
    frames
        uint8 frames of shape (height, width, 3) with their times, s.
    monitor
        A fresh monitor; it is left as the last frame leaves it.
    name
        What the result calls the recording.
    step
        Time from one reported window to the next, s.
    progress
        Called at every frame with the number of frames so far.

    Raises
    ------
    ValueError
        If ``step`` is not positive or a frame is not such an array.
    """
    recording = _core.Recording(step)
    first = last = math.nan
    count = skipped = 0
    windows: list[Reading] = []
    pieces: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for frame, time in frames:
        if progress is not None:
            progress(count + skipped + 1)
        if count and not time > last:
            skipped += 1
            continue
        reading = monitor.push(frame, time)
        pieces.append(monitor.fetch_pulse())
        first, last = (time if count == 0 else first), time
        count += 1
        if recording.take(*reading.to_native()):
            windows.append(reading)
    status, heart_rate, snr_db = recording.summary()
    duration = last - first if count else 0.0
    empty = np.empty(0)
    return Measurement(
        video=name,
        method=monitor.method,
        status=STATUSES[status],
        heart_rate=none_if_nan(heart_rate),
        snr_db=none_if_nan(snr_db),
        frames=count,
        skipped=skipped,
        duration=duration,
        fps=(count - 1) / duration if duration > 0 else 0.0,
        box=monitor.box,
        windows=tuple(windows),
        times=np.concatenate([times for times, _ in pieces] or [empty]),
        pulse=np.concatenate([values for _, values in pieces] or [empty]),
    )
