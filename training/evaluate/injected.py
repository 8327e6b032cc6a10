r"""Measure how well a known pulse is read in the faces of people that were not trained on.

    python -m training.evaluate.injected --carriers data/carriers/test \
        --fingers $RPPG_DATA/pulse/welltory --views "fixed 1.6" "followed 1.4" --out runs/injected \
        student=rppg_fast/assets/student.safetensors temporal pos chrom green

puts pieces of real fingers' records, stretched to heart rates of 45 to 150 bpm, into carriers
(``training.data.preprocess --layout videos``), at 36 x 36, in several amplitudes, and reads each
recording once, as a whole: band-passed forwards and backwards, the highest peak of its spectrum.
The truth is the PPG that was put in, read in the same way.
OUT receives ``injected.json`` and ``injected.md``. All sources read the same clips. Sources are
those of ``training.evaluate.estimators``, and ``temporal`` and ``teacher-temporal``, the temporal
network of this build on the signals of the bundled student and of the bundled teacher;
``NAME=temporal:FILES`` and the like run weights of ``training.train.temporal``, files with commas
between them, each for the persons whom it has left out.

Carriers that seem to hold a readable pulse of their own, that show more than one face or one for
less than 5 s, and those that no catalogue lists, are left out. To choose between networks look at
the people of the part ``dev`` that a fit leaves out (``--choosing``); the part ``test`` is for what
was chosen.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from rppg_fast import _core
from rppg_fast.evaluation.metrics import PULSE, bootstrap, mae, mean, peak_rate, snr_db, within
from rppg_fast.methods import METHODS
from rppg_fast.student import BUNDLED_WEIGHTS
from rppg_fast.teacher import BUNDLED_TEACHER
from training.data.carriers import Carriers, steps
from training.data.catalogue import chosen_by_people
from training.data.clips import Clip, as_float
from training.data.finger import Finger, InjectedPulse, draw_pulse, fingers
from training.data.inject import RATES, SHORTEST
from training.data.injection import Look
from training.data.trajectories import Times
from training.evaluate.estimators import NetworkSource, Source, named, open_network, open_source
from training.evaluate.validation import CLOSE
from training.evaluate.window_signals import (
    band_spectrum,
    changes_of,
    colors_of,
    signals_of,
    uniform,
)
from training.models.temporal import RATE as CELL_RATE
from training.models.temporal import Unseen, cells_of
from training.support.command import command
from training.support.files import as_json, replace_file
from training.synthetic.skin_pulses import put_into_clip

AMPLITUDES = (0.3, 0.6, 1.2)
"""Standard deviations of the skin's green over its mean, in percent."""

_NETWORKS = {"temporal": BUNDLED_WEIGHTS, "teacher-temporal": BUNDLED_TEACHER}
"""Whose signals the temporal network reads."""

LIMIT = 20.0
"""Longest part of a carrier that is used, s, as in ``training.data.inject``."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class InjectedClip:
    """A carrier with a pulse in it.

    Attributes
    ----------
    name, person, view : str
        Those of the carrier, see ``training.data.carriers.Carriers``.
    amplitude : float
        See ``AMPLITUDES``.
    seen : float32 (frames, 3, 36, 36)
        The frames, from 0 to 1.
    times : float64 (frames,)
        In seconds; a frame that repeats a time is the same frame in another box.
    heart_rate : float
        True heart rate, bpm: read from the injected PPG in the same way as a prediction.
    """

    name: str
    person: str
    view: str
    amplitude: float
    seen: NDArray[np.float32]
    times: Times
    heart_rate: float


@dataclass(frozen=True)
class Reading:
    """Result of one source for one clip: error of the heart rate in bpm, SNR at the true rate."""

    error: float
    snr_db: float


def injected_clips(
    carriers: Carriers,
    records: Sequence[Finger],
    amplitudes: Sequence[float] = AMPLITUDES,
    repeats: int = 1,
    seed: int = 1,
    unknown: bool = False,
) -> Iterator[InjectedClip]:
    """Put pulses into carriers; all amplitudes and all views of a video get the same pulses.

    Parameters
    ----------
    carriers
        The carriers; those that are too short, or not ``for_tests``, are left out.
    records
        The records from which pulses are taken.
    amplitudes
        Amplitudes in percent.
    repeats
        Pulses for each carrier.
    seed
        Seed of the random numbers, together with the carrier's name.
    unknown
        Whether to take carriers that are not ``for_tests``, too: they may have a pulse of their
        own.
    """
    for i, clip in enumerate(carriers.clips.clips):
        frames = carriers[i]
        times = frames.times - frames.times[0]
        inside = times < LIMIT
        times = times[inside]
        if not (unknown or clip.scene["for_tests"]) or times[-1] < SHORTEST:
            continue
        seen = as_float(frames.appearance[inside])
        mask = frames.mask[inside].astype(np.float32) / 255
        for repeat in range(repeats):
            key = [seed, _number(clip), repeat]
            pulse = _pulse(records, times, np.random.default_rng(key))
            heart_rate = peak_rate(band_spectrum(uniform(pulse.ppg[:, None], times)[:, 0]))
            for amplitude in amplitudes:
                look = np.random.default_rng([*key, 1])
                yield InjectedClip(
                    name=f"{clip.name}, pulse {repeat + 1}",
                    person=clip.subject,
                    view=clip.stratum,
                    amplitude=amplitude,
                    seen=put_into_clip(seen, mask, pulse, Look(), amplitude / 100, look),
                    times=times,
                    heart_rate=heart_rate,
                )


def _number(clip: Clip) -> int:
    """Return a number that depends on the video's name, for seeds."""
    digest = hashlib.sha256(str(clip.scene["video"]).encode()).digest()
    return int.from_bytes(digest[:8], "big")


def _pulse(records: Sequence[Finger], times: Times, random: np.random.Generator) -> InjectedPulse:
    """Draw a pulse at times that may repeat."""
    rate = float(random.uniform(*RATES))
    own, back = np.unique(times, return_inverse=True)
    pulse = draw_pulse(records, own, rate, random)
    return InjectedPulse(
        pulse.ppg[back], pulse.slope[back], pulse.heart_rate[back], pulse.finger, pulse.stretch
    )


@dataclass(frozen=True)
class TemporalSource:
    """The temporal network as a source."""

    name: str
    network: NetworkSource
    unseen: Unseen
    files: Sequence[str]

    @property
    def about(self) -> dict[str, Any]:
        """Description in plain values."""
        return {"kind": "temporal network", "network": self.network.about, "files": [*self.files]}

    def pulse(self, clip: InjectedClip) -> Floats:
        """Return the pulse of a whole clip, at the rate of cells."""
        cells = cells_of(signals_of(clip.seen, clip.times, self.network))
        return _core.temporal_pulse(cells, self.unseen.of(clip.person))


def open_reader(text: str) -> Source | TemporalSource:
    """Open a source of ``open_source``, or the temporal network; raise the errors of the former."""
    name, what = named(text)
    kind, _, files = what.partition(":")
    if kind not in _NETWORKS:
        return open_source(text)
    paths = [Path(one) for one in files.split(",") if one]
    network = open_network(str(_NETWORKS[kind]))
    return TemporalSource(name, network, Unseen.read(paths), [path.name for path in paths])


def wave_of(source: Source, clip: InjectedClip) -> Floats:
    """Return the pulse that a source gives for a whole clip, at ``PULSE.rate``."""
    if isinstance(source, NetworkSource):
        return uniform(_level(source, clip), clip.times)[:, 0]
    colors = colors_of(clip.seen, steps(clip.times))
    return METHODS[source.method](uniform(colors, clip.times), PULSE.rate)


def _level(source: NetworkSource, clip: InjectedClip) -> Floats:
    """Sum the network's changes, (frames, 1); the sum does not change where the box changes."""
    change = changes_of(clip.seen, steps(clip.times), source)
    return np.cumsum(change)[:, None]


def read(source: Source | TemporalSource, clip: InjectedClip) -> Reading:
    """Read a clip as a whole."""
    if isinstance(source, TemporalSource):
        spectrum = band_spectrum(source.pulse(clip), CELL_RATE)
    else:
        spectrum = band_spectrum(wave_of(source, clip))
    error = peak_rate(spectrum) - clip.heart_rate
    return Reading(error, snr_db(spectrum, clip.heart_rate))


MEASURES = ("mae_bpm", "within_3_bpm", "snr_db")
"""Mean absolute error, share of clips with one of at most 3 bpm, and SNR at the true rate."""


def measures(readings: Sequence[Reading]) -> tuple[float, ...]:
    """Return the values of ``MEASURES``."""
    errors = [reading.error for reading in readings]
    ratios = [reading.snr_db for reading in readings if np.isfinite(reading.snr_db)]
    return mae(errors), within(errors, CLOSE), mean(ratios)


def summary(
    clips: Sequence[tuple[str, str, float]], readings: dict[str, list[Reading]], seed: int
) -> list[dict[str, Any]]:
    """Sum readings up by view, amplitude and source, with confidence intervals over persons.

    Parameters
    ----------
    clips
        Person, view and amplitude of each clip.
    readings
        By source, one for each clip.
    seed
        Seed of the bootstrap.
    """
    rows = []
    for view, amplitude in dict.fromkeys((view, amplitude) for _, view, amplitude in clips):
        for source, results in readings.items():
            people: dict[str, list[Reading]] = {}
            for (person, *which), reading in zip(clips, results):
                if which == [view, amplitude]:
                    people.setdefault(person, []).append(reading)
            clusters = list(people.values())
            values = measures([reading for cluster in clusters for reading in cluster])
            ends = bootstrap(measures, clusters, seed)
            rows.append(
                {
                    "view": view,
                    "amplitude_percent": amplitude,
                    "source": source,
                    "clips": sum(map(len, clusters)),
                    "persons": len(clusters),
                    **dict(zip(MEASURES, values)),
                    **{f"{name}_interval": list(pair) for name, pair in zip(MEASURES, ends)},
                }
            )
    return rows


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Write a table: a line for each view and source, three columns for each amplitude."""
    amplitudes = list(dict.fromkeys(row["amplitude_percent"] for row in rows))
    heads = [f"{a:g} %: {what}" for a in amplitudes for what in ("MAE, bpm", "within 3", "SNR, dB")]
    lines = [
        "| Box | Source | " + " | ".join(heads) + " |",
        "| --- | --- |" + " ---: |" * len(heads),
    ]
    for view, source in dict.fromkeys((row["view"], row["source"]) for row in rows):
        cells = []
        for row in rows:
            if (row["view"], row["source"]) == (view, source):
                cells += [
                    f"{row['mae_bpm']:.2f}",
                    f"{100 * row['within_3_bpm']:.0f} %",
                    f"{row['snr_db']:.2f}",
                ]
        lines.append(f"| {view} | {source} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate.injected", description=__doc__
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("sources", nargs="+", help="see training.evaluate.estimators")
    parser.add_argument("--carriers", type=Path, required=True, help="folder of carriers")
    parser.add_argument("--fingers", type=Path, required=True, help="folder of subject_*/PPG.csv")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--views", nargs="+", default=["fixed 1.6", "followed 1.4"])
    parser.add_argument("--amplitudes", nargs="+", type=float, default=list(AMPLITUDES))
    parser.add_argument("--repeats", type=int, default=3, help="pulses for each carrier")
    parser.add_argument(
        "--choosing", action="store_true", help="only the people that settings are chosen by"
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args(arguments)
    chosen_by = chosen_by_people()
    carriers = Carriers.open(given.carriers).keep(
        lambda clip: (
            clip.stratum in given.views and (not given.choosing or clip.subject in chosen_by)
        )
    )
    sources = [open_reader(text) for text in given.sources]
    records = fingers(given.fingers)
    made = injected_clips(carriers, records, given.amplitudes, given.repeats, given.seed)
    clips: list[tuple[str, str, float]] = []
    each: list[dict[str, Any]] = []
    readings: dict[str, list[Reading]] = {source.name: [] for source in sources}
    for clip in tqdm(made, "inject", unit="clip"):
        clips.append((clip.person, clip.view, clip.amplitude))
        results = {source.name: read(source, clip) for source in sources}
        for name, reading in results.items():
            readings[name].append(reading)
        each.append(
            {
                "clip": clip.name,
                "person": clip.person,
                "amplitude_percent": clip.amplitude,
                "true_bpm": round(clip.heart_rate, 3),
                **{f"error_bpm {name}": round(r.error, 3) for name, r in results.items()},
            }
        )
    if not clips:
        raise ValueError(f"{given.carriers}: no carrier is for tests, see training.data.carriers")
    rows = summary(clips, readings, given.seed)
    report = {
        "carriers": {
            "description": carriers.clips.description,
            "sha256": carriers.clips.sha256,
        },
        "seed": given.seed,
        "repeats": given.repeats,
        "sources": {source.name: source.about for source in sources},
        "rows": rows,
        "clips": each,
    }
    given.out.mkdir(parents=True, exist_ok=True)
    replace_file(given.out / "injected.json", as_json(report))
    replace_file(given.out / "injected.md", markdown(rows).encode())
    print(markdown(rows), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
