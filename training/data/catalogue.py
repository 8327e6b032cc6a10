"""Read the catalogue of real clips and the split that assigns them to parts.

``catalogue.json`` is a list of objects with ``file``, ``faces``, ``seen``, ``seconds``,
``classical_agree``, ``origin`` and ``licence_of_origin``; the files are in the same folder. The
committed split (``training/splits/real.json``) lists file names; all clips of a person are in the
same part.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPLIT = Path(__file__).parent.parent / "splits" / "real.json"
"""The committed split."""

PARTS = ("dev", "test")
"""Settings are chosen on the first part, results are reported for the second."""

# Positions in a period of five that belong to "dev", which gives 60 % of the groups.
_PERIOD, _DEV = 5, (0, 2, 3)

# Positions in a period of three, in "dev", of the groups that settings are chosen by.
_CHOSEN_EVERY, _CHOSEN_BY = 3, 1

# Shorter clips have no window of 10 s, s.
_SHORT = 10.0


@dataclass(frozen=True)
class RealClip:
    """A real video.

    Attributes
    ----------
    path : Path
        The file.
    faces : int
        Number of people in the clip; 0 for a clip without a living face.
    seen : str
        The catalogue's description of the content.
    seconds : float or None
        Length, s; None if the catalogue does not state it.
    own_rate : float or None
        Heart rate on which several classical methods agree in at least half of the windows, bpm:
        evidence that the clip has a readable pulse of its own. None if there is no such rate.
    origin, licence : str
        The repository that the clip comes from, and the licence of that repository.
    """

    path: Path
    faces: int
    seen: str
    seconds: float | None
    own_rate: float | None
    origin: str
    licence: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.path.name

    @property
    def source(self) -> str:
        """Origin and licence, as model cards name them."""
        return f"{self.origin} ({self.licence})"


def read_catalogue(path: Path) -> list[RealClip]:
    """Read a catalogue; the clips keep its order.

    Raises
    ------
    OSError
        If the catalogue cannot be read.
    ValueError
        If it is not a catalogue, or if it lists a file that is missing; the message names the
        catalogue.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        clips = [_clip(path.parent, entry) for entry in entries]
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path}: not a catalogue of real clips ({reason})") from None
    for clip in clips:
        if not clip.path.is_file():
            raise ValueError(f"{path}: lists {clip.name}, which does not lie beside it")
    return clips


def _clip(folder: Path, entry: dict[str, Any]) -> RealClip:
    agree = entry["classical_agree"]
    readable = agree is not None and 2 * agree["agree"] >= agree["windows"]
    return RealClip(
        path=folder / entry["file"],
        faces=int(entry["faces"]),
        seen=entry["seen"],
        seconds=float(entry["seconds"]),
        own_rate=float(agree["bpm"]) if readable else None,
        origin=entry["origin"],
        licence=entry["licence_of_origin"],
    )


def real_clips(catalogue: Path, part: str, split: Path = SPLIT) -> list[RealClip]:
    """Read the clips of one part, from a catalogue and from files of the split in the same folder.

    Parameters
    ----------
    catalogue
        The catalogue.
    part
        "dev", "test", or "all" for all clips of the catalogue and of the split.
    split
        A split file.

    Raises
    ------
    OSError
        If one of the files cannot be read.
    ValueError
        If there is no such part, or if the catalogue is invalid.
    """
    names = names_of_part(part, split)
    clips = read_catalogue(catalogue)
    listed = {clip.name for clip in clips}
    beside = sorted(
        path for path in map(catalogue.parent.joinpath, names - listed) if path.is_file()
    )
    clips += [unlisted(path) for path in beside]
    return [clip for clip in clips if part == "all" or clip.name in names]


def names_of_part(part: str, split: Path = SPLIT) -> frozenset[str]:
    """Return the file names of a part of the split, "dev", "test" or "all"; else ValueError."""
    if part not in (*PARTS, "all"):
        raise ValueError(f"part must be 'dev', 'test' or 'all', got {part!r}")
    lists = json.loads(split.read_text(encoding="utf-8"))
    return frozenset(name for one in PARTS if part in (one, "all") for name in lists[one])


def person_of(name: str, split: Path = SPLIT) -> str:
    """Return the name of the first file of a file's group in the split; without a group, the name.

    All files of a group show the same person or persons.
    """
    groups = json.loads(split.read_text(encoding="utf-8"))["groups"]
    return next((min(group["files"]) for group in groups if name in group["files"]), name)


def chosen_by_people(split: Path = SPLIT) -> frozenset[str]:
    """Return the persons of "dev" by whom settings are chosen while others are learned from.

    Every third group of "dev" that shows a face, in the order of ``draw_split``.
    """
    lists = json.loads(split.read_text(encoding="utf-8"))
    dev = frozenset(lists["dev"])
    groups = [g for g in lists["groups"] if g["kind"] != "none" and dev.issuperset(g["files"])]
    ordered = sorted(groups, key=_order)
    return frozenset(min(group["files"]) for group in ordered[_CHOSEN_BY::_CHOSEN_EVERY])


def unlisted(path: Path) -> RealClip:
    """Return what is known of a video that no catalogue lists."""
    faces = int(not path.name.startswith("none"))
    return RealClip(path, faces, "", None, None, "not in a catalogue", "licence unknown")


def draw_split(groups: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Assign groups of clips to the parts of a split, by the rule of ``real.json``.

    Parameters
    ----------
    groups
        One for each person, or for clips that show the same persons, with ``kind``, ``seconds`` (of
        its longest clip) and ``files``.

    Returns
    -------
    dict of str to list of str
        Files of "dev" and of "test", sorted.
    """
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    for place, group in enumerate(sorted(groups, key=_order)):
        parts["dev" if place % _PERIOD in _DEV else "test"] += group["files"]
    return {part: sorted(files) for part, files in parts.items()}


def _order(group: dict[str, Any]) -> tuple[str, bool, str]:
    name = min(group["files"])
    digest = hashlib.sha256(name.encode()).hexdigest()
    return group["kind"], group["seconds"] < _SHORT, digest
