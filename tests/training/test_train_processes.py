"""Several processes: the gathered contrast is that of one process with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from torch import distributed, multiprocessing
from torch.nn.parallel import DistributedDataParallel

from sprc.checkpoint import load_model
from sprc.model import Blip2QformerCirAlignPrompt
from sprc.training.objective import Objective, freeze_encoder
from sprc.training.processes import Processes
from sprc.training.recipe import load_recipe, published_recipe
from tests.training.given_features import GivenFeatures, given_pairs
from tests.training.small_run import CHECKPOINT, PARITY, arguments, small_data, weights
from tests.training.tiny import tiny_model

WORLD = 2
BATCH = 6


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


def test_torchrun_trains_and_publishes_once(tmp_path: Path) -> None:
    data = small_data(tmp_path / "data")
    root = PARITY.parents[1]
    paths = os.pathsep.join([str(root / "services"), str(root / "training")])
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    flags = arguments(data, tmp_path / "run", "--gather", "--num-epochs", "1", "--cache-features")
    done = subprocess.run(
        [*command, f"--nproc-per-node={WORLD}", "-m", "sprc.train", *flags],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("training pairs") == 1
    trained = weights(tmp_path / "run" / "last.pt")
    assert not torch.equal(trained["ln_vision.bias"], weights(CHECKPOINT)["ln_vision.bias"])
    assert load_model(tmp_path / "run" / "best.pt")
