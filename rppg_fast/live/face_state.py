"""Follows what the page shows of each face: pulse, spectrum, advice, progress."""

from __future__ import annotations

import numpy as np

from rppg_fast.faces import FacesMonitor
from rppg_fast.live.advice import Advice, advise
from rppg_fast.live.appearance import AppearanceMeter
from rppg_fast.live.history import History
from rppg_fast.live.snapshot import FaceSnapshot, FaceSpectrum
from rppg_fast.monitor import MeasuredFace
from rppg_fast.pulse import PulseSettings, spectrum
from rppg_fast.reading import Reading
from rppg_fast.yuv import AnyFrame

#: Time between two spectra, s.
_SPECTRUM_EVERY = 0.5
#: How long a new face after another one is said to be somebody else, s.
_NEWCOMER = 3.0


class FaceStates:
    """What is known of each face that a monitor measures.

    Attributes
    ----------
    faces
        The faces of the newest frame, lowest number first.
    """

    def __init__(self, monitor: FacesMonitor, history: History) -> None:
        self._monitor, self._history = monitor, history
        self._states: dict[int, _FaceState] = {}
        self.faces: tuple[FaceSnapshot, ...] = ()

    def update(self, frame: AnyFrame, time_s: float, readings: dict[int, Reading]) -> None:
        """Take the readings of a frame."""
        measured = self._monitor.monitors
        for number in self._states.keys() - readings.keys():
            del self._states[number]
        for number in readings.keys() - self._states.keys():
            self._states[number] = _FaceState(number, self._monitor.settings, time_s)
        self.faces = tuple(
            self._states[number].update(
                frame, time_s, readings[number], measured.get(number), self._history
            )
            for number in sorted(readings)
        )


class _FaceState:
    def __init__(self, number: int, settings: PulseSettings, since_s: float) -> None:
        self._number, self._settings, self._since = number, settings, since_s
        self._end = 0
        self._meter = AppearanceMeter()
        self._spectrum: FaceSpectrum | None = None
        self._spectrum_due = -np.inf

    def update(
        self,
        frame: AnyFrame,
        time_s: float,
        reading: Reading,
        face: MeasuredFace | None,
        history: History,
    ) -> FaceSnapshot:
        box = samples = None
        if face is not None:
            box = face.box
            piece = face.pulse_since(self._end)
            self._end = piece.end
            samples = history.add_pulse(self._number, piece.times, piece.values)
            if time_s >= self._spectrum_due:
                self._spectrum_due = time_s + _SPECTRUM_EVERY
                self._spectrum = self._read_spectrum(face) if reading.candidate_bpm else None
        if box is not None:
            self._meter.update(frame, box, time_s)
        newcomer = self._number > 1 and time_s - self._since < _NEWCOMER
        advice = advise(reading, box, self._meter.appearance, newcomer)
        return FaceSnapshot(
            number=self._number,
            reading=reading,
            box=box,
            advice=advice if box is not None else Advice.NO_FACE,
            progress=self._progress(reading),
            samples=samples or 0,
            spectrum=self._spectrum,
        )

    def _progress(self, reading: Reading) -> float:
        settings = self._settings
        return min(1.0, reading.coverage * settings.window / settings.min_window)

    def _read_spectrum(self, face: MeasuredFace) -> FaceSpectrum | None:
        settings = self._settings
        _, values = face.pulse
        if len(values) < settings.rate:
            return None
        found = spectrum(values, settings.rate, settings.low, settings.high)
        step = float(found.frequencies[1])
        first = int(np.ceil(settings.low / step))
        power = found.power[first : int(settings.high / step) + 1]
        power = power / max(float(power.max()), np.finfo(np.float64).tiny)
        power.flags.writeable = False
        return FaceSpectrum(first * step, step, power)
