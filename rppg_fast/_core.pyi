import enum
from collections.abc import Callable, Iterable
from typing import TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rppg_fast.reading import Box, Reading, Status
from rppg_fast.yuv import AnyFrame, PlaneArray

_Array = TypeVar("_Array")

__version__: str
compiler: str
"""Name and version of the compiler that built this module."""
flags: str
"""Compiler flags of this build."""

def backends() -> list[str]:
    """Return the names of the kernel backends that this processor can run.

    Returns
    -------
    list of str
        The fastest first. "amx" is last: it computes in bf16 and is used only if you ask for it.
    """

def appearance(
    frame: AnyFrame,
    box: Iterable[int] | None = None,
    color: str = "bgr",
    backend: str = "auto",
) -> NDArray[np.float32]:
    """Average a box of a frame down to 36x36 pixels, exactly and without rounding to 8 bits.

    Parameters
    ----------
    frame
        uint8 of shape (height, width, 3), or of grey (height, width); any strides; or a
        ``YuvFrame``, whose luma and chroma are averaged as they are.
    box
        Four ints x0, y0, x1, y1 in pixels, x1 and y1 exclusive; the whole frame by default.
    color
        Order of an array's channels, "bgr" or "rgb".
    backend
        "auto", or one of ``backends()``.

    Returns
    -------
    ndarray
        float32 of shape (3, 36, 36): red, green and blue, values in [0, 1].

    Raises
    ------
    TypeError
        If ``frame`` is neither an array nor a ``YuvFrame``, or the box is not four whole numbers.
    ValueError
        If the frame has another dtype or shape, the box is empty or leaves the frame, or the
        backend is not available.
    """

class Planes:
    """The form of a ``YuvFrame`` that the engine reads, with the same arguments; it checks them."""

    def __init__(
        self,
        y: PlaneArray,
        u: PlaneArray | None,
        v: PlaneArray | None,
        bits: int,
        shift: int,
        full_range: bool,
        matrix: str,
        phase: tuple[int, int],
    ) -> None: ...
    def turned_phase(self, quarter_turns: int, mirrored: bool = False) -> tuple[int, int]:
        """Return the ``phase`` of the frame turned counter-clockwise, and then mirrored."""

def to_bgr(frame: AnyFrame, color: str = "bgr") -> NDArray[np.uint8]:
    """Return a frame as uint8 (height, width, 3), blue-green-red; chroma is repeated.

    ``color`` is the order of an array's channels. Errors are those of ``appearance``.
    """

def motion(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    kind: str = "normalized",
    backend: str = "auto",
) -> NDArray[np.float32]:
    """Return the motion from appearance ``a`` to the next one, ``b``: the network's input.

    Parameters
    ----------
    a, b
        float32 of one shape, such as (3, 36, 36) or (N, 3, 36, 36), values in [0, 1].
    kind
        "normalized": ``clamp((b - a) / (a + b + 0.3), -0.2, 0.2) * 50``, which hardly depends on
        the exposure. "difference": ``b - a``, as in the paper.
    backend
        "auto", or one of ``backends()``.

    Returns
    -------
    ndarray
        float32 of the same shape.

    Raises
    ------
    TypeError
        If ``a`` or ``b`` is not an array.
    ValueError
        If they are not float32, if their shapes differ, or if there is no such kind or backend.
    """

OBSERVED: int
"""Number of values that ``observe`` returns."""
SIGNALS: int
"""Number of signals of a frame in a window: the sum of the network's outputs, then ``observe``."""
PEAK_FEATURES: int
"""Number of features of a candidate: ``PeakFeatures`` in csrc/reading/region_signals.hpp."""
PEAK_SNR: int
PEAK_HEIGHT: int
PEAK_COVERAGE: int
PEAK_CHROM_HEIGHT: int
PEAK_POS_HEIGHT: int
PEAK_TEMPORAL_SNR: int
"""Index of the feature of that name."""

def observe(appearance: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the region signals of an appearance; they separate a pulse from light and movement.

    Parameters
    ----------
    appearance
        float32 of shape (3, 36, 36), as the function ``appearance`` returns it.

    Returns
    -------
    ndarray
        float64 of shape (``OBSERVED``,). First the mean red, green and blue of the middle two
        thirds, in [0, 1]. Then brightness (the logarithm of green) and color (the logarithm of
        green over red) of 16 blocks in the middle and of the rim.

    Raises
    ------
    TypeError, ValueError
        If ``appearance`` is not a float32 array of shape (3, 36, 36).
    """

class Network:
    """The base class of ``Student`` and ``Teacher``."""

class Student(Network):
    def __init__(self, data: bytes, source: str, backend: str = "auto") -> None: ...
    @overload
    def __call__(
        self, motion: NDArray[np.float32], threads: int = 1, *, out: None = None, stream: int = 0
    ) -> NDArray[np.float32]:
        """Return the change of the pulse over each frame step.

        Parameters
        ----------
        motion
            float32 of shape (N, 3, 36, 36): a NumPy array or, if ``out`` is given, a contiguous
            array on the student's CUDA device.
        threads
            Number of processor threads that share a NumPy array.
        out
            float32 of shape (N,) on the device.
        stream
            Handle of the CUDA stream that does the work, if ``out`` is given; the default stream if
            not given.

        Returns
        -------
        ndarray
            float32 of shape (N,), in standard deviations of the training label; ``out`` if it was
            given.

        Raises
        ------
        TypeError
            If an argument is not an array.
        ValueError
            If an array has another dtype or shape, is not on the device, or is read-only.
        RuntimeError
            If CUDA reports an error.
        """
    @overload
    def __call__(
        self, motion: object, threads: int = 1, *, out: _Array, stream: int = 0
    ) -> _Array: ...
    @property
    def backend(self) -> str: ...
    @property
    def metadata(self) -> dict[str, str]: ...

class Teacher(Network):
    def __init__(self, data: bytes, source: str, backend: str = "auto") -> None: ...
    def __call__(
        self, motion: NDArray[np.float32], appearance: NDArray[np.float32], threads: int = 1
    ) -> NDArray[np.float32]:
        """Return the change of the pulse over each frame step.

        Parameters
        ----------
        motion
            float32 of shape (N, 3, 36, 36), as ``rppg_fast.motion`` returns it.
        appearance
            float32 of shape (N, 3, 36, 36), red, green and blue from 0 to 1: the earlier frame of
            each step, as ``rppg_fast.appearance`` returns it.
        threads
            Number of processor threads that share the steps.

        Returns
        -------
        ndarray
            float32 of shape (N,), in standard deviations of the training label.

        Raises
        ------
        TypeError
            If an argument is not a NumPy array.
        ValueError
            If an array has another dtype or shape, or ``threads`` is less than 1.
        """
    @property
    def backend(self) -> str: ...
    @property
    def metadata(self) -> dict[str, str]: ...

class TimeError(ValueError):
    """The time of a frame is not finite, or not later than the time of the frame before.

    Skip the frame and continue. If the next frame's time continues from the refused time, the clock
    was set back, and the stream starts a new window with that frame.
    """

class Step(enum.IntEnum):
    """What the time of a frame or of values means for a stream.

    Attributes
    ----------
    FIRST
        The first one.
    NEXT
        It continues the stream.
    GAP
        The first one after a gap: the stream starts again.
    HOLE
        It continues the stream, but the samples between it and the one before are missing.
    """

    FIRST = 0
    NEXT = 1
    GAP = 2
    HOLE = 3

class Clock:
    """Checks and classifies the times of a stream's frames; see ``csrc/signal/clock.hpp``."""

    def __init__(self, max_gap: float) -> None: ...
    def push(self, time: float) -> Step:
        """Take the time of the next frame, s.

        Raises
        ------
        TimeError
            If the time is not finite or not later than the last one.
        """
    def reset(self) -> None: ...

def cuda_build() -> str:
    """Return the CUDA toolkit and the GPU architectures of this build, or "not built"."""

def cuda_devices() -> str:
    """Return the names of the CUDA devices and the driver, or the reason why there are none.

    The text is empty if the build has no CUDA.
    """

class FrameMotion:
    """Turns the frames of one face into the motion between them, on a CUDA device.

    It does what ``appearance`` and ``motion`` do, in one step: exact area averages of 36x36 pixels
    and their difference. The appearances stay on the device. An object belongs to one thread and
    one CUDA stream at a time.

    Parameters
    ----------
    kind
        "normalized" or "difference", as in ``motion``.

    Raises
    ------
    ValueError
        If there is no such kind, if the build has no CUDA, or if there is no device.
    """

    def __init__(self, kind: str = "normalized") -> None: ...
    def push(
        self,
        frame: object,
        box: Iterable[int],
        out: object,
        color: str = "bgr",
        stream: int = 0,
    ) -> None:
        """Write the motion since the last frame into ``out``.

        The motion is zero for the first frame and where the box has changed.

        Parameters
        ----------
        frame
            uint8 of shape (height, width, 3): an array on the device, with any strides, or a NumPy
            array, whose box is copied to the device. An array in pinned memory must not change
            until the copy is done.
        box
            Four ints x0, y0, x1, y1 in pixels, x1 and y1 exclusive.
        out
            float32 of shape (3, 36, 36) or (1, 3, 36, 36), contiguous, on the device.
        color
            Order of the frame's channels, "bgr" or "rgb".
        stream
            Handle of the CUDA stream to work on; the default stream if not given.

        Raises
        ------
        TypeError
            If an argument is not an array, if the frame is a ``YuvFrame`` (give its ``to_bgr()``),
            or if the box is not four whole numbers.
        ValueError
            If an array has another dtype or shape, is not on the device or is read-only, or if the
            box is empty or leaves the frame.
        RuntimeError
            If CUDA reports an error.
        """
    def reset(self) -> None:
        """Forget the last frame."""

def green(rgb: ArrayLike) -> NDArray[np.float64]:
    """Return minus the green channel, divided by its mean; see ``rppg_fast.methods.green``."""

def pos(rgb: ArrayLike, fs: float) -> NDArray[np.float64]:
    """Return the plane-orthogonal-to-skin pulse; see ``rppg_fast.methods.pos``."""

def chrom(rgb: ArrayLike, filtered: ArrayLike, fs: float) -> NDArray[np.float64]:
    """Return the chrominance pulse.

    Parameters
    ----------
    rgb
        Shape (samples, 3): the mean color of the face, red, green, blue, in any unit, at least 0.
    filtered
        The same samples in the same unit, band-passed.
    fs
        Sampling rate, Hz.

    Returns
    -------
    ndarray
        float64 of shape (samples,). It rises where green falls.

    Raises
    ------
    ValueError
        If a shape is wrong, if the shapes differ, or if the rate is not positive and at most
        100 kHz.
    """

def ica(
    rgb: ArrayLike, filtered: ArrayLike, fs: float, low: float, high: float, backend: str = "auto"
) -> NDArray[np.float64]:
    """Return the independent component with the clearest peak between ``low`` and ``high`` (Hz).

    Arguments, result and errors are those of ``chrom``. It also raises ValueError if the band does
    not lie between 0 and half the sampling rate, or if the backend is not available.
    """

_FoundFace = tuple[float, float, float, float, float, tuple[tuple[float, float], ...], int]
"""Edges x0, y0, x1, y1, probability, landmarks (pixels) and clockwise angle (degrees)."""

class FaceNetworks:
    """MTCNN's networks, from the bytes of a safetensors file.

    Parameters
    ----------
    data
        The bytes of the file.
    source
        Name of the file in error messages.

    Raises
    ------
    ValueError
        If the bytes are not MTCNN's networks; the message says what is wrong.
    """

    def __init__(self, data: bytes, source: str) -> None: ...
    def forward(self, name: str, frame: AnyFrame, backend: str = "auto") -> NDArray[np.float32]:
        """Return the output of "pnet", "rnet" or "onet" for a frame, blue-green-red.

        The frame is resized to 24x24 pixels for R-Net and to 48x48 pixels for O-Net.

        Returns
        -------
        ndarray
            float32 of shape (rows, columns, outputs).
        """

class FaceDetector:
    def __init__(
        self,
        networks: FaceNetworks,
        min_face_size: float = ...,
        thresholds: tuple[float, float, float] = ...,
        factor: float = ...,
        backend: str = "auto",
    ) -> None: ...
    def find(self, frame: AnyFrame) -> list[_FoundFace]: ...
    def locate(self, frame: AnyFrame, step: int = 1, turned: int = 0) -> list[_FoundFace]: ...
    def redetect(
        self, frame: AnyFrame, box: tuple[float, float, float, float], turned: int = 0
    ) -> tuple[_FoundFace, bool] | None:
        """Return the face near a box, and whether the cascade found it (False: O-Net alone)."""
    def check(
        self, frame: AnyFrame, box: tuple[float, float, float, float], turned: int = 0
    ) -> tuple[_FoundFace, bool] | None:
        """Do the same as ``redetect``, but apply the whole cascade first."""
    def compare(
        self, frame: AnyFrame, box: tuple[float, float, float, float], turned: int = 0
    ) -> _FoundFace | None:
        """Return the face near a box that the cascade finds, turned clockwise by ``turned``."""

def non_max_suppression(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    threshold: float,
    relative_to: str = "union",
) -> list[int]:
    """Keep the best of the boxes that overlap too much (non-maximum suppression).

    Parameters
    ----------
    boxes
        (N, 4), edges x0, y0, x1, y1.
    scores
        (N,).
    threshold
        Largest overlap that two kept boxes may have, in [0, 1].
    relative_to
        What the shared area is divided by: "union", the area of the union of both boxes, or
        "smaller", the area of the smaller box.

    Returns
    -------
    list of int
        Indices of the kept boxes, highest score first.

    Raises
    ------
    ValueError
        If a shape is wrong or ``relative_to`` is something else.
    """

def face_box(
    face: tuple[float, float, float, float], width: int, height: int, scale: float
) -> tuple[int, int, int, int]: ...
def nearest_face(
    faces: list[tuple[float, float, float, float]], face: tuple[float, float, float, float]
) -> int: ...

# Edges, probability, and clockwise angle, degrees.
_ProbableFace = tuple[tuple[float, float, float, float], float, int]
# Without landmarks.
_TrackedFace = tuple[float, float, float, float, float, tuple[()], int]

LOOK_INTERVAL: float
"""Time from one look at a face to the next, s."""
DEAD_ZONE: float
"""How far a face may move, relative to its size, before the box follows it."""

class Detector:
    """A detector that a tracker or a monitor asks; ``csrc/face/detector.hpp``."""

class MtcnnDetector(Detector):
    def __init__(self, make: Callable[[], FaceDetector]) -> None:
        """Take a function that makes the detector when it is first needed."""

class PythonDetector(Detector):
    def __init__(self, find: Callable[[AnyFrame], list[_ProbableFace]]) -> None:
        """Take a function that maps a frame to its faces."""

class FaceTracker:
    """Decides when a detector looks at a frame, and moves the boxes; ``csrc/face/tracker.hpp``."""

    class Task(enum.Enum):
        """What to do with a frame."""

        NONE = 0
        REDETECT = 1
        CHECK = 2
        SEARCH = 3
        COMPARE = 4

    def __init__(self, box_scale: float, most: int, follow: bool, by_rotation: bool) -> None: ...
    def reset(self) -> None: ...
    def restart(self, time: float) -> None: ...
    def update(self, detector: Detector, frame: AnyFrame, time: float) -> None:
        """Carry out the next task for a frame, blue-green-red."""
    def next_task(self, width: int, height: int, time: float) -> Task:
        """Return what to do with the next frame."""
    def update_target(self, face: _ProbableFace | None, by_cascade: bool) -> None: ...
    def update_comparison(self, face: _ProbableFace | None) -> None: ...
    def update_detections(self, faces: list[_ProbableFace]) -> None: ...
    def pass_over(self, id: int) -> None: ...
    @property
    def target(self) -> _TrackedFace: ...
    @property
    def tracks(
        self,
    ) -> list[tuple[int, tuple[int, int, int, int], _TrackedFace, _TrackedFace, float, bool]]:
        """Number, box, anchor, face, time when it was seen (s), and whether the box moves."""
    @property
    def due(self) -> float: ...
    @property
    def search_step(self) -> int: ...
    @property
    def search_turned(self) -> int: ...

BOX_SCALE: float
"""Side of the measured box over the side of the face."""
PAPER_BOX_SCALE: float
"""The same in the paper."""

class Monitor:
    """Finds, follows and measures one face or several; ``csrc/monitor/monitor.hpp``.

    ``face`` is the number of one of several faces; None for the one face.
    """

    def __init__(
        self,
        network: Network,
        pulse: PulseOptions,
        detector: Detector,
        *,
        box_scale: float,
        follow: bool = True,
        several: bool = False,
        most: int = 1,
        color: str = "bgr",
    ) -> None: ...
    @staticmethod
    def of_box(
        network: Network, pulse: PulseOptions, box: Iterable[int], color: str = "bgr"
    ) -> Monitor:
        """Return a monitor of a fixed box."""
    def push(self, frame: AnyFrame, time: float) -> Reading:
        """Return the reading of the one face."""
    def push_all(self, frame: AnyFrame, time: float) -> dict[int, Reading]:
        """Return the readings of the faces that are there, by number."""
    def rebox(self, frame: AnyFrame, box: Iterable[int], turned: int = 0) -> None: ...
    def reset(self) -> None: ...
    def box(self, face: int | None = None) -> Box | None: ...
    def turned(self, face: int | None = None) -> int: ...
    def has_window(self, face: int) -> bool:
        """Whether a face is there or was there a moment ago."""
    def samples(
        self, since: int = 0, filtered: bool = True, face: int | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_], int] | None:
        """Return times (s), values, which are missing, and the index of the next sample.

        None if the face has no window.
        """
    def record(self, recording: Recording, face: int | None = None) -> bool:
        """Add what was measured of the newest frame; return whether its reading counts."""
    @property
    def faces(self) -> list[int]:
        """Numbers of the faces that are there."""
    @property
    def face(self) -> int:
        """Number of the one face; 0 before it was found."""
    @property
    def time(self) -> float:
        """Time of the newest frame, s; minus infinity before the first one."""
    @property
    def signals(self) -> NDArray[np.float64]:
        """Signals of the newest frame with the one face, float64 of shape (``SIGNALS``,)."""

class PulseOptions:
    def __init__(
        self,
        *,
        rate: float = ...,
        low: float = ...,
        high: float = ...,
        order: int = ...,
        window: float = ...,
        min_window: float = ...,
        min_confidence: float = ...,
        peaks: int = ...,
        max_gap: float = ...,
        method: str = ...,
    ) -> None: ...
    @property
    def rate(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def order(self) -> int: ...
    @property
    def window(self) -> float: ...
    @property
    def min_confidence(self) -> float: ...
    @property
    def peaks(self) -> int: ...
    @property
    def max_gap(self) -> float: ...
    @property
    def min_window(self) -> float: ...
    @property
    def method(self) -> str: ...

class BandPass:
    """A Butterworth band-pass filter in second-order sections.

    A call filters the next samples of a stream. The state is kept between calls, so that a signal
    in pieces gives the same result as the whole signal. The result equals ``scipy.signal.sosfilt``
    with ``scipy.signal.butter(order, (low, high), "bandpass")``.

    Parameters
    ----------
    low, high
        Band edges, Hz.
    fs
        Sampling rate, Hz.
    order
        Order of the Butterworth prototype, 1 to 8. The filter has twice as many poles.

    Raises
    ------
    ValueError
        If the band does not lie between 0 and half the sampling rate, or the order is out of range.
    """

    def __init__(self, low: float, high: float, fs: float, order: int = 2) -> None: ...
    def __call__(self, samples: ArrayLike) -> NDArray[np.float64]:
        """Filter the next samples of the stream.

        Parameters
        ----------
        samples
            Real numbers, shape (samples,).

        Returns
        -------
        ndarray
            float64 of shape (samples,).

        Raises
        ------
        TypeError
            If the samples are not real numbers.
        ValueError
            If they do not have one dimension.
        """
    def reset(self) -> None:
        """Forget all samples."""
    def zero_phase(self, samples: ArrayLike) -> NDArray[np.float64]:
        """Filter samples forwards and then backwards, so that there is no delay.

        The state of the stream is neither used nor changed. The result equals
        ``scipy.signal.sosfiltfilt`` with ``padtype="even"``: the samples are extended at both ends
        by their mirror image, for one period of the lower band edge, or as far as they reach.

        Parameters
        ----------
        samples
            Real numbers, shape (samples,).

        Returns
        -------
        ndarray
            float64 of the same shape; zeros if there are fewer than two samples.

        Raises
        ------
        TypeError
            If the samples are not real numbers.
        ValueError
            If they do not have one dimension.
        """
    @property
    def sections(self) -> NDArray[np.float64]:
        """Second-order sections in SciPy's layout, float64 of shape (sections, 6)."""

class Resampler:
    """Resamples signals with irregular times to a uniform grid.

    Between two times, a signal is a straight line; a sample of the grid is the mean of this line
    over a cell. Cell n begins n / ``rate`` seconds after the first time. A pause longer than
    ``max_gap`` starts a new grid. A shorter pause of more than half a second is a hole: its samples
    are returned, but they count as missing.

    Parameters
    ----------
    rate
        Cells per second, Hz.
    channels
        Number of signals that share their times.
    max_gap
        Longest pause between two times that does not start a new grid, s.

    Raises
    ------
    ValueError
        If an argument is not positive, or if a gap holds more than a million samples.
    """

    def __init__(self, rate: float, channels: int = 1, max_gap: float = ...) -> None: ...
    def push(self, time: float, values: ArrayLike) -> tuple[Step, NDArray[np.float64]]:
        """Add the next values of the signals.

        Parameters
        ----------
        time
            Time of the values, s.
        values
            Real numbers, shape (channels,).

        Returns
        -------
        step : Step
            What the time means. After a hole, all samples returned with the values are missing.
        samples : ndarray
            float64 of shape (cells, channels): the samples of the grid that became complete.

        Raises
        ------
        TimeError
            If the time is not finite or not later than the last one. If the next time continues
            from the refused one, the clock was set back, and a new grid starts.
        ValueError
            If the shape is wrong.
        """
    def reset(self) -> None:
        """Forget all values."""
    @property
    def value_rate(self) -> float:
        """Recent mean rate of the values, Hz; infinity at first.

        A running mean over about 16 steps. Holes do not count.
        """

Candidate = tuple[float, float, str, bool, float, NDArray[np.float64]]
"""A spectral peak that a reading may choose.

Frequency (Hz), SNR (dB), the method whose spectrum has the peak, whether it is the highest peak of
that spectrum, confidence (0 to 1), and its features, float64 of shape (``PEAK_FEATURES``,).
"""

def temporal_pulse(
    cells: ArrayLike, weights: ArrayLike | None = None, backend: str = "auto"
) -> NDArray[np.float64]:
    """Run the temporal network of ``csrc/reading/temporal.hpp``.

    Parameters
    ----------
    cells
        Band-passed signals, 10 cells a second, shape (cells, ``SIGNALS``).
    weights
        Those of ``training.train.temporal``, in the place of those of this build.
    backend
        The kernels.

    Returns
    -------
    ndarray
        float64 of shape (cells,), the pulse in units of its own.
    """

class PulseWindow:
    """The window of the last seconds, and the heart rate in it; see ``csrc/reading/window.hpp``.

    Parameters
    ----------
    options
        Its settings.
    backend
        One of ``backends()``.
    temporal
        Weights of the temporal network, in the place of those of this build.

    Raises
    ------
    ValueError
        If the options contradict each other, or there is no such backend.
    """

    def __init__(
        self, options: PulseOptions, backend: str = "auto", temporal: ArrayLike | None = None
    ) -> None: ...
    @property
    def temporal_pulse(self) -> NDArray[np.float64]:
        """The temporal network's pulse, band-passed, of the cells that it saw last."""
    def restart(self, start: float, after_gap: bool) -> None:
        """Forget all samples; the cell of the next sample begins at ``start`` (s)."""
    def push(self, samples: ArrayLike, missing: bool = False, too_slow: bool = False) -> None:
        """Add samples of the grid.

        Parameters
        ----------
        samples
            Shape (samples, ``SIGNALS``).
        missing
            Whether the samples lie in a hole, where there is no frame.
        too_slow
            Whether the frame rate is too low for the band. There is no reading while one such
            sample is in the window.

        Raises
        ------
        ValueError
            If the shape is wrong.
        """
    def is_too_slow(self, frame_rate: float) -> bool:
        """Whether this frame rate (Hz) is too low for the band: less than twice ``high``."""
    def read(self, time: float) -> Reading:
        """Return the reading of the window that ends with the newest sample.

        ``time`` is the time of the newest frame, s.
        """
    def candidates(self) -> list[Candidate]:
        """Return the peaks that a reading may choose; empty if the window holds too few samples."""
    def filtered(self) -> NDArray[np.float64]:
        """Return the pulse of the window, filtered forwards and backwards.

        Returns
        -------
        ndarray
            float64 of shape (``size``,), oldest first; 0 where samples are missing.
        """
    def newest(self, count: int, filtered: bool = True) -> NDArray[np.float64]:
        """Return the newest samples of the live waveform, or of the pulse before the filter.

        Returns
        -------
        ndarray
            float64 of shape (``count``,), oldest first.

        Raises
        ------
        ValueError
            If the window holds fewer samples.
        """
    def missing(self, count: int) -> NDArray[np.bool_]:
        """Return which of the newest samples are missing.

        Returns
        -------
        ndarray
            bool of shape (``count``,), oldest first.

        Raises
        ------
        ValueError
            If the window holds fewer samples.
        """
    @property
    def capacity(self) -> int:
        """Samples in a full window."""
    @property
    def size(self) -> int:
        """Samples in the window."""
    @property
    def total(self) -> int:
        """Samples since the last restart."""
    @property
    def start(self) -> float:
        """Time at which the grid began, s."""

class Stream:
    """One face over time. The methods that ``PulseWindow`` has, too, are those of its window."""

    def __init__(self, network: Network, options: PulseOptions) -> None: ...
    def push(
        self,
        frame: AnyFrame,
        box: Iterable[int],
        time: float,
        color: str = "bgr",
        turned: int = 0,
    ) -> Reading: ...
    def rebox(
        self, frame: AnyFrame, box: Iterable[int], color: str = "bgr", turned: int = 0
    ) -> None: ...
    def reset(self) -> None: ...
    def candidates(self) -> list[Candidate]: ...
    def filtered(self) -> NDArray[np.float64]: ...
    def newest(self, count: int, filtered: bool = True) -> NDArray[np.float64]: ...
    def missing(self, count: int) -> NDArray[np.bool_]: ...
    @property
    def signals(self) -> NDArray[np.float64]:
        """Signals of the newest frame, float64 of shape (``SIGNALS``,)."""
    @property
    def size(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def start(self) -> float: ...

class RecordingSummary:
    """Chooses the readings of a stream that count, and their heart rate.

    See ``csrc/reading/summary.hpp``.
    """

    def __init__(self, step: float, max_gap: float, min_confidence: float) -> None: ...
    def push(
        self,
        time: float,
        status: Status,
        snr_db: float,
        confidence: float,
        start: float,
        end: float,
        coverage: float,
        candidate: float,
    ) -> bool:
        """Add the reading of the next frame; NaN stands for None. Return whether it counts."""
    def evidence(self) -> tuple[float, NDArray[np.float64]]:
        """Return the mean rate of the track (bpm) and its features; NaN if there is no track.

        The order is that of ``TrackEvidence`` in ``csrc/reading/confidence.hpp``.
        """
    def summary(self) -> tuple[Status, float, float, float, float, float, int, float, float, float]:
        """Return the items of ``Summary`` in ``csrc/reading/summary.hpp``, in its order.

        Units are bpm, dB, s and Hz; NaN stands for None.
        """

class Recording:
    """One face in a whole recording; see ``csrc/monitor/recording.hpp``.

    ``Monitor.record`` adds to it.
    """

    def __init__(self, step: float, max_gap: float, min_confidence: float) -> None: ...
    def summary(self) -> tuple[Status, float, float, float, float, float, int, float, float, float]:
        """Return what ``RecordingSummary.summary`` returns."""
    def samples(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
        """Return the pulse before the filter: times (s), values, and which are missing."""
    @property
    def box(self) -> Box | None:
        """The pixels that were measured in the last frame with the face."""
    @property
    def turned(self) -> int:
        """How far the face was turned clockwise in that frame, degrees."""

class Patience:
    """Decides when a face without a pulse must make room; see ``csrc/reading/patience.hpp``."""

    def __init__(self, window: float) -> None: ...
    def restart(self) -> None:
        """Start again with another face."""
    def is_over(self, time: float, status: Status, confidence: float) -> bool:
        """Add the reading of a frame; NaN stands for None.

        Return whether the face has shown no sign of a pulse for a full window.
        """

def elementary_function(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Compute ``sin``, ``cos``, ``exp``, ``log`` or ``log10`` as the engine does.

    The results are the same bits on every platform (``csrc/signal/elementary.hpp``).

    Parameters
    ----------
    name
        Name of the function.
    values
        Shape (count,).

    Raises
    ------
    ValueError
        If there is no such function.
    """

def spectrum(
    pulse: ArrayLike, fs: float, low: float = ..., high: float = ..., backend: str = "auto"
) -> tuple[float, NDArray[np.float64], bool, float, float]: ...
