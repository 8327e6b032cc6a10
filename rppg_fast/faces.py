"""Heart rates of several faces, frame by frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from rppg_fast import _core
from rppg_fast.face import MTCNN
from rppg_fast.monitor import MeasuredFace
from rppg_fast.options import MOST_FACES, FaceOptions, as_number, check_options
from rppg_fast.reading import Reading
from rppg_fast.tracking import native_detector
from rppg_fast.yuv import AnyFrame

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["MOST_FACES", "FacesMonitor"]


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
    **options
        The options of ``HeartRateMonitor`` but for ``box`` and ``tracking``.

    Attributes
    ----------
    method
        The method that measures.
    settings
        The settings of the pulse, for every face.

    Raises
    ------
    ValueError, TypeError
        If an argument has a wrong value or type; the message names it.
    """

    def __init__(self, *, most: int = MOST_FACES, **options: Unpack[FaceOptions]) -> None:
        if most < 1:
            raise ValueError(f"most must be at least 1, got {most}")
        given: dict[str, Any] = {**options}
        for name in ("box", "tracking"):
            if given.pop(name, None) not in (None, "follow"):
                raise ValueError(f"{name} is for one face, not for all of them")
        checked = check_options(**given)
        self.method, self.settings = checked.method, checked.settings
        self._native = _core.Monitor(
            checked.network,
            checked.pulse,
            native_detector(checked.detector or MTCNN(), checked.color),
            box_scale=checked.box_scale,
            several=True,
            most=most,
            color=checked.color,
        )
        self._monitors: dict[int, MeasuredFace] = {}

    def __reduce__(self) -> NoReturn:
        raise TypeError("a FacesMonitor is a running stream: it cannot be copied or pickled")

    def reset(self) -> None:
        """Forget all faces, pulses and times."""
        self._native.reset()
        self._monitors.clear()

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
        if type(time) is not float:
            time = as_number(time, "time")
        return self._native.push_all(frame, time)

    @property
    def monitors(self) -> dict[int, MeasuredFace]:
        """The faces that are there, by number, each with its box and its pulse."""
        there = self._native.faces
        if not self._monitors.keys() >= set(there):
            waiting = filter(self._native.has_window, self._monitors)
            self._monitors = {number: self._monitors[number] for number in waiting}
            for number in there:
                self._monitors.setdefault(number, MeasuredFace(self._native, number))
        return {number: self._monitors[number] for number in there}
