"""Heart rates of several faces, frame by frame."""

from __future__ import annotations

from typing import Any, NoReturn

from rppg_fast import _core
from rppg_fast.face import MTCNN, FaceDetector, check_frame
from rppg_fast.monitor import BOX_SCALE, GAP, NETWORK_METHODS, HeartRateMonitor
from rppg_fast.reading import Box, Reading
from rppg_fast.student import Student
from rppg_fast.tracking import FaceTracker
from rppg_fast.yuv import AnyFrame, in_bgr_order

#: The most faces that are measured at once by default.
MOST_FACES = 8


class FacesMonitor:
    """Measures the heart rates of several people, frame by frame.

    Every face is followed in the same way as by ``HeartRateMonitor``. It has its own window and a
    number; the first face found has number 1. A face that comes back within five seconds near the
    place where it was lost has its old number. If it comes back within ``max_gap``, its window goes
    on, too. Any other face gets a new number. Nobody is recognised. Faces may be turned in
    different directions; one that is turned in another direction than the first is found within six
    seconds.

    Parameters
    ----------
    most
        The largest number of faces that are measured at once. The largest faces are taken first. A
        face that is measured keeps its place.
    detector
        Maps a blue-green-red frame to faces; MTCNN by default.
    box_scale
        Side of the measured box over the side of the face; 1.4 by default.
    color
        Order of the channels of frames that are arrays: "bgr", as OpenCV gives them, or "rgb".
    **options
        Further options of ``HeartRateMonitor``: ``method``, ``student``, ``settings``, ...

    Attributes
    ----------
    monitors
        The ``HeartRateMonitor`` of each face that is there, by number, with its box and its pulse.
    method
        The method that measures.
    settings
        The settings of the pulse, for every face.

    Raises
    ------
    ValueError, TypeError
        If an argument has a wrong value or type; the message names it.
    """

    def __init__(
        self,
        *,
        most: int = MOST_FACES,
        detector: FaceDetector | None = None,
        box_scale: float | None = None,
        color: str = "bgr",
        **options: Any,
    ) -> None:
        if most < 1:
            raise ValueError(f"most must be at least 1, got {most}")
        for name in ("box", "tracking"):
            if options.pop(name, None) not in (None, "follow"):
                raise ValueError(f"{name} is for one face, not for all of them")
        box_scale = BOX_SCALE if box_scale is None else box_scale
        # Checks the options once, and loads the weights.
        first = HeartRateMonitor(box=(0, 0, 1, 1), box_scale=box_scale, color=color, **options)
        self.method, self.settings = first.method, first.settings
        if self.method in NETWORK_METHODS:
            options["student"] = options.get("student") or Student.load()
        self._options = {**options, "color": color}
        self._tracker = FaceTracker(detector or MTCNN(), box_scale, most)
        self._clock = _core.Clock(self.settings.max_gap)
        self.reset()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a FacesMonitor is a running stream: it can be neither copied nor pickled")

    def reset(self) -> None:
        """Forget all faces, pulses and times."""
        self._tracker.reset()
        self._clock.reset()
        self.monitors: dict[int, HeartRateMonitor] = {}
        self._away: dict[int, HeartRateMonitor] = {}
        self._time = 0.0
        self._size: tuple[int, ...] | None = None

    def push(self, frame: AnyFrame, time: float) -> dict[int, Reading]:
        """Take a frame with its time, and read the windows that end there.

        Parameters
        ----------
        frame
            uint8 of shape (height, width, 3), or of grey (height, width); any strides; or a
            ``YuvFrame``.
        time
            When the frame was seen, in seconds on any clock that goes forward.

        Returns
        -------
        dict of int to Reading
            The reading of each face that is there, by number. A face that has left is missing
            within a second.

        Raises
        ------
        TypeError, ValueError
            If the frame is something else. Nothing has changed then.
        TimeError
            If the time is not later than the last one; see ``HeartRateMonitor.push``. If the clock
            was set back, every window starts again.
        """
        check_frame(frame)
        if self._clock.push(time) == GAP and time <= self._time:
            self._tracker.restart(time)
            self._away.clear()
            for name, monitor in self.monitors.items():
                self.monitors[name] = self._measured(monitor.box, monitor.turned)
        if frame.shape[:2] != self._size:
            self.monitors.clear()
            self._away.clear()
        self._time, self._size = time, frame.shape[:2]
        readings = {name: monitor.push(frame, time) for name, monitor in self.monitors.items()}
        self._tracker.update(in_bgr_order(frame, self._options["color"]), time)
        tracks = {track.name: track for track in self._tracker.tracks}
        for name in self.monitors.keys() - tracks.keys():
            self._away[name] = self.monitors.pop(name)
            del readings[name]
        for name, track in tracks.items():
            box, turned = track.box, track.face.turned
            if name not in self.monitors:
                self.monitors[name] = self._returned(name, box, turned, time)
                readings[name] = self.monitors[name].push(frame, time)
            elif (self.monitors[name].box, self.monitors[name].turned) != (box, turned):
                self.monitors[name].rebox(frame, box, turned)
        return dict(sorted(readings.items()))

    def _measured(self, box: Box | None, turned: int) -> HeartRateMonitor:
        monitor = HeartRateMonitor(box=box, **self._options)
        monitor.turned = turned
        return monitor

    def _returned(self, name: int, box: Box, turned: int, time: float) -> HeartRateMonitor:
        """Give the monitor of a face that was away for a moment, or a new one."""
        max_gap = self.settings.max_gap
        self._away = {
            face: monitor
            for face, monitor in self._away.items()
            if time - monitor.last_time <= max_gap
        }
        monitor = self._away.pop(name, None)
        if monitor is None:
            return self._measured(box, turned)
        monitor.box, monitor.turned = box, turned
        return monitor
