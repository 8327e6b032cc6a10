"""Plots of a measurement; they need matplotlib (the extra ``plot``)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from rppg_fast.pulse import PulseSettings, spectrum
from rppg_fast.reading import Measurement, Reading, Status
from rppg_fast.reference import Reference

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Floats = NDArray[np.float64]

# The paper's colors: blue for the prediction, red for the truth.
_PREDICTED, _TRUE = "tab:blue", "tab:red"


def plot_measurement(
    measurement: Measurement,
    path: str | os.PathLike[str],
    reference: Reference | None = None,
    settings: PulseSettings | None = None,
) -> None:
    """Draw pulse and power spectrum of the clearest window, and the heart rate over time.

    The first row is like the paper's figures 5 and 6. The second row is drawn if there is more than
    one window.

    Parameters
    ----------
    measurement
        The result of ``rppg_fast.measure``.
    path
        File to write; its ending chooses the format, such as ``.png``.
    reference
        A finger's PPG to draw beside the pulse.
    settings
        The settings of the measurement; the defaults if not given.

    Raises
    ------
    ValueError
        If the measurement has no window, or if matplotlib does not know the ending.
    ImportError
        If matplotlib is not installed.
    OSError
        If the file cannot be written.
    """
    from matplotlib.figure import Figure

    if not measurement.windows:
        raise ValueError(
            f"{measurement.video}: nothing to plot, its status is {measurement.status}"
        )
    settings = settings or PulseSettings()
    window = _clearest(measurement.windows)
    series = measurement.windows if len(measurement.windows) > 1 else ()
    figure = Figure(figsize=(10, 6 if series else 3.2), layout="constrained")
    grid = figure.subplot_mosaic(
        [["pulse", "spectrum"], ["rate", "rate"]] if series else [["pulse", "spectrum"]]
    )
    inside = _within(measurement.times, window)
    name = "predicted" if window.status is Status.OK else "no heart rate"
    traces = [(name, _PREDICTED, measurement.times[inside], measurement.pulse[inside])]
    if reference is not None:
        times, ppg = reference.pulse(settings)
        covered = _within(times, window)
        traces.append(("PPG", _TRUE, times[covered], ppg[covered]))
    for label, color, times, values in traces:
        if values.size > 1:
            _draw_pulse(grid["pulse"], times, values, label, color)
            _draw_spectrum(grid["spectrum"], values, label, color, settings)
    grid["pulse"].set(xlabel="time (s)", ylabel="pulse (standard deviations)")
    grid["spectrum"].set(
        xlabel="frequency (Hz)", ylabel="power (share of the peak)", xlim=(0, settings.high + 0.5)
    )
    if reference is not None:
        grid["pulse"].legend(loc="upper right")
    grid["spectrum"].legend(loc="upper right")
    if series:
        _draw_rates(grid["rate"], measurement.windows, reference)
    _title(figure, measurement, window)
    figure.savefig(os.fspath(path), dpi=120)


def _clearest(windows: tuple[Reading, ...]) -> Reading:
    def clarity(window: Reading) -> tuple[bool, float]:
        snr_db = -np.inf if window.snr_db is None else window.snr_db
        return window.status is Status.OK, snr_db

    return max(windows, key=clarity)


def _within(times: Floats, window: Reading) -> NDArray[np.bool_]:
    return np.asarray((times >= window.start_s) & (times <= window.end_s))


def _draw_pulse(axes: Axes, times: Floats, values: Floats, label: str, color: str) -> None:
    axes.plot(times, (values - values.mean()) / (values.std() or 1.0), color, label=label, lw=1.2)


def _draw_spectrum(
    axes: Axes, values: Floats, label: str, color: str, settings: PulseSettings
) -> None:
    found = spectrum(values, settings.rate, settings.low, settings.high)
    band = (found.frequencies >= settings.low) & (found.frequencies <= settings.high)
    power = found.power / (found.power[band].max() or 1.0)
    axes.plot(found.frequencies, power, color, lw=1.2)
    if np.isfinite(found.heart_rate):
        frequency = found.heart_rate / 60.0
        axes.plot(
            frequency,
            np.interp(frequency, found.frequencies, power),
            "o",
            color=color,
            label=label if label == "no heart rate" else f"{label}: {found.heart_rate:.1f} bpm",
        )


def _draw_rates(axes: Axes, windows: tuple[Reading, ...], reference: Reference | None) -> None:
    if reference is not None:
        axes.plot(reference.times, reference.heart_rate, _TRUE, lw=1.2, label="reference")
    right = [window for window in windows if window.heart_rate_bpm is not None]
    axes.plot(
        [0.5 * (window.start_s + window.end_s) for window in right],
        [window.heart_rate_bpm for window in right if window.heart_rate_bpm is not None],
        "o",
        color=_PREDICTED,
        ms=4,
        label="predicted",
    )
    silent = [window for window in windows if window.heart_rate_bpm is None]
    for window in silent:
        axes.axvline(0.5 * (window.start_s + window.end_s), color="0.85", zorder=0)
    axes.set(xlabel="middle of the window (s)", ylabel="heart rate (bpm)")
    axes.legend(loc="upper right")


def _title(figure: Figure, measurement: Measurement, window: Reading) -> None:
    name = os.path.basename(measurement.video)
    if measurement.heart_rate_bpm is None:
        result = f"no heart rate ({measurement.status})"
    else:
        result = f"{measurement.heart_rate_bpm:.1f} bpm"
    seconds = f"{window.start_s:.1f} to {window.end_s:.1f} s"
    figure.suptitle(f"{name}: {result}, {measurement.method}; window {seconds}")
