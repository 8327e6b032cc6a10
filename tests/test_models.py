"""The two networks against plain definitions in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")

from training.models.networks import (  # noqa: E402
    STUDENT_PARAMETERS,
    TEACHER_PARAMETERS,
    Student,
    Teacher,
    parameters,
)

# Both sides compute in float64; only the order of additions differs.
FORWARD_TOLERANCE = 1e-12

Array = NDArray[np.float64]
State = dict[str, Array]


def convolve(state: State, name: str, maps: Array) -> Array:
    """Convolve with a kernel of 1 or 3, "same" padding, from the definition."""
    weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
    size, side = weight.shape[-1], maps.shape[-1]
    edge = size // 2
    padded = np.pad(maps, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
    out = np.zeros((len(maps), len(weight), side, side)) + bias[:, None, None]
    for dy in range(size):
        for dx in range(size):
            shifted = padded[:, :, dy : dy + side, dx : dx + side]
            out += np.einsum("oc,ncyx->noyx", weight[:, :, dy, dx], shifted)
    return out


def block(state: State, convolution: str, norm: str, maps: Array) -> Array:
    """Convolve, normalise by the running statistics, tanh."""
    maps = convolve(state, convolution, maps)
    mean, var, gain, shift = (
        state[f"{norm}.{name}"][:, None, None]
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    return np.tanh((maps - mean) / np.sqrt(var + 1e-5) * gain + shift)


def pool(maps: Array) -> Array:
    """Average 2 x 2."""
    rows = maps[..., ::2, :] + maps[..., 1::2, :]
    return np.asarray((rows[..., ::2] + rows[..., 1::2]) / 4)


def dense(state: State, name: str, values: Array) -> Array:
    return np.asarray(values @ state[f"{name}.weight"].T + state[f"{name}.bias"])


def plain_student(state: State, motion: Array) -> tuple[Array, list[Array]]:
    """Compute the student's changes and maps in NumPy."""
    middle_full = block(state, "conv1", "norm1", motion)
    middle = pool(middle_full)
    last_full = block(state, "conv2", "norm2", middle)
    last = pool(last_full)
    change = dense(state, "fc", last.reshape(len(motion), -1))
    return change[:, 0], [middle, last, middle_full, last_full]


def plain_teacher(state: State, motion: Array, appearance: Array) -> tuple[Array, list[Array]]:
    """Compute the teacher's changes and attended maps in NumPy."""

    def pair(branch: str, half: int, maps: Array) -> Array:
        for i in (2 * half, 2 * half + 1):
            maps = block(state, f"{branch}.convs.{i}", f"{branch}.norms.{i}", maps)
        return maps

    def attend(i: int, seen: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-convolve(state, f"attention{i}", seen))))

    seen = pair("appearance", 0, appearance)
    middle_full = attend(1, seen) * pair("motion", 0, motion)
    middle = pool(middle_full)
    last_full = attend(2, pair("appearance", 1, pool(seen))) * pair("motion", 1, middle)
    last = pool(last_full)
    hidden = np.tanh(dense(state, "fc1", last.reshape(len(motion), -1)))
    return dense(state, "fc2", hidden)[:, 0], [middle, last, middle_full, last_full]


def settled(model: Any) -> Any:
    """Set a network to float64, with batch normalisation statistics far from 0 and 1."""
    random = torch.Generator().manual_seed(1)
    model.double().eval()
    for name, tensor in model.state_dict().items():
        if "norm" in name and tensor.is_floating_point():
            low = 0.5 if name.endswith(("var", "weight")) else -0.5
            tensor.uniform_(low, low + 1.0, generator=random)
    return model


def test_the_networks_have_the_papers_parameters() -> None:
    assert parameters(Student()) == STUDENT_PARAMETERS == 24_769
    assert parameters(Teacher()) == TEACHER_PARAMETERS == 795_811


def run(model: Any, *inputs: Any) -> tuple[Array, list[Array], State]:
    """Run a network on float64 inputs: changes, maps and its state as arrays."""
    with torch.inference_mode():
        change, maps = model.run(*inputs)
        assert torch.equal(model(*inputs), change)
    state = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return change.numpy(), [each.numpy() for each in maps], state


def inputs(count: int) -> Any:
    random = torch.Generator().manual_seed(2)
    motion = torch.randn(count, 3, 36, 36, dtype=torch.float64, generator=random)
    return motion, torch.rand(count, 3, 36, 36, dtype=torch.float64, generator=random)


MAP_SHAPES = [(32, 18, 18), (64, 9, 9), (32, 36, 36), (64, 18, 18)]


def test_the_student_is_what_the_definition_says() -> None:
    torch.manual_seed(0)
    motion, appearance = inputs(3)
    change, maps, state = run(settled(Student()), motion)
    expected, expected_maps = plain_student(state, motion.numpy())
    assert change.shape == (3,)
    np.testing.assert_allclose(change, expected, rtol=0, atol=FORWARD_TOLERANCE)
    assert [each.shape[1:] for each in maps] == MAP_SHAPES
    for ours, theirs in zip(maps, expected_maps):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=FORWARD_TOLERANCE)
    student = settled(Student())
    assert torch.equal(student(motion), student(motion, appearance))


def test_the_teacher_is_what_the_definition_says() -> None:
    torch.manual_seed(0)
    motion, appearance = inputs(3)
    teacher = settled(Teacher())
    change, maps, state = run(teacher, motion, appearance)
    expected, expected_maps = plain_teacher(state, motion.numpy(), appearance.numpy())
    assert change.shape == (3,)
    np.testing.assert_allclose(change, expected, rtol=0, atol=FORWARD_TOLERANCE)
    assert [each.shape[1:] for each in maps] == MAP_SHAPES
    for ours, theirs in zip(maps, expected_maps):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=FORWARD_TOLERANCE)


def test_attention_weighs_positions_and_not_channels() -> None:
    torch.manual_seed(0)
    motion, appearance = inputs(2)
    teacher = settled(Teacher())
    with torch.inference_mode():
        first, second = teacher.attention(appearance)
        _, maps = teacher.run(motion, appearance)
        plain = teacher.motion.pair(motion, 0)
        # A sigmoid of -1000 is 0, so the attention map is 0 everywhere.
        teacher.attention1.weight.zero_()
        teacher.attention1.bias.fill_(-1000.0)
        _, blind = teacher.run(motion, appearance)
    assert first.shape == (2, 1, 36, 36)
    assert second.shape == (2, 1, 18, 18)
    for weights in (first, second):
        assert 0 < float(weights.min()) < float(weights.max()) < 1
    # The maps for distillation are those after attention.
    np.testing.assert_allclose(
        maps.middle_full.numpy(), (first * plain).numpy(), rtol=0, atol=FORWARD_TOLERANCE
    )
    assert not blind.middle_full.any()


def test_the_teacher_looks_at_both_inputs() -> None:
    torch.manual_seed(0)
    motion, appearance = inputs(2)
    teacher = settled(Teacher())
    with torch.inference_mode():
        before = teacher(motion, appearance)
        assert not torch.allclose(teacher(motion.flip(-1), appearance), before)
        assert not torch.allclose(teacher(motion, appearance.flip(-1)), before)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("pooling", ["average", "max"])
def test_variants_of_the_student(activation: str, pooling: str) -> None:
    torch.manual_seed(0)
    motion, _ = inputs(2)
    with torch.inference_mode():
        _, maps = Student(activation, pooling).double().run(20 * motion)
    full = maps.middle_full.numpy()
    assert full.min() == 0 if activation == "relu" else full.min() < -0.9
    assert (full.max() > 1) == (activation == "relu")
    windows = full.reshape(2, 32, 18, 2, 18, 2)
    expected = windows.mean((3, 5)) if pooling == "average" else windows.max((3, 5))
    np.testing.assert_allclose(maps.middle.numpy(), expected, rtol=0, atol=FORWARD_TOLERANCE)
