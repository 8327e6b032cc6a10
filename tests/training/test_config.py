"""Config files: their values and their errors."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")

from tests.support.small_runs import CONFIG, PAPER, toml
from training.models import config as config_module
from training.models.config import Config, from_mapping
from training.models.config_tables import CHOICES, Carried, Distillation

CONFIGS = Path(__file__).parents[2] / "training" / "configs"
SHIPPED_CONFIG = CONFIGS / "student.toml"
DISTILLED = replace(CONFIG, distillation=PAPER)


def test_the_shipped_config_loads_and_its_json_is_stable() -> None:
    config = config_module.load(SHIPPED_CONFIG)
    assert (config.input, config.batch, config.peak_learning_rate) == ("normalized", 128, 3e-3)
    assert config.to_json() == config_module.load(SHIPPED_CONFIG).to_json()
    assert " " not in config.to_json()
    assert config.sha256() != replace(config, seed=config.seed + 1).sha256()


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.toml")), ids=lambda path: path.stem)
def test_every_config_of_the_project_loads(path: Path) -> None:
    config = config_module.load(path)
    assert from_mapping(json.loads(config.to_json()), "its JSON") == config


@pytest.mark.parametrize("config", [CONFIG, DISTILLED], ids=["plain", "distilled"])
def test_a_config_comes_back_from_toml_and_json(config: Config, tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text(toml(config), encoding="utf-8")
    assert config_module.load(tmp_path / "c.toml") == config
    assert from_mapping(json.loads(config.to_json()), "its JSON") == config


def test_distillation_counts_in_the_hash() -> None:
    hashes = {c.sha256() for c in (CONFIG, DISTILLED)}
    for changed in (
        replace(PAPER, middle=0.25),
        replace(PAPER, temperature=0.25),
        replace(PAPER, orientation="target"),
        replace(PAPER, projection=True),
        replace(PAPER, entropy=0.5),
        replace(PAPER, balance=0.5),
        replace(PAPER, begin=0.5),
    ):
        hashes.add(replace(CONFIG, distillation=changed).sha256())
    assert len(hashes) == 9


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed = 3", "seed = 3\nsede = 1", "unknown key 'sede'"),
        ("seed = 3", "", "key 'seed' is missing"),
        ('network = "student"', "", "key 'network' is missing"),
        ("seed = 3", "seed = '3'", "seed must be int, not str"),
        ("seed = 3", "seed = true", "seed must be int, not bool"),
        ("seed = 3", "seed = 0.5", "seed must be int, not float"),
        ("seed = 3", "seed = -1", "seed must not be negative"),
        ("batch = 32", "batch = 0", "batch must be above 0"),
        ("flip = 0.5", "flip = 1.5", "flip lies between 0 and 1"),
        ("flip = 0.5", "flip = nan", "flip lies between 0 and 1"),
        ('network = "student"', 'network = "pupil"', "network must be one of student, teacher"),
        ('input = "normalized"', 'input = "raw"', "input must be one of"),
        ('activation = "tanh"', 'activation = "gelu"', "activation must be one of"),
        ('pooling = "average"', 'pooling = "min"', "pooling must be one of"),
        ('precision = "float32"', 'precision = "half"', "precision must be one of"),
        ("log_every = 10", "log_every = 33", "multiple"),
        ("seed = 3", "seed = = 0", "Invalid value"),
        # Errors in the table [distillation]
        ("task = 1.0", "task = 1.0\ntusk = 1.0", r"\[distillation\]: unknown key 'tusk'"),
        ("task = 1.0", "", r"\[distillation\]: key 'task' is missing"),
        ("task = 1.0", "task = 'much'", r"\[distillation\]: task must be float, not str"),
        ("projection = false", "projection = 0", "projection must be bool, not int"),
        ("task = 1.0", "task = -1.0", "task must not be negative"),
        ("middle = 1.0", "middle = nan", "middle must not be negative, not nan"),
        ("task = 1.0", "task = 0.0", "task and output must not both be 0"),
        ("temperature = 1.0", "temperature = 0.0", "temperature must be above 0"),
        ('orientation = "literal"', 'orientation = "north"', "orientation must be one of"),
        ('features = "plain"', 'features = "fancy"', "features must be one of"),
        ('distance = "norm"', 'distance = "far"', "distance must be one of"),
        ('maps = "pooled"', 'maps = "half"', "maps must be one of"),
        ("entropy = 0.0", "entropy = 1.0", "entropy lies from 0 to below 1"),
        ("begin = 0.0", "begin = -0.1", "begin lies from 0 to below 1"),
        ("balance = 0.0", "balance = nan", "balance must not be negative"),
        ("[distillation]", "[distilation]", "unknown key 'distilation'"),
        ("[distillation]", "[[distillation]]", "distillation must be a table"),
        ('network = "student"', 'network = "teacher"', "a teacher learns from no other"),
    ],
)
def test_a_wrong_config_is_named_with_its_file(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    text = toml(DISTILLED)
    assert old in text
    path = tmp_path / "wrong.toml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=message) as error:
        config_module.load(path)
    assert "wrong.toml" in str(error.value)


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_bytes(b"\xff\xfe seed")
    with pytest.raises(ValueError, match=r"wrong\.toml"):
        config_module.load(tmp_path / "wrong.toml")


@pytest.mark.parametrize(("activation", "pooling"), [("relu", "average"), ("tanh", "max")])
def test_the_teacher_has_no_variants(activation: str, pooling: str) -> None:
    with pytest.raises(ValueError, match="the teacher has tanh and average pooling"):
        replace(CONFIG, network="teacher", activation=activation, pooling=pooling)


def test_what_has_a_default_may_be_left_out(tmp_path: Path) -> None:
    text = "".join(
        line
        for line in toml(DISTILLED).splitlines(keepends=True)
        if line.split(" ")[0] not in ("entropy", "balance", "begin")
    )
    (tmp_path / "c.toml").write_text(text, encoding="utf-8")
    assert config_module.load(tmp_path / "c.toml") == DISTILLED


def test_a_whole_number_may_stand_for_a_float(tmp_path: Path) -> None:
    text = toml(DISTILLED).replace("flip = 0.5", "flip = 1").replace("task = 1.0", "task = 2")
    (tmp_path / "c.toml").write_text(text, encoding="utf-8")
    config = config_module.load(tmp_path / "c.toml")
    assert config.distillation is not None
    for value in (config.flip, config.distillation.task):
        assert isinstance(value, float)
    assert (config.flip, config.distillation.task) == (1.0, 2.0)


def test_every_name_that_a_field_may_hold_is_listed() -> None:
    names = {
        f.name for kind in (Config, Distillation, Carried) for f in fields(kind) if f.type == "str"
    }
    assert names == set(CHOICES)


def test_a_config_says_only_what_differs_from_its_base(tmp_path: Path) -> None:
    (tmp_path / "base.toml").write_text(toml(DISTILLED), encoding="utf-8")
    (tmp_path / "sub").mkdir()
    file = tmp_path / "sub" / "changed.toml"
    file.write_text('base = "../base.toml"\nseed = 7\n[distillation]\nmiddle = 0.25\n', "utf-8")
    changed = replace(DISTILLED, seed=7, distillation=replace(PAPER, middle=0.25))
    assert config_module.load(file) == changed
    (tmp_path / "third.toml").write_text('base = "sub/changed.toml"\nflip = 0.25\n', "utf-8")
    assert config_module.load(tmp_path / "third.toml") == replace(changed, flip=0.25)


def test_a_base_that_is_no_config_is_named(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    for base, message in (("1", "base must be the path"), ('"a.toml"', "based on this file")):
        file.write_text(f"base = {base}\n", encoding="utf-8")
        with pytest.raises(ValueError, match=f"a.toml: .*{message}"):
            config_module.load(file)
    file.write_text('base = "b.toml"\n', encoding="utf-8")
    with pytest.raises(OSError, match=r"b\.toml"):
        config_module.load(file)
    (tmp_path / "b.toml").write_text('base = "a.toml"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="based on this file"):
        config_module.load(file)
