"""Put a real finger's pulse into the skin of real videos; their true heart rate is then known.

    python -m training.data.inject --catalogue CATALOGUE.json --fingers WELLTORY --out DIR \
        --amplitudes 1.2 0.6 0.3 --split dev

makes a folder for each clip of one face and each amplitude. It contains the video,
``ground_truth.txt`` as in UBFC-rPPG's DATASET_2 (PPG, heart rate in bpm, time in s, one value per
frame), and ``clip.json`` with the settings and sources. The clip's own light, movement and noise
are kept. The skin is multiplied by ``1 - amplitude * color * weight * ppg`` and rounded at random,
so that its mean is right; other changes come only from the encoder. Clips that seem to have a
readable pulse of their own are not used, except with ``--own-pulse``. All amplitudes of a clip have
the same pulse.

    python -m training.data.inject --kind none-variants --catalogue CATALOGUE.json --out DIR

makes negatives, to which no pulse is added: see ``training.data.negatives``.

Complete clips are not made again. The people in such videos have not given consent: keep the
results beside the originals, and never publish them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

import rppg_fast as rf
from rppg_fast.reading import none_if_nan
from training.data.catalogue import PARTS, RealClip, real_clips
from training.data.clip_folder import Carrier, finish, is_complete, run_jobs
from training.data.finger import Finger, draw_pulse, fingers
from training.data.follow import follow_face
from training.data.injection import Look, SkinPulse, measured_amplitude
from training.data.negatives import VARIANTS, Negative, make_negative
from training.data.skin import skin_masks
from training.data.timed_video import ENCODERS, write_timed_video
from training.support.command import command

SHORTEST = 5.0
"""Shortest clip that is used as a carrier, s."""

RATES = (45.0, 150.0)
"""Range of the heart rates, bpm."""

CRF = (12, 17)
"""Range of H.264's constant rate factor; the loss is as small as in the files of a good camera."""


@dataclass(frozen=True)
class Injection:
    """The description of one pulse in one carrier, with several amplitudes.

    Attributes
    ----------
    carrier : Carrier
        The clip.
    fingers : tuple of Finger
        The records from which the pulse is drawn.
    amplitudes : tuple of float
        Standard deviations of the skin's green relative to its mean, in percent.
    repeat : int
        Number of the pulse, from 1; other pulses of the same clip are independent.
    out : Path
        Folder of the clips' folders.
    look : Look
        Distribution of the pulse over the skin.
    encoder : str
        One of ``ENCODERS``.
    rates : (float, float)
        Range of the heart rate, bpm.
    seed : int
        Seed of all random values, together with the clip's name and ``repeat``.
    crf : int or None
        Constant rate factor of H.264; None to draw it from ``CRF``.
    """

    carrier: Carrier
    fingers: tuple[Finger, ...]
    amplitudes: tuple[float, ...]
    repeat: int
    out: Path
    look: Look
    encoder: str
    rates: tuple[float, float]
    seed: int
    crf: int | None = None

    def folder(self, amplitude: float) -> Path:
        """Return the folder of the clip with this amplitude."""
        return self.out / f"{self.carrier.clip.path.stem}-{amplitude:g}-{self.repeat}"

    def made_from(self, amplitude: float) -> dict[str, Any]:
        """Return the values that determine the clip with this amplitude."""
        return {
            "carrier": self.carrier.clip.name,
            "limit_s": self.carrier.limit,
            "amplitude_percent": amplitude,
            "repeat": self.repeat,
            "seed": self.seed,
            "rates_bpm": list(self.rates),
            "encoder": self.encoder,
            **asdict(self.look),
            **({} if self.crf is None else {"crf": self.crf}),
        }


def inject(job: Injection) -> None:
    """Make the clips of a job that do not exist yet.

    Raises
    ------
    OSError
        If a file cannot be read or written, or if a folder holds another clip.
    ValueError
        If the carrier shows no face or no skin, or if no finger's record is suitable.
    """
    missing = [a for a in job.amplitudes if not is_complete(job.folder(a), job.made_from(a))]
    if not missing:
        return
    key = [job.seed, job.carrier.number, job.repeat]
    random = np.random.default_rng(key)
    rate = float(random.uniform(*job.rates))
    drawn = int(random.integers(CRF[0], CRF[1], endpoint=True))
    crf = drawn if job.crf is None else job.crf
    path, times = follow_face(job.carrier.frames())
    pulse = draw_pulse(job.fingers, times, rate, random)
    masks = skin_masks(job.carrier.frames(), path, times)
    skin = SkinPulse(path, masks, pulse, job.look, random)
    for amplitude in missing:
        folder = job.folder(amplitude)
        folder.mkdir(parents=True, exist_ok=True)
        video = folder / f"video{ENCODERS[job.encoder]}"
        dither = np.random.default_rng([*key, round(1e4 * amplitude)])
        write_timed_video(
            video,
            (
                (skin.add(frame, i, amplitude / 100, dither), time)
                for i, (frame, time) in enumerate(job.carrier.frames())
            ),
            job.encoder,
            crf,
        )
        kept = measured_amplitude(
            (frame for frame, _ in job.carrier.frames()),
            (frame for frame, _ in rf.VideoFile(video)),
            skin,
        )
        about = {
            "kind": "injected",
            "video": video.name,
            "made_from": job.made_from(amplitude),
            "carrier": job.carrier.about(),
            "amplitude_percent": amplitude,
            "amplitude_after_encoding_percent": none_if_nan(round(100 * kept, 4)),
            "true_mean_rate_bpm": round(float(pulse.heart_rate.mean()), 3),
            "finger": pulse.finger,
            "stretch": round(pulse.stretch, 4),
            "crf": crf if job.encoder == "h264" else None,
            "frames": len(times),
            "seconds": round(float(times[-1]), 3),
            "share_with_face": round(float(path.presence.mean()), 3),
        }
        finish(folder, about, (pulse.ppg, pulse.heart_rate, times))


def is_carrier(clip: RealClip, own_pulse: bool) -> bool:
    """Return whether a clip can be a carrier: one face, long enough, no pulse of its own.

    Parameters
    ----------
    clip
        A clip of the catalogue.
    own_pulse
        Whether clips with a readable pulse of their own are accepted.
    """
    long_enough = clip.seconds is not None and clip.seconds >= SHORTEST
    return clip.faces == 1 and long_enough and (own_pulse or clip.own_rate is None)


def _pulses(args: argparse.Namespace, clips: Sequence[RealClip]) -> int:
    records = tuple(fingers(args.fingers))
    jobs = [
        Injection(
            carrier=Carrier(clip, args.limit_seconds),
            fingers=records,
            amplitudes=tuple(args.amplitudes),
            repeat=repeat,
            out=args.out,
            look=Look(tuple(args.color), args.variation, args.delay),
            encoder=args.encoder,
            rates=tuple(args.rates),
            seed=args.seed,
            crf=args.crf,
        )
        for repeat in range(1, args.repeats + 1)
        for clip in clips
        if is_carrier(clip, args.own_pulse)
    ]
    return run_jobs(inject, jobs, [job.carrier.clip.name for job in jobs], args.workers)


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code, 3 if a clip could not be created."""
    look = Look()
    parser = argparse.ArgumentParser(prog="python -m training.data.inject", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--kind", choices=("pulses", "none-variants"), default="pulses")
    parser.add_argument("--catalogue", type=Path, required=True)
    parser.add_argument("--fingers", type=Path, help="a folder of subject_*/PPG.csv")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--amplitudes", type=float, nargs="+", default=[1.2, 0.6, 0.3], help="in %%"
    )
    parser.add_argument("--split", choices=(*PARTS, "all"), default="all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=1, help="pulses for each clip")
    parser.add_argument("--limit-seconds", type=float, default=30.0)
    parser.add_argument("--rates", type=float, nargs=2, default=RATES, metavar="BPM")
    parser.add_argument("--color", type=float, nargs=3, default=look.color, metavar=tuple("RGB"))
    parser.add_argument("--variation", type=float, default=look.variation)
    parser.add_argument("--delay", type=float, default=look.delay, help="over the face, s")
    parser.add_argument("--encoder", choices=ENCODERS, default="h264")
    parser.add_argument("--crf", type=int, help="constant rate factor of H.264, 0 to 51")
    parser.add_argument("--own-pulse", action="store_true", help="take clips with their own, too")
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args(arguments)
    clips = real_clips(args.catalogue, args.split)
    if args.kind == "pulses":
        if args.fingers is None:
            parser.error("--fingers is needed: the folder of subject_*/PPG.csv to take pulses from")
        return _pulses(args, clips)
    jobs = [
        Negative(Carrier(clip, args.limit_seconds), variant, args.out, args.encoder, args.seed)
        for clip in clips
        for variant in VARIANTS
        if is_carrier(clip, own_pulse=True)
    ]
    names = [f"{job.carrier.clip.name}, {job.variant}" for job in jobs]
    return run_jobs(make_negative, jobs, names, args.workers)


if __name__ == "__main__":
    sys.exit(main())
