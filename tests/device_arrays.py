"""Arrays that claim to be on a CUDA device."""

from __future__ import annotations

import ctypes


class Exported:
    """An object with only the interfaces of an array on a device."""

    def __init__(self, **changes: object) -> None:
        self.__cuda_array_interface__ = {
            "shape": (2, 3, 36, 36),
            "typestr": "<f4",
            "data": (0x1000, False),
            "version": 3,
            **changes,
        }


class OnlyDlpack:
    """The same with DLPack, made by hand: a float32 array with a device type."""

    class Tensor(ctypes.Structure):
        _fields_ = [
            ("data", ctypes.c_void_p),
            ("device_type", ctypes.c_int32),
            ("device_id", ctypes.c_int32),
            ("ndim", ctypes.c_int32),
            ("code", ctypes.c_uint8),
            ("bits", ctypes.c_uint8),
            ("lanes", ctypes.c_uint16),
            ("shape", ctypes.POINTER(ctypes.c_int64)),
            ("strides", ctypes.POINTER(ctypes.c_int64)),
            ("byte_offset", ctypes.c_uint64),
            ("manager", ctypes.c_void_p),
            ("deleter", ctypes.c_void_p),
        ]

    def __init__(self, shape: tuple[int, ...], device: int = 2, bits: int = 32) -> None:
        extents = (ctypes.c_int64 * len(shape))(*shape)
        self.tensor = self.Tensor(0x1000, device, 0, len(shape), 2, bits, 1, extents)
        self.asked: object = None

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.device_type, self.tensor.device_id

    def __dlpack__(self, stream: object = None) -> object:
        self.asked = stream
        make = ctypes.pythonapi.PyCapsule_New
        make.restype = ctypes.py_object
        make.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return make(ctypes.addressof(self.tensor), b"dltensor", None)
