"""Write UBFC-rPPG's file of the true pulse."""

from __future__ import annotations

from pathlib import Path

from training.data.trajectories import Times


def write_ground_truth(path: Path, ppg: Times, heart_rate: Times, times: Times) -> None:
    """Write three rows as in UBFC-rPPG's DATASET_2: PPG, heart rate in bpm, time in seconds."""
    rows = ("  ".join(f"{value: .7e}" for value in row) for row in (ppg, heart_rate, times))
    path.write_text("\n".join(rows) + "\n", encoding="ascii")
