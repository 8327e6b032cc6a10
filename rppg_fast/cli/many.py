"""``rppg-fast measure --out``: the results of many videos, appended to a file."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from time import monotonic

from rppg_fast.cli.output import BAD_INPUT, NO_HEART_RATE, OK, say
from rppg_fast.many.inputs import list_videos
from rppg_fast.many.progress import RunProgress
from rppg_fast.many.run import measure_many
from rppg_fast.pulse import PulseSettings

#: Options of ``measure`` that are passed on if they are given.
_OPTIONS = ("box", "box_scale", "fps", "duration")
#: Time between two lines of progress where standard error is not a terminal, s.
_INTERVAL = 60.0


def run_many(options: argparse.Namespace, settings: PulseSettings) -> int:
    """Measure, print a summary, and return the exit code."""
    jobs = list_videos(options.videos)
    given = {name: getattr(options, name) for name in _OPTIONS}
    given = {name: value for name, value in given.items() if value is not None}
    if options.faces == "one":
        given["tracking"] = options.tracking
    line = _ProgressLine()
    results = measure_many(
        jobs,
        jobs=options.jobs,
        client=options.dask,
        out=options.out,
        weights=options.weights,
        progress=line.show,
        faces=options.faces,
        method=options.method,
        step=options.step,
        settings=settings,
        **given,
    )
    measured, found, failed = 0, 0, 0
    for result in results:
        measured += 1
        found += any(face["status"] == "ok" for face in result.faces)
        if result.error:
            failed += 1
            line.erase()
            print(f"rppg-fast: {result.error}", file=sys.stderr)
    line.erase()
    earlier = len(jobs) - measured
    before = f", {earlier} were in {options.out} before" if earlier else ""
    say(
        f"{options.out}: {measured} videos measured{before}; {found} gave a heart rate, "
        f"{measured - found - failed} none, {failed} could not be measured"
    )
    if failed:
        return BAD_INPUT
    return OK if found == measured else NO_HEART_RATE


class _ProgressLine:
    """The progress of a run on standard error: a line that changes, or one a minute in a log."""

    def __init__(self) -> None:
        self._began = self._shown = monotonic()
        self._earlier: int | None = None
        self._terminal = sys.stderr.isatty()

    def show(self, progress: RunProgress) -> None:
        """Show how far the run is."""
        now = monotonic()
        if self._earlier is None:  # results of an earlier run say nothing of this one's speed
            self._earlier, self._began = progress.done, now
        if self._terminal:
            width = shutil.get_terminal_size().columns - 1
            sys.stderr.write(f"\r\033[K{self._text(progress, now)[:width]}")
            sys.stderr.flush()
        elif now - self._shown >= _INTERVAL:
            self._shown = now
            print(f"rppg-fast: {self._text(progress, now)}", file=sys.stderr)

    def erase(self) -> None:
        """Remove the line."""
        if self._terminal:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()

    def _text(self, progress: RunProgress, now: float) -> str:
        text = f"{progress.done} of {progress.total} videos"
        measured = progress.done - (self._earlier or 0)
        if measured:
            rate = measured / max(now - self._began, 1e-3)
            minutes = (progress.total - progress.done) / rate / 60
            text += f", {rate:.1f} a second, {minutes:.0f} min left"
        files = [
            os.path.basename(video) + (f" {share:.0%}" if share is not None else "")
            for video, share in progress.under_way.items()
        ]
        return f"{text}: {', '.join(files)}" if files else text
