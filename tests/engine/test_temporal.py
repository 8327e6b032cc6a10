"""The temporal network: the same as in PyTorch, and a pulse that only it sees."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from rppg_fast import _core
from rppg_fast.pulse import PulseSettings

torch = pytest.importorskip("torch")

from training.models.temporal import (  # noqa: E402
    COARSE,
    SIGNALS,
    TemporalNetwork,
    cells_of,
    packed,
)

Floats = NDArray[np.float64]

# Float32 sums in another order, relative to the pulse's standard deviation.
TOLERANCE = 2e-5
FS = 30.0


@pytest.fixture(scope="module")
def network() -> TemporalNetwork:
    torch.manual_seed(3)
    return TemporalNetwork().eval()


def signals(seconds: float, seed: int = 0) -> Floats:
    """Return signals of a window as the engine has them: a level, colors, logs of regions."""
    rng = np.random.default_rng(seed)
    count = round(seconds * FS)
    moves = rng.standard_normal((count, SIGNALS)).cumsum(0) * 0.002
    moves[:, 0] *= 300
    moves[:, 1:4] = np.exp(moves[:, 1:4] - 1)
    return np.asarray(moves)


def with_torch(network: TemporalNetwork, cells: Floats) -> Floats:
    with torch.no_grad():
        turned = torch.from_numpy(cells.T[None].astype(np.float32))
        found: Floats = network(turned)[0].double().numpy()
    return found


def as_logarithms(values: Floats) -> Floats:
    out: Floats = np.array(values)
    out[:, 1:4] = np.log(out[:, 1:4])
    return out


@pytest.mark.parametrize("count", [1, 2, 3, 7, 16, 31, 50, 97, 100, 300])
def test_the_network_computes_what_pytorch_does(
    network: TemporalNetwork, count: int, backend: str
) -> None:
    rng = np.random.default_rng(count)
    cells = rng.standard_normal((count, SIGNALS)) * 0.004
    cells[:, 0] *= 1000
    expected = with_torch(network, cells)
    found = _core.temporal_pulse(cells, packed(network), backend)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * max(1, expected.std()))


def test_a_shorter_window_does_not_see_the_longer_one_before_it(network: TemporalNetwork) -> None:
    settings = PulseSettings(window=10.0).to_native("fusion")
    used, fresh = (_core.PulseWindow(settings, temporal=packed(network)) for _ in range(2))
    used.restart(0.0, False)
    used.push(signals(10, seed=5))
    used.candidates()
    for window in (used, fresh):
        window.restart(0.0, False)
        window.push(signals(6, seed=6))
        window.candidates()
    np.testing.assert_array_equal(used.temporal_pulse, fresh.temporal_pulse)


@pytest.mark.parametrize("seconds", [5.0, 6.1, 8.37, 10.0, 13.0])
def test_a_window_gives_the_network_its_cells(network: TemporalNetwork, seconds: float) -> None:
    window = _core.PulseWindow(PulseSettings().to_native("fusion"), temporal=packed(network))
    window.restart(0.0, False)
    values = signals(seconds)
    window.push(values)
    window.candidates()
    # The window ends where the last renewal was due.
    renewal = 15 if len(values) < window.capacity else 30
    end = len(values) - len(values) % renewal
    begin = max(0, len(values) - window.capacity)
    most = window.capacity - 29
    count = min(end - begin, most) // COARSE * COARSE
    seen = as_logarithms(values)[end - count : end]
    pulse = with_torch(network, cells_of(seen))
    expected = cells_of(np.repeat(pulse, COARSE)[:, None])[:, 0]
    found = window.temporal_pulse
    assert found.shape == expected.shape
    # Colors are averaged before their logarithm is taken in the engine, and after it here.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-2 * expected.std())


def test_weights_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="the temporal network has 18475 weights, got 3"):
        _core.temporal_pulse(np.zeros((5, SIGNALS)), np.zeros(3))
    with pytest.raises(ValueError, match=r"cells must have shape \(cells, 38\)"):
        _core.temporal_pulse(np.zeros((5, 3)))


def test_the_opinion_is_the_same_whenever_it_is_asked(network: TemporalNetwork) -> None:
    settings = PulseSettings().to_native("fusion")
    values = signals(14)
    often, seldom = (_core.PulseWindow(settings, temporal=packed(network)) for _ in range(2))
    for window in (often, seldom):
        window.restart(0.0, False)
    for at in range(len(values)):
        often.push(values[at : at + 1])
        seldom.push(values[at : at + 1])
        often.candidates()
        if at % 7 == 0:
            seldom.candidates()
            np.testing.assert_array_equal(often.temporal_pulse, seldom.temporal_pulse)


@pytest.mark.parametrize("options", [{"rate": 25.0}, {"rate": 12.5, "high": 3.0}, {"high": 4.5}])
def test_where_the_network_cannot_read_a_window_it_has_no_say(options: dict[str, float]) -> None:
    """Cells come 8.5 to 11.8 times a second, and the band ends at 4.2 Hz."""
    settings = PulseSettings(**options)  # type: ignore[arg-type]
    window = _core.PulseWindow(settings.to_native("fusion"))
    window.restart(0.0, False)
    window.push(signals(10.0)[: round(10 * settings.rate)])
    found = window.candidates()
    assert found
    assert "temporal" not in {source for _, _, source, _, _, _ in found}
    for _, _, _, _, _, items in found:
        assert items[_core.PEAK_TEMPORAL_SNR] == items[_core.PEAK_SNR]
    assert window.temporal_pulse.size == 0
