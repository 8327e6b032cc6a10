"""The sensors of ``examples``: what they make of data whose values and times are known."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from rppg_fast.record.sensor import make_sensor

SENSORS = Path(__file__).parents[2] / "examples" / "sensors"
STRAP = f"{SENSORS / 'bluetooth_strap.py'}:PolarStrap"


def frame(last_ns: int, values: list[int], form: int = 0) -> bytes:
    samples = b"".join(
        b"".join((value + k).to_bytes(3, "little", signed=True) for k in (-3, 0, 3, 500))
        for value in values
    )
    return bytes([1]) + last_ns.to_bytes(8, "little") + bytes([form]) + samples


def test_a_strap_gives_the_mean_of_its_channels_at_its_times() -> None:
    strap = make_sensor(STRAP, 100, None)
    began = 600_000_000 * 10**9  # its clock counts from 2000 on
    for number in range(20):
        last = began + round((18 * number + 17) * 1e9 / 130)
        strap.take(frame(last, [-1000 - 18 * number - i for i in range(18)]))  # type: ignore[attr-defined]
    found = strap.read()
    assert [round(value) for _, value in found] == list(range(1000, 1360))
    steps = np.diff([at for at, _ in found])
    # Its clock is mapped by arrivals, here at once: all samples lie where the earliest put them.
    assert found[-1].time_s - time.monotonic() < 0.1
    assert (steps > 0).all()
    assert strap.statistics().samples == 360
    assert strap.read() == []


def test_other_frames_of_a_strap_are_left_out() -> None:
    strap = make_sensor(STRAP, 100, None)
    for other in (b"", b"\x02" + frame(0, [1])[1:], frame(0, [1], form=128)):
        strap.take(other)  # type: ignore[attr-defined]
    assert strap.read() == []


_OUTLET = """
import pylsl, time
info = pylsl.StreamInfo("finger", "PPG", 1, 100, "float32", "made up")
outlet = pylsl.StreamOutlet(info)
outlet.wait_for_consumers(20)
for i in range(300):
    outlet.push_sample([float(i)])
    time.sleep(0.01)
"""


def test_a_stream_of_the_lab_streaming_layer_is_read() -> None:
    if importlib.util.find_spec("pylsl") is None:
        pytest.skip("there is no pylsl here")
    outlet = subprocess.Popen([sys.executable, "-c", _OUTLET])
    try:
        with make_sensor(f"{SENSORS / 'lab_streaming_layer.py'}:LabStreamingLayer", 100, None) as s:
            found = []
            for _ in range(10):
                time.sleep(0.1)
                found += s.read()
                assert not found or abs(found[-1].time_s - time.monotonic()) < 0.2
    finally:
        outlet.kill()
        outlet.wait()
    assert len(found) > 50
    values = [value for _, value in found]
    assert values == list(range(int(values[0]), int(values[0]) + len(values)))
