"""The messages to the page, as JSON. Their form may change with the page."""

from __future__ import annotations

import json
from typing import Any

from rppg_fast import __version__
from rppg_fast.live.session import LiveSession
from rppg_fast.live.snapshot import FaceSnapshot, Snapshot
from rppg_fast.monitor import METHODS

#: Seconds of pulse that a page gets when it begins to watch, in samples.
_FIRST_SAMPLES = 360


def to_json(value: Any) -> str:
    """Return compact JSON; a number that is not finite is an error."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def hello(session: LiveSession, browser_camera: bool) -> str:
    """Return the first message: what does not change."""
    return to_json(
        {
            "type": "hello",
            "version": __version__,
            "methods": METHODS,
            # Of a camera in front of a person a mirror is expected, of one at an address it is not.
            "mirror": session.source.live and "://" not in session.source.name,
            "browserCamera": browser_camera,
            "downloads": True,
        }
    )


def state(session: LiveSession, snapshot: Snapshot, begins: tuple[tuple[int, int], ...]) -> str:
    """Return what changes with every frame.

    Parameters
    ----------
    session
        Where the pulses are.
    snapshot
        What is shown.
    begins
        For each face, the index of the first sample of its pulse that the page does not have.
    """
    first = dict(begins)
    return to_json(
        {
            "type": "state",
            "state": snapshot.state,
            "reason": snapshot.reason,
            "note": session.note,
            "advice": snapshot.advice,
            "time": round(snapshot.time_s, 4),
            "width": snapshot.width,
            "height": snapshot.height,
            "source": snapshot.source,
            "method": snapshot.method,
            "run": snapshot.run,
            "fps": round(snapshot.fps, 1),
            "frameMs": round(snapshot.frame_ms, 2),
            "frames": snapshot.frames,
            "dropped": snapshot.dropped,
            "faces": [_face(session, face, first.get(face.number, 0)) for face in snapshot.faces],
        }
    )


def _face(session: LiveSession, face: FaceSnapshot, begin: int) -> dict[str, Any]:
    reading = face.reading
    # Samples that came after this snapshot belong to the next message.
    piece = session.pulse_since(face.number, begin, _FIRST_SAMPLES, face.samples)
    return {
        "number": face.number,
        "box": None if face.box is None else list(face.box),
        "status": reading.status,
        "heartRate": _rounded(reading.heart_rate_bpm, 1),
        "candidate": _rounded(reading.candidate_bpm, 1),
        "confidence": _rounded(reading.confidence, 3),
        "snr": _rounded(reading.snr_db, 1),
        "coverage": round(reading.coverage, 3),
        "progress": round(face.progress, 3),
        "advice": face.advice,
        "first": piece.first,
        "times": [round(time, 4) for time in piece.times.tolist()],
        "values": [float(f"{value:.4g}") for value in piece.values.tolist()],
    }


def spectra(snapshot: Snapshot) -> str:
    """Return the spectra of all faces."""
    return to_json(
        {
            "type": "spectra",
            "faces": [
                {
                    "number": face.number,
                    "firstHz": face.spectrum.first_hz,
                    "stepHz": face.spectrum.step_hz,
                    "power": [round(power, 3) for power in face.spectrum.power.tolist()],
                }
                for face in snapshot.faces
                if face.spectrum is not None
            ],
        }
    )


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
