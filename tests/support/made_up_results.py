"""Write results and truths for tests of the evaluation: pulses whose rate is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FIRST_BPM, LAST_BPM = 60.0, 90.0
SECONDS = 40.0


def rising(times: Floats) -> Floats:
    """Return the rate of the PPG, bpm: it rises linearly during ``SECONDS``."""
    return FIRST_BPM + (LAST_BPM - FIRST_BPM) * times / SECONDS


def finger(fs: float, start: float = 0.0, stop: float = SECONDS) -> tuple[Floats, Floats]:
    """Return times, s, and a PPG whose rate is ``rising``."""
    times = np.arange(start, stop, 1 / fs)
    turns = (FIRST_BPM * times + (LAST_BPM - FIRST_BPM) * times**2 / (2 * SECONDS)) / 60
    return times, np.sin(2 * np.pi * turns) + 0.3 * np.sin(4 * np.pi * turns + 0.5)


def write_ubfc(folder: Path) -> None:
    folder.mkdir(parents=True)
    times, ppg = finger(30)
    rows = (" ".join(f"{v:.7e}" for v in row) for row in (ppg, np.full(times.size, 1.0), times))
    (folder / "ground_truth.txt").write_text("\n".join(rows))


def write_gtdump(folder: Path) -> None:
    folder.mkdir(parents=True)
    rows = (f"{1000 * t:.0f},1,98,{v:.6f}" for t, v in zip(*finger(62)))
    (folder / "gtdump.xmp").write_text("\n".join(rows))


def write_pure(folder: Path) -> None:
    folder.mkdir(parents=True)
    begin = 1392643993642815001
    package = [
        {"Timestamp": begin + round(1e9 * t), "Value": {"waveform": float(v)}}
        for t, v in zip(*finger(60, -0.5))
    ]
    log = {"/FullPackage": package, "/Image": [{"Timestamp": begin}]}
    (folder / f"{folder.name}.json").write_text(json.dumps(log))


def write_own(folder: Path, subject: str = "anna") -> None:
    """Write the layout ``own``, whose clock says 100 s at the first frame."""
    folder.mkdir(parents=True)
    rows = "\n".join(f"{100 + t:.6f},{v:.6f}" for t, v in zip(*finger(100, -2.0, SECONDS + 2)))
    (folder / "ppg.csv").write_text(f"time_s,ppg\n{rows}\n")
    frames = "\n".join(f"{100 + i / 30:.6f}" for i in range(int(30 * SECONDS)))
    (folder / "frames.csv").write_text(f"time_s\n{frames}\n")
    (folder / "subject.txt").write_text(f"{subject}\n")


WRITERS = {
    "subject7": write_ubfc,
    "5-gt": write_gtdump,
    "01-02": write_pure,
    "anna monday": write_own,
}


def window(
    end: float, rate: float | None, confidence: float = 0.9, candidate: float | None = None
) -> dict[str, Any]:
    """Return a window of 10 s, as ``rppg-fast measure`` writes it."""
    return {
        "start_s": end - 10,
        "end_s": end,
        "heart_rate_bpm": rate,
        "confidence": confidence,
        "candidate_bpm": rate if candidate is None else candidate,
        "status": "low_signal" if rate is None else "ok",
    }


def result(
    video: str,
    rate: float | None,
    windows: Sequence[dict[str, Any]] = (),
    confidence: float = 0.9,
    **columns: str,
) -> dict[str, Any]:
    """Return the result of a video, as ``rppg-fast measure`` writes it."""
    return {
        "video": video,
        "status": "low_signal" if rate is None else "ok",
        "heart_rate_bpm": rate,
        "confidence": confidence,
        "windows": list(windows),
        **columns,
    }


def write_lines(path: Path, results: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in results))
    return path


def write_table(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path
