"""Export MTCNN's three networks from facenet-pytorch's weight files to ONNX.

Run once; the result is shipped in ``rppg_fast/assets``::

    pip download --no-deps facenet-pytorch==2.6.0
    python training/export_mtcnn.py facenet_pytorch-2.6.0-py3-none-any.whl

Without an argument the weights come from the installed package; neither way imports it, because
it needs torchvision and we need three weight files.

The networks compute what facenet-pytorch's ``PNet``, ``RNet`` and ``ONet`` compute, written so
that every OpenCV reads them:

- a dense layer is a convolution as large as the map before it, so that nothing is flattened and
  the batch stays the batch;
- "ceil mode" pooling is one row and column of padding at the far end, which is the same for the
  sizes and strides used here;
- all heads are one convolution and one output, and the softmax over {no face, face} is left to
  the caller as the difference of its two logits: ``probability = sigmoid(output[:, 0])``.

Each maps ``image`` (N, 3, H, W), RGB in [-1, 1], to ``output`` (N, C, H', W') with the channels

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

ASSETS = Path(__file__).resolve().parents[1] / "rppg_fast" / "assets"

# Read by every OpenCV that is tested; the operators used have not changed since.
OPSET = 11
IR_VERSION = 6

Weights = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Conv:
    """A convolution, followed by a PReLU where ``prelu`` names one.

    ``map_size`` is the side of the (W, H, C)-flattened map that a dense layer takes; 0 for a layer
    that is a convolution already.
    """

    name: str
    prelu: str
    map_size: int = 0


@dataclass(frozen=True)
class Pool:
    """Max pooling with stride 2 that also counts an incomplete last window."""

    size: int


@dataclass(frozen=True)
class Network:
    """The layers in order; ``heads`` are [class logits, box, landmarks], computed by one layer."""

    layers: tuple[Conv | Pool, ...]
    heads: tuple[str, ...]


NETWORKS = {
    "pnet": Network(
        (Conv("conv1", "prelu1"), Pool(2), Conv("conv2", "prelu2"), Conv("conv3", "prelu3")),
        ("conv4_1", "conv4_2"),
    ),
    "rnet": Network(
        (
            *(Conv("conv1", "prelu1"), Pool(3)),
            *(Conv("conv2", "prelu2"), Pool(3)),
            Conv("conv3", "prelu3"),
            Conv("dense4", "prelu4", map_size=3),
        ),
        ("dense5_1", "dense5_2"),
    ),
    "onet": Network(
        (
            *(Conv("conv1", "prelu1"), Pool(3)),
            *(Conv("conv2", "prelu2"), Pool(3)),
            *(Conv("conv3", "prelu3"), Pool(2)),
            Conv("conv4", "prelu4"),
            Conv("dense5", "prelu5", map_size=3),
        ),
        ("dense6_1", "dense6_2", "dense6_3"),
    ),
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
        Tensor name to float32 array.

    Raises
    ------
    FileNotFoundError
        If ``package`` does not exist or holds no such weights.
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


def as_convolution(weight: NDArray[np.float32], map_size: int) -> NDArray[np.float32]:
    """Write a layer's weight as a convolution kernel (out, C, H, W).

    facenet-pytorch flattens a map as (W, H, C) before a dense layer (its weights were ported from
    networks with that order), so that is how the columns of a dense weight are laid out.
    """
    if map_size == 0:
        return weight
    columns = weight.reshape(len(weight), map_size, map_size, -1)
    return np.ascontiguousarray(columns.transpose(0, 3, 2, 1))


def head(weights: Weights, names: tuple[str, ...]) -> tuple[NDArray[np.float32], ...]:
    """Join the heads into one 1x1 convolution: (kernel, bias), the face's logit first."""
    no_face, face = range(2)
    kernels, biases = [], []
    for index, name in enumerate(names):
        kernel = weights[f"{name}.weight"]
        kernel, bias = kernel.reshape(len(kernel), -1, 1, 1), weights[f"{name}.bias"]
        if index == 0:
            kernel, bias = kernel[[face]] - kernel[[no_face]], bias[[face]] - bias[[no_face]]
        kernels.append(kernel)
        biases.append(bias)
    return np.concatenate(kernels), np.concatenate(biases)


def build(network: Network, weights: Weights, name: str) -> onnx.ModelProto:
    """Build one network's ONNX model.

    Parameters
    ----------
    network, weights
        The layers, and facenet-pytorch's weights for them.
    name
        The name of the graph.

    Returns
    -------
    onnx.ModelProto
        A checked model; equal arguments give equal bytes.
    """
    nodes: list[onnx.NodeProto] = []
    tensors: list[onnx.TensorProto] = []
    last = "image"

    def add(operator: str, output: str, *constants: NDArray[np.float32], **attributes: Any) -> None:
        nonlocal last
        names = [f"{output}.{part}" for part in ("weight", "bias")[: len(constants)]]
        tensors.extend(
            numpy_helper.from_array(constant, key) for key, constant in zip(names, constants)
        )
        nodes.append(
            helper.make_node(operator, [last, *names], [output], name=output, **attributes)
        )
        last = output

    def add_conv(output: str, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        add("Conv", output, kernel, bias, kernel_shape=list(kernel.shape[2:]))

    pools = 0
    for layer in network.layers:
        if isinstance(layer, Pool):
            pools += 1
            size = [layer.size, layer.size]
            add("MaxPool", f"pool{pools}", kernel_shape=size, strides=[2, 2], pads=[0, 0, 1, 1])
        else:
            kernel = as_convolution(weights[f"{layer.name}.weight"], layer.map_size)
            add_conv(layer.name, kernel, weights[f"{layer.name}.bias"])
            add("PRelu", layer.prelu, weights[f"{layer.prelu}.weight"].reshape(-1, 1, 1))
    kernel, bias = head(weights, network.heads)
    add_conv("output", kernel, bias)

    def tensor(key: str, channels: int, size: tuple[str, str]) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(key, TensorProto.FLOAT, ["n", channels, *size])

    graph = helper.make_graph(
        nodes,
        name,
        [tensor("image", 3, ("height", "width"))],
        [tensor("output", len(bias), ("rows", "columns"))],
        tensors,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="rppg_fast",
        doc_string="MTCNN, weights of facenet-pytorch 2.6.0, MIT, (c) 2019 Timothy Esler",
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def main() -> None:
    """Write the three networks and print their hashes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package", type=Path, nargs="?", help="facenet-pytorch's wheel")
    parser.add_argument("--output", type=Path, default=ASSETS, help="folder (default: the assets)")
    args = parser.parse_args()
    package = args.package or installed_package()
    args.output.mkdir(parents=True, exist_ok=True)
    for name, network in NETWORKS.items():
        data = build(network, read_weights(package, name), name).SerializeToString(
            deterministic=True
        )
        path = args.output / f"mtcnn_{name}.onnx"
        path.write_bytes(data)
        print(f"{path.name}: {len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}")


if __name__ == "__main__":
    main()
