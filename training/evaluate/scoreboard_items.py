"""List the clips of the scoreboard: real clips, clips with a pulse put in, and negatives."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.data.catalogue import names_of_part, real_clips
from training.data.clip_folder import ABOUT, TRUTH


@dataclass(frozen=True)
class Item:
    """A video to measure.

    Attributes
    ----------
    name : str
        Name in tables.
    path : Path
        The file.
    kind : str
        "face", "none", "injected 0.6 %", "negative flicker", ...
    truth : Path or None
        Its ``ground_truth.txt``, if the truth is known.
    own_rate : float or None
        Heart rate that the original seems to have, bpm. This is evidence, not truth.
    alive : bool
        Whether the clip shows a living person. If not, its status must never be ok.
    made_from : dict or None
        Values that determine a made clip: carrier, amplitude, seed and so on; None for an original.
    """

    name: str
    path: Path
    kind: str
    truth: Path | None
    own_rate: float | None
    alive: bool
    made_from: dict[str, Any] | None = None


def real_items(catalogue: Path, part: str) -> list[Item]:
    """List the real clips of a part; the errors are those of ``real_clips``."""
    return [
        Item(
            clip.name,
            clip.path,
            "face" if clip.faces else "none",
            None,
            clip.own_rate,
            clip.faces > 0,
        )
        for clip in real_clips(catalogue, part)
    ]


def made_items(folders: Sequence[Path], part: str) -> list[Item]:
    """List the clips that ``training.data.inject`` made from the carriers of a part.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If a folder contains no such clip.
    """
    names = names_of_part(part)
    items: list[Item] = []
    for folder in folders:
        paths = sorted(folder.glob(f"*/{ABOUT}"))
        if not paths:
            raise ValueError(f"{folder}: holds no clip of training.data.inject")
        found = (_made_item(path, names if part != "all" else None) for path in paths)
        items += [item for item in found if item is not None]
    return items


def _made_item(about_path: Path, carriers: Collection[str] | None) -> Item | None:
    about = json.loads(about_path.read_text(encoding="utf-8"))
    folder, carrier = about_path.parent, about["carrier"]
    if carriers is not None and carrier["file"] not in carriers:
        return None
    injected = about["kind"] == "injected"
    return Item(
        name=folder.name,
        path=folder / about["video"],
        kind=f"injected {about['amplitude_percent']:g} %"
        if injected
        else f"negative {about['variant']}",
        truth=folder / TRUTH if injected else None,
        own_rate=carrier["own_rate_bpm"],
        alive=injected or about["living"],
        made_from=about["made_from"],
    )
