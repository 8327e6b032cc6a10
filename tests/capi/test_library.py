"""The C library: the same bits as the package, errors as codes, structs that may grow."""

from __future__ import annotations

import ctypes as c
import math
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from bench.engine import COMPILER
from bench.size import static_size
from rppg_fast.measurement import measure_frames
from rppg_fast.monitor import BOX_SCALE, DEFAULT_METHOD, METHODS
from rppg_fast.student import BUNDLED_WEIGHTS
from tests.support import library as lib
from tests.support import mtcnn
from tests.support import yuv_reference as reference
from tests.support.clips import BOX, SIZE, Frame, frame_times, skin, to_nv12, to_yuyv
from tests.support.raw_frames import (
    EVEN_WIDTH,
    FORMATS,
    RGB_FORMATS,
    YUV_FORMATS,
    pack_rgb,
    pack_yuv,
    to_samples,
)
from tests.support.weights import TEACHER_METADATA, random_teacher, safetensors_bytes

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake")

# Averages against float64, relative to full scale; float32 sums of some thousand bytes.
APPEARANCE_TOLERANCE = 1e-6
MOST_BYTES = 1_200_000  # size of the static engine with its weights
HOLE, PAUSE = 0.7, 2.3  # s
# OpenCV rounds each converted pixel to 8 bits: half a level on average.
OPENCV_TOLERANCE = 0.6 / 255.0
STATUSES = tuple(rf.Status)  # in the order of rppg_status


class Library:
    """The shared library with helpers for the tests."""

    def __init__(self, path: Path) -> None:
        self.call = lib.load(path)
        self._handles: list[tuple[str, c.c_void_p]] = []

    def make(self, kind: str, *arguments: Any, create: str = "create") -> c.c_void_p:
        """Create a handle."""
        handle, code = self.try_make(kind, *arguments, create=create)
        assert code == lib.OK, self.message(kind, handle)
        return handle

    def try_make(
        self, kind: str, *arguments: Any, create: str = "create"
    ) -> tuple[c.c_void_p, int]:
        """Create a handle; also return the code."""
        handle = c.c_void_p()
        code = getattr(self.call, f"rppg_{kind}_{create}")(*arguments, c.byref(handle))
        self._handles.append((kind, handle))
        return handle, code

    def message(self, kind: str, handle: c.c_void_p) -> str:
        """Return a handle's message."""
        return str(getattr(self.call, f"rppg_{kind}_message")(handle).decode())

    def forget(self, handle: c.c_void_p) -> None:
        """Leave out a handle that the test has freed."""
        self._handles = [pair for pair in self._handles if pair[1] is not handle]

    def free(self, *kinds: str) -> None:
        """Free all handles of some kinds."""
        for kind, handle in self._handles:
            if kind in kinds:
                getattr(self.call, f"rppg_{kind}_free")(handle)
        self._handles = [pair for pair in self._handles if pair[0] not in kinds]


@pytest.fixture
def library(built: Callable[..., Path]) -> Iterator[Library]:
    library = Library(built(COMPILER, ()) / "librppg_fast.so")
    yield library
    library.free("model", "stream", "recording", "student")
    library.free("face_model", "face_detector", "monitor")


@pytest.fixture
def model(library: Library) -> c.c_void_p:
    return library.make("model", create="create_default")


def frame_of(pixels: NDArray[np.uint8], layout: int = lib.BGR24) -> lib.Frame:
    """Describe packed pixels, or a view of a larger picture."""
    height, width = pixels.shape[:2]
    stride = pixels.strides[0]
    return lib.Frame(c.sizeof(lib.Frame), layout, width, height, pixels.ctypes.data, stride)


def new_reading() -> lib.Reading:
    return lib.Reading(c.sizeof(lib.Reading))


def pointer(array: NDArray[Any]) -> int:
    return int(array.ctypes.data)


def native(reading: rf.Reading) -> tuple[Any, ...]:
    status, rate = STATUSES.index(reading.status), reading.heart_rate_bpm
    known = reading.snr_db, reading.confidence, reading.time_s, reading.start_s, reading.end_s
    return status, rate, *known, reading.coverage, reading.candidate_bpm, reading.source


def clip() -> list[tuple[Frame, float]]:
    """Return frames at uneven times, with a hole after 8 s and a longer pause after 12 s."""
    times = frame_times(30.0, 22.0, jitter=0.3)
    return list(skin([t + HOLE * (t > 9.0) + PAUSE * (t > 13.0) for t in times], 84.0))


def options_of(library: Library, **values: Any) -> lib.Options:
    """Return the default options with some values changed."""
    made = lib.Options()
    library.call.rppg_stream_options_init(made, c.sizeof(made))
    for name, value in values.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("color", "method"),
    [("bgr", None), ("rgb", "student"), *(("bgr", m) for m in METHODS if m != "student")],
)
def test_a_stream_gives_the_packages_bits(
    library: Library, model: c.c_void_p, color: str, method: str | None
) -> None:
    box = (3, 5, SIZE - 2, SIZE - 4)
    chosen = options_of(library, method=method.encode()) if method else None
    monitor = rf.HeartRateMonitor(box=box, color=color, method=method or DEFAULT_METHOD)
    stream = library.make("stream", model, chosen)
    layout = lib.BGR24 if color == "bgr" else lib.RGB24
    reading, statuses, coverages = new_reading(), set(), set()
    for pixels, time in clip():
        expected = monitor.push(pixels, time)
        coverages.add(round(expected.coverage, 2))
        code = library.call.rppg_stream_push(
            stream, frame_of(pixels, layout), lib.Box(*box), time, reading
        )
        assert code == lib.OK
        assert reading.values() == native(expected)
        statuses.add(expected.status)
    assert statuses >= {rf.Status.WARMING_UP, rf.Status.OK, rf.Status.GAP}
    assert 0.93 in coverages

    times, pulse = monitor.pulse
    values, count, first = np.empty(1000), c.c_size_t(), c.c_double()
    library.call.rppg_stream_pulse(
        stream, pointer(values), 1000, c.addressof(count), c.addressof(first)
    )
    np.testing.assert_array_equal(values[: count.value], pulse)
    assert first.value == times[0]
    library.call.rppg_stream_pulse(
        stream, pointer(values), 7, c.addressof(count), c.addressof(first)
    )
    np.testing.assert_array_equal(values[:7], pulse[-7:])
    assert first.value == times[-7]


def test_a_teacher_gives_the_packages_bits(library: Library) -> None:
    data = safetensors_bytes(random_teacher(), TEACHER_METADATA)
    held = library.make("model", data, len(data), b"mine", create="create_from_memory")
    assert library.call.rppg_model_network(held) == b"teacher"
    assert library.call.rppg_model_metadata(held, b"format") == b"rppg_fast.teacher"
    handle, code = library.try_make("student", held, None)
    assert code == lib.ARGUMENT
    assert "teacher" in library.message("student", handle)
    handle, code = library.try_make("stream", held, None)
    assert code == lib.ARGUMENT
    assert "needs a student, got a teacher" in library.message("stream", handle)

    box = (3, 5, SIZE - 2, SIZE - 4)
    monitor = rf.HeartRateMonitor(box=box, method="teacher", teacher=rf.Teacher(data, "mine"))
    stream = library.make("stream", held, options_of(library, method=b"teacher"))
    library.call.rppg_model_free(held)  # the stream keeps the weights
    library.forget(held)
    reading, peaks = new_reading(), 0
    for pixels, time in skin(frame_times(30.0, 7.0), 84.0):
        expected = monitor.push(pixels, time)
        library.call.rppg_stream_push(stream, frame_of(pixels), lib.Box(*box), time, reading)
        assert reading.values() == native(expected)
        peaks += reading.source == b"teacher"
    assert peaks > 0


def test_a_box_moves_as_the_packages_does(library: Library, model: c.c_void_p) -> None:
    boxes = BOX, (4, 6, SIZE, SIZE - 1)
    monitor = rf.HeartRateMonitor(box=boxes[0])
    stream, reading, box = library.make("stream", model, None), new_reading(), boxes[0]
    for number, (pixels, time) in enumerate(clip()[:330]):
        expected = monitor.push(pixels, time)
        frame = frame_of(pixels)
        library.call.rppg_stream_push(stream, frame, lib.Box(*box), time, reading)
        assert reading.values() == native(expected)
        if number % 90 == 89:
            box = boxes[number // 90 % 2]
            monitor.rebox(pixels, rf.Box(*box))
            assert library.call.rppg_stream_rebox(stream, frame, lib.Box(*box)) == lib.OK
    outside = lib.Box(0, 0, SIZE, SIZE + 1)
    assert library.call.rppg_stream_rebox(stream, frame, outside) == lib.ARGUMENT
    assert "leaves the frame" in library.message("stream", stream)


def test_a_clock_that_is_set_back_begins_a_window(library: Library, model: c.c_void_p) -> None:
    monitor = rf.HeartRateMonitor(box=BOX)
    stream, recording = library.make("stream", model, None), library.make("recording", 1.0, 0)
    reading = new_reading()
    refused = 0
    frames = [
        (pixels, time - 300.0 * (number > 40)) for number, (pixels, time) in enumerate(clip()[:90])
    ]
    for pixels, time in frames:
        code = library.call.rppg_stream_push(stream, frame_of(pixels), lib.Box(*BOX), time, reading)
        if code == lib.TIME:
            refused += 1
            with pytest.raises(rf.TimeError):
                monitor.push(pixels, time)
            continue
        assert reading.values() == native(monitor.push(pixels, time))
        library.call.rppg_recording_take(recording, reading, None)
    assert refused == 1
    assert STATUSES[reading.status] is rf.Status.GAP
    summary = lib.Summary(c.sizeof(lib.Summary))
    library.call.rppg_recording_summarise(recording, summary)
    assert summary.duration_s == pytest.approx(
        frames[40][1] - frames[0][1] + frames[-1][1] - frames[42][1]
    )


def test_a_stream_begins_anew(library: Library, model: c.c_void_p) -> None:
    stream = library.make("stream", model, None)
    frames, first, again = clip()[:40], new_reading(), new_reading()
    for reading in (first, again):
        for pixels, time in frames:
            library.call.rppg_stream_push(stream, frame_of(pixels), lib.Box(*BOX), time, reading)
        library.call.rppg_stream_reset(stream)
    assert first.values() == again.values()


def test_a_recording_says_what_measure_says(library: Library, model: c.c_void_p) -> None:
    frames = clip()
    expected = measure_frames(frames, rf.HeartRateMonitor(box=BOX), step=0.5)
    stream, recording = library.make("stream", model, None), library.make("recording", 0.5, 0)
    reading, counts, windows = new_reading(), c.c_int(), []
    for pixels, time in frames:
        library.call.rppg_stream_push(stream, frame_of(pixels), lib.Box(*BOX), time, reading)
        library.call.rppg_recording_take(recording, reading, c.addressof(counts))
        if counts.value:
            windows.append(reading.values())
    assert windows == [native(window) for window in expected.windows]
    summary = lib.Summary(c.sizeof(lib.Summary))
    assert library.call.rppg_recording_summarise(recording, summary) == lib.OK
    assert STATUSES[summary.status] is expected.status is rf.Status.OK
    assert (summary.heart_rate_bpm, summary.snr_db) == (expected.heart_rate_bpm, expected.snr_db)
    assert summary.confidence == expected.confidence
    assert (summary.coverage, summary.spread_bpm) == (expected.coverage, expected.spread_bpm)
    assert summary.candidate_bpm == expected.candidate_bpm == summary.heart_rate_bpm
    frames_seen = summary.frames, summary.duration_s, summary.fps
    assert frames_seen == (expected.frames, expected.duration_s, expected.fps)
    assert expected.duration_s < frames[-1][1] - frames[0][1]  # the pause does not count
    surer = (summary.confidence + 1) / 2
    assert library.call.rppg_recording_set_min_confidence(recording, surer) == lib.OK
    library.call.rppg_recording_summarise(recording, summary)
    assert STATUSES[summary.status] is rf.Status.LOW_SIGNAL
    assert math.isnan(summary.heart_rate_bpm)
    assert math.isnan(summary.spread_bpm)
    assert summary.candidate_bpm == expected.candidate_bpm
    assert library.call.rppg_recording_set_min_confidence(recording, 1.5) == lib.ARGUMENT
    assert "between 0 and 1" in library.message("recording", recording)
    reading.time_s = math.nan
    assert library.call.rppg_recording_take(recording, reading, None) == lib.ARGUMENT
    assert "time_s" in library.message("recording", recording)
    library.call.rppg_recording_forget(recording)
    library.call.rppg_recording_summarise(recording, summary)
    assert STATUSES[summary.status] is rf.Status(windows and STATUSES[windows[-1][0]])
    assert math.isnan(summary.heart_rate_bpm)


@pytest.mark.parametrize("backend", rf.backends())
def test_a_student_gives_the_packages_bits(
    library: Library, model: c.c_void_p, backend: str
) -> None:
    student = library.make("student", model, backend.encode())
    assert library.call.rppg_student_backend(student).decode() == backend
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (5, 90, 101, 3), np.uint8)
    box = (7, 2, 99, 85)
    looks = np.empty((5, 3, 36, 36), np.float32)
    for pixels, look in zip(frames, looks):
        code = library.call.rppg_student_appearance(
            student, frame_of(pixels), lib.Box(*box), pointer(look)
        )
        assert code == lib.OK
        np.testing.assert_array_equal(look, rf.appearance(pixels, box, backend=backend))
    motions, changes = np.empty((4, 3, 36, 36), np.float32), np.empty(4, np.float32)
    for i in range(4):
        before, after, motion = pointer(looks[i]), pointer(looks[i + 1]), pointer(motions[i])
        assert library.call.rppg_student_motion(student, before, after, motion) == lib.OK
    np.testing.assert_array_equal(motions, rf.motion(looks[:-1], looks[1:], backend=backend))
    code = library.call.rppg_student_changes(student, pointer(motions), 4, pointer(changes))
    assert code == lib.OK
    np.testing.assert_array_equal(changes, rf.Student.load(backend=backend)(motions))


def test_names_and_numbers_are_the_packages(library: Library, model: c.c_void_p) -> None:
    call = library.call
    assert call.rppg_version().decode() == rf.__version__
    names = c.cast(call.rppg_backends(), c.POINTER(c.c_char_p))
    found: list[str] = []
    while names[len(found)] is not None:
        found.append(names[len(found)].decode())
    assert found == rf.backends()
    assert [call.rppg_status_name(i).decode() for i in range(len(STATUSES))] == [
        *map(str, STATUSES)
    ]
    assert call.rppg_status_name(99) == call.rppg_status_name(-1) == b"unknown"
    options = lib.Options()
    call.rppg_stream_options_init(options, c.sizeof(options))
    settings = rf.PulseSettings()
    assert (options.window_s, options.low_hz, options.high_hz, options.order) == (
        *(settings.window, settings.low, settings.high, settings.order),
    )
    assert (options.rate_hz, options.max_gap_s) == (settings.rate, settings.max_gap)
    assert (options.min_confidence, options.peaks) == (settings.min_confidence, settings.peaks)
    assert (options.min_window_s, options.method.decode()) == (settings.min_window, DEFAULT_METHOD)
    for key, value in rf.Student.load().metadata.items():
        assert call.rppg_model_metadata(model, key.encode()).decode() == value
    assert call.rppg_model_metadata(model, b"nothing") is None


def test_the_bundled_weights_are_the_packages(library: Library, model: c.c_void_p) -> None:
    path = str(BUNDLED_WEIGHTS).encode()
    data = BUNDLED_WEIGHTS.read_bytes()
    same = [
        model,
        library.make("model", path, create="create_from_file"),
        library.make("model", data, len(data), None, create="create_from_memory"),
    ]
    motion = np.random.default_rng(1).standard_normal((3, 3, 36, 36)).astype(np.float32)
    expected = rf.Student.load()(motion)
    students = [library.make("student", each, None) for each in same]
    library.free("model")  # streams made from the model keep it alive
    for student in students:
        changes = np.empty(3, np.float32)
        library.call.rppg_student_changes(student, pointer(motion), 3, pointer(changes))
        np.testing.assert_array_equal(changes, expected)


def test_errors_name_what_is_wrong(library: Library, model: c.c_void_p, tmp_path: Path) -> None:
    def fail(kind: str, *arguments: Any, create: str = "create") -> tuple[int, str]:
        handle, code = library.try_make(kind, *arguments, create=create)
        return code, library.message(kind, handle)

    missing = str(tmp_path / "none").encode()
    assert fail("model", missing, create="create_from_file") == (
        lib.FILE,
        f"{missing.decode()}: No such file or directory",
    )
    assert fail("model", str(tmp_path).encode(), create="create_from_file")[0] == lib.FILE
    code, message = fail("model", b"nonsense", 8, b"mine", create="create_from_memory")
    assert code == lib.WEIGHTS
    assert message.startswith("mine: ")
    code, message = fail("student", model, b"abacus")
    assert code == lib.ARGUMENT
    assert "'abacus'" in message
    assert "portable" in message
    assert fail("student", None, None) == (lib.ARGUMENT, "model is NULL")
    assert fail("recording", 0.0, 0.0)[0] == fail("recording", 1.0, -1.0)[0] == lib.ARGUMENT

    for values, word in (
        ({"low_hz": 5.0}, "band"),
        ({"window_s": -1.0}, "window"),
        ({"order": 0}, "order"),
        ({"peaks": 0}, "peaks"),
        ({"min_confidence": 1.5}, "confidence"),
        ({"max_gap_s": math.nan}, "gap"),
        ({"min_window_s": -1.0}, "least window"),
        ({"method": b"magic"}, "'magic'"),
        ({"struct_size": 8}, "struct_size"),
        ({"backend": b"abacus"}, "abacus"),
    ):
        code, message = fail("stream", model, options_of(library, **values))
        assert code == lib.ARGUMENT
        assert word in message
    broken, _ = library.try_make("stream", model, options_of(library, order=0))
    pixels = np.zeros((8, 8, 3), np.uint8)
    push = library.call.rppg_stream_push
    reading = new_reading()
    assert push(broken, frame_of(pixels), lib.Box(0, 0, 8, 8), 0.0, reading) == lib.ARGUMENT
    assert library.call.rppg_stream_push(None, frame_of(pixels), None, 0.0, reading) == lib.ARGUMENT


def test_a_bad_frame_changes_nothing(library: Library, model: c.c_void_p) -> None:
    frames = clip()[:60]
    untouched, bothered = (library.make("stream", model, None) for _ in range(2))
    push = library.call.rppg_stream_push
    readings = [new_reading(), new_reading()]
    good = frame_of(frames[0][0])

    def spoiled(**values: Any) -> lib.Frame:
        copy = lib.Frame.from_buffer_copy(good)
        for name, value in values.items():
            setattr(copy, name, value)
        return copy

    whole, outside = lib.Box(*BOX), lib.Box(0, 0, SIZE, SIZE + 1)
    bad = [
        (spoiled(data=None), whole, "data"),
        (spoiled(width=0), whole, "sides"),
        (spoiled(height=1 << 17), whole, "sides"),
        (spoiled(format=99), whole, "no format 99"),
        (spoiled(format=-1), whole, "no format -1"),
        (spoiled(range=3), whole, "no range 3"),
        (spoiled(matrix=-1), whole, "no matrix -1"),
        (spoiled(stride=7), whole, "stride"),
        (spoiled(format=lib.YUYV, width=71), lib.Box(0, 0, 8, 8), "the width of yuyv must be even"),
        (spoiled(format=list(FORMATS).index("uyvy"), width=71), whole, "the width of uyvy"),
        (spoiled(format=lib.NV12, chroma_stride=5), whole, "chroma_stride"),
        (spoiled(struct_size=4), whole, "struct_size"),
        (good, outside, "leaves the frame"),
        (good, lib.Box(5, 5, 5, 9), "empty"),
    ]
    for number, (pixels, time) in enumerate(frames):
        if number == 30:
            for frame, box, word in bad:
                assert push(bothered, frame, box, time, readings[1]) == lib.ARGUMENT
                assert word in library.message("stream", bothered)
            assert push(bothered, good, None, time, readings[1]) == lib.ARGUMENT
            for late in (frames[29][1], 0.0, math.nan, math.inf):
                assert push(bothered, good, whole, late, readings[1]) == lib.TIME
        for stream, reading in zip((untouched, bothered), readings):
            assert push(stream, frame_of(pixels), whole, time, reading) == lib.OK
    assert readings[0].values() == readings[1].values()
    assert library.message("stream", bothered) == ""


def test_structs_may_grow_on_either_side(library: Library, model: c.c_void_p) -> None:
    """A program may be built for an earlier or a later release than the library."""

    class LaterReading(c.Structure):
        _fields_ = [("reading", lib.Reading), ("age", c.c_double), ("more", c.c_double)]

    class LaterFrame(c.Structure):
        _fields_ = [("frame", lib.Frame), ("matrix", c.c_int32), ("range", c.c_int32)]

    pixels = np.zeros((40, 40, 3), np.uint8)
    stream = library.make("stream", model, None)
    push = c.CDLL(library.call._name).rppg_stream_push  # accepts any pointers

    def call(frame: c.Structure, reading: c.Structure, time: float) -> int:
        box = lib.Box(0, 0, 40, 40)
        handles = stream, c.byref(frame), c.byref(box)
        return int(push(*handles, c.c_double(time), c.byref(reading)))

    reading = LaterReading()
    reading.reading.struct_size = c.sizeof(reading)
    reading.age = reading.more = 7.0
    frame = LaterFrame(frame_of(pixels))
    frame.frame.struct_size = c.sizeof(frame)
    assert call(frame, reading, 0.0) == lib.OK
    assert reading.reading.struct_size == c.sizeof(reading)
    assert (reading.age, reading.more) == (0.0, 0.0)
    frame.matrix = 1  # a matrix that this library does not know
    assert call(frame, reading, 1.0) == lib.ARGUMENT
    assert "does not know" in library.message("stream", stream)


def test_a_program_built_for_the_release_before_reads_on(
    library: Library, model: c.c_void_p
) -> None:
    """An older program's structs end before the new fields; the recording is still right."""
    framed = [str(field[0]) for field in lib.Frame._fields_]
    fields = [str(field[0]) for field in lib.Reading._fields_]
    summed = [str(field[0]) for field in lib.Summary._fields_]

    class EarlierReading(c.Structure):
        _fields_ = lib.Reading._fields_[: fields.index("coverage")]

    class EarlierSummary(c.Structure):
        _fields_ = lib.Summary._fields_[: summed.index("coverage")]

    class EarlierFrame(c.Structure):
        _fields_ = lib.Frame._fields_[: framed.index("chroma_v")]

    call = c.CDLL(library.call._name)  # accepts any pointers
    stream, now = (library.make("stream", model, None) for _ in range(2))
    recording = library.make("recording", 1.0, 0)
    reading, full = EarlierReading(c.sizeof(EarlierReading)), new_reading()
    for pixels, time in clip()[:330]:
        frame, box = frame_of(pixels), lib.Box(*BOX)
        earlier = EarlierFrame(c.sizeof(EarlierFrame), *(getattr(frame, n) for n in framed[1:-3]))
        where = c.byref(earlier), c.byref(box), c.c_double(time)
        assert call.rppg_stream_push(stream, *where, c.byref(reading)) == lib.OK
        library.call.rppg_stream_push(now, frame, box, time, full)
        for name in fields[1 : fields.index("coverage")]:
            assert getattr(reading, name) == pytest.approx(getattr(full, name), nan_ok=True, abs=0)
        assert call.rppg_recording_take(recording, c.byref(reading), None) == lib.OK
    assert STATUSES[reading.status] is rf.Status.OK
    summary = EarlierSummary(c.sizeof(EarlierSummary))
    assert call.rppg_recording_summarise(recording, c.byref(summary)) == lib.OK
    assert STATUSES[summary.status] is rf.Status.OK
    assert summary.heart_rate_bpm == pytest.approx(84.0, abs=1.0)


def test_threads_share_a_model(library: Library, model: c.c_void_p) -> None:
    frames = clip()[:90]
    readings = [new_reading() for _ in range(4)]
    streams = [library.make("stream", model, None) for _ in readings]

    def work(stream: c.c_void_p, reading: lib.Reading) -> None:
        for pixels, time in frames:
            library.call.rppg_stream_push(stream, frame_of(pixels), lib.Box(*BOX), time, reading)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(streams, readings)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({reading.values() for reading in readings}) == 1
    assert readings[0].end_s > readings[0].start_s


MATRICES = ["bt601", "bt709", "bt2020"]


def appearance_of(
    library: Library, student: c.c_void_p, frame: lib.Frame, box: tuple[int, int, int, int]
) -> NDArray[np.float32]:
    found = np.empty((3, 36, 36), np.float32)
    code = library.call.rppg_student_appearance(student, frame, lib.Box(*box), pointer(found))
    assert code == lib.OK, library.message("student", student)
    return found


@pytest.mark.parametrize("name", YUV_FORMATS)
@pytest.mark.parametrize("size", [(64, 96), (63, 94), (61, 95)], ids=str)
@pytest.mark.parametrize("backend", rf.backends())
def test_luma_and_chroma_are_averaged_exactly(
    library: Library, model: c.c_void_p, name: str, size: tuple[int, int], backend: str
) -> None:
    height, width = size
    if name in EVEN_WIDTH and width % 2:
        pytest.skip("its rows have whole pairs of pixels")
    layout = FORMATS[name]
    assert layout is not None
    steps, bits, shift = layout
    student = library.make("student", model, backend.encode())
    boxes = [
        (0, 0, width, height),
        (5, 7, width - 6, height - 3),
        (1, 1, 2, 2),
        (3, 2, 22, height - 1),
        (width - 2, height - 1, width, height),
    ]
    for index, box in enumerate(boxes):
        said, matrix = index % 3, index % len(MATRICES)
        full = said == 2 or (said == 0 and name == "grey")
        rng = np.random.default_rng(index)
        made = reference.draw(rng, size, steps, bits, shift, full, MATRICES[matrix])
        pixels = np.frombuffer(pack_yuv(made, name), np.uint8)
        frame = lib.Frame(
            c.sizeof(lib.Frame), list(FORMATS).index(name), width, height, pointer(pixels)
        )
        frame.range, frame.matrix = said, matrix
        x0, y0, x1, y1 = box
        expected = np.clip(reference.area(reference.to_rgb(made)[y0:y1, x0:x1]), 0, 1)
        found = appearance_of(library, student, frame, box)
        assert np.abs(found - expected).max() <= APPEARANCE_TOLERANCE, (box, said, matrix)


@pytest.mark.parametrize("name", RGB_FORMATS)
def test_red_green_and_blue_are_taken_in_every_order(
    library: Library, model: c.c_void_p, name: str
) -> None:
    bgr = np.random.default_rng(0).integers(0, 256, (61, 95, 3), dtype=np.uint8)
    pixels = np.frombuffer(pack_rgb(bgr, name), np.uint8)
    frame = lib.Frame(c.sizeof(lib.Frame), list(FORMATS).index(name), 95, 61, pointer(pixels))
    student = library.make("student", model, None)
    found = appearance_of(library, student, frame, (5, 7, 90, 60))
    np.testing.assert_array_equal(found, rf.appearance(bgr, (5, 7, 90, 60)))


@pytest.mark.parametrize("layout", [lib.NV12, lib.YUYV], ids=["nv12", "yuyv"])
def test_converted_means_are_those_of_opencvs_conversion(
    library: Library, model: c.c_void_p, layout: int
) -> None:
    width, height = 96, 64
    # Colors within the range: conversion clips others, and only after averaging.
    noise = np.random.default_rng(2).integers(40, 216, (height, width, 3), np.uint8)
    bgr = np.asarray(cv2.GaussianBlur(noise, (0, 0), 2.0), np.uint8)
    if layout == lib.NV12:
        pixels = to_nv12(bgr)
        opencv = cv2.cvtColor(pixels, cv2.COLOR_YUV2BGR_NV12)
    else:
        pixels = to_yuyv(bgr)
        opencv = cv2.cvtColor(pixels.reshape(height, width, 2), cv2.COLOR_YUV2BGR_YUY2)
    frame = lib.Frame(c.sizeof(lib.Frame), layout, width, height, pointer(pixels))
    found = appearance_of(library, library.make("student", model, None), frame, (5, 7, 90, 61))
    converted = rf.appearance(np.asarray(opencv, np.uint8), (5, 7, 90, 61))
    assert np.abs(found - converted).max() <= OPENCV_TOLERANCE


def test_planes_of_chroma_may_lie_anywhere(library: Library, model: c.c_void_p) -> None:
    """Padded rows, V before U, rows from the bottom up: equal pixels give equal bits."""
    rng = np.random.default_rng(3)
    y, u, v = (rng.integers(0, 256, shape, np.uint8) for shape in ((31, 37), (16, 19), (16, 19)))
    student, i420 = library.make("student", model, None), list(FORMATS).index("i420")

    def look(**values: Any) -> NDArray[np.float32]:
        frame = lib.Frame(c.sizeof(lib.Frame), i420, 37, 31, **values)
        return appearance_of(library, student, frame, (1, 3, 37, 31))

    packed = np.concatenate([y.reshape(-1), u.reshape(-1), v.reshape(-1)])
    expected = look(data=pointer(packed))
    wide = np.zeros(31 * 51 + 2 * 16 * 26, np.uint8)  # the chroma of 51 bytes needs 26
    rows, chroma = wide[: 31 * 51].reshape(31, 51), wide[31 * 51 :].reshape(32, 26)
    rows[:, :37], chroma[:16, :19], chroma[16:, :19] = y, u, v
    np.testing.assert_array_equal(look(data=pointer(wide), stride=51), expected)
    chroma[:16, :19], chroma[16:, :19] = v[::-1], u[::-1]
    turned = np.ascontiguousarray(rows[::-1])
    elsewhere = look(
        data=pointer(turned[30:]),
        stride=-51,
        chroma=pointer(chroma[31:]),
        chroma_v=pointer(chroma[15:]),
        chroma_stride=-26,
    )
    np.testing.assert_array_equal(elsewhere, expected)


def test_frames_may_lie_in_memory_as_they_like(library: Library, model: c.c_void_p) -> None:
    """Padded rows, rows from the bottom up, chroma elsewhere: equal pixels give equal bits."""
    student = library.make("student", model, None)
    rng = np.random.default_rng(3)
    luma, chroma = (
        rng.integers(16, 236, (31, 37), np.uint8),
        rng.integers(90, 160, (16, 38), np.uint8),
    )

    def look(**values: Any) -> NDArray[np.float32]:
        frame = lib.Frame(c.sizeof(lib.Frame), lib.NV12, 37, 31, **values)
        found = np.empty((3, 36, 36), np.float32)
        code = library.call.rppg_student_appearance(
            student, frame, lib.Box(1, 3, 37, 31), pointer(found)
        )
        assert code == lib.OK, library.message("student", student)
        return found

    packed = np.concatenate([luma.reshape(-1), chroma.reshape(-1)])
    expected = look(data=pointer(packed))
    wide, wide_chroma = np.zeros((31, 50), np.uint8), np.zeros((16, 60), np.uint8)
    wide[:, :37], wide_chroma[:, :38] = luma, chroma
    apart = look(data=pointer(wide), stride=50, chroma=pointer(wide_chroma), chroma_stride=60)
    np.testing.assert_array_equal(apart, expected)
    turned, turned_chroma = wide[::-1].copy(), wide_chroma[::-1].copy()
    upside_down = look(
        data=pointer(turned[30:]),
        stride=-50,
        chroma=pointer(turned_chroma[15:]),
        chroma_stride=-60,
    )
    np.testing.assert_array_equal(upside_down, expected)


# --- faces and monitor ---

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


def test_the_engine_with_its_weights_is_small(built: Callable[..., Path]) -> None:
    if shutil.which("size") is None:
        pytest.skip("there is no size")
    assert BUNDLED_WEIGHTS.stat().st_size < static_size(built(COMPILER, ())) < MOST_BYTES
