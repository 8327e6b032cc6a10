"""The layout ``videos``: any folder of videos without truth becomes carriers of a pulse.

The folder may hold ``catalogue.json`` (see ``training.data.catalogue``), which says where each
video comes from, under which licence, and how many people are seen; without one every video file
of the folder is taken, and nothing is known of it. A split file says which videos show the same
person. See ``training.data.carriers`` for what is stored.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.data.carriers import MASK, VIEWS, CarrierFrames, View, steps, views_of
from training.data.catalogue import RealClip, names_of_part, person_of, real_clips, unlisted
from training.data.clip_folder import Carrier
from training.data.clips import Clip, ClipWriter, Frames
from training.data.inject import is_carrier
from training.data.reduction import made_with, part_of
from training.support.files import replace_file

SUFFIXES = (".avi", ".gif", ".mkv", ".mov", ".mp4", ".webm")
"""Of video files, in a folder without a catalogue."""

CATALOGUE = "catalogue.json"

LIMIT = 40.0
"""Longest part of a video that is used, s; more of one face adds little."""

_FIELDS = ("appearance", "mask", "times")


@dataclass(frozen=True)
class Video:
    """A video of at least one face.

    Attributes
    ----------
    clip : RealClip
        What is known of it.
    person : str
        Who is seen; several videos may show the same one.
    """

    clip: RealClip
    person: str

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.clip.name


def find_videos(folder: Path, part: str, split: Path) -> list[Video]:
    """List the videos with a face in a folder.

    Parameters
    ----------
    folder
        With or without a catalogue.
    part
        "dev" or "test", of the split; or "all", which is every video.
    split
        A split file.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If there is no such part, the catalogue is none, or no video is left.
    """
    if (folder / CATALOGUE).is_file():
        clips = [clip for clip in real_clips(folder / CATALOGUE, part, split) if clip.faces > 0]
    else:
        names = None if part == "all" else names_of_part(part, split)
        files = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in SUFFIXES]
        clips = [unlisted(path) for path in files if names is None or path.name in names]
    if not clips:
        raise ValueError(f"{folder}: holds no video of the part {part!r}")
    return [Video(clip, person_of(clip.name, split)) for clip in clips]


@dataclass(frozen=True)
class VideosWork:
    """Carriers from videos; see ``reduction.Work``.

    Attributes
    ----------
    data, out : Path
        The folder of videos, and that of the carriers.
    videos : sequence of Video
        Which ones.
    limit : float
        Seconds of each.
    views : sequence of View
        The boxes in which the face is cut out.
    """

    data: Path
    out: Path
    videos: Sequence[Video]
    limit: float = LIMIT
    views: Sequence[View] = VIEWS

    def settings(self) -> dict[str, Any]:
        """Return all values that affect the result, except the content of the videos."""
        return {
            "layout": "videos",
            "limit_s": self.limit,
            "views": [asdict(view) for view in self.views],
            "videos": [[video.name, video.person] for video in self.videos],
            "made_with": made_with(),
        }

    def run(self, item: Video) -> str:
        """Make the part of one video; return the reason if that fails, else ""."""
        try:
            views = views_of(Carrier(item.clip, self.limit).frames, self.views)
        except (OSError, ValueError) as error:
            return str(error).replace(f"{self.data}{os.sep}", "")
        buffer = io.BytesIO()
        arrays = {
            f"{field}-{i}": getattr(view, field)
            for i, view in enumerate(views)
            for field in _FIELDS
        }
        np.savez(buffer, **arrays)
        replace_file(part_of(self, item), buffer.getvalue())
        return ""

    def _parts(self, video: Video) -> list[CarrierFrames]:
        with np.load(part_of(self, video)) as arrays:
            return [
                CarrierFrames(*(arrays[f"{field}-{i}"] for field in _FIELDS))
                for i in range(len(self.views))
            ]

    def assemble(self, usable: Sequence[Video]) -> None:
        """Make the cache from the parts of some videos."""
        clips: list[Clip] = []
        masks = []
        digest = hashlib.sha256()
        for video in usable:
            for view, frames in zip(self.views, self._parts(video)):
                start = clips[-1].stop if clips else 0
                clips.append(_clip(video, view, start, frames))
                masks.append(frames.mask)
                for field in _FIELDS:
                    digest.update(getattr(frames, field))
        about = {
            "description": (
                f"carriers: {len(usable)} videos without a truth, of"
                f" {len({video.person for video in usable})} persons or groups,"
                f" {len(self.views)} boxes each, from"
                f" {', '.join(sorted({video.clip.source for video in usable}))}"
            ),
            "settings": self.settings(),
            # Names and lengths alone would not tell two versions of the videos apart.
            "content_sha256": digest.hexdigest(),
        }
        writer = ClipWriter(self.out, about, clips)
        for i in range(0, len(clips), len(self.views)):
            for k, frames in enumerate(self._parts(usable[i // len(self.views)])):
                if i + k in writer.missing():
                    writer.write(i + k, _without_pulse(frames))
        buffer = io.BytesIO()
        np.save(buffer, np.concatenate(masks))
        replace_file(self.out / MASK, buffer.getvalue())
        writer.finish()


def _clip(video: Video, view: View, start: int, frames: CarrierFrames) -> Clip:
    begins = steps(frames.times)
    step = np.median(frames.times[begins + 1] - frames.times[begins])
    known = video.clip
    return Clip(
        name=f"{known.path.stem} {view.name}",
        subject=video.person,
        start=start,
        stop=start + len(frames.times),
        fps=round(float(1 / step), 3),
        heart_rate=None,
        stratum=view.name,
        scene={
            "video": known.name,
            "origin": known.origin,
            "licence": known.licence,
            "own_rate_bpm": known.own_rate,
            "for_tests": is_carrier(known, own_pulse=False),
        },
    )


def _without_pulse(frames: CarrierFrames) -> Frames:
    count = len(frames.times)
    none = np.full(count, np.nan, np.float32)
    return Frames(frames.appearance, np.zeros(count, np.float32), frames.times, none)
