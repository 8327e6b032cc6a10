"""The two networks of the paper, in PyTorch."""

from __future__ import annotations

from typing import Callable, NamedTuple

import torch
from torch import Tensor, nn

from training.models.checkpoint import Checkpoint
from training.models.config import Config

STUDENT_PARAMETERS = 24_769
TEACHER_PARAMETERS = 795_811
"""Numbers of trainable parameters, as in the paper."""

_POOLINGS: dict[str, Callable[..., Tensor]] = {
    "average": nn.functional.avg_pool2d,
    "max": nn.functional.max_pool2d,
}
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {"tanh": torch.tanh, "relu": torch.relu}


class Maps(NamedTuple):
    """Feature maps that distillation compares.

    Attributes
    ----------
    middle, last : Tensor
        After pooling, shapes (N, 32, 18, 18) and (N, 64, 9, 9).
    middle_full, last_full : Tensor
        Before pooling, shapes (N, 32, 36, 36) and (N, 64, 18, 18).
    """

    middle: Tensor
    last: Tensor
    middle_full: Tensor
    last_full: Tensor


class Student(nn.Module):
    """The paper's student: motion only, two convolutions and one fully connected layer.

    Each 3x3 convolution is followed by batch normalisation, tanh and 2x2 average pooling
    (36 -> 18 -> 9). The last map, flattened in the order C, H, W, is reduced to one number.

    Parameters
    ----------
    activation, pooling : str
        "tanh" or "relu"; "average" or "max". The engine runs only the defaults.

    Examples
    --------
    >>> Student()(torch.zeros(2, 3, 36, 36)).shape
    torch.Size([2])
    """

    def __init__(self, activation: str = "tanh", pooling: str = "average") -> None:
        super().__init__()
        self.activate = _ACTIVATIONS[activation]
        self.pool = _POOLINGS[pooling]
        self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
        self.norm1: nn.Module = nn.BatchNorm2d(32)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.norm2: nn.Module = nn.BatchNorm2d(64)
        self.fc = nn.Linear(64 * 9 * 9, 1)
        assert parameters(self) == STUDENT_PARAMETERS

    def run(self, motion: Tensor, appearance: Tensor | None = None) -> tuple[Tensor, Maps]:
        """Return the predicted change of the pulse and the feature maps; see ``forward``."""
        middle_full = self.activate(self.norm1(self.conv1(motion)))
        middle = self.pool(middle_full, 2)
        last_full = self.activate(self.norm2(self.conv2(middle)))
        last = self.pool(last_full, 2)
        change = self.fc(last.flatten(1)).squeeze(1)
        return change, Maps(middle, last, middle_full, last_full)

    def forward(self, motion: Tensor, appearance: Tensor | None = None) -> Tensor:
        """Predict the change of the pulse over each frame step.

        Parameters
        ----------
        motion : Tensor
            Float, shape (N, 3, 36, 36), RGB planes, as returned by `rppg_fast.motion`.
        appearance : Tensor, optional
            Not used; it gives the student the same signature as the teacher.

        Returns
        -------
        Tensor
            Shape (N,), in units of the training labels' standard deviation.
        """
        return self.run(motion)[0]


class Branch(nn.Module):
    """Four 3x3 convolutions with batch normalisation: one of the teacher's two branches."""

    def __init__(self) -> None:
        super().__init__()
        channels = (3, 32, 32, 64, 64)
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1) for before, after in zip(channels, channels[1:])
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(after) for after in channels[1:])

    def pair(self, maps: Tensor, half: int) -> Tensor:
        """Apply the first (0) or the second (1) pair of convolutions, each followed by tanh."""
        for i in (2 * half, 2 * half + 1):
            maps = torch.tanh(self.norms[i](self.convs[i](maps)))
        return maps


class Teacher(nn.Module):
    """The paper's teacher, based on CAN (DeepPhys): motion weighted by attention on the appearance.

    There are two branches of four 3x3 convolutions with batch normalisation and tanh. After the
    second and the fourth, a 1x1 convolution and a sigmoid turn the map of the appearance branch
    into a spatial attention map, which multiplies the map of the motion branch. Each time 2x2
    average pooling follows (36 -> 18 -> 9). Two fully connected layers are last.

    Examples
    --------
    >>> Teacher()(torch.zeros(2, 3, 36, 36), torch.zeros(2, 3, 36, 36)).shape
    torch.Size([2])
    """

    def __init__(self) -> None:
        super().__init__()
        self.motion = Branch()
        self.appearance = Branch()
        self.attention1 = nn.Conv2d(32, 1, 1)
        self.attention2 = nn.Conv2d(64, 1, 1)
        self.fc1 = nn.Linear(64 * 9 * 9, 128)
        self.fc2 = nn.Linear(128, 1)
        assert parameters(self) == TEACHER_PARAMETERS

    def attention(self, appearance: Tensor) -> tuple[Tensor, Tensor]:
        """Return the two spatial attention maps (SA_1 and SA_2 in the paper).

        Parameters
        ----------
        appearance : Tensor
            Float, shape (N, 3, 36, 36), RGB planes from 0 to 1.

        Returns
        -------
        Tensor, Tensor
            Values between 0 and 1, shapes (N, 1, 36, 36) and (N, 1, 18, 18).
        """
        seen = self.appearance.pair(appearance, 0)
        first = torch.sigmoid(self.attention1(seen))
        seen = self.appearance.pair(nn.functional.avg_pool2d(seen, 2), 1)
        return first, torch.sigmoid(self.attention2(seen))

    def run(self, motion: Tensor, appearance: Tensor) -> tuple[Tensor, Maps]:
        """Return the predicted change of the pulse and the feature maps after attention."""
        first, second = self.attention(appearance)
        middle_full = first * self.motion.pair(motion, 0)
        middle = nn.functional.avg_pool2d(middle_full, 2)
        last_full = second * self.motion.pair(middle, 1)
        last = nn.functional.avg_pool2d(last_full, 2)
        change = self.fc2(torch.tanh(self.fc1(last.flatten(1)))).squeeze(1)
        return change, Maps(middle, last, middle_full, last_full)

    def forward(self, motion: Tensor, appearance: Tensor) -> Tensor:
        """Predict the change of the pulse over each frame step.

        Parameters
        ----------
        motion : Tensor
            Float, shape (N, 3, 36, 36), RGB planes, as returned by `rppg_fast.motion`.
        appearance : Tensor
            Float, shape (N, 3, 36, 36), RGB planes from 0 to 1, of the earlier frame of each step.

        Returns
        -------
        Tensor
            Shape (N,), in units of the training labels' standard deviation.
        """
        return self.run(motion, appearance)[0]


def new_model(config: Config) -> Student | Teacher:
    """Create the network of a config, with initial weights that depend only on its seed."""
    torch.manual_seed(config.seed)
    if config.network == "teacher":
        return Teacher()
    return Student(config.activation, config.pooling)


def load_model(checkpoint: Checkpoint) -> Student | Teacher:
    """Create the network of a checkpoint, in evaluation mode.

    Raises
    ------
    ValueError
        If the checkpoint's weights do not fit its config, or are not finite.
    """
    model = new_model(checkpoint.config)
    try:
        model.load_state_dict(checkpoint.network)
    except RuntimeError as error:
        problem = " ".join(str(error).split())
        raise ValueError(
            f"the checkpoint does not hold a {checkpoint.config.network}: {problem}"
        ) from None
    for name, tensor in checkpoint.network.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"the checkpoint's {name} has values that are not finite")
    return model.eval()


def parameters(model: nn.Module) -> int:
    """Count the trainable parameters of a network."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
