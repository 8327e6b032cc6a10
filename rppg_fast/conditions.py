"""The conditions of a recording, and which of them can hide a pulse."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rppg_fast.appearance_meter import Appearance

#: Mean brightness of a face, 0 to 1, under which and over which the pulse is hard to see.
_DARK, _BRIGHT = 0.2, 0.9
#: Share of a face's pixels that are as bright as the camera can show: no pulse is in them.
_MUCH_CLIPPED = 0.15
#: Shorter side of a measured box, pixels, under which camera noise hides the pulse.
_SMALL_BOX = 72
#: Change from one look to the next over the brightness; see ``Appearance``.
_MUCH_MOVEMENT = 0.06
#: Color, see ``Conditions``, under which a picture is grey.
_GREY = 0.02
#: Bits of the compressed video for each pixel. With fewer, H.264 removes a third of a pulse or
#: more; measured by ``training.evaluate.compression``.
_FEW_BITS = 0.05


class Obstacle(str, enum.Enum):
    """A condition that can hide a pulse.

    Attributes
    ----------
    DARK, BRIGHT
        "dark": the face is dark. "bright": it is too bright, or many of its pixels are as bright as
        the camera can show.
    SMALL
        "small": the face has few pixels.
    MOVEMENT
        "movement": the face moves much.
    COMPRESSION
        "compression": the video is strongly compressed.
    NO_COLOR
        "no_color": the picture is grey, so that only brightness can show the pulse.
    """

    DARK = "dark"
    BRIGHT = "bright"
    SMALL = "small"
    MOVEMENT = "movement"
    COMPRESSION = "compression"
    NO_COLOR = "no_color"

    def __str__(self) -> str:
        return self.value


class Conditions(NamedTuple):
    """The conditions under which a face was recorded: medians over its frames.

    Attributes
    ----------
    brightness, clipped, movement
        Those of ``Appearance``.
    color
        How far the measured pixels are from grey, 0 to 1. Skin in white light has 0.1 to 0.3.
    side_px
        Shorter side of the measured box, pixels.
    bits_per_pixel
        Bits of the compressed video for each pixel of each frame; None if it is not known, as for
        frames from memory.
    """

    brightness: float
    clipped: float
    movement: float
    color: float
    side_px: float
    bits_per_pixel: float | None = None

    @property
    def obstacles(self) -> tuple[Obstacle, ...]:
        """What can hide a pulse, in the order in which a person can best change it."""
        found = list(obstacles_in(self, self.side_px))
        if self.bits_per_pixel is not None and self.bits_per_pixel < _FEW_BITS:
            found.append(Obstacle.COMPRESSION)
        if self.color < _GREY:
            found.append(Obstacle.NO_COLOR)
        return tuple(found)

    def to_dict(self) -> dict[str, object]:
        """Return the fields by name, as JSON has them."""
        return self._asdict()


def obstacles_in(appearance: Appearance | Conditions, side_px: float) -> tuple[Obstacle, ...]:
    """Return what can hide a pulse in a box with such an appearance and shorter side, pixels."""
    holds = {
        Obstacle.DARK: appearance.brightness < _DARK,
        Obstacle.BRIGHT: appearance.brightness > _BRIGHT or appearance.clipped > _MUCH_CLIPPED,
        Obstacle.SMALL: side_px < _SMALL_BOX,
        Obstacle.MOVEMENT: appearance.movement > _MUCH_MOVEMENT,
    }
    return tuple(obstacle for obstacle, there in holds.items() if there)
