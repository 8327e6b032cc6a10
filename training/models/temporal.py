"""The temporal network: the pulse of a window from the signals of all its parts.

The student sees one step between two frames. This network sees a whole window of seconds: the
student's pulse and the color of the face, of 16 blocks in it and of the rim around it. It decides
at each time which regions show the pulse, and what in them moves without it.
``csrc/reading/temporal.cpp`` runs it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt
from torch import Tensor, nn

from rppg_fast import _core
from rppg_fast.evaluation.metrics import PULSE
from training.support.headers import opening
from training.support.rounding import multiples

COARSE = 3
"""Samples of a window that are averaged into one cell."""

RATE = PULSE.rate / COARSE
"""Cells a second, Hz."""

REGIONS = 17
"""16 blocks of the face and the rim around it."""

COLORS = 3
SIGNALS = 1 + COLORS + 2 * REGIONS

SMALL = 0.003
"""A relative change of light that counts as large: inputs are x / (SMALL + |x|)."""

SMOOTH = 31
"""Cells over which the weights of the regions are averaged."""

BITS = 8
"""Bits of a weight of a convolution in the engine, see ``TemporalNetwork.round_weights``."""

_FAINT = 1e-6  # of the student's pulse, against a division by zero

assert SIGNALS == _core.SIGNALS

Weights = NDArray[np.float32]
"""The weights of a network in the order in which the engine has them; see ``packed``."""


def cells_of(signals: NDArray[np.floating]) -> NDArray[np.float64]:
    """Average samples to cells and band-pass them forwards and backwards.

    Parameters
    ----------
    signals : (..., samples, channels)
        At ``PULSE.rate``; colors and brightness as logarithms.

    Returns
    -------
    float64 (..., cells, channels)
        The last samples fill whole cells; earlier ones that do not are left out.
    """
    count = signals.shape[-2] // COARSE
    used = signals[..., signals.shape[-2] - count * COARSE :, :]
    cells = used.reshape(*used.shape[:-2], count, COARSE, used.shape[-1]).mean(-2)
    sos = butter(1, (PULSE.low, PULSE.high), "bandpass", fs=RATE, output="sos")
    padding = min(round(RATE / PULSE.low), count - 1)  # as csrc/signal/band_pass.cpp
    return np.asarray(sosfiltfilt(sos, cells, -2, padtype="even", padlen=padding))


class TemporalNetwork(nn.Module):
    """Computes the pulse of windows from their cells.

    Parameters
    ----------
    channels
        Channels of a region.
    width
        Channels of the whole face.
    kernel
        Cells that a convolution sees; an odd number.
    """

    def __init__(self, channels: int = 8, width: int = 32, kernel: int = 5) -> None:
        super().__init__()
        whole = 1 + COLORS

        def convolution(inputs: int, outputs: int, step: int = 1) -> nn.Conv1d:
            padding = kernel // 2 * step
            return nn.Conv1d(inputs, outputs, kernel, padding=padding, dilation=step)

        self.region_first = convolution(2 + whole, channels)
        self.region_second = convolution(channels, channels)
        self.score = nn.Conv1d(channels, 1, 1)
        self.face_first = convolution(channels + whole + 2, width)
        self.face = nn.ModuleList(convolution(width, width, step) for step in (1, 2, 4))
        self.output = convolution(width, 1)
        self.student = nn.Parameter(torch.tensor(0.3))

    @property
    def convolutions(self) -> list[nn.Conv1d]:
        """The convolutions in the order of their weights in the engine."""
        face = [layer for layer in self.face if isinstance(layer, nn.Conv1d)]
        regions = [self.region_first, self.region_second, self.score]
        return [*regions, self.face_first, *face, self.output]

    def round_weights(self) -> None:
        """Round the weights of each convolution to whole multiples of a power of two."""
        for layer in self.convolutions:
            found, unit = multiples(layer.weight.detach().double().numpy(), BITS)
            layer.weight.data = torch.from_numpy(found * unit).to(layer.weight.dtype)

    def forward(self, cells: Tensor) -> Tensor:
        """Compute the pulse, in units of its own; it is zero where nothing changes.

        Parameters
        ----------
        cells
            Shape (windows, ``SIGNALS``, cells), of ``cells_of``.

        Returns
        -------
        Tensor
            Shape (windows, cells).
        """
        rest = torch.zeros_like(cells[:1])
        return self._respond(cells) - self._respond(rest)

    def _respond(self, cells: Tensor) -> Tensor:
        windows, _, count = cells.shape
        level = cells[:, :1]
        level = level / (level.std(-1, correction=0, keepdim=True) + _FAINT)
        changes = cells[:, 1:]
        changes = changes / (SMALL + changes.abs())
        whole = torch.cat([level / (1 + level.abs()), changes[:, :COLORS]], 1)
        # Brightness and color of each region.
        regions = changes[:, COLORS:].view(windows, 2, REGIONS, count).transpose(1, 2)
        seen = torch.cat([regions, whole[:, None].expand(-1, REGIONS, -1, -1)], 2).flatten(0, 1)
        found = torch.relu(self.region_first(seen))
        found = found + torch.relu(self.region_second(found))
        score = self.score(found).view(windows, REGIONS, count)
        edge = SMOOTH // 2
        score = nn.functional.pad(score, (edge, edge), mode="replicate")
        weight = nn.functional.avg_pool1d(score, SMOOTH, 1).softmax(1)[:, :, None]
        found = (found.view(windows, REGIONS, -1, count) * weight).sum(1)
        face = torch.cat([found, whole, (regions * weight).sum(1)], 1)
        face = torch.relu(self.face_first(face))
        for convolution in self.face:
            face = face + torch.relu(convolution(face))
        pulse: Tensor = (self.output(face) + self.student * level)[:, 0]
        return pulse


def packed(network: TemporalNetwork) -> NDArray[np.float32]:
    """Return the weights in the order of ``TemporalWeights`` in csrc/reading/temporal.hpp.

    Of a convolution: for each tap, input and output the weight, then the biases.
    """
    parts = []
    for layer in network.convolutions:
        assert layer.bias is not None
        parts += [layer.weight.permute(2, 1, 0).flatten(), layer.bias]
    parts.append(network.student[None])
    return torch.cat([part.detach() for part in parts]).numpy()


def as_header(weights: NDArray[np.float32], about: str) -> str:
    """Return rounded weights as a C++ header.

    Parameters
    ----------
    weights
        Of ``packed``, after ``TemporalNetwork.round_weights``.
    about
        What the weights were made from.
    """
    network = TemporalNetwork()
    whole: list[NDArray[np.int64]] = []
    units: list[float] = []
    others: list[np.float32] = []
    place = 0
    for layer in network.convolutions:
        assert layer.bias is not None
        count, biases = layer.weight.numel(), layer.bias.numel()
        found, unit = multiples(weights[place : place + count], BITS)
        whole.append(found)
        units.append(unit)
        others.extend(weights[place + count : place + count + biases])
        place += count + biases
    others.append(weights[place])
    joined = np.concatenate(whole)
    rows = [", ".join(map(str, part)) for part in np.array_split(joined, -(-len(joined) // 128))]
    values = ",\n    ".join(rows)
    first, face = network.region_first, network.face_first
    return f"""{opening("training/train/temporal.py", about)}
#pragma once

#include <cstdint>

namespace rppg::temporal_weights {{

// clang-format off
inline constexpr int kRegionChannels = {first.out_channels}, kFaceChannels = {face.out_channels};
inline constexpr int kTaps = {first.kernel_size[0]}, kSmooth = {SMOOTH};

// The weights of all convolutions, as multiples of a unit of each convolution; then the biases of
// all of them, and the weight of the student's pulse.
inline constexpr float kUnits[] = {{{", ".join(f"{unit!r}f" for unit in units)}}};
inline constexpr std::int{BITS}_t kMultiples[] = {{
    {values}}};
inline constexpr float kOthers[] = {{
    {", ".join(f"{value:#.9g}f" for value in others)}}};
// clang-format on

}}  // namespace rppg::temporal_weights
"""


@dataclass(frozen=True)
class Unseen:
    """Temporal networks by the persons that they have not learned from.

    A network is surer of the persons that it has learned from. A confidence must be fitted to its
    pulses of others.

    Attributes
    ----------
    by_person : dict of str to float32 array
        Weights, see ``training.train.temporal``.
    others : float32 array or None
        Weights for all other persons; None for those of this build.
    """

    by_person: Mapping[str, Weights]
    others: Weights | None = None

    @classmethod
    def read(cls, paths: Sequence[Path]) -> Unseen:
        """Read files of ``training.train.temporal``.

        One that leaves nobody out has the weights for the persons whom no other one leaves out.
        """
        found: dict[str, Weights] = {}
        others = None
        for path in paths:
            with np.load(path) as kept:
                left_out = [str(person) for person in kept["left_out"]]
                if left_out:
                    found.update(dict.fromkeys(left_out, kept["weights"]))
                else:
                    others = kept["weights"]
        return cls(found, others)

    def of(self, person: str) -> Weights | None:
        """Return the weights for a person; None for those of this build."""
        return self.by_person.get(person, self.others)
