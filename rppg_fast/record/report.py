"""The report of a recording: the camera's reading beside the finger's, and how well they fit."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from rppg_fast.measurement import Progress, measure_frames
from rppg_fast.monitor import HeartRateMonitor
from rppg_fast.pulse import PulseSettings
from rppg_fast.reading import Measurement, Status, none_if_nan
from rppg_fast.record.files import write_json
from rppg_fast.record.recording import VIDEO, Stored
from rppg_fast.reference import Reference, as_reference, heart_rates
from rppg_fast.sources import open_source
from rppg_fast.yuv import AnyFrame

Floats = NDArray[np.float64]

REPORT, PLOT = "report.json", "report.png"
CLOSE_BPM = 5.0
"""A reading that is further from the finger's is counted as wrong, bpm."""

#: Delays that are tried, s: half a beat at 60 bpm, so that no other beat is taken at rest.
_LONGEST_DELAY = 0.5
#: Steps of the delay between two samples.
_FINER = 32
#: Left out at both ends, where the band-pass has a transient, s.
_TRANSIENT = 1.0


@dataclass(frozen=True)
class Report:
    """What a recording shows.

    Attributes
    ----------
    status
        Status of the camera's measurement of the whole recording.
    camera_bpm, finger_bpm
        Heart rate of the recording by both, bpm; None if there is none.
    windows, ok_windows
        Number of windows of 10 s, one each second, and of those with a heart rate.
    mean_error_bpm
        Mean absolute difference between camera and finger over the windows with a heart rate, bpm.
    wrong_windows
        How many of these are off by more than ``CLOSE_BPM``.
    delay_s
        How much later the pulse is in the video than at the finger, s, by their cross-correlation;
        None if they do not resemble each other. The camera's own delay is part of it.
    correlation
        Of both pulses at this delay, -1 to 1.
    frames, fps, duration_s
        Of the video: number, mean rate in Hz, time in s.
    longest_frame_gap_s, longest_sample_gap_s
        Longest time between two frames and between two samples, s.
    """

    status: Status
    camera_bpm: float | None
    finger_bpm: float | None
    windows: int
    ok_windows: int
    mean_error_bpm: float | None
    wrong_windows: int
    delay_s: float | None
    correlation: float | None
    frames: int
    fps: float
    duration_s: float
    longest_frame_gap_s: float
    longest_sample_gap_s: float


def make_report(recording: Stored, progress: Progress | None = None) -> Report:
    """Measure a recording's video, compare it with the finger, and store the result.

    ``report.json`` and, if matplotlib is installed, ``report.png`` are written into the folder.

    Parameters
    ----------
    recording
        A recording that has ended, also one that was killed.
    progress
        Called at every frame with the number of frames so far.

    Raises
    ------
    OSError, ValueError
        If a file is missing or broken, or if there are too few frames or samples.
    """
    times = recording.times()
    ppg_times, ppg = recording.ppg()
    if times.size < 2 or ppg_times.size < 2:
        raise ValueError(
            f"{recording.folder}: {times.size} frames and {ppg_times.size} samples are too few for "
            "a report"
        )
    name = recording.folder.name
    frames = _timed(recording, times)
    found = measure_frames(frames, HeartRateMonitor(), name=name, progress=progress)
    finger = as_reference(ppg_times, ppg)
    report = compare(found, finger, times)
    content = {**asdict(report), "status": str(report.status)}
    write_json(recording.folder / REPORT, content)
    if found.windows and importlib.util.find_spec("matplotlib") is not None:
        from rppg_fast.plot import plot_measurement

        plot_measurement(found, recording.folder / PLOT, finger)
    return report


def _timed(recording: Stored, times: Floats) -> Iterator[tuple[AnyFrame, float]]:
    with open_source(recording.folder / VIDEO) as source:
        for (frame, _), time in zip(source, times.tolist()):
            yield frame, time


def compare(found: Measurement, finger: Reference, times: Floats) -> Report:
    """Compare a measurement with the finger.

    Parameters
    ----------
    found
        The camera's measurement.
    finger
        The finger's PPG, on the same clock.
    times
        float64 (frames,): times of the frames, s.
    """
    at, pulse = finger.pulse()
    ok = [window for window in found.windows if window.heart_rate_bpm is not None]
    starts = np.array([window.start_s for window in ok])
    ends = np.array([window.end_s for window in ok])
    read = np.array([window.heart_rate_bpm for window in ok], np.float64)
    errors = np.abs(read - heart_rates(at, pulse, starts, ends))
    errors = errors[np.isfinite(errors)]
    delay, correlation = pulse_delay(found.times, found.pulse, at, pulse)
    duration = float(times[-1] - times[0])
    inside = (finger.times >= times[0]) & (finger.times <= times[-1])
    rates = finger.heart_rate[inside]
    return Report(
        status=found.status,
        camera_bpm=found.heart_rate_bpm,
        finger_bpm=none_if_nan(float(rates.mean())) if rates.size else None,
        windows=len(found.windows),
        ok_windows=len(ok),
        mean_error_bpm=float(errors.mean()) if errors.size else None,
        wrong_windows=int((errors > CLOSE_BPM).sum()),
        delay_s=none_if_nan(delay),
        correlation=none_if_nan(correlation),
        frames=times.size,
        fps=(times.size - 1) / duration if duration > 0 else 0.0,
        duration_s=duration,
        longest_frame_gap_s=float(np.diff(times).max()),
        longest_sample_gap_s=float(np.diff(finger.times).max()),
    )


def pulse_delay(
    times: Floats, pulse: Floats, other_times: Floats, other: Floats
) -> tuple[float, float]:
    """Return how much later a pulse is than another one, s, and their correlation there.

    Parameters
    ----------
    times, pulse
        float64 (samples,): s, and the pulse.
    other_times, other
        The same of the other pulse; the times may be others.

    Returns
    -------
    delay, correlation : float
        NaN if they have less than 2 s in common or one of them is constant.
    """
    if times.size == 0 or other_times.size == 0:
        return math.nan, math.nan
    first = max(times[0], other_times[0] + _LONGEST_DELAY) + _TRANSIENT
    last = min(times[-1], other_times[-1] - _LONGEST_DELAY) - _TRANSIENT
    inside = (times >= first) & (times <= last)
    if not inside.any() or np.ptp(times[inside]) < 2.0:
        return math.nan, math.nan
    rate = PulseSettings().rate
    grid = np.arange(first, last, 1.0 / rate)
    window = np.hanning(grid.size)
    here, there = (
        window * (values - values.mean())
        for values in (np.interp(grid, times, pulse), np.interp(grid, other_times, other))
    )
    power = math.sqrt(float(here @ here) * float(there @ there))
    if power == 0:
        return math.nan, math.nan
    # Between the samples the cross-correlation is that of the band-limited pulses. Interpolated
    # pulses would lose noise there, and seem more alike.
    size = 1 << (2 * grid.size - 1).bit_length()
    cross = np.fft.rfft(here, size) * np.fft.rfft(there, size).conj()
    correlation = _FINER * np.fft.irfft(cross, _FINER * size) / power
    longest = round(_LONGEST_DELAY * rate * _FINER)
    steps = np.arange(-longest, longest + 1)
    best = int(correlation[steps].argmax())
    return float(steps[best] / (rate * _FINER)), float(correlation[steps[best]])
