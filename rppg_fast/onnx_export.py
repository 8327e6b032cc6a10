"""Write the networks as ONNX files for other runtimes; needs the extra ``onnx``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

from rppg_fast import _core
from rppg_fast.pulse import PulseSettings
from rppg_fast.student import BUNDLED_WEIGHTS, Student
from rppg_fast.teacher import Teacher

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Network = Union[Student, Teacher]

#: An old version, so that all runtimes of recent years can read the file.
OPSET, IR_VERSION = 13, 8

_SHAPE = (3, 36, 36)
_STEPS = "steps"

_MOTION = (
    "float32 (steps, 3, 36, 36): the change of the face from one frame to the next, planes of red,"
    " green and blue, as rppg_fast.motion computes it from the appearances of both (kind: {input})"
)
_APPEARANCE = (
    "float32 (steps, 3, 36, 36): the face in the earlier frame of each step, planes of red, green"
    " and blue from 0 to 1, as rppg_fast.appearance computes it"
)
_CHANGE = (
    "float32 (steps,): the change of the pulse over each step, in standard deviations of the"
    " training label; its running sum is the pulse"
)
_FS = (
    "Hz, of the uniform grid to which the pulse is resampled before its band-pass; the network"
    " itself takes frame steps of any length"
)


class _Graph:
    """Nodes and weights of a graph; each method adds a node and returns the name of its output."""

    def __init__(self, tensors: dict[str, NDArray[np.float32]]) -> None:
        self._tensors = tensors
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def weights(self, layer: str) -> list[str]:
        names = [f"{layer}.weight", f"{layer}.bias"]
        return [self.constant(name, self._tensors[name]) for name in names]

    def convolve(self, image: str, layer: str, size: int) -> str:
        border = [size // 2] * 4
        inputs = [image, *self.weights(layer)]
        return self.add("Conv", inputs, f"{layer}.sum", kernel_shape=[size, size], pads=border)

    def convolve_tanh(self, image: str, layer: str) -> str:
        return self.add("Tanh", [self.convolve(image, layer, 3)], f"{layer}.out")

    def pool(self, image: str) -> str:
        halves = {"kernel_shape": [2, 2], "strides": [2, 2]}
        return self.add("AveragePool", [image], f"{image}.pooled", **halves)

    def dense(self, values: str, layer: str) -> str:
        return self.add("Gemm", [values, *self.weights(layer)], f"{layer}.sum", transB=1)


def _student(graph: _Graph) -> str:
    image = "motion"
    for layer in ("conv1", "conv2"):
        image = graph.pool(graph.convolve_tanh(image, layer))
    return graph.dense(graph.add("Flatten", [image], "flat"), "fc")


def _teacher(graph: _Graph) -> str:
    motion, seen = "motion", "appearance"
    for half, layers in enumerate((("conv1", "conv2"), ("conv3", "conv4")), 1):
        for layer in layers:
            motion = graph.convolve_tanh(motion, f"motion.{layer}")
            seen = graph.convolve_tanh(seen, f"appearance.{layer}")
        look = graph.convolve(seen, f"attention{half}", 1)
        mask = graph.add("Sigmoid", [look], f"attention{half}.mask")
        motion = graph.pool(graph.add("Mul", [motion, mask], f"attention{half}.out"))
        if half == 1:
            seen = graph.pool(seen)
    hidden = graph.dense(graph.add("Flatten", [motion], "flat"), "fc1")
    return graph.dense(graph.add("Tanh", [hidden], "fc1.out"), "fc2")


def as_onnx(network: Network, batch: bool = False) -> bytes:
    """Return a network as the content of an ONNX file.

    The inputs are "motion" and, for a teacher, "appearance"; the output is "change". The file's
    metadata say what they are, and which weights it holds.

    Parameters
    ----------
    network
        A student or a teacher.
    batch
        Whether it takes any number of frame steps at once. Otherwise it takes one, which some
        converters need.

    Raises
    ------
    ImportError
        If onnx or safetensors is not installed.
    """
    import numpy as np
    from onnx import TensorProto, checker, helper
    from safetensors.numpy import load

    teacher = isinstance(network, Teacher)
    steps = _STEPS if batch else 1
    graph = _Graph(load(network.weights))
    axis = graph.constant("axis", np.array([1], np.int64))
    last = _teacher(graph) if teacher else _student(graph)
    graph.add("Squeeze", [last, axis], "change")
    meanings = {"motion": _MOTION.format(input=network.metadata.get("input", "normalized"))}
    if teacher:
        meanings["appearance"] = _APPEARANCE
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "teacher" if teacher else "student",
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [steps, *_SHAPE], text)
                for name, text in meanings.items()
            ],
            [helper.make_tensor_value_info("change", TensorProto.FLOAT, [steps], _CHANGE)],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="rppg_fast",
        producer_version=_core.__version__,
    )
    helper.set_model_props(model, _metadata(network, {**meanings, "change": _CHANGE}))
    checker.check_model(model, full_check=True)
    made: bytes = model.SerializeToString()
    return made


def _metadata(network: Network, meanings: dict[str, str]) -> dict[str, str]:
    """Return what the file says of itself."""
    bundled = network.weights == BUNDLED_WEIGHTS.read_bytes()
    return {
        **meanings,
        "fs": f"{PulseSettings().rate:g}",
        "fs_meaning": _FS,
        "weights_sha256": network.sha256,
        "weights_format": network.metadata.get("format", ""),
        "training_data": network.metadata.get("training_data", ""),
        "licence": "MIT" if bundled else "that of the weights file",
    }
