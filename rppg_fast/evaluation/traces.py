"""Read the PPG of a recording from the files of published data sets, and from our own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rppg_fast.reference import Reference

Times = NDArray[np.float64]

MAX_GAP = 2.0
"""Longest gap between samples of a trace, s; a longer one hides the pulse. Shorter gaps occur in
published data sets; a spline then bridges a beat or two."""


ENDS_APART = 2.0
"""How much of a video may be before or after its PPG, s."""


@dataclass(frozen=True)
class Trace:
    """A PPG that rises with the blood volume.

    Attributes
    ----------
    ppg : float64 (samples,)
        PPG in the sensor's unit.
    times : float64 (samples,)
        Times on the clock of the frames, s, increasing.
    """

    ppg: Times
    times: Times

    @classmethod
    def checked(cls, path: Path, ppg: Times, times: Times) -> Trace:
        """Create a trace from values of a file. Samples that repeat a time are left out.

        Raises
        ------
        ValueError
            If a value is not finite, if times go back, or if a gap is longer than ``MAX_GAP``; the
            message names the file.
        """
        if not (np.isfinite(ppg).all() and np.isfinite(times).all()):
            raise ValueError(f"{path}: has a value that is not finite")
        steps = np.diff(times)
        if times.size < 2 or np.any(steps < 0):
            raise ValueError(f"{path}: its times must be at least two and never go back")
        if steps.max() > MAX_GAP:
            i = int(steps.argmax())
            raise ValueError(f"{path}: no sample from {times[i]:.3f} s to {times[i + 1]:.3f} s")
        fresh = np.concatenate([[True], steps > 0])
        return cls(ppg[fresh], times[fresh])

    def check_rate(self, highest: float) -> None:
        """Raise ValueError if the samples are too far apart for a pulse of ``highest`` Hz."""
        rate = (self.times.size - 1) / (self.times[-1] - self.times[0])
        if rate <= 2 * highest:
            raise ValueError(
                f"the PPG has {rate:.1f} samples a second, needs more than {2 * highest:g}"
            )

    def check_covers(self, start: float, end: float) -> None:
        """Raise ValueError if a video from ``start`` to ``end``, s, is longer than the PPG.

        ``ENDS_APART`` may be missing at each end.
        """
        if max(self.times[0] - start, end - self.times[-1]) > ENDS_APART:
            raise ValueError(
                f"the video goes from {start:.2f} s to {end:.2f} s,"
                f" the PPG from {self.times[0]:.2f} s to {self.times[-1]:.2f} s"
            )


def read_gtdump(path: Path) -> Trace:
    """Read ``gtdump.xmp`` of UBFC-rPPG's DATASET_1; raises as ``number_table`` and ``checked``."""
    milliseconds, _, _, ppg = number_table(path, 4).T
    return Trace.checked(path, ppg, milliseconds / 1000)


def read_ground_truth(path: Path) -> Trace:
    """Read ``ground_truth.txt`` of UBFC-rPPG's DATASET_2; raises as ``Reference.read``."""
    reference = Reference.read(path)
    return Trace.checked(path, reference.ppg, reference.times)


@dataclass(frozen=True)
class PureLog:
    """The JSON file of a recording of PURE.

    Attributes
    ----------
    images, stamps : list of int
        Times of the images and of the samples, ns.
    waveform : list of float
        The PPG at each of ``stamps``.
    """

    images: list[int]
    stamps: list[int]
    waveform: list[float]

    @classmethod
    def read(cls, path: Path) -> PureLog:
        """Read the file.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is not such a file, or lists no image.
        """
        try:
            log = json.loads(path.read_text(encoding="utf-8"))
            images = [int(entry["Timestamp"]) for entry in log["/Image"]]
            stamps = [int(entry["Timestamp"]) for entry in log["/FullPackage"]]
            waveform = [float(entry["Value"]["waveform"]) for entry in log["/FullPackage"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{path}: not a log of PURE ({type(error).__name__}: {error})"
            ) from None
        if not images:
            raise ValueError(f"{path}: lists no image")
        return cls(images, stamps, waveform)


def read_pure(path: Path) -> Trace:
    """Read the PPG of a recording of PURE, from the first image on; raises as ``PureLog.read``."""
    log = PureLog.read(path)
    # Differences of integers, because 10^18 ns as float64 would be wrong by up to 128 ns.
    times = np.array([stamp - log.images[0] for stamp in log.stamps], np.float64) / 1e9
    return Trace.checked(path, np.array(log.waveform, np.float64), times)


def read_own(folder: Path) -> Trace:
    """Read the PPG of a recording in our own layout.

    Raises
    ------
    OSError
        If ``ppg.csv`` cannot be read.
    ValueError
        If it is not a table of times and PPG, or if the subject has not consented to its use.
    """
    _check_consent(folder / "metadata.json")
    path = folder / "ppg.csv"
    times, ppg = number_table(path, 2, "time_s,ppg").T
    return Trace.checked(path, ppg, times)


def own_subject(folder: Path) -> str:
    """Return the subject of a recording in our own layout: ``subject.txt``, or the folder's name.

    Raises
    ------
    ValueError
        If ``subject.txt`` is not one line.
    """
    named = folder / "subject.txt"
    if not named.is_file():
        return folder.name
    lines = named.read_text(encoding="utf-8").strip().splitlines()
    if len(lines) != 1:
        raise ValueError(f"{named}: must be one line with the subject's name")
    return lines[0].strip()


def own_frame_times(folder: Path) -> Times | None:
    """Return the times of the frames on the clock of ``ppg.csv``, s; None without frames.csv."""
    stamps = folder / "frames.csv"
    return number_table(stamps, 1, "time_s")[:, 0] if stamps.is_file() else None


def _check_consent(path: Path) -> None:
    """Refuse a recording whose metadata say that the subject has not agreed to its use."""
    if not path.is_file():
        return
    try:
        consent = json.loads(path.read_text(encoding="utf-8"))["consent"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(f"{path}: does not say whether the subject has consented") from None
    if consent is not True:
        raise ValueError(
            f"{path}: the subject has not consented to the use of this recording; if that is"
            " wrong, set consent to true"
        )


def number_table(
    path: Path, columns: int, header: str | None = None, separator: str | None = ","
) -> NDArray[np.float64]:
    """Read a table of numbers, float64 (rows, columns).

    Parameters
    ----------
    path
        The file.
    columns
        How many columns each row must have.
    header
        What the first line must be; without it, all lines are rows.
    separator
        What is between two numbers; None for any white space.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file has another header, no rows, another number of columns, or a value that is not a
        number; the message names the file.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not a text file") from None
    lines = [line.strip() for line in lines if line.strip()]
    if header is not None and lines[:1] != [header]:
        raise ValueError(f"{path}: the first line must be {header!r}")
    rows = [line.split(separator) for line in lines[header is not None :]]
    widths = {len(row) for row in rows}
    if widths != {columns}:
        raise ValueError(f"{path}: must have rows of {columns} columns, has {sorted(widths)}")
    try:
        return np.array(rows, np.float64)
    except ValueError as error:
        raise ValueError(f"{path}: not a table of numbers: {error}") from None
