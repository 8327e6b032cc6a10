r"""Export a checkpoint to a weights file with a model card, and if wanted to a golden file.

    python -m training.models.export --checkpoint OUT/checkpoint.pt \
        --out rppg_fast/assets/student.safetensors --golden tests/fixtures/student_golden.npz

The checkpoint's network may be a student or a teacher. The card is written beside the weights,
under the same name with `.md`. Tests compare other implementations of the network with the golden
file; only the shipped weights need one.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import io
import json
import re
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.models.checkpoint import Checkpoint
from training.models.networks import Student, Teacher, load_model
from training.support.command import command
from training.support.files import replace_file

FORMAT = "rppg_fast."
VERSION = "1"
GOLDEN_SEED = 20230
GOLDEN_EACH = 6  # number of golden inputs of each random kind


Network = TypeVar("Network", bound=nn.Module)


def fold(network: Network) -> Network:
    """Fold batch normalisation into the convolutions.

    Parameters
    ----------
    network : Student or Teacher
        A network in any precision; it is not changed.

    Returns
    -------
    Student or Teacher
        The same function in evaluation mode, without batch normalisation. It is computed in float64
        and rounded to float32 once.
    """
    folded = copy.deepcopy(network).double().eval()
    _fold_all(folded)
    return folded.float()


def _fold_all(network: nn.Module) -> None:
    if isinstance(network, Student):
        _fold(network.conv1, network.norm1)
        _fold(network.conv2, network.norm2)
        network.norm1 = network.norm2 = nn.Identity()
        return
    assert isinstance(network, Teacher)
    for branch in (network.motion, network.appearance):
        for convolution, norm in zip(branch.convs, branch.norms):
            _fold(convolution, norm)
        branch.norms = nn.ModuleList(nn.Identity() for _ in branch.norms)


def _fold(convolution: nn.Module, norm: nn.Module) -> None:
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert convolution.bias is not None
    with torch.no_grad():
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        convolution.weight *= gain.view(-1, 1, 1, 1)
        convolution.bias.copy_((convolution.bias - norm.running_mean) * gain + norm.bias)


def file_tensors(folded: Student | Teacher) -> dict[str, Tensor]:
    """Return a folded network's tensors under their names in the weights file.

    The names of a teacher's convolutions are ``motion.conv1.weight``, ``appearance.conv1.weight``
    and so on.
    """
    return {
        re.sub(r"convs\.(\d)", lambda found: f"conv{int(found[1]) + 1}", name): tensor
        for name, tensor in folded.state_dict().items()
    }


def load_network(checkpoint: Checkpoint) -> Student | Teacher:
    """Rebuild the trained network of a checkpoint, in evaluation mode.

    Raises
    ------
    ValueError
        If the checkpoint holds a network that the engine cannot run, or values that are not finite.
    """
    config = checkpoint.config
    if (config.activation, config.pooling) != ("tanh", "average"):
        raise ValueError(
            "the engine runs networks with tanh and average pooling, not"
            f" {config.activation} and {config.pooling} pooling"
        )
    return load_model(checkpoint)


def metadata(checkpoint: Checkpoint) -> dict[str, str]:
    """Return the metadata of the weights file."""
    return {
        "format": FORMAT + checkpoint.config.network,
        "version": VERSION,
        "input": checkpoint.config.input,
        "training_data": checkpoint.data,
        "config": checkpoint.config.to_json(),
        "config_sha256": checkpoint.config.sha256(),
    }


def safetensors(tensors: Mapping[str, Tensor], about: Mapping[str, str]) -> bytes:
    """Return float32 tensors in the safetensors format.

    The safetensors package is not used because it orders the metadata at random: the same
    checkpoint must always give the same bytes, and so the same hash.
    """
    header: dict[str, object] = {"__metadata__": dict(about)}
    data = b""
    for name, tensor in tensors.items():
        values = tensor.detach().cpu().numpy().astype("<f4").tobytes()
        header[name] = {
            "dtype": "F32",
            "shape": list(tensor.shape),
            "data_offsets": [len(data), len(data) + len(values)],
        }
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # the format aligns the data to 8 bytes
    return struct.pack("<Q", len(text)) + text + data


def golden_motion() -> NDArray[np.float32]:
    """Return inputs for parity tests: constant, extreme, noise, and smooth like a face's motion.

    Returns
    -------
    NDArray[np.float32]
        Shape (N, 3, 36, 36), from a fixed seed.
    """
    random = np.random.default_rng(GOLDEN_SEED)
    shape = (GOLDEN_EACH, 3, 36, 36)
    constant = np.stack([np.full(shape[1:], value) for value in (0.0, 10.0, -10.0)])
    extreme = random.choice([-10.0, 10.0], (2, *shape[1:]))
    noise = random.normal(size=shape)
    coarse = torch.from_numpy(random.normal(size=(GOLDEN_EACH, 3, 6, 6)))
    smooth = nn.functional.interpolate(coarse, size=(36, 36), mode="bicubic").numpy()
    faint = smooth * 0.05 + 0.02 * random.normal(size=shape)
    return np.concatenate([constant, extreme, noise, smooth, faint]).astype(np.float32)


def golden_appearance() -> NDArray[np.float32]:
    """Return appearances for ``golden_motion``: black, white, noise, and smooth ones.

    Returns
    -------
    NDArray[np.float32]
        Shape (N, 3, 36, 36), values from 0 to 1, seeded.
    """
    count = len(golden_motion())
    random = np.random.default_rng(GOLDEN_SEED + 1)
    coarse = torch.from_numpy(random.uniform(size=(count, 3, 6, 6)))
    seen = nn.functional.interpolate(coarse, size=(36, 36), mode="bilinear").numpy()
    seen[0], seen[1] = 0.0, 1.0
    seen[2:6] = random.uniform(size=seen[2:6].shape)
    return seen.astype(np.float32)


def golden(network: Student | Teacher, weights: bytes) -> bytes:
    """Run a network on the golden inputs, for parity tests of other implementations.

    Parameters
    ----------
    network : Student or Teacher
        The trained network, with batch normalisation.
    weights : bytes
        The weights file of this student; its hash links the two files.

    Returns
    -------
    bytes
        An .npz file of `motion` and, for a teacher, `appearance`, each (N, 3, 36, 36) float32;
        `change` (N,) float64, the shipped float32 weights in float64 arithmetic;
        `change_unfolded` (N,) float64, before folding; `change_float32` (N,) float32, the shipped
        weights in float32 arithmetic; and `weights_sha256`.
    """
    inputs: dict[str, Any] = {"motion": golden_motion()}
    if isinstance(network, Teacher):
        inputs["appearance"] = golden_appearance()
    folded: nn.Module = fold(network)
    exact, unfolded = copy.deepcopy(folded).double(), copy.deepcopy(network).double().eval()
    single = [torch.from_numpy(values) for values in inputs.values()]
    double = [tensor.double() for tensor in single]
    file = io.BytesIO()
    with torch.inference_mode():
        np.savez_compressed(
            file,
            **inputs,
            change=exact(*double).numpy(),
            change_unfolded=unfolded(*double).numpy(),
            change_float32=folded(*single).numpy(),
            weights_sha256=np.array(hashlib.sha256(weights).hexdigest()),
        )
    return file.getvalue()


#: The number of parameters and the input of each network, for its card.
_ABOUT = {
    "student": ("24,769", "36x36 motion, `{input}` (`rppg_fast.motion`)"),
    "teacher": (
        "795,811",
        "36x36 motion, `{input}` (`rppg_fast.motion`), and the earlier frame's appearance, values"
        " from 0 to 1 (`rppg_fast.appearance`)",
    ),
}


def card(checkpoint: Checkpoint, file: str, weights: bytes) -> str:
    """Return the model card: description of the weights, scores and limits."""
    config = checkpoint.config
    parameters, takes = _ABOUT[config.network]
    return f"""# {config.network.capitalize()} weights

| | |
|---|---|
| File | `{file}`, SHA-256 `{hashlib.sha256(weights).hexdigest()}` |
| Network | The {config.network} of Hwang, Park and Lee (2023): {parameters} parameters, batch \
normalisation folded in |
| Input | {takes.format(input=config.input)} |
| Output | Change of the pulse over one frame step, in units of the training labels' standard \
deviation ({checkpoint.label_std:.6g}) |
| Training data | {checkpoint.data} |
| Config | `{config.to_json()}`, SHA-256 `{config.sha256()}` |
| Steps | {checkpoint.step} of {config.steps}, batch {config.batch}, seed {config.seed} |
| Began with | {_origin(checkpoint.start, "random weights")} |
| Teacher | {_origin(checkpoint.teacher, "none")} |
| Licence | MIT, like the code |

## On the validation clips

{_scores(checkpoint)}

## Limits

- It has seen the training data named above and nothing else. How it does on a given camera, skin,
  light or movement is for its user to find out; look at the status and the signal-to-noise ratio
  of each reading.
- A light that flickers, or a head that nods, at a rate within the heart's band can pass for a
  pulse.
- Not a medical device.

Made by `python -m training.models.export`; `training/README.md` has every command from data on.
"""


def _origin(fingerprint: str, nothing: str) -> str:
    return f"weights with the fingerprint `{fingerprint}`" if fingerprint else nothing


def _scores(checkpoint: Checkpoint) -> str:
    scored = [row for row in checkpoint.log if "correlation" in row]
    if not scored:
        return "There were none."
    last = scored[-1]
    return f"""{checkpoint.validation}; one heart rate for each clip.

| Correlation of the changes | Heart rate MAE | Clips within 3 bpm | SNR at the true rate |
|---|---|---|---|
| {last["correlation"]:.3f} | {last["mae_bpm"]:.2f} bpm | {last["within_3_bpm"]:.1%} | \
{last["snr_db"]:+.2f} dB |

The mean error is ruled by the few clips that nobody could read."""


def export(checkpoint: Checkpoint, out: Path, golden_file: Path | None) -> None:
    """Write the weights file, its card, and the golden file if ``golden_file`` is not None.

    Raises
    ------
    OSError
        If a file cannot be written.
    ValueError
        If the engine cannot run the checkpoint's network, or if its training is not finished.
    """
    if checkpoint.step != checkpoint.config.steps:
        raise ValueError(
            f"the checkpoint stands at step {checkpoint.step} of {checkpoint.config.steps}:"
            " finish the training first"
        )
    network = load_network(checkpoint)
    weights = safetensors(file_tensors(fold(network)), metadata(checkpoint))
    replace_file(out, weights)
    replace_file(out.with_suffix(".md"), card(checkpoint, out.name, weights).encode())
    if golden_file is not None:
        replace_file(golden_file, golden(network, weights))


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m training.models.export", description=__doc__)
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="made by training.train.train"
    )
    parser.add_argument("--out", type=Path, required=True, help="weights file; the card: .md")
    parser.add_argument("--golden", type=Path, help="golden file, .npz")
    given = parser.parse_args(arguments)
    export(Checkpoint.load(given.checkpoint), given.out, given.golden)
    print(f"{given.out}: SHA-256 {hashlib.sha256(given.out.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
