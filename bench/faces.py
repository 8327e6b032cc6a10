"""Time the search for faces and the second look, beside the same cascade on ``cv2.dnn``.

    python -m bench.faces

Uses frames of 640x480 pixels with one face, with sixteen and with none. Every backend takes turns
with OpenCV in one thread and in all threads. It prints medians, and in brackets their ratio to the
first. Before anything is timed, it asserts that all find the same faces.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast import _core
from tests.mtcnn import NETWORKS, WEIGHTS, tensors

Frame = NDArray[np.uint8]
Floats = NDArray[np.float32]

WIDTH, HEIGHT = 640, 480
ROUNDS = 20
LOOKS = 3
# Relative to a face's side: OpenCV averages pixels with other weights when it resizes.
TOLERANCE = 0.1


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
            window: dict[str, Any] = {
                "kernel_shape": [pool, pool],
                "strides": [2, 2],
                "pads": [0, 0, 1, 1],
            }
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


class OpenCV:
    """The cascade written with ``cv2.resize`` and ``cv2.dnn``."""

    def __init__(self) -> None:
        self._networks = {
            name: cv2.dnn.readNetFromONNX(np.frombuffer(as_onnx(name), np.uint8))
            for name in NETWORKS
        }

    def run(self, name: str, pictures: list[Frame]) -> Floats:
        """Apply a network to BGR pictures of equal size; (pictures, rows, columns, outputs)."""
        blob = cv2.dnn.blobFromImages(pictures, 1 / 128, mean=(127.5,) * 3, swapRB=True)
        self._networks[name].setInput(blob)
        return np.asarray(self._networks[name].forward().transpose(0, 2, 3, 1))

    def find(self, frame: Frame) -> Floats:
        """Return the edges of the faces, shape (N, 4)."""
        edges, scores = self._propose(frame)
        kept = _core.non_max_suppression(edges, scores, 0.7)
        edges, scores, _ = self.look("rnet", 24, frame, edges[kept])
        kept = _core.non_max_suppression(edges, scores, 0.7)
        edges, scores, _ = self.look("onet", 48, frame, edges[kept])
        return edges[_core.non_max_suppression(edges, scores, 0.7, "smaller")]

    def _propose(self, frame: Frame) -> tuple[Floats, Floats]:
        found, scale = [], 12 / max(20.0, min(frame.shape[:2]) / 12)
        while min(frame.shape[:2]) * scale >= 12:
            size = int(frame.shape[1] * scale + 1), int(frame.shape[0] * scale + 1)
            level = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
            said = self.run("pnet", [level])[0]
            score = probability(said[..., 0])
            at = np.nonzero(score >= 0.6)
            corner = np.stack(at[::-1], 1) * 2.0
            edges = np.concatenate([corner / scale, (corner + 12) / scale], 1).astype(np.float32)
            kept = _core.non_max_suppression(edges, score[at], 0.5)
            edges = shifted(edges, said[at][:, 1:5])[kept]
            found.append((edges, score[at][kept]))
            scale *= 0.709
        return np.concatenate([e for e, _ in found]), np.concatenate([s for _, s in found])

    def look(self, name: str, side: int, frame: Frame, edges: Floats) -> tuple[Floats, ...]:
        """Apply a network to square boxes; return edges, scores and outputs of those that pass."""
        if not len(edges):
            return edges, edges[:, 0], edges
        middle, half = (
            edges.reshape(-1, 2, 2).mean(1),
            np.ptp(edges.reshape(-1, 2, 2), 1).max(1) / 2,
        )
        square = np.concatenate([middle - half[:, None], middle + half[:, None]], 1)
        pixels = np.clip(square, 0, (*frame.shape[1::-1], *frame.shape[1::-1])).astype(int)
        crops = [
            np.asarray(
                cv2.resize(frame[y0:y1, x0:x1], (side, side), interpolation=cv2.INTER_AREA),
                np.uint8,
            )
            for x0, y0, x1, y1 in pixels
        ]
        said = self.run(name, crops)[:, 0, 0]
        scores = probability(said[:, 0])
        passed = scores > 0.7
        return shifted(square, said[:, 1:5])[passed], scores[passed], said[passed]

    def look_again(self, frame: Frame, face: Floats) -> Floats:
        """Find a face again with O-Net; return its edges, shape (4,)."""
        for _ in range(LOOKS):
            before, (face, *_) = face, self.look("onet", 48, frame, face[None])[0]
            if np.abs(face - before).max() < 0.1 * np.ptp(before[::2]):
                break
        return face


def probability(logit: Floats) -> Floats:
    """Return the probability of a logit."""
    return np.asarray(1 / (1 + np.exp(-logit)), np.float32)


def shifted(edges: Floats, shifts: Floats) -> Floats:
    """Move edges by shifts in units of the boxes' sizes."""
    return np.asarray(edges + shifts * np.tile(edges[:, 2:] - edges[:, :2], 2), np.float32)


def scenes() -> dict[str, Frame]:
    """Return the frames by the name of their scene."""
    portrait = next(iter(rf.VideoFile(WEIGHTS.parent / "demo.mp4")))[0]
    wall = np.random.default_rng(0).integers(90, 130, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    one = wall.copy()
    one[80 : 80 + portrait.shape[0], 160 : 160 + portrait.shape[1]] = portrait
    small = cv2.resize(portrait, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA)
    return {"one face": one, "sixteen faces": np.tile(small, (4, 4, 1)), "nobody": wall}


def medians(contenders: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Return the median time of each contender, ms; the contenders take turns."""
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            begin = time.perf_counter()
            run()
            spent[name].append(1e3 * (time.perf_counter() - begin))
    return {name: float(np.median(times)) for name, times in spent.items()}


def with_threads(threads: int, run: Callable[[], object]) -> object:
    """Call ``run`` with a given number of OpenCV threads."""
    cv2.setNumThreads(threads)
    return run()


def report(what: str, times: dict[str, float]) -> None:
    """Print times, and their ratio to the first."""
    first = next(iter(times.values()))
    rest = (f"{name} {ms:.2f} ms ({ms / first:.1f})" for name, ms in times.items())
    print(f"{what:26} " + ", ".join(rest))


def check(ours: Floats, theirs: Floats) -> None:
    """Assert that both find the same faces."""
    assert len(ours) == len(theirs)
    for edges in ours:
        side = np.ptp(edges[::2])
        assert np.abs(theirs - edges).max(1).min() < TOLERANCE * side


def main() -> int:
    """Run the command line; return the exit code."""
    networks = _core.FaceNetworks(WEIGHTS.read_bytes(), WEIGHTS.name)
    detectors = {name: _core.FaceDetector(networks, backend=name) for name in rf.backends()}
    opencv = OpenCV()
    print(f"{WIDTH}x{HEIGHT} pixels, OpenCV {cv2.__version__}")
    for name, frame in scenes().items():
        search: dict[str, Callable[[], object]] = {
            each: partial(detector.find, frame) for each, detector in detectors.items()
        }
        look: dict[str, Callable[[], object]] = {}
        for detector in detectors.values():
            faces = np.array([face[:4] for face in detector.find(frame)]).reshape(-1, 4)
            check(faces, opencv.find(frame))
        if len(faces):
            box = (faces[0, 0], faces[0, 1], faces[0, 2], faces[0, 3])
            for each, detector in detectors.items():
                again = detector.redetect(frame, box)
                assert again is not None
                check(np.array([again[0][:4]]), opencv.look_again(frame, faces[0])[None])
                look[each] = partial(detector.redetect, frame, box)
        for threads in (1, cv2.getNumberOfCPUs()):
            who = f"cv2.dnn, {threads} thread{'s' * (threads > 1)}"
            search[who] = partial(with_threads, threads, partial(opencv.find, frame))
            if len(faces):
                again_there = partial(opencv.look_again, frame, faces[0])
                look[who] = partial(with_threads, threads, again_there)
        report(f"search, {name}", medians(search))
        if len(faces):
            report(f"look again, {name}", medians(look))
    return 0


if __name__ == "__main__":
    sys.exit(main())
