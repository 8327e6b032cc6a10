"""Run one training in several processes, as ``torchrun`` starts them.

Batch normalisation computes its statistics over the samples of all processes, so that several
processes give the same result as one process with the whole batch. (PyTorch's own SyncBatchNorm
needs a GPU.)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class Processes:
    """The number of this process, and how many processes there are."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and prints."""
        return self.rank == 0


def start(device: torch.device) -> Processes:
    """Join the processes that ``torchrun`` started; do nothing if there is only one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Processes()
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return Processes(distributed.get_rank(), distributed.get_world_size())


def finish(processes: Processes) -> None:
    """Leave the other processes."""
    if processes.count > 1:
        distributed.destroy_process_group()


def local_device(device: torch.device) -> torch.device:
    """Assign each process of a machine a GPU of its own, unless a GPU was chosen by number."""
    if device.type == "cuda" and device.index is None:
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return device


def share(module: nn.Module, processes: Processes) -> nn.Module:
    """Wrap a module so that gradients are averaged over processes; return it if there is one."""
    if processes.count == 1:
        return module
    # The statistics are equal in all processes already (see BatchNorm), so no broadcast is needed.
    return DistributedDataParallel(module, broadcast_buffers=False)


def mean(values: Tensor, processes: Processes) -> Tensor:
    """Average a tensor over all processes."""
    if processes.count == 1:
        return values
    distributed.all_reduce(values)
    return values / processes.count


class _Sum(torch.autograd.Function):
    """Sum over all processes, of values and of gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        """Sum the values."""
        total = values.clone(memory_format=torch.contiguous_format)
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Sum the gradients: the loss of each process depends on the values of all processes."""
        return _Sum.forward(ctx, gradient)


def mean_and_variance(values: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Return mean and variance over some axes and over all processes.

    Parameters
    ----------
    values : Tensor
        float32, of the same shape in every process.
    axes : tuple of int
        Axes to average over; they are kept with length 1.

    Returns
    -------
    mean, variance : Tensor
        Gradients flow to the values of every process.
    """

    def average(part: Tensor) -> Tensor:
        ours = part.mean(axes, keepdim=True)
        if not distributed.is_initialized():
            return ours
        total: Tensor = _Sum.apply(ours)  # type: ignore[no-untyped-call]
        return total / distributed.get_world_size()

    mean = average(values)
    return mean, average((values - mean).square())


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that, in training, uses statistics of the samples of all processes."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (N, C, H, W), in float32 as PyTorch does."""
        if not self.training:
            return super().forward(input)
        values = input.float()
        mean, variance = mean_and_variance(values, (0, 2, 3))
        count = values.numel() // values.shape[1] * distributed.get_world_size()
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        with torch.no_grad():
            unbiased = variance * (count / (count - 1))
            self.running_mean.lerp_(mean.flatten(), self.momentum)
            self.running_var.lerp_(unbiased.flatten(), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight.view(mean.shape) / torch.sqrt(variance + self.eps)
        return ((values - mean) * scale + self.bias.view(mean.shape)).to(input.dtype)


def synchronise(module: nn.Module, processes: Processes) -> None:
    """Make all batch normalisation in a module use statistics of all processes."""
    if processes.count == 1:
        return
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.__class__ = BatchNorm  # same state, another forward method


def choose_device(name: str) -> torch.device:
    """Return the torch device with a given name; "auto" is a GPU if there is one, else the CPU."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = local_device(torch.device(name))
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device {name!r}: {str(error).splitlines()[0]}") from None
    return device
