r"""Export a checkpoint to a weights file with a model card, and if wanted to a golden file.

    python -m training.models.export --checkpoint OUT/checkpoint.pt \
        --out rppg_fast/assets/student.safetensors --golden tests/fixtures/student_golden.npz

The card is written beside the weights, under the same name with `.md`. Tests compare other
implementations of the network with the golden file; only the shipped weights need one.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import io
import json
import struct
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.models.checkpoint import Checkpoint
from training.models.networks import Student, load_model
from training.support.command import command
from training.support.files import replace_file

FORMAT = "rppg_fast.student"
VERSION = "1"
GOLDEN_SEED = 20230
GOLDEN_EACH = 6  # number of golden inputs of each random kind


def fold(student: Student) -> Student:
    """Fold batch normalisation into the convolutions.

    Parameters
    ----------
    student : Student
        A student in any precision; it is not changed.

    Returns
    -------
    Student
        The same function in evaluation mode, without batch normalisation. It is computed in float64
        and rounded to float32 once. Its `state_dict` holds the six tensors of the weights file.
    """
    folded = copy.deepcopy(student).double().eval()
    for convolution, norm in ((folded.conv1, folded.norm1), (folded.conv2, folded.norm2)):
        assert isinstance(norm, nn.BatchNorm2d)
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert convolution.bias is not None
        with torch.no_grad():
            gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            convolution.weight *= gain.view(-1, 1, 1, 1)
            convolution.bias.copy_((convolution.bias - norm.running_mean) * gain + norm.bias)
    folded.norm1 = folded.norm2 = nn.Identity()
    return folded.float()


def load_student(checkpoint: Checkpoint) -> Student:
    """Rebuild the trained student of a checkpoint, in evaluation mode.

    Raises
    ------
    ValueError
        If the checkpoint holds another network, a student that the engine cannot run, or values
        that are not finite.
    """
    config = checkpoint.config
    if (config.activation, config.pooling) != ("tanh", "average"):
        raise ValueError(
            "the engine runs students with tanh and average pooling, not"
            f" {config.activation} and {config.pooling} pooling"
        )
    student = load_model(checkpoint)
    if not isinstance(student, Student):
        raise ValueError("the checkpoint holds a teacher; only students are exported")
    return student


def metadata(checkpoint: Checkpoint) -> dict[str, str]:
    """Return the metadata of the weights file."""
    return {
        "format": FORMAT,
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


def golden(student: Student, weights: bytes) -> bytes:
    """Run a student on the golden inputs, for parity tests of other implementations.

    Parameters
    ----------
    student : Student
        The trained student, with batch normalisation.
    weights : bytes
        The weights file of this student; its hash links the two files.

    Returns
    -------
    bytes
        An .npz file of `motion` (N, 3, 36, 36) float32; `change` (N,) float64, the shipped
        float32 weights in float64 arithmetic; `change_unfolded` (N,) float64, before folding;
        `change_float32` (N,) float32, the shipped weights in float32 arithmetic; and
        `weights_sha256`.
    """
    motion = torch.from_numpy(golden_motion())
    folded = fold(student)
    exact, unfolded = copy.deepcopy(folded).double(), copy.deepcopy(student).double().eval()
    file = io.BytesIO()
    with torch.inference_mode():
        np.savez_compressed(
            file,
            motion=motion.numpy(),
            change=exact(motion.double()).numpy(),
            change_unfolded=unfolded(motion.double()).numpy(),
            change_float32=folded(motion).numpy(),
            weights_sha256=np.array(hashlib.sha256(weights).hexdigest()),
        )
    return file.getvalue()


def card(checkpoint: Checkpoint, weights: bytes) -> str:
    """Return the model card: description of the weights, scores and limits."""
    config = checkpoint.config
    return f"""# Student weights

| | |
|---|---|
| File | `student.safetensors`, SHA-256 `{hashlib.sha256(weights).hexdigest()}` |
| Network | The student of Hwang, Park and Lee (2023): 24,769 parameters, batch normalisation \
folded in |
| Input | 36x36 motion, `{config.input}` (`rppg_fast.motion`) |
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
        If the checkpoint holds no student, or if its training is not finished.
    """
    if checkpoint.step != checkpoint.config.steps:
        raise ValueError(
            f"the checkpoint stands at step {checkpoint.step} of {checkpoint.config.steps}:"
            " finish the training first"
        )
    student = load_student(checkpoint)
    weights = safetensors(fold(student).state_dict(), metadata(checkpoint))
    replace_file(out, weights)
    replace_file(out.with_suffix(".md"), card(checkpoint, weights).encode())
    if golden_file is not None:
        replace_file(golden_file, golden(student, weights))


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
