"""Read the layouts of the data sets from small files; broken files give errors that name them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

for module in ("scipy", "h5py", "av", "tqdm", "torch"):
    pytest.importorskip(module, reason="reading recordings needs the extra 'train'")

import h5py  # noqa: E402
import scipy.io  # noqa: E402

from tests.support.made_up_recordings import (  # noqa: E402
    Written,
    write_ibvp,
    write_mcd,
    write_mmpd,
    write_own,
    write_phys,
    write_physrecorder,
    write_pure,
    write_scamps,
    write_ubfc_1,
    write_ubfc_2,
)
from training.data.recordings import LAYOUTS, find  # noqa: E402

# The text has 8 digits.
TEXT_TOLERANCE = 1e-6

CASES: list[tuple[str, str, Callable[[Path], Written]]] = [
    ("ubfc-rppg-1", "after-exercise", write_ubfc_1),
    ("ubfc-rppg-1", "12-gt", lambda place: write_ubfc_1(place, video="vid-12.avi")),
    ("ubfc-rppg-2", "subject1", write_ubfc_2),
    ("pure", "01-02", write_pure),
    ("ubfc-phys", "s1", write_phys),
    ("mmpd", "subject12", write_mmpd),
    ("scamps", "P000012.mat", write_scamps),
    ("ibvp", "p01_a", write_ibvp),
    ("mcd-rppg", "video", write_mcd),
    ("physrecorder", "p001", write_physrecorder),
    ("physrecorder", "p001", lambda place: write_physrecorder(place, video="video_RAW_RGBA.avi")),
    ("own", "anna monday", write_own),
    ("own", "anna tuesday", lambda place: write_own(place, stamped=False, fps=25.0)),
]


@pytest.mark.parametrize(("layout", "name", "write"), CASES)
def test_frames_and_trace_are_what_the_files_hold(
    layout: str, name: str, write: Callable[[Path], Written], tmp_path: Path
) -> None:
    written = write(tmp_path / name)
    recording = find(layout, tmp_path)[0]
    seen = list(recording.frames())
    # Equal pixels also show that colors are not exchanged and no frame is repeated.
    np.testing.assert_array_equal([frame for frame, _ in seen], written.frames)
    np.testing.assert_allclose([time for _, time in seen], written.times, atol=TEXT_TOLERANCE)
    trace = recording.trace()
    np.testing.assert_allclose(trace.ppg, written.ppg, atol=TEXT_TOLERANCE)
    np.testing.assert_allclose(trace.times, written.ppg_times, atol=TEXT_TOLERANCE)


def test_recordings_come_in_order_with_their_subjects(tmp_path: Path) -> None:
    def listed(layout: str) -> list[tuple[str, str]]:
        return [(r.name, r.subject) for r in find(layout, tmp_path / layout)]

    for name in ("subject10", "subject2", "subject1", "notes", ".hidden"):
        (tmp_path / "ubfc-rppg-2" / name).mkdir(parents=True)
    names = ("subject1", "subject2", "subject10")
    assert listed("ubfc-rppg-2") == [(name, name) for name in names]

    for name in ("10-01", "01-02", "01-01", "readme"):
        (tmp_path / "pure" / name).mkdir(parents=True)
    assert listed("pure") == [("01-01", "01"), ("01-02", "01"), ("10-01", "10")]

    for name in ("s10", "s9", "scripts"):
        (tmp_path / "ubfc-phys" / name).mkdir(parents=True)
    tasks = [(f"{s}_T{task}", s) for s in ("s9", "s10") for task in (1, 2, 3)]
    assert listed("ubfc-phys") == tasks

    for name in ("10_0", "9_12", "9_2", "9_x"):
        place = tmp_path / "mmpd" / f"subject{name.partition('_')[0]}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"p{name}.mat").touch()
    assert listed("mmpd") == [
        ("p9_2", "subject9"),
        ("p9_12", "subject9"),
        ("p10_0", "subject10"),
    ]

    (tmp_path / "scamps").mkdir()
    for name in ("P000002.mat", "P000001.mat", "Readme.txt"):
        (tmp_path / "scamps" / name).touch()
    assert listed("scamps") == [("P000001", "P000001"), ("P000002", "P000002")]

    for name in ("p10_a", "p02_b", "p02_a", "p02"):
        (tmp_path / "ibvp" / name).mkdir(parents=True)
    assert listed("ibvp") == [("p02_a", "p02"), ("p02_b", "p02"), ("p10_a", "p10")]

    (tmp_path / "mcd-rppg" / "video").mkdir(parents=True)
    for name in ("1020_USBVideo_after.avi", "1020_USBVideo_before.avi", "test.avi"):
        (tmp_path / "mcd-rppg" / "video" / name).touch()
    states = ("after", "before")
    assert listed("mcd-rppg") == [(f"1020_USBVideo_{state}", "1020") for state in states]

    for name in ("p001/v10", "p001/v2", "p002/v1", "p002/empty"):
        (tmp_path / "physrecorder" / name).mkdir(parents=True)
        if not name.endswith("empty"):
            (tmp_path / "physrecorder" / name / "BVP.csv").touch()
    assert listed("physrecorder") == [
        ("p001_v2", "p001"),
        ("p001_v10", "p001"),
        ("p002_v1", "p002"),
    ]

    for name in ("after-exercise", "12-gt", "5-gt", ".hidden"):
        (tmp_path / "ubfc-rppg-1" / name).mkdir(parents=True)
    names = ("5-gt", "12-gt", "after-exercise")
    assert listed("ubfc-rppg-1") == [(name, name) for name in names]

    for name in ("monday", "tuesday"):
        (tmp_path / "own" / name).mkdir(parents=True)
    (tmp_path / "own" / "monday" / "subject.txt").write_text("anna\n")
    assert listed("own") == [("monday", "anna"), ("tuesday", "tuesday")]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_folder_without_recordings_is_refused(layout: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"{tmp_path.name}.*{layout}"):
        find(layout, tmp_path)
    with pytest.raises(OSError, match="nowhere"):
        find(layout, tmp_path / "nowhere")


def test_a_data_set_one_folder_too_deep_is_refused(tmp_path: Path) -> None:
    write_pure(tmp_path / "PURE" / "01-01")
    with pytest.raises(ValueError, match=tmp_path.name):
        find("pure", tmp_path)


def test_an_unknown_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="vipl"):
        find("vipl", tmp_path)


def test_a_subject_without_a_name_is_refused(tmp_path: Path) -> None:
    write_own(tmp_path / "monday")
    (tmp_path / "monday" / "subject.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"monday.subject\.txt"):
        find("own", tmp_path)


# Broken recordings: layout, how it is written, how it is broken, text in the message.

Break = Callable[[Path], object]


def edit(name: str, old: str, new: str) -> Break:
    def change(place: Path) -> None:
        path = place / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    return change


def lines(name: str, change: Callable[[list[str]], list[str]]) -> Break:
    def rewrite(place: Path) -> None:
        path = place / name
        path.write_text("\n".join(change(path.read_text().splitlines())) + "\n")

    return rewrite


def remove(name: str) -> Break:
    return lambda place: (place / name).unlink()


def remove_pictures(place: Path) -> None:
    for path in sorted((place / f"{place.name}_rgb").iterdir())[:4]:
        path.unlink()


def cut(name: str) -> Break:
    def halve(place: Path) -> None:
        content = (place / name).read_bytes()
        (place / name).write_bytes(content[: len(content) // 2])

    return halve


def mat(name: str, **values: object) -> Break:
    """Replace variables of a MATLAB file; None removes one."""

    def change(place: Path) -> None:
        found = scipy.io.loadmat(place / name)
        found = {key: value for key, value in found.items() if not key.startswith("_")}
        kept = {key: value for key, value in {**found, **values}.items() if value is not None}
        scipy.io.savemat(place / name, kept)

    return change


def hdf5(name: str, value: object = None) -> Break:
    def change(place: Path) -> None:
        with h5py.File(place, "a") as file:
            del file[name]
            if value is not None:
                file[name] = value

    return change


def no_pictures(place: Path) -> None:
    shutil.rmtree(place / "v01" / "pictures_ZIP_RAW_RGB")


MCD = "1020_FullHDwebcam_before"


def fill(name: str, content: bytes) -> Break:
    return lambda place: (place / name).write_bytes(content)


def swap(rows: list[str]) -> list[str]:
    return [*rows[:3], rows[4], rows[3], *rows[5:]]


def first_image(place: Path) -> Path:
    return min((place / place.name).iterdir())


def rewrite_pure(change: Callable[[dict[str, list[dict[str, object]]]], object]) -> Break:
    def rewrite(place: Path) -> None:
        path = place / "x.json".replace("x", place.name)
        log = json.loads(path.read_text())
        change(log)
        path.write_text(json.dumps(log))

    return rewrite


WRITERS: dict[str, tuple[str, Callable[[Path], Written]]] = {
    "ubfc-rppg-1": ("5-gt", write_ubfc_1),
    "ubfc-rppg-2": ("subject1", write_ubfc_2),
    "pure": ("01-02", write_pure),
    "ubfc-phys": ("s1", write_phys),
    "mmpd": ("subject1", write_mmpd),
    "scamps": ("P000001.mat", write_scamps),
    "ibvp": ("p01_a", write_ibvp),
    "mcd-rppg": ("video", write_mcd),
    "physrecorder": ("p001", write_physrecorder),
    "own": ("anna", write_own),
}

BROKEN: list[tuple[str, Break, str]] = [
    # Files that are missing, of another kind, or ambiguous.
    ("ubfc-rppg-1", remove("vid.avi"), r"5-gt: no vid\*\.avi"),
    ("ubfc-rppg-1", remove("gtdump.xmp"), r"gtdump\.xmp"),
    ("ubfc-rppg-1", fill("vid-2.avi", b""), r"5-gt: both vid-2\.avi and vid\.avi"),
    ("ubfc-rppg-1", fill("gtdump.xmp", b""), r"gtdump\.xmp"),
    ("ubfc-rppg-1", fill("gtdump.xmp", b"\xff\xfe"), r"gtdump\.xmp: not a text"),
    ("ubfc-rppg-2", remove("vid.avi"), r"vid\.avi"),
    ("ubfc-rppg-2", fill("vid.avi", b"no video"), r"vid\.avi"),
    ("ubfc-rppg-2", remove("ground_truth.txt"), r"ground_truth\.txt"),
    ("pure", remove("01-02.json"), r"01-02\.json"),
    ("pure", fill("01-02.json", b"{"), r"01-02\.json: not a log"),
    ("pure", fill("01-02.json", b"[]"), r"01-02\.json: not a log"),
    ("pure", rewrite_pure(lambda log: log.pop("/FullPackage")), r"01-02\.json.*/FullPackage"),
    ("pure", rewrite_pure(lambda log: log["/FullPackage"][3].pop("Value")), r"01-02\.json.*Value"),
    ("pure", lambda place: first_image(place).write_bytes(b"no"), r"Image\d+\.png: not a picture"),
    ("ubfc-phys", remove("vid_s1_T1.avi"), r"s1: no vid_s1_T1\.avi"),
    ("ubfc-phys", remove("bvp_s1_T1.csv"), r"bvp_s1_T1\.csv"),
    ("own", remove("video.mkv"), r"anna: no video"),
    ("own", fill("video.avi", b""), r"anna: both video\.avi and video\.mkv"),
    ("own", remove("ppg.csv"), r"ppg\.csv"),
    ("own", fill("metadata.json", b'{"consent": false}'), r"metadata\.json: .*not consented"),
    ("own", fill("metadata.json", b"{}"), r"metadata\.json: does not say whether"),
    ("mmpd", fill("p1_0.mat", b""), r"p1_0\.mat: not a MATLAB file"),
    ("mmpd", fill("p1_0.mat", b"no" * 500), r"p1_0\.mat: not a MATLAB file"),
    ("mmpd", lambda place: write_scamps(place / "p1_0.mat"), r"p1_0\.mat: not a MATLAB file"),
    ("mmpd", cut("p1_0.mat"), r"p1_0\.mat: .*cut off"),
    ("mmpd", mat("p1_0.mat", video=np.zeros((7, 8, 9))), r"p1_0\.mat: video must have.*\(7, 8, 9"),
    ("mmpd", mat("p1_0.mat", GT_ppg=np.zeros(20)), r"p1_0\.mat: 7 frames, but GT_ppg has 20"),
    ("mmpd", mat("p1_0.mat", GT_ppg=None), r"p1_0\.mat: has no variable GT_ppg"),
    ("scamps", lambda place: place.write_bytes(b"no"), r"P000001\.mat: not a MATLAB file of"),
    ("scamps", hdf5("d_ppg"), r"P000001\.mat: has no variable d_ppg"),
    ("scamps", hdf5("RawFrames"), r"P000001\.mat: has no variable RawFrames"),
    ("scamps", hdf5("RawFrames", np.zeros((7, 3))), r"RawFrames must have the shape.*\(7, 3\)"),
    ("scamps", hdf5("d_ppg", np.arange(30.0)), r"P000001\.mat: 7 frames, but d_ppg has 30"),
    ("ibvp", edit("p01_a_bvp.csv", "BVP", "PPG"), r"p01_a_bvp\.csv: not a table.*BVP"),
    ("ibvp", edit("p01_a_bvp.csv", "0.000000", "x"), r"p01_a_bvp\.csv: not a table"),
    ("ibvp", remove_pictures, r"p01_a_rgb: 3 pictures.*7 values"),
    ("ibvp", fill("p01_a_rgb/9.bmp", b""), r"9\.bmp: not a picture"),
    ("mcd-rppg", remove(f"../meta/{MCD}.txt"), rf"{MCD}\.txt"),
    ("mcd-rppg", edit(f"../meta/{MCD}.txt", "2023-11-13", "x"), rf"{MCD}\.txt: not a table of fr"),
    ("mcd-rppg", fill(f"../meta/{MCD}.txt", b""), rf"{MCD}\.txt: lists no frame"),
    ("mcd-rppg", edit(f"../ppg_sync/{MCD}.txt", " 0.004\n", "\n"), r"rows of 2 columns"),
    ("mcd-rppg", lines(f"../ppg_sync/{MCD}.txt", lambda rows: rows[1:]), r"6 values, but.*7 times"),
    ("physrecorder", remove("v01/frames_timestamp.csv"), r"frames_timestamp\.csv"),
    ("physrecorder", edit("v01/BVP.csv", "timestamp,bvp", "a,b"), r"BVP\.csv.*'timestamp,bvp'"),
    ("physrecorder", edit("v01/frames_timestamp.csv", "\n6,", "\n7,"), r"00000006\.png: .*no time"),
    ("physrecorder", no_pictures, r"v01: neither pictures_ZIP_RAW_RGB nor"),
    # Invalid numbers, and tables of another shape.
    ("ubfc-rppg-1", edit("gtdump.xmp", ",98,", ","), r"gtdump\.xmp.*4 columns.*\[3, 4\]"),
    ("ubfc-rppg-1", edit("gtdump.xmp", ",98,0.0", ",98,x0.0"), r"gtdump\.xmp.*x0\.0"),
    ("ubfc-phys", edit("bvp_s1_T1.csv", "0.0", "nan #"), r"bvp_s1_T1\.csv"),
    ("ubfc-phys", edit("bvp_s1_T1.csv", "0.000000", "inf"), r"bvp_s1_T1\.csv.*not finite"),
    ("own", edit("ppg.csv", "time_s,ppg\n", ""), r"ppg\.csv.*'time_s,ppg'"),
    ("own", edit("frames.csv", "time_s", "time"), r"frames\.csv.*'time_s'"),
    # Different lengths.
    ("own", lines("frames.csv", lambda rows: rows[:-2]), r"video\.mkv: 7 frames.*csv has 5"),
    ("pure", lambda place: first_image(place).unlink(), r"6 images.*json lists 7"),
    ("pure", rewrite_pure(lambda log: log["/Image"].pop()), r"7 images.*json lists 6"),
    ("pure", rewrite_pure(lambda log: log["/Image"].clear()), r"01-02\.json: lists no image"),
    # Times that go back, or a gap longer than a beat.
    ("ubfc-rppg-1", lines("gtdump.xmp", swap), r"gtdump\.xmp.*go back"),
    ("own", lines("ppg.csv", swap), r"ppg\.csv.*go back"),
    ("pure", rewrite_pure(lambda log: log["/FullPackage"].reverse()), r"01-02\.json.*go back"),
    ("own", lines("ppg.csv", lambda rows: rows[:2]), r"ppg\.csv.*at least two"),
    ("own", lines("ppg.csv", lambda rows: [*rows, "110,0"]), r"ppg\.csv: no sample.*110\.000 s"),
]


@pytest.mark.parametrize(("layout", "broken", "message"), BROKEN)
def test_a_broken_recording_is_refused_by_name(
    layout: str, broken: Break, message: str, tmp_path: Path
) -> None:
    name, write = WRITERS[layout]
    write(tmp_path / name)
    broken(tmp_path / name)
    recording = find(layout, tmp_path)[0]
    with pytest.raises((OSError, ValueError), match=message):
        recording.trace(), list(recording.frames())


@pytest.mark.parametrize(
    ("frames", "values", "good"), [(20, 23, True), (23, 20, True), (20, 24, False), (24, 20, False)]
)
def test_a_trace_with_a_value_for_each_frame_may_be_off_by_a_few(
    frames: int, values: int, good: bool, tmp_path: Path
) -> None:
    written = write_ubfc_2(tmp_path / "subject1", frames=frames, values=values)
    recording = find("ubfc-rppg-2", tmp_path)[0]
    if good:
        times = [time for _, time in recording.frames()]
        np.testing.assert_allclose(times, written.times[:20], atol=TEXT_TOLERANCE)
    else:
        with pytest.raises(ValueError, match=rf"vid\.avi: {frames} frames.*{values} values"):
            list(recording.frames())


def test_the_sample_of_the_real_set_is_a_torn_recording(data: Path) -> None:
    recording = find("ubfc-rppg-2", data / "ubfc_format")[0]
    trace = recording.trace()
    assert np.all(np.diff(trace.times) > 0)
    # The file has 1547 values, one of which repeats a time.
    assert trace.times.size == 1546
    with pytest.raises(ValueError, match=r"74 frames.*1547 values"):
        list(recording.frames())
