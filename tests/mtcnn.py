"""MTCNN's networks in PyTorch, float64, with the shipped weights."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from rppg_fast.face import ASSETS

WEIGHTS = ASSETS / "mtcnn.safetensors"
# For each network: the side of its input (0: any), and the poolings after its first layers.
NETWORKS = {"pnet": (0, [2]), "rnet": (24, [3, 3]), "onet": (48, [3, 3, 2])}


@cache
def tensors() -> dict[str, NDArray[np.float32]]:
    numpy = pytest.importorskip("safetensors.numpy")
    loaded: dict[str, NDArray[np.float32]] = numpy.load_file(WEIGHTS)
    return loaded


def torch_forward(name: str, frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return a network's output for a BGR frame, (rows, columns, outputs)."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    weights = {
        key.removeprefix(f"{name}."): torch.from_numpy(tensor).double()
        for key, tensor in tensors().items()
        if key.startswith(f"{name}.")
    }
    side, pools = NETWORKS[name]
    rgb = torch.from_numpy(frame[..., ::-1].astype(np.float64)).permute(2, 0, 1)[None]
    maps = (functional.adaptive_avg_pool2d(rgb, side) if side else rgb).sub(127.5).div(128)
    convolutions = sorted(key[:5] for key in weights if key.startswith("conv") and "weight" in key)
    for index, layer in enumerate(convolutions):
        kernel = weights[f"{layer}.weight"].permute(3, 2, 0, 1)
        maps = functional.conv2d(maps, kernel, weights[f"{layer}.bias"])
        maps = functional.prelu(maps, weights[f"{layer}.slope"])
        if index < len(pools):
            maps = functional.max_pool2d(maps, pools[index], 2, ceil_mode=True)
    pixels = maps.permute(0, 2, 3, 1)
    if side:
        pixels = pixels.reshape(1, 1, 1, -1)
        dense = next(key[:6] for key in weights if key.startswith("dense"))
        pixels = pixels @ weights[f"{dense}.weight"] + weights[f"{dense}.bias"]
        pixels = torch.where(pixels > 0, pixels, pixels * weights[f"{dense}.slope"])
    said: NDArray[np.float64] = (pixels[0] @ weights["output.weight"]).numpy()
    return np.asarray(said + weights["output.bias"].numpy())
