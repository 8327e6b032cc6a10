"""Record a camera together with a pulse sensor at the finger, in the layout that training reads.

``sensor`` has the interface of a sensor, ``session`` the recording, ``report`` what it shows.
"""

from rppg_fast.record.sensor import Sample, Sensor, SensorStatistics

__all__ = ["Sample", "Sensor", "SensorStatistics"]
