"""Several processes that share a run compute the same as one process."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training needs PyTorch")
pytest.importorskip("tqdm", reason="training needs tqdm")
distributed = pytest.importorskip("torch.distributed")
if not (distributed.is_available() and distributed.is_gloo_available()):
    pytest.skip("this PyTorch has no processes that talk", allow_module_level=True)

from tests.support.made_up_clips import make_clips  # noqa: E402
from tests.support.small_runs import PAPER, SHORT, killed_at, write  # noqa: E402
from training.evaluate.validation import Score  # noqa: E402
from training.models.checkpoint import LOG, Checkpoint  # noqa: E402
from training.models.config import Config  # noqa: E402
from training.support import parallel  # noqa: E402
from training.support.parallel import BatchNorm, Processes, mean_and_variance  # noqa: E402
from training.train.distill import distill  # noqa: E402
from training.train.train import main  # noqa: E402
from training.train.trainer import CHECKPOINT, execute  # noqa: E402

ROOT = Path(__file__).parents[2]
SECONDS = 4.0
LIMIT = 150  # s; a longer run counts as hanging, a free machine needs 10 s

# float32 sums over halves of a batch differ from sums over the whole by 1e-7: 4e-6 was seen.
SAME_TOLERANCE = 3e-5
# The spread is the exponential of a mean entropy, computed per process and then averaged.
SPREAD_TOLERANCE = 0.02
# A bias before a normalisation has no effect, so its gradient is only rounding error, which Adam
# turns into steps of the size of the learning rate, in either direction. Running means follow it
# with a delay. Only validation uses them; its scores differ by up to 0.2 %.
IDLE = ("conv1.bias", "conv2.bias", "middle.bias", "last.bias")
SCORE_TOLERANCE = 0.02
DRIFT = SHORT.peak_learning_rate * SHORT.steps
# Both sides compute in float64; only the order of additions differs.
EXACT = 1e-12
# bfloat16 has 8 significant bits, and values reach 4.
BFLOAT16_TOLERANCE = 0.02

# Standard features and a projection test statistics and weights outside the student.
DISTILLED = replace(
    SHORT,
    steps=4,
    distillation=replace(
        PAPER, features="standard", projection=True, output=0.5, distance="mean square"
    ),
)


# --- Two processes


@contextmanager
def two_processes(folder: Path, *arguments: object) -> Iterator[None]:
    """Run a module in two processes with torchrun; the context's body runs at the same time."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m"]
    command = [sys.executable, *launcher, *(str(each) for each in arguments), "--device", "cpu"]
    output = folder / "output.txt"  # a file, because a pipe may wait for grandchildren
    with output.open("w") as file:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
        code = process.wait(timeout=LIMIT)
    finally:
        process.terminate()  # torchrun ends the other processes, too
        process.wait()
    assert code == 0, output.read_text()


def same_run(alone: Path, together: Path, steps: int) -> None:
    """Compare the logs and the checkpoints of two runs."""
    logs = []
    for folder in (alone, together):
        with (folder / LOG).open(encoding="utf-8") as file:
            logs.append(
                [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]
            )
    assert len(logs[0]) == len(logs[1]) == steps
    for ours, theirs in zip(*logs):
        for name, value in ours.items():
            tolerance = SAME_TOLERANCE
            if name in Score.__annotations__:
                tolerance = SCORE_TOLERANCE
            elif name.endswith("spread"):
                tolerance = SPREAD_TOLERANCE
            assert theirs[name] == pytest.approx(value, rel=tolerance), (name, ours["step"])
    assert logs[0][0]["loss"] != pytest.approx(logs[0][-1]["loss"], rel=0.01), "nothing happened"
    one, two = (Checkpoint.load(folder / CHECKPOINT) for folder in (alone, together))
    assert two.step == one.step == steps
    for ours, theirs in ((one.model, two.model), (one.helper, two.helper)):
        assert set(ours) == set(theirs)
        for name, tensor in ours.items():
            if name in IDLE or name.endswith("running_mean"):
                assert float((theirs[name] - tensor).abs().max()) < DRIFT, name
            else:
                torch.testing.assert_close(
                    theirs[name], tensor, rtol=SAME_TOLERANCE, atol=SAME_TOLERANCE, msg=name
                )
    assert int(two.model["norm1.num_batches_tracked"]) == steps


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a training and of a distillation, each in one and in two processes."""
    root = tmp_path_factory.mktemp("runs")
    clips = make_clips(root / "train", seed=1, seconds=SECONDS)
    validation = make_clips(root / "validation", seed=2, seconds=SECONDS)
    teacher = root / "teacher" / CHECKPOINT
    teaching = replace(SHORT, network="teacher", steps=1, validate_every=1)
    execute(teaching, clips, None, teacher.parent, device="cpu")

    def distill_alone(resume: bool) -> None:
        taught, out = Checkpoint.load(teacher), root / "distilled"
        distill(DISTILLED, taught, clips, None, out, resume=resume, device="cpu")

    with killed_at(3):
        distill_alone(resume=False)
    shutil.copytree(root / "distilled", root / "distilled-2")

    def arguments(name: str, config: Config) -> list[object]:
        given = ["--config", write(root, config, name), "--data", clips.folder]
        return [*given, "--out", root / f"{name}-2"]

    student = [
        "training.train.train",
        *arguments("student", SHORT),
        "--validation",
        validation.folder,
    ]
    distilled = ["training.train.distill", *arguments("distilled", DISTILLED), "--teacher", teacher]
    with two_processes(root / "teacher", *distilled, "--resume"), two_processes(root, *student):
        execute(SHORT, clips, validation, root / "student", device="cpu")
        distill_alone(resume=True)
    return root


@pytest.mark.slow
def test_two_processes_train_like_one(runs: Path) -> None:
    same_run(runs / "student", runs / "student-2", SHORT.steps)


@pytest.mark.slow
def test_two_processes_go_on_distilling_like_one(runs: Path) -> None:
    same_run(runs / "distilled", runs / "distilled-2", DISTILLED.steps)


# --- One process


def test_a_batch_that_two_cannot_share_is_told_in_one_line(
    runs: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def second_of_two(_: object) -> Processes:
        return Processes(1, 2)

    left: list[Processes] = []
    monkeypatch.setattr(parallel, "start", second_of_two)
    monkeypatch.setattr(parallel, "finish", left.append)
    arguments = ["--config", write(tmp_path, replace(SHORT, batch=7)), "--data", runs / "train"]
    arguments += ["--out", tmp_path / "out", "--device", "cpu"]
    assert main([str(argument) for argument in arguments]) == 2
    assert capsys.readouterr().err == "error: 2 processes cannot share a batch of 7\n"
    assert left == [Processes(1, 2)], "the others are not left waiting"


def test_alone_nothing_is_wrapped_or_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    processes = parallel.start(torch.device("cpu"))
    assert (processes, processes.first) == (Processes(0, 1), True)
    module = torch.nn.Sequential(torch.nn.BatchNorm2d(3))
    parallel.synchronise(module, processes)
    assert type(module[0]) is torch.nn.BatchNorm2d
    assert parallel.share(module, processes) is module
    assert not Processes(1, 2).first


@pytest.fixture
def group() -> Iterator[None]:
    """Create a group of one process, in which the code for several processes can run."""
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


@pytest.mark.usefixtures("group")
def test_shared_batch_normalisation_is_batch_normalisation() -> None:
    torch.manual_seed(0)
    plain = torch.nn.BatchNorm2d(3)
    torch.nn.init.uniform_(plain.weight, 0.5, 2)
    torch.nn.init.uniform_(plain.bias, -1, 1)
    shared = torch.nn.Sequential(torch.nn.BatchNorm2d(3))
    shared[0].load_state_dict(plain.state_dict())
    parallel.synchronise(shared, Processes(0, 2))
    assert type(shared[0]) is BatchNorm
    for _ in range(3):
        values = 3 + 2 * torch.randn(5, 3, 4, 7)
        gradients = []
        for norm in (plain, shared):
            given = values.clone().requires_grad_()
            out = norm(given)
            parameters = (given, *norm.parameters())
            gradients.append((out, *torch.autograd.grad((out**3).sum(), parameters)))
        for ours, theirs in zip(*gradients):
            torch.testing.assert_close(ours, theirs)
    for (name, ours), theirs in zip(plain.state_dict().items(), shared.state_dict().values()):
        torch.testing.assert_close(ours, theirs, msg=name)
    torch.testing.assert_close(shared.eval()(values), plain.eval()(values))


@pytest.mark.usefixtures("group")
def test_shared_batch_normalisation_takes_bfloat16() -> None:
    values = 3 + torch.randn(5, 3, 4, 7)
    plain, shared = torch.nn.BatchNorm2d(3), torch.nn.BatchNorm2d(3)
    parallel.synchronise(shared, Processes(0, 2))
    parallel.synchronise(torch.nn.ModuleList([shared]), Processes(0, 2))
    out, expected = shared(values.bfloat16()), plain(values.bfloat16())
    assert out.dtype == expected.dtype == torch.bfloat16
    torch.testing.assert_close(
        out.float(), expected.float(), rtol=BFLOAT16_TOLERANCE, atol=BFLOAT16_TOLERANCE
    )
    # The mean of rounded values, not the rounded mean.
    torch.testing.assert_close(shared.running_mean, plain.running_mean)
    torch.testing.assert_close(shared.running_var, plain.running_var)


@pytest.mark.usefixtures("group")
def test_mean_and_variance_have_the_right_gradients() -> None:
    values = torch.randn(4, 5, 3, dtype=torch.float64, requires_grad=True)
    mean, variance = mean_and_variance(values, (0, 1))
    expected, mean_of = torch.var_mean(values, dim=(0, 1), correction=0, keepdim=True)
    torch.testing.assert_close(variance, expected, rtol=EXACT, atol=0)
    torch.testing.assert_close(mean, mean_of, rtol=EXACT, atol=EXACT)
    assert torch.autograd.gradcheck(lambda x: mean_and_variance(x, (0, 1)), values)
