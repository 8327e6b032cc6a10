"""A PPG that comes as a stream of the Lab Streaming Layer, as a sensor of ``rppg-fast record``.

    pip install pylsl
    rppg-fast record DIR --sensor lab_streaming_layer.py:LabStreamingLayer

It takes the first stream of the type ``PPG`` in the network, and its first channel. The layer
itself maps the clock of the computer that sends to the one of this computer.
"""

from __future__ import annotations

import time

import pylsl

from rppg_fast.record import Sample, Sensor, SensorStatistics

TYPE = "PPG"
WAIT = 10.0  # s


class LabStreamingLayer(Sensor):
    """The first stream of the type ``PPG``."""

    def __init__(self) -> None:
        self.name = "Lab Streaming Layer"
        self._count = 0

    def open(self) -> None:
        """Find the stream.

        Raises
        ------
        OSError
            If there is none.
        """
        found = pylsl.resolve_byprop("type", TYPE, timeout=WAIT)
        if not found:
            raise OSError(f"no stream of the type {TYPE} in the network")
        self.name = f"Lab Streaming Layer: {found[0].name()}"
        self._inlet = pylsl.StreamInlet(found[0], processing_flags=pylsl.proc_clocksync)
        self._inlet.open_stream(WAIT)
        self._inlet.time_correction(WAIT)  # the first measurement of the clocks takes a moment

    def read(self) -> list[Sample]:
        """Return the samples that have come since the last call."""
        values, times = self._inlet.pull_chunk(timeout=0.0)
        # The layer's clock has another zero than time.monotonic, and the same rate.
        zero = time.monotonic() - pylsl.local_clock()
        self._count += len(times)
        return [Sample(at + zero, float(value[0])) for at, value in zip(times, values)]

    def close(self) -> None:
        """Leave the stream."""
        self._inlet.close_stream()

    def statistics(self) -> SensorStatistics:
        """Return the number of samples."""
        return SensorStatistics(self._count)
