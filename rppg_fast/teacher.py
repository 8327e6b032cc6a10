"""The teacher network with its weights."""

from __future__ import annotations

import os
from pathlib import Path

from rppg_fast import _core
from rppg_fast.weights_file import WeightsFile

#: The weights that ship with the package; `assets/teacher.md` says what they learned from.
BUNDLED_TEACHER = Path(__file__).parent / "assets" / "teacher.safetensors"


class Teacher(WeightsFile, _core.Teacher):
    """The paper's teacher network with its weights; any number of threads may share one object.

    The teacher (CAN, DeepPhys) has two branches. It computes attention masks from the appearance of
    the face and multiplies the maps of the motion by them. It takes about eight times as long as
    the student.

    A call takes motion and appearance, float32 of shape (N, 3, 36, 36) each, as
    ``rppg_fast.motion`` and ``rppg_fast.appearance`` return them; the appearance is that of the
    earlier one of the two frames of each step. It returns the predicted change of the pulse over
    each of the N frame steps, float32 of shape (N,), in standard deviations of the training label.
    The call runs in the caller's thread; ``threads`` spreads it over more, with the same bits. A
    teacher can be copied and pickled.

    Attributes
    ----------
    backend
        Name of the kernels that run it.
    metadata
        What the weights file says: format, input, training data, config.
    source
        Name of the weights file.
    sha256
        Hash of the weights file, hexadecimal.
    """

    def __init__(self, data: bytes, source: str, backend: str = "auto") -> None:
        _core.Teacher.__init__(self, data, source, backend)
        self._remember(data, source, backend)

    @classmethod
    def load(cls, path: str | os.PathLike[str] = BUNDLED_TEACHER, backend: str = "auto") -> Teacher:
        """Load weights from a safetensors file.

        Parameters
        ----------
        path
            A file written by ``python -m training.models.export`` from a teacher's checkpoint; the
            bundled weights by default.
        backend
            One of ``rppg_fast.backends()`` or "auto". "auto" is the backend that the environment
            variable ``RPPG_BACKEND`` names when it is first needed, else the fastest one in
            float32. "amx" runs the teacher in float32, as "avx512" does.

        Returns
        -------
        Teacher
            The network, ready to be called.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it does not hold exactly the teacher's weights, or the backend is not available.
        """
        return cls(Path(os.fsdecode(path)).read_bytes(), os.fsdecode(path), backend)
