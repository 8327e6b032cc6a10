"""Small folders of carriers: made-up skin in a dark room, still or shaken, without any face."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.data.carriers import MASK, SIDE, Carriers
from training.data.clips import Clip, ClipWriter, Frames, as_stored

SKIN = (0.62, 0.44, 0.36)
ROOM = 0.12
NOISE = 0.0004
SECONDS = 12.0
RATES = (30.0, 25.0)  # frames a second, one video each
VIEWS = ("followed 1.4", "fixed 1.6")
PULSE = (0.0043, 0.01, 0.0069)  # of red, green and blue: amplitude of a person's own pulse
JUMP = 40  # the entry at which the box of a followed view moves


def skin_mask(shift: int = 0) -> NDArray[np.uint8]:
    """Make an ellipse of skin, 0 to 255."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2.0
    return np.where(np.hypot((x - shift) / 11, y / 14) < 1, 255, 0).astype(np.uint8)


def make_carriers(
    folder: Path,
    people: Sequence[str] = ("anna", "bert"),
    for_tests: bool = True,
    seconds: float = SECONDS,
    own_bpm: Mapping[str, float] | None = None,
) -> Carriers:
    """Make carriers of one video each person; in followed views the box moves once by two cells.

    ``own_bpm`` gives some persons a pulse of their own: less light with more blood, a sine.
    """
    random = np.random.default_rng(3)
    clips, parts, masks, start = [], [], [], 0
    for person, rate in zip(people, RATES):
        times = np.arange(int(seconds * rate)) / rate
        for view in VIEWS:
            moves = view.startswith("followed")
            moments = np.insert(times, JUMP, times[JUMP - 1]) if moves else times
            shift = np.where(np.arange(len(moments)) >= JUMP, 2 * moves, 0)
            mask = np.stack([skin_mask(int(s)) for s in shift])
            beats = moments * (own_bpm or {}).get(person, 0.0) / 60
            pulse = np.reshape(PULSE, (3, 1, 1)) * np.sin(2 * np.pi * beats)[:, None, None, None]
            skin = np.reshape(SKIN, (1, 3, 1, 1)) * (1 - pulse)
            color = np.where(mask[:, None] > 0, skin, ROOM)
            seen = color + NOISE * random.standard_normal(color.shape)
            none = np.zeros(len(moments), np.float32)
            parts.append(Frames(as_stored(seen.astype(np.float32)), none, moments, none * np.nan))
            masks.append(mask)
            scene = {
                "video": f"{person}.mp4",
                "origin": "made up",
                "licence": "none",
                "own_rate_bpm": None,
                "for_tests": for_tests,
            }
            stop = start + len(moments)
            clips.append(Clip(f"{person} {view}", person, start, stop, rate, None, view, scene))
            start = stop
    digest = hashlib.sha256(b"".join(part.appearance.tobytes() for part in parts)).hexdigest()
    writer = ClipWriter(folder, {"description": "made-up carriers", "content": digest}, clips)
    for i, part in enumerate(parts):
        writer.write(i, part)
    np.save(folder / MASK, np.concatenate(masks))
    writer.finish()
    return Carriers.open(folder)
