"""Collect the spectral peaks that readings choose from, for clips with a known heart rate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import rppg_fast as rf
from rppg_fast import _core
from rppg_fast.reference import Reference
from training.confidence.signals import Recorder, Signals, number_of
from training.confidence.videos import FilmedTruth
from training.data.clips import Clips
from training.evaluate.estimators import MethodSource, NetworkSource
from training.evaluate.windows import STEP, Floats, SignalStream
from training.models.temporal import Unseen, Weights

MOST = 10
"""Largest number of candidates of a window; with any method, the engine tries at most as many."""

OWN = 4.0
"""Largest distance from a carrier's own rate at which a peak may be the carrier's pulse, bpm,"""

OWN_SECONDS = 5.0
"""and largest distance between the ends of the two windows, s."""

_TOP = -0.01  # log10 of a height: the highest peak or a bin beside it


@dataclass(frozen=True)
class Candidates:
    """The peaks of some windows.

    Attributes
    ----------
    features : float64 (windows, MOST, items)
        Features of each peak; NaN if a window has fewer peaks.
    rate : float64 (windows, MOST)
        Rate of the peak, bpm; NaN if there is none. The first peak is the highest of the spectrum
        of the method's own pulse.
    highest : bool (windows, MOST)
        Whether the peak is the highest of its spectrum.
    confidence : float64 (windows, MOST)
        Confidence of the peak, computed by the engine with its present weights; 0 if there is no
        peak.
    ok : bool (windows,)
        Whether the engine's reading is ok.
    chosen : float64 (windows,)
        Rate of the peak that the engine chooses, bpm.
    true : float64 (windows,)
        True rate, bpm; infinite if there is no pulse.
    own : bool (windows, MOST)
        Whether the peak may be the carrier's own pulse, see ``own_rates``. It is then unknown
        whether the peak is right.
    start, end : float64 (windows,)
        Start and end of the window, s.
    clip : int (windows,)
        Number of the clip or video.
    person : int (windows,)
        Number of the person, the same in every set: clips of one person are never split between
        fitting and testing.
    """

    features: Floats
    rate: Floats
    highest: NDArray[np.bool_]
    confidence: Floats
    ok: NDArray[np.bool_]
    chosen: Floats
    true: Floats
    own: NDArray[np.bool_]
    start: Floats
    end: Floats
    clip: NDArray[np.int64]
    person: NDArray[np.int64]

    @property
    def error(self) -> Floats:
        """Distance of each peak from the true rate, bpm, (windows, MOST); infinite if no pulse."""
        return np.asarray(np.abs(self.rate - self.true[:, None]))

    @property
    def has_pulse(self) -> NDArray[np.bool_]:
        """Whether the window has a pulse, (windows,)."""
        return np.isfinite(self.true)

    def where(self, inside: NDArray[np.bool_]) -> Candidates:
        """Return the windows that a mask selects."""
        return Candidates(*(getattr(self, field.name)[inside] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """Join several sets; no clip is in two of them."""
        values = {
            field.name: [getattr(part, field.name) for part in parts] for field in fields(cls)
        }
        first = np.cumsum([0, *(part.max(initial=-1) + 1 for part in values["clip"])])
        values["clip"] = [part + start for part, start in zip(values["clip"], first)]
        return cls(**{name: np.concatenate(part) for name, part in values.items()})


class _Gatherer:
    """Collects windows one by one."""

    def __init__(self) -> None:
        self._rows: list[tuple[object, ...]] = []

    def add(
        self,
        found: Sequence[_core.Candidate],
        reading: rf.Reading,
        true: float,
        clip: int,
        person: str,
        own: Sequence[float] = (),
    ) -> None:
        """Add a window; the true rate, bpm, is infinite if there is no pulse."""
        features = np.full((MOST, _core.PEAK_FEATURES), np.nan)
        rate, sure, highest = np.full(MOST, np.nan), np.zeros(MOST), np.zeros(MOST, bool)
        for i, (frequency, _, _, top, confidence, items) in enumerate(found[:MOST]):
            features[i], rate[i], sure[i], highest[i] = items, 60.0 * frequency, confidence, top
        ok = reading.status is rf.Status.OK
        chosen = math.nan if reading.candidate_bpm is None else reading.candidate_bpm
        owned = np.isclose(rate[:, None], np.array(own).reshape(1, -1), rtol=0, atol=OWN).any(
            axis=1
        )
        where = reading.start_s, reading.end_s, clip, number_of(person)
        self._rows.append((features, rate, highest, sure, ok, chosen, true, owned, *where))

    def gathered(self) -> Candidates:
        """Return all windows; raise ``ValueError`` if there are none."""
        if not self._rows:
            raise ValueError("there is not one window to be read")
        return Candidates(*map(np.array, zip(*self._rows)))


def candidates_in_clips(
    source: NetworkSource | MethodSource, clips: Clips, step: float = STEP
) -> Candidates:
    """Collect the peaks of windows of some clips.

    Parameters
    ----------
    source
        The network or method that measures the clips.
    clips
        Clips with or without a pulse.
    step
        Time between windows, s. The first window is the first one that the engine reads.
    """
    rows = _Gatherer()
    for i, clip in enumerate(tqdm(clips.clips, clips.folder.name, unit="clip", leave=False)):
        frames = clips[i]
        one_face = np.ones(len(frames.times), np.int64)
        taken = Signals(frames.times, source.signal(frames), one_face)
        for reading, found in _windows(taken, source.method, step):
            inside = (frames.times > reading.start_s) & (frames.times <= reading.time_s)
            silent = clip.heart_rate is None
            true = math.inf if silent else float(frames.heart_rate[inside].mean())
            rows.add(found, reading, true, i, clip.subject)
    return rows.gathered()


def candidates_in_videos(
    videos: Sequence[FilmedTruth],
    method: str,
    variant: str,
    recorder: Recorder,
    step: float = STEP,
    unseen: Unseen | None = None,
) -> Candidates:
    """Collect the peaks of windows of whole videos, measured as in ``rppg_fast.measure``.

    Parameters
    ----------
    videos
        The videos.
    method
        One of ``rppg_fast.monitor.METHODS``.
    variant
        One of ``VARIANTS``: the change that is made to the frames.
    recorder
        Gives the signals of the videos, which all methods share.
    step
        Time between windows, s.
    unseen
        Temporal networks that have not learned from the persons.
    """
    weights = unseen or Unseen({})
    rows = _Gatherer()
    for i, video in enumerate(tqdm(videos, f"{method} {variant}", unit="video", leave=False)):
        truth = None if video.truth is None else Reference.read(video.truth)
        own = [] if video.carrier is None else own_rates(video.carrier, recorder)
        taken = recorder.signals(video.video, variant)
        for reading, found in _windows(taken, method, step, weights.of(video.person)):
            true = math.inf
            if truth is not None:
                true = truth.mean_heart_rate(reading.start_s, reading.end_s)
            now = [rate for end, rate in own if abs(end - reading.end_s) <= OWN_SECONDS]
            rows.add(found, reading, true, i, video.person, now)
    return rows.gathered()


def _windows(
    taken: Signals, method: str, step: float, temporal: Weights | None = None
) -> Iterator[tuple[rf.Reading, list[_core.Candidate]]]:
    """Yield the reading of every window, and the peaks from which it was chosen."""
    signals = SignalStream(method, temporal)
    due, face = -math.inf, 0
    for time, values, number in zip(taken.times, taken.values, taken.face):
        if number != face:
            signals, face = SignalStream(method, temporal), number
        signals.take(values, time)
        if time < due:
            continue
        reading = signals.read(time)
        if reading.status in (rf.Status.OK, rf.Status.LOW_SIGNAL):
            due = time + step
            yield reading, signals.candidates()


def own_rates(carrier: Path, recorder: Recorder) -> list[tuple[float, float]]:
    """Return the rates of pulses that a carrier may have itself.

    If the highest peaks of the network and of a color method agree in a window of the unchanged
    carrier, this may be the pulse of the person. A peak at that rate is then not known to be wrong.

    Returns
    -------
    list of (float, float)
        End of the window, s, and rate, bpm.
    """
    found = []
    taken = recorder.signals(carrier, "plain")
    for reading, peaks in _windows(taken, "fusion", STEP):
        for frequency, _, _, _, _, features in peaks:
            network = features[_core.PEAK_HEIGHT] > _TOP
            color = max(features[_core.PEAK_CHROM_HEIGHT], features[_core.PEAK_POS_HEIGHT])
            if network and color > _TOP:
                found.append((reading.end_s, 60.0 * frequency))
    return found
