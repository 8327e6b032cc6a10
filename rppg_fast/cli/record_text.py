"""What ``rppg-fast record`` says: its state as it goes on, a recording, a report."""

from __future__ import annotations

import shutil
import sys
from time import monotonic
from typing import TYPE_CHECKING

from rppg_fast.cli.output import say

if TYPE_CHECKING:
    from rppg_fast.live import LiveSession
    from rppg_fast.record.recording import Stored
    from rppg_fast.record.report import Report
    from rppg_fast.record.sensor import Sensor
    from rppg_fast.record.session import Ending, RecordingSession

#: Time between two lines of progress in a terminal, and elsewhere, s.
_SHOW, _SHOW_IN_FILE = 0.25, 5.0


class View:
    """Progress as plain text: a line that changes in a terminal, now and then one elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._shown = -_SHOW_IN_FILE
        self._visible = False
        self.live: LiveSession | None = None  # the page shows the state, too

    def show(self, text: str) -> None:
        """Show a state."""
        if self.live is not None:
            self.live.note = text
        now = monotonic()
        if now - self._shown < (_SHOW if self._terminal else _SHOW_IN_FILE):
            return
        self._shown = now
        if self._terminal:
            shown = text[: shutil.get_terminal_size().columns - 1]  # a second line would stay
            print(f"\r\033[K{shown}", end="", file=sys.stderr, flush=True)
            self._visible = True
        else:
            print(text, file=sys.stderr, flush=True)

    def line(self, text: str) -> None:
        """Print a line that stays."""
        self.clear()
        if self.live is not None:
            self.live.note = text
        say(text)

    def clear(self) -> None:
        """Erase the state."""
        if self._visible:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self._visible = False


def progress(session: RecordingSession, duration: float) -> str:
    """Return the state of a recording of ``duration`` seconds."""
    from rppg_fast.record.finger import ADVICE

    now = session.progress
    finger = now.finger
    rate = "" if finger.heart_rate_bpm is None else f" {finger.heart_rate_bpm:.0f} bpm"
    faces = session.live.snapshot.faces
    reading = faces[0].reading.heart_rate_bpm if faces else None
    status = faces[0].reading.status if faces else "no_face"
    camera = f"{status}" if reading is None else f"{reading:.0f} bpm"
    dropped = f", {now.dropped_frames} dropped" if now.dropped_frames else ""
    return (
        f"{now.seconds:.0f} of {duration:g} s: {now.frames} frames{dropped}, "
        f"{now.size / 1e6:.0f} MB; camera {camera}; finger {ADVICE[finger.state]}{rate}"
    )


def describe_recording(recording: Stored, ending: Ending, sensor: Sensor) -> str:
    """Return what was recorded as one line."""
    rate = (ending.frames - 1) / ending.duration_s if ending.duration_s > 0 else 0.0
    clock = sensor.statistics().clock
    drift = (
        ""
        if clock is None
        else (f"; the sensor's clock: {clock.drift_ppm:+.0f} ppm, +-{clock.residual_ms:.1f} ms")
    )
    return (
        f"{recording.folder}: {ending.duration_s:.1f} s, {ending.frames} frames at {rate:.2f} fps "
        f"({ending.dropped_frames} dropped), {ending.samples} samples ({ending.lost_samples} lost)"
        f"{drift}"
    )


def describe_report(name: str, report: Report) -> str:
    """Return a report as one line of text."""
    finger = "no pulse" if report.finger_bpm is None else f"{report.finger_bpm:.1f} bpm"
    camera = f"{report.status}" if report.camera_bpm is None else f"{report.camera_bpm:.1f} bpm"
    error = (
        ""
        if report.mean_error_bpm is None
        else f" (mean error {report.mean_error_bpm:.1f} bpm, {report.wrong_windows} wrong)"
    )
    delay = (
        ""
        if report.delay_s is None
        else f"; the video's pulse comes {1e3 * report.delay_s:+.0f} ms after the finger's "
        f"(correlation {report.correlation:.2f})"
    )
    return (
        f"{name}: finger {finger}, camera {camera}, {report.ok_windows} of {report.windows} "
        f"windows{error}{delay}"
    )
