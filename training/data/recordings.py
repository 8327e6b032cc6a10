"""List recordings of people, each a video with a PPG: layouts of published data sets, and our own.

``find`` lists the recordings below a folder.

The folder of a recording contains:

``ubfc-rppg-1``
    UBFC-rPPG, DATASET_1 (Bobbia et al., 2019), any folder, such as ``5-gt``: ``vid.avi`` (or
    another ``vid*.avi``) and ``gtdump.xmp``, comma-separated columns without a header: time in ms
    from the video's start, heart rate in bpm, SpO2 in %, PPG. The set does not name the persons:
    each folder counts as a subject.
``ubfc-rppg-2``
    UBFC-rPPG, DATASET_2, ``subject1`` and so on: ``vid.avi`` and ``ground_truth.txt`` (see
    ``rppg_fast.reference``) with one value and one time for each frame.
``pure``
    PURE (Stricker et al., 2014), ``01-02`` for task 2 of subject 01: a folder ``01-02`` with
    ``Image<time>.png``, and ``01-02.json`` with the lists ``/Image`` and ``/FullPackage``; times
    in ns. The published ``06-02`` is empty.
``ubfc-phys``
    UBFC-Phys (Meziati Sabour et al., 2021), ``s1`` and so on with tasks 1 to 3 each:
    ``vid_s1_T1.avi``, and ``bvp_s1_T1.csv`` with one value per line, 64 per second from the
    start of the video.
``mmpd``
    MMPD (Tang et al., 2023), ``subject1`` and so on with files such as ``p1_0.mat`` (MATLAB 5):
    ``video``, (frames, rows, columns, 3) in red-green-blue from 0 to 1, 30 frames per second, and
    ``GT_ppg`` with one value for each frame. One file is read at once, 3 GB in full size.
``scamps``
    SCAMPS (McDuff et al., 2022), files such as ``P000001.mat`` (MATLAB 7.3, needs h5py):
    ``RawFrames``, in HDF5 (3, columns, rows, frames) in red-green-blue from 0 to 1, 30 frames per
    second, and ``d_ppg`` with one value for each frame. Each synthetic person counts as a subject.
``ibvp``
    iBVP (Joshi and Cho, 2024), ``p01_a`` for condition a of participant 01: ``p01_a_rgb`` with
    pictures ``*.bmp``, 30 per second, in the order of the numbers in their names; ``p01_a_bvp.csv``
    with a column ``BVP``, one value for each picture. The labels of quality are not used.
``mcd-rppg``
    MCD-rPPG (Egorov et al., 2025), in the set's folder: ``video/1020_FullHDwebcam_before.avi``,
    ``meta/1020_FullHDwebcam_before.txt`` with number, date and time of each frame, and
    ``ppg_sync/1020_FullHDwebcam_before.txt`` with the PPG at each frame.
``physrecorder``
    What PhysRecorder writes (Wang et al., 2023), a folder for each participant, such as ``p001``,
    with a folder for each recording, such as ``v01``: ``BVP.csv`` and ``frames_timestamp.csv`` with
    UNIX times in s, and ``pictures_ZIP_RAW_RGB`` or ``video_*.avi``; the best of these is read.
``own``
    Our own layout, which ``rppg-fast record`` writes, any folder: one ``video.*``; ``ppg.csv`` with
    the header ``time_s,ppg``, at any rate; optionally ``frames.csv`` with the header ``time_s`` and
    one line for each frame, on the clock of ``ppg.csv`` (without it, both clocks start with the
    video, and the container gives the frames' times); optionally ``subject.txt`` with one line
    (without it, the folder's name is the subject's name); optionally ``metadata.json``: a recording
    whose ``consent`` is false is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, NamedTuple

from training.data.matlab_layouts import mmpd, scamps
from training.data.picture_layouts import ibvp, physrecorder, pure
from training.data.recording import Recording, natural
from training.data.video_layouts import mcd_rppg, own, ubfc_phys, ubfc_rppg_1, ubfc_rppg_2


class Layout(NamedTuple):
    """How the recordings of a data set are found.

    Attributes
    ----------
    pattern : str
        Pattern for the names of their folders or files in the data set's folder.
    members : callable
        Lists the recordings in one of them.
    of_files : bool
        Whether these are files.
    """

    pattern: str
    members: Callable[[Path], Sequence[Recording]]
    of_files: bool = False


LAYOUTS: dict[str, Layout] = {
    "ubfc-rppg-1": Layout(r"[^.].*", ubfc_rppg_1),
    "ubfc-rppg-2": Layout(r"subject\d+", ubfc_rppg_2),
    "pure": Layout(r"\d\d-\d\d", pure),
    "ubfc-phys": Layout(r"s\d+", ubfc_phys),
    "mmpd": Layout(r"subject\d+", mmpd),
    "scamps": Layout(r"P\d+\.mat", scamps, of_files=True),
    "ibvp": Layout(r"p\d+_[a-z]", ibvp),
    "mcd-rppg": Layout(r"video", mcd_rppg),
    "physrecorder": Layout(r"[^.].*", physrecorder),
    "own": Layout(r"[^.].*", own),
}
"""The layouts by their names."""


def find(layout: str, folder: Path) -> list[Recording]:
    """List the recordings of a data set, ``subject2`` before ``subject10``.

    Parameters
    ----------
    layout
        One of ``LAYOUTS``.
    folder
        Folder that contains the recordings' folders.

    Raises
    ------
    OSError
        If the folder cannot be read.
    ValueError
        If there is no such layout, if the folder has no recording, or if a subject's name is
        unclear.
    """
    if layout not in LAYOUTS:
        raise ValueError(f"layout must be one of {', '.join(LAYOUTS)}, got {layout!r}")
    pattern, members, of_files = LAYOUTS[layout]
    places = [
        path
        for path in folder.iterdir()
        if (path.is_file() if of_files else path.is_dir()) and re.fullmatch(pattern, path.name)
    ]
    found = [recording for place in sorted(places, key=natural) for recording in members(place)]
    if not found:
        kind = "file" if of_files else "folder"
        raise ValueError(f"{folder}: no {kind} of a recording in the layout {layout}")
    return found
