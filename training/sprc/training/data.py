"""The data of a run: what trains, what validates, and the figure that names the best."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sprc.datasets.cirr import Cirr
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.pictures import PictureFiles, Transform
from sprc.datasets.records import EvaluationSet, Protocol, TrainingSet, pair
from sprc.datasets.screening import screen_evaluation, screen_training
from sprc.metrics import CIRR_BEST, FASHIONIQ_BEST, evaluate_cirr, evaluate_fashioniq
from sprc.schedule import Schedule, cirr_schedule, fashioniq_schedule
from sprc.training.recipe import Dataset


@dataclass(frozen=True)
class RunData:
    """Training pairs and validation sets, screened."""

    dataset: Dataset
    training: TrainingSet
    evaluations: tuple[EvaluationSet, ...]
    notes: tuple[str, ...]
    """What was left out, one sentence for each set."""

    @property
    def best_figure(self) -> str:
        """The figure of the published rule."""
        return CIRR_BEST if self.dataset == "CIRR" else FASHIONIQ_BEST

    @property
    def pictures(self) -> list[tuple[str, PictureFiles]]:
        """Every picture that trains or validates once, and where it lies."""
        found = dict.fromkeys(self.training.names, self.training.pictures)
        for name, files in self.validation_pictures:
            found.setdefault(name, files)
        return list(found.items())

    @property
    def validation_pictures(self) -> list[tuple[str, PictureFiles]]:
        """Every picture of a validation gallery once, and where it lies."""
        found: dict[str, PictureFiles] = {}
        for evaluation in self.evaluations:
            for name in evaluation.gallery:
                found.setdefault(name, evaluation.pictures)
        return list(found.items())

    def digest(self) -> str:
        """sha256 of the training pairs, names and captions in order, and of what else is known."""
        pairs: list[list[Any]] = [
            [*pair(query), *query.captions, *([query.alternatives] if query.alternatives else [])]
            for query in self.training.queries
        ]
        attributes = [self.training.attributes.get(name) for name in self.training.names]
        told = json.dumps([self.dataset, pairs, attributes], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()

    def schedule(self, epochs: int) -> Schedule:
        """The published learning-rate schedule. Raises `ScheduleError`."""
        return cirr_schedule(epochs) if self.dataset == "CIRR" else fashioniq_schedule(epochs)

    def figures(self, rankings: Sequence[Tensor]) -> dict[str, float]:
        """The published figures from a ranking of each validation set."""
        pairs = list(zip(self.evaluations, rankings, strict=True))
        if self.dataset == "CIRR":
            return evaluate_cirr(*pairs[0]).figures
        return evaluate_fashioniq(pairs).figures


def open_source(dataset: Dataset, root: Path) -> Cirr | FashionIq:
    """Find a data set. Raises `DataError`."""
    return Cirr.open(root) if dataset == "CIRR" else FashionIq.open(root)


def read_data(source: Cirr | FashionIq, transform: Transform, *, skip_broken: bool) -> RunData:
    """Read and screen a data set. Raises `DataError` or `PictureError`."""
    evaluations = (
        (source.evaluation(),)
        if isinstance(source, Cirr)
        else source.evaluation(Protocol.ORIGINAL_SPLIT)
    )
    training, left_out = screen_training(source.training(), transform, skip_broken=skip_broken)
    screened = [screen_evaluation(e, transform, skip_broken=skip_broken) for e in evaluations]
    notes = [f"training: {left_out.sentence()}"] + [
        f"validation on {evaluation.name}: {report.sentence()}" for evaluation, report in screened
    ]
    return RunData(
        "CIRR" if isinstance(source, Cirr) else "FashionIQ",
        training,
        tuple(evaluation for evaluation, _ in screened),
        tuple(notes) if skip_broken else (),
    )
