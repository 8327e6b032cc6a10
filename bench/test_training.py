"""Time a training step and the gathering of its batch, which must not be the bottleneck."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.made_up_clips import make_clips
from training.data.clips import Clips
from training.models.config import load
from training.models.networks import Student, Teacher
from training.support.parallel import Processes
from training.train.batches import Batches
from training.train.distill import Distillation
from training.train.labels import labels
from training.train.objective import Objective
from training.train.trainer import Trainer

CONFIGS = Path(__file__).parents[1] / "training" / "configs"
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Clips:
    """Return a small cache on disk."""
    return make_clips(tmp_path_factory.mktemp("clips") / "cache", seed=1, with_silent=False)


def make_run(name: str, clips: Clips) -> Trainer:
    config = load(CONFIGS / f"{name}.toml")
    settings = config.distillation
    if settings is None:
        return Trainer(config, clips, None, CPU)
    torch.manual_seed(0)
    teacher = Teacher().eval()

    def make_objective(model: Student | Teacher, label_std: float) -> Objective:
        assert isinstance(model, Student)
        return Distillation(model, teacher, settings)

    return Trainer(config, clips, None, CPU, make_objective)


@pytest.mark.benchmark(group="training: a batch of 64")
def test_gathering_a_batch(benchmark: Any, clips: Clips) -> None:
    config = load(CONFIGS / "plain.toml")
    label, _ = labels(clips, config.label_power)
    batches = Batches(clips, config, label, CPU, Processes())
    batch = benchmark.pedantic(batches, args=(7,), rounds=30, warmup_rounds=2)
    assert batch.motion.shape == batch.appearance.shape == (64, 3, 36, 36)
    np.testing.assert_array_equal(batch.motion, batches(7).motion)


@pytest.mark.benchmark(group="training: a batch of 64")
@pytest.mark.parametrize("name", ["plain", "teacher", "distilled", "literal"])
def test_a_step(benchmark: Any, clips: Clips, name: str) -> None:
    run = make_run(name, clips)
    terms = benchmark.pedantic(run.training_step, rounds=5, warmup_rounds=1)
    assert torch.isfinite(terms).all()
    assert run.step == 6 or benchmark.disabled
