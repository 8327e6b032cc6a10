"""The C library from a language that it knows nothing of: here Python's ctypes, without NumPy.

Usage: foreign.py LIBRARY FILE WIDTH HEIGHT FPS X0 Y0 X1 Y1, of a file of raw frames (bgr24).
"""

import ctypes as c
import sys


class Frame(c.Structure):
    """rppg_frame."""

    _fields_ = [
        *(("struct_size", c.c_size_t), ("format", c.c_int32)),
        *(("width", c.c_int32), ("height", c.c_int32), ("data", c.c_char_p)),
        *(("stride", c.c_ssize_t), ("chroma", c.c_char_p), ("chroma_stride", c.c_ssize_t)),
    ]


class Reading(c.Structure):
    """rppg_reading."""

    _fields_ = [
        *(("struct_size", c.c_size_t), ("status", c.c_int32), ("heart_rate_bpm", c.c_double)),
        *(("snr_db", c.c_double), ("confidence", c.c_double), ("time_s", c.c_double)),
        *(("start_s", c.c_double), ("end_s", c.c_double)),
    ]


library = c.CDLL(sys.argv[1])
library.rppg_stream_message.restype = library.rppg_status_name.restype = c.c_char_p
width, height, *sides = (int(text) for text in [*sys.argv[3:5], *sys.argv[6:10]])
box = (c.c_int32 * 4)(*sides)
frame = Frame(c.sizeof(Frame), format=0, width=width, height=height)
reading = Reading(c.sizeof(Reading))
model, stream = c.c_void_p(), c.c_void_p()


def check(code: int) -> None:
    """Stop where a call failed."""
    if code:
        sys.exit(library.rppg_stream_message(stream).decode())


check(library.rppg_model_create_default(c.byref(model)))
check(library.rppg_stream_create(model, None, c.byref(stream)))
with open(sys.argv[2], "rb") as file:
    for index, pixels in enumerate(iter(lambda: file.read(3 * width * height), b"")):
        frame.data = pixels
        time = c.c_double(index / float(sys.argv[5]))
        references = c.byref(frame), c.byref(box), time, c.byref(reading)
        check(library.rppg_stream_push(stream, *references))
print(library.rppg_status_name(reading.status).decode(), f"{reading.heart_rate_bpm:.4f} bpm")
library.rppg_stream_free(stream)
library.rppg_model_free(model)
