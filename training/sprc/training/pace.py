"""How much faster steps are with kept features: the same steps, timed both ways.

Forward and backward of real batches, with the optimiser left alone, so that the weights of the
run do not depend on having measured.
"""

import time
from collections.abc import Callable

import torch

from sprc.datasets.loading import PairBatch
from sprc.datasets.records import TrainingSet
from sprc.training.batches import Batch
from sprc.training.features import Features, load_pairs

STEPS = 4


def seconds_per_step(
    features: Features,
    training: TrainingSet,
    plan: list[Batch],
    step: Callable[[Features, Batch, PairBatch], None],
    *,
    workers: int,
) -> float | None:
    """Mean of `STEPS` steps behind one that warms up; none where the plan has a single step."""
    steps = plan[: STEPS + 1]
    rows = load_pairs(features, training, steps, workers)
    started, timed = time.monotonic(), 0
    for index, (batch, loaded) in enumerate(zip(steps, rows, strict=True)):
        step(features, batch, loaded)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if index == 0:
            started = time.monotonic()
        timed = index
    return (time.monotonic() - started) / timed if timed else None


def compare(kept_s: float | None, plain_s: float | None) -> str:
    """One sentence for the report."""
    if kept_s is None or plain_s is None:
        return "an epoch has too few steps to compare kept features with computing them"
    return (
        f"{1 / kept_s:.2f} steps/s with kept features, {1 / plain_s:.2f} steps/s computing them "
        f"in each step: {plain_s / kept_s:.1f} times as fast"
    )
