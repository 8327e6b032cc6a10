"""The target-aware transformer's distance against plain loops over positions and channels."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")

from tests.support.small_runs import PAPER  # noqa: E402
from training.models import losses  # noqa: E402

# Both sides compute in float64; only the order of additions differs.
PLAIN_TOLERANCE = 1e-12
# Error of the rows of a softmax in float64 over at most 30 positions.
SUM_TOLERANCE = 1e-14
# Effect of the floor of the standard deviation (1e-5), squared, for features of unit size.
STANDARD_TOLERANCE = 1e-9

# Twenty halvings of seven decades leave 1.5e-5 of the temperature; the entropy moves less.
FITTED_TOLERANCE = 1e-4

Array = NDArray[np.float64]


def standard(features: Array) -> Array:
    """Subtract each channel's mean over batch and positions, and divide by its deviation."""
    out = np.empty_like(features)
    for channel in range(features.shape[2]):
        values = features[:, :, channel]
        out[:, :, channel] = (values - values.mean()) / math.sqrt(values.var() + 1e-10)
    return out


def plain_distance(
    student: Array, teacher: Array, orientation: str, temperature: float, distance: str
) -> tuple[float, float]:
    """Compute equations 2 and 3, and the spread, with plain loops."""
    count, positions, channels = student.shape
    losses, entropies = [], []
    for n in range(count):
        squares = 0.0
        for i in range(positions):
            weight = np.empty(positions)
            for j in range(positions):
                pair = (student[n, i], teacher[n, j])
                if orientation == "target":
                    pair = (teacher[n, i], student[n, j])
                weight[j] = math.exp(sum(a * b for a, b in zip(*pair)) / temperature)
            weight /= weight.sum()
            entropies.append(-sum(w * math.log(w) for w in weight))
            for c in range(channels):
                gathered = sum(weight[j] * student[n, j, c] for j in range(positions))
                squares += (gathered - teacher[n, i, c]) ** 2
        losses.append(math.sqrt(squares) if distance == "norm" else squares / positions / channels)
    return float(np.mean(losses)), math.exp(np.mean(entropies)) / positions


def embeddings(count: int = 2, positions: int = 7, channels: int = 5, seed: int = 0) -> Any:
    random = torch.Generator().manual_seed(seed)
    shape = (count, positions, channels)
    student = torch.randn(shape, dtype=torch.float64, generator=random)
    return student, torch.randn(shape, dtype=torch.float64, generator=random) * 2 + 0.3


@pytest.mark.parametrize("orientation", ["literal", "target"])
@pytest.mark.parametrize("distance", ["norm", "mean square"])
@pytest.mark.parametrize("features", ["plain", "standard"])
@pytest.mark.parametrize("temperature", [1.0, 0.2])
def test_the_distance_is_what_the_equations_say(
    orientation: str, distance: str, features: str, temperature: float
) -> None:
    student, teacher = embeddings()
    settings = replace(
        PAPER,
        orientation=orientation,
        distance=distance,
        features=features,
        temperature=temperature,
    )
    loss, spread = losses.distance(student, teacher, settings)
    ours, theirs = student.numpy(), teacher.numpy()
    if features == "standard":
        ours, theirs = standard(ours), standard(theirs)
    expected, expected_spread = plain_distance(ours, theirs, orientation, temperature, distance)
    assert float(loss) == pytest.approx(expected, rel=PLAIN_TOLERANCE)
    assert float(spread) == pytest.approx(expected_spread, rel=PLAIN_TOLERANCE)


def test_the_two_orientations_are_two_things() -> None:
    student, teacher = embeddings()
    literal, target = (
        losses.attention(student, teacher, orientation, 1.0)
        for orientation in ("literal", "target")
    )
    # One softmax is over the rows and the other over the columns of the same logits.
    logits = np.einsum("nic,njc->nij", student.numpy(), teacher.numpy())
    for weights, axis in ((literal.numpy(), 2), (target.numpy().transpose(0, 2, 1), 1)):
        expected = np.exp(logits) / np.exp(logits).sum(axis, keepdims=True)
        np.testing.assert_allclose(weights, expected, rtol=0, atol=PLAIN_TOLERANCE)


def test_maps_become_rows_of_channels() -> None:
    maps = torch.arange(2 * 3 * 4 * 5).view(2, 3, 4, 5)
    embedding = losses.embed(maps)
    assert embedding.shape == (2, 20, 3)
    for y, x in ((0, 0), (1, 4), (3, 2)):
        assert torch.equal(embedding[:, 5 * y + x], maps[:, :, y, x])


def test_standard_features_are_standard() -> None:
    values, _ = embeddings(count=3, positions=11)
    values[..., 2] = 4.0  # a constant channel
    values.requires_grad_()
    out = losses.standardise(values)
    mean, deviation = out.mean((0, 1)), out.std((0, 1), correction=0)
    assert not out[..., 2].any()
    np.testing.assert_allclose(mean.detach(), 0, atol=STANDARD_TOLERANCE)
    np.testing.assert_allclose(deviation.detach()[[0, 1, 3, 4]], 1, atol=STANDARD_TOLERANCE)
    (gradient,) = torch.autograd.grad((out**3).sum(), values)
    assert bool(torch.isfinite(gradient).all())


@pytest.mark.parametrize("orientation", ["literal", "target"])
@pytest.mark.parametrize("distance", ["norm", "mean square"])
@pytest.mark.parametrize("features", ["plain", "standard"])
def test_the_gradient_is_that_of_the_distance(
    orientation: str, distance: str, features: str
) -> None:
    student, teacher = embeddings(positions=4, channels=3)
    settings = replace(PAPER, orientation=orientation, distance=distance, features=features)

    def loss(values: Any) -> Any:
        return losses.distance(values, teacher, settings)[0]

    assert torch.autograd.gradcheck(loss, student.requires_grad_())
    assert not losses.distance(student, teacher, settings)[1].requires_grad


@pytest.mark.parametrize("orientation", ["literal", "target"])
def test_the_cosine_is_that_of_each_position(orientation: str) -> None:
    student, teacher = embeddings()
    settings = replace(PAPER, orientation=orientation, distance="cosine")
    loss, _ = losses.distance(student, teacher, settings)
    gathered = (losses.attention(student, teacher, orientation, 1.0) @ student).numpy()
    theirs = teacher.numpy()
    cosines = [
        a @ b / math.sqrt((a @ a) * (b @ b))
        for a, b in zip(gathered.reshape(-1, 5), theirs.reshape(-1, 5))
    ]
    assert float(loss) == pytest.approx(1 - np.mean(cosines), rel=PLAIN_TOLERANCE)


@pytest.mark.parametrize("orientation", ["literal", "target"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("size", [0.01, 1.0, 30.0])
def test_a_temperature_is_fitted_to_an_entropy(orientation: str, share: float, size: float) -> None:
    student, teacher = embeddings(positions=9)
    student = size * student
    temperature = losses.fitted_temperature(student, teacher, orientation, share)
    weights = losses.attention(student, teacher, orientation, temperature)
    entropy = float(torch.special.entr(weights).sum(2).mean())
    assert entropy == pytest.approx(share * math.log(9), rel=FITTED_TOLERANCE)
    fitted = replace(PAPER, orientation=orientation, entropy=share, temperature=7.0)
    fixed = replace(PAPER, orientation=orientation, temperature=temperature)
    for found, expected in zip(*(losses.distance(student, teacher, s) for s in (fitted, fixed))):
        assert float(found) == pytest.approx(float(expected), rel=PLAIN_TOLERANCE)


def test_like_maps_are_close_where_the_attention_is_sharp() -> None:
    # Orthogonal positions are most similar to themselves; a low temperature gives a one-hot
    # softmax.
    positions = torch.linalg.qr(embeddings(1, 6, 6)[0])[0]
    for orientation in ("literal", "target"):
        sharp = replace(PAPER, orientation=orientation, temperature=0.01)
        loss, spread = losses.distance(positions, positions, sharp)
        assert float(loss) < PLAIN_TOLERANCE
        assert float(spread) == pytest.approx(1 / 6)
    # Permuted positions of a teacher are found only with the orientation "target".
    mixed = positions[:, torch.tensor([2, 0, 1, 5, 3, 4])]
    target = replace(PAPER, orientation="target", temperature=0.01)
    assert float(losses.distance(mixed, positions, target)[0]) < PLAIN_TOLERANCE
    assert float(losses.distance(mixed, positions, replace(target, orientation="literal"))[0]) > 1


def test_a_faint_map_is_averaged_plainly() -> None:
    student, teacher = embeddings(positions=8)
    for orientation in ("literal", "target"):
        settings = replace(PAPER, orientation=orientation)
        loss, spread = losses.distance(1e-7 * student, teacher, settings)
        assert float(spread) == pytest.approx(1, abs=1e-9)
        # All positions of the student's new map are its mean, which is negligible.
        norms = torch.linalg.vector_norm(teacher, dim=(1, 2))
        assert float(loss) == pytest.approx(float(norms.mean()), rel=1e-6)


@given(
    seed=st.integers(0, 2**31),
    count=st.integers(1, 3),
    positions=st.integers(1, 30),
    channels=st.integers(1, 9),
    size=st.floats(1e-3, 30),
    temperature=st.floats(0.05, 20),
    orientation=st.sampled_from(["literal", "target"]),
)
def test_attention_only_averages(
    seed: int,
    count: int,
    positions: int,
    channels: int,
    size: float,
    temperature: float,
    orientation: str,
) -> None:
    student, teacher = embeddings(count, positions, channels, seed)
    student = size * student
    weights = losses.attention(student, teacher, orientation, temperature)
    assert weights.shape == (count, positions, positions)
    assert float(weights.min()) >= 0
    np.testing.assert_allclose(weights.sum(2), 1, rtol=0, atol=SUM_TOLERANCE)
    gathered = weights @ student
    slack = SUM_TOLERANCE * float(student.abs().max())
    assert bool((gathered <= student.amax(1, keepdim=True) + slack).all())
    assert bool((gathered >= student.amin(1, keepdim=True) - slack).all())
    _, spread = losses.distance(
        student, teacher, replace(PAPER, orientation=orientation, temperature=temperature)
    )
    assert 1 / positions - 1e-9 <= float(spread) <= 1 + 1e-9
