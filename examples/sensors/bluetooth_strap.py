"""A Bluetooth strap at the arm (Polar OH1), as a sensor of ``rppg-fast record``.

    pip install bleak
    rppg-fast record DIR --sensor bluetooth_strap.py:PolarStrap

The strap sends its PPG (130 Hz, three channels and the ambient light) by Polar's service for
measurement data. Its times are those of its own clock; how much later than taken a sample arrives
is known only up to the constant part of the way, some 10 ms. That does not change a heart rate; for
training a wired sensor is better. Straps at the chest send no PPG but an ECG or intervals between
beats, which is not what this layout holds.

This was written to the published format and tested with frames that were made up, not with a strap.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque

from rppg_fast.record import Sample, Sensor, SensorStatistics
from rppg_fast.record.clock import FrameClock

CONTROL = "fb005c81-02e7-f387-1cad-8acd2d8df0c8"
DATA = "fb005c82-02e7-f387-1cad-8acd2d8df0c8"
RATE = 130.0  # Hz
#: Start the PPG (2, 1) at 130 Hz (setting 0) with 22 bits (setting 1).
START = bytes([0x02, 0x01, 0x00, 0x01, 130, 0, 0x01, 0x01, 22, 0])
#: Kind of measurement, time of the last sample in ns, form of the frame.
HEADER = 10
#: Three channels and the ambient light, 24 bits each.
SAMPLE = 12
WAIT = 20.0  # s


class PolarStrap(Sensor):
    """The first Polar strap that is found."""

    def __init__(self) -> None:
        self.name = "Polar"
        self._samples: deque[Sample] = deque()
        self._clock = FrameClock()
        self._count = self._reconnections = 0
        self._problem = "no strap was found"
        self._heard, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def open(self) -> None:
        """Connect and wait for the first sample.

        Raises
        ------
        OSError
            If no strap sends a PPG.
        """
        self._thread.start()
        if not self._heard.wait(WAIT):
            self.close()
            raise OSError(f"Bluetooth: {self._problem}")

    def read(self) -> list[Sample]:
        """Return the samples that have come since the last call."""
        return [self._samples.popleft() for _ in range(len(self._samples))]

    def close(self) -> None:
        """Disconnect."""
        self._stop.set()
        self._thread.join()

    def statistics(self) -> SensorStatistics:
        """Return the number of samples and of reconnections."""
        return SensorStatistics(self._count, reconnections=self._reconnections)

    async def _run(self) -> None:
        while not self._stop.is_set():
            try:
                await self._converse()
            except Exception as error:  # whatever the system's Bluetooth says: try again
                self._problem = str(error)
                await asyncio.sleep(1.0)

    async def _converse(self) -> None:
        from bleak import BleakClient, BleakScanner

        device = await BleakScanner.find_device_by_filter(
            lambda device, _: (device.name or "").startswith("Polar"), timeout=5.0
        )
        if device is None:
            return
        async with BleakClient(device) as client:
            self.name = str(device.name)
            await client.start_notify(CONTROL, lambda _, data: None)
            await client.start_notify(DATA, lambda _, data: self.take(bytes(data)))
            await client.write_gatt_char(CONTROL, START, response=True)
            self._reconnections += self._heard.is_set()
            while client.is_connected and not self._stop.is_set():
                await asyncio.sleep(0.1)

    def take(self, frame: bytes) -> None:
        """Take a frame of data."""
        if len(frame) < HEADER + SAMPLE or frame[0] != 0x01:
            return
        if frame[9] != 0:
            self._problem = f"{self.name} sends frames of the form {frame[9]}, not of the form 0"
            return
        arrived = time.monotonic()
        last = int.from_bytes(frame[1:9], "little") / 1e9
        count = (len(frame) - HEADER) // SAMPLE
        for i in range(count):
            start = HEADER + i * SAMPLE
            channels = [
                int.from_bytes(frame[start + 3 * k : start + 3 * k + 3], "little", signed=True)
                for k in range(3)
            ]
            at = last - (count - 1 - i) / RATE
            host = self._clock.to_host(at, arrived - (count - 1 - i) / RATE)
            # Light that is reflected falls when the blood volume rises.
            self._samples.append(Sample(host, -sum(channels) / 3))
        self._count += count
        self._heard.set()
