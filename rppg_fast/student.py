"""The student network with its weights."""

from __future__ import annotations

import os
from pathlib import Path

from rppg_fast import _core
from rppg_fast.weights_file import WeightsFile

#: The weights that ship with the package; their description, ``student.md``, is beside them.
BUNDLED_WEIGHTS = Path(__file__).parent / "assets" / "student.safetensors"


class Student(WeightsFile, _core.Student):
    """The paper's student network with its weights; any number of threads may share one object.

    A call takes motion, float32 of shape (N, 3, 36, 36) as ``rppg_fast.motion`` returns it. It
    returns the predicted change of the pulse over each of the N frame steps, float32 of shape (N,),
    in standard deviations of the training label. The call runs in the caller's thread; ``threads``
    distributes it over several threads, with the same bits. A student can be copied and pickled.

    A student on a CUDA device also takes NumPy arrays, and copies them to the device and back. If
    the motion is already on the device, give ``out``: the changes are written to it, on the CUDA
    stream whose handle is ``stream``; see ``rppg_fast.cuda``. Large batches are rounded differently
    from single frames, within the same tolerance.

    Attributes
    ----------
    backend
        Name of the kernel backend that runs the network, or "cuda".
    metadata
        Metadata of the weights file: format, input, training data, config.
    source
        Name of the weights file.
    sha256
        Hash of the weights file, hexadecimal.
    """

    def __init__(self, data: bytes, source: str, backend: str = "auto") -> None:
        _core.Student.__init__(self, data, source, backend)
        self._remember(data, source, backend)

    @classmethod
    def load(cls, path: str | os.PathLike[str] = BUNDLED_WEIGHTS, backend: str = "auto") -> Student:
        """Load weights from a safetensors file; without a path, the bundled weights.

        Parameters
        ----------
        path
            A file written by ``python -m training.models.export``.
        backend
            One of ``rppg_fast.backends()``, "cuda" or "auto". "auto" is the backend that the
            environment variable ``RPPG_BACKEND`` names when it is first needed. If the variable is
            not set, it is the fastest float32 backend. "amx" computes in bf16 and is less exact:
            for a face, its output is within 2e-3 of the others. "cuda" is the current CUDA device.

        Returns
        -------
        Student
            The network, ready to be called.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it does not hold exactly the student's weights, or the backend is not available.
        """
        return cls(Path(os.fsdecode(path)).read_bytes(), os.fsdecode(path), backend)
