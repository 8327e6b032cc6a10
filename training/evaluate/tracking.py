"""Compare the ways of tracking a face, on synthetic recordings of whole pictures.

    python -m training.evaluate.tracking --clips 4

Each scene is rendered once and its face is found by MTCNN; every frame is passed to one monitor for
each way of tracking. For every set of scenes it prints: the share of windows (one per second) whose
largest peak is within 3 bpm of the truth, the share of windows that are ok, their mean error, and
the mean SNR.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from tqdm import tqdm

import rppg_fast as rf
from rppg_fast.monitor import TRACKINGS
from training.support.command import command
from training.synthetic.generate import clip_times
from training.synthetic.parameters import OFF, Between, Choice, Law, OneOf
from training.synthetic.presets import BROAD
from training.synthetic.render import place_in_frame, render
from training.synthetic.scene import sample_scene
from training.synthetic.timeline import pulse_wave

SEED = 4242  # differs from the seeds of the training sets and of the benchmark
SIZE = 480, 360
SECONDS = 14.0

_CAMERA: Mapping[str, Law] = {
    "camera.codec": Choice({"none": 1.0}),
    "camera.fps": OneOf((30.0,)),
    "camera.drops": OFF,
}
SETS: Mapping[str, Mapping[str, Law]] = {
    "ordinary": {},
    "broad": BROAD,
    "sways far": {
        "motion.sway": Between(0.3, 0.7, log=True),
        "pulse.amplitude": Between(0.004, 0.012),
    },
}


def errors_of_clip(
    ranges: Mapping[str, Law], index: int, method: str
) -> dict[str, list[tuple[float, float, float]]]:
    """Render one scene and measure it with every way of tracking.

    Returns
    -------
    dict of str to list of tuple
        For each way of tracking, for every window: the error of its largest peak, bpm; the error of
        its reading, bpm, NaN if it is not ok; and its SNR, dB. NaN if there is no peak.
    """
    scene = sample_scene(SEED, index, {**ranges, **_CAMERA})
    times = clip_times(scene, SECONDS)
    rates = pulse_wave(scene).heart_rate(times)
    monitors = {name: rf.HeartRateMonitor(method=method, tracking=name) for name in TRACKINGS}
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in TRACKINGS}
    due = 10.0
    for frame, time in zip(render(scene, place_in_frame(scene, *SIZE), times), times):
        readings = {name: monitor.push(frame, time) for name, monitor in monitors.items()}
        if time < due:
            continue
        due += 1.0
        truth = float(rates[(times > time - 10.0) & (times <= time)].mean())
        for name, reading in readings.items():
            pulse = monitors[name].pulse[1]
            peak = rf.spectrum(pulse, 30.0).heart_rate if pulse.size >= 290 else np.nan
            read = np.nan if reading.heart_rate_bpm is None else reading.heart_rate_bpm
            snr_db = np.nan if reading.snr_db is None else reading.snr_db
            found[name].append((abs(peak - truth), abs(read - truth), snr_db))
    return found


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate.tracking", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--clips", type=int, default=4, help="of each set")
    parser.add_argument("--method", default="student")
    args = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    for title, ranges in SETS.items():
        clips = [
            errors_of_clip(ranges, index, args.method)
            for index in tqdm(range(args.clips), title, leave=False)
        ]
        for name in TRACKINGS:
            peak, read, snr_db = np.array([row for clip in clips for row in clip[name]]).T
            good, ok = np.mean(peak < 3.0), np.isfinite(read)
            error = np.mean(read[ok]) if ok.any() else np.nan
            print(
                f"{title:10} {name:7} {len(peak)} windows: {good:.3f} within 3 bpm, "
                f"{ok.mean():.3f} ok, their mean error {error:.2f} bpm, "
                f"SNR {np.nanmean(snr_db):.1f} dB",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
