"""What a source reads from recordings, window by window, beside the truth."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

FORMAT = "rppg_fast.evaluation"
VERSION = 1

WINDOW = np.dtype(
    [
        ("end", "<f8"),
        ("heart_rate", "<f8"),
        ("true_rate", "<f8"),
        ("snr_db", "<f8"),
        ("true_snr_db", "<f8"),
        ("ok", "?"),
    ]
)
"""A window: its end (s); heart rate of the prediction, whatever its status, and of the true PPG
(bpm); SNR at the predicted rate as readings have it, and at the true rate (dB); whether the status
is ok. NaN where there is none: a clip without a pulse has no true rate."""

_DECIMALS = {"end": 3, "heart_rate": 3, "true_rate": 3, "snr_db": 2, "true_snr_db": 2}
"""Far below what any of them can be relied on."""


@dataclass(frozen=True, eq=False)
class Recording:
    """One clip, read.

    Attributes
    ----------
    name, subject : str
        Of the clip.
    groups : dict of str to str
        Which stratum, skin and so on it belongs to, by the kind of group.
    has_pulse : bool
        Whether there is a true heart rate.
    windows : structured (windows,)
        See ``WINDOW``; empty where the frames leave no full window.
    """

    name: str
    subject: str
    groups: dict[str, str]
    has_pulse: bool
    windows: NDArray[Any]

    @cached_property
    def error(self) -> float:
        """Error of the recording's heart rate, the mean over its windows, in bpm."""
        rates = self.windows["heart_rate"] - self.windows["true_rate"]
        return float(rates.mean()) if rates.size else math.nan


def rounded(windows: NDArray[Any]) -> NDArray[Any]:
    """Round windows to the digits that are kept."""
    out: NDArray[Any] = windows.copy()
    for name, decimals in _DECIMALS.items():
        out[name] = np.round(windows[name], decimals)
    return out


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A source on some clips.

    Attributes
    ----------
    name : str
        What tables call the source.
    source : dict
        What it is: kind, hashes, config.
    data : dict
        Description and hash of the clips, and of whom of them.
    made_with : dict
        Versions of the software.
    recordings : tuple of Recording
        One for each clip.
    """

    name: str
    source: dict[str, Any]
    data: dict[str, Any]
    made_with: dict[str, str]
    recordings: tuple[Recording, ...]

    def to_values(self) -> dict[str, Any]:
        """Give plain values for JSON; NaN becomes None."""
        recordings = [
            {
                "name": r.name,
                "subject": r.subject,
                "groups": r.groups,
                "has_pulse": r.has_pulse,
                "windows": {
                    column: [_plain(value) for value in r.windows[column].tolist()]
                    for column in WINDOW.names or ()
                },
            }
            for r in self.recordings
        ]
        about = {key: getattr(self, key) for key in ("name", "source", "data", "made_with")}
        return {"format": FORMAT, "version": VERSION, **about, "recordings": recordings}

    def to_json(self) -> str:
        """Give compact JSON."""
        return json.dumps(self.to_values(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """Read what ``to_json`` wrote.

        Raises
        ------
        ValueError
            If it is something else.
        """
        values = json.loads(text)
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError("not an evaluation of rppg_fast")
        if values.get("version") != VERSION:
            raise ValueError(f"evaluation version {values.get('version')}, expected {VERSION}")
        try:
            recordings = tuple(_recording(**recording) for recording in values["recordings"])
            about = {key: values[key] for key in ("name", "source", "data", "made_with")}
            return cls(**about, recordings=recordings)
        except (KeyError, TypeError) as error:
            raise ValueError(f"a damaged evaluation: {error}") from None


def _plain(value: float | bool) -> float | int | None:
    if isinstance(value, bool):
        return int(value)
    return None if math.isnan(value) else value


def _recording(
    name: str,
    subject: str,
    groups: dict[str, str],
    has_pulse: bool,
    windows: dict[str, list[float | None]],
) -> Recording:
    table = np.empty(len(windows["end"]), WINDOW)
    for column in WINDOW.names or ():
        if len(windows[column]) != len(table):
            raise ValueError(f"{name}: columns of windows differ in length")
        table[column] = [math.nan if value is None else value for value in windows[column]]
    return Recording(name, subject, groups, has_pulse, table)
