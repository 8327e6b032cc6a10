"""The temporal network's training: what its windows hold, whose faces, and that it learns."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

for module in ("torch", "scipy", "av", "tqdm", "cv2"):
    pytest.importorskip(module, reason="training needs the extra 'train'")

import torch  # noqa: E402

from rppg_fast import _core  # noqa: E402
from rppg_fast.evaluation.metrics import PULSE  # noqa: E402
from rppg_fast.student import BUNDLED_WEIGHTS  # noqa: E402
from tests.support.made_up_carriers import make_carriers  # noqa: E402
from tests.support.made_up_clips import make_clips  # noqa: E402
from training.data.carriers import Carriers  # noqa: E402
from training.evaluate.estimators import NetworkSource, open_network  # noqa: E402
from training.evaluate.window_signals import (  # noqa: E402
    SAMPLES,
    CarriedSignals,
    WindowSignals,
    sample_times,
    signals_of,
)
from training.models.temporal import (  # noqa: E402
    COARSE,
    RATE,
    SIGNALS,
    Unseen,
    as_header,
    cells_of,
    packed,
)
from training.synthetic.parameters import laws, parse_law  # noqa: E402
from training.synthetic.skin_pulses import PREFIX, StepPulse  # noqa: E402
from training.train.temporal import (  # noqa: E402
    Settings,
    Windows,
    fold_of,
    heart_share,
    main,
    trained,
)

Floats = NDArray[np.float64]

# Blood darkens the skin; what else moves in these made-up faces is small.
SEEN_CORRELATION = -0.8
# A trained network must find the pulse in windows where chance has a twentieth of the band.
LEARNED_SHARE = 0.5


@pytest.fixture(scope="module")
def student() -> NetworkSource:
    return open_network(str(BUNDLED_WEIGHTS))


@pytest.fixture(scope="module")
def carriers(tmp_path_factory: pytest.TempPathFactory) -> Carriers:
    return make_carriers(tmp_path_factory.mktemp("carriers"))


def quiet(carriers: Carriers, student: NetworkSource, silent: bool = False) -> CarriedSignals:
    known = laws(StepPulse, PREFIX)
    said = {"light": "0", "noise": "0", "exposure": "0", "delay": "0", "amplitude": "0.01"}
    said |= {"right": "0", "down": "0", "sway": "0", "warmth": "0"}
    chosen = {f"pulse.{k}": parse_law(known[f"pulse.{k}"], text) for k, text in said.items()}
    return CarriedSignals(carriers, student, chosen, 4, silent)


def test_the_pulse_that_is_put_in_is_in_the_signals(
    carriers: Carriers, student: NetworkSource
) -> None:
    made = quiet(carriers, student)(0, 8)
    assert made.signals.shape == (8, SAMPLES, SIGNALS)
    assert made.pulse.shape == made.beats.shape == (8, SAMPLES)
    seen = cells_of(np.concatenate([made.signals, made.pulse[..., None]], -1))
    for one in seen:
        green, pulse = one[:, 2], one[:, -1]
        assert np.corrcoef(green, pulse)[0, 1] < SEEN_CORRELATION
    # The heart's rate is that of the pulse.
    lines = np.fft.rfftfreq(16 * SAMPLES, 1 / PULSE.rate)
    faded = (made.pulse - made.pulse.mean(1, keepdims=True)) * np.hanning(SAMPLES)
    peaks = lines[np.abs(np.fft.rfft(faded, 16 * SAMPLES)).argmax(1)]
    rates = np.ptp(made.beats, axis=1) / (SAMPLES - 1) * PULSE.rate
    np.testing.assert_allclose(peaks, rates, atol=0.15)


def test_faces_come_again_and_silent_ones_have_no_pulse(
    carriers: Carriers, student: NetworkSource
) -> None:
    one, again, other = (quiet(carriers, student)(step, 4) for step in (5, 5, 6))
    np.testing.assert_array_equal(one.signals, again.signals)
    assert not np.array_equal(one.signals, other.signals)
    assert not quiet(carriers, student, silent=True)(5, 4).pulse.any()


def test_signals_do_not_change_where_the_box_does(student: NetworkSource) -> None:
    rng = np.random.default_rng(0)
    seen = (0.5 + 0.01 * rng.standard_normal((60, 3, 36, 36))).astype(np.float32)
    times = np.arange(60) / PULSE.rate
    moved = np.concatenate([seen[:30], 0.5 * seen[29:]])
    twice = np.concatenate([times[:30], times[29:]])
    plain, changed = signals_of(seen, times, student), signals_of(moved, twice, student)
    # Logarithms do not see that all is darker, and the student's motion hardly does.
    np.testing.assert_allclose(changed[:, 1:], plain[:, 1:], atol=1e-5)
    np.testing.assert_allclose(changed[:, 0], plain[:, 0], atol=0.1 * np.ptp(plain[:, 0]))


def made_up(count: int, seed: int) -> WindowSignals:
    """Return signals whose pulse is in the face's color, while all else moves."""
    rng = np.random.default_rng(seed)
    beats = rng.uniform(0.8, 2.5, (count, 1)) * sample_times(SAMPLES)
    pulse = np.sin(2 * np.pi * (beats + rng.random((count, 1))))
    signals = 0.01 * rng.standard_normal((count, SAMPLES, SIGNALS)).cumsum(1)
    signals[..., 21:37] += -0.004 * pulse[..., None] - 0.9 * signals[..., 21:37]
    return WindowSignals(
        signals.astype(np.float32),
        pulse.astype(np.float32),
        beats.astype(np.float32),
        [f"person {i % 4}" for i in range(count)],
    )


def test_it_learns_to_find_a_pulse_that_the_student_does_not_see() -> None:
    settings = Settings(steps=200, batch=12, drawn=0.5, mixed=0.0, holed=0.2)
    draw = Windows(
        made_up(64, 1), made_up(4, 2), made_up(64, 3), settings, np.random.default_rng(0)
    )
    network = trained(draw, settings, "test")
    others = Windows(
        made_up(32, 4), made_up(4, 5), made_up(32, 6), settings, np.random.default_rng(1)
    )
    cells, true, frequency = others()
    with torch.no_grad():
        share = heart_share(network(cells), frequency).mean()
        student = heart_share(cells[:, 0], frequency).mean()
    assert true.shape == cells[:, 0].shape
    assert share > LEARNED_SHARE > 2 * student
    # The engine runs the same network.
    found = _core.temporal_pulse(cells[0].T.double().numpy(), packed(network))
    with torch.no_grad():
        expected = network(cells[:1])[0].double().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4 * expected.std())


def test_windows_are_cells_of_five_to_ten_seconds_at_their_own_rate() -> None:
    settings = Settings(batch=6, faster=1.18)
    draw = Windows(made_up(8, 1), made_up(8, 2), made_up(8, 3), settings, np.random.default_rng(0))
    lengths = set()
    for _ in range(30):
        cells, true, frequency = draw()
        assert cells.shape == (6, SIGNALS, true.shape[1])
        lengths.add(true.shape[1] / RATE)
        assert bool(((frequency > 0.8 / 1.19) & (frequency < 2.5 * 1.19)).all())
    assert min(lengths) >= 5.0
    assert max(lengths) <= 10.0
    assert SAMPLES % COARSE == 0


def test_a_run_leaves_each_fold_out_and_resumes(
    carriers: Carriers, student: NetworkSource, tmp_path: Path
) -> None:
    clips = make_clips(tmp_path / "clips", seconds=11.0)
    out, header = tmp_path / "out", tmp_path / "weights.hpp"
    command = ["--carriers", str(carriers.clips.folder), "--data", str(clips.folder)]
    command += ["--out", str(out), "--header", str(header), "--faces", "8", "--silent", "8"]
    assert main([*command, "--steps", "3", "--folds", "2"]) == 0
    people = {clip.subject for clip in carriers.clips.clips}
    folds = fold_of(people, 2)
    unseen = Unseen.read([out / "fold0.npz", out / "fold1.npz"])
    assert set(unseen.by_person) == people
    with np.load(out / "all.npz") as kept, np.load(out / "fold1.npz") as other:
        weights = kept["weights"]
        assert {str(one) for one in other["left_out"]} == {p for p in people if folds[p] == 1}
        for person in people:
            assert (person in other["left_out"]) == (unseen.of(person) == other["weights"]).all()
    assert unseen.of("somebody else") is None
    everybody = Unseen.read([out / "fold0.npz", out / "all.npz"])
    for person in ("somebody else", *(p for p in people if folds[p] == 1)):
        used = everybody.of(person)
        assert used is not None
        assert np.array_equal(used, weights)
    text = header.read_text()
    assert text.startswith("// Written by training/train/temporal.py")
    assert text.partition("#pragma")[2] == as_header(weights, "").partition("#pragma")[2]
    made = (out / "faces.npz").stat().st_mtime_ns
    assert main([*command, "--steps", "3"]) == 0
    assert (out / "faces.npz").stat().st_mtime_ns == made


@pytest.mark.slow
def test_the_command_runs_in_several_processes(carriers: Carriers, tmp_path: Path) -> None:
    """As a program, in which the command's own file is no module that a process can import."""
    clips = make_clips(tmp_path / "clips", seconds=11.0)
    command = [sys.executable, "-m", "training.train.temporal", "--workers", "2", "--steps", "2"]
    command += ["--carriers", str(carriers.clips.folder), "--data", str(clips.folder)]
    command += ["--out", str(tmp_path / "out"), "--faces", "16", "--silent", "8", "--folds", "2"]
    subprocess.run(command, check=True)
    assert {path.stem for path in (tmp_path / "out").iterdir()} == {
        *("faces", "silent", "drawn"),
        *("all", "fold0", "fold1"),
    }


def test_people_of_the_test_part_are_not_learned_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    carriers = make_carriers(tmp_path / "carriers", people=("face07", "bert"))  # face07 is of test
    clips = make_clips(tmp_path / "clips", seconds=11.0)
    command = ["--carriers", str(carriers.clips.folder), "--data", str(clips.folder)]
    command += ["--out", str(tmp_path / "out"), "--faces", "8", "--silent", "8"]
    assert main([*command, "--steps", "1"]) == 2
    assert "give --folds 0" in capsys.readouterr().err
    assert main([*command, "--steps", "1", "--folds", "0"]) == 0
    for name in ("faces", "silent"):
        assert set(WindowSignals.load(tmp_path / "out" / f"{name}.npz").person) == {"bert"}
