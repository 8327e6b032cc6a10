"""Heart rate from an ordinary camera looking at a face, in real time.

The short way::

    import rppg_fast as rf

    print(rf.measure("face.mp4").heart_rate_bpm)

Frame by frame::

    monitor = rf.HeartRateMonitor()
    for frame, time in frames:  # uint8 (height, width, 3) or YuvFrame, seconds
        reading = monitor.push(frame, time)
"""

from pkgutil import extend_path

# If Python runs in the repository root, this source folder hides an installed package, and it has
# no compiled module. The path is extended so that the module is found in the installed package.
__path__ = extend_path(__path__, __name__)

from rppg_fast import cuda as cuda
from rppg_fast._core import (
    BandPass,
    Resampler,
    TimeError,
    __version__,
    appearance,
    backends,
    motion,
)
from rppg_fast.face import MTCNN, Face, FaceDetector, face_box, largest_face
from rppg_fast.faces import FacesMonitor
from rppg_fast.measure import MeasurementInterrupted, measure, measure_frames
from rppg_fast.monitor import HeartRateMonitor, MeasuredFace
from rppg_fast.pulse import PulseSettings, Spectrum, spectrum
from rppg_fast.reading import Box, Measurement, Reading, Status
from rppg_fast.sources import Source, VideoError, open_source
from rppg_fast.student import Student
from rppg_fast.teacher import Teacher
from rppg_fast.video import VideoFile
from rppg_fast.yuv import YuvFrame

del extend_path

__all__ = [
    "MTCNN",
    "BandPass",
    "Box",
    "Face",
    "FaceDetector",
    "FacesMonitor",
    "HeartRateMonitor",
    "MeasuredFace",
    "Measurement",
    "MeasurementInterrupted",
    "PulseSettings",
    "Reading",
    "Resampler",
    "Source",
    "Spectrum",
    "Status",
    "Student",
    "Teacher",
    "TimeError",
    "VideoError",
    "VideoFile",
    "YuvFrame",
    "__version__",
    "appearance",
    "backends",
    "face_box",
    "largest_face",
    "measure",
    "measure_frames",
    "motion",
    "open_source",
    "spectrum",
]
