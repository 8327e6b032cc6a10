r"""Heart rates that the networks of open-rppg read from videos, for the scoreboard.

    python -m venv peers && peers/bin/pip install open-rppg==0.1.1 "setuptools<81"
    peers/bin/python -m bench.open_rppg --videos FOLDER... --out open_rppg.json
    python -m training.evaluate.scoreboard ... --others open_rppg.json

It runs in an environment of its own, without this package. open-rppg gives a heart rate for every
video, and its own quality, SQI, beside it. Every network has two entries: all of its heart rates,
and those alone whose SQI is above 0.5, the limit from which it computes the variability of the
heart rate. The weights are for comparison only: their licences are those of their papers.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

MODELS = ("FacePhys.rlap", "ME-chunk.rlap", "PhysFormer.rlap", "PhysNet.rlap", "TSCAN.rlap")
"""One of each kind of network, trained on the data set with most people."""

LEAST_SQI = 0.5

SUFFIXES = (".mp4", ".mkv", ".avi", ".mov", ".webm")


def videos_in(folders: Sequence[Path]) -> Iterator[tuple[str, Path]]:
    """Yield each video with the scoreboard's name for it.

    It is the name of the file, or of the folder where each clip has a folder of its own.

    Raises
    ------
    FileNotFoundError
        If a folder contains no video.
    """
    for folder in folders:
        whole = sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)
        single = sorted(path for path in folder.glob("*/*") if path.suffix in SUFFIXES)
        if not whole and not single:
            raise FileNotFoundError(f"{folder}: contains no video ({', '.join(SUFFIXES)})")
        for path in whole:
            yield path.name, path
        for path in single:
            yield path.parent.name, path


def rates(model: Any, videos: Sequence[tuple[str, Path]]) -> dict[str, tuple[float, float] | None]:
    """Return heart rate (bpm) and SQI of each video; None if it found no face or failed."""
    found: dict[str, tuple[float, float] | None] = {}
    for number, (name, path) in enumerate(videos):
        try:
            result = model.process_video(str(path))
        except Exception as error:  # other people's code: whatever it raises is its result
            print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
            result = None
        known = result is not None and result["hr"] is not None
        found[name] = (float(result["hr"]), float(result["SQI"])) if known else None
        print(f"{number + 1} of {len(videos)} {name}: {found[name]}", file=sys.stderr)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.open_rppg", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--videos", type=Path, nargs="+", required=True, metavar="FOLDER")
    parser.add_argument("--models", nargs="+", default=MODELS, metavar="NAME")
    parser.add_argument("--only", type=Path, help="a split (JSON); only its part 'test'")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    given = parser.parse_args(arguments)
    import rppg  # type: ignore[import-not-found,unused-ignore]  # not in this environment

    logging.getLogger("open-rppg").setLevel(logging.ERROR)
    videos = list(videos_in(given.videos))
    if given.only is not None:
        test = set(json.loads(given.only.read_text(encoding="utf-8"))["test"])
        # Files of a split, and clips that were made from them: face07-0.6-1 from face07.mp4.
        stems = {Path(name).stem for name in test}
        videos = [(n, p) for n, p in videos if n in test or n.split("-")[0] in stems]
    program = f"open-rppg {version('open-rppg')}"
    entries = []
    for name in given.models:
        found = rates(rppg.Model(name), videos)
        sure = {clip: one if one and one[1] > LEAST_SQI else None for clip, one in found.items()}
        for title, some in ((name, found), (f"{name}, SQI > {LEAST_SQI:g}", sure)):
            clips = {clip: one[0] if one else None for clip, one in some.items()}
            entries.append({"program": f"{program} {title}", "clips": clips})
        given.out.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
