"""Write synthetic recordings in the layout of UBFC-rPPG, DATASET_2.

    python -m training.synthetic.write_ubfc --out DIR --subjects 4 --seconds 60

makes ``DIR/subject1/vid.avi`` with ``ground_truth.txt`` and so on. The text file has three rows
with one value per frame: PPG, heart rate in bpm, time in seconds. ``scene.json`` beside them
describes what the video shows. The videos of UBFC-rPPG itself are raw (``--codec raw``). Complete
subjects are not made again.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
from tqdm import tqdm

from training.data.ubfc_format import write_ground_truth
from training.synthetic.codec import CODECS, write_video
from training.synthetic.generate import clip_times, parse_ranges
from training.synthetic.parameters import OFF, Law, OneOf
from training.synthetic.render import place_in_frame, render
from training.synthetic.scene import sample_scene
from training.synthetic.timeline import pulse_wave

_VIDEO = "vid.avi"
_TRUTH = "ground_truth.txt"
_SCENE = "scene.json"


@dataclass(frozen=True)
class Recording:
    """The values that determine a subject's file, besides the scene.

    Attributes
    ----------
    width, height : int
        Size, pixels, both even.
    seconds, fps : float
        Length, s, and constant frame rate, Hz.
    codec : str
        One of ``codec.CODECS``.
    bits_per_pixel : float
        For lossy encoders.
    """

    width: int
    height: int
    seconds: float
    fps: float
    codec: str
    bits_per_pixel: float


def write_subject(
    folder: Path, seed: int, index: int, recording: Recording, ranges: Mapping[str, Law]
) -> None:
    """Write one subject if it does not exist.

    Parameters
    ----------
    folder
        Folder of the subject.
    seed, index
        Seed and index of the scene.
    recording
        Length, size and encoder.
    ranges
        Laws that replace those of ``scene.RANGES``; the frame rate is the recording's, and the
        frames are evenly spaced.

    Raises
    ------
    FileExistsError
        If the folder has a subject made with other settings.
    """
    # An AVI file can only store a constant frame rate.
    steady: dict[str, Law] = {
        "camera.fps": OneOf((recording.fps,)),
        "camera.time_jitter": OFF,
        "camera.drops": OFF,
    }
    scene = sample_scene(seed, index, {**ranges, **steady})
    about = json.dumps({"recording": asdict(recording), "scene": scene.to_json()}, indent=1)
    known = folder / _SCENE
    if known.is_file() and known.read_text(encoding="utf-8") != about:
        raise FileExistsError(f"{folder} holds a subject made with other settings")
    if (folder / _TRUTH).is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    known.write_text(about, encoding="utf-8")
    times = clip_times(scene, recording.seconds)
    placement = place_in_frame(scene, recording.width, recording.height)
    bits = recording.bits_per_pixel * recording.width * recording.height * recording.fps
    frames = tqdm(
        render(scene, placement, times), folder.name, len(times), unit="frame", leave=False
    )
    write_video(folder / _VIDEO, frames, recording.codec, recording.fps, round(bits))
    # Written last: it marks the subject as complete. Without a pulse, PPG and heart rate are zero.
    wave = pulse_wave(scene)
    alive = float(scene.has_pulse)
    write_ground_truth(
        folder / _TRUTH, alive * wave.ppg(times), alive * wave.heart_rate(times), times
    )


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if not match or int(match[1]) % 2 or int(match[2]) % 2:
        raise argparse.ArgumentTypeError(f"expected two even numbers as in 640x480, got {text!r}")
    return int(match[1]), int(match[2])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training.synthetic.write_ubfc", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--subjects", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--size", type=_size, default=(640, 480), metavar="WIDTHxHEIGHT")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--codec", choices=CODECS, default="mpeg4")
    parser.add_argument("--bits-per-pixel", type=float, default=1.0)
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=LAW",
        help="see training.synthetic.generate",
    )
    args = parser.parse_args(arguments)
    try:
        ranges = parse_ranges(args.set)
    except ValueError as error:
        parser.error(str(error))
    cv2.setNumThreads(1)
    width, height = args.size
    recording = Recording(width, height, args.seconds, args.fps, args.codec, args.bits_per_pixel)
    for index in tqdm(range(args.subjects), "subjects", unit="subject"):
        folder = args.out / f"subject{index + 1}"
        try:
            write_subject(folder, args.seed, index, recording, ranges)
        except FileExistsError as error:
            parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
