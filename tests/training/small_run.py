"""Runs of `sprc.train` that take seconds: a small data set, a small checkpoint, the CPU."""

from pathlib import Path

import torch

from sprc.checkpoint import CLASS_NAME
from sprc.train import main
from tests.training.synthetic import write_fashioniq

PARITY = Path(__file__).parents[1] / "parity"
CHECKPOINT = PARITY / "tiny_a" / "ckpt.pt"
TRAINING_PAIRS = 6


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


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    content = torch.load(checkpoint, weights_only=True)
    state: dict[str, torch.Tensor] = content[CLASS_NAME]
    return state


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = weights(one), weights(other)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
