"""Local stand-in, replaced at the merge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class YuvFrame:
    """A frame as its planes of luma and chroma."""

    y: NDArray[Any]
    u: NDArray[Any] | None
    v: NDArray[Any] | None
    bits: int = 8
    shift: int = 0
    full_range: bool = False
    matrix: str = "bt601"

    def turned(self, quarter_turns: int) -> YuvFrame:
        """Turn anticlockwise."""
        planes = [
            None if p is None else np.rot90(p, quarter_turns) for p in (self.y, self.u, self.v)
        ]
        return replace(self, y=planes[0], u=planes[1], v=planes[2])

    def mirrored(self) -> YuvFrame:
        """Swap left and right."""
        planes = [None if p is None else p[:, ::-1] for p in (self.y, self.u, self.v)]
        return replace(self, y=planes[0], u=planes[1], v=planes[2])

    def to_bgr(self) -> NDArray[np.uint8]:
        """Convert."""
        scale = 1.0 / 2 ** (self.shift + self.bits - 8)
        y = self.y.astype(np.float32) * scale
        kr, kb = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722)}.get(
            self.matrix, (0.2627, 0.0593)
        )
        if self.full_range:
            uv_scale = 1.0
        else:
            y, uv_scale = (y - 16) * (255 / 219), 255 / 224
        if self.u is None or self.v is None:
            rgb = np.stack([y, y, y], -1)
        else:
            fy, fx = -(-y.shape[0] // self.u.shape[0]), -(-y.shape[1] // self.u.shape[1])
            u, v = (
                (np.repeat(np.repeat(p, fy, 0), fx, 1)[: y.shape[0], : y.shape[1]] * scale - 128)
                * uv_scale
                for p in (self.u, self.v)
            )
            r, b = y + 2 * (1 - kr) * v, y + 2 * (1 - kb) * u
            g = (y - kr * r - kb * b) / (1 - kr - kb)
            rgb = np.stack([b, g, r], -1)
        return np.clip(np.round(rgb), 0, 255).astype(np.uint8)
