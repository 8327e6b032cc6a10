"""The C library: the same bits as the package, errors as codes, structs that may grow."""

from __future__ import annotations

import ctypes as c
import math
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rppg_fast as rf
from bench.engine import COMPILER
from bench.size import static_size
from rppg_fast.measurement import measure_frames
from rppg_fast.monitor import DEFAULT_METHOD, METHODS
from rppg_fast.student import BUNDLED_WEIGHTS
from tests.support import library as lib
from tests.support.clips import BOX, SIZE, Frame, frame_times, skin
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
)
from tests.support.weights import TEACHER_METADATA, random_teacher, safetensors_bytes

pytestmark = pytest.mark.skipif(shutil.which("cmake") is None, reason="there is no cmake")

MOST_BYTES = 1_200_000  # size of the static engine with its weights
HOLE, PAUSE = 0.7, 2.3  # s


def clip() -> list[tuple[Frame, float]]:
    """Return frames at uneven times, with a hole after 8 s and a longer pause after 12 s."""
    times = frame_times(30.0, 22.0, jitter=0.3)
    return list(skin([t + HOLE * (t > 9.0) + PAUSE * (t > 13.0) for t in times], 84.0))


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


def test_the_engine_with_its_weights_is_small(built: Callable[..., Path]) -> None:
    if shutil.which("size") is None:
        pytest.skip("there is no size")
    assert BUNDLED_WEIGHTS.stat().st_size < static_size(built(COMPILER, ())) < MOST_BYTES
