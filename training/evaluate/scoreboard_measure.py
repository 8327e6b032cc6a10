"""Measure one clip with one method: the engine's readings, and the quality of its pulse."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from rppg_fast.evaluation.metrics import PULSE, peak_rate, snr_db
from rppg_fast.measurement import completed
from rppg_fast.reference import Reference
from rppg_fast.student import BUNDLED_WEIGHTS
from rppg_fast.teacher import BUNDLED_TEACHER
from rppg_fast.yuv import AnyFrame
from training.evaluate.scoreboard_items import Item
from training.support.files import file_sha256, replace_file

FORMAT = 3
"""Version of a record; a record with another version is measured again."""

SHORTEST = 5.0
"""Shortest piece of pulse that is assessed, s."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How clips are measured.

    Attributes
    ----------
    method : str
        A method of ``rf.measure``.
    box_scale : float
        Scale of the measured box, as in ``rf.measure``.
    """

    method: str
    box_scale: float


@cache
def engine() -> dict[str, str]:
    """Return the version, and the hashes of the code and of the weights that affect results."""
    digest = hashlib.sha256(Path(str(_core.__file__)).read_bytes())
    for path in sorted(BUNDLED_WEIGHTS.parent.parent.rglob("*.py")):
        digest.update(path.read_bytes())
    return {
        "version": rf.__version__,
        "code_sha256": digest.hexdigest(),
        "weights_sha256": file_sha256(BUNDLED_WEIGHTS),
        "teacher_sha256": file_sha256(BUNDLED_TEACHER),
    }


def measured(item: Item, settings: Settings, cache_folder: Path) -> Record:
    """Measure a clip, or return the record of an earlier run with the same engine and file.

    Parameters
    ----------
    item
        The clip.
    settings
        The settings of the measurement.
    cache_folder
        Folder of the records; it must exist.

    Raises
    ------
    OSError, ValueError
        If a file cannot be read, or is not a video.
    MeasurementInterrupted
        If reading fails before the end.
    """
    key = {
        "format": FORMAT,
        "file": file_sha256(item.path),
        "truth": None if item.truth is None else file_sha256(item.truth),
        "engine": engine(),
        "settings": asdict(settings),
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    path = cache_folder / f"{digest}.json"
    if path.is_file():
        record: Record = json.loads(path.read_text(encoding="utf-8"))
        return record
    record = measure_clip(item, settings)
    replace_file(path, json.dumps(record, allow_nan=False).encode())
    return record


def measure_clip(item: Item, settings: Settings) -> Record:
    """Measure a clip.

    Returns
    -------
    dict
        Plain values: ``status``, ``heart_rate_bpm``, ``snr_db`` and ``confidence`` of the
        recording; its ``candidate_bpm``, trusted or not, and ``obstacles``, what can hide a pulse;
        ``seconds``, ``frames``, ``share_with_face`` (of the time); ``took_s``, including
        the reading of the file; ``windows``, one for each reading, with ``true_bpm`` if the truth
        is known; ``coverage`` and ``spread_bpm`` of the recording; its ``true_bpm``, the mean over
        the time that its windows cover; and ``pulse``, the result of ``pulse_windows``.
    """
    truth = None if item.truth is None else Reference.read(item.truth)
    monitor = rf.HeartRateMonitor(method=settings.method, box_scale=settings.box_scale)
    start = time.perf_counter()
    with rf.open_source(item.path) as source:
        watch = _Watch(source, monitor)
        found = completed(rf.measure_frames(watch.frames(), monitor, name=item.name), source)
    took = time.perf_counter() - start
    windows = [_window(reading, truth) for reading in found.windows]
    true = None
    if truth is not None and found.windows:
        true = truth.mean_heart_rate(found.windows[0].start_s, found.windows[-1].end_s)
    return {
        "status": found.status.value,
        "heart_rate_bpm": found.heart_rate_bpm,
        "snr_db": found.snr_db,
        "confidence": found.confidence,
        "candidate_bpm": found.candidate_bpm,
        "obstacles": [str(obstacle) for obstacle in found.obstacles],
        "coverage": found.coverage,
        "spread_bpm": found.spread_bpm,
        "frames": found.frames,
        "skipped_frames": found.skipped_frames,
        "seconds": watch.seconds,
        "share_with_face": watch.with_face / watch.seconds if watch.seconds else 0.0,
        "took_s": took,
        "true_bpm": true,
        "windows": windows,
        "pulse": pulse_windows(found.times, found.pulse, truth),
    }


class _Watch:
    """Passes on the frames of a file and measures for how long the monitor has a face."""

    def __init__(self, source: rf.Source, monitor: rf.HeartRateMonitor) -> None:
        self._source, self._monitor = source, monitor
        self.seconds = self.with_face = 0.0

    def frames(self) -> Iterator[tuple[AnyFrame, float]]:
        last: float | None = None
        for frame, moment in self._source:
            yield frame, moment
            if last is not None and moment > last:
                self.seconds += moment - last
                self.with_face += (moment - last) * (self._monitor.box is not None)
            last = moment if last is None else max(last, moment)


def _window(reading: rf.Reading, truth: Reference | None) -> Record:
    return {
        "start_s": reading.start_s,
        "end_s": reading.end_s,
        "status": reading.status.value,
        "heart_rate_bpm": reading.heart_rate_bpm,
        "snr_db": reading.snr_db,
        "confidence": reading.confidence,
        "coverage": reading.coverage,
        "candidate_bpm": reading.candidate_bpm,
        "source": reading.source,
        "true_bpm": _true_rate(truth, reading.start_s, reading.end_s),
    }


def _true_rate(truth: Reference | None, start: float, end: float) -> float | None:
    return None if truth is None else truth.mean_heart_rate(start, end)


def pulse_windows(
    times: NDArray[np.float64], pulse: NDArray[np.float64], truth: Reference | None
) -> list[Record]:
    """Assess a recording's pulse in separate windows, independent of the engine's readings.

    Windows of 10 s begin every 1 s within each piece of pulse without a gap; a piece of 5 to 10 s
    is one window.

    Parameters
    ----------
    times, pulse
        Times in s and the band-passed pulse of a ``Measurement``.
    truth
        The reference, if there is one.

    Returns
    -------
    list of dict
        ``start_s``, ``end_s``, ``peak_bpm`` of the highest peak; if the truth is known, also
        ``true_bpm`` and ``true_rate_snr_db``, the SNR at the true rate.
    """
    out: list[Record] = []
    gaps = np.flatnonzero(np.diff(times) > 1.5 / PULSE.rate) + 1
    length, step = round(PULSE.window * PULSE.rate), round(PULSE.rate)
    for piece in np.split(np.arange(times.size), gaps):
        if piece.size < SHORTEST * PULSE.rate:
            continue
        size = min(length, piece.size)
        for start in range(0, piece.size - size + 1, step):
            inside = piece[start : start + size]
            if not np.any(pulse[inside]):
                continue
            spectrum = rf.spectrum(pulse[inside], PULSE.rate, PULSE.low, PULSE.high)
            window: Record = {
                "start_s": float(times[inside[0]]),
                "end_s": float(times[inside[-1]]),
                "peak_bpm": peak_rate(spectrum),
            }
            if truth is not None:
                rate = truth.mean_heart_rate(window["start_s"], window["end_s"])
                snr = snr_db(spectrum, rate)
                window |= {
                    "true_bpm": rate,
                    "true_rate_snr_db": snr if math.isfinite(snr) else None,
                }
            out.append(window)
    return out
