"""How much faster steps are with kept features, and how much less memory they take.

The same steps are measured both ways: forward and backward of real batches, with the optimiser left
alone, so that the weights of the run do not depend on having measured.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from sprc.datasets.loading import PairBatch
from sprc.datasets.records import TrainingSet
from sprc.training.batches import Batch
from sprc.training.features import Features, load_pairs
from sprc.training.memory import PeakMemory

STEPS = 4


@dataclass(frozen=True)
class Pace:
    """What a step costs one process."""

    step_s: float
    """Mean over the measured steps."""
    peak_bytes: int | None
    """The most memory that was held; none where the system does not say."""


def measure_pace(
    features: Features,
    training: TrainingSet,
    plan: list[Batch],
    step: Callable[[Features, Batch, PairBatch], None],
    *,
    workers: int,
    device: torch.device,
) -> Pace | None:
    """Measure `STEPS` steps behind one that warms up; none where the plan has a single step."""
    steps = plan[: STEPS + 1]
    rows = load_pairs(features, training, steps, workers)
    memory = PeakMemory(device)
    started, measured = time.monotonic(), 0
    for index, (batch, loaded) in enumerate(zip(steps, rows, strict=True)):
        step(features, batch, loaded)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if index == 0:
            memory.reset()
            started = time.monotonic()
        measured = index
    if not measured:
        return None
    return Pace((time.monotonic() - started) / measured, memory.peak_bytes())


def compare(kept: Pace | None, plain: Pace | None) -> str:
    """One sentence for the report."""
    if kept is None or plain is None:
        return "an epoch has too few steps to compare kept features with computing them"
    sentence = (
        f"{1 / kept.step_s:.2f} steps/s with kept features, {1 / plain.step_s:.2f} steps/s "
        f"computing them in each step: {plain.step_s / kept.step_s:.1f} times as fast"
    )
    if kept.peak_bytes is None or plain.peak_bytes is None:
        return sentence
    return (
        f"{sentence}, with at most {kept.peak_bytes / 1e9:.2f} GB of memory against "
        f"{plain.peak_bytes / 1e9:.2f} GB"
    )
