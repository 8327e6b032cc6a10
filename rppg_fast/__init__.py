"""Heart rate from an ordinary camera looking at a face, in real time.

The short way::

    import rppg_fast as rf

    print(rf.measure("face.mp4").heart_rate_bpm)

Frame by frame::

    monitor = rf.HeartRateMonitor()
    for frame, time in frames:  # uint8 (height, width, 3) or YuvFrame, seconds
        reading = monitor.push(frame, time)
"""

from importlib import import_module
from pkgutil import extend_path
from typing import TYPE_CHECKING

# If Python runs in the repository root, this source folder hides an installed package, and it has
# no compiled module. The path is extended so that the module is found in the installed package.
__path__ = extend_path(__path__, __name__)

__all__ = [
    "MTCNN",
    "BandPass",
    "Beats",
    "Box",
    "Conditions",
    "Evaluation",
    "Face",
    "FaceDetector",
    "FacesMonitor",
    "HeartRateMonitor",
    "MeasuredFace",
    "Measurement",
    "MeasurementInterrupted",
    "Obstacle",
    "PulseSettings",
    "Reading",
    "Resampler",
    "Source",
    "Spectrum",
    "Status",
    "Step",
    "Student",
    "Teacher",
    "TimeError",
    "VideoError",
    "VideoFile",
    "VideoJob",
    "VideoResult",
    "YuvFrame",
    "__version__",
    "appearance",
    "backends",
    "beats",
    "evaluate",
    "face_box",
    "largest_face",
    "list_videos",
    "measure",
    "measure_frames",
    "measure_many",
    "motion",
    "open_source",
    "spectrum",
    "write_pulse",
]

if TYPE_CHECKING:
    from rppg_fast import cuda as cuda
    from rppg_fast._core import (
        BandPass,
        Resampler,
        Step,
        TimeError,
        __version__,
        appearance,
        backends,
        motion,
    )
    from rppg_fast.beat import Beats, beats
    from rppg_fast.conditions import Conditions, Obstacle
    from rppg_fast.evaluation.evaluation import Evaluation, evaluate
    from rppg_fast.face import MTCNN, Face, FaceDetector, face_box, largest_face
    from rppg_fast.faces import FacesMonitor
    from rppg_fast.many.inputs import VideoJob, list_videos
    from rppg_fast.many.results import VideoResult
    from rppg_fast.many.run import measure_many
    from rppg_fast.measurement import MeasurementInterrupted, measure, measure_frames
    from rppg_fast.monitor import HeartRateMonitor, MeasuredFace
    from rppg_fast.pulse import PulseSettings, Spectrum, spectrum
    from rppg_fast.pulse_files import write_pulse
    from rppg_fast.reading import Box, Measurement, Reading, Status
    from rppg_fast.sources import Source, VideoError, open_source
    from rppg_fast.student import Student
    from rppg_fast.teacher import Teacher
    from rppg_fast.video import VideoFile
    from rppg_fast.yuv import YuvFrame
else:
    # A module is loaded when a name of it is first used, because NumPy alone takes a tenth of a
    # second. Type checkers see the imports above; a test compares them with this table.
    _MODULES = {
        "_core": (
            "BandPass",
            "Resampler",
            "Step",
            "TimeError",
            "__version__",
            "appearance",
            "backends",
            "motion",
        ),
        "beat": ("Beats", "beats"),
        "conditions": ("Conditions", "Obstacle"),
        "evaluation.evaluation": ("Evaluation", "evaluate"),
        "face": ("MTCNN", "Face", "FaceDetector", "face_box", "largest_face"),
        "faces": ("FacesMonitor",),
        "many.inputs": ("VideoJob", "list_videos"),
        "many.results": ("VideoResult",),
        "many.run": ("measure_many",),
        "measurement": ("MeasurementInterrupted", "measure", "measure_frames"),
        "monitor": ("HeartRateMonitor", "MeasuredFace"),
        "pulse": ("PulseSettings", "Spectrum", "spectrum"),
        "pulse_files": ("write_pulse",),
        "reading": ("Box", "Measurement", "Reading", "Status"),
        "sources": ("Source", "VideoError", "open_source"),
        "student": ("Student",),
        "teacher": ("Teacher",),
        "video": ("VideoFile",),
        "yuv": ("YuvFrame",),
    }
    _MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

    def __getattr__(name):
        if name == "cuda":
            return import_module("rppg_fast.cuda")
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"rppg_fast.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value

    def __dir__():
        return sorted((*__all__, "cuda"))


del TYPE_CHECKING, extend_path
