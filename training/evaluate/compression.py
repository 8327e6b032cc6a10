r"""Report how much of a known pulse compression leaves in real video.

    for crf in 12 18 23 28 33; do python -m training.data.inject --crf $crf --amplitudes 0.6 \
        --limit-seconds 12 --split dev --catalogue ... --fingers ... --out data/crf/$crf; done
    python -m training.evaluate.compression data/crf/*

prints, by the bits of the file for each pixel of each frame, the share of the amplitude that is
left after the encoder. The carriers have been compressed before, so their own noise is small.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from training.data.clip_folder import ABOUT
from training.support.command import command

EDGES = (0.0, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.2, np.inf)
"""Bounds of the rows, bits per pixel."""


class Kept(NamedTuple):
    """One clip: bits per pixel of its file, and the share of the amplitude that is left."""

    bits_per_pixel: float
    share: float


def kept(folder: Path) -> list[Kept]:
    """Return the clips of a folder that ``training.data.inject`` made.

    Raises
    ------
    FileNotFoundError
        If it holds none.
    """
    found = []
    for path in sorted(folder.glob(f"*/{ABOUT}")):
        about = json.loads(path.read_text(encoding="utf-8"))
        left = about["amplitude_after_encoding_percent"]
        if left is not None:
            bits = bits_per_pixel(path.parent / about["video"])
            found.append(Kept(bits, left / about["amplitude_percent"]))
    if not found:
        raise FileNotFoundError(f"{folder}: holds no clip made by training.data.inject")
    return found


def bits_per_pixel(video: Path) -> float:
    """Return the bits of a file's packets for each pixel of each frame, without decoding it."""
    with av.open(str(video)) as container:
        stream = container.streams.video[0]
        sizes = [packet.size for packet in container.demux(stream) if packet.size]
        return float(8 * np.mean(sizes) / (stream.width * stream.height))


def markdown(clips: Sequence[Kept]) -> str:
    """Return a table with a row for each range of ``EDGES`` that has clips."""
    lines = [
        "| Bits per pixel | Clips | Left of the amplitude, median | Middle half |",
        "| --- | ---: | ---: | ---: |",
    ]
    for low, high in zip(EDGES, EDGES[1:]):
        shares = [clip.share for clip in clips if low <= clip.bits_per_pixel < high]
        if shares:
            quarter, half, most = np.percentile(shares, [25, 50, 75])
            name = f"{low:g} to {high:g}" if np.isfinite(high) else f"{low:g} and more"
            lines.append(
                f"| {name} | {len(shares)} | {half:.0%} | {quarter:.0%} to {most:.0%} |".replace(
                    "%", " %"
                )
            )
    return "\n".join(lines) + "\n"


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate.compression", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folders", type=Path, nargs="+", help="of training.data.inject")
    given = parser.parse_args(arguments)
    print(markdown([clip for folder in given.folders for clip in kept(folder)]), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
