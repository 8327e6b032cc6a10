"""``rppg-fast record``: a camera and a pulse sensor together, for training and for checking."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import signal
import stat
import sys
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING

from rppg_fast.cli.arguments import size
from rppg_fast.cli.output import BAD_INPUT, NO_HEART_RATE, OK, complain, say
from rppg_fast.cli.progress import ProgressBar
from rppg_fast.cli.record_text import View, describe_recording, describe_report, progress

if TYPE_CHECKING:
    from rppg_fast.live import LiveSession
    from rppg_fast.record.recording import Setup, Stored
    from rppg_fast.record.session import Ending, RecordingSession
    from rppg_fast.sources import Source

#: The finger must lie well for so long before a recording begins, s.
_GOOD_FOR = 2.0


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "record",
        help="record a camera together with a pulse sensor at the finger",
        description="Record a camera together with a pulse sensor at the finger, in the layout "
        "that training reads. Ctrl-C ends the recording; what was recorded is kept.",
    )
    command.add_argument("folder", metavar="DIR", type=Path, help="folder of all recordings")
    command.add_argument(
        "--camera",
        default="0",
        metavar="SOURCE",
        help="a camera's number or device, an address, or a video file that is played in its own "
        "time (default: 0)",
    )
    command.add_argument(
        "--sensor",
        default="auto",
        metavar="PORT",
        help="serial port of the Arduino, auto to find it, or FILE.py:CLASS (default: auto)",
    )
    command.add_argument(
        "--channel", choices=("A", "I"), help="of the Arduino: analog pin or MAX30102"
    )
    command.add_argument(
        "--rate",
        type=int,
        default=100,
        metavar="HZ",
        help="samples per second of the Arduino: 25, 50 or 100 (100)",
    )
    command.add_argument(
        "--subject", type=int, metavar="N", help="number of the subject (default: a new one)"
    )
    command.add_argument(
        "--consent",
        action="store_true",
        help="the subject has agreed that the recording is used; training refuses it otherwise",
    )
    command.add_argument(
        "--recordings",
        type=int,
        default=1,
        metavar="K",
        help="whole recordings that the subject is to have; those that are there count (1)",
    )
    command.add_argument(
        "--duration", type=float, default=120.0, metavar="S", help="length of each, s (120)"
    )
    command.add_argument(
        "--countdown", type=float, default=3.0, metavar="S", help="before each, s (3)"
    )
    command.add_argument(
        "--codec",
        choices=("ffv1", "h264"),
        default="ffv1",
        help="ffv1 loses nothing; h264 is all-intra and smaller (default: ffv1)",
    )
    command.add_argument("--fps", type=float, metavar="HZ", help="frame rate to ask a camera for")
    command.add_argument(
        "--size", type=size, metavar="WxH", help="size to ask a camera for (default: 640x480)"
    )
    command.add_argument(
        "--camera-delay",
        type=float,
        default=0.0,
        metavar="S",
        help="how much later a frame arrives than it was taken, s; taken off its time (0)",
    )
    command.add_argument(
        "--skip-check", action="store_true", help="do not wait for a pulse at the finger"
    )
    command.add_argument("--page", action="store_true", help="show the pulse in a browser, too")
    command.add_argument(
        "--port", type=int, default=8765, metavar="N", help="port of the page (8765); 0: any"
    )
    command.add_argument("--no-report", action="store_true", help="make no report at the end")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command, and return its exit code."""
    _check(options)
    from rppg_fast.live import LiveSession
    from rppg_fast.record.recording import Setup, next_subject
    from rppg_fast.record.sensor import make_sensor
    from rppg_fast.record.session import RecordingSession

    view = View()
    subject = next_subject(options.folder) if options.subject is None else options.subject
    _finish_interrupted(options, view)
    if _whole(options.folder, subject) >= options.recordings:
        say(
            f"subject {subject} has {options.recordings} whole recordings: --recordings asks for "
            "more"
        )
        return OK
    with ExitStack() as stack:
        stack.callback(view.clear)
        sensor = stack.enter_context(make_sensor(options.sensor, options.rate, options.channel))
        source = _camera(options)
        live = stack.enter_context(LiveSession(source))
        view.live = live
        if options.page:
            _serve(live, options, stack)
        session = stack.enter_context(RecordingSession(live, sensor, options.camera_delay))
        setup = Setup(
            subject=subject,
            consent=options.consent,
            codec=options.codec,
            camera=re.sub("//[^/@]*@", "//", source.name),  # an address may hold a password
            sensor=sensor.name,
            camera_delay_s=options.camera_delay,
        )
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            return _record_all(session, setup, options, view)
        except KeyboardInterrupt:
            return OK


def _check(options: argparse.Namespace) -> None:
    for name in ("duration", "recordings"):
        if not getattr(options, name) > 0:
            raise ValueError(f"--{name} must be positive, is {getattr(options, name):g}")
    if options.subject is not None and options.subject < 1:
        raise ValueError(f"--subject must be a number from 1 on, is {options.subject}")
    if options.page and importlib.util.find_spec("uvicorn") is None:
        raise ValueError('--page needs uvicorn: pip install "rppg_fast[live]"')


def _camera(options: argparse.Namespace) -> Source:
    """Open the camera.

    FFmpeg reads Linux' cameras, also where OpenCV is installed: it gives the frames as the driver
    has them, with the driver's times, where OpenCV converts them and takes the time of arrival.
    """
    from rppg_fast.sources import open_source
    from rppg_fast.sources.camera import SIZE, FFmpegCamera

    name = options.camera
    is_device = os.path.exists(name) and stat.S_ISCHR(os.stat(name).st_mode)
    if sys.platform == "linux" and (is_device or name.isdecimal()):
        device = name if is_device else int(name)
        return FFmpegCamera(device, options.fps, options.size or SIZE)
    return open_source(name, fps=options.fps, size=options.size)


def _serve(live: LiveSession, options: argparse.Namespace, stack: ExitStack) -> None:
    from rppg_fast.live.server import LiveServer

    server = stack.enter_context(LiveServer(live, port=options.port))
    print(f"rppg-fast: {server.url} shows the pulse", file=sys.stderr, flush=True)


def _whole(folder: Path, subject: int) -> int:
    from rppg_fast.record.recording import stored

    return sum(one.whole for one in stored(folder) if one.subject == subject)


def _finish_interrupted(options: argparse.Namespace, view: View) -> None:
    """Name recordings that a kill has ended; they can be used as they are."""
    from rppg_fast.record.recording import mark_interrupted, stored

    for one in stored(options.folder):
        if one.metadata.get("ended") is None:
            mark_interrupted(one)
            view.line(f"{one.folder.name}: was interrupted; what was recorded is kept")


def _record_all(
    session: RecordingSession, setup: Setup, options: argparse.Namespace, view: View
) -> int:
    """Record until the subject has enough whole recordings, and return the exit code."""
    code = OK
    while _whole(options.folder, setup.subject) < options.recordings:
        made = _record(session, setup, options, view)
        if made is None:
            view.clear()
            reason = session.failure or session.live.snapshot.reason or "it has ended"
            print(f"rppg-fast: {options.camera}: {reason}", file=sys.stderr)
            return BAD_INPUT
        ending, recording = made
        view.line(describe_recording(recording, ending, session.sensor))
        if ending.reason:
            view.clear()
            print(f"rppg-fast: {recording.folder.name}: {ending.reason}", file=sys.stderr)
        if not options.no_report and ending.frames > 1:
            code = _report(recording, code, view)
        if str(ending.end) == "disk":
            return BAD_INPUT
        if str(ending.end) == "stopped":
            return code
    return code


def _record(
    session: RecordingSession, setup: Setup, options: argparse.Namespace, view: View
) -> tuple[Ending, Stored] | None:
    """Wait for camera and finger, count down, and record; None if the camera has ended before."""
    from rppg_fast.record.recording import Recording, read_stored
    from rppg_fast.record.session import MARGIN

    if not _wait_until_ready(session, options, view):
        return None
    first = monotonic() + options.countdown
    while (left := first - monotonic()) > 0:
        view.show(f"recording in {left:.0f} s; look into the camera, keep still")
        sleep(min(left, 0.1))
    recording = Recording(options.folder, setup, monotonic() - MARGIN)
    session.begin(recording, monotonic(), options.duration)
    try:
        while (ending := session.wait(0.1)) is None:
            view.show(progress(session, options.duration))
    except KeyboardInterrupt:
        session.stop()
        ending = session.wait(0.0)
    assert ending is not None
    return ending, read_stored(recording.folder)


def _wait_until_ready(session: RecordingSession, options: argparse.Namespace, view: View) -> bool:
    """Return True once camera and finger are well, False if the camera has ended."""
    from rppg_fast.record.finger import ADVICE, FingerState

    good_since: float | None = None
    while True:
        state = session.live.snapshot.state
        if str(state) in ("ended", "failed") or session.failure:
            return False
        finger = session.progress.finger
        good = finger.state is FingerState.GOOD or (
            options.skip_check and finger.state is not FingerState.NO_DATA
        )
        if good and session.camera_runs:
            good_since = monotonic() if good_since is None else good_since
            if options.skip_check or monotonic() - good_since >= _GOOD_FOR:
                return True
        else:
            good_since = None
        camera = "camera runs" if session.camera_runs else f"camera: {state}"
        rate = "" if finger.heart_rate_bpm is None else f", {finger.heart_rate_bpm:.0f} bpm"
        view.show(f"{camera}; finger: {ADVICE[finger.state]}{rate}")
        sleep(0.1)


def _report(recording: Stored, code: int, view: View) -> int:
    from rppg_fast.record.recording import VIDEO
    from rppg_fast.record.report import make_report
    from rppg_fast.sources import open_source

    try:
        with ProgressBar(open_source(recording.folder / VIDEO)) as bar:
            report = make_report(recording, bar)
    except (OSError, ValueError) as error:
        return complain(error)
    view.line(describe_report(recording.folder.name, report))
    return NO_HEART_RATE if report.camera_bpm is None else code
