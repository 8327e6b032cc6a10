"""``rppg-fast demo``: measures the demonstration clip, whose true heart rate is known."""

from __future__ import annotations

import argparse
from pathlib import Path

from rppg_fast.cli.output import NO_HEART_RATE, OK, describe
from rppg_fast.cli.progress import ProgressBar
from rppg_fast.measurement import measure
from rppg_fast.pulse import PulseSettings
from rppg_fast.reference import Reference
from rppg_fast.sources import open_source

_ASSETS = Path(__file__).parents[1] / "assets"
#: The clip.
DEMO = _ASSETS / "demo.mp4"
_TRUTH = _ASSETS / "demo_truth.txt"


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    command = commands.add_parser("demo", help="measure a clip whose true heart rate is known")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command, and return its exit code."""
    video = open_source(DEMO)
    print("A synthetic clip: a still portrait, gently moved, with a known pulse put into the skin.")
    with ProgressBar(video) as bar:
        result = measure(video, progress=bar)
    if result.heart_rate_bpm is None:
        print(describe(result, PulseSettings()))
        return NO_HEART_RATE
    truth = Reference.read(_TRUTH).mean_heart_rate(
        result.windows[0].start_s, result.windows[-1].end_s
    )
    print(f"measured heart rate: {result.heart_rate_bpm:.1f} bpm (SNR {result.snr_db:.1f} dB)")
    print(f"true heart rate:     {truth:.1f} bpm")
    return OK
