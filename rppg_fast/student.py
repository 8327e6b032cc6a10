"""The student network with its weights."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from rppg_fast import _core

#: The weights that ship with the package; their card lies beside them.
BUNDLED_WEIGHTS = Path(__file__).parent / "assets" / "student.safetensors"


class Student(_core.Student):
    """The paper's student network, run natively; any number of threads may share one.

    Calling it takes motion, float32 of shape (N, 3, 36, 36) as ``rppg_fast.motion`` makes it, and
    returns the predicted change of the pulse over each of the N frame steps, float32 of shape
    (N,), in standard deviations of the training label. It runs in the caller's thread, unless
    ``threads`` asks for more; the bits are the same. It can be copied and pickled.

    A student on a CUDA device takes NumPy arrays all the same, with one copy each way. Of motion
    that is on the device already it writes the changes into ``out`` and returns that; ``stream`` is
    the handle of the CUDA stream to do it on: see ``rppg_fast.cuda``. It rounds a batch otherwise
    than a few frames, within the same tolerance.

    Attributes
    ----------
    backend
        The kernels that run it, or "cuda".
    metadata
        What the weights say of themselves: format, input, training data, config.
    source
        Where the weights came from.
    sha256
        Hash of the weights file, hexadecimal.
    """

    source: str
    sha256: str

    def __init__(self, data: bytes, source: str, backend: str = "auto") -> None:
        super().__init__(data, source, backend)
        self._arguments = data, source, backend
        self.source = source
        self.sha256 = hashlib.sha256(data).hexdigest()

    def __reduce__(self) -> tuple[type[Student], tuple[bytes, str, str]]:
        return type(self), self._arguments

    @classmethod
    def load(cls, path: str | os.PathLike[str] = BUNDLED_WEIGHTS, backend: str = "auto") -> Student:
        """Load weights from a safetensors file; without a path, those that ship with the package.

        Parameters
        ----------
        path
            A file written by ``training/export.py``.
        backend
            One of ``rppg_fast.backends()``, or "auto": the one that the environment variable
            ``RPPG_BACKEND`` names when it is first needed, else the fastest in float32. "amx", in
            bf16, is less exact: within 2e-3 of the others on a face. "cuda" is the CUDA device that
            is current; nothing but its name chooses it.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is not exactly the student's weights, or the backend is not available.
        """
        return cls(Path(os.fsdecode(path)).read_bytes(), os.fsdecode(path), backend)
