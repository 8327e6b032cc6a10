"""What a person in front of the camera can do for a better reading.

Every piece of advice is decided here; its words, in each language, are in ``strings/``.
"""

from __future__ import annotations

import enum

from rppg_fast.appearance_meter import Appearance
from rppg_fast.conditions import Obstacle, obstacles_in
from rppg_fast.reading import Box, Reading, Status


class Advice(str, enum.Enum):
    """A piece of advice; the value is its key in the files of ``strings/``."""

    STARTING = "starting"
    NO_CAMERA = "no_camera"
    PAUSED = "paused"
    ENDED = "ended"
    FAILED = "failed"
    NO_FACE = "no_face"
    SOMEONE_ELSE = "someone_else"
    COME_CLOSER = "come_closer"
    MORE_LIGHT = "more_light"
    LESS_LIGHT = "less_light"
    HOLD_STILL = "hold_still"
    FRAMES_MISSING = "frames_missing"
    NO_PULSE = "no_pulse"
    MEASURING = "measuring"
    GOOD = "good"

    def __str__(self) -> str:
        return self.value


#: Mean brightness of a whole picture under which a face may be there and not be seen.
_NIGHT = 0.08
#: What to do against an obstacle.
_AGAINST = {
    Obstacle.DARK: Advice.MORE_LIGHT,
    Obstacle.BRIGHT: Advice.LESS_LIGHT,
    Obstacle.SMALL: Advice.COME_CLOSER,
    Obstacle.MOVEMENT: Advice.HOLD_STILL,
}


def advise_without_face(appearance: Appearance) -> Advice:
    """Return what to do where there is no face in a picture that looks like this."""
    return Advice.MORE_LIGHT if appearance.brightness < _NIGHT else Advice.NO_FACE


def advise(reading: Reading, box: Box | None, appearance: Appearance, newcomer: bool) -> Advice:
    """Return what the person with a reading can do.

    Parameters
    ----------
    reading
        The reading of the newest frame.
    box
        The measured pixels; None if the face is not in the frame.
    appearance
        What the pixels look like.
    newcomer
        Whether the face has just taken the place of another one.
    """
    if reading.status is Status.OK:
        return Advice.GOOD
    if reading.status is Status.NO_FACE or box is None:
        return Advice.NO_FACE
    if newcomer and reading.status is Status.WARMING_UP:
        return Advice.SOMEONE_ELSE
    obstacles = obstacles_in(appearance, min(box.width, box.height))
    if obstacles:
        return _AGAINST[obstacles[0]]
    if reading.status is Status.GAP:
        return Advice.FRAMES_MISSING
    return Advice.MEASURING if reading.status is Status.WARMING_UP else Advice.NO_PULSE
