"""Training on carriers: what a batch holds, whose faces, and that it comes again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

for module in ("torch", "scipy", "av", "tqdm", "cv2"):
    pytest.importorskip(module, reason="training needs the extra 'train'")

import torch  # noqa: E402

from tests.support.made_up_carriers import JUMP, RATES, make_carriers  # noqa: E402
from tests.support.made_up_clips import make_clips  # noqa: E402
from tests.support.small_runs import CONFIG, SHORT, bits, flat, killed_at, toml  # noqa: E402
from training.data.carriers import Carriers  # noqa: E402
from training.data.clips import Clips  # noqa: E402
from training.models.checkpoint import Checkpoint  # noqa: E402
from training.models.config import Config, load  # noqa: E402
from training.models.config_tables import Carried  # noqa: E402
from training.models.networks import Student, load_model, new_model  # noqa: E402
from training.support.parallel import Processes  # noqa: E402
from training.train.average import Average  # noqa: E402
from training.train.band import band_correlation  # noqa: E402
from training.train.batches import Batches  # noqa: E402
from training.train.carried import CarriedRuns  # noqa: E402
from training.train.train import main as train  # noqa: E402
from training.train.trainer import CHECKPOINT, execute  # noqa: E402

CPU = torch.device("cpu")
MIX = Carried(share=0.25, people="all", pulse={})
MIXED = replace(SHORT, carriers=MIX, average=0.9)
RUNS = replace(MIXED, batch=64, run=8, band=0.8, normalisation="fixed")
# Of a real finger's beats and what the band leaves of their changes; -1 for sines.
SEEN_CORRELATION = -0.8
# An average over steps, in float32.
AVERAGE_TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def carriers(tmp_path_factory: pytest.TempPathFactory) -> Carriers:
    return make_carriers(tmp_path_factory.mktemp("carriers"))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    return make_clips(tmp_path_factory.mktemp("clips"))


def test_a_batch_comes_again_and_another_step_gives_another(carriers: Carriers) -> None:
    made = CarriedRuns(carriers, RUNS, 1.0)
    one, again, other = made(5, 16), made(5, 16), made(6, 16)
    for a, b, c in zip(one, again, other):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
    motion, appearance, label, times = one
    assert motion.shape == appearance.shape == (16, 8, 3, 36, 36)
    assert label.shape == times.shape == (16, 8)
    assert not times[:, 0].any()
    assert bool((times.diff(dim=1) > 0).all())
    assert {tensor.dtype for tensor in one} == {torch.float32}
    assert not torch.equal(CarriedRuns(carriers, replace(RUNS, seed=9), 1.0)(5, 16)[0], motion)


def test_the_label_is_what_is_in_the_skin(carriers: Carriers) -> None:
    quiet = {"light": "0", "noise": "0", "exposure": "0", "delay": "0", "amplitude": "0.01"}
    quiet |= {"right": "0", "down": "0", "sway": "0", "warmth": "0"}
    still = replace(MIXED, carriers=replace(MIX, pulse=quiet), label_power=0.0)
    motion, _, label, _ = CarriedRuns(carriers, still, 1.0)(0, 256)
    seen = motion[:, 0, 1].mean((1, 2)).numpy()
    # Blood darkens the skin. Between label and PPG stands the band-pass, and green's share differs.
    assert np.corrcoef(seen, label[:, 0].numpy())[0, 1] < SEEN_CORRELATION


def test_labels_grow_with_the_amplitude_to_the_configs_power(carriers: Carriers) -> None:
    fixed = {"amplitude": "0.004"}
    plain = replace(MIXED, carriers=replace(MIX, pulse=fixed), label_power=0.0)
    half = replace(plain, label_power=0.5)
    one, other = (CarriedRuns(carriers, config, 2.0)(0, 32)[2] for config in (plain, half))
    np.testing.assert_allclose(other, one * 0.004**0.5, rtol=1e-5)


@pytest.mark.parametrize("run", [1, 8])
def test_no_run_crosses_a_change_of_box(carriers: Carriers, run: int) -> None:
    made = CarriedRuns(carriers, replace(MIXED, batch=64, run=run), 1.0)
    where = np.linspace(0, 1, 2000, endpoint=False)
    times = carriers.clips.times
    lengths = set()
    for views, rate in zip(made.people, RATES):
        for view in views:
            for wanted in (1, 2, 3, 9):
                for begin, length in (view.choose(wanted, w) for w in where):
                    apart = np.diff(times[begin : begin + length * run + 1])
                    np.testing.assert_allclose(apart, 1 / rate, rtol=1e-6)
                    lengths.add(length)
    assert lengths == {1, 2, 3}  # nine frames would leave less than 10 a second: one is taken
    begins = {made.people[0][0].choose(1, w)[0] for w in where}
    start = carriers.clips.clips[0].start
    assert start + JUMP - 1 - run in begins
    assert not begins & set(range(start + JUMP - run, start + JUMP))
    assert start + JUMP in begins


def test_people_of_the_test_part_are_refused(tmp_path: Path) -> None:
    for person in ("face07", "evm_face"):
        carriers = make_carriers(tmp_path / person, people=("anna", person))
        with pytest.raises(ValueError, match=f"{person}.mp4 shows a person of the test part"):
            CarriedRuns(carriers, MIXED, 1.0)


def test_each_batch_has_its_share_of_carriers_and_processes_share_it(
    carriers: Carriers, clips: Clips
) -> None:
    label = np.nan_to_num(np.full(len(clips.pulse), 7.0, np.float32))
    config = replace(MIXED, batch=16)
    carried = CarriedRuns(carriers, config, 1.0)
    whole = Batches(clips, config, label, CPU, Processes(), carried)(3)
    assert len(whole.label) == 16
    assert int((whole.label.abs() == 7).sum()) == 12  # the clips' label here
    parts = [Batches(clips, config, label, CPU, Processes(r, 2), carried)(3) for r in range(2)]
    together = torch.cat([part.motion for part in parts])
    assert sorted(together.sum((1, 2, 3)).tolist()) == sorted(whole.motion.sum((1, 2, 3)).tolist())


@pytest.mark.parametrize("config", [MIXED, RUNS], ids=["steps", "runs"])
def test_a_run_that_was_killed_ends_with_the_same_bits(
    carriers: Carriers, clips: Clips, tmp_path: Path, config: Config
) -> None:
    execute(config, clips, None, tmp_path / "whole", device="cpu", carriers=carriers)
    with killed_at(4):
        execute(config, clips, None, tmp_path / "cut", device="cpu", carriers=carriers)
    execute(config, clips, None, tmp_path / "cut", device="cpu", carriers=carriers, resume=True)
    assert bits(tmp_path / "cut") == bits(tmp_path / "whole")
    checkpoint = Checkpoint.load(tmp_path / "whole" / CHECKPOINT)
    assert {"anna", "bert"} < set(checkpoint.subjects)
    assert "made-up carriers" in checkpoint.data
    with pytest.raises(ValueError, match="no carriers are given"):
        execute(config, clips, None, tmp_path / "none", device="cpu")
    with pytest.raises(ValueError, match=r"has no \[carriers\]"):
        execute(SHORT, clips, None, tmp_path / "none", device="cpu", carriers=carriers)


def test_the_average_is_that_of_the_steps_and_is_what_a_checkpoint_gives(
    clips: Clips, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    model = Student()
    average, by_hand = Average(model, 0.75), {k: v.clone() for k, v in model.state_dict().items()}
    for step in range(1, 60):
        for tensor in model.parameters():
            tensor.data += torch.randn(tensor.shape) / step
        average.take(model, step)
        keep = min(0.75, step / (10 + step))
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                by_hand[name] = keep * by_hand[name] + (1 - keep) * value
    for name, value in average.model.state_dict().items():
        torch.testing.assert_close(value, by_hand[name], atol=AVERAGE_TOLERANCE, rtol=1e-4)
    execute(replace(SHORT, average=0.9), clips, None, tmp_path / "run", device="cpu")
    checkpoint = Checkpoint.load(tmp_path / "run" / CHECKPOINT)
    assert flat(load_model(checkpoint).state_dict()) == flat(checkpoint.average)
    assert flat(checkpoint.average) != flat(checkpoint.model)


def test_the_command_takes_carriers(
    carriers: Carriers, clips: Clips, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "mixed.toml"
    config.write_text(toml(MIXED), encoding="utf-8")
    given = ["--config", str(config), "--data", str(clips.folder), "--device", "cpu"]
    out = ["--out", str(tmp_path / "run")]
    assert train([*given, *out, "--carriers", str(carriers.clips.folder)]) == 0
    assert train([*given, "--out", str(tmp_path / "other")]) == 2
    assert "no carriers are given" in capsys.readouterr().err


def test_people_that_settings_are_chosen_by_are_left_out_of_a_fit(tmp_path: Path) -> None:
    from training.train.trainer import open_carriers

    make_carriers(tmp_path, people=("face10.mp4", "anna"))
    fit = replace(MIXED, carriers=replace(MIX, people="fit"))
    some, every = (open_carriers(tmp_path, config) for config in (fit, MIXED))
    assert some is not None
    assert every is not None
    assert some.clips.subjects == ["anna"]
    assert every.clips.subjects == ["face10.mp4", "anna"]
    assert open_carriers(None, CONFIG) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("share = 0.25", "share = 0.0", "share lies between 0 and 1"),
        ("share = 0.25", "share = 0.25\nsure = 1", r"\[carriers\]: unknown key 'sure'"),
        ("share = 0.25", "", r"\[carriers\]: key 'share' is missing"),
        ('people = "all"', 'people = "some"', "people must be one of"),
        ("[carriers.pulse]", "[carriers.pulse]\npace = '1'", "unknown ingredient 'pace'"),
        ("[carriers.pulse]", "[carriers.pulse]\nrate = 'x'", "pulse: rate: could not convert"),
        ("average = 0.9", "average = 1.0", "average lies from 0 to below 1"),
    ],
)
def test_wrong_carriers_in_a_config_are_named(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = toml(MIXED)
    assert old in text
    (tmp_path / "wrong.toml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "wrong.toml")
    (tmp_path / "right.toml").write_text(text, encoding="utf-8")
    assert load(tmp_path / "right.toml") == MIXED


def test_runs_of_clips_lie_together_with_their_times(clips: Clips) -> None:
    label = np.arange(len(clips.pulse), dtype=np.float32)
    config = replace(RUNS, carriers=None, reverse=0.0)
    batch = Batches(clips, config, label, CPU, Processes())(2)
    assert (batch.run, len(batch.label)) == (8, 64)
    frames = batch.label.view(8, 8).long().numpy()
    assert (np.diff(frames) == 1).all()
    middle = (clips.times[frames] + clips.times[frames + 1]) / 2
    np.testing.assert_allclose(batch.times, middle - middle[:, :1], atol=1e-6)
    ends = frames[:, [0, -1]]
    for first, last in ends:
        assert any(c.start <= first and last + 1 < c.stop for c in clips.clips)
    with pytest.raises(ValueError, match="shorter than a run of 512"):
        Batches(clips, replace(config, run=512, batch=512), label, CPU, Processes())


def test_a_fixed_normalisation_stays_and_the_rest_learns(clips: Clips, tmp_path: Path) -> None:
    for normalisation, stays in (("fixed", True), ("batch", False)):
        config = replace(RUNS, carriers=None, normalisation=normalisation)
        out = tmp_path / normalisation
        execute(config, clips, None, out, device="cpu")
        state = Checkpoint.load(out / CHECKPOINT).model
        assert bool((state["norm1.running_mean"] == 0).all()) == stays
        assert not torch.equal(state["fc.weight"], new_model(config).state_dict()["fc.weight"])


def times_of(runs: int, steps: int, rate: float) -> torch.Tensor:
    return (torch.arange(steps) / rate).repeat(runs, 1)


def changes(rate_bpm: float, seconds: torch.Tensor, phase: float = 0.3) -> torch.Tensor:
    return torch.cos(2 * np.pi * rate_bpm / 60 * seconds + phase)


def test_the_correlation_in_the_band_is_that_of_the_pulses() -> None:
    seconds = times_of(1, 90, 30.0)
    true = changes(80, seconds)
    assert float(band_correlation(true, true, seconds)) == pytest.approx(1, abs=1e-4)
    assert float(band_correlation(-3 * true + 5, true, seconds)) == pytest.approx(-1, abs=1e-4)
    # What lies beyond the band does not count, however strong; what lies in it does.
    fast = true + 5 * changes(800, seconds)
    inside = true + changes(140, seconds)
    assert float(band_correlation(fast, true, seconds)) > 0.98
    assert 0.2 < float(band_correlation(inside, true, seconds)) < 0.95
    # Sums weigh slow changes more than fast ones of the same size.
    slow, quick = true + changes(50, seconds), true + changes(220, seconds)
    assert float(band_correlation(slow, true, seconds)) < float(
        band_correlation(quick, true, seconds)
    )
    # At another frame rate it is the same pulse.
    other = times_of(1, 45, 15.0)
    assert float(band_correlation(changes(80, other), changes(80, other), other)) > 0.999


def test_the_correlation_in_the_band_has_a_gradient_everywhere() -> None:
    seconds = times_of(3, 64, 25.0)
    predicted = torch.zeros(3, 64, requires_grad=True)
    band_correlation(predicted, changes(70, seconds), seconds).sum().backward()  # type: ignore[no-untyped-call]
    assert predicted.grad is not None
    assert bool(torch.isfinite(predicted.grad).all())
