"""What the command line prints: results, reasons, errors, and its exit codes."""

from __future__ import annotations

import math
import sys
from typing import TYPE_CHECKING

from rppg_fast.conditions import Obstacle
from rppg_fast.reading import Measurement, Status
from rppg_fast.results import naming, reason_of

if TYPE_CHECKING:
    from rppg_fast.conditions import Conditions
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
    return f"no pulse that can be trusted{_clearest(result)}: {_remedy(result.conditions)}"


def _clearest(result: Measurement) -> str:
    """Return how clear the clearest rhythm is, in parentheses; nothing if there is none."""
    if result.confidence is None or result.candidate_bpm is None:
        return ""
    text = f"confidence {result.confidence:.2f} for {result.candidate_bpm:.0f} bpm"
    rates = [w.heart_rate_bpm for w in result.windows if w.heart_rate_bpm is not None]
    if rates:
        read = f"{min(rates):.0f} to {max(rates):.0f} bpm in {len(rates)}"
        text += f"; {read} of {len(result.windows)} windows alone"
    return f" ({text})"


def _remedy(conditions: Conditions | None) -> str:
    """Return what can hide the pulse, and what helps."""
    if conditions is None or not conditions.obstacles:
        return "more light from the front, a still face and less compression help"
    bits = 0.0 if conditions.bits_per_pixel is None else conditions.bits_per_pixel
    words = {
        Obstacle.DARK: "the face is dark, give it more light from the front",
        Obstacle.BRIGHT: "the face is too bright, use less light or a shorter exposure",
        Obstacle.SMALL: f"the face is small ({conditions.side_px:.0f} pixels), come closer",
        Obstacle.MOVEMENT: "the face moves much, hold still",
        Obstacle.COMPRESSION: f"the video is strongly compressed ({bits:.3f} bits a pixel), record "
        "with a higher bit rate",
        Obstacle.NO_COLOR: "the picture has no color, use a color camera",
    }
    return "; ".join(words[obstacle] for obstacle in conditions.obstacles)
