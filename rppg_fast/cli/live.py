"""``rppg-fast live``: measures a camera as it films, and shows the pulse in a browser."""

from __future__ import annotations

import argparse
import importlib.util
import os
import signal
import sys
from contextlib import ExitStack
from threading import Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, NoReturn

from rppg_fast.cli.arguments import size
from rppg_fast.cli.demo import DEMO
from rppg_fast.cli.output import BAD_INPUT, OK, complain
from rppg_fast.options import DEFAULT_METHOD, METHODS

if TYPE_CHECKING:
    from rppg_fast.live import LiveSession, Snapshot
    from rppg_fast.live.output import ReadingsWriter
    from rppg_fast.live.terminal import TerminalView
    from rppg_fast.sources import Source

#: The address of the page, unless another one is asked for.
_HOST, _PORT = "127.0.0.1", 8765
#: Time after which the program looks whether it is to end, and after which it draws anew, s.
_LOOK, _DRAW = 0.25, 0.125


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "live",
        help="measure a camera as it films, and show the pulse in a browser",
        description="Measure a camera as it films, and show the pulse in a browser. Ctrl-C ends.",
    )
    source = command.add_mutually_exclusive_group()
    source.add_argument(
        "--source",
        default="0",
        metavar="SOURCE",
        help="a camera's number or device; a video file, which is played in its own time; an "
        "address such as rtsp://HOST/PATH; browser, for the camera of the browser that shows the "
        "page (default: 0)",
    )
    source.add_argument("--demo", action="store_true", help="play the demonstration clip")
    command.add_argument("--loop", action="store_true", help="play a file over and over")
    command.add_argument("--fps", type=float, metavar="HZ", help="frame rate to ask a camera for")
    command.add_argument(
        "--size", type=size, metavar="WxH", help="size to ask a camera for (default: 640x480)"
    )
    command.add_argument(
        "--method", choices=METHODS, default=DEFAULT_METHOD, help=f"default: {DEFAULT_METHOD}"
    )
    command.add_argument(
        "--most", type=int, default=4, metavar="N", help="faces that are measured at once (4)"
    )
    command.add_argument("--duration", type=float, metavar="S", help="end after so many seconds")
    command.add_argument(
        "--json", metavar="FILE", help="write readings as JSON lines; - for stdout"
    )
    command.add_argument("--csv", metavar="FILE", help="write readings as CSV; - for stdout")
    command.add_argument(
        "--terminal", action="store_true", help="show the pulse in this terminal, without a page"
    )
    command.add_argument("--language", choices=("en", "ko"), help="of the terminal's words")
    command.add_argument("--no-page", action="store_true", help="serve no page")
    command.add_argument("--no-browser", action="store_true", help="open no browser")
    command.add_argument(
        "--host",
        default=_HOST,
        help=f"address to listen at ({_HOST}); other machines need the token that is then printed",
    )
    command.add_argument(
        "--port", type=int, default=_PORT, metavar="N", help=f"port to listen at ({_PORT}); 0: any"
    )
    command.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a further name of this machine that the page may be opened by",
    )
    command.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="ORIGIN",
        help="another page's origin, as http://localhost:8000, that may read /readings and /status",
    )
    command.add_argument("--certificate", metavar="FILE", help="certificate for HTTPS, PEM")
    command.add_argument("--key", metavar="FILE", help="its private key, PEM")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command, and return its exit code."""
    _check(options)
    from rppg_fast.live.output import ReadingsWriter
    from rppg_fast.live.session import LiveSession

    signal.signal(signal.SIGTERM, _end)
    with ExitStack() as stack:
        session = LiveSession(
            _source(options),
            method=options.method,
            most=options.most,
            loop=options.loop or options.demo,
        )
        writer = stack.enter_context(ReadingsWriter(session, options.json, options.csv))
        stack.enter_context(session)  # the camera opens while the page's server is loaded
        view = None
        if options.terminal:
            view = stack.enter_context(_terminal(session, options.language))
        elif not options.no_page:
            _serve(session, options, stack)
        try:
            snapshot = _watch(session, writer, view, options)
        except KeyboardInterrupt:
            return OK
    if writer.error is not None:
        if isinstance(writer.error, BrokenPipeError):
            raise writer.error
        return complain(writer.error)
    if snapshot.state == "failed" or (snapshot.state == "ended" and snapshot.reason is not None):
        print(f"rppg-fast: {snapshot.source}: {snapshot.reason}", file=sys.stderr)
        return BAD_INPUT
    return OK


def _check(options: argparse.Namespace) -> None:
    """Refuse options that contradict each other, and a missing extra."""
    if "-" in (options.json, options.csv):
        if options.json == options.csv:
            raise ValueError("--json and --csv cannot both be written to standard output")
        if options.terminal:
            raise ValueError("--terminal draws on standard output: give a file to --json and --csv")
    if (options.certificate is None) != (options.key is None):
        raise ValueError("--certificate and --key belong together: give both")
    page = not (options.terminal or options.no_page)
    if options.source == "browser" and not page:
        raise ValueError("--source browser needs the page: leave out --terminal and --no-page")
    for needed, module in ((page, "uvicorn"), (page, "starlette"), (options.terminal, "rich")):
        if needed and importlib.util.find_spec(module) is None:
            raise ValueError(f'this needs {module}: pip install "rppg_fast[live]"')


def _source(options: argparse.Namespace) -> Source:
    from rppg_fast.live.browser_camera import BrowserCamera
    from rppg_fast.sources import open_source

    if options.demo:
        return open_source(DEMO)
    if options.source == "browser":
        return BrowserCamera()
    return open_source(options.source, fps=options.fps, size=options.size)


def _serve(session: LiveSession, options: argparse.Namespace, stack: ExitStack) -> None:
    from rppg_fast.live.server import LiveServer

    server = stack.enter_context(
        LiveServer(
            session,
            host=options.host,
            port=options.port,
            names=options.allow_host,
            origins=options.allow_origin,
            certificate=options.certificate,
            key=options.key,
        )
    )
    print(f"rppg-fast: {server.url} shows the pulse; Ctrl-C ends", file=sys.stderr, flush=True)
    if not options.no_browser and _has_screen():
        import webbrowser

        Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()


def _has_screen() -> bool:
    """Return whether a browser has a window here: one in the terminal would be in the way."""
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return sys.platform != "linux" or bool(shown)


def _terminal(session: LiveSession, language: str | None) -> TerminalView:
    from rppg_fast.live.strings import own_language
    from rppg_fast.live.terminal import TerminalView

    return TerminalView(session, language or own_language())


def _watch(
    session: LiveSession,
    writer: ReadingsWriter,
    view: TerminalView | None,
    options: argparse.Namespace,
) -> Snapshot:
    """Wait until the session is to end, and return its last snapshot."""
    from rppg_fast.live.snapshot import State

    end = None if options.duration is None else monotonic() + options.duration
    page = view is None and not options.no_page
    said = None
    while True:
        snapshot = session.snapshot
        if view is not None:
            view.draw(snapshot)
        elif snapshot.reason is not None and snapshot.reason != said:
            said = snapshot.reason
            print(f"rppg-fast: {said}", file=sys.stderr, flush=True)
        ended = snapshot.state is State.FAILED or (snapshot.state is State.ENDED and not page)
        late = end is not None and monotonic() >= end
        if ended or late or writer.error is not None:
            return snapshot
        sleep(_DRAW if view is not None else _LOOK)


def _end(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
