"""What the command line prints: results, reasons, errors, and its exit codes."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from rppg_fast.reading import Measurement, Status
from rppg_fast.results import naming, reason_of

if TYPE_CHECKING:
    from rppg_fast.pulse import PulseSettings

#: Exit codes: every video gave a heart rate; the input is bad; a video gave no heart rate.
OK, BAD_INPUT, NO_HEART_RATE = 0, 2, 3

#: Narrowest band that the engine accepts, Hz.
_NARROWEST_BAND = 1.0


def complain(error: Exception) -> int:
    """Print an error on standard error, and return its exit code."""
    print(f"rppg-fast: {reason_of(error)}", file=sys.stderr)
    return BAD_INPUT


def say(text: str) -> None:
    """Print a line at once; characters that the encoding lacks are escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    with naming("standard output"):
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def describe(result: Measurement, settings: PulseSettings) -> str:
    """Return a result as one line of text."""
    name = result.video if result.face is None else f"{result.video}, face {result.face}"
    if result.heart_rate_bpm is not None and result.snr_db is not None:
        skipped = f", {result.skipped_frames} frames skipped" if result.skipped_frames else ""
        agree = round(result.coverage * len(result.windows))
        return (
            f"{name}: {result.heart_rate_bpm:.1f} bpm (confidence {result.confidence:.2f}, "
            f"SNR {result.snr_db:.1f} dB, {agree} of {len(result.windows)} windows, "
            f"{result.frames} frames at {result.fps:.2f} fps{skipped})"
        )
    return f"{name}: no heart rate, {result.status}: {_reason(result, settings)}"


def _reason(result: Measurement, settings: PulseSettings) -> str:
    """Return the reason why there is no heart rate, and a remedy."""
    least = min(settings.min_window, settings.window)
    if result.status is Status.NO_FACE:
        return "no face was found: come closer, or give the face's pixels with --box"
    if result.status is Status.WARMING_UP:
        return (
            f"a face must be seen for {least:g} s, of {result.duration_s:.1f} s of video; "
            "a smaller --min-window accepts less"
        )
    if result.status is Status.GAP and 0 < result.fps < 2 * settings.high:
        highest = math.floor(10 * result.fps / 2) / 10
        enough = f"--high {highest:g} would do"
        if highest < settings.low + _NARROWEST_BAND:
            enough = f"{2 * (settings.low + _NARROWEST_BAND):g} are the least, with --high to match"
        return (
            f"{result.fps:.1f} frames per second are too few for heart rates up to "
            f"{settings.high:g} Hz: {enough}"
        )
    if result.status is Status.GAP:
        return (
            f"frames are missing: no {least:g} s were seen with pauses of at most "
            f"{settings.max_gap:g} s"
        )
    about = "" if result.confidence is None else f" (confidence {result.confidence:.2f})"
    return (
        f"no pulse that can be trusted{about}: more light from the front, a face that is larger "
        "and still, and less compression help"
    )
