"""``rppg-fast measure --out``: the results of many videos, appended to a file."""

from __future__ import annotations

import argparse
import sys
from time import monotonic

from rppg_fast.cli.output import BAD_INPUT, NO_HEART_RATE, OK, say
from rppg_fast.many.inputs import list_videos
from rppg_fast.many.run import measure_many
from rppg_fast.pulse import PulseSettings

#: Options of ``measure`` that are passed on if they are given.
_OPTIONS = ("box", "box_scale", "fps", "duration")


def run_many(options: argparse.Namespace, settings: PulseSettings) -> int:
    """Measure, print a summary, and return the exit code."""
    jobs = list_videos(options.videos)
    given = {name: getattr(options, name) for name in _OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    if options.faces == "one":
        given["tracking"] = options.tracking
    results = measure_many(
        jobs,
        jobs=options.jobs,
        out=options.out,
        weights=options.weights,
        faces=options.faces,
        method=options.method,
        step=options.step,
        settings=settings,
        **given,
    )
    began, measured, found, failed = monotonic(), 0, 0, 0
    visible = sys.stderr.isatty()
    for result in results:
        measured += 1
        found += any(face["status"] == "ok" for face in result.faces)
        if result.error:
            failed += 1
            print(f"rppg-fast: {result.error}", file=sys.stderr)
        if visible:
            rate = measured / max(monotonic() - began, 1e-3)
            sys.stderr.write(f"\r\033[K{measured} videos, {rate:.1f} a second")
            sys.stderr.flush()
    if visible:
        sys.stderr.write("\r\033[K")
    earlier = len(jobs) - measured
    before = f", {earlier} were in {options.out} before" if earlier else ""
    say(
        f"{options.out}: {measured} videos measured{before}; {found} gave a heart rate, "
        f"{measured - found - failed} none, {failed} could not be measured"
    )
    if failed:
        return BAD_INPUT
    return OK if found == measured else NO_HEART_RATE
