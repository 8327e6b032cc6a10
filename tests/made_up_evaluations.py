"""Make evaluations for tests: clips with a known pulse, read by a source without errors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.clips import Clip, Clips, ClipWriter, Frames, as_stored
from training.evaluate.estimators import NetworkSource
from training.evaluate.evaluation import WINDOW, Evaluation, Recording
from training.evaluate.recordings import evaluate
from training.synthetic.generate import Recipe, Stratum, make_cache
from training.synthetic.parameters import OFF

Floats = NDArray[np.float32]

PERFECT_BPM = 0.05  # error from 16 bits of appearance
HARMONIC = 0.3  # second harmonic of a beat over its first; a lamp may be a sine, a heart is not
PULSE = np.array([-0.002, -0.006, -0.004])  # of red, green and blue; the brightness is 0.5


def write_clips(folder: Path, clips: list[tuple[Clip, Frames]]) -> Clips:
    start, placed = 0, []
    for clip, frames in clips:
        placed.append(replace(clip, start=start, stop=start + len(frames.times)))
        start += len(frames.times)
    writer = ClipWriter(folder, {"description": "for a test"}, placed)
    for i, (_, frames) in enumerate(clips):
        writer.write(i, frames)
    writer.finish()
    return Clips.open(folder)


def seen_pulse(
    name: str,
    seen_bpm: float,
    true_bpm: float | None,
    seconds: float = 13.0,
    subject: str | None = None,
    stratum: str = "",
    noise: bool = False,
    pause: float = 0.0,
) -> tuple[Clip, Frames]:
    """Make a clip whose face has a pulse, at the true rate or at another one."""
    times = np.arange(round(30 * seconds)) / 30.0 + 2.0
    times[len(times) // 2 :] += pause
    phase = 2 * np.pi * seen_bpm / 60 * times
    level = np.sin(phase) + HARMONIC * np.sin(2 * phase)
    if noise:
        level = np.random.default_rng(len(name)).normal(size=times.size)
    # In the middle of the face, green falls more than red when the blood volume rises.
    appearance = np.full((times.size, 3, 36, 36), 0.5, np.float32)
    if noise:  # noise of the light
        appearance += 0.1 * level[:, None, None, None].astype(np.float32)
    else:
        appearance[:, :, 6:30, 6:30] += np.einsum("t,c->tc", level, PULSE)[:, :, None, None]
    rate = true_bpm or 0.0
    pulse = np.sqrt(2) * np.sin(2 * np.pi * rate / 60 * times).astype(np.float32)
    frames = Frames(
        as_stored(appearance), pulse, times, np.full(times.size, true_bpm or np.nan, np.float32)
    )
    return Clip(name, subject or name, 0, 0, 30.0, true_bpm, stratum, {}), frames


def brightness(motion: Floats, _: Floats) -> Floats:
    """Predict the change of the pulse from the total brightness: exact for ``seen_pulse``."""
    return np.asarray(-motion.mean(axis=(1, 2, 3)))


PERFECT = NetworkSource("perfect", {}, brightness, "difference", None, [])


def perfect_evaluation(folder: Path) -> Evaluation:
    """Make an evaluation of two people in two strata by a source without errors."""
    clips = [
        seen_pulse("a", 55.0, 55.0, subject="one", stratum="slow"),
        seen_pulse("b", 72.0, 72.0, subject="one", stratum="slow"),
        seen_pulse("c", 150.0, 150.0, subject="two", stratum="fast"),
    ]
    return evaluate(PERFECT, write_clips(folder, clips))


def recording(name: str, subject: str, *windows: tuple[float, float, float, bool]) -> Recording:
    """Make one from (heart rate, true rate, SNR, ok); a true rate of 0 means none."""
    table = np.zeros(len(windows), WINDOW)
    for row, (rate, true, snr, ok) in zip(table, windows):
        row["heart_rate"], row["true_rate"], row["true_snr_db"] = rate, true or np.nan, snr
        row["ok"] = ok
    has_pulse = not windows or bool(windows[0][1])
    return Recording(name, subject, {}, has_pulse, table)


HAND = (
    recording("a", "x", (70.0, 72.0, 5.0, True), (80.0, 72.0, 1.0, False)),
    recording("b", "y", (90.0, 80.0, -6.0, True), (86.0, 80.0, 0.0, True)),
    recording("c", "z", (60.0, 0.0, 0.0, True), (61.0, 0.0, 0.0, False)),
    recording("d", "z"),
)


def tiny_benchmark(folder: Path) -> Path:
    """Render a benchmark of three clips, one of them without a pulse."""
    silent = {"pulse.amplitude": OFF}
    make_cache(
        Recipe("tiny", 4711, 11.0, (Stratum("any", 2, {}), Stratum("no pulse", 1, silent))), folder
    )
    return folder
