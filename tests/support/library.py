"""Call the shared library through its C interface, as a program in any language does."""

from __future__ import annotations

import ctypes as c
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from bench.engine import ROOT

HEADER = ROOT / "csrc" / "include" / "rppg_fast.h"

OK, ARGUMENT, TIME, FILE, WEIGHTS = range(5)
BGR24, RGB24, NV12, YUYV = range(4)
FOLLOW, PAPER = range(2)


class Options(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("rate_hz", c.c_double),
        ("low_hz", c.c_double),
        ("high_hz", c.c_double),
        ("window_s", c.c_double),
        ("min_confidence", c.c_double),
        ("max_gap_s", c.c_double),
        ("order", c.c_int32),
        ("peaks", c.c_int32),
        ("backend", c.c_char_p),
        ("min_window_s", c.c_double),
        ("method", c.c_char_p),
    ]


class Frame(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("format", c.c_int32),
        ("width", c.c_int32),
        ("height", c.c_int32),
        ("data", c.c_void_p),
        ("stride", c.c_ssize_t),
        ("chroma", c.c_void_p),
        ("chroma_stride", c.c_ssize_t),
        ("chroma_v", c.c_void_p),
        ("range", c.c_int32),
        ("matrix", c.c_int32),
    ]


class Box(c.Structure):
    _fields_ = [("x0", c.c_int32), ("y0", c.c_int32), ("x1", c.c_int32), ("y1", c.c_int32)]


class Reading(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("status", c.c_int32),
        ("heart_rate_bpm", c.c_double),
        ("snr_db", c.c_double),
        ("confidence", c.c_double),
        ("time_s", c.c_double),
        ("start_s", c.c_double),
        ("end_s", c.c_double),
        ("coverage", c.c_double),
        ("candidate_bpm", c.c_double),
        ("source", c.c_char_p),
    ]

    def values(self) -> tuple[Any, ...]:
        """Return all fields except the size, with None for NaN, for comparisons."""
        *numbers, source = (getattr(self, field[0]) for field in self._fields_[1:])
        known = (None if math.isnan(x) else x for x in numbers)
        return *known, None if source is None else source.decode()


class FaceOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("min_face_px", c.c_double),
        ("box_scale", c.c_double),
        ("backend", c.c_char_p),
        ("thresholds", c.c_double * 3),
        ("pyramid_factor", c.c_double),
    ]


class MonitorOptions(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("tracking", c.c_int32),
        ("most_faces", c.c_int32),
    ]


class Face(c.Structure):
    _fields_ = [
        ("x0", c.c_double),
        ("y0", c.c_double),
        ("x1", c.c_double),
        ("y1", c.c_double),
        ("probability", c.c_double),
        ("points_x", c.c_double * 5),
        ("points_y", c.c_double * 5),
    ]


class Summary(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("status", c.c_int32),
        ("heart_rate_bpm", c.c_double),
        ("snr_db", c.c_double),
        ("confidence", c.c_double),
        ("frames", c.c_int64),
        ("duration_s", c.c_double),
        ("fps", c.c_double),
        ("coverage", c.c_double),
        ("spread_bpm", c.c_double),
        ("candidate_bpm", c.c_double),
    ]


_TYPES = {
    "int": c.c_int,
    "double": c.c_double,
    "int32_t": c.c_int32,
    "int64_t": c.c_int64,
    "size_t": c.c_size_t,
    "const char*": c.c_char_p,
    "void": None,
    "rppg_stream_options*": c.POINTER(Options),
    "rppg_frame*": c.POINTER(Frame),
    "rppg_box*": c.POINTER(Box),
    "rppg_reading*": c.POINTER(Reading),
    "rppg_summary*": c.POINTER(Summary),
    "rppg_face_options*": c.POINTER(FaceOptions),
    "rppg_monitor_options*": c.POINTER(MonitorOptions),
    "rppg_face*": c.POINTER(Face),
}


def declarations() -> list[tuple[str, str, list[str]]]:
    """Return all functions of the header: return type, name, and types of the arguments."""
    text = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
    found = []
    pattern = re.compile(r"^RPPG_API (.*?)(rppg_\w+)\((.*?)\);", re.DOTALL | re.MULTILINE)
    for result, name, inside in pattern.findall(text):
        kinds = [" ".join(argument.split()).rsplit(" ", 1)[0] for argument in inside.split(",")]
        found.append((result.strip(), name, [] if inside == "void" else kinds))
    return found


def load(path: Path) -> c.CDLL:
    """Load the library and declare the header's functions to ctypes."""
    library = c.CDLL(str(path))
    for result, name, kinds in declarations():
        function = getattr(library, name)
        function.restype = _TYPES.get(result, c.c_void_p)
        function.argtypes = [
            _TYPES.get(kind.removeprefix("const "), _argument(kind)) for kind in kinds
        ]
    return library


def _argument(kind: str) -> Any:
    return c.c_char_p if kind == "const char*" else c.c_void_p


STATUSES = tuple(rf.Status)  # in the order of rppg_status


class Library:
    """The shared library with helpers for the tests."""

    def __init__(self, path: Path) -> None:
        self.call = load(path)
        self._handles: list[tuple[str, c.c_void_p]] = []

    def make(self, kind: str, *arguments: Any, create: str = "create") -> c.c_void_p:
        """Create a handle."""
        handle, code = self.try_make(kind, *arguments, create=create)
        assert code == OK, self.message(kind, handle)
        return handle

    def try_make(
        self, kind: str, *arguments: Any, create: str = "create"
    ) -> tuple[c.c_void_p, int]:
        """Create a handle; also return the code."""
        handle = c.c_void_p()
        code = getattr(self.call, f"rppg_{kind}_{create}")(*arguments, c.byref(handle))
        self._handles.append((kind, handle))
        return handle, code

    def message(self, kind: str, handle: c.c_void_p) -> str:
        """Return a handle's message."""
        return str(getattr(self.call, f"rppg_{kind}_message")(handle).decode())

    def forget(self, handle: c.c_void_p) -> None:
        """Leave out a handle that the test has freed."""
        self._handles = [pair for pair in self._handles if pair[1] is not handle]

    def free(self, *kinds: str) -> None:
        """Free all handles of some kinds."""
        for kind, handle in self._handles:
            if kind in kinds:
                getattr(self.call, f"rppg_{kind}_free")(handle)
        self._handles = [pair for pair in self._handles if pair[0] not in kinds]


def frame_of(pixels: NDArray[np.uint8], layout: int = BGR24) -> Frame:
    """Describe packed pixels, or a view of a larger picture."""
    height, width = pixels.shape[:2]
    stride = pixels.strides[0]
    return Frame(c.sizeof(Frame), layout, width, height, pixels.ctypes.data, stride)


def new_reading() -> Reading:
    return Reading(c.sizeof(Reading))


def pointer(array: NDArray[Any]) -> int:
    return int(array.ctypes.data)


def native(reading: rf.Reading) -> tuple[Any, ...]:
    status, rate = STATUSES.index(reading.status), reading.heart_rate_bpm
    known = reading.snr_db, reading.confidence, reading.time_s, reading.start_s, reading.end_s
    return status, rate, *known, reading.coverage, reading.candidate_bpm, reading.source


def options_of(library: Library, **values: Any) -> Options:
    """Return the default options with some values changed."""
    made = Options()
    library.call.rppg_stream_options_init(made, c.sizeof(made))
    for name, value in values.items():
        setattr(made, name, value)
    return made
