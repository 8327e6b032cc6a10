from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import rppg_fast as rf

# Both sides filter in float64; the band-pass of order 8 with a wide band amplifies rounding most.
FILTER_TOLERANCE = 1e-9
# float64 integrals of straight lines.
RESAMPLE_TOLERANCE = 1e-9

BANDS = [(0.7, 4.0, 30.0), (0.5, 7.0, 15.0), (0.1, 12.0, 30.0), (0.7, 4.0, 120.0), (1.0, 1.2, 25.0)]


def noise(count: int, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).standard_normal(count)


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize(("low", "high", "fs"), BANDS)
def test_filter_is_scipys(low: float, high: float, fs: float, order: int) -> None:
    samples = noise(2000).cumsum()
    sections = scipy.signal.butter(order, (low, high), "bandpass", fs=fs, output="sos")
    expected = scipy.signal.sosfilt(sections, samples)
    band_pass = rf.BandPass(low, high, fs, order)
    np.testing.assert_allclose(
        band_pass(samples), expected, atol=FILTER_TOLERANCE * np.abs(expected).max()
    )
    # SciPy with the filter's own sections gives the same up to rounding.
    np.testing.assert_allclose(
        scipy.signal.sosfilt(band_pass.sections, samples),
        expected,
        atol=FILTER_TOLERANCE * np.abs(expected).max(),
    )


@given(st.lists(st.integers(0, 50), max_size=20))
def test_filter_in_chunks_is_the_filter_at_once(sizes: list[int]) -> None:
    samples = noise(sum(sizes))
    band_pass = rf.BandPass(0.7, 4.0, 30.0)
    chunks = [band_pass(chunk) for chunk in np.split(samples, np.cumsum(sizes))]
    band_pass.reset()
    np.testing.assert_array_equal(np.concatenate(chunks), band_pass(samples))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((0.7, 4.0, 8.0), "0.7.* to 4.0.* Hz must lie between 0 and half"),
        ((4.0, 0.7, 30.0), "must lie between"),
        ((0.0, 4.0, 30.0), "must lie between"),
        ((float("nan"), 4.0, 30.0), "must lie between"),
        ((0.7, 4.0, float("inf")), "sampling rate must be positive"),
        ((0.7, 4.0, 1e308), "at most 100 kHz"),
        ((0.7, 4.0, 30.0, 0), "order must be from 1 to 8, is 0"),
        ((0.7, 4.0, 30.0, 9), "order must be from 1 to 8, is 9"),
    ],
)
def test_bad_filters_are_named(arguments: tuple[float, ...], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        rf.BandPass(*arguments)  # type: ignore[arg-type]


def resample(
    times: NDArray[np.float64], values: NDArray[np.float64], rate: float
) -> NDArray[np.float64]:
    resampler = rf.Resampler(rate)
    return np.concatenate([resampler.push(t, [v])[1][:, 0] for t, v in zip(times, values)])


def cell_means(
    times: NDArray[np.float64], values: NDArray[np.float64], rate: float, count: int
) -> NDArray[np.float64]:
    """Return the means of a polyline over cells, by the trapezium rule at corners and edges."""
    edges = times[0] + np.arange(count + 1) / rate
    corners = np.union1d(edges, times)
    heights = np.interp(corners, times, values)
    areas = np.concatenate([[0.0], np.cumsum(np.diff(corners) * (heights[1:] + heights[:-1]) / 2)])
    return np.asarray(np.diff(np.interp(edges, corners, areas)) * rate)


@given(
    steps=st.lists(st.floats(1e-6, 0.4), min_size=2, max_size=60),
    start=st.floats(-1000.0, 1000.0),
    rate=st.sampled_from([15.0, 29.97, 30.0, 60.0]),
)
def test_resampling_averages_the_polyline(steps: list[float], start: float, rate: float) -> None:
    times = start + np.cumsum(steps)
    values = noise(times.size)
    found = resample(times, values, rate)
    assert abs(found.size - (times[-1] - times[0]) * rate) <= 1.0
    # A cell that ends at most a hundredth of a cell after the last time is already complete.
    inside = int(np.floor((times[-1] - times[0]) * rate * (1 + 1e-12)))
    expected = cell_means(times, values, rate, min(inside, found.size))
    tolerance = RESAMPLE_TOLERANCE + 0.02 * float(np.abs(np.diff(values)).max())
    np.testing.assert_allclose(found[: expected.size - 1], expected[:-1], atol=tolerance)


def test_resampling_is_exact_on_a_regular_grid() -> None:
    values = noise(301)
    times = np.arange(301) / 30.0
    found = resample(times, values, 30.0)
    assert found.size == 300  # a 10 s recording fills a 10 s window
    np.testing.assert_allclose(
        found, (values[1:] + values[:-1]) / 2, atol=0.02 * np.abs(np.diff(values)).max()
    )
    np.testing.assert_allclose(resample(times, times, 30.0), times[:-1] + 1 / 60, atol=1e-6)


def test_resampling_does_not_fold_fast_noise_into_the_band() -> None:
    times = np.arange(1201) / 120.0
    alternating = np.tile([1.0, -1.0], 601)[:1201]  # 60 Hz
    assert np.abs(resample(times, alternating, 30.0)).max() < 0.05


def test_channels_share_their_times() -> None:
    resampler = rf.Resampler(30.0, channels=3)
    single = rf.Resampler(30.0)
    values = noise(90).reshape(30, 3)
    for index, row in enumerate(values):
        together = resampler.push(index * 0.05, row)[1]
        assert together.shape[1] == 3
        np.testing.assert_array_equal(together[:, 1], single.push(index * 0.05, row[1:2])[1][:, 0])


def test_a_gap_starts_a_new_grid() -> None:
    resampler = rf.Resampler(30.0, max_gap=0.5)
    assert resampler.push(0.0, [1.0])[0] is rf.Step.FIRST
    assert resampler.push(0.5, [1.0])[0] is rf.Step.NEXT
    step, samples = resampler.push(1.1, [5.0])
    assert (step, len(samples)) == (rf.Step.GAP, 0)
    np.testing.assert_allclose(resampler.push(1.2, [5.0])[1], 5.0)
    resampler.reset()
    assert resampler.push(0.0, [1.0])[0] is rf.Step.FIRST


def test_the_rate_of_values_is_known() -> None:
    resampler = rf.Resampler(30.0)
    assert resampler.value_rate == float("inf")
    for index in range(200):
        resampler.push(index * 0.04, [0.0])
    assert resampler.value_rate == pytest.approx(25.0, rel=1e-3)
    for index in range(400):
        resampler.push(8.0 + index * 0.1, [0.0])
    assert resampler.value_rate == pytest.approx(10.0, rel=0.01)
    resampler.push(100.0, [0.0])
    assert resampler.value_rate == float("inf")
    resampler.push(100.1, [0.0])
    resampler.reset()
    assert resampler.value_rate == float("inf")


def test_a_step_just_before_the_end_of_a_cell_is_not_extended() -> None:
    for step in (1e-3, 1e-4, 1e-6, 1e-9):
        resampler = rf.Resampler(30.0)
        resampler.push(0.0, [0.0])
        resampler.push(1 / 30 - 2e-4, [0.0])
        samples = [resampler.push(1 / 30 - 2e-4 + step, [1.0])[1], resampler.push(0.1, [1.0])[1]]
        values = np.concatenate(samples)[:, 0]
        assert -RESAMPLE_TOLERANCE <= values.min() <= values.max() <= 1.0 + RESAMPLE_TOLERANCE


@pytest.mark.parametrize("time", [1.0, 0.5, float("nan"), float("inf")])
def test_time_that_does_not_go_forward_is_refused_and_changes_nothing(time: float) -> None:
    resampler, other = rf.Resampler(30.0), rf.Resampler(30.0)
    for each in (resampler, other):
        each.push(0.9, [1.0])
        each.push(1.0, [2.0])
    with pytest.raises(ValueError, match="time must be"):
        resampler.push(time, [9.0])
    np.testing.assert_array_equal(resampler.push(1.3, [3.0])[1], other.push(1.3, [3.0])[1])


def test_bad_resampling_is_named() -> None:
    with pytest.raises(ValueError, match="sampling rate must be positive"):
        rf.Resampler(0.0)
    with pytest.raises(ValueError, match="longest gap must be positive"):
        rf.Resampler(30.0, max_gap=-1.0)
    with pytest.raises(ValueError, match=r"shape \(3,\), got float64 \(2,\)"):
        rf.Resampler(30.0, channels=3).push(0.0, [1.0, 2.0])


SETTINGS = {
    "low": st.floats(0.05, 5.0),
    "width": st.floats(0.2, 8.0),
    "fs": st.floats(5.0, 250.0),
    "order": st.integers(1, 4),
}


@given(**SETTINGS, frequency=st.floats(0.0, 1.0), scale=st.floats(1e-100, 1e100))
def test_any_filter_is_stable_linear_and_scipys(
    low: float, width: float, fs: float, order: int, frequency: float, scale: float
) -> None:
    assume(low + width < 0.45 * fs)
    samples = np.cos(np.pi * frequency * np.arange(400)) + noise(400)
    band_pass = rf.BandPass(low, low + width, fs, order)
    poles = np.concatenate([np.roots(section[3:]) for section in band_pass.sections])
    assert np.abs(poles).max() < 1
    found = band_pass(samples)
    band_pass.reset()
    largest = np.abs(found).max()
    np.testing.assert_allclose(
        band_pass(scale * samples), scale * found, atol=1e-9 * scale * largest
    )
    sections = scipy.signal.butter(order, (low, low + width), "bandpass", fs=fs, output="sos")
    expected = scipy.signal.sosfilt(sections, samples)
    # Poles close to 1 amplify the rounding errors of the sections.
    closest = 1 - np.abs(poles).max()
    assert np.abs(found - expected).max() <= FILTER_TOLERANCE / closest**2 * largest


@given(
    # Sums of steps are rounded, so a step of 0.5 s could be a hole.
    steps=st.lists(st.floats(1e-9, 0.49), min_size=1, max_size=80),
    level=st.floats(-1e6, 1e6),
    slope=st.floats(-1e3, 1e3),
    rate=st.floats(5.0, 120.0),
)
def test_resampling_keeps_a_straight_line(
    steps: list[float], level: float, slope: float, rate: float
) -> None:
    """For any times, the mean of a line over a cell is its value in the middle of the cell."""
    times = np.concatenate([[0.0], np.cumsum(steps)])
    found = resample(times, level + slope * times, rate)
    middles = (np.arange(found.size) + 0.5) / rate
    # A cell that is completed up to a hundredth before its end holds the last value for that time.
    np.testing.assert_allclose(
        found, level + slope * middles, atol=1e-9 * (1 + abs(level)) + 1e-4 * abs(slope) / rate
    )


@given(
    st.lists(st.tuples(st.floats(1e-6, 2.0), st.floats(-1e3, 1e3)), min_size=1, max_size=100),
    st.integers(0, 99),
)
def test_after_a_reset_nothing_is_left_of_what_was(
    values: list[tuple[float, float]], before: int
) -> None:
    used, fresh = rf.Resampler(30.0), rf.Resampler(30.0)
    time = 5.0
    for step, value in values[:before]:
        time += step
        used.push(time, [value])
    used.reset()
    time = 0.0
    for step, value in values:
        time += step
        ours, theirs = used.push(time, [value]), fresh.push(time, [value])
        assert ours[0] == theirs[0]
        np.testing.assert_array_equal(ours[1], theirs[1])
    assert used.value_rate == fresh.value_rate
