"""Export MTCNN's three networks from facenet-pytorch's weight files to one safetensors file.

Run this once; the result ships in ``rppg_fast/assets``::

    pip download --no-deps facenet-pytorch==2.6.0
    python -m training.models.export_mtcnn facenet_pytorch-2.6.0-py3-none-any.whl

Without an argument, the weights come from the installed package. It is not imported in either case,
because it needs torchvision, and only its three weight files are used.

``csrc/face/weights.cpp`` reads the result. Tensors are called ``network.layer.part``, such as
``pnet.conv1.weight``. They have the values of facenet-pytorch's ``PNet``, ``RNet`` and ``ONet`` in
another layout:

- ``weight`` is (height, width, in, out); for a dense layer it is (in, out), with the inputs in the
  order (height, width, channel) of the preceding map;
- ``slope`` is the slope of the PReLU, (out,);
- all heads are joined to one layer ``output``. Instead of the softmax over {no face, face}, it
  gives the difference of its two logits: ``probability = sigmoid(output[0])``.

The channels of the output are:

====  ================================================================================
0     logit of "face"
1-4   shift of the box's x0, y0, x1, y1, in units of the box's width or height
5-14  O-Net only: x of the five landmarks, then y, in units of the box's width or height
====  ================================================================================
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import io
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from training.models.export import safetensors

ASSETS = Path(__file__).resolve().parents[2] / "rppg_fast" / "assets"

METADATA = {
    "format": "rppg_fast.mtcnn",
    "version": "1",
    "source": "MTCNN, weights of facenet-pytorch 2.6.0, MIT, (c) 2019 Timothy Esler",
}

Weights = dict[str, NDArray[np.float32]]


class Network(NamedTuple):
    """Names of the layers; for dense layers, also the side of the map (W, H, C) before them."""

    convolutions: int
    dense: dict[str, int]
    heads: tuple[str, ...]


NETWORKS = {
    "pnet": Network(3, {}, ("conv4_1", "conv4_2")),
    "rnet": Network(3, {"dense4": 3}, ("dense5_1", "dense5_2")),
    "onet": Network(4, {"dense5": 3}, ("dense6_1", "dense6_2", "dense6_3")),
}


def read_weights(package: Path, name: str) -> Weights:
    """Read one network's weights.

    Parameters
    ----------
    package
        facenet-pytorch's wheel, or the folder of its installed package.
    name
        "pnet", "rnet" or "onet".

    Returns
    -------
    dict
        float32 arrays by tensor name.

    Raises
    ------
    FileNotFoundError
        If ``package`` does not exist or does not contain these weights.
    """
    if package.is_dir():
        data = (package / "data" / f"{name}.pt").read_bytes()
    else:
        with zipfile.ZipFile(package) as wheel:
            member = f"facenet_pytorch/data/{name}.pt"
            if member not in wheel.namelist():
                raise FileNotFoundError(f"{package} holds no {member}")
            data = wheel.read(member)
    state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return {key: tensor.numpy() for key, tensor in state.items()}


def installed_package() -> Path:
    """Return the folder of the installed facenet-pytorch, without importing it.

    Raises
    ------
    FileNotFoundError
        If it is not installed.
    """
    spec = importlib.util.find_spec("facenet_pytorch")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("facenet-pytorch is not installed; give the path of its wheel")
    return Path(spec.origin).parent


def channels_last(weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transpose a convolution's weight (out, in, height, width) to (height, width, in, out)."""
    return np.asarray(weight.transpose(2, 3, 1, 0))


def flattened(weight: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Transpose a dense layer's weight to (in, out), with the inputs of a map in (H, W, C) order.

    facenet-pytorch flattens a map in the order (W, H, C) before a dense layer, because its weights
    were ported from networks with that order. The columns of its weights have this order, too.
    """
    columns = weight.reshape(len(weight), side, side, -1)
    return np.asarray(columns.transpose(2, 1, 3, 0).reshape(-1, len(weight)))


def head(weights: Weights, names: tuple[str, ...]) -> tuple[NDArray[np.float32], ...]:
    """Join the heads to one layer: (weight (in, out), bias); the face logit is the first output."""
    no_face, face = range(2)
    kernels, biases = [], []
    for index, name in enumerate(names):
        kernel, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
        kernel = kernel.reshape(len(kernel), -1)
        if index == 0:
            kernel, bias = kernel[[face]] - kernel[[no_face]], bias[[face]] - bias[[no_face]]
        kernels.append(kernel)
        biases.append(bias)
    return np.concatenate(kernels).T, np.concatenate(biases)


def layers(network: Network, weights: Weights) -> Weights:
    """Return one network's tensors in the shipped layout, by layer and part."""
    tensors: Weights = {}
    for index in range(1, network.convolutions + 1):
        tensors[f"conv{index}.weight"] = channels_last(weights[f"conv{index}.weight"])
        tensors[f"conv{index}.bias"] = weights[f"conv{index}.bias"]
        tensors[f"conv{index}.slope"] = weights[f"prelu{index}.weight"]
    for name, side in network.dense.items():
        tensors[f"{name}.weight"] = flattened(weights[f"{name}.weight"], side)
        tensors[f"{name}.bias"] = weights[f"{name}.bias"]
        tensors[f"{name}.slope"] = weights[f"prelu{name[-1]}.weight"]
    tensors["output.weight"], tensors["output.bias"] = head(weights, network.heads)
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


def main() -> None:
    """Write the file and print its hash."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, nargs="?", help="facenet-pytorch's wheel")
    parser.add_argument("--output", type=Path, default=ASSETS, help="folder (default: the assets)")
    args = parser.parse_args()
    package = args.package or installed_package()
    args.output.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}.{key}": tensor
        for name, network in NETWORKS.items()
        for key, tensor in layers(network, read_weights(package, name)).items()
    }
    path = args.output / "mtcnn.safetensors"
    data = safetensors({name: torch.from_numpy(one) for name, one in tensors.items()}, METADATA)
    path.write_bytes(data)
    print(f"{path.name}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
