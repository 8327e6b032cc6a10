"""The C library's detector and monitor: the same bits as the package, errors as codes."""

from __future__ import annotations

import ctypes as c
import math
import shutil
from typing import Any

import cv2
import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.monitor import BOX_SCALE
from rppg_fast.student import BUNDLED_WEIGHTS
from tests.support import library as lib
from tests.support import mtcnn
from tests.support import yuv_reference as reference
from tests.support.clips import Frame, to_nv12, to_yuyv
from tests.support.library import (
    STATUSES,
    Library,
    frame_of,
    native,
    new_reading,
    options_of,
    pointer,
)
from tests.support.raw_frames import (
    FORMATS,
    RGB_FORMATS,
    pack_rgb,
    pack_yuv,
    to_samples,
)

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake")


# The detector converts luma and chroma to colors with integers, which round unlike OpenCV.
FACE_PIXELS = 0.1
# If a candidate of the cascade is close to the threshold in one of them, another one may win.
OPENCV_FACE_PIXELS = 3.0


@pytest.fixture
def face_model(library: Library) -> c.c_void_p:
    path = str(mtcnn.WEIGHTS).encode()
    return library.make("face_model", path, create="create_from_file")


def values_of(face: lib.Face) -> rf.Face:
    points = tuple(zip(face.points_x, face.points_y))
    return rf.Face(face.x0, face.y0, face.x1, face.y1, face.probability, points)


def find(library: Library, detector: c.c_void_p, frame: lib.Frame) -> list[rf.Face]:
    faces, count = (lib.Face * 8)(), c.c_size_t()
    code = library.call.rppg_face_detector_find(detector, frame, faces, 8, c.addressof(count))
    assert code == lib.OK, library.message("face_detector", detector)
    return [values_of(face) for face in faces[: count.value]]


def demo_frame() -> Frame:
    return next(iter(rf.VideoFile(mtcnn.WEIGHTS.parent / "demo.mp4")))[0]


def test_a_detector_gives_the_packages_bits(library: Library, face_model: c.c_void_p) -> None:
    pixels = demo_frame()
    frame, detector = frame_of(pixels), library.make("face_detector", face_model, None)
    (expected,) = rf.MTCNN()(pixels)
    assert find(library, detector, frame) == [expected]
    assert find(library, detector, frame_of(np.zeros_like(pixels))) == []
    before = lib.Face(expected.x0 + 20, expected.y0, expected.x1 + 20, expected.y1, 1.0)
    found, seen = lib.Face(), c.c_int()
    look = library.call.rppg_face_detector_look_again
    assert look(detector, frame, before, found, c.addressof(seen)) == lib.OK
    again = rf.MTCNN().redetect(pixels, rf.Face(*values_of(before).edges, 1.0))
    assert seen.value == 1
    assert values_of(found) == again
    look(detector, frame_of(np.zeros_like(pixels)), before, found, c.addressof(seen))
    assert seen.value == 0
    box = lib.Box()
    height, width = pixels.shape[:2]
    assert library.call.rppg_face_detector_box(detector, found, width, height, box) == lib.OK
    assert again is not None
    wanted = rf.face_box(again, width, height, BOX_SCALE)
    assert (box.x0, box.y0, box.x1, box.y1) == tuple(wanted)


def test_faces_are_found_in_every_format_and_through_a_threshold_of_size(
    library: Library, face_model: c.c_void_p
) -> None:
    pixels = demo_frame()
    height, width = pixels.shape[:2]
    (expected,) = rf.MTCNN()(pixels)
    options = lib.FaceOptions()
    library.call.rppg_face_options_init(options, c.sizeof(options))
    assert options.box_scale == BOX_SCALE
    detector = library.make("face_detector", face_model, options)
    turned = np.ascontiguousarray(pixels[..., ::-1])
    assert find(library, detector, frame_of(turned, lib.RGB24)) == [expected]
    for number, name in enumerate(FORMATS):
        if name in RGB_FORMATS:
            packed = np.frombuffer(pack_rgb(pixels, name), np.uint8)
            expected_face = expected
        else:
            made = to_samples(pixels, name)
            packed = np.frombuffer(pack_yuv(made, name), np.uint8)
            bgr = np.clip(np.round(255 * reference.to_rgb(made)[..., ::-1]), 0, 255)
            (expected_face,) = rf.MTCNN()(bgr.astype(np.uint8))
        frame = lib.Frame(c.sizeof(lib.Frame), number, width, height, pointer(packed))
        (face,) = find(library, detector, frame)
        np.testing.assert_allclose(face.edges, expected_face.edges, rtol=0, atol=FACE_PIXELS)
    nv12, yuyv = to_nv12(pixels), to_yuyv(pixels)
    for layout, data, opencv in (
        (lib.NV12, nv12, cv2.cvtColor(nv12, cv2.COLOR_YUV2BGR_NV12)),
        (lib.YUYV, yuyv, cv2.cvtColor(yuyv.reshape(height, width, 2), cv2.COLOR_YUV2BGR_YUY2)),
    ):
        frame = lib.Frame(c.sizeof(lib.Frame), layout, width, height, pointer(data))
        (face,) = find(library, detector, frame)
        (expected,) = rf.MTCNN()(np.asarray(opencv, np.uint8))
        np.testing.assert_allclose(face.edges, expected.edges, rtol=0, atol=OPENCV_FACE_PIXELS)
    options.min_face_px = 2 * expected.side
    assert find(library, library.make("face_detector", face_model, options), frame) == []


def walk(time: float) -> tuple[float, float] | None:
    """Return the place of a person who sits, walks, leaves and returns."""
    return None if 3.2 < time < 4.6 else (110 + 40 * max(0.0, time - 1), 120.0)


@pytest.mark.parametrize(
    ("scene", "color", "method"),
    [
        ("walk", "bgr", "student"),
        ("walk", "rgb", "fusion"),
        ("picture", "bgr", "student"),
        ("lies", "rgb", "fusion"),
    ],
)
def test_a_monitor_gives_the_packages_bits(
    library: Library,
    model: c.c_void_p,
    face_model: c.c_void_p,
    scene: str,
    color: str,
    method: str,
) -> None:
    """Compares videos of three scenes.

    A person walks, leaves for a moment and returns, while the clock is set back. A person sits
    beside a larger picture, which is passed over. A person is filmed by a camera that is turned by
    90 degrees and then upside down.
    """
    for module in ("scipy", "av", "tqdm", "skimage"):
        pytest.importorskip(module, reason="the person's portrait needs the extra 'train'")
    from tests.support.people import Person, filmed, still

    people = {
        "walk": [Person(84.0, walk)],
        "picture": [Person(0.0, still(110.0), 1.2), Person(84.0, still(330.0))],
        "lies": [Person(84.0, lambda time: (200 + 10 * time, 120.0))],
    }
    options = options_of(library, window_s=3.0, method=method.encode())
    monitor = library.make("monitor", model, options, face_model, None)
    expected = rf.HeartRateMonitor(window=3.0, color=color, method=method)
    times = [i / 30 for i in range(200 if scene == "walk" else 300)]
    if scene == "walk":
        times[150:] = [time - 60 for time in times[150:]]  # the clock is set back
    reading, box, statuses, boxes, turns = new_reading(), lib.Box(), set(), set(), []
    for pixels, time in filmed(people[scene], times):
        shown = np.ascontiguousarray(pixels[:, ::-1] if time < 0 else pixels)
        if scene == "lies":
            shown = np.ascontiguousarray(np.rot90(pixels, 3 if time < 6.5 else 2))
        frame = frame_of(shown, lib.RGB24 if color == "rgb" else lib.BGR24)
        code = library.call.rppg_monitor_push(monitor, frame, time, reading, box)
        if code == lib.TIME:
            with pytest.raises(rf.TimeError):
                expected.push(shown, time)
            continue
        assert code == lib.OK, library.message("monitor", monitor)
        said = expected.push(shown, time)
        assert STATUSES[reading.status] is said.status
        assert reading.values() == native(said)
        measured = (box.x0, box.y0, box.x1, box.y1)
        assert measured == tuple(expected.box or (0, 0, 0, 0))
        assert library.call.rppg_monitor_turned(monitor) == expected.turned
        statuses.add(said.status)
        boxes.add(measured)
        turns.append(expected.turned)
    if scene == "lies":
        assert {90, 180} <= set(turns)
        assert len(boxes) > 5
    elif scene == "walk":
        assert statuses >= {rf.Status.WARMING_UP, rf.Status.NO_FACE}
        assert len(boxes) > 5
    else:
        assert expected.face == 2
        assert measured[0] > 200
    values, count, first = np.empty(1000), c.c_size_t(), c.c_double()
    library.call.rppg_monitor_pulse(
        monitor, pointer(values), 1000, c.addressof(count), c.addressof(first)
    )
    np.testing.assert_array_equal(values[: count.value], expected.pulse[1])
    library.call.rppg_monitor_reset(monitor)
    expected.reset()
    library.call.rppg_monitor_push(monitor, frame, time, reading, box)
    assert reading.values() == native(expected.push(shown, time))


def test_a_monitor_of_several_faces_gives_the_packages_bits(
    library: Library, model: c.c_void_p, face_model: c.c_void_p
) -> None:
    """Of two people, of whom one leaves for a moment, while the clock is set back."""
    for module in ("scipy", "av", "tqdm", "skimage"):
        pytest.importorskip(module, reason="the person's portrait needs the extra 'train'")
    from tests.support.people import Person, filmed, still

    people = [Person(84.0, walk), Person(120.0, still(350.0), 1.15)]
    which = lib.MonitorOptions(c.sizeof(lib.MonitorOptions), lib.FOLLOW, 4)
    options = options_of(library, window_s=3.0, method=b"student")
    monitor = library.make(
        "monitor", model, options, face_model, None, which, create="create_with_options"
    )
    expected = rf.FacesMonitor(window=3.0, method="student", most=4)
    times = [i / 30 - 60.0 * (i > 180) for i in range(220)]
    count, number, turned = c.c_size_t(), c.c_int64(), c.c_int32()
    reading, box, seen = new_reading(), lib.Box(), set()
    for pixels, time in filmed(people, times):
        code = library.call.rppg_monitor_push_all(
            monitor, frame_of(pixels), time, c.addressof(count)
        )
        if code == lib.TIME:
            with pytest.raises(rf.TimeError):
                expected.push(pixels, time)
            continue
        assert code == lib.OK, library.message("monitor", monitor)
        wanted = expected.push(pixels, time)
        assert count.value == len(wanted)
        for index, (face, said) in enumerate(wanted.items()):
            code = library.call.rppg_monitor_face(
                monitor, index, c.addressof(number), reading, box, c.addressof(turned)
            )
            assert code == lib.OK, library.message("monitor", monitor)
            assert (number.value, turned.value) == (face, expected.monitors[face].turned)
            assert reading.values() == native(said)
            assert (box.x0, box.y0, box.x1, box.y1) == tuple(expected.monitors[face].box or ())
        seen.add(tuple(wanted))
    assert {(1, 2), (1,)} <= seen or {(1, 2), (2,)} <= seen
    values, found, first = np.empty(1000), c.c_size_t(), c.c_double()
    pulse = library.call.rppg_monitor_face_pulse
    for face, one in expected.monitors.items():
        code = pulse(monitor, face, pointer(values), 1000, c.addressof(found), c.addressof(first))
        assert code == lib.OK
        np.testing.assert_array_equal(values[: found.value], one.pulse[1])
    # What is for one face says so; what is not there, too.
    push, face_of = library.call.rppg_monitor_push, library.call.rppg_monitor_face
    assert push(monitor, frame_of(pixels), 9.0, reading, box) == lib.ARGUMENT
    assert "rppg_monitor_push_all" in library.message("monitor", monitor)
    assert face_of(monitor, 9, None, None, None, None) == lib.ARGUMENT
    assert "index must be less than the number of faces" in library.message("monitor", monitor)
    code = pulse(monitor, 99, None, 0, c.addressof(found), c.addressof(first))
    assert code == lib.ARGUMENT
    assert "face 99 is not there" in library.message("monitor", monitor)


def test_a_monitor_tracks_as_the_paper_and_by_thresholds_of_ones_own(
    library: Library, model: c.c_void_p, face_model: c.c_void_p
) -> None:
    clip = [pair for pair, _ in zip(rf.VideoFile(mtcnn.WEIGHTS.parent / "demo.mp4"), range(60))]
    paper = lib.MonitorOptions(c.sizeof(lib.MonitorOptions), lib.PAPER, 0)
    faces = lib.FaceOptions()
    library.call.rppg_face_options_init(faces, c.sizeof(faces))
    assert list(faces.thresholds) == [0.0] * 3
    faces.thresholds[:] = (0.6, 0.7, 0.7)
    faces.pyramid_factor = 0.709
    strict = lib.FaceOptions.from_buffer_copy(faces)
    strict.thresholds[2] = 0.99999999
    for given, which, expected in (
        (None, paper, rf.HeartRateMonitor(tracking="paper")),
        (faces, paper, rf.HeartRateMonitor(tracking="paper", box_scale=BOX_SCALE)),
        (faces, None, rf.HeartRateMonitor()),
        (
            strict,
            None,
            rf.HeartRateMonitor(detector=rf.MTCNN(thresholds=(0.6, 0.7, 0.99999999))),
        ),
    ):
        monitor = library.make(
            "monitor", model, None, face_model, given, which, create="create_with_options"
        )
        reading, box = new_reading(), lib.Box()
        for pixels, time in clip:
            code = library.call.rppg_monitor_push(monitor, frame_of(pixels), time, reading, box)
            assert code == lib.OK, library.message("monitor", monitor)
            assert reading.values() == native(expected.push(pixels, time))
            measured = (box.x0, box.y0, box.x1, box.y1)
            assert measured == tuple(expected.box or (0, 0, 0, 0))
        assert (expected.box is None) is (given is strict)
        if which is paper:
            code = library.call.rppg_monitor_push(
                monitor, frame_of(pixels[:-2]), time + 1, reading, box
            )
            assert code == lib.ARGUMENT
            assert "the box is not at the same place" in library.message("monitor", monitor)
    for tracking, most, word in ((2, 0, "no tracking 2"), (0, -1, "negative"), (1, 2, "one face")):
        which = lib.MonitorOptions(c.sizeof(lib.MonitorOptions), tracking, most)
        handle, code = library.try_make(
            "monitor", model, None, face_model, None, which, create="create_with_options"
        )
        assert code == lib.ARGUMENT
        assert word in library.message("monitor", handle)
    faces.thresholds[1] = 1.5
    handle, code = library.try_make("face_detector", face_model, faces)
    assert code == lib.ARGUMENT
    assert "threshold" in library.message("face_detector", handle)


def test_errors_of_faces_name_what_is_wrong(
    library: Library, model: c.c_void_p, face_model: c.c_void_p
) -> None:
    def fail(kind: str, *arguments: Any, create: str = "create") -> tuple[int, str]:
        handle, code = library.try_make(kind, *arguments, create=create)
        return code, library.message(kind, handle)

    assert fail("face_model", b"/nowhere", create="create_from_file")[0] == lib.FILE
    data = BUNDLED_WEIGHTS.read_bytes()
    code, message = fail("face_model", data, len(data), b"mine", create="create_from_memory")
    assert code == lib.WEIGHTS
    assert message.startswith("mine: ")
    for field, value, word in (
        ("min_face_px", 5.0, "min_face_size"),
        ("min_face_px", math.nan, "min_face_size"),
        ("box_scale", 0.0, "box_scale"),
        ("box_scale", math.inf, "box_scale"),
        ("backend", b"abacus", "abacus"),
        ("struct_size", 8, "struct_size"),
    ):
        options = lib.FaceOptions()
        library.call.rppg_face_options_init(options, c.sizeof(options))
        setattr(options, field, value)
        code, message = fail("face_detector", face_model, options)
        assert code == lib.ARGUMENT
        assert word in message
    assert library.call.rppg_monitor_turned(None) == 0
    assert fail("face_detector", None, None) == (lib.ARGUMENT, "model is NULL")
    assert fail("monitor", model, None, None, None) == (lib.ARGUMENT, "face_model is NULL")
    monitor = library.make("monitor", model, None, face_model, None)
    pixels, reading = np.zeros((40, 40, 3), np.uint8), new_reading()
    push = library.call.rppg_monitor_push
    assert push(monitor, frame_of(pixels), 0.0, reading, None) == lib.OK
    assert STATUSES[reading.status] is rf.Status.NO_FACE
    assert push(monitor, frame_of(pixels), 0.0, reading, None) == lib.TIME
    bad = frame_of(pixels)
    bad.width = 0
    assert push(monitor, bad, 1.0, reading, None) == lib.ARGUMENT
    assert "sides" in library.message("monitor", monitor)
