"""The control flow of a monitor for one face and for several, written out frame by frame in Python.

The native monitor must give the same bits. This reference shares with it the tracker, which decides
when to look at the frame, and the stream, which measures one box. What it states by itself: which
face is measured in which box, when a window goes on, starts again or waits for its face, and what
happens to it where the clock is set back or the size of the frames changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from rppg_fast.face import nearest_face, sure_faces
from rppg_fast.yuv import in_bgr_order, to_bgr

Frame = NDArray[np.uint8]
Detector = Callable[[Frame], Sequence[rf.Face]]
Told = tuple[tuple[float, float, float, float], float, int]

GAP = 2  # the clock's step that begins a stream anew
Task = _core.FaceTracker.Task


def told(face: rf.Face) -> Told:
    return face.edges, face.probability, face.turned


class Tracking:
    """Carries out what the tracker asks for, with MTCNN or with a detector of one's own."""

    def __init__(self, detector: Detector, box_scale: float, most: int, follow: bool) -> None:
        self.detector = detector
        self.native = _core.FaceTracker(box_scale, most, follow, isinstance(detector, rf.MTCNN))

    def update(self, frame: Frame, time: float) -> dict[int, tuple[rf.Box, int]]:
        """Return the box of each face that is there and how the face is turned, by number."""
        native, mtcnn = self.native, self.detector
        task = native.next_task(frame.shape[1], frame.shape[0], time)
        if isinstance(mtcnn, rf.MTCNN):
            if task in (Task.REDETECT, Task.CHECK):
                sight = mtcnn.sight(frame, rf.Face(*native.target), task is Task.CHECK)
                native.update_target(
                    *((None, False) if sight is None else (told(sight[0]), sight[1]))
                )
            elif task is Task.COMPARE:
                found = mtcnn.compare(frame, rf.Face(*native.target))
                native.update_comparison(None if found is None else told(found))
            elif task is Task.SEARCH:
                found_all = mtcnn.locate(frame, native.search_step, native.search_turned)
                native.update_detections([told(face) for face in found_all])
        elif task in (Task.REDETECT, Task.CHECK):
            near = nearest_face(sure_faces(self.detector(to_bgr(frame))), rf.Face(*native.target))
            native.update_target(None if near is None else told(near), near is not None)
        elif task is Task.SEARCH:
            native.update_detections([told(face) for face in self.detector(to_bgr(frame))])
        return {track[0]: (rf.Box(*track[1]), track[3][6]) for track in native.tracks}


class OneFace:
    """A monitor of one face: one window, which the face that is measured has."""

    def __init__(
        self,
        detector: Detector,
        settings: rf.PulseSettings,
        method: str = "student",
        box_scale: float = 1.4,
        follow: bool = True,
        color: str = "bgr",
    ) -> None:
        self.stream = _core.Stream(rf.Student.load(), settings.to_native(method))
        self.tracking = Tracking(detector, box_scale, 1, follow)
        self.clock = _core.Clock(settings.max_gap)  # of the frames without a face
        self.patience = _core.Patience(settings.window)
        self.max_gap, self.follow, self.color = settings.max_gap, follow, color
        self.box: rf.Box | None = None
        self.turned = self.face = 0
        self.time = self.seen = -math.inf
        self.size: tuple[int, ...] | None = None

    def push(self, frame: Frame, time: float) -> rf.Reading:
        if self.box is not None and frame.shape[:2] != self.size:
            self._lose()
        was_there = self.box is not None
        before = self.time
        if was_there:
            reading = self._measure(frame, time)
            if time <= before:
                self.tracking.native.restart(time)
        elif self.clock.push(time) == GAP:
            self.tracking.native.restart(time)
        self.time, self.size = time, frame.shape[:2]
        if not was_there or time >= self.tracking.native.due:
            self._track(frame, time)
        if self.box is None:
            reading = rf.Reading(time, rf.Status.NO_FACE, None, None, None, time, time)
        elif not was_there:
            reading = self._measure(frame, time)
        if self.box is not None and self.follow:
            self.seen = time
            if self.patience.is_over(time, reading.status, reading.confidence or 0.0):
                self.tracking.native.pass_over(self.face)
        return reading

    def _measure(self, frame: Frame, time: float) -> rf.Reading:
        assert self.box is not None
        return self.stream.push(frame, self.box, time, self.color, self.turned)

    def _track(self, frame: Frame, time: float) -> None:
        tracks = self.tracking.update(in_bgr_order(frame, self.color), time)  # type: ignore[arg-type]
        if not tracks:
            if self.box is not None:
                self._lose()
            return
        ((face, (box, turned)),) = tracks.items()
        away = 0.0 if self.box is not None else time - self.seen
        if face != self.face or away > self.max_gap:
            self.stream.reset()
            self.patience.restart()
        elif self.box is not None and (box, turned) != (self.box, self.turned):
            self.stream.rebox(frame, box, self.color, turned)
        self.box, self.turned, self.face = box, turned, face

    def _lose(self) -> None:
        self.clock.reset()
        self.clock.push(self.time)
        self.box, self.turned = None, 0


@dataclass
class Measured:
    """A face with its window."""

    stream: _core.Stream
    box: rf.Box
    turned: int
    time: float = field(default=-math.inf)  # of the last frame that was measured


class SeveralFaces:
    """A monitor of several faces, each with a window of its own."""

    def __init__(
        self,
        detector: Detector,
        settings: rf.PulseSettings,
        method: str = "student",
        box_scale: float = 1.4,
        most: int = 8,
        color: str = "bgr",
    ) -> None:
        self.options, self.color = settings.to_native(method), color
        self.student, self.max_gap = rf.Student.load(), settings.max_gap
        self.tracking = Tracking(detector, box_scale, most, True)
        self.clock = _core.Clock(settings.max_gap)
        self.there: dict[int, Measured] = {}
        self.away: dict[int, Measured] = {}
        self.time = -math.inf
        self.size: tuple[int, ...] | None = None

    def push(self, frame: Frame, time: float) -> dict[int, rf.Reading]:
        if self.clock.push(time) == GAP and time <= self.time:
            self.tracking.native.restart(time)
            self.away.clear()
            for face in self.there.values():
                face.stream = self._stream()
        if frame.shape[:2] != self.size:
            self.there.clear()
            self.away.clear()
        self.time, self.size = time, frame.shape[:2]
        readings = {name: self._measure(face, frame, time) for name, face in self.there.items()}
        tracks = self.tracking.update(in_bgr_order(frame, self.color), time)  # type: ignore[arg-type]
        for name in self.there.keys() - tracks.keys():
            self.away[name] = self.there.pop(name)
            del readings[name]
        for name, (box, turned) in tracks.items():
            if name not in self.there:
                known = self.away.pop(name, None)
                if known is None or not time - known.time <= self.max_gap:
                    known = Measured(self._stream(), box, turned)
                known.box, known.turned = box, turned
                self.there[name] = known
                readings[name] = self._measure(known, frame, time)
            elif (self.there[name].box, self.there[name].turned) != (box, turned):
                self.there[name].stream.rebox(frame, box, self.color, turned)
                self.there[name].box, self.there[name].turned = box, turned
        return readings

    def _measure(self, face: Measured, frame: Frame, time: float) -> rf.Reading:
        face.time = time
        return face.stream.push(frame, face.box, time, self.color, face.turned)

    def _stream(self) -> _core.Stream:
        return _core.Stream(self.student, self.options)
