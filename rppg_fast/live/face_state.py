"""Follows what the page shows of each face: pulse, spectrum, advice, progress."""

from __future__ import annotations

import numpy as np

from rppg_fast.appearance_meter import AppearanceMeter
from rppg_fast.faces import FacesMonitor
from rppg_fast.live.advice import Advice, advise, advise_without_face
from rppg_fast.live.history import History
from rppg_fast.live.snapshot import FaceSnapshot, FaceSpectrum
from rppg_fast.monitor import MeasuredFace
from rppg_fast.pulse import PulseSettings, spectrum
from rppg_fast.reading import Box, Reading, Status
from rppg_fast.yuv import AnyFrame

#: Time between two spectra, s.
_SPECTRUM_EVERY = 0.5
#: How long another piece of advice must hold before it is shown, s.
_STEADY = 0.7
#: How long a new face after another one is said to be somebody else, s.
_NEWCOMER = 3.0


class FaceStates:
    """What is known of each face that a monitor measures.

    Attributes
    ----------
    faces
        The faces of the newest frame, lowest number first.
    advice_without_face
        What to do if there is none.
    """

    def __init__(self, monitor: FacesMonitor, history: History) -> None:
        self._monitor, self._history = monitor, history
        self._states: dict[int, _FaceState] = {}
        self._whole = AppearanceMeter()
        self._had_faces = False
        self.faces: tuple[FaceSnapshot, ...] = ()
        self.advice_without_face = Advice.NO_FACE

    def update(self, frame: AnyFrame, time_s: float, readings: dict[int, Reading]) -> None:
        """Take the readings of a frame."""
        measured = self._monitor.monitors
        for number in self._states.keys() - readings.keys():
            del self._states[number]
        for number in readings.keys() - self._states.keys():
            newcomer = self._had_faces and len(readings) == 1
            since = time_s if newcomer else -np.inf
            self._states[number] = _FaceState(number, self._monitor.settings, since)
        self._had_faces = self._had_faces or bool(readings)
        if not readings:
            height, width = frame.shape[:2]
            whole = self._whole.update(frame, Box(0, 0, width, height), time_s)
            self.advice_without_face = advise_without_face(whole)
        self.faces = tuple(
            self._states[number].update(
                frame, time_s, readings[number], measured.get(number), self._history
            )
            for number in sorted(readings)
        )


class _SteadyAdvice:
    """Keeps a piece of advice until another one has held for a moment, so that it can be read."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._shown = self._next = Advice.MEASURING
        self._since = -np.inf

    def update(self, advice: Advice, status: Status, time_s: float) -> Advice:
        """Return the advice to show; a new status brings its own at once."""
        if advice is not self._next:
            self._next, self._since = advice, time_s
        if status is not self._status or time_s - self._since >= _STEADY:
            self._status, self._shown = status, advice
        return self._shown


class _FaceState:
    def __init__(self, number: int, settings: PulseSettings, since_s: float) -> None:
        self._number, self._settings, self._since = number, settings, since_s
        self._end = self._samples = 0
        self._meter = AppearanceMeter()
        self._advice = _SteadyAdvice()
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
        box = None
        if face is not None:
            box = face.box
            piece = face.pulse_since(self._end)
            self._end = piece.end
            self._samples = history.add_pulse(self._number, piece.times, piece.values)
            if time_s >= self._spectrum_due:
                self._spectrum_due = time_s + _SPECTRUM_EVERY
                self._spectrum = self._read_spectrum(face) if reading.candidate_bpm else None
        if box is not None:
            self._meter.update(frame, box, time_s)
        newcomer = time_s - self._since < _NEWCOMER
        advice = advise(reading, box, self._meter.appearance, newcomer)
        return FaceSnapshot(
            number=self._number,
            reading=reading,
            box=box,
            advice=self._advice.update(advice, reading.status, time_s),
            progress=self._progress(reading),
            samples=self._samples,
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
