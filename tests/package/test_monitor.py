from __future__ import annotations

import threading

import numpy as np
import pytest

import rppg_fast as rf
from rppg_fast.monitor import METHODS
from tests.support.clips import BOX, SIZE, Frame, frame_times, skin

ALL_METHODS = list(METHODS)

# A clean pulse with a constant rate over 10 s; the error comes from camera noise and the FFT's
# grid.
RATE_TOLERANCE_BPM = 1.0
# Over 5 s, in which the slowest of these hearts beats four times, a spectral line is twice as wide.
EARLY_TOLERANCE_BPM = 2.5


class OneFace:
    """A detector that finds one face in every frame from the ``after``-th on."""

    def __init__(self, after: int = 0) -> None:
        self.calls = 0
        self.after = after

    def __call__(self, frame: Frame) -> list[rf.Face]:
        self.calls += 1
        if self.calls <= self.after:
            return []
        landmarks = tuple((30.0, 30.0) for _ in range(5))
        return [rf.Face(14.0, 14.0, 58.0, 58.0, 0.99, landmarks)]


def read_all(monitor: rf.HeartRateMonitor, clip: object) -> list[rf.Reading]:
    return [monitor.push(frame, time) for frame, time in clip]  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["student", "pos"])
@pytest.mark.parametrize("bpm", [40.0, 72.0, 110.0, 160.0, 200.0])
@pytest.mark.parametrize(
    ("fps", "jitter"),
    [(15.0, 0.0), (25.0, 0.0), (29.97, 0.0), (30.0, 0.0), (60.0, 0.0), (30.0, 0.4)],
)
def test_a_known_pulse_is_read(method: str, bpm: float, fps: float, jitter: float) -> None:
    low = 0.6 if bpm < 42.0 else 0.7
    monitor = rf.HeartRateMonitor(method=method, box=BOX, low=low)
    reading = read_all(monitor, skin(frame_times(fps, 11.0, jitter), bpm))[-1]
    assert reading.status is rf.Status.OK
    assert reading.heart_rate_bpm == pytest.approx(bpm, abs=RATE_TOLERANCE_BPM)
    assert reading.end_s - reading.start_s == pytest.approx(10.0)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_every_method_reads_a_pulse(method: str) -> None:
    monitor = rf.HeartRateMonitor(method=method, box=BOX)
    reading = read_all(monitor, skin(frame_times(30.0, 10.0), 84.0))[-1]
    assert reading.heart_rate_bpm == pytest.approx(84.0, abs=RATE_TOLERANCE_BPM)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_a_slow_heart_is_read_where_the_band_admits_it(method: str) -> None:
    monitor = rf.HeartRateMonitor(method=method, box=BOX, low=0.5)
    reading = read_all(monitor, skin(frame_times(30.0, 10.0), 40.0))[-1]
    assert reading.heart_rate_bpm == pytest.approx(40.0, abs=RATE_TOLERANCE_BPM)


@pytest.mark.parametrize("bpm", [25.0, 30.0, 34.0, 36.0, 38.0, 250.0, 280.0])
@pytest.mark.parametrize("method", ["student", "pos", "green"])
def test_a_heart_outside_the_band_is_never_read_as_one_inside(method: str, bpm: float) -> None:
    """Its harmonics and aliases are inside the band: 30 bpm must not be read as 60 bpm."""
    monitor = rf.HeartRateMonitor(method=method, box=BOX)
    readings = read_all(monitor, skin(frame_times(30.0, 12.0), bpm))
    assert {r.status for r in readings} == {rf.Status.WARMING_UP, rf.Status.LOW_SIGNAL}


@pytest.mark.parametrize("frequency", [0.3, 0.4, 0.5])
@pytest.mark.parametrize("depth", [0.03, 0.06])
def test_light_that_swells_slowly_is_not_a_pulse(frequency: float, depth: float) -> None:
    """Its harmonics, made by the camera's rounding and by the network, are inside the band."""
    monitor = rf.HeartRateMonitor(box=BOX)
    rng = np.random.default_rng(0)
    shading = np.linspace(0.6, 1.0, SIZE)[:, None, None]
    for index in range(360):
        light = 1.0 + depth * np.sin(2 * np.pi * frequency * index / 30.0)
        picture = np.array([95.0, 120.0, 170.0]) * shading * light
        picture = picture + 2.0 * rng.standard_normal((SIZE, SIZE, 3))
        frame = np.clip(np.round(picture), 0, 255).astype(np.uint8)
        assert monitor.push(frame, index / 30.0).heart_rate_bpm is None


@pytest.mark.parametrize("noise", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("method", ALL_METHODS)
def test_a_still_photograph_has_no_heart_rate(method: str, noise: float) -> None:
    monitor = rf.HeartRateMonitor(method=method, box=BOX)
    readings = read_all(monitor, skin(frame_times(30.0, 14.0), 72.0, amplitude=0.0, noise=noise))
    assert {r.status for r in readings} == {rf.Status.WARMING_UP, rf.Status.LOW_SIGNAL}
    assert all(r.heart_rate_bpm is None for r in readings)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_a_frozen_camera_has_no_heart_rate(method: str) -> None:
    """The camera is live for 12 s and then repeats one frame: the old pulse must not stay."""
    clip = list(skin(frame_times(30.0, 12.0), 72.0))
    frozen = [(clip[-1][0], clip[-1][1] + k / 30.0) for k in range(1, 361)]
    monitor = rf.HeartRateMonitor(method=method, box=BOX)
    assert read_all(monitor, clip)[-1].status is rf.Status.OK
    assert read_all(monitor, frozen)[-1].status is rf.Status.LOW_SIGNAL


@pytest.mark.parametrize("method", ["student", "pos"])
@pytest.mark.parametrize("min_window", [4.0, 6.0, 9.0])
def test_the_window_fills_then_slides(method: str, min_window: float) -> None:
    """The window is read as soon as it holds enough, and from then on."""
    monitor = rf.HeartRateMonitor(method=method, box=BOX, window=6.0, min_window=min_window)
    readings = read_all(monitor, skin(frame_times(30.0, 8.0), 72.0))
    ready = [r.status is not rf.Status.WARMING_UP for r in readings]
    assert ready == sorted(ready)
    first = readings[ready.index(True)]
    least = min(min_window, 6.0)
    assert least - 0.11 <= first.time_s - readings[0].time_s <= least
    seen = np.array([r.end_s - r.start_s for r in readings])
    np.testing.assert_allclose([r.coverage for r in readings], seen / 6.0, atol=1e-9)
    for reading in readings[-30:]:
        assert reading.end_s == pytest.approx(reading.time_s, abs=0.04)
        assert reading.end_s - reading.start_s == pytest.approx(6.0)
    times, pulse = monitor.pulse
    assert times.shape == pulse.shape == (180,)
    np.testing.assert_allclose(np.diff(times), 1 / 30.0)
    assert readings[-1].start_s < times[0] < times[-1] < readings[-1].end_s


def test_the_pulse_rises_where_green_falls() -> None:
    """Blood absorbs green, so all methods must agree on the sign of the pulse."""
    times = frame_times(30.0, 10.0)
    for method in ALL_METHODS:
        monitor = rf.HeartRateMonitor(method=method, box=BOX)
        read_all(monitor, skin(times, 72.0))
        at, pulse = monitor.pulse
        phase = 2.0 * np.pi * 72.0 / 60.0 * at
        volume = np.sin(phase) + 0.3 * np.sin(2.0 * phase + 0.5)
        # The causal filter delays the pulse by some degrees; a wrong sign would give about -1.
        assert np.corrcoef(pulse[60:], volume[60:])[0, 1] > 0.5, method


@pytest.mark.parametrize("method", ["student", "chrom"])
def test_a_gap_starts_the_window_anew(method: str) -> None:
    monitor = rf.HeartRateMonitor(method=method, box=BOX, window=5.0)
    times = frame_times(30.0, 6.0)
    assert read_all(monitor, skin(times, 72.0))[-1].status is rf.Status.OK
    later = [t + 10.0 for t in times]
    readings = read_all(monitor, skin(later, 90.0))
    assert readings[0].status is rf.Status.GAP
    assert readings[100].heart_rate_bpm is None
    assert readings[-1].heart_rate_bpm == pytest.approx(90.0, abs=2 * RATE_TOLERANCE_BPM)
    assert monitor.pulse[0][0] >= later[0]


@pytest.mark.parametrize("method", ["student", "pos"])
def test_frames_too_slow_for_the_band_give_no_heart_rate(method: str) -> None:
    """At 5 frames per second, 200 bpm looks like 100 bpm."""
    monitor = rf.HeartRateMonitor(method=method, box=BOX)
    readings = read_all(monitor, skin(frame_times(5.0, 14.0), 200.0))
    assert {r.status for r in readings} == {rf.Status.WARMING_UP, rf.Status.GAP}
    # The highest rate that 5 frames per second can show.
    slow = rf.HeartRateMonitor(method=method, box=BOX, high=2.4)
    reading = read_all(slow, skin(frame_times(5.0, 14.0), 72.0))[-1]
    assert reading.heart_rate_bpm == pytest.approx(72.0, abs=RATE_TOLERANCE_BPM)


@pytest.mark.parametrize("method", ["student", "pos"])
def test_slow_frames_are_a_gap_until_they_have_left_the_window(method: str) -> None:
    """The camera speeds up from 5 to 30 frames per second: 200 bpm must never be read as 100."""
    slow = frame_times(5.0, 20.0)
    times = slow + [slow[-1] + k / 30.0 for k in range(1, 361)]
    monitor = rf.HeartRateMonitor(method=method, box=BOX)
    readings = read_all(monitor, skin(times, 200.0))
    rates = [r.heart_rate_bpm for r in readings if r.heart_rate_bpm is not None]
    assert rates, "the last window is all fast"
    assert all(abs(rate - 200.0) < 2 * RATE_TOLERANCE_BPM for rate in rates)


@pytest.mark.parametrize("method", ["student", "pos"])
def test_a_few_long_steps_are_not_a_slow_camera(method: str) -> None:
    times = [t for t in frame_times(30.0, 12.0) if not 0.0 < (t % 3.0) - 1.0 < 0.4]
    monitor = rf.HeartRateMonitor(method=method, box=BOX)
    assert rf.Status.GAP not in {r.status for r in read_all(monitor, skin(times, 72.0))}


def test_dropped_frames_are_bridged() -> None:
    times = [t for k, t in enumerate(frame_times(30.0, 11.0)) if k % 7 and k % 11]
    monitor = rf.HeartRateMonitor(box=BOX)
    reading = read_all(monitor, skin(times, 95.0))[-1]
    assert reading.heart_rate_bpm == pytest.approx(95.0, abs=RATE_TOLERANCE_BPM)


@pytest.mark.parametrize("method", ["student", "pos"])
def test_the_clock_may_start_anywhere(method: str) -> None:
    times = frame_times(30.0, 10.0)
    readings = []
    for origin in (0.0, 86_400.0 * 365):
        clip = [(f, t + origin) for f, t in skin(times, 72.0)]
        readings.append(read_all(rf.HeartRateMonitor(method=method, box=BOX), clip)[-1])
    assert readings[0].heart_rate_bpm == pytest.approx(readings[1].heart_rate_bpm, abs=1e-3)


@pytest.mark.parametrize("method", ALL_METHODS)
def test_reset_equals_fresh(method: str) -> None:
    monitor, fresh = (rf.HeartRateMonitor(method=method, detector=OneFace()) for _ in range(2))
    read_all(monitor, skin(frame_times(30.0, 3.0), 150.0, seed=3))
    monitor.reset()
    assert monitor.box is None
    clip = list(skin(frame_times(30.0, 11.0), 72.0))
    assert read_all(monitor, clip) == read_all(fresh, clip)
    np.testing.assert_array_equal(monitor.pulse[1], fresh.pulse[1])


@pytest.mark.parametrize("method", ALL_METHODS)
def test_fetched_pieces_make_the_whole_pulse(method: str) -> None:
    clip = list(skin(frame_times(25.0, 9.0), 72.0))
    monitor = rf.HeartRateMonitor(method=method, box=BOX)
    pieces = []
    for frame, time in clip:
        monitor.push(frame, time)
        pieces.append(monitor.fetch_pulse())
    times = np.concatenate([t for t, _ in pieces])
    np.testing.assert_allclose(times, 1.0 + (np.arange(270) + 0.5) / 30.0)
    assert sum(p.size for _, p in pieces) == 270
    if method == "student":
        np.testing.assert_array_equal(np.concatenate([p for _, p in pieces]), monitor.pulse[1])


def test_rgb_and_bgr_give_the_same_bits() -> None:
    clip = list(skin(frame_times(30.0, 10.0), 72.0))
    bgr = rf.HeartRateMonitor(detector=OneFace())
    rgb = rf.HeartRateMonitor(detector=OneFace(), color="rgb")
    assert read_all(bgr, clip) == read_all(rgb, [(f[..., ::-1], t) for f, t in clip])


def test_streams_in_parallel_threads_give_what_they_give_alone() -> None:
    clips = [list(skin(frame_times(30.0, 10.5), bpm, seed=int(bpm))) for bpm in (60.0, 90.0, 130.0)]
    alone = [read_all(rf.HeartRateMonitor(box=BOX), clip) for clip in clips]
    together: list[list[rf.Reading]] = [[] for _ in clips]

    def run(index: int) -> None:
        together[index] = read_all(rf.HeartRateMonitor(box=BOX), clips[index])

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(clips))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_one_stream_refuses_two_threads_or_serves_them_in_turn() -> None:
    monitor = rf.HeartRateMonitor(box=BOX)
    frame = np.zeros((SIZE, SIZE, 3), np.uint8)
    refused: list[str] = []

    def run(start: float) -> None:
        for k in range(300):
            try:
                monitor.push(frame, start + k * 1e-3)
            except RuntimeError as error:
                refused.append(str(error))
            except ValueError:
                pass  # the other thread's time was later

    threads = [threading.Thread(target=run, args=(start,)) for start in (0.0, 0.0005)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(refused) <= {
        "this stream is in use by another thread; use one object for each thread"
    }
    assert monitor.push(frame, 10.0).status is rf.Status.GAP  # the monitor still works


def test_without_a_face_there_is_no_heart_rate_and_few_searches() -> None:
    nobody = OneFace(after=10**9)
    monitor = rf.HeartRateMonitor(detector=nobody)
    readings = read_all(monitor, skin(frame_times(30.0, 12.0), 72.0))
    assert {r.status for r in readings} == {rf.Status.NO_FACE}
    assert all(r.heart_rate_bpm is None and r.snr_db is None for r in readings)
    assert monitor.box is None
    assert nobody.calls <= 12.0 / 0.5 + 1
    with pytest.raises(ValueError, match="later than that of the frame before"):
        monitor.push(np.zeros((SIZE, SIZE, 3), np.uint8), readings[-1].time_s)
    assert monitor.pulse[0].size == 0


def test_a_face_that_comes_late_is_measured_from_then_on() -> None:
    detector = OneFace(after=4)
    monitor = rf.HeartRateMonitor(detector=detector, window=5.0, tracking="paper")
    readings = read_all(monitor, skin(frame_times(30.0, 9.0), 72.0))
    assert readings[0].status is rf.Status.NO_FACE
    assert readings[-1].heart_rate_bpm == pytest.approx(72.0, abs=2 * RATE_TOLERANCE_BPM)
    assert detector.calls == 5  # as in the paper: the first face's box is used from then on
    # The face of 44 pixels, enlarged 1.6 times about its centre, as in the paper.
    assert monitor.box == rf.Box(1, 1, 71, 71)


def test_bad_frames_and_times_change_nothing() -> None:
    clip = list(skin(frame_times(30.0, 11.0), 72.0))
    monitor, calm = rf.HeartRateMonitor(box=BOX), rf.HeartRateMonitor(box=BOX)
    expected = read_all(calm, clip)
    found = []
    for index, (frame, time) in enumerate(clip):
        if index % 50 == 20:
            for bad, error in (
                (frame.astype(np.float32), ValueError),
                (frame[:10], ValueError),  # the box is outside the frame
                (frame[..., 0], ValueError),
                (None, TypeError),
            ):
                with pytest.raises(error):
                    monitor.push(bad, time)  # type: ignore[arg-type]
            for bad_time in (time - 1.0, float("nan"), float("inf"), clip[index - 1][1]):
                with pytest.raises(ValueError, match="time must be"):
                    monitor.push(frame, bad_time)
        found.append(monitor.push(frame, time))
    assert found == expected


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"method": "magic"}, r"method must be one of \['fusion', 'student', .* got 'magic'"),
        ({"color": "yuv"}, "color must be 'bgr' or 'rgb', got 'yuv'"),
        ({"box_scale": 0.0}, "box_scale must lie between 0 and 1000, got 0.0"),
        ({"box_scale": float("nan")}, "box_scale must lie"),
        ({"box": (5, 5, 9)}, r"four whole numbers x0, y0, x1, y1, got \(5, 5, 9\)"),
        ({"box": (5, 5, 5, 9)}, r"got \(5, 5, 5, 9\)"),
        ({"window": 0.0}, "window must be positive"),
        ({"window": 2.0}, "fewer than two beats"),
        ({"window": float("nan")}, "window must be positive"),
        ({"low": 5.0}, "must lie between"),
        ({"high": 16.0}, "half the sampling rate"),
        ({"min_window": 0.0}, "least window must be positive, is 0"),
        ({"min_window": float("nan")}, "least window must be positive"),
        ({"max_gap": 0.0}, "longest gap must be positive"),
        ({"peaks": 9}, "number of peaks must be from 1 to 8, is 9"),
        ({"low": 1.0, "high": 1.9}, "must be at least 1 Hz wide"),
        ({"min_confidence": float("nan")}, "least confidence must lie between 0 and 1"),
        ({"min_confidence": 1.1}, "between 0 and 1, is 1.1"),
        ({"box_scale": 1e308}, "box_scale must lie between"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        rf.HeartRateMonitor(**options)  # type: ignore[arg-type]


def test_two_beats_are_needed_whatever_the_least_window_is() -> None:
    """At 0.7 Hz they take 2.9 s; a first reading after 1 s would be noise."""
    monitor = rf.HeartRateMonitor(box=BOX, min_window=1.0)
    readings = read_all(monitor, skin(frame_times(30.0, 5.0), 72.0))
    first = next(r for r in readings if r.status is not rf.Status.WARMING_UP)
    assert first.time_s - readings[0].time_s >= 2.0 / 0.7 - 0.11


@pytest.mark.parametrize("method", ALL_METHODS)
@pytest.mark.parametrize("bpm", [55.0, 72.0, 140.0])
def test_a_clear_pulse_is_read_after_five_seconds(method: str, bpm: float) -> None:
    monitor = rf.HeartRateMonitor(method=method, box=BOX)
    readings = read_all(monitor, skin(frame_times(30.0, 10.0), bpm))
    first = next(r for r in readings if r.status is not rf.Status.WARMING_UP)
    assert 4.89 <= first.time_s - readings[0].time_s <= 5.0
    early = [r for r in readings if r.heart_rate_bpm is not None and r.coverage < 0.75]
    assert early, "no reading before the window is nearly full"
    for reading in early:
        assert reading.heart_rate_bpm == pytest.approx(bpm, abs=EARLY_TOLERANCE_BPM)


def test_milliseconds_in_place_of_seconds_are_suspected() -> None:
    monitor = rf.HeartRateMonitor(box=BOX)
    clip = [(frame, 1000.0 * time) for frame, time in skin(frame_times(30.0, 2.0), 72.0)]
    with pytest.warns(RuntimeWarning, match="divide milliseconds by 1000") as warned:
        readings = read_all(monitor, clip)
    assert len(warned) == 1, "once is enough"
    assert all(r.heart_rate_bpm is None for r in readings)


def test_a_student_is_refused_by_other_methods() -> None:
    with pytest.raises(ValueError, match="not used by method 'pos'"):
        rf.HeartRateMonitor(method="pos", student=rf.Student.load())
