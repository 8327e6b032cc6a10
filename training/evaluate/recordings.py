r"""Evaluate heart rates on recordings.

    python -m training.evaluate.recordings --data DIR [--split FILE --fold K [--part test]] \
        --out DIR [--figures] SOURCE...

SOURCE is a weights file (.safetensors), a checkpoint (.pt), or "green", "ica", "chrom" or "pos";
NAME=SOURCE sets its name in the tables. The folder OUT receives `results.json` with every window,
`results.csv` with a row for each source and group, `results.md` with the tables, and with --figures
also pictures.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

import rppg_fast as rf
from rppg_fast.evaluation.metrics import peak_rate, snr_db
from training.data.clips import Clip, Clips, Frames
from training.data.splits import PARTS, Split
from training.evaluate.estimators import Source, open_source
from training.evaluate.evaluation import WINDOW, Evaluation, Recording, rounded
from training.evaluate.report import as_csv, as_markdown, provenance, rows
from training.evaluate.windows import true_windows, window_ends
from training.support.command import command
from training.support.files import replace_file

SKINS = ("light", "medium", "dark")
"""Names of the thirds of the range of melanin of synthetic skin."""

CALM = 0.01
"""Largest sway of a head that counts as calm, in head units; calm strata of the benchmark have at
most this."""


def conditions(clip: Clip) -> dict[str, str]:
    """Return the groups that a clip belongs to, by kind of group.

    A clip has a "stratum" if it was made for one. A synthetic clip also has "skin", the third of
    its melanin, and "motion": "rhythmic" if the head rocks or nods in the heart's band; otherwise
    "sudden" if there are sudden moves; otherwise "swaying", or "calm" if the sway is at most
    ``CALM``.
    """
    groups = {"stratum": clip.stratum} if clip.stratum else {}
    if "skin" in clip.scene:
        melanin, motion = clip.scene["skin"]["melanin"], clip.scene["motion"]
        groups["skin"] = SKINS[min(int(3 * melanin), 2)]
        if motion["rhythm"] > 0:
            groups["motion"] = "rhythmic"
        elif motion["moves"] > 0:
            groups["motion"] = "sudden"
        else:
            groups["motion"] = "swaying" if motion["sway"] > CALM else "calm"
    return groups


def read_recording(source: Source, clip: Clip, frames: Frames) -> Recording:
    """Read the windows of one clip from a source, and compare them with the truth.

    Raises
    ------
    ValueError
        If the frames' times do not increase; the message names the clip.
    """
    try:
        ends = window_ends(frames.times)
        predicted, true = source.windows(frames, ends), true_windows(frames, ends)
    except ValueError as error:
        raise ValueError(f"clip {clip.name}: {error}") from None
    has_pulse = clip.heart_rate is not None
    windows = np.full(len(ends), np.nan, WINDOW)
    for row, window, truth in zip(windows, predicted, true):
        reading = window.reading
        row["end"], row["ok"] = reading.end_s, reading.status is rf.Status.OK
        rate = reading.candidate_bpm
        row["heart_rate"] = peak_rate(window.spectrum) if rate is None else rate
        row["snr_db"] = np.nan if reading.snr_db is None else reading.snr_db
        if has_pulse:
            row["true_rate"] = peak_rate(truth.spectrum)
            row["true_snr_db"] = snr_db(window.spectrum, row["true_rate"])
    return Recording(clip.name, clip.subject, conditions(clip), has_pulse, rounded(windows))


def evaluate(
    source: str | Source,
    clips: Clips,
    device: str = "auto",
    side: Mapping[str, str | int] | None = None,
) -> Evaluation:
    """Evaluate a source on some clips.

    Parameters
    ----------
    source
        An open source, or a text that ``training.evaluate.estimators.open_source`` accepts.
    clips
        The clips.
    device
        Device on which PyTorch computes, if the text names a checkpoint.
    side
        Added to the description of the clips: split, fold and part.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If the source or a clip is invalid, if one of the subjects is in the source's training data,
        or if no clip has a full window.
    """
    opened = open_source(source, device) if isinstance(source, str) else source
    known = set(opened.learned_from).intersection(clips.subjects)
    if known:
        raise ValueError(
            f"{opened.name} has learned from subject {min(known)}: what it reads there proves"
            " nothing"
        )
    recordings = tuple(
        read_recording(opened, clip, clips[i])
        for i, clip in enumerate(tqdm(clips.clips, opened.name, unit="clip", leave=False))
    )
    if not any(len(recording.windows) for recording in recordings):
        raise ValueError(f"{clips.folder}: no clip has a full window of 10 s")
    about: dict[str, Any] = {
        "description": clips.description,
        "sha256": clips.sha256,
        **(side or {}),
    }
    made_with = {"rppg_fast": rf.__version__, "torch": torch.__version__, "numpy": np.__version__}
    return Evaluation(opened.name, opened.about, about, made_with, recordings)


def choose_clips(
    data: Path, split: Path | None, fold: int | None, part: str
) -> tuple[Clips, dict[str, str | int]]:
    """Open all clips, or those of one part of a fold; return them and the part's description.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If there is no such fold, or if this part of it has no subject.
    """
    clips = Clips.open(data)
    if split is None:
        return clips, {}
    folds = Split.load(split)
    if fold is None or not 0 <= fold < len(folds.folds):
        raise ValueError(f"{split} has folds 0 to {len(folds.folds) - 1}, not {fold}")
    subjects = getattr(folds.folds[fold], part)
    if not subjects:
        raise ValueError(f"{split}: fold {fold} has nobody for {part}")
    return clips.select(subjects), {"split": folds.name, "fold": fold, "part": part}


def write_results(evaluations: Sequence[Evaluation], seed: int, out: Path) -> None:
    """Write `results.json`, `results.csv` and `results.md` to a folder.

    Parameters
    ----------
    evaluations
        The evaluations of several sources on the same clips.
    seed
        Seed of the bootstrap.
    out
        The folder; it is created if it does not exist.
    """
    table = [row for evaluation in evaluations for row in rows(evaluation, seed)]
    values = {
        "seed": seed,
        "measures": [row.to_values() for row in table],
        "evaluations": [evaluation.to_values() for evaluation in evaluations],
    }
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(values, separators=(",", ":"), allow_nan=False)
    replace_file(out / "results.json", text.encode())
    replace_file(out / "results.csv", as_csv(table).encode())
    tables = as_markdown(table, evaluations[0].data)
    replace_file(out / "results.md", f"{tables}\n{provenance(evaluations, seed)}".encode())


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate.recordings", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("sources", nargs="+", metavar="SOURCE")
    parser.add_argument("--data", type=Path, required=True, help="folder of clips")
    parser.add_argument("--split", type=Path, help="file of folds; without it, all clips")
    parser.add_argument("--fold", type=int, help="number of the fold, from 0")
    parser.add_argument("--part", choices=PARTS, help="of the fold, test by default")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--figures", action="store_true", help="draw pictures, too")
    parser.add_argument("--seed", type=int, default=0, help="of the confidence intervals")
    parser.add_argument("--device", default="auto", help="where PyTorch computes")
    given = parser.parse_args(arguments)
    if (given.split is None) != (given.fold is None):
        raise ValueError("--split and --fold belong together")
    if given.part and given.split is None:
        raise ValueError("--part is of a fold: give --split and --fold")
    if given.figures:
        from training.evaluate import figures
    sources = [open_source(text, given.device) for text in given.sources]
    names = [source.name for source in sources]
    if len(set(names)) < len(names):
        raise ValueError("two sources have one name; call them NAME=SOURCE")
    clips, side = choose_clips(given.data, given.split, given.fold, given.part or PARTS[0])
    evaluations = [evaluate(source, clips, side=side) for source in sources]
    write_results(evaluations, given.seed, given.out)
    if given.figures:
        figures.draw_all(sources, evaluations, clips, given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
