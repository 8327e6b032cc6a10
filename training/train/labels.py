"""Compute the labels of training: the values that a network learns to predict."""

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
        Each clip's changes are multiplied by the relative amplitude of its pulse to this power. At
        0, a weak pulse must give as large an output as a strong one. A network that sees one frame
        step at a time can do this only by saturation; strong fast pulses then get harmonics that
        fold into wrong rates at low frame rates. At 1, weak pulses have almost no weight.

    Returns
    -------
    label : float32, shape (frames,)
        Unit standard deviation over all frame steps of the clips; entry i is the step from frame i
        to the next. NaN for the last frame of a clip, and outside the clips.
    deviation : float
        Divisor of the scaled changes.

    Raises
    ------
    ValueError
        If the power is not 0 and a clip does not state its amplitude, or if no clip has a pulse.
    """
    label = np.full(len(clips.pulse), np.nan)
    for i, clip in enumerate(clips.clips):
        scale = 1.0
        if power:
            try:
                scale = float(clip.scene["pulse"]["amplitude"]) ** power
            except KeyError:
                raise ValueError(
                    f"{clips.folder}: clip {clip.name} does not say its pulse's amplitude,"
                    " which label_power needs; set it to 0"
                ) from None
        label[clip.start : clip.stop - 1] = scale * clips[i].change
    deviation = float(np.nanstd(label))
    if not deviation > 0:
        raise ValueError(f"{clips.folder}: no clip has a pulse to learn")
    return (label / deviation).astype(np.float32), deviation
