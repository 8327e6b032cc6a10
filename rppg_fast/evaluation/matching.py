"""Which true heart rates belong to which video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from rppg_fast.evaluation.truth import Truth


def match(videos: Sequence[str], truths: Sequence[Truth]) -> list[Truth | None]:
    """Return the truth of each video; None if there is none.

    A truth belongs to a video if their paths end alike: the shorter path is the end of the longer
    one, folder by folder, with or without the ending of the file's name. The truth of a folder also
    belongs to a video in this folder, or in a folder below; the innermost folder counts.

    Raises
    ------
    ValueError
        If several truths belong to a video, or one to several videos.
    """
    found = [_match(video, truths) for video in videos]
    taken: dict[str, str] = {}
    for video, truth in zip(videos, found):
        if truth is not None and taken.setdefault(truth.name, video) != video:
            raise ValueError(
                f"both {taken[truth.name]} and {video} belong to the truth {truth.name}: evaluate"
                " one result of each recording, or give longer paths"
            )
    return found


def _match(video: str, truths: Sequence[Truth]) -> Truth | None:
    path = _parts(video)
    alike = [truth for truth in truths if _end_alike(path, _parts(truth.name))]
    if len(alike) > 1:  # the same path counts more than the same end
        longest = max(_common(path, _parts(truth.name)) for truth in alike)
        alike = [truth for truth in alike if _common(path, _parts(truth.name)) == longest]
    if len(alike) > 1:
        raise ValueError(
            f"both {alike[0].name} and {alike[1].name} could be the truth of {video}: give longer"
            " paths"
        )
    if alike:
        return alike[0]
    of_folder = {truth.name: truth for truth in truths if truth.of_folder}
    folders = (of_folder.get(name) for name in reversed(PurePath(video).parts[:-1]))
    return next((truth for truth in folders if truth is not None), None)


def _parts(path: str) -> tuple[str, ...]:
    """Return the names in a path."""
    return tuple(part for part in PurePath(path).parts if part not in (".", "/"))


def _same_file(one: str, other: str) -> bool:
    return one == other or PurePath(one).stem == other or PurePath(other).stem == one


def _end_alike(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return _common(path, other) == min(len(path), len(other)) > 0


def _common(path: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Return how many names at the ends of two paths are the same."""
    if not (path and other and _same_file(path[-1], other[-1])):
        return 0
    count = 1
    while count < min(len(path), len(other)) and path[-1 - count] == other[-1 - count]:
        count += 1
    return count
