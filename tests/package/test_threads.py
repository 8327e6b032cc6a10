"""Objects that threads share, and objects of their own: the results are those of one thread.

On Python without the GIL the threads run at the same time, so that a lock that is missing shows
here; with the GIL the tests hold, too.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core

THREADS = 4
#: Frames of a recording, at 30 a second: more than the first window.
FRAMES = 200
BOX = (8, 8, 56, 56)
FACE = rf.Face(8.0, 8.0, 56.0, 56.0, 0.99, tuple((30.0, 30.0) for _ in range(5)))


def together(work: Callable[[int], object], threads: int = THREADS) -> list[object]:
    """Run work in threads that begin at the same moment; return the results."""
    barrier = Barrier(threads)

    def one(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(one, range(threads)))


def frames(seed: int) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).integers(90, 110, (FRAMES, 64, 64, 3), np.uint8)
    beat = 5 * np.sin(2 * np.pi * 1.2 * np.arange(FRAMES) / 30)
    return np.asarray(noise + beat[:, None, None, None], np.uint8)


def readings(seed: int, student: rf.Student) -> list[rf.Reading]:
    monitor = rf.HeartRateMonitor(student=student, box=BOX)
    return [monitor.push(frame, i / 30) for i, frame in enumerate(frames(seed))]


def boxes_of(monitor: rf.FacesMonitor) -> dict[int, rf.Box | None]:
    return {number: face.box for number, face in monitor.monitors.items()}


def test_monitors_of_threads_with_one_student_read_as_alone() -> None:
    student = rf.Student.load()
    alone = [readings(seed, student) for seed in range(THREADS)]
    assert together(lambda seed: readings(seed, student)) == alone
    assert alone[0][-1].candidate_bpm is not None


def test_state_of_a_monitor_can_be_read_while_it_measures() -> None:
    monitor = rf.FacesMonitor(detector=lambda frame: [FACE])
    pictures, done = frames(1), []

    def work(number: int) -> object:
        if number == 0:
            for i, frame in enumerate(pictures):
                monitor.push(frame, i / 30)
            done.append(True)
            return None
        seen = set()
        while not done:
            for face, box in boxes_of(monitor).items():
                seen.add((face, type(box)))
        return seen

    for seen in together(work)[1:]:
        assert isinstance(seen, set)
        assert seen <= {(1, rf.Box)}
    assert list(boxes_of(monitor)) == [1]


def test_a_filter_takes_every_sample_of_every_thread_once() -> None:
    # All threads give the same samples, so that their order does not matter.
    count, samples = 200, np.ones(2000)
    alone, shared = _core.BandPass(0.7, 4.0, 1000.0, 2), _core.BandPass(0.7, 4.0, 1000.0, 2)
    for _ in range(THREADS * count):
        alone(samples)
        alone(-samples)

    def work(_: int) -> None:
        for _ in range(count):
            # Both halves in one call: nothing comes between them.
            shared(np.concatenate([samples, -samples]))

    together(work)
    assert shared([0.5]) == alone([0.5])


def test_a_window_holds_the_samples_of_all_threads() -> None:
    window = _core.PulseWindow(_core.PulseOptions())
    window.restart(0.0, False)
    rows, count = np.zeros((300, _core.SIGNALS)), 200

    def work(number: int) -> None:
        for i in range(count):
            window.push(rows)
            if i % 40 == number:
                window.read(1.0)
                window.candidates()

    together(work)
    assert window.total == THREADS * count * len(rows)


def test_a_summary_counts_the_windows_of_all_threads() -> None:
    summary = _core.RecordingSummary(1.0, 2.0, 0.75)
    count = 1000

    def work(_: int) -> None:
        for i in range(count):
            end = 10.0 + i
            summary.push(end, rf.Status.OK, 3.0, 0.9, end - 10, end, 1.0, 72.0)
            summary.summary()
            summary.evidence()

    together(work)
    frames_index = 6
    assert summary.summary()[frames_index] == THREADS * count


def test_a_detector_of_python_serves_one_monitor_at_a_time() -> None:
    def find(frame: object) -> list[rf.Face]:
        return [FACE]

    pictures = frames(2)

    def work(_: int) -> list[rf.Reading]:
        monitor = rf.HeartRateMonitor(detector=find, student=rf.Student.load())
        return [monitor.push(frame, i / 30) for i, frame in enumerate(pictures)]

    first, *others = together(work)
    assert all(other == first for other in others)


@pytest.mark.skipif(
    not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python always has a GIL"
)
def test_the_engine_leaves_the_gil_off() -> None:
    code = "import sys, rppg_fast; rppg_fast.Student.load(); print(sys._is_gil_enabled())"
    command = [sys.executable, "-W", "error", "-c", code]
    said = subprocess.run(command, capture_output=True, text=True)
    assert (said.stdout.strip(), said.stderr) == ("False", "")
