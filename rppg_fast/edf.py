"""A pulse as an EDF+ file; it needs pyEDFlib (the extra ``edf``).

EDF+ has neither missing values nor signals with holes, so both are numbers here that the
annotations explain. It has 16 bits for a value.
"""

from __future__ import annotations

import datetime
import errno
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Union

import numpy as np
from numpy.typing import NDArray

from rppg_fast._core import __version__
from rppg_fast.options import NETWORK_METHODS, TEACHER_METHOD
from rppg_fast.reading import Measurement
from rppg_fast.results import replacing
from rppg_fast.waveform import SIDES, Column, pulse_columns

if TYPE_CHECKING:
    from pyedflib import EdfWriter

Floats = NDArray[np.float64]
Numbers = Union[NDArray[np.float64], NDArray[np.int32]]

#: The value of every signal but the pulse where there is none.
NO_VALUE = -1.0
#: Annotations where the pulse has a hole, and where no window contains the sample.
NO_PULSE, NO_WINDOW = "no_pulse", "no_window"

_DIGITAL = (-32768, 32767)
_LEAST_RANGE = 1e-4  # of the pulse: the header has 8 characters for a limit
_MOST_ANNOTATIONS = 64  # signals for annotations that pyEDFlib can write

# The header of EDF+ must have a date. This is its first one; the identification of the recording,
# another field of the header, says that the date is unknown.
_NO_DATE = datetime.datetime(1985, 1, 1)
_IDENTIFICATION = slice(88, 168)


class Note(NamedTuple):
    """An annotation: a text for a part of the recording; times in s after the first sample."""

    onset: float
    duration: float
    text: str


def write_edf(path: str | os.PathLike[str], measurement: Measurement) -> None:
    """Write pulse and readings as EDF+, or replace the file, completely or not at all.

    The signals are the columns of ``pulse_columns``, at the sampling rate of the pulse. Time 0 is
    the first sample. After a hole, samples are moved by up to half a sampling interval onto the
    grid of the first ones. Annotations are the statuses, the holes, and the time of the first
    sample in the recording. Neither a person, a date nor the name of the recording is written.

    Parameters
    ----------
    path
        The file.
    measurement
        The measurement; it must have at least two samples of pulse.

    Raises
    ------
    ImportError
        If pyEDFlib is not installed.
    ValueError
        If there is no pulse, or if the status changes too often for EDF+.
    OSError
        If the file cannot be written.
    """
    from pyedflib import FILETYPE_EDFPLUS, EdfWriter

    if measurement.times.size < 2:
        raise ValueError(f"{measurement.video}: there is no pulse to write")
    columns = pulse_columns(measurement)
    times = measurement.times
    rate = round(1 / float(np.median(np.diff(times))), 6)
    index = np.round((times - times[0]) * rate).astype(np.intp)
    signals = {name: column for name, column in columns.items() if isinstance(column, np.ndarray)}
    del signals["time_s"]
    with replacing(os.fspath(path)) as partial:
        writer = EdfWriter(str(partial), len(signals), file_type=FILETYPE_EDFPLUS)
        try:
            writer.setSignalHeaders([_header(name, signals[name], rate) for name in signals])
            if measurement.method in (*NETWORK_METHODS, TEACHER_METHOD):
                writer.setPhysicalDimension(0, "SD")
            writer.setStartdatetime(_NO_DATE)
            writer.setEquipment(f"rppg_fast-{__version__}")
            writer.setRecordingAdditional(measurement.method)
            in_record = writer.get_smp_per_record(0)
            length = math.ceil((int(index[-1]) + 1) / in_record) * in_record
            notes = notes_on(columns["status"], index, length, rate, float(times[0]))
            _annotate(writer, notes, length // in_record)
            writer.writeSamples(
                [_placed(name, column, index, length) for name, column in signals.items()]
            )
        finally:
            writer.close()
        if not _is_complete(partial):  # pyEDFlib does not say that a disk is full
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        _forget_date(partial)


def notes_on(
    status: Column, index: NDArray[np.intp], length: int, rate: float, start: float
) -> list[Note]:
    """Return the annotations: one for each run of samples with the same status, or without pulse.

    Parameters
    ----------
    status
        Status of each sample of the pulse, or None.
    index : intp (samples,)
        Their places on the grid.
    length
        Samples of the grid.
    rate
        Sampling rate, Hz.
    start
        Time of the first sample in the recording, s.
    """
    texts = np.full(length, NO_PULSE, dtype=object)
    texts[index] = [NO_WINDOW if text is None else text for text in status]
    edges = [0, *(np.flatnonzero(texts[1:] != texts[:-1]) + 1), length]
    runs = [
        Note(float(a) / rate, float(b - a) / rate, str(texts[a]))
        for a, b in zip(edges[:-1], edges[1:])
    ]
    return [Note(0.0, 0.0, f"first sample at {start:.4f} s"), *runs]


def _annotate(writer: EdfWriter, notes: list[Note], records: int) -> None:
    """Write annotations; each record of the file has room for one in each of their signals."""
    signals = math.ceil(len(notes) / records)
    if signals > _MOST_ANNOTATIONS:
        raise ValueError("the status changes too often for EDF+: write a .csv or .parquet file")
    writer.set_number_of_annotation_signals(signals)
    for note in notes:
        writer.writeAnnotation(*note)


def _header(name: str, column: Numbers, rate: float) -> dict[str, object]:
    """Return the header of a signal."""
    low, high = float(_DIGITAL[0]), float(_DIGITAL[1])  # pixels are whole numbers
    unit = "pixel" if name in SIDES else ""
    if name == "pulse":
        largest = max(float(np.abs(column).max()), _LEAST_RANGE)
        digit = 10.0 ** math.floor(math.log10(largest))
        high = math.ceil(largest / digit) * digit
        high = int(high) if high >= 1 else round(high, 4)
        low = -high
    elif name == "heart_rate_bpm":
        low, high, unit = -1.0, 400.0, "bpm"
    elif name not in SIDES:
        low, high = -1.0, 1.0
    return {
        "label": name,
        "dimension": unit,
        "sample_frequency": rate,
        "physical_min": low,
        "physical_max": high,
        "digital_min": _DIGITAL[0],
        "digital_max": _DIGITAL[1],
        "prefilter": "",
        "transducer": "camera",
    }


def _placed(name: str, column: Numbers, index: NDArray[np.intp], length: int) -> Floats:
    """Return a signal on the grid of the file."""
    empty = 0.0 if name == "pulse" else NO_VALUE
    placed = np.full(length, empty)
    placed[index] = np.where(np.isnan(column), empty, column)
    return placed


def _forget_date(path: Path) -> None:
    """Replace the date in the identification of the recording by X, which means unknown."""
    with path.open("r+b") as file:
        file.seek(_IDENTIFICATION.start)
        field = file.read(_IDENTIFICATION.stop - _IDENTIFICATION.start)
        first, _, *rest = field.split()
        words = [first, b"X", *rest]
        file.seek(_IDENTIFICATION.start)
        file.write(b" ".join(words).ljust(len(field)))


def _is_complete(path: Path) -> bool:
    """Return whether a file has the size that its header says."""
    content = path.read_bytes()
    try:
        records, signals = int(content[236:244]), int(content[252:256])
        counts = content[256 + 216 * signals : 256 + 224 * signals]
        samples = sum(int(counts[8 * i : 8 * i + 8]) for i in range(signals))
    except ValueError:
        return False
    return len(content) == 256 * (signals + 1) + records * samples * 2
