"""A known pulse in a real face, from RPPG_DATA; it is never part of the project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

for module in ("scipy", "av", "tqdm", "skimage", "torch"):
    pytest.importorskip(module, reason="the injector needs the extra 'train'")

import rppg_fast as rf  # noqa: E402
from training.data.finger import InjectedPulse  # noqa: E402
from training.data.follow import follow_face  # noqa: E402
from training.data.injection import Look, SkinPulse  # noqa: E402
from training.data.skin import skin_masks  # noqa: E402
from training.data.timed_video import ENCODERS, write_timed_video  # noqa: E402

RATE, AMPLITUDE = 64.0, 0.01
RATE_TOLERANCE_BPM = 1.0
# Number of passes of 10 s, shown forwards and then backwards, which gives many overlapping windows.
PASSES = 2


def passes(video: Path) -> Iterator[tuple[Any, float]]:
    """Yield the frames of a video forwards and backwards, with times from 0."""
    frames, times = zip(*rf.VideoFile(video))
    step = (times[-1] - times[0]) / (len(times) - 1)
    for number in range(PASSES):
        for i, frame in enumerate(frames if number % 2 == 0 else frames[::-1]):
            yield frame, (number * len(frames) + i) * step


def steady(times: Any) -> InjectedPulse:
    """Return a pulse with a constant rate and a second harmonic like a finger's."""
    phase = 2 * np.pi * RATE / 60 * times
    ppg = np.sin(phase) + 0.4 * np.sin(2 * phase + 0.8)
    scale = 1 / ppg.std()
    slope = 2 * np.pi * RATE / 60 * (np.cos(phase) + 0.8 * np.cos(2 * phase + 0.8))
    rate = np.full_like(times, RATE)
    return InjectedPulse(scale * (ppg - ppg.mean()), scale * slope, rate, "made up", 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fusion", "student"])
def test_a_steady_pulse_in_a_lossless_video_of_a_real_face_is_read(
    method: str, lossless: Path
) -> None:
    found = rf.measure(lossless, method=method)
    assert found.status is rf.Status.OK
    assert found.heart_rate_bpm == pytest.approx(RATE, abs=RATE_TOLERANCE_BPM)


@pytest.fixture(scope="module")
def lossless(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a lossless video of a real face that is still, with a pulse."""
    face = data / "real" / "evm_face.mp4"
    path, times = follow_face(passes(face))
    masks = skin_masks(passes(face), path, times)
    skin = SkinPulse(path, masks, steady(times), Look(), np.random.default_rng(0))
    dither = np.random.default_rng(1)
    video = tmp_path_factory.mktemp("lossless") / f"face{ENCODERS['ffv1']}"
    shown = (
        (skin.add(frame, i, AMPLITUDE, dither), time)
        for i, (frame, time) in enumerate(passes(face))
    )
    write_timed_video(video, shown, "ffv1", 0)
    return video
