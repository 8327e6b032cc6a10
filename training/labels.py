"""What the student is to predict."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.data.clips import Clips


def labels(clips: Clips, power: float) -> tuple[NDArray[np.float32], float]:
    """Scale the true changes of all clips to training labels.

    Parameters
    ----------
    clips : Clips
        The training clips.
    power : float
        Each clip's changes are multiplied by its pulse's relative amplitude to this power. At 0
        a weak pulse is to give as large an output as a strong one; a network that sees one frame
        step at a time can do so only by saturating, and then strong fast pulses get harmonics
        that fold into wrong rates at low frame rates. At 1 weak pulses hardly count.

    Returns
    -------
    label : float32, shape (steps,)
        Of unit standard deviation over all clips.
    deviation : float
        What the scaled changes were divided by.

    Raises
    ------
    ValueError
        If the power is not 0 and a clip does not say its amplitude, or no clip has a pulse.
    """
    scaled = clips.change.astype(np.float64)
    if power:
        for clip in clips.clips:
            try:
                amplitude = float(clip.scene["pulse"]["amplitude"])
            except KeyError:
                raise ValueError(
                    f"{clips.folder}: clip {clip.index} does not say its pulse's amplitude,"
                    " which label_power needs; set it to 0"
                ) from None
            scaled[clip.start : clip.stop] *= amplitude**power
    deviation = float(scaled.std())
    if not deviation > 0:
        raise ValueError(f"{clips.folder}: no clip has a pulse to learn")
    return (scaled / deviation).astype(np.float32), deviation
