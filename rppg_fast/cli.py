"""The command line: ``rppg-fast measure | demo | info``."""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import platform
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rppg_fast import _core
from rppg_fast.measure import MeasurementInterrupted, measure
from rppg_fast.monitor import (
    BOX_SCALE,
    DEFAULT_METHOD,
    METHODS,
    NETWORK_METHODS,
    PAPER_BOX_SCALE,
    TRACKINGS,
)
from rppg_fast.pulse import PulseSettings
from rppg_fast.reading import Measurement, Status
from rppg_fast.reference import Reference
from rppg_fast.results import naming, open_results
from rppg_fast.sources import Source, open_source
from rppg_fast.student import BUNDLED_WEIGHTS, Student

#: Exit codes: every video gave a heart rate; the input is bad; a video gave no heart rate.
OK, BAD_INPUT, NO_HEART_RATE = 0, 2, 3
#: The exit code that shells use for a program that Ctrl-C ended.
INTERRUPTED = 130

_ASSETS = Path(__file__).parent / "assets"
_DEMO_VIDEO = _ASSETS / "demo.mp4"
_DEMO_TRUTH = _ASSETS / "demo_truth.txt"

_PROGRESS_WIDTH = 30

#: Narrowest band that the engine accepts, Hz.
_NARROWEST_BAND = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: every video gave a heart rate. 2: the input is bad; standard error says which input and why.
    3: a video gave no heart rate; this is a valid answer, and the output says the reason.
    """
    options = _parser().parse_args(arguments)
    try:
        code = int(options.run(options))
        if sys.stdout is not None:
            with naming("standard output"):
                sys.stdout.flush()  # flush now: an error at exit could not be reported
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader has closed the pipe: discard the rest, also at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except (ValueError, TypeError, OSError, ImportError) as error:
        return _complain(error)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rppg-fast", description="Heart rate from a face video. Not a medical device."
    )
    parser.add_argument("--version", action="version", version=f"rppg_fast {_core.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    defaults = PulseSettings()

    command = commands.add_parser(
        "measure",
        help="measure the heart rate in videos, of cameras and streams",
        description="Measure the heart rate in videos, of cameras and streams. Exit code 0: each "
        "gave one; 3: one gave none, for the reason shown; 2: bad input.",
    )
    command.add_argument(
        "videos",
        nargs="+",
        metavar="VIDEO",
        help="a video file; a folder of pictures or a pattern such as f_%%04d.png, with --fps; a "
        "camera's number or device; an address such as rtsp://HOST/PATH; - for standard input",
    )
    command.add_argument("--json", metavar="FILE", help="write the results there; - for stdout")
    command.add_argument("--plot", metavar="FILE", help="draw pulse and spectrum (one video only)")
    command.add_argument(
        "--reference", metavar="FILE", help="ground_truth.txt of UBFC-rPPG to draw in the plot"
    )
    command.add_argument(
        "--method", choices=METHODS, default=DEFAULT_METHOD, help=f"default: {DEFAULT_METHOD}"
    )
    command.add_argument("--weights", metavar="FILE", help="other weights for the student")
    command.add_argument(
        "--box", type=_box, metavar="X0,Y0,X1,Y1", help="pixels to measure, without face detection"
    )
    command.add_argument(
        "--box-scale",
        type=float,
        metavar="S",
        help=f"how much larger than the face the measured box is (default: {BOX_SCALE}, and "
        f"{PAPER_BOX_SCALE} with --tracking paper)",
    )
    command.add_argument(
        "--tracking",
        choices=TRACKINGS,
        default=TRACKINGS[0],
        help="move the box after the face, or keep the first one as the paper does "
        f"(default: {TRACKINGS[0]})",
    )
    command.add_argument(
        "--faces",
        choices=["one", "all"],
        default="one",
        help="measure the largest face, or each (default: one)",
    )
    command.add_argument(
        "--fps",
        type=_rate,
        help="frame rate, as 25 or 30000/1001, in place of the video's own times",
    )
    command.add_argument(
        "--duration", type=float, metavar="S", help="stop after so many seconds of each video"
    )
    for name, unit, text in (
        ("window", "S", "seconds of video that a heart rate is read from"),
        ("min-window", "S", "seconds of it that must have been seen before there is one"),
        ("max-gap", "S", "longest pause that does not start the window anew"),
        ("low", "HZ", "lowest heart rate"),
        ("high", "HZ", "highest heart rate"),
        ("min-confidence", "P", "confidence, 0 to 1, below which there is no heart rate"),
    ):
        default = getattr(defaults, name.replace("-", "_"))
        command.add_argument(
            f"--{name}", type=float, default=default, metavar=unit, help=f"{text} ({default})"
        )
    command.add_argument(
        "--peaks",
        type=int,
        default=defaults.peaks,
        metavar="N",
        help="peaks of the spectrum, 1 to 8, that are tried until one reaches the confidence"
        f" ({defaults.peaks}); with 1 only the highest, as in the paper",
    )
    command.add_argument(
        "--step", type=float, default=1.0, metavar="S", help="seconds between windows (1.0)"
    )
    command.set_defaults(run=_measure)

    command = commands.add_parser("demo", help="measure a clip whose true heart rate is known")
    command.set_defaults(run=_demo)

    command = commands.add_parser("info", help="version, build, backends and weights")
    command.set_defaults(run=_info)
    return parser


def _box(text: str) -> tuple[int, ...]:
    try:
        sides = tuple(int(side) for side in text.split(","))
    except ValueError:
        sides = ()
    if len(sides) != 4:
        raise argparse.ArgumentTypeError(f"{text!r} is not four whole numbers X0,Y0,X1,Y1")
    return sides


def _rate(text: str) -> float:
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a frame rate: give a number, as 29.97, or a fraction, as 30000/1001"
        ) from None


def _complain(error: Exception) -> int:
    reason = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        reason = f"{error.filename}: {error.strerror}"
    print(f"rppg-fast: {reason}", file=sys.stderr)
    return BAD_INPUT


def _measure(options: argparse.Namespace) -> int:
    if len(options.videos) > 1 and options.plot:
        raise ValueError("--plot draws one video, not several")
    if options.faces == "all" and options.plot:
        raise ValueError("--plot draws one face, not all of them")
    if options.reference and not options.plot:
        raise ValueError("--reference is drawn into a plot: give --plot, too")
    if options.weights and options.method not in NETWORK_METHODS:
        raise ValueError(f"--weights are of no use to --method {options.method}")
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        raise ValueError('--plot needs matplotlib: pip install "rppg_fast[plot]"')
    reference = Reference.read(options.reference) if options.reference else None
    settings = PulseSettings(
        window=options.window,
        min_window=options.min_window,
        max_gap=options.max_gap,
        low=options.low,
        high=options.high,
        min_confidence=options.min_confidence,
        peaks=options.peaks,
    )
    student = None
    if options.method in NETWORK_METHODS:
        student = Student.load(options.weights or BUNDLED_WEIGHTS)

    code = OK
    report = open_results(options.json) if options.json else None
    results: list[Measurement] = []
    for name in options.videos:
        found, own_code = _measure_file(name, options, student, settings)
        code = own_code if code == OK or own_code == BAD_INPUT else code
        if found is None:
            continue
        results += found
        if report is not None:
            try:
                report.add(*found)
            except BrokenPipeError:
                raise
            except OSError as error:  # the next results can still be printed
                code, report = _complain(error), None
        if options.json != "-":
            for result in found:
                _say(_describe(result, settings))
            if not found:
                _say(f"{name}: no heart rate, {Status.NO_FACE}: no face was found")
    if report is not None:
        report.finish()
    if options.plot and results:
        _plot(results[0], options.plot, reference, settings)
    return code


def _measure_file(
    name: str, options: argparse.Namespace, student: Student | None, settings: PulseSettings
) -> tuple[list[Measurement] | None, int]:
    """Measure one file and print its errors and warnings; return its results and exit code."""
    try:
        source = open_source(name, fps=options.fps)
        with (
            source,
            _ProgressBar(source) as bar,
            _warnings_in_one_line(name),
            _until_ctrl_c(source),
        ):
            found = measure(
                source,
                duration=options.duration,
                faces=options.faces,
                step=options.step,
                progress=bar,
                method=options.method,
                student=student,
                box=options.box,
                box_scale=options.box_scale,
                tracking=options.tracking,
                settings=settings,
            )
    except MeasurementInterrupted as interrupted:
        return _as_list(interrupted.measurement), _complain(interrupted)
    except (ValueError, TypeError, OSError) as error:
        return None, _complain(error)
    results = _as_list(found)
    said = list(source.warnings)
    if source.damaged and not said:
        said = [f"{source.damaged} of {bar.frames} frames are damaged"]
    for line in said:
        print(f"rppg-fast: {name}: {line}", file=sys.stderr)
    right = any(result.status is Status.OK for result in results)
    return results, OK if right else NO_HEART_RATE


@contextmanager
def _warnings_in_one_line(name: str) -> Iterator[None]:
    """Print the warnings about a video in the same form as the program's other messages."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        yield
    for warning in caught:
        print(f"rppg-fast: {name}: {warning.message}", file=sys.stderr)


@contextmanager
def _until_ctrl_c(source: Source) -> Iterator[None]:
    """Let Ctrl-C end the reading of a live source and not the program, so that results are kept."""
    if not source.live:
        yield
        return
    before = signal.signal(signal.SIGINT, lambda number, frame: source.stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _as_list(found: Measurement | list[Measurement]) -> list[Measurement]:
    return found if isinstance(found, list) else [found]


def _plot(
    result: Measurement, target: str, reference: Reference | None, settings: PulseSettings
) -> None:
    from rppg_fast.plot import plot_measurement

    if result.windows:
        with naming(target):
            plot_measurement(result, target, reference, settings)
    else:
        print(f"rppg-fast: {target}: there is no window to plot", file=sys.stderr)


def _say(text: str) -> None:
    """Print a line at once; characters that the encoding lacks are escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    with naming("standard output"):
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def _describe(result: Measurement, settings: PulseSettings) -> str:
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
        return "no face was found: give --box where there is one all the same"
    if result.status is Status.WARMING_UP:
        return (
            f"a face must be seen for {least:g} s, of {result.duration_s:.1f} s of video; "
            "--min-window takes less"
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


def _demo(options: argparse.Namespace) -> int:
    video = open_source(_DEMO_VIDEO)
    print("A synthetic clip: a still portrait, gently moved, with a known pulse put into the skin.")
    with _ProgressBar(video) as bar:
        result = measure(video, progress=bar)
    if result.heart_rate_bpm is None:
        print(_describe(result, PulseSettings()))
        return NO_HEART_RATE
    truth = Reference.read(_DEMO_TRUTH).mean_heart_rate(
        result.windows[0].start_s, result.windows[-1].end_s
    )
    print(f"measured heart rate: {result.heart_rate_bpm:.1f} bpm (SNR {result.snr_db:.1f} dB)")
    print(f"true heart rate:     {truth:.1f} bpm")
    return OK


def _libraries() -> str:
    import av  # imported here because the import is slow

    numbers = {name: ".".join(map(str, parts)) for name, parts in av.library_versions.items()}
    return f"NumPy {np.__version__}, av {av.__version__} (libavcodec {numbers['libavcodec']})"


def _info(options: argparse.Namespace) -> int:
    student = Student.load()
    for name, value in (
        ("rppg_fast", _core.__version__),
        ("compiler", _core.compiler),
        ("flags", _core.flags),
        ("backends", ", ".join(_core.backends()) + f" (auto: {student.backend})"),
        ("CUDA", "; ".join(filter(None, (_core.cuda_build(), _core.cuda_devices())))),
        ("weights", f"{BUNDLED_WEIGHTS.name} sha256 {student.sha256}"),
        ("trained on", student.metadata.get("training_data", "unknown")),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        ("libraries", _libraries()),
    ):
        print(f"{name + ':':15}{value}")
    return OK


class _ProgressBar:
    """A progress bar on standard error; shown only in a terminal, and erased at the end."""

    def __init__(self, source: Source) -> None:
        self._name = os.path.basename(source.name)
        self._total = source.frame_count
        self._shown = -1
        self.frames = 0
        self._visible = sys.stderr.isatty()

    def __enter__(self) -> _ProgressBar:
        return self

    def __call__(self, frames: int) -> None:
        self.frames = frames
        if not self._visible:
            return
        if not self._total:  # a camera, or a container that does not state its number of frames
            if frames % _PROGRESS_WIDTH == 0:
                self._write(f"{frames} frames")
            return
        total = max(self._total, frames)  # the container's number may be too small
        percent = 100 * frames // total
        if percent != self._shown:
            self._shown = percent
            filled = _PROGRESS_WIDTH * frames // total
            self._write(f"[{'#' * filled}{'.' * (_PROGRESS_WIDTH - filled)}] {frames} frames")

    def _write(self, text: str) -> None:
        sys.stderr.write(f"\r{self._name} {text}")
        sys.stderr.flush()

    def __exit__(self, *exception: object) -> None:
        if self._visible:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
