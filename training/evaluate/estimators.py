"""Sources of predictions: weights run by the engine, a checkpoint, or a classical method."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Union

import numpy as np
import safetensors
from numpy.typing import NDArray

import rppg_fast as rf
from rppg_fast.methods import METHODS
from rppg_fast.monitor import DEFAULT_METHOD
from rppg_fast.student import BUNDLED_WEIGHTS
from training.data.clips import Frames, as_float
from training.evaluate.validation import Network, as_network, predict_clip
from training.evaluate.windows import (
    Floats,
    SignalStream,
    Window,
    from_zero,
    observed_in,
    read_windows,
)
from training.models.checkpoint import Checkpoint, fingerprint
from training.models.networks import Teacher, load_model
from training.support.parallel import choose_device


@dataclass(frozen=True)
class NetworkSource:
    """A network as a source of predictions.

    Attributes
    ----------
    name : str
        Name in tables.
    about : dict
        Description in plain values: kind, hashes, config.
    network : callable
        Computes changes from motion and appearance.
    kind : str
        Kind of motion, as in ``rppg_fast.motion``.
    teacher : Teacher or None
        The model, if it has attention maps.
    log : list of dict
        Rows of the training log, if known.
    learned_from : frozenset of str
        Subjects in the training data, if known.
    method : str
        How windows are read: "student", by the network alone, or "fusion".
    """

    name: str
    about: dict[str, Any]
    network: Network
    kind: str
    teacher: Teacher | None
    log: list[dict[str, float]]
    learned_from: frozenset[str] = frozenset()
    method: str = "student"

    def rest(self, appearance: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the output for zero motion and an appearance, (3, 36, 36); shape (1,)."""
        return self.network(np.zeros((1, *appearance.shape), np.float32), appearance[None])

    def signal(self, frames: Frames) -> Floats:
        """Return the signals of every frame of a clip, as ``SignalStream.take`` needs them.

        The level of the pulse is the cumulative sum of the network's output minus its output for
        zero motion.
        """
        rest = self.rest(as_float(frames.appearance[0]))
        change = predict_clip(self.network, frames, self.kind) - rest
        level = np.cumsum(np.concatenate([[0.0], change]), dtype=np.float64)
        return from_zero(level, frames.times, observed_in(frames))

    def windows(self, frames: Frames, ends: Collection[int]) -> list[Window]:
        """Read the windows that end at the given frames of a clip."""
        return read_windows(SignalStream(self.method), self.signal(frames), frames.times, ends)


@dataclass(frozen=True)
class MethodSource:
    """A classical method, applied to the mean color of the face; it has no training data."""

    name: str
    method: str
    learned_from: frozenset[str] = frozenset()

    @property
    def about(self) -> dict[str, Any]:
        """Description in plain values."""
        return {"kind": "classical method", "method": self.method}

    def signal(self, frames: Frames) -> Floats:
        """Return the signals of every frame of a clip; the level of the pulse is zero."""
        return from_zero(np.zeros(len(frames.times)), frames.times, observed_in(frames))

    def windows(self, frames: Frames, ends: Collection[int]) -> list[Window]:
        """Read the windows that end at the given frames of a clip."""
        return read_windows(SignalStream(self.method), self.signal(frames), frames.times, ends)


Source = Union[NetworkSource, MethodSource]


def open_source(text: str, device: str = "auto") -> Source:
    """Open a source of predictions.

    Parameters
    ----------
    text
        ``[NAME=]SOURCE``: a weights file (.safetensors) of a student or a teacher, which the
        engine runs; a checkpoint (.pt), which PyTorch runs; "fusion", what the default method reads
        with the bundled student; or "green", "ica", "chrom" or "pos".
    device
        Device on which PyTorch computes, see ``training.support.parallel.choose_device``.

    Raises
    ------
    OSError
        If a file cannot be read.
    ValueError
        If the text names no such source.
    """
    name, what = named(text)
    if what in METHODS:
        return MethodSource(name, what)
    if what == DEFAULT_METHOD:
        return replace(_weights(name, BUNDLED_WEIGHTS), method=DEFAULT_METHOD)
    if what.endswith(".safetensors"):
        return _weights(name, Path(what))
    if what.endswith(".pt"):
        return _checkpoint(name, Path(what), device)
    raise ValueError(
        f"{what!r} is no source: give weights (.safetensors), a checkpoint (.pt), or one of"
        f" {', '.join((DEFAULT_METHOD, *METHODS))}"
    )


def named(text: str) -> tuple[str, str]:
    """Split ``[NAME=]SOURCE`` into name and source; without a name the source is its own."""
    label, equals, rest = text.partition("=")
    # A path may also contain "=", but a name contains no "/".
    return (label, rest) if equals and "/" not in label else (text, text)


def open_network(text: str, method: str = "student") -> NetworkSource:
    """Open a network as ``open_source`` does; windows are read by "student" or "fusion".

    Raises the errors of ``open_source``, and ValueError if the source is a classical method.
    """
    source = open_source(text)
    if not isinstance(source, NetworkSource):
        raise ValueError(f"{text} is no network")
    return replace(source, method=method)


def _weights(name: str, path: Path) -> NetworkSource:
    teaches = _format_of(path) == "rppg_fast.teacher"
    weights = rf.Teacher.load(path) if teaches else rf.Student.load(path)
    said = weights.metadata
    about = {
        "kind": "weights",
        "sha256": weights.sha256,
        "input": said["input"],
        "training_data": said.get("training_data"),
        "config": json.loads(said["config"]) if "config" in said else None,
        "config_sha256": said.get("config_sha256"),
    }

    def network(
        motion: NDArray[np.float32], appearance: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        return weights(motion, appearance) if isinstance(weights, rf.Teacher) else weights(motion)

    return NetworkSource(name, about, network, said["input"], None, [])


def _format_of(path: Path) -> str:
    """Return what a weights file says that it holds; empty if it cannot be read."""
    try:
        with safetensors.safe_open(path, "numpy") as file:
            return str((file.metadata() or {}).get("format", ""))
    except safetensors.SafetensorError:
        return ""  # the engine says what is wrong with it


def _checkpoint(name: str, path: Path, device: str) -> NetworkSource:
    checkpoint = Checkpoint.load(path)
    config = checkpoint.config
    try:
        model = load_model(checkpoint)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    where = choose_device(device)
    about = {
        "kind": f"checkpoint of a {config.network}",
        "sha256": fingerprint(checkpoint.network),
        "input": config.input,
        "training_data": checkpoint.data,
        "training_data_sha256": checkpoint.data_sha256,
        "teacher": checkpoint.teacher,
        "config": json.loads(config.to_json()),
        "config_sha256": config.sha256(),
        "step": checkpoint.step,
    }
    teacher = model if isinstance(model, Teacher) else None
    network = as_network(model.to(where), where)
    learned_from = frozenset(checkpoint.subjects)
    return NetworkSource(name, about, network, config.input, teacher, checkpoint.log, learned_from)
