from collections.abc import Iterable
from typing import TypeVar, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rppg_fast.reading import Reading

_Array = TypeVar("_Array")

__version__: str
compiler: str
"""Name and version of the compiler that built this module."""
flags: str
"""The flags it was given."""

def backends() -> list[str]:
    """Return the names of the kernel backends that this processor can run, the fastest first.

    "amx", which computes in bf16 and never runs unless asked for, comes last.
    """

def appearance(
    frame: NDArray[np.uint8],
    box: Iterable[int] | None = None,
    color: str = "bgr",
    backend: str = "auto",
) -> NDArray[np.float32]:
    """Average a box of a frame down to 36x36 pixels, exactly and without rounding to 8 bits.

    Parameters
    ----------
    frame
        uint8 of shape (height, width, 3); any strides.
    box
        x0, y0, x1, y1 in pixels, x1 and y1 exclusive; the whole frame by default.
    color
        Order of the frame's channels, "bgr" or "rgb".
    backend
        "auto", or one of ``backends()``.

    Returns
    -------
    float32 of shape (3, 36, 36): red, green and blue, values in [0, 1].

    Raises
    ------
    TypeError
        If the frame is no array or the box is not four whole numbers.
    ValueError
        If the frame has another dtype or shape, the box is empty or leaves the frame, or the
        backend is not available.
    """

def motion(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    kind: str = "normalized",
    backend: str = "auto",
) -> NDArray[np.float32]:
    """Return the motion from appearance a to the next one, b: the network's input.

    Parameters
    ----------
    a, b
        float32 of one shape, such as (3, 36, 36) or (N, 3, 36, 36), values in [0, 1].
    kind
        "normalized": ``clamp((b - a) / (a + b + 0.3), -0.2, 0.2) * 50``, which hardly minds
        exposure; "difference": ``b - a``, the paper's.
    backend
        "auto", or one of ``backends()``.

    Returns
    -------
    float32 of the same shape.

    Raises
    ------
    TypeError
        If one of them is no array.
    ValueError
        If they are not float32, differ in shape, or there is no such kind or backend.
    """

OBSERVED: int
"""How many values ``observe`` gives."""
SIGNALS: int
"""How many signals a window takes of a frame: the level of the network's pulse, then those."""
EVIDENCE: int
"""How many things are known of a candidate; in the order of ``Testimony`` in csrc/witness.hpp."""
EVIDENCE_SNR: int
EVIDENCE_HEIGHT: int
EVIDENCE_COVERAGE: int
EVIDENCE_CHROM_HEIGHT: int
EVIDENCE_POS_HEIGHT: int
"""Places of some of them: ``snr``, ``height``, and so on."""

def observe(appearance: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return what a window takes of an appearance besides the pulse, (``OBSERVED``,).

    The mean red, green and blue of its middle two thirds, in [0, 1]. Then brightness and colour,
    logarithms of green and of green over red, of 16 blocks in the middle and of the rim: what a
    reading looks at to tell a pulse from light and movement.

    Raises
    ------
    TypeError, ValueError
        If it is not a float32 array of shape (3, 36, 36).
    """

class Student:
    def __init__(self, data: bytes, source: str, backend: str = "auto") -> None: ...
    @overload
    def __call__(
        self, motion: NDArray[np.float32], threads: int = 1, *, out: None = None, stream: int = 0
    ) -> NDArray[np.float32]:
        """Return the change of the pulse over each frame step.

        Parameters
        ----------
        motion
            float32 of shape (N, 3, 36, 36): a NumPy array or, with ``out``, on the student's CUDA
            device, contiguous.
        threads
            How many the processor spreads a NumPy array over.
        out
            float32 of shape (N,) on the device.
        stream
            Handle of the CUDA stream to work on, where there is ``out``; the default stream by
            itself.

        Raises
        ------
        TypeError
            If an array is none.
        ValueError
            If an array has another dtype or shape, lies elsewhere or must not be written.
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

class TimeError(ValueError):
    """A frame's time is no finite number, or not later than that of the frame before.

    One frame that is behind is refused so; when the next one goes on from there, the clock was set
    back, and the stream starts anew.
    """

class Clock:
    """The times of a stream's frames; ``csrc/clock.hpp``."""

    def __init__(self, max_gap: float) -> None: ...
    def push(self, time: float) -> int:
        """Return what a frame at a time (s) is: 0 the first, 1 a next one, 2 after a gap, 3 a hole.

        A next one that comes after a hole follows the last one so late that what lies between the
        two is missing.
        """
    def reset(self) -> None: ...

def cuda_build() -> str:
    """Return the CUDA toolkit and the architectures of this build, or "not built"."""

def cuda_devices() -> str:
    """Return the CUDA devices and the driver, or why there are none; empty if not built."""

class FrameMotion:
    """The frames of one face, one after the other, to the motion between them, on a CUDA device.

    What ``appearance`` and ``motion`` make of a box, in one step: exact area averages of 36x36
    pixels and their normalised difference. The appearances stay on the device. For one thread and
    one stream at a time.

    Parameters
    ----------
    kind
        "normalized" or "difference", as in ``motion``.

    Raises
    ------
    ValueError
        If there is no such kind, no CUDA in this build, or no device.
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
        """Write the motion since the last frame; zeros for the first and where the box changes.

        Parameters
        ----------
        frame
            uint8 of shape (height, width, 3): on the device, with any strides, or a NumPy array,
            of which the box is copied there; one in pinned memory must stay until that is done.
        box
            x0, y0, x1, y1 in pixels, x1 and y1 exclusive.
        out
            float32 of shape (3, 36, 36) or (1, 3, 36, 36), contiguous, on the device.
        color
            Order of the frame's channels, "bgr" or "rgb".
        stream
            Handle of the CUDA stream to work on; by itself, the default stream.

        Raises
        ------
        TypeError
            If an array is none, or the box is not four whole numbers.
        ValueError
            If an array has another dtype or shape, lies elsewhere or is read-only, or the box is
            empty or leaves the frame.
        RuntimeError
            If CUDA reports an error.
        """
    def reset(self) -> None:
        """Forget the last frame."""

def green(rgb: ArrayLike) -> NDArray[np.float64]:
    """Return minus the green channel, relative to its mean; ``rppg_fast.methods.green``."""

def pos(rgb: ArrayLike, fs: float) -> NDArray[np.float64]:
    """Return the plane-orthogonal-to-skin pulse; ``rppg_fast.methods.pos``."""

def chrom(rgb: ArrayLike, filtered: ArrayLike, fs: float) -> NDArray[np.float64]:
    """Return the chrominance pulse.

    Parameters
    ----------
    rgb
        Shape (samples, 3): the mean colour, red-green-blue, in any unit, not negative.
    filtered
        The same samples in the same unit, band-passed.
    fs
        Sampling rate, Hz.

    Returns
    -------
    float64 of shape (samples,); it rises where green falls.

    Raises
    ------
    ValueError
        If a shape is wrong, the shapes differ, or the rate is not positive and at most 100 kHz.
    """

def ica(
    rgb: ArrayLike, filtered: ArrayLike, fs: float, low: float, high: float, backend: str = "auto"
) -> NDArray[np.float64]:
    """Return the independent component with the clearest peak between ``low`` and ``high`` (Hz).

    Arguments, result and errors are those of ``chrom``, and ValueError if the band does not lie
    between 0 and half the sampling rate or the backend is not available.
    """

_FoundFace = tuple[float, float, float, float, float, tuple[tuple[float, float], ...]]
"""x0, y0, x1, y1, probability and landmarks, pixels."""

class FaceNetworks:
    """MTCNN's networks, from the bytes of a safetensors file; ``source`` is what messages call it.

    Raises
    ------
    ValueError
        If they are something else; the message says what is wrong.
    """

    def __init__(self, data: bytes, source: str) -> None: ...
    def forward(
        self, name: str, frame: NDArray[np.uint8], backend: str = "auto"
    ) -> NDArray[np.float32]:
        """Return what "pnet", "rnet" or "onet" says of a BGR frame, (rows, columns, outputs).

        R-Net and O-Net are shown it resized to 24x24 and 48x48 pixels.
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
    def find(self, frame: NDArray[np.uint8]) -> list[_FoundFace]: ...
    def locate(self, frame: NDArray[np.uint8], step: int = 1) -> list[_FoundFace]: ...
    def look_again(
        self, frame: NDArray[np.uint8], box: tuple[float, float, float, float]
    ) -> tuple[_FoundFace, bool] | None:
        """Return the face, and whether the cascade has found it or O-Net alone."""
    def check(
        self, frame: NDArray[np.uint8], box: tuple[float, float, float, float]
    ) -> tuple[_FoundFace, bool] | None:
        """Do the same, the cascade first."""

def suppress(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    threshold: float,
    relative_to: str = "union",
) -> list[int]:
    """Non-maximum suppression: keep the best of the boxes that overlap too much.

    Parameters
    ----------
    boxes
        (N, 4), edges x0, y0, x1, y1.
    scores
        (N,).
    threshold
        Largest overlap that two kept boxes may have, in [0, 1].
    relative_to
        What the shared area is divided by: "union", the area of both together, or "smaller".

    Returns
    -------
    Indices of the kept boxes, highest score first.
    """

def face_box(
    face: tuple[float, float, float, float], width: int, height: int, scale: float
) -> tuple[int, int, int, int]: ...
def nearest_face(
    faces: list[tuple[float, float, float, float]], face: tuple[float, float, float, float]
) -> int: ...

_ProbableFace = tuple[float, float, float, float, float]

LOOK_INTERVAL: float
"""Time from one look at a face to the next, s."""
DEAD_ZONE: float
"""How far from its box, relative to its size, a face may move before the box sets out after it."""

class FaceTracker:
    """Decides when to look and when to search; ``csrc/face/tracker.hpp``."""

    def __init__(self, box_scale: float, most: int, follow: bool) -> None: ...
    def reset(self) -> None: ...
    def restart(self, time: float) -> None: ...
    def begin(self, width: int, height: int, time: float) -> int:
        """Return what to do: 0 nothing, 1 look at ``sought``, 2 check it, 3 search."""
    def looked(self, face: _ProbableFace | None, by_cascade: bool) -> None: ...
    def searched(self, faces: list[_ProbableFace]) -> None: ...
    def pass_over(self, name: int) -> None: ...
    @property
    def sought(self) -> _ProbableFace: ...
    @property
    def tracks(
        self,
    ) -> list[tuple[int, tuple[int, int, int, int], _ProbableFace, _ProbableFace, float, bool]]: ...
    @property
    def due(self) -> float: ...
    @property
    def search_step(self) -> int: ...

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
    """A Butterworth band-pass in second-order sections, streaming or forwards and backwards.

    Equal to ``scipy.signal.sosfilt`` with ``scipy.signal.butter(order, (low, high), "bandpass")``;
    its state carries over from call to call, so that chunks give what the whole gives.

    Parameters
    ----------
    low, high
        Band edges, Hz.
    fs
        Sampling rate, Hz.
    order
        Order of the prototype, 1 to 8; the filter has twice as many poles.

    Raises
    ------
    ValueError
        If the band does not lie between 0 and half the sampling rate, or the order is out of range.
    """

    def __init__(self, low: float, high: float, fs: float, order: int = 2) -> None: ...
    def __call__(self, samples: ArrayLike) -> NDArray[np.float64]:
        """Filter the next samples, shape (samples,), to float64 of the same shape."""
    def reset(self) -> None:
        """Return to rest."""
    def zero_phase(self, samples: ArrayLike) -> NDArray[np.float64]:
        """Filter samples forwards, then backwards, so that nothing is delayed; keeps no state.

        Equal to ``scipy.signal.sosfiltfilt``, the samples continued at both ends by their mirror
        image of one period of the lower band edge, or as much of it as there is.

        Parameters
        ----------
        samples
            Shape (samples,).

        Returns
        -------
        float64 of the same shape; 0 where there are fewer than two samples.
        """
    @property
    def sections(self) -> NDArray[np.float64]:
        """Second-order sections as SciPy has them, float64 of shape (sections, 6)."""

class Resampler:
    """Averages signals given at any times over the cells of a uniform grid.

    Between two times a signal is taken as a straight line. Cell n begins n / rate seconds after the
    first time; a pause longer than ``max_gap`` starts a new grid. One of over half a second is a
    hole: its cells come, but count as missing.

    Parameters
    ----------
    rate
        Cells per second, Hz.
    channels
        Number of signals that share their times.
    max_gap
        Longest step between two times that is bridged, s.

    Raises
    ------
    ValueError
        If one of them is not positive, or a gap holds more than a million cells.
    """

    def __init__(self, rate: float, channels: int = 1, max_gap: float = ...) -> None: ...
    def push(self, time: float, values: ArrayLike) -> tuple[int, NDArray[np.float64]]:
        """Take values of shape (channels,) at a time (s).

        Returns
        -------
        step
            0 for a first value, 1 for a next one, 2 for the first one after a gap, 3 for a next
            one after a hole: all samples that come with it are missing.
        samples
            float64 of shape (cells, channels): averages of the cells that are now complete.

        Raises
        ------
        TimeError
            If the time is not finite or not later than the last one. When the next one goes on
            from there, the clock was set back: that one is the first after a gap.
        ValueError
            If the shape is wrong.
        """
    def reset(self) -> None:
        """Forget everything."""
    @property
    def value_rate(self) -> float:
        """Values per second, Hz, by a mean that begins at infinity and forgets over some 16.

        Holes do not count.
        """

Candidate = tuple[float, float, str, bool, float, NDArray[np.float64]]
"""A peak that a reading chooses from.

Frequency (Hz), SNR (dB), the method whose peak it is, whether it is the highest of its spectrum,
confidence (0 to 1), and what is known of it, (``EVIDENCE``,).
"""

class PulseWindow:
    """The window of the last seconds, and the heart rate that it shows; ``csrc/pulse.hpp``.

    Raises
    ------
    ValueError
        If the options make no sense together, or there is no such backend.
    """

    def __init__(self, options: PulseOptions, backend: str = "auto") -> None: ...
    def restart(self, start: float, after_gap: bool) -> None:
        """Forget everything; the next sample's cell begins at ``start`` (s)."""
    def push(self, samples: ArrayLike, missing: bool = False, too_slow: bool = False) -> None:
        """Take samples of the grid.

        Parameters
        ----------
        samples
            Shape (samples, ``SIGNALS``).
        missing
            Whether no frame shows them.
        too_slow
            Whether they come from frames that are too slow for the band: as long as one of them is
            in the window, there is no reading.

        Raises
        ------
        ValueError
            If the shape is wrong.
        """
    def is_too_slow(self, frame_rate: float) -> bool:
        """Whether frames at this rate (Hz) would show the fastest heart as a slower one."""
    def read(self, time: float) -> Reading:
        """Return the reading of the window that ends with the newest sample, at a frame's time."""
    def candidates(self) -> list[Candidate]:
        """Return the peaks that a reading chooses from; none while there is too little to read."""
    def filtered(self) -> NDArray[np.float64]:
        """Return the pulse of the window, filtered forwards and backwards, 0 where it is missing.

        Oldest first, (``size``,).
        """
    def newest(self, count: int, filtered: bool = True) -> NDArray[np.float64]:
        """Return the newest samples of the live waveform, or of the pulse before the filter.

        Oldest first, (``count``,).

        Raises
        ------
        ValueError
            If the window holds fewer.
        """
    def missing(self, count: int) -> NDArray[np.bool_]:
        """Return which of the newest samples are missing, (``count``,).

        Raises
        ------
        ValueError
            If the window holds fewer.
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
        """When the grid began, s."""

class Stream:
    """One face over time; its window is told of as a ``PulseWindow`` tells of itself."""

    def __init__(self, student: Student, options: PulseOptions) -> None: ...
    def push(
        self, frame: NDArray[np.uint8], box: Iterable[int], time: float, color: str = "bgr"
    ) -> Reading: ...
    def rebox(self, frame: NDArray[np.uint8], box: Iterable[int], color: str = "bgr") -> None: ...
    def reset(self) -> None: ...
    def candidates(self) -> list[Candidate]: ...
    def filtered(self) -> NDArray[np.float64]: ...
    def newest(self, count: int, filtered: bool = True) -> NDArray[np.float64]: ...
    def missing(self, count: int) -> NDArray[np.bool_]: ...
    @property
    def signals(self) -> NDArray[np.float64]:
        """What the window took of the newest frame, (``SIGNALS``,)."""
    @property
    def size(self) -> int: ...
    @property
    def total(self) -> int: ...
    @property
    def start(self) -> float: ...

class Recording:
    """Which readings of a stream count, and what they say together; ``csrc/recording.hpp``."""

    def __init__(self, step: float, max_gap: float, min_confidence: float) -> None: ...
    def take(
        self,
        time: float,
        status: int,
        snr_db: float,
        confidence: float,
        start: float,
        end: float,
        coverage: float,
        candidate: float,
    ) -> bool:
        """Take the reading of the next frame; NaN stands for nothing. Return whether it counts."""
    def evidence(self) -> tuple[float, NDArray[np.float64]]:
        """Return the mean rate of the track, bpm, and what is known of it; NaN without one.

        In the order of ``TrackEvidence`` in ``csrc/confidence.hpp``.
        """
    def summary(self) -> tuple[int, float, float, float, float, float, int, float, float]:
        """Return status, heart rate, SNR, confidence, coverage, spread, frames, duration and rate.

        In bpm, dB, s and Hz; NaN stands for nothing.
        """

class Patience:
    """Tells when a face has had its chance; ``csrc/patience.hpp``."""

    def __init__(self, window: float) -> None: ...
    def restart(self) -> None:
        """Begin with another face."""
    def is_over(self, time: float, status: int, confidence: float) -> bool:
        """Take the reading of a frame; NaN stands for nothing.

        Return whether the face has shown no sign of a pulse for a full window.
        """

def spectrum(
    pulse: ArrayLike, fs: float, low: float = ..., high: float = ..., backend: str = "auto"
) -> tuple[float, NDArray[np.float64], bool, float, float]: ...
