"""Read the golden file: motion of a face and PyTorch's float64 results.

``training.models.export`` writes the file.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

GOLDEN = Path(__file__).parents[1] / "fixtures" / "student_golden.npz"


def golden(count: int | None = None) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Return the first ``count`` motions, (N, 3, 36, 36), or all, and all changes of the pulse."""
    with np.load(GOLDEN) as file:
        return file["motion"][:count], file["change"]
