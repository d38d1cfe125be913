"""Which queries and galleries an evaluation asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sprc.datasets.cirr import Cirr
from sprc.datasets.fashioniq import FashionIq
from sprc.datasets.pictures import Transform
from sprc.datasets.records import DataError, EvaluationSet, Protocol, unique
from sprc.datasets.screening import LeftOut, screen_evaluation


@dataclass(frozen=True)
class Task:
    """One list of queries, and the galleries it searches: one for each protocol."""

    name: str
    sets: dict[Protocol, EvaluationSet]
    left_out: LeftOut

    @property
    def names(self) -> tuple[str, ...]:
        """Every picture of any of its galleries, once."""
        return unique(name for evaluation in self.sets.values() for name in evaluation.gallery)

    @property
    def any_set(self) -> EvaluationSet:
        """One of the sets: all have the same queries and pictures."""
        return next(iter(self.sets.values()))


def is_cirr(dataset: str) -> bool:
    """Whether ``--dataset`` names CIRR; anything else is in FashionIQ's format."""
    return dataset.lower() == "cirr"


def read_tasks(
    dataset: str,
    root: Path,
    protocols: Sequence[Protocol] | None,
    transform: Transform,
    *,
    skip_broken: bool,
) -> list[Task]:
    """The validation queries of a data set, its pictures checked.

    Args:
        dataset: ``CIRR``, ``FashionIQ`` (every category found at `root`), or categories in
            FashionIQ's format with commas between them.
        root: ``--data-path``.
        protocols: of FashionIQ, all that the data can be evaluated by if none are named; CIRR has
            one.
        transform: with `skip_broken` each picture is read and transformed once beforehand.
        skip_broken: go on without missing or damaged pictures and the queries that need them.

    Raises:
        DataError: The data set cannot be used.
        PictureError: A picture is missing.
    """
    if is_cirr(dataset):
        found = [{Protocol.CIRR: Cirr.open(root).evaluation()}]
    else:
        categories = None if dataset.lower() == "fashioniq" else dataset.split(",")
        data = FashionIq.open(root, categories)
        by_protocol = {p: data.evaluation(p) for p in _possible(data, protocols)}
        found = [
            {protocol: sets[place] for protocol, sets in by_protocol.items()}
            for place in range(len(data.categories))
        ]
    return [_screened(sets, transform, skip_broken) for sets in found]


def _possible(data: FashionIq, asked: Sequence[Protocol] | None) -> Sequence[Protocol]:
    possible = data.protocols
    for protocol in asked or ():
        if protocol not in possible:
            raise DataError(f"no caption in {data.root} lists alternatives, as {protocol} needs")
    return asked or possible


def _screened(sets: dict[Protocol, EvaluationSet], transform: Transform, skip_broken: bool) -> Task:
    screened = {
        protocol: screen_evaluation(evaluation, transform, skip_broken=skip_broken)
        for protocol, evaluation in sets.items()
    }
    first, left_out = next(iter(screened.values()))
    return Task(first.name, {p: evaluation for p, (evaluation, _) in screened.items()}, left_out)
