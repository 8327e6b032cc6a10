"""Layouts with a MATLAB file for each recording: MMPD and SCAMPS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rppg_fast.evaluation.traces import Trace
from rppg_fast.video import Frame
from training.data.recording import FRAMES_APART, Recording, TimedFrame, natural

_MMPD_FS = _SCAMPS_FS = 30.0  # Hz; both have a PPG value for each frame
_MMPD_NAME = re.compile(r"p\d+_\d+\.mat")

#: Frames of SCAMPS that are read at once: their values are scattered over the whole file.
_AT_ONCE = 100


def mmpd(folder: Path) -> list[Recording]:
    """List the recordings of a subject of MMPD."""
    files = (path for path in folder.glob("*.mat") if _MMPD_NAME.fullmatch(path.name))
    return [
        Recording(path.stem, folder.name, partial(_mmpd_frames, path), partial(_mmpd_trace, path))
        for path in sorted(files, key=natural)
    ]


def _mmpd_frames(path: Path) -> Iterator[TimedFrame]:
    video = _variable(path, "video")
    if video.ndim != 4 or video.shape[3] != 3:
        raise ValueError(f"{path}: video must have the shape (frames, H, W, 3), has {video.shape}")
    samples = _variable(path, "GT_ppg").size
    if abs(len(video) - samples) > FRAMES_APART:
        raise ValueError(f"{path}: {len(video)} frames, but GT_ppg has {samples} values")
    for i, picture in enumerate(video):
        yield _as_frame(picture), i / _MMPD_FS


def _mmpd_trace(path: Path) -> Trace:
    ppg = _variable(path, "GT_ppg").astype(np.float64).ravel()
    return Trace.checked(path, ppg, np.arange(ppg.size) / _MMPD_FS)


def _variable(path: Path, name: str) -> NDArray[Any]:
    """Read one variable of a MATLAB file before version 7.3; the others are skipped."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        found = loadmat(path, variable_names=[name])
    except (MatReadError, NotImplementedError, OSError, ValueError, TypeError) as error:
        raise ValueError(f"{path}: not a MATLAB file of version 5 to 7.2: {error}") from None
    if name not in found:
        raise ValueError(f"{path}: has no variable {name}; the file may be cut off")
    return np.asarray(found[name])


def scamps(path: Path) -> list[Recording]:
    """List the recording in a file of SCAMPS."""
    frames, trace = partial(_scamps_frames, path), partial(_scamps_trace, path)
    return [Recording(path.stem, path.stem, frames, trace)]


def _scamps_frames(path: Path) -> Iterator[TimedFrame]:
    with _hdf5(path) as file:
        frames = _dataset(path, file, "RawFrames")
        # HDF5 has MATLAB's axes in reverse: color, column, row, frame.
        if frames.ndim != 4 or frames.shape[0] != 3:
            raise ValueError(
                f"{path}: RawFrames must have the shape (3, W, H, frames), has {frames.shape}"
            )
        count = frames.shape[3]
        samples = _dataset(path, file, "d_ppg").size
        if abs(count - samples) > FRAMES_APART:
            raise ValueError(f"{path}: {count} frames, but d_ppg has {samples} values")
        for start in range(0, count, _AT_ONCE):
            block = np.asarray(frames[..., start : start + _AT_ONCE]).transpose(3, 2, 1, 0)
            for i, picture in enumerate(block):
                yield _as_frame(picture), (start + i) / _SCAMPS_FS


def _scamps_trace(path: Path) -> Trace:
    with _hdf5(path) as file:
        ppg = np.asarray(_dataset(path, file, "d_ppg"), np.float64).ravel()
    return Trace.checked(path, ppg, np.arange(ppg.size) / _SCAMPS_FS)


def _hdf5(path: Path) -> Any:
    """Open a MATLAB file of version 7.3."""
    import h5py

    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(f"{path}: not a MATLAB file of version 7.3: {error}") from None


def _dataset(path: Path, file: Any, name: str) -> Any:
    if name not in file:
        raise ValueError(f"{path}: has no variable {name}")
    return file[name]


def _as_frame(picture: NDArray[Any]) -> Frame:
    """Return a picture of red, green and blue, uint8 or from 0 to 1, as a frame."""
    if picture.dtype != np.uint8:
        picture = np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8)
    return np.ascontiguousarray(picture[..., ::-1])
