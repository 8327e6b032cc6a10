"""``rppg-fast evaluate``: heart rates compared with the truth."""

from __future__ import annotations

import argparse
import importlib.util
import json

from rppg_fast.cli.output import OK, say
from rppg_fast.evaluation.evaluation import evaluate
from rppg_fast.results import naming, replace_text


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    command = commands.add_parser(
        "evaluate",
        help="compare heart rates with the truth",
        description="Compare heart rates with the truth: MAE, RMSE, MAPE, Pearson, Bland-Altman, "
        "coverage and accuracy by confidence, with confidence intervals over subjects. "
        "Exit code 0: compared; 2: bad input.",
    )
    command.add_argument(
        "results",
        metavar="RESULTS",
        help="what 'rppg-fast measure' wrote with --out or --json; or a CSV file of another "
        "program with the columns video and heart_rate_bpm",
    )
    command.add_argument(
        "--truth",
        required=True,
        metavar="TRUTH",
        help="a folder in the layout of UBFC-rPPG or PURE or of 'rppg-fast record'; or a CSV file "
        "with the columns video and heart_rate_bpm, and optionally start_s, subject, stratum",
    )
    command.add_argument(
        "--by",
        action="append",
        metavar="COLUMN",
        help="a column of the truth or the results: measures for each value of it; can be "
        "repeated (stratum, if there is one)",
    )
    command.add_argument("--json", metavar="FILE", help="write all measures and recordings there")
    command.add_argument("--markdown", metavar="FILE", help="write the tables there as Markdown")
    command.add_argument(
        "--plot", metavar="FILE", help="draw measured over true rates, and Bland-Altman"
    )
    command.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the confidence intervals (0)"
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the command, and return its exit code."""
    if options.plot and importlib.util.find_spec("matplotlib") is None:
        raise ValueError('--plot needs matplotlib: pip install "rppg_fast[plot]"')
    found = evaluate(options.results, options.truth, by=options.by, seed=options.seed)
    say(found.to_text().rstrip("\n"))
    if options.json:
        replace_text(options.json, json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n")
    if options.markdown:
        replace_text(options.markdown, found.to_markdown())
    if options.plot:
        from rppg_fast.evaluation.plot import plot_evaluation

        with naming(options.plot):
            plot_evaluation(found, options.plot)
    return OK
