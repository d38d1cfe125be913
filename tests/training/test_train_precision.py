"""Each precision: what computes in it, what it changes, and that a kill does not change it."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook

from tests.training.small_run import (
    CHECKPOINT,
    assert_same_weights,
    await_file,
    recorded_losses,
    small_data,
    spawn,
    train,
    weights,
)

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
# The loss scaler skips the first five steps here, and an epoch has three.
EPOCHS = 3
Dtypes = dict[str, set[torch.dtype]]


@dataclass(frozen=True)
class Finished:
    """A run at a precision that nothing interrupted."""

    output: Path
    dtypes: Dtypes
    """What the linear layers gave, by where they were."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Finished]:
    """The run at a precision, made once."""

    @cache
    def run(precision: str) -> Finished:
        output = tmp_path_factory.mktemp(precision) / "run"
        with noting_dtypes() as dtypes:
            assert train(data, output, *flags(precision)) == 0
        return Finished(output, dtypes)

    return run


def flags(precision: str) -> list[str]:
    return ["--precision", precision, "--num-epochs", str(EPOCHS)]


@contextmanager
def noting_dtypes() -> Iterator[Dtypes]:
    """The dtypes of what linear layers give, while the block runs."""
    found: Dtypes = {"encoder": set(), "training": set(), "validation": set()}

    def note(module: nn.Module, _: tuple[Tensor, ...], output: Tensor) -> None:
        if isinstance(module, nn.Linear):
            trains = "training" if output.requires_grad else "validation"
            found[trains if module.weight.requires_grad else "encoder"].add(output.dtype)

    hook = register_module_forward_hook(note)
    try:
        yield found
    finally:
        hook.remove()


def learning_rates(output: Path) -> list[str]:
    rows = csv.DictReader((output / "train_metrics.csv").open())
    return [row["learning_rate"] for row in rows]


@pytest.mark.parametrize("precision", DTYPES)
def test_encoder_and_training_compute_in_it(
    finished: Callable[[str], Finished], precision: str
) -> None:
    run, plain = finished(precision), finished("float32")
    dtype = DTYPES[precision]
    # The published evaluation has the Q-Former in float32, whatever trained it.
    expected = {"encoder": {dtype}, "training": {dtype}, "validation": {torch.float32}}
    assert run.dtypes == expected

    first, plain_first = (recorded_losses(r.output, epochs=EPOCHS)[0] for r in (run, plain))
    assert first == pytest.approx(plain_first, rel=0.05)
    assert (first == plain_first) == (precision == "float32")
    before, after = weights(CHECKPOINT), weights(run.output / "last.pt")
    moved = (after["text_proj.weight"] - before["text_proj.weight"]).abs().max()
    # AdamW moves a weight by about the learning rate in a step.
    assert 1e-4 < moved < 1e-3 * EPOCHS * 3


@pytest.mark.filterwarnings("error:Detected call of .lr_scheduler:UserWarning")
def test_the_schedule_goes_on_where_the_scaler_skips(
    data: Path, finished: Callable[[str], Finished], tmp_path: Path
) -> None:
    assert train(data, tmp_path / "run", "--precision", "fp16", "--num-epochs", "1") == 0
    before, after = weights(CHECKPOINT), weights(tmp_path / "run" / "last.pt")
    assert all(value.equal(after[name]) for name, value in before.items()), "no step was skipped"
    half, full = (learning_rates(finished(p).output) for p in ("fp16", "float32"))
    assert half == full


@pytest.mark.parametrize("precision", DTYPES)
def test_a_killed_run_ends_with_the_same_weights(
    data: Path, finished: Callable[[str], Finished], tmp_path: Path, precision: str
) -> None:
    output, unbroken = tmp_path / "run", finished(precision).output
    process = spawn(data, output, *flags(precision), "--state-minutes", "0")
    try:
        # In the middle of the second epoch.
        await_file(output, "state-0001-000001.pt.sha256", process)
    finally:
        process.kill()
        process.communicate()
    assert not (output / "last.pt").exists()
    assert train(data, output, *flags(precision), "--resume", "--state-minutes", "7") == 0
    for name in ("last.pt", "best.pt"):
        assert_same_weights(output / name, unbroken / name)
    for name in ("train_metrics.csv", "validation_metrics.csv"):
        assert (output / name).read_text() == (unbroken / name).read_text()
    losses = [recorded_losses(folder, epochs=EPOCHS) for folder in (output, unbroken)]
    assert losses[0] == losses[1]
