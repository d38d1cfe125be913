"""Several processes: they contrast as one would with the whole batch, and survive a kill."""

import csv
import subprocess
from pathlib import Path

import psutil
import pytest
import torch
from torch import distributed, multiprocessing
from torch.nn.parallel import DistributedDataParallel

from sprc.checkpoint import load_model
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.training.objective import Objective, freeze_encoder
from sprc.training.processes import Processes
from sprc.training.recipe import load_recipe, published_recipe
from tests.training.given_features import GivenFeatures, given_pairs
from tests.training.small_run import (
    CHECKPOINT,
    assert_same_weights,
    await_file,
    recorded_losses,
    small_data,
    spawn,
    weights,
)
from tests.training.tiny import tiny_model

WORLD = 2
BATCH = 6
GATHERED = ("--gather", "--cache-features")


def inputs() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(3)
    config = tiny_model().config
    shape = (BATCH, config.vit.tokens, config.vit.width)
    return (
        torch.randn(shape, generator=generator),
        torch.randn(shape, generator=generator),
        torch.randint(0, config.qformer.vocab, (BATCH, config.text_length), generator=generator),
        torch.ones(BATCH, config.text_length, dtype=torch.long),
    )


def gathering(model: Blip2QformerCirAlignPrompt, processes: Processes) -> Objective:
    recipe, _ = load_recipe(published_recipe("CIRR"), {"gather": True})
    return Objective(model, processes, recipe)


def share_of_gradients(rank: int, store: str, output: str) -> None:
    """One process of two: its half of the batch, and what DDP makes of both gradients."""
    torch.set_num_threads(1)
    distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=WORLD
    )
    model = tiny_model()
    freeze_encoder(model)
    processes = Processes(rank, WORLD, torch.device("cpu"))
    objective = DistributedDataParallel(gathering(model, processes), find_unused_parameters=True)
    half = slice(rank * BATCH // WORLD, (rank + 1) * BATCH // WORLD)
    references, targets, *text = (value[half] for value in inputs())
    losses = objective(GivenFeatures(), given_pairs(references, targets), *text)
    losses.sum().backward()
    found = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
    torch.save({"losses": processes.mean(losses.detach()), "gradients": found}, f"{output}{rank}")
    distributed.destroy_process_group()


def test_gathered_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    multiprocessing.spawn(
        share_of_gradients, (str(tmp_path / "store"), str(tmp_path / "found")), nprocs=WORLD
    )
    model = tiny_model()
    freeze_encoder(model)
    references, targets, *text = inputs()
    objective = gathering(model, Processes(0, 1, torch.device("cpu")))
    losses = objective(GivenFeatures(), given_pairs(references, targets), *text)
    losses.sum().backward()
    for rank in range(WORLD):
        found = torch.load(tmp_path / f"found{rank}", weights_only=True)
        torch.testing.assert_close(found["losses"], losses.detach())
        for name, parameter in model.named_parameters():
            if parameter.grad is not None:
                torch.testing.assert_close(found["gradients"][name], parameter.grad, msg=name)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def unbroken(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes; each has one pair of every batch."""
    output = tmp_path_factory.mktemp("unbroken") / "run"
    (output.parent / "said.txt").write_text(torchrun(data, output, *GATHERED))
    return output


def torchrun(data: Path, output: Path, *more: str) -> str:
    """What a run of several processes says on its way to a good end."""
    process = spawn(data, output, *more, processes=WORLD)
    try:
        said, complaints = process.communicate(timeout=240)
    finally:
        kill_with_workers(process)
    assert process.returncode == 0, complaints
    return said


def kill_with_workers(process: subprocess.Popen[str]) -> None:
    """SIGKILL to torchrun's workers, each in a session of its own, and to itself."""
    if process.poll() is None:
        for each in (*psutil.Process(process.pid).children(recursive=True), process):
            each.kill()
        process.communicate()


def losses(output: Path, name: str) -> list[float]:
    """One loss, for each epoch of a run."""
    return [float(row[name]) for row in csv.DictReader((output / "train_metrics.csv").open())]


def test_torchrun_trains_and_publishes_once(unbroken: Path) -> None:
    assert (unbroken.parent / "said.txt").read_text().count("training pairs") == 1
    trained = weights(unbroken / "last.pt")
    assert not torch.equal(trained["ln_vision.bias"], weights(CHECKPOINT)["ln_vision.bias"])
    assert load_model(unbroken / "best.pt")


def test_processes_contrast_their_targets_with_gather_alone(
    data: Path, unbroken: Path, tmp_path: Path
) -> None:
    torchrun(data, tmp_path / "apart", "--num-epochs", "1")
    for name in ("loss_itc", "loss_rtc"):
        # A pair alone has nothing to be told from.
        assert losses(tmp_path / "apart", name) == [0.0]
        assert min(losses(unbroken, name)) > 0.01
    assert losses(tmp_path / "apart", "loss_align")[0] > 0.01


def test_killed_processes_end_with_the_same_weights(
    data: Path, unbroken: Path, tmp_path: Path
) -> None:
    output = tmp_path / "run"
    process = spawn(data, output, *GATHERED, "--state-minutes", "0", processes=WORLD)
    try:
        # In the middle of the second epoch.
        await_file(output, "state-0001-000001.pt.sha256", process)
    finally:
        kill_with_workers(process)
    assert not (output / "last.pt").exists()
    torchrun(data, output, *GATHERED, "--resume", "--state-minutes", "7")
    for name in ("last.pt", "best.pt"):
        assert_same_weights(output / name, unbroken / name)
    for name in ("train_metrics.csv", "validation_metrics.csv"):
        assert (output / name).read_text() == (unbroken / name).read_text()
    assert recorded_losses(output) == recorded_losses(unbroken)
