"""Training on carriers: what a batch holds, whose faces, and that it comes again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

for module in ("torch", "scipy", "av", "tqdm", "cv2"):
    pytest.importorskip(module, reason="training needs the extra 'train'")

import torch  # noqa: E402

from tests.made_up_carriers import JUMP, RATES, make_carriers  # noqa: E402
from tests.made_up_clips import make_clips  # noqa: E402
from tests.small_runs import CONFIG, SHORT, bits, flat, killed_at, toml  # noqa: E402
from training.data.carriers import Carriers  # noqa: E402
from training.data.clips import Clips  # noqa: E402
from training.models.checkpoint import Checkpoint  # noqa: E402
from training.models.config import Carried, load  # noqa: E402
from training.models.networks import Student, load_model  # noqa: E402
from training.support.parallel import Processes  # noqa: E402
from training.train.average import Average  # noqa: E402
from training.train.batches import Batches  # noqa: E402
from training.train.carried import CarriedSteps  # noqa: E402
from training.train.train import main as train  # noqa: E402
from training.train.trainer import CHECKPOINT, execute  # noqa: E402

CPU = torch.device("cpu")
MIX = Carried(share=0.25, people="all", pulse={})
MIXED = replace(SHORT, carriers=MIX, average=0.9)
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
    made = CarriedSteps(carriers, MIXED, 1.0)
    one, again, other = made(5, 16), made(5, 16), made(6, 16)
    for a, b, c in zip(one, again, other):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)
    motion, appearance, label = one
    assert motion.shape == appearance.shape == (16, 3, 36, 36)
    assert label.shape == (16,)
    assert {tensor.dtype for tensor in one} == {torch.float32}
    assert not torch.equal(CarriedSteps(carriers, replace(MIXED, seed=9), 1.0)(5, 16)[0], motion)


def test_the_label_is_what_is_in_the_skin(carriers: Carriers) -> None:
    quiet = {"light": "0", "noise": "0", "exposure": "0", "delay": "0", "amplitude": "0.01"}
    still = replace(MIXED, carriers=replace(MIX, pulse=quiet), label_power=0.0)
    motion, _, label = CarriedSteps(carriers, still, 1.0)(0, 256)
    seen = motion[:, 1].mean((1, 2)).numpy()
    # Blood darkens the skin. Between label and PPG stands the band-pass, and green's share differs.
    assert np.corrcoef(seen, label.numpy())[0, 1] < SEEN_CORRELATION


def test_labels_grow_with_the_amplitude_to_the_configs_power(carriers: Carriers) -> None:
    fixed = {"amplitude": "0.004"}
    plain = replace(MIXED, carriers=replace(MIX, pulse=fixed), label_power=0.0)
    half = replace(plain, label_power=0.5)
    one, other = (CarriedSteps(carriers, config, 2.0)(0, 32)[2] for config in (plain, half))
    np.testing.assert_allclose(other, one * 0.004**0.5, rtol=1e-5)


def test_no_step_crosses_a_change_of_box(carriers: Carriers) -> None:
    made = CarriedSteps(carriers, MIXED, 1.0)
    where = np.linspace(0, 1, 2000, endpoint=False)
    times = carriers.clips.times
    lengths = set()
    for views, rate in zip(made.people, RATES):
        for view in views:
            for wanted in (1, 2, 3, 9):
                for begin, end in (view.choose(wanted, w) for w in where):
                    assert 0 < times[end] - times[begin] < 3.5 / rate
                    lengths.add(end - begin)
    assert lengths == {1, 2, 3}  # nine frames would leave less than 10 a second: one is taken
    start = carriers.clips.clips[0].start
    pairs = {(b, e) for b, e in (made.people[0][0].choose(1, w) for w in where)}
    assert (start + JUMP - 1, start + JUMP) not in pairs
    assert (start + JUMP - 2, start + JUMP - 1) in pairs


def test_people_of_the_test_part_are_refused(tmp_path: Path) -> None:
    for person in ("face07", "evm_face"):
        carriers = make_carriers(tmp_path / person, people=("anna", person))
        with pytest.raises(ValueError, match=f"{person}.mp4 shows a person of the test part"):
            CarriedSteps(carriers, MIXED, 1.0)


def test_each_batch_has_its_share_of_carriers_and_processes_share_it(
    carriers: Carriers, clips: Clips
) -> None:
    label = np.nan_to_num(np.full(len(clips.pulse), 7.0, np.float32))
    config = replace(MIXED, batch=16)
    carried = CarriedSteps(carriers, config, 1.0)
    whole = Batches(clips, config, label, CPU, Processes(), carried)(3)
    assert len(whole.label) == 16
    assert int((whole.label.abs() == 7).sum()) == 12  # the clips' label here
    parts = [Batches(clips, config, label, CPU, Processes(r, 2), carried)(3) for r in range(2)]
    together = torch.cat([part.motion for part in parts])
    assert sorted(together.sum((1, 2, 3)).tolist()) == sorted(whole.motion.sum((1, 2, 3)).tolist())


def test_a_run_that_was_killed_ends_with_the_same_bits(
    carriers: Carriers, clips: Clips, tmp_path: Path
) -> None:
    execute(MIXED, clips, None, tmp_path / "whole", device="cpu", carriers=carriers)
    with killed_at(4):
        execute(MIXED, clips, None, tmp_path / "cut", device="cpu", carriers=carriers)
    execute(MIXED, clips, None, tmp_path / "cut", device="cpu", carriers=carriers, resume=True)
    assert bits(tmp_path / "cut") == bits(tmp_path / "whole")
    checkpoint = Checkpoint.load(tmp_path / "whole" / CHECKPOINT)
    assert {"anna", "bert"} < set(checkpoint.subjects)
    assert "made-up carriers" in checkpoint.data
    with pytest.raises(ValueError, match="no carriers are given"):
        execute(MIXED, clips, None, tmp_path / "none", device="cpu")
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
