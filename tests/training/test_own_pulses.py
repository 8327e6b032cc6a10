"""Learning from people's own pulses: which windows are labelled, what batches hold, the terms."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

for module in ("torch", "scipy", "av", "tqdm", "cv2"):
    pytest.importorskip(module, reason="training needs the extra 'train'")

import torch  # noqa: E402

from rppg_fast.teacher import BUNDLED_TEACHER  # noqa: E402
from tests.support.made_up_carriers import JUMP, RATES, make_carriers  # noqa: E402
from tests.support.made_up_clips import make_clips  # noqa: E402
from tests.support.small_runs import SHORT, bits, killed_at, toml  # noqa: E402
from training.data.carriers import Carriers  # noqa: E402
from training.data.clips import Clips  # noqa: E402
from training.evaluate.estimators import NetworkSource, open_network  # noqa: E402
from training.models.config import Config, load  # noqa: E402
from training.models.config_tables import Carried, Own  # noqa: E402
from training.models.networks import new_model  # noqa: E402
from training.support.parallel import Processes  # noqa: E402
from training.train.batches import Batches  # noqa: E402
from training.train.objective import Objective  # noqa: E402
from training.train.own_pulses import (  # noqa: E402
    OwnRuns,
    agreed_changes,
    own_terms,
    sparse_spectrum,
)
from training.train.trainer import execute  # noqa: E402

CPU = torch.device("cpu")
OWN_BPM = 72.0
OWN = Own(runs=3, run=60, agreement=0.5, sparse=0.25)
CONFIG = replace(SHORT, carriers=Carried(share=0.25, people="all", pulse={}), own=OWN)
# The teacher sees a sine in noise of 0.04 %; what it says of single steps is rounder than the sine.
LABEL_CORRELATION = 0.9
# Both sides have the same float32 operations in another order.
SAME_TOLERANCE = 1e-5
# Of the power of a line that lies in the band, in a run of 6 s: what a Hann window leaves beside
# the line and what the grid of frequencies misses.
LEAK = 0.03


@pytest.fixture(scope="module")
def carriers(tmp_path_factory: pytest.TempPathFactory) -> Carriers:
    """Anna has a pulse, Bert has none."""
    folder = tmp_path_factory.mktemp("carriers")
    return make_carriers(folder, own_bpm={"anna": OWN_BPM})


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return make_clips(tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="module")
def teacher() -> NetworkSource:
    return open_network(str(BUNDLED_TEACHER))


def test_where_methods_agree_the_teacher_says_the_pulse(
    carriers: Carriers, teacher: NetworkSource
) -> None:
    label = agreed_changes(carriers, teacher)
    for clip in carriers.clips.clips:
        inside = slice(clip.start, clip.stop)
        known = np.isfinite(label[inside])
        if clip.subject == "bert":
            assert not known.any()
            continue
        assert known.mean() > 0.95
        assert not known[-1], "no step leads beyond the view"
        times = carriers.clips.times[inside]
        middle = (times[1:] + times[:-1]) / 2
        true = -np.cos(2 * np.pi * OWN_BPM / 60 * middle)
        steps = known[:-1] & (np.diff(times) > 0)
        said = label[inside][:-1][steps]
        assert abs(np.corrcoef(said, true[steps])[0, 1]) > LABEL_CORRELATION
        if clip.stratum.startswith("followed"):
            assert label[inside][JUMP - 1] == 0, "nothing happens where the box moves"


def test_a_batch_comes_again_and_says_what_is_labelled(
    carriers: Carriers, teacher: NetworkSource
) -> None:
    made = OwnRuns(carriers, replace(CONFIG, own=replace(OWN, runs=16)), teacher, CPU)
    one, again, other = made(5), made(5), made(6)
    for a, b in zip(one, again):
        assert torch.equal(a, b)
    assert not torch.equal(one.motion, other.motion)
    assert one.motion.shape == one.appearance.shape == (16 * 60, 3, 36, 36)
    assert one.label.shape == one.times.shape == (16, 60)
    assert {float(value) for value in one.agreed} == {0.0, 1.0}
    assert not one.label[one.agreed == 0].any()
    assert bool(one.label[one.agreed == 1].any(dim=1).all())
    assert bool((one.times.diff(dim=1) > 0).all())


def test_the_label_of_a_long_step_is_the_sum_of_short_ones(
    carriers: Carriers, teacher: NetworkSource
) -> None:
    made = OwnRuns(carriers, replace(CONFIG, own=replace(OWN, runs=64)), teacher, CPU)
    batch = made(0)
    lengths = (batch.times.diff(dim=1).mean(1) * RATES[0]).round()
    assert {1.0, 2.0, 3.0} <= {float(length) for length in lengths[batch.agreed == 1]}
    size = batch.label.std(1)
    # The change of a sine over steps that are still short grows with their length.
    for length in (2.0, 3.0):
        longer, single = (size[(batch.agreed == 1) & (lengths == n)] for n in (length, 1.0))
        assert float(longer.mean() / single.mean()) == pytest.approx(length, rel=0.15)


def test_agreement_alone_draws_labelled_runs_alone(
    carriers: Carriers, teacher: NetworkSource, tmp_path: Path
) -> None:
    config = replace(CONFIG, own=replace(OWN, sparse=0.0, runs=16))
    assert bool(OwnRuns(carriers, config, teacher, CPU)(0).agreed.all())
    silent = make_carriers(tmp_path)
    with pytest.raises(ValueError, match="no carrier has a run in which the methods agree of 60"):
        OwnRuns(silent, config, teacher, CPU)
    with pytest.raises(ValueError, match=r"no \[own\]"):
        OwnRuns(carriers, replace(CONFIG, own=None), teacher, CPU)


def sines(*rates_hz: float, steps: int = 180, fps: float = 30.0) -> tuple[torch.Tensor, ...]:
    """Return the changes of sines and their times."""
    seconds = torch.arange(steps) / fps * torch.ones(len(rates_hz), 1)
    rates = torch.tensor(rates_hz)[:, None]
    return rates * torch.cos(2 * torch.pi * rates * seconds), seconds


def test_a_spectrum_is_best_with_one_line_in_the_band_at_rates_that_spread() -> None:
    spread = torch.linspace(0.8, 3.9, 12).tolist()
    best = sparse_spectrum(*sines(*spread))
    assert float(best) < LEAK
    same = sparse_spectrum(*sines(*[1.2] * 12))
    assert float(same) > 5 * float(best), "rates must spread over the band"
    changes, seconds = sines(*spread)
    two = changes + sines(*reversed(spread))[0]
    assert float(sparse_spectrum(two, seconds)) > 0.3, "power beside the highest peak"
    assert float(sparse_spectrum(*sines(*[4.7] * 12))) > 0.9, "power outside the band"
    noise = torch.randn(changes.shape, generator=torch.Generator().manual_seed(1))
    assert float(sparse_spectrum(noise, seconds)) > 0.5


def test_the_spectrum_has_a_gradient_even_without_power() -> None:
    nothing = torch.zeros(3, 60, requires_grad=True)
    seconds = torch.arange(60) / 30.0 * torch.ones(3, 1)
    (gradient,) = torch.autograd.grad(sparse_spectrum(nothing, seconds), nothing)
    assert bool(torch.isfinite(gradient).all())


def test_the_loss_has_the_terms_with_their_weights(
    carriers: Carriers, clips: Clips, teacher: NetworkSource
) -> None:
    own = OwnRuns(carriers, CONFIG, teacher, CPU)
    label = np.zeros(len(clips.pulse), np.float32)
    from training.train.carried import CarriedRuns

    carried = CarriedRuns(carriers, CONFIG, 1.0)
    batch = Batches(clips, CONFIG, label, CPU, Processes(), carried, own)(0)
    assert batch.own is not None
    model = new_model(CONFIG).eval()
    with torch.no_grad():
        objective = Objective(model, own=OWN)
        found = dict(zip(objective.terms, objective(batch).tolist()))
        predicted = model(batch.own.motion, batch.own.appearance)
        agreement, sparse = (float(term) for term in own_terms(predicted, batch.own, OWN))
        plain = float(Objective(model)(batch)[0])
        exact = own_terms(batch.own.label.flatten(), batch.own, replace(OWN, sparse=0.0))
    assert found["own_agreement"] == pytest.approx(agreement, rel=SAME_TOLERANCE)
    assert found["own_sparse"] == pytest.approx(sparse, rel=SAME_TOLERANCE)
    expected = plain + 0.5 * agreement + 0.25 * sparse
    assert found["loss"] == pytest.approx(expected, rel=SAME_TOLERANCE)
    # Who says what the teacher says agrees with it; unlabelled runs do not count.
    assert float(exact[0]) == pytest.approx(0, abs=SAME_TOLERANCE)
    assert float(exact[1]) == 0


@pytest.mark.slow
def test_a_run_that_was_killed_ends_with_the_same_bits(
    carriers: Carriers, clips: Clips, tmp_path: Path
) -> None:
    execute(CONFIG, clips, None, tmp_path / "whole", device="cpu", carriers=carriers)
    with killed_at(4):
        execute(CONFIG, clips, None, tmp_path / "cut", device="cpu", carriers=carriers)
    execute(CONFIG, clips, None, tmp_path / "cut", device="cpu", carriers=carriers, resume=True)
    assert bits(tmp_path / "cut") == bits(tmp_path / "whole")
    header = (tmp_path / "whole" / "log.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "own_agreement,own_sparse" in header


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("runs = 3", "runs = 0", "runs and run must be above 0 and 1, not 0 and 60"),
        ("run = 60", "run = 1", "not 3 and 1"),
        ("sparse = 0.25", "sparse = -1.0", "sparse must not be negative"),
        ("sparse = 0.25", "sparse = nan", "sparse must not be negative, not nan"),
        ("agreement = 0.5\nsparse = 0.25", "agreement = 0\nsparse = 0", "must not both be 0"),
        ("runs = 3", "", r"\[own\]: key 'runs' is missing"),
    ],
)
def test_wrong_values_are_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    text = toml(CONFIG)
    path.write_text(text, encoding="utf-8")
    assert load(path) == CONFIG
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load(path)


def test_own_pulses_need_carriers() -> None:
    config: Config = CONFIG
    with pytest.raises(ValueError, match=r"\[own\] needs \[carriers\]"):
        replace(config, carriers=None)
