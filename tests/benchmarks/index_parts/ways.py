"""Ways to answer one kind of question, measured in turn: how fast each is, and how right."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

import numpy as np

from retrieval.domain import F32Array
from tests.benchmarks.harness.timing import Timings, alternating
from tests.benchmarks.index_parts.catalogs import Catalog
from tests.benchmarks.index_parts.questions import Question
from tests.benchmarks.index_parts.shards import LIMIT, Answer

Asking = Callable[[Question, str | None], Callable[[], Answer]]
"""From a question, and the share that its filter lets pass, to a call that answers it."""
ENOUGH: Final = 0.99
_PART: Final = 4000


@dataclass(frozen=True, slots=True)
class Figures:
    """What a way came to."""

    timings: Timings
    recall10: float
    recall50: float

    @property
    def cells(self) -> tuple[str, ...]:
        """For a table: p50, p99, recall@10, recall@50."""
        p50, p99 = (1e3 * self.timings.percentile(level) for level in (50, 99))
        return f"{p50:.3g}", f"{p99:.3g}", f"{self.recall10:.4f}", f"{self.recall50:.4f}"


CELLS: Final = ("p50, ms", "p99, ms", "recall@10", "recall@50")


def measured(
    ways: Mapping[str, Asking],
    catalog: Catalog,
    questions: Sequence[Question],
    rounds: int,
    *,
    share: str | None = None,
) -> dict[str, Figures]:
    """Ask every question each way, then time the ways in turn.

    Args:
        rounds: timed ones; each takes the next question.
        share: of the products that a filter lets pass.
    """
    passing = catalog.passing(share)
    calls = {name: [way(each, share) for each in questions] for name, way in ways.items()}
    recalls: dict[str, tuple[float, float]] = {}
    for name, own in calls.items():
        answers = [[catalog.numbers[point_id] for point_id, _ in call()] for call in own]
        recalls[name] = (
            _recall(questions, answers, 10, passing),
            _recall(questions, answers, 50, passing),
        )
    timed = alternating({name: _in_turn(own) for name, own in calls.items()}, rounds, warm_up=1)
    return {name: Figures(timed[name], *recalls[name]) for name in ways}


NUMPY: Final = "exact, numpy"


def best_by_hand(figures: Mapping[str, Figures]) -> str:
    """The engine's fastest way of those with recall@50 enough; the most right one where none has.

    Numpy's matrix is no index: nothing of it is on a disk, and nothing can be added or taken out.
    """
    engine = {name: each for name, each in figures.items() if name != NUMPY}
    right = {name: each for name, each in engine.items() if each.recall50 >= ENOUGH}
    if not right:
        return max(engine, key=lambda name: engine[name].recall50)
    return min(right, key=lambda name: right[name].timings.median)


class NumpyScan:
    """Every token in one float32 matrix in memory, and numpy, on every core that it takes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._tokens: F32Array = np.asarray(catalog.tokens, np.float32)

    def asking(self, question: Question, share: str | None) -> Callable[[], Answer]:
        """A call that scores every product and takes the best."""
        passing = self._catalog.passing(share)
        passing[question.reference] = False
        products, rows = self._catalog.products, question.rows
        wanted = min(LIMIT, int(passing.sum()))

        def ask() -> Answer:
            scores = np.concatenate(
                [self._scores(start, rows) for start in range(0, len(self._tokens), _PART)]
            )
            scores[~passing] = -np.inf
            best = np.argpartition(-scores, wanted - 1)[:wanted]
            return [
                (products[number].point_id, float(scores[number]))
                for number in best[np.argsort(-scores[best])]
            ]

        return ask

    def _scores(self, start: int, rows: F32Array) -> Any:
        part = self._tokens[start : start + _PART]
        matches = part.reshape(-1, rows.shape[1]) @ rows.T
        return matches.reshape(len(part), part.shape[1], -1).max(axis=1).sum(axis=1)


def _recall(questions: Sequence[Question], answers: Sequence[Sequence[int]], top: int,
            passing: Any) -> float:  # fmt: skip
    pairs = zip(questions, answers, strict=True)
    shares = [question.recall(answer, top, passing) for question, answer in pairs]
    return round(float(np.mean(shares)), 9)  # 594 of 600 are .99, not a float's hair less


def _in_turn(calls: Sequence[Callable[[], Answer]]) -> Callable[[], Answer]:
    order = cycle(calls)
    return lambda: next(order)()
