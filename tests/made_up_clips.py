"""Make small caches of made-up clips with a visible pulse and without a face."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.data.clips import Clip, Clips, ClipWriter, Frames, as_stored

SECONDS = 12.0
RATES = ((60.0, 12.0), (75.0, 20.0), (96.0, 15.0))  # heart rate in bpm, frame rate in Hz
SILENT_FPS = 15.0

BRIGHTNESS = 0.4
# With these values, the motion (b - a) / (a + b + 0.3) * 50 is about 4 times the change of the
# pulse, plus noise with a deviation of 0.3.
DEPTH = 0.22
NOISE = 0.0047


def make_clips(
    folder: Path, seed: int = 0, with_silent: bool = True, seconds: float = SECONDS
) -> Clips:
    """Make a cache in which the pulse changes the brightness by a smooth pattern, with noise.

    Each clip has a subject of its own, named ``made-up-SEED-INDEX``.
    """
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:36, :36] / 35.0
    blob = np.exp(-8 * ((x - 0.5) ** 2 + (y - 0.4) ** 2))
    pattern = np.multiply.outer([0.3, 0.8, 0.5], blob)
    clips, parts, start = [], [], 0
    for index, (rate, fps) in enumerate((*RATES, (0.0, SILENT_FPS)) if with_silent else RATES):
        times = np.arange(int(seconds * fps)) / fps
        pulse = np.sqrt(2) * np.sin(2 * np.pi * rate / 60 * times + index) * (rate > 0)
        seen = BRIGHTNESS * (1 + DEPTH * pulse[:, None, None, None] * pattern)
        seen = seen + NOISE * random.normal(size=seen.shape)
        parts.append(
            Frames(
                as_stored(seen.astype(np.float32)),
                pulse.astype(np.float32),
                times,
                np.full(len(times), rate or np.nan, np.float32),
            )
        )
        name, stop = f"made-up-{seed}-{index}", start + len(times)
        scene = {"seed": seed, "index": index}
        clips.append(Clip(name, name, start, stop, fps, rate or None, "", scene))
        start = stop
    writer = ClipWriter(folder, {"description": f"made-up clips, seed {seed}"}, clips)
    for i, part in enumerate(parts):
        writer.write(i, part)
    writer.finish()
    return Clips.open(folder)
