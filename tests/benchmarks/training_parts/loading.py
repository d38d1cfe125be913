"""What steps take, plain, with kept features and with pictures at hand; what the loader gives."""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import Dataset

from sprc.datasets.pictures import PictureFiles
from sprc.datasets.records import pair
from sprc.training.batches import plan_epoch
from sprc.training.features import Features, load_pairs
from sprc.training.trainer import Trainer
from tests.benchmarks.gpu_parts import flops
from tests.benchmarks.training_pace import fill_moments, measured_rounds, trainer_of

WORKERS = (0, 1, 2)


class PicturesAtHand:
    """Features of pictures that were read before: what a step takes where no reading is in it."""

    def __init__(self, plain: Features) -> None:
        self.plain = plain
        self._rows: list[Tensor] | None = None

    def pictures(self, names: Sequence[str], files: PictureFiles) -> Dataset[Tensor]:
        """Pixels [3, S, S] float32, all in memory."""
        if self._rows is None:
            read = self.plain.pictures(names, files)
            self._rows = [read[index] for index in range(len(names))]
        return cast(Dataset[Tensor], self._rows)

    def encode(self, rows: Tensor) -> Tensor:
        """As the features that are computed each time."""
        return self.plain.encode(rows)


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Seconds a step, three ways, by round; pictures a second of the loader, by workers."""
    with trainer_of(options, folder) as trainer:
        fill_moments(trainer.optimizer)
        plain = trainer.run.plain
        assert plain is not None
        at_hand = PicturesAtHand(plain)
        kept_s, plain_s, ready_s = [], [], []
        rates: dict[int, list[float]] = {workers: [] for workers in WORKERS}
        for index in range(options.rounds):
            for paces in measured_rounds(trainer, 1):
                kept_s.append(paces.kept.step_s)
                plain_s.append(paces.plain.step_s)
            ready = trainer.pace(at_hand)
            assert ready is not None
            ready_s.append(ready.step_s)
            for place in range(len(WORKERS)):
                workers = WORKERS[(index + place) % len(WORKERS)]
                rates[workers].append(_pictures_a_second(trainer, plain, workers))
        return {
            "kept_s": kept_s,
            "plain_s": plain_s,
            "ready_s": ready_s,
            "pictures_a_step": _pictures_a_step(trainer),
            "loader": {str(workers): found for workers, found in rates.items()},
            "limit": flops.epoch_limit(trainer.model.config),
            "batch": options.batch_size,
            "threads": torch.get_num_threads(),
            "device": str(trainer.device),
        }


def _pictures_a_second(trainer: Trainer, features: Features, workers: int) -> float:
    """From the first batch's arrival on: workers start once an epoch, and that is not counted."""
    training = trainer.run.data.training
    batch = trainer.run.recipe.batch_size
    plan = [
        each
        for epoch in range(3)
        for each in plan_epoch(training, seed=epoch, epoch=epoch, batch_size=batch)
    ]
    batches = iter(load_pairs(features, training, plan, workers))
    next(batches)
    began = time.perf_counter()
    pictures = sum(len(rows.pictures) for rows in batches)
    return pictures / (time.perf_counter() - began)


def _pictures_a_step(trainer: Trainer) -> float:
    """Distinct pictures of a batch, on average."""
    training, batch = trainer.run.data.training, trainer.run.recipe.batch_size
    plan = plan_epoch(training, seed=0, epoch=0, batch_size=batch)
    pictures = [{name for p in each.pairs for name in pair(training.queries[p])} for each in plan]
    return sum(map(len, pictures)) / len(plan)
