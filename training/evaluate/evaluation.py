"""Store the results of a source on recordings, window by window, with the truth."""

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
"""One window: its end (s); the most likely heart rate of the prediction, trusted or not, and that
of the true PPG (bpm); the reading's SNR at the predicted rate and the SNR at the true rate (dB);
whether the status is ok. NaN means no value: a clip without a pulse has no true rate."""

_DECIMALS = {"end": 3, "heart_rate": 3, "true_rate": 3, "snr_db": 2, "true_snr_db": 2}
"""Decimals that are kept; the values themselves are less precise."""


@dataclass(frozen=True, eq=False)
class Recording:
    """The results of one clip.

    Attributes
    ----------
    name, subject : str
        Name and subject of the clip.
    groups : dict of str to str
        Group of the clip, by the kind of group, such as stratum or skin.
    has_pulse : bool
        Whether there is a true heart rate.
    windows : structured (windows,)
        See ``WINDOW``; empty if the clip has no full window.
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
    """Round the values of windows to the decimals that are kept."""
    out: NDArray[Any] = windows.copy()
    for name, decimals in _DECIMALS.items():
        out[name] = np.round(windows[name], decimals)
    return out


@dataclass(frozen=True, eq=False)
class Evaluation:
    """The results of one source on some clips.

    Attributes
    ----------
    name : str
        Name of the source in tables.
    source : dict
        Description of the source: kind, hashes, config.
    data : dict
        Description and hash of the clips; if a part was chosen, also the split, fold and part.
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
        """Return plain values for JSON; NaN becomes None."""
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
        """Return compact JSON."""
        return json.dumps(self.to_values(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Evaluation:
        """Read the text that ``to_json`` wrote.

        Raises
        ------
        ValueError
            If the text is not an evaluation of this version.
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
