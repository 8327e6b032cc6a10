"""How long faces are searched and looked at again, beside the same networks in ``cv2.dnn``.

    python -m bench.faces

A 640x480 frame with one face, one with sixteen, one without. Of ``cv2.dnn`` only forward passes
are timed: of P-Net over the pyramid, resized beforehand, which is part of a search, and of O-Net on
one picture of 48x48 pixels, of which a look takes one to three. Of ours it is the whole search and
the whole look, by every backend. In turn, medians; one thread, and ``cv2.dnn`` with as many as it
takes by itself, too. That both say the same is asserted before a time counts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from tests.mtcnn import NETWORKS, WEIGHTS, tensors

Frame = NDArray[np.uint8]

WIDTH, HEIGHT = 640, 480
ROUNDS = 40
# Of the largest output: float32 sums in another order.
TOLERANCE = 1e-4


def as_onnx(name: str) -> bytes:
    """Return one of the networks as an ONNX file."""
    from onnx import TensorProto, helper, numpy_helper

    nodes, constants, last = [], [], "image"
    pools = iter(NETWORKS[name][1])
    layers = dict.fromkeys(key.split(".")[1] for key in tensors() if key.startswith(f"{name}."))
    for layer in sorted(layers, key=lambda one: (one == "output", one.startswith("dense"), one)):
        weight = tensors()[f"{name}.{layer}.weight"]
        if layer.startswith("dense"):
            weight = weight.reshape(3, 3, -1, weight.shape[-1])
        kernel = weight.reshape((1,) * (4 - weight.ndim) + weight.shape).transpose(3, 2, 0, 1)
        parts = {"weight": kernel, "bias": tensors()[f"{name}.{layer}.bias"]}
        nodes.append(helper.make_node("Conv", [last, f"{layer}.weight", f"{layer}.bias"], [layer]))
        last = layer
        if layer != "output":
            parts["slope"] = tensors()[f"{name}.{layer}.slope"].reshape(-1, 1, 1)
            nodes.append(helper.make_node("PRelu", [last, f"{layer}.slope"], [f"{layer}.out"]))
            last = f"{layer}.out"
        constants += [
            numpy_helper.from_array(np.ascontiguousarray(value), f"{layer}.{key}")
            for key, value in parts.items()
        ]
        pool = next(pools, None) if layer.startswith("conv") else None
        if pool:
            window: dict[str, Any] = {"kernel_shape": [pool, pool], "strides": [2, 2], "pads": [0, 0, 1, 1]}
            nodes.append(helper.make_node("MaxPool", [last], [f"{layer}.pool"], **window))
            last = f"{layer}.pool"
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", "c", "y", "x"])],
        constants,
    )
    opset = [helper.make_opsetid("", 11)]
    made: bytes = helper.make_model(graph, opset_imports=opset, ir_version=6).SerializeToString()
    return made


def opencv(name: str) -> Callable[[Frame], NDArray[np.float32]]:
    """Return a network as OpenCV runs it: BGR to (rows, columns, outputs)."""
    network = cv2.dnn.readNetFromONNX(np.frombuffer(as_onnx(name), np.uint8))

    def run(frame: Frame) -> NDArray[np.float32]:
        rgb = frame[..., ::-1].astype(np.float32)
        network.setInput(np.ascontiguousarray(((rgb - 127.5) / 128).transpose(2, 0, 1)[None]))
        return np.asarray(network.forward()[0].transpose(1, 2, 0))

    return run


def pyramid(frame: Frame) -> list[Frame]:
    """The pictures that P-Net sees in a search."""
    levels, scale = [], 12 / max(20.0, min(frame.shape[:2]) / 12)
    while min(frame.shape[:2]) * scale >= 12:
        size = int(frame.shape[1] * scale + 1), int(frame.shape[0] * scale + 1)
        shrunken = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(shrunken, np.uint8))
        scale *= 0.709
    return levels


def scenes() -> dict[str, Frame]:
    """Frames by what they show."""
    portrait = next(iter(rf.VideoFile(WEIGHTS.parent / "demo.mp4")))[0]
    wall = np.random.default_rng(0).integers(90, 130, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    one = wall.copy()
    one[80 : 80 + portrait.shape[0], 160 : 160 + portrait.shape[1]] = portrait
    small = cv2.resize(portrait, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA)
    return {"one face": one, "sixteen faces": np.tile(small, (4, 4, 1)), "nobody": wall}


def check(network: _core.FaceNetworks, frame: Frame) -> None:
    """Assert that both say the same."""
    for name, picture in (("pnet", pyramid(frame)[0]), ("onet", pyramid(frame)[1][:48, :48])):
        ours, theirs = network.forward(name, picture), opencv(name)(picture)
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() < TOLERANCE * np.abs(theirs).max()


def medians(contenders: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Milliseconds of each, in turn."""
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            if name.startswith("cv2.dnn"):
                cv2.setNumThreads(-1 if "threads" in name else 1)
            begin = time.perf_counter()
            run()
            spent[name].append(1e3 * (time.perf_counter() - begin))
    return {name: float(np.median(times)) for name, times in spent.items()}


def report(what: str, times: dict[str, float], ours: str) -> None:
    """Print times, and their ratio to ours."""
    rest = (f"{name} {ms:.2f} ms ({ms / times[ours]:.1f})" for name, ms in times.items())
    print(f"{what:26} " + ", ".join(rest))


def main() -> int:
    """Command line; returns the exit code."""
    network = _core.FaceNetworks(WEIGHTS.read_bytes(), WEIGHTS.name)
    propose, output = opencv("pnet"), opencv("onet")
    backends = rf.backends()
    print(f"{WIDTH}x{HEIGHT} pixels, OpenCV {cv2.__version__}; in brackets: to {backends[0]}")
    for name, frame in scenes().items():
        check(network, frame)
        detectors = {each: _core.FaceDetector(network, backend=each) for each in backends}
        faces = detectors[backends[0]].find(frame)
        assert len(faces) == {"one face": 1, "sixteen faces": 16, "nobody": 0}[name]
        levels, crop = pyramid(frame), frame[:48, :48]

        def search_opencv(levels: list[Frame] = levels) -> None:
            for level in levels:
                propose(level)

        search: dict[str, Callable[[], object]] = {
            each: lambda detector=detector, frame=frame: detector.find(frame)  # type: ignore[misc]
            for each, detector in detectors.items()
        }
        search |= {"cv2.dnn P-Net": search_opencv, "cv2.dnn P-Net, threads": search_opencv}
        report(f"search, {name}", medians(search), backends[0])
        if not faces:
            continue
        box = faces[0][:4]
        assert detectors[backends[0]].look_again(frame, box) is not None
        look: dict[str, Callable[[], object]] = {
            each: lambda detector=detector, frame=frame, box=box: detector.look_again(frame, box)  # type: ignore[misc]
            for each, detector in detectors.items()
        }
        once: Callable[[], object] = lambda crop=crop: output(crop)  # type: ignore[misc]  # noqa: E731
        look |= {"cv2.dnn O-Net": once, "cv2.dnn O-Net, threads": once}
        report(f"look again, {name}", medians(look), backends[0])
    return 0


if __name__ == "__main__":
    sys.exit(main())
