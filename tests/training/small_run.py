"""Runs of `sprc.train` that take seconds: a small data set, a small checkpoint, the CPU."""

import os
import subprocess
import sys
import time
from pathlib import Path

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sprc.checkpoint import CLASS_NAME
from sprc.train import main
from tests.training.synthetic import write_fashioniq

PARITY = Path(__file__).parents[1] / "parity"
CHECKPOINT = PARITY / "tiny_a" / "ckpt.pt"
TRAINING_PAIRS = 6
STEPS = TRAINING_PAIRS // 2
"""Of an epoch."""


def small_data(root: Path) -> Path:
    """Two categories, three pairs each; galleries of 13 pictures, so that recall at 10 can fail."""
    write_fashioniq(root, ("coat", "hat"), gallery=13, queries=TRAINING_PAIRS // 2)
    return root


def arguments(data: Path, output: Path, *more: str) -> list[str]:
    """Two epochs of three steps."""
    given = {
        "--dataset": "FashionIQ",
        "--data-path": str(data),
        "--model-path": str(CHECKPOINT),
        "--tokenizer": str(PARITY / "vocab.txt"),
        "--output": str(output),
        "--device": "cpu",
        "--num-epochs": "2",
        "--batch-size": "2",
        "--num-workers": "0",
        "--learning-rate": "1e-3",
    }
    return [part for pair in given.items() for part in pair] + list(more)


def train(data: Path, output: Path, *more: str) -> int:
    return main(arguments(data, output, *more))


def spawn(data: Path, output: Path, *more: str, processes: int = 1) -> subprocess.Popen[str]:
    """The command as a process of its own, or as several; each on one thread like this one."""
    root = PARITY.parents[1]
    paths = os.pathsep.join([str(root / "services"), str(root / "training")])
    torchrun = ("-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}")
    return subprocess.Popen(
        [
            *(sys.executable, *(torchrun if processes > 1 else ())),
            *("-m", "sprc.train", *arguments(data, output, *more)),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_file(folder: Path, pattern: str, process: subprocess.Popen[str]) -> None:
    """Return as soon as a run has written it."""
    deadline = time.monotonic() + 120
    while not list(folder.glob(pattern)):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, f"no {pattern}"
        time.sleep(0.01)


def recorded_losses(output: Path, *, epochs: int = 2) -> list[float]:
    """TensorBoard's loss_itc, one for each step of the run."""
    events = EventAccumulator(str(output / "tensorboard"))
    events.Reload()
    losses = events.Scalars("training/loss_itc")
    assert [event.step for event in losses] == list(range(1, epochs * STEPS + 1))
    return [event.value for event in losses]


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    content = torch.load(checkpoint, weights_only=True)
    state: dict[str, torch.Tensor] = content[CLASS_NAME]
    return state


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
