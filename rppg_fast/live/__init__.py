"""Live measurement: a session, its page, its terminal view and its outputs.

``LiveSession`` needs nothing but the package; the page's server, ``rppg_fast.live.server``, needs
the extra ``live``.
"""

from rppg_fast.live.advice import Advice
from rppg_fast.live.session import LiveSession
from rppg_fast.live.snapshot import FaceSnapshot, FaceSpectrum, LiveFrame, Snapshot, State

__all__ = [
    "Advice",
    "FaceSnapshot",
    "FaceSpectrum",
    "LiveFrame",
    "LiveSession",
    "Snapshot",
    "State",
]
