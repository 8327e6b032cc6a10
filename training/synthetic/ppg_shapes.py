"""Compute average beat shapes of real finger PPGs, as a small table of Fourier coefficients.

``python -m training.synthetic.ppg_shapes`` computes ``ppg_shapes.json`` from the Welltory PPG data
set (CC0), which must be in ``$RPPG_DATA/pulse/welltory``. The table is committed, the recordings
are not.

Sign: the red channel of a finger on a phone camera gets *darker* when blood flows in. As everywhere
in this project, a PPG *rises* with the blood volume, so it is the negative red channel.
"""

from __future__ import annotations

import argparse
import json
import os
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.signal import butter, find_peaks, sosfiltfilt

TABLE = Path(__file__).with_name("ppg_shapes.json")

HARMONICS = 6  # a 30 fps phone can show at most about six at resting rates
_FS = 100.0  # Hz; uniform grid on which the irregular phone samples are analysed
_BEAT_SAMPLES = 64
_MIN_CORRELATION = 0.9  # with the subject's median beat; less means movement or a missed beat
_MIN_BEATS = 30
_MIN_SWING = 0.5  # standard deviation in 8-bit levels; a saturated channel has less


@cache
def load_shapes(path: Path = TABLE) -> NDArray[np.complex128]:
    """Read the table of beat shapes.

    Returns
    -------
    complex128 (subjects, HARMONICS)
        Row ``c`` describes the beat ``Re(sum_k c[k - 1] * exp(i * k * phase))`` for ``k`` from 1,
        where ``phase`` grows by 2 pi per beat. The first harmonic is 1 in every row. The array is
        read once and cannot be written to.
    """
    table = json.loads(path.read_text(encoding="utf-8"))
    rows = [np.array(row["re"]) + 1j * np.array(row["im"]) for row in table["subjects"]]
    shapes = np.stack(rows)
    shapes.flags.writeable = False
    return shapes


def mean_beat(
    times: NDArray[np.float64], red: NDArray[np.float64]
) -> tuple[NDArray[np.float64], int]:
    """Return the average beat of one recording.

    Parameters
    ----------
    times
        Times of the samples, s, increasing.
    red
        Red channel of a finger on a phone camera, 8-bit levels.

    Returns
    -------
    beat : float64 (64,)
        Mean beat from one steepest rise to the next; it rises with the blood volume.
    count : int
        Number of beats in the mean.
    """
    grid = np.arange(times[0], times[-1], 1 / _FS)
    ppg = -np.interp(grid, times, red)
    wave = sosfiltfilt(butter(2, (0.5, 8.0), "bandpass", fs=_FS, output="sos"), ppg)
    slow = sosfiltfilt(butter(2, (0.5, 3.0), "bandpass", fs=_FS, output="sos"), ppg)
    slope = np.gradient(slow)
    onsets, _ = find_peaks(slope, distance=int(0.4 * _FS), height=0.4 * np.percentile(slope, 95))
    spline = CubicSpline(grid, wave)
    beats = []
    for start, stop in zip(grid[onsets[:-1]], grid[onsets[1:]]):
        if 0.4 < stop - start < 1.5:
            beat = spline(np.linspace(start, stop, _BEAT_SAMPLES, endpoint=False))
            beats.append((beat - beat.mean()) / beat.std())
    if not beats:
        return np.zeros(_BEAT_SAMPLES), 0
    every = np.stack(beats)
    median = np.median(every, axis=0)
    good = (every @ median) / _BEAT_SAMPLES / median.std() > _MIN_CORRELATION
    return every[good].mean(axis=0) if good.any() else median, int(good.sum())


def fourier(beat: NDArray[np.float64]) -> NDArray[np.complex128]:
    """Return harmonics 1 to HARMONICS of a beat, scaled and shifted so that the first is 1."""
    spectrum = np.fft.rfft(beat)[1 : HARMONICS + 1]
    order = np.arange(1, HARMONICS + 1)
    shift = np.exp(-1j * np.angle(spectrum[0]) * order)
    return np.asarray(spectrum * shift / np.abs(spectrum[0]))


def main() -> None:
    """Write the table from the recordings under ``$RPPG_DATA``."""
    parser = argparse.ArgumentParser(description="derive ppg_shapes.json from the Welltory records")
    parser.add_argument("--out", type=Path, default=TABLE)
    args = parser.parse_args()
    if "RPPG_DATA" not in os.environ:
        parser.error("RPPG_DATA is not set")
    root = Path(os.environ["RPPG_DATA"]) / "pulse" / "welltory"
    subjects = []
    for folder in sorted(root.glob("subject_*")):
        data = np.loadtxt(folder / "PPG.csv", delimiter=",", skiprows=1)
        beat, count = mean_beat(data[:, 0] / 1000, data[:, 1])
        if count < _MIN_BEATS or data[:, 1].std() < _MIN_SWING:
            print(f"{folder.name}: left out ({count} clean beats)")
            continue
        shape = fourier(beat)
        subjects.append(
            {
                "name": folder.name,
                "beats": count,
                "re": [round(float(c.real), 4) for c in shape],
                "im": [round(float(c.imag), 4) for c in shape],
            }
        )
        print(f"{folder.name}: {count} beats")
    source = "Welltory PPG dataset (CC0), red channel turned over: rises with blood volume"
    lines = ",\n".join("    " + json.dumps(subject) for subject in subjects)
    args.out.write_text(
        f'{{\n  "source": {json.dumps(source)},\n  "subjects": [\n{lines}\n  ]\n}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
