"""Measure what storing a video costs: processor time, bytes, and how much of the pulse is lost.

    python -m bench.recording

The face of the demonstration clip, uncompressed, with pulses of several amplitudes, is stored by
each codec of ``rppg-fast record``, by H.264 of other qualities, all-intra, and by H.264 as a phone
or a conference program uses it. For each the pulse is read again by the student network and by POS.
The loss is the difference of the signal-to-noise ratio from that of FFV1, which loses nothing.
Bytes and time are of 640x480 at 30 frames per second, with noise of a camera, in one thread.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from tqdm import tqdm

import rppg_fast as rf
from rppg_fast.record.video_writer import ENCODERS, as_picture
from training.synthetic.camera import Frame
from training.synthetic.demo_clip import FPS, demo_scene, frames
from training.synthetic.timeline import pulse_wave

AMPLITUDES = (0.01, 0.005, 0.0025)
METHODS = ("student", "pos")
#: Encoders and their options, besides those of ``rppg-fast record``.
OTHERS = {
    **{
        f"h264 all-intra, crf {crf}": ("libx264", {**ENCODERS["h264"][1], "crf": str(crf)})
        for crf in (1, 10, 14, 18)
    },
    "h264, crf 18": ("libx264", {"preset": "veryfast", "crf": "18"}),
    "h264, crf 23": ("libx264", {"preset": "veryfast", "crf": "23"}),
    "h264, crf 28": ("libx264", {"preset": "veryfast", "crf": "28"}),
}
SIZE, NOISE, TIMED = (640, 480), 1.5, 90


def as_yuv(pictures: Sequence[Frame]) -> list[av.VideoFrame]:
    """Return frames as most cameras give them: half the chroma each way."""
    return [as_picture(picture).reformat(format="yuv420p") for picture in pictures]


def store(path: Path, pictures: list[av.VideoFrame], name: str, options: dict[str, str]) -> float:
    """Write a video and return the processor time per frame, ms."""
    before = time.process_time()
    with av.open(str(path), "w") as container:
        stream = container.add_stream(name, rate=Fraction(FPS), options=dict(options))
        stream.width, stream.height = pictures[0].width, pictures[0].height
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        for index, picture in enumerate(pictures):
            picture.pts, picture.time_base = index, Fraction(1) / Fraction(FPS)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return 1e3 * (time.process_time() - before) / len(pictures)


def clarity(video: Path, method: str, truth: float) -> float:
    """Return the signal-to-noise ratio of the pulse, dB; minus infinity if another rate is read."""
    found = rf.measure(video, method=method, min_confidence=0.0)
    if found.heart_rate_bpm is None or found.snr_db is None:
        return -np.inf
    return found.snr_db if abs(found.heart_rate_bpm - truth) < 5 else -np.inf


def main() -> None:
    """Print a table in Markdown."""
    cv2.setNumThreads(1)
    codecs = {"ffv1": ENCODERS["ffv1"], "h264": ENCODERS["h264"], **OTHERS}
    wave = pulse_wave(demo_scene())
    truth = float(np.mean(wave.heart_rate(np.arange(1.0, 19.0))))
    rng = np.random.default_rng(0)
    rows: dict[str, list[str]] = {name: [] for name in codecs}
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "video.mkv"
        clip = list(frames())[:TIMED]
        large = [cv2.resize(one, SIZE).astype(np.float32) for one in clip]
        noisy = [one + rng.normal(0, NOISE, one.shape) for one in large]
        timed = as_yuv([np.clip(np.round(one), 0, 255).astype(np.uint8) for one in noisy])
        for name, (encoder, options) in codecs.items():
            spent = store(video, timed, encoder, options)
            rate = video.stat().st_size / len(timed) * FPS / 1e6
            rows[name] += [f"{rate:.2f}", f"{spent:.1f}"]
        for amplitude in AMPLITUDES:
            shown = as_yuv(list(tqdm(frames(amplitude), "draw", leave=False)))
            best: dict[str, float] = {}
            for name, (encoder, options) in codecs.items():
                store(video, shown, encoder, options)
                for method in METHODS:
                    snr = clarity(video, method, truth)
                    best.setdefault(method, snr)
                    loss = best[method] - snr
                    lost = "not read" if not np.isfinite(loss) else f"{loss:.2f}"
                    rows[name].append(f"{snr:.1f}" if name == "ffv1" else lost)
    columns = [f"{100 * a:g} %, {method}" for a in AMPLITUDES for method in METHODS]
    print("| Codec | MB/s | CPU, ms a frame |", " | ".join(columns), "|")
    print("|---" * (3 + len(columns)) + "|")
    for name, cells in rows.items():
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
