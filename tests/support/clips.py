"""The simplest video with a pulse: a patch of skin before a wall, in camera noise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from rppg_fast.sources.pixels import ONE_THREAD

Frame = NDArray[np.uint8]

SIZE = 72
BOX = (0, 0, SIZE, SIZE)

# Blue, green, red: a skin's color, and the relative fall of each channel with the blood volume
# (the pulse's color vector of de Haan, 0.33, 0.77, 0.53 in red, green, blue).
SKIN = np.array([95.0, 120.0, 170.0])
PULSE = np.array([0.53, 0.77, 0.33])
WALL = np.array([110.0, 100.0, 90.0])
MARGIN = SIZE // 6  # of the wall, as wide as the region that the engine takes as the rim of a face


def frame_times(fps: float, seconds: float, jitter: float = 0.0, seed: int = 0) -> list[float]:
    """Return times of frames at a rate, each off by at most ``jitter`` frame periods."""
    count = round(seconds * fps) + 1
    shift = np.random.default_rng(seed).uniform(-jitter, jitter, count)
    return [float(t) for t in (np.arange(count) + shift) / fps + 1.0]


def skin(
    times: list[float], bpm: float, amplitude: float = 0.02, noise: float = 2.0, seed: int = 0
) -> Iterator[tuple[Frame, float]]:
    """Yield frames of skin with a pulse of ``bpm``; amplitude 0 gives a still photograph.

    ``amplitude`` is relative to the skin's brightness, ``noise`` is in grey levels.
    """
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    shading = (0.8 + 0.3 * np.sin(3.0 * rows + 1.0) * np.cos(2.0 * columns))[..., None]
    flesh = np.zeros((SIZE, SIZE, 1))
    flesh[MARGIN:-MARGIN, MARGIN:-MARGIN] = 1.0
    for time in times:
        phase = 2.0 * np.pi * bpm / 60.0 * time
        volume = np.sin(phase) + 0.3 * np.sin(2.0 * phase + 0.5)
        living = SKIN * (1.0 - amplitude * PULSE * volume)
        picture = shading * (flesh * living + (1.0 - flesh) * WALL)
        picture = picture + noise * rng.standard_normal(picture.shape)
        yield np.clip(np.round(picture), 0, 255).astype(np.uint8), time


def write_video(path: Path, frames: Iterable[tuple[Frame, float]], fps: float) -> Path:
    """Write frames to a lossless file (FFV1) with a constant rate."""
    with av.open(str(path), "w") as container:
        stream: Any = None
        for index, (frame, _) in enumerate(frames):
            if stream is None:
                stream = container.add_stream("ffv1", Fraction(fps).limit_denominator(1001))
                stream.height, stream.width = frame.shape[:2]
                stream.pix_fmt = "bgr0"
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "bgr24")
            picture = VideoReformatter().reformat(picture, format="bgr0", **ONE_THREAD)
            picture.pts = index
            container.mux(stream.encode(picture))
        if stream is not None:
            container.mux(stream.encode(None))
    return path


def to_nv12(frame: Frame) -> Frame:
    """Return luma, then U and V for every 2x2 pixels: (height * 3 / 2, width); even sides only."""
    import cv2

    height, width = frame.shape[:2]
    i420 = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420), np.uint8).reshape(-1)
    luma, chroma = i420[: width * height], i420[width * height :].reshape(2, -1)
    return np.concatenate([luma, chroma.T.reshape(-1)]).reshape(height * 3 // 2, width)


def to_yuyv(frame: Frame) -> Frame:
    """Return Y, U, Y, V for every two pixels of a row: (height, 2 * width)."""
    import cv2

    yuyv = cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_YUY2)
    return np.asarray(yuyv, np.uint8).reshape(len(frame), -1)
