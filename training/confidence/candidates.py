"""The peaks that readings choose from, of clips and of videos whose true heart rate is known."""

from __future__ import annotations

import hashlib
import io
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import rppg_fast as rf
from rppg_fast import _core
from rppg_fast.reference import Reference
from training.data.catalogue import person_of
from training.data.clip_folder import ABOUT, TRUTH
from training.data.clips import Clips
from training.evaluate.estimators import MethodSource, NetworkSource
from training.evaluate.windows import STEP, Floats, SignalStream
from training.support.files import replace_file
from training.synthetic.parameters import stream

MOST = 8
"""Candidates of a window that are kept: as many as the engine looks at, by any method."""

OWN = 4.0
"""A peak so near to a carrier's own rate, in bpm, may be its own pulse,"""

OWN_SECONDS = 5.0
"""if their windows end so near to each other, s."""

_TOP = -0.01  # log10 of a height: the highest peak, or its flank

VARIANTS = ("plain", "holes", "grey", "exposure")
"""What can be done to a video while it is read: see ``varied``."""


@dataclass(frozen=True)
class Candidates:
    """The peaks of some windows.

    Attributes
    ----------
    said : float64 (windows, MOST, items)
        What is known of each; NaN where a window has fewer peaks.
    rate : float64 (windows, MOST)
        Of the peak, bpm; NaN where there is none. The first one is the highest of the method's own
        spectrum.
    highest : bool (windows, MOST)
        Whether it is the highest peak of some spectrum.
    confidence : float64 (windows, MOST)
        Of the peak, by the engine as it is built; 0 where there is no peak.
    ok : bool (windows,)
        Whether the engine's reading is ok.
    chosen : float64 (windows,)
        The rate of its most trusted peak, bpm.
    true : float64 (windows,)
        The true rate, bpm; infinite where there is no pulse.
    own : bool (windows, MOST)
        Whether the peak may be a pulse that the carrier of an injected one has itself: see
        ``own_rates``. Whether it is right is not known.
    start, end : float64 (windows,)
        Of the window, s.
    clip : int (windows,)
        Which clip or video the window is from.
    person : int (windows,)
        Who is seen, the same number in every set: clips of one person are never split between
        fitting and testing.
    """

    said: Floats
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
        """How far each peak is from the true rate, bpm, (windows, MOST); infinite without one."""
        return np.asarray(np.abs(self.rate - self.true[:, None]))

    @property
    def has_pulse(self) -> NDArray[np.bool_]:
        """Whether there is a pulse to be found, (windows,)."""
        return np.isfinite(self.true)

    def where(self, inside: NDArray[np.bool_]) -> Candidates:
        """Keep some windows, chosen by a mask."""
        return Candidates(*(getattr(self, field.name)[inside] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """Join those of several sets, none of which shares a clip with another."""
        values = {
            field.name: [getattr(part, field.name) for part in parts] for field in fields(cls)
        }
        first = np.cumsum([0, *(part.max(initial=-1) + 1 for part in values["clip"])])
        values["clip"] = [part + start for part, start in zip(values["clip"], first)]
        return cls(**{name: np.concatenate(part) for name, part in values.items()})


def _number(name: str) -> int:
    """Give a number that follows from a name."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")


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
        """Add a window; the true rate, bpm, is infinite where there is no pulse."""
        said = np.full((MOST, _core.EVIDENCE), np.nan)
        rate, sure, highest = np.full(MOST, np.nan), np.zeros(MOST), np.zeros(MOST, bool)
        for i, (frequency, _, _, top, confidence, items) in enumerate(found[:MOST]):
            said[i], rate[i], sure[i], highest[i] = items, 60.0 * frequency, confidence, top
        ok = reading.status is rf.Status.OK
        chosen = math.nan if reading.candidate is None else reading.candidate
        owned = np.isclose(rate[:, None], np.array(own).reshape(1, -1), rtol=0, atol=OWN).any(
            axis=1
        )
        where = reading.start, reading.end, clip, _number(person)
        self._rows.append((said, rate, highest, sure, ok, chosen, true, owned, *where))

    def gathered(self) -> Candidates:
        """Give all windows; raises ``ValueError`` if there are none."""
        if not self._rows:
            raise ValueError("there is not one window to be read")
        return Candidates(*map(np.array, zip(*self._rows)))


def candidates_in_clips(
    source: NetworkSource | MethodSource, clips: Clips, step: float = STEP
) -> Candidates:
    """Gather the peaks of windows of some clips.

    Parameters
    ----------
    source
        What measures them.
    clips
        With a pulse or without.
    step
        From one window to the next, s. The first one is read as soon as the engine reads it.
    """
    rows = _Gatherer()
    for i, clip in enumerate(tqdm(clips.clips, clips.folder.name, unit="clip", leave=False)):
        frames = clips[i]
        one_face = np.ones(len(frames.times), np.int64)
        taken = Signals(frames.times, source.signal(frames), one_face)
        for reading, found in _windows(taken, source.method, step):
            inside = (frames.times > reading.start) & (frames.times <= reading.time)
            silent = clip.heart_rate is None
            true = math.inf if silent else float(frames.heart_rate[inside].mean())
            rows.add(found, reading, true, i, clip.subject)
    return rows.gathered()


@dataclass(frozen=True)
class FilmedTruth:
    """A video and what is known of its heart rate.

    Attributes
    ----------
    video : Path
        The file.
    person : str
        Who is seen.
    truth : Path or None
        ``ground_truth.txt`` of UBFC's layout; None where there is no pulse.
    carrier : Path or None
        The real video that a pulse was put into.
    """

    video: Path
    person: str
    truth: Path | None
    carrier: Path | None = None


@dataclass(frozen=True)
class Signals:
    """What the windows of a monitor took of a video, frame by frame.

    Attributes
    ----------
    times : float64 (frames,)
        Of the frames with a face, s.
    values : float64 (frames, ``_core.SIGNALS``)
        What was taken of each.
    face : int64 (frames,)
        The number of the face: another one begins another window.
    """

    times: Floats
    values: Floats
    face: NDArray[np.int64]

    @classmethod
    def record(cls, video: Path, variant: str, scale: float, seed: int = 0) -> Signals:
        """Follow the face of a video, whose frames are ``varied``."""
        index = _number(f"{video.parent.name}/{video.name}")
        monitor = rf.HeartRateMonitor(method="fusion", box_scale=scale)
        times, values, face = [], [], []
        for frame, time in varied(rf.VideoFile(str(video)), variant, seed, index):
            try:
                reading = monitor.push(frame, time)
            except rf.TimeError:  # a frame that comes twice
                continue
            if reading.status is not rf.Status.NO_FACE:
                times.append(time)
                values.append(monitor.signals)
                face.append(monitor.face)
        return cls(
            np.array(times), np.array(values).reshape(-1, _core.SIGNALS), np.array(face, np.int64)
        )

    @classmethod
    def cached(cls, cache: Path, video: Path, variant: str, scale: float, seed: int = 0) -> Signals:
        """Do the same once: the signals are kept in a folder."""
        key = f"{video.resolve()} {variant} {scale:g} {seed}"
        path = cache / f"{hashlib.sha256(key.encode()).hexdigest()[:24]}.npz"
        if path.is_file():
            with np.load(path) as kept:
                return cls(kept["times"], kept["values"], kept["face"])
        found = cls.record(video, variant, scale, seed)
        cache.mkdir(parents=True, exist_ok=True)
        with io.BytesIO() as file:
            np.savez(file, times=found.times, values=found.values, face=found.face)
            replace_file(path, file.getvalue())
        return found


def candidates_in_videos(
    videos: Sequence[FilmedTruth],
    method: str,
    variant: str,
    scale: float,
    cache: Path,
    step: float = STEP,
) -> Candidates:
    """Gather the peaks of windows of whole videos, measured as ``rppg_fast.measure`` does.

    Parameters
    ----------
    videos
        What to measure.
    method
        One of ``rppg_fast.monitor.METHODS``.
    variant
        One of ``VARIANTS``: what is done to the frames.
    scale
        How much larger than the face the measured box is.
    cache
        A folder for what is taken of the videos, which all methods share.
    step
        From one window to the next, s.
    """
    rows = _Gatherer()
    for i, video in enumerate(tqdm(videos, f"{method} {variant}", unit="video", leave=False)):
        truth = None if video.truth is None else Reference.read(video.truth)
        own = [] if video.carrier is None else own_rates(video.carrier, scale, cache)
        taken = Signals.cached(cache, video.video, variant, scale)
        for reading, found in _windows(taken, method, step):
            true = math.inf
            if truth is not None:
                true = truth.mean_heart_rate(reading.start, reading.end)
            now = [rate for end, rate in own if abs(end - reading.end) <= OWN_SECONDS]
            rows.add(found, reading, true, i, video.person, now)
    return rows.gathered()


def _windows(
    taken: Signals, method: str, step: float
) -> Iterator[tuple[rf.Reading, list[_core.Candidate]]]:
    """Yield the reading of every window, and the peaks that it chose from."""
    signals = SignalStream(method)
    due, face = -math.inf, 0
    for time, values, number in zip(taken.times, taken.values, taken.face):
        if number != face:
            signals, face = SignalStream(method), number
        signals.take(values, time)
        if time < due:
            continue
        reading = signals.read(time)
        if reading.status in (rf.Status.OK, rf.Status.LOW_SIGNAL):
            due = time + step
            yield reading, signals.candidates()


def own_rates(carrier: Path, scale: float, cache: Path) -> list[tuple[float, float]]:
    """Give the rates of pulses that a carrier may have itself.

    Where the highest peaks of the network and of a colour method agree on the carrier as it is, it
    may show the pulse of the person in it, and a peak there is not known to be wrong.

    Returns
    -------
    list of (float, float)
        End of the window, s, and rate, bpm.
    """
    found = []
    taken = Signals.cached(cache, carrier, "plain", scale)
    for reading, peaks in _windows(taken, "fusion", STEP):
        for frequency, _, _, _, _, said in peaks:
            network = said[_core.EVIDENCE_HEIGHT] > _TOP
            colour = max(said[_core.EVIDENCE_CHROM_HEIGHT], said[_core.EVIDENCE_POS_HEIGHT])
            if network and colour > _TOP:
                found.append((reading.end, 60.0 * frequency))
    return found


def varied(
    frames: Iterable[tuple[NDArray[np.uint8], float]], variant: str, seed: int, index: int
) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Change frames on their way from a video, as hard uses of a camera do.

    Parameters
    ----------
    frames
        uint8 (H, W, 3) BGR with their times, s.
    variant
        "plain": nothing; "holes": about every 8 s, 0.6 to 1.9 s of frames are lost; "grey": no
        colour; "exposure": the light changes slowly, by 5 to 10 % at 0.3 to 0.5 Hz.
    seed, index
        Of the random numbers.

    Raises
    ------
    ValueError
        If there is no such variant.
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant must be one of {list(VARIANTS)}, got {variant!r}")
    random = stream(seed, index, f"variant.{variant}")
    depth, speed, phase = random.uniform([0.05, 0.3, 0.0], [0.10, 0.5, 2 * np.pi])
    begin = random.uniform(1.0, 6.0)
    end = begin + random.uniform(0.6, 1.9)
    first = None
    for frame, time in frames:
        first = time if first is None else first
        at = time - first
        if variant == "holes":
            while at >= end:
                begin = end + random.uniform(4.0, 10.0)
                end = begin + random.uniform(0.6, 1.9)
            if begin <= at < end:
                continue
        elif variant == "grey":
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            frame = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
        elif variant == "exposure":
            gain = 1 - depth + depth * np.sin(2 * np.pi * speed * at + phase)
            noise = random.random(frame.shape, np.float32)  # rounds without bias
            frame = np.asarray(np.clip(frame * np.float32(gain) + noise, 0, 255), np.uint8)
        yield frame, time


def filmed_truths(folder: Path, carriers: Path | None = None) -> list[FilmedTruth]:
    """List the clips that ``training.data.inject`` made in a folder; by person.

    Parameters
    ----------
    folder
        A folder for each clip.
    carriers
        Where the real videos lie that they were made of.

    Clips to which no pulse was added are left out where their carrier shows one of its own.

    Raises
    ------
    FileNotFoundError
        If the folder holds none.
    """
    found = []
    for path in sorted(folder.glob(f"*/{ABOUT}")):
        about = json.loads(path.read_text(encoding="utf-8"))
        truth = path.parent / TRUTH
        alive = not about["made_from"].get("variant", "").startswith("photo")
        if not truth.is_file() and alive and about["carrier"]["own_rate_bpm"] is not None:
            continue
        person = person_of(about["carrier"]["file"])
        video = path.parent / about["video"]
        carrier = None if carriers is None else carriers / about["carrier"]["file"]
        found.append(FilmedTruth(video, person, truth if truth.is_file() else None, carrier))
    if not found:
        raise FileNotFoundError(f"{folder}: holds no clip made by training.data.inject")
    return found


def variants_of(videos: Sequence[FilmedTruth]) -> tuple[str, ...]:
    """Return what is to be done to the frames of a folder's videos; of silent ones, nothing."""
    return VARIANTS[:1] if all(video.truth is None for video in videos) else VARIANTS
