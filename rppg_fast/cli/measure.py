"""``rppg-fast measure``: heart rates of videos, cameras and streams."""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rppg_fast.cli.output import BAD_INPUT, NO_HEART_RATE, OK, complain, describe, say
from rppg_fast.cli.progress import ProgressBar
from rppg_fast.measurement import MeasurementInterrupted, measure
from rppg_fast.monitor import (
    BOX_SCALE,
    DEFAULT_METHOD,
    METHODS,
    NETWORK_METHODS,
    PAPER_BOX_SCALE,
    TRACKINGS,
)
from rppg_fast.options import TEACHER_METHOD
from rppg_fast.pulse import PulseSettings
from rppg_fast.pulse_files import check_pulse_file, write_pulse
from rppg_fast.reading import Measurement, Status
from rppg_fast.reference import Reference
from rppg_fast.results import naming, noting_warnings, open_results
from rppg_fast.sources import Source, open_source
from rppg_fast.student import BUNDLED_WEIGHTS, Student
from rppg_fast.teacher import BUNDLED_TEACHER, Teacher


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
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
    command.add_argument(
        "--out",
        metavar="FILE",
        help="append the results of many videos to FILE.jsonl, FILE.csv or FILE.parquet as they "
        "come, and leave out those that are there; VIDEO may then also be a folder of videos, a "
        "pattern, @LIST, a CSV file with a column 'video', and each of these in a store, as "
        "s3://BUCKET/FOLDER/",
    )
    command.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="with --out: measure N videos at once; -1 for one on each processor core (1)",
    )
    command.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="with --out: measure on a Dask cluster; ADDRESS is its scheduler's, as tcp://HOST:8786",
    )
    command.add_argument(
        "--pulse",
        metavar="FILE",
        help="write the pulse to FILE.csv, FILE.parquet or FILE.edf, with a row for each sample "
        "(one video only)",
    )
    command.add_argument("--plot", metavar="FILE", help="draw pulse and spectrum (one video only)")
    command.add_argument(
        "--reference", metavar="FILE", help="ground_truth.txt of UBFC-rPPG to draw in the plot"
    )
    command.add_argument(
        "--method",
        choices=(*METHODS, TEACHER_METHOD),
        default=DEFAULT_METHOD,
        help=f"default: {DEFAULT_METHOD}",
    )
    command.add_argument("--weights", metavar="FILE", help="other weights for the network")
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
    command.set_defaults(run=run)


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


def run(options: argparse.Namespace) -> int:
    """Run the command, and return its exit code."""
    if len(options.videos) > 1 and options.plot:
        raise ValueError("--plot draws one video, not several")
    if options.faces == "all" and options.plot:
        raise ValueError("--plot draws one face, not all of them")
    if options.pulse and (options.out or options.faces == "all" or len(options.videos) > 1):
        raise ValueError("--pulse writes one face in one video: leave out --out and --faces all")
    if options.pulse:
        check_pulse_file(options.pulse)
    if options.reference and not options.plot:
        raise ValueError("--reference is drawn into a plot: also give --plot")
    if options.weights and options.method not in (*NETWORK_METHODS, TEACHER_METHOD):
        raise ValueError(f"--weights are not used by --method {options.method}")
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        raise ValueError('--plot needs matplotlib: pip install "rppg_fast[plot]"')
    if options.out and (options.json or options.plot):
        raise ValueError("--out writes the results of many videos: leave out --json and --plot")
    if (options.jobs != 1 or options.dask) and not options.out:
        raise ValueError("--jobs and --dask are for many videos: also give --out")
    if options.jobs != 1 and options.dask:
        raise ValueError("--jobs is for this machine, --dask for a cluster: give one of them")
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
    if options.out:
        from rppg_fast.cli.many import run_many

        return run_many(options, settings)
    networks: dict[str, Any] = {}
    if options.method in NETWORK_METHODS:
        networks["student"] = Student.load(options.weights or BUNDLED_WEIGHTS)
    elif options.method == TEACHER_METHOD:
        networks["teacher"] = Teacher.load(options.weights or BUNDLED_TEACHER)

    code = OK
    report = open_results(options.json) if options.json else None
    results: list[Measurement] = []
    for name in options.videos:
        found, own_code = _measure_file(name, options, networks, settings)
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
                code, report = complain(error), None
        if options.json != "-":
            for result in found:
                say(describe(result, settings))
            if not found:
                say(f"{name}: no heart rate, {Status.NO_FACE}: no face was found")
    if report is not None:
        report.finish()
    if options.pulse and results:
        _write_pulse(results[0], options.pulse)
    if options.plot and results:
        _plot(results[0], options.plot, reference, settings)
    return code


def _measure_file(
    name: str, options: argparse.Namespace, networks: Mapping[str, Any], settings: PulseSettings
) -> tuple[list[Measurement] | None, int]:
    """Measure one file and print its errors and warnings; return its results and exit code."""
    try:
        source = open_source(name, fps=options.fps)
        with (
            source,
            ProgressBar(source) as bar,
            noting_warnings() as noted,
            _until_ctrl_c(source),
        ):
            found = measure(
                source,
                duration=options.duration,
                faces=options.faces,
                step=options.step,
                progress=bar,
                method=options.method,
                box=options.box,
                box_scale=options.box_scale,
                tracking=options.tracking,
                settings=settings,
                **networks,
            )
    except MeasurementInterrupted as interrupted:
        return _as_list(interrupted.measurement), complain(interrupted)
    except (ValueError, TypeError, OSError) as error:
        return None, complain(error)
    results = _as_list(found)
    for line in (*noted, *source.remarks(bar.frames)):
        print(f"rppg-fast: {name}: {line}", file=sys.stderr)
    right = any(result.status is Status.OK for result in results)
    return results, OK if right else NO_HEART_RATE


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


def _write_pulse(result: Measurement, target: str) -> None:
    if result.times.size > 1:
        write_pulse(result, target)
    else:
        print(f"rppg-fast: {target}: there is no pulse to write", file=sys.stderr)


def _plot(
    result: Measurement, target: str, reference: Reference | None, settings: PulseSettings
) -> None:
    from rppg_fast.plot import plot_measurement

    if result.windows:
        with naming(target):
            plot_measurement(result, target, reference, settings)
    else:
        print(f"rppg-fast: {target}: there is no window to plot", file=sys.stderr)
