"""Evaluate a running service: gallery into a throw-away catalog, queries through the API.

A service ranks to a depth of its own (200 unless it is set otherwise): a target beyond it counts
as not found at any k, and the curve ends there. CIRR's subsets are asked for with a filter, so
their recalls are exact. Pictures are sent without any loss, as RGB: of RGB and gray files the
service sees exactly the pixels that an evaluation of weights sees.
"""

import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import torch
from torch import Tensor
from tqdm import tqdm

from sprc.datasets.records import EvaluationSet, Protocol
from sprc.evaluation.endpoint import Endpoint
from sprc.evaluation.lossless import encode_lossless
from sprc.evaluation.outcome import TOP, Outcome, evaluate_ranking, first_results
from sprc.evaluation.scores import Source
from sprc.evaluation.service import Question, Ranking, Sent, Service, in_parallel
from sprc.evaluation.tasks import Task
from sprc.metrics import Evaluation, cirr_metrics
from sprc.ranks import target_ranks

DEPTH: Final = 200
SETTLE_S: Final = 2.0
_BATCH_PICTURES: Final = 32
_BATCH_BYTES: Final = 32 << 20


@dataclass
class Notes:
    """What the service said about itself, counted over all queries."""

    queries: int = 0
    degraded: int = 0
    repeated: int = 0

    def count(self, ranking: Ranking) -> None:
        """Take one more answer into account."""
        self.queries += 1
        self.degraded += ranking.degraded
        self.repeated += ranking.repeated


class ThrowAwayCatalog:
    """A catalog of a random name; whatever happens, its products are deleted at the end."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._held: set[str] = set()
        self.name = f"evaluation-{secrets.token_hex(8)}"

    def __enter__(self) -> "ThrowAwayCatalog":
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        with tqdm(desc=f"removing {self.name}", unit="product") as bar:
            self._empty(bar)
            if kind is not None:
                # An import that was cut off may still have been at its last writes.
                time.sleep(SETTLE_S)
                self._empty(bar)

    def _empty(self, bar: "tqdm[NoReturn]") -> None:
        # Asked from the service, not remembered: an import that was interrupted counts too.
        while ids := list(self._service.product_ids(self.name)):
            for _ in in_parallel(self._delete, ids):
                bar.update()

    def hold(self, evaluation: EvaluationSet, subsets: dict[str, list[str]]) -> None:
        """Bring the catalog to exactly a set's gallery. Raises `ServiceError`, `PictureError`."""
        wanted = set(evaluation.gallery)
        for _ in in_parallel(self._delete, [product_id(name) for name in self._held - wanted]):
            pass
        missing = [name for name in evaluation.gallery if name not in self._held]
        with tqdm(total=len(missing), desc=f"import {evaluation.name}", unit="picture") as bar:
            for batch in _batches(evaluation, missing, subsets):
                self._service.send(self.name, batch)
                bar.update(len(batch))
        self._held = wanted

    def _delete(self, product: str) -> None:
        self._service.delete(self.name, product)


def product_id(name: str) -> str:
    """A picture's name as product id: hex, since names may hold what ids must not."""
    return name.encode().hex()


def evaluate_service(
    endpoint: Endpoint, tasks: Sequence[Task], outcomes: dict[Protocol, Outcome]
) -> dict[str, Any]:
    """Add what a service answers to the outcomes of each protocol.

    Returns:
        What to tell about the service in a report.

    Raises:
        ServiceError: It is out of reach, or refused.
        PictureError: A picture cannot be read.
    """
    notes = Notes()
    with Service(endpoint) as service:
        for task in tasks:
            with ThrowAwayCatalog(service) as catalog:
                # The larger gallery comes first; the smaller one is what is left of it.
                for protocol, evaluation in task.sets.items():
                    outcome = outcomes.setdefault(protocol, Outcome(protocol))
                    _add_set(service, catalog, evaluation, outcome, notes)
    return {
        "address": str(endpoint),
        "ranking_depth": DEPTH,
        "beyond_depth": "counts as not found",
        "answers": notes.queries,
        "degraded_answers": notes.degraded,
        "repeated_answers": notes.repeated,
    }


def _add_set(
    service: Service,
    catalog: ThrowAwayCatalog,
    evaluation: EvaluationSet,
    outcome: Outcome,
    notes: Notes,
) -> None:
    keys, subsets = _subsets(evaluation)
    catalog.hold(evaluation, subsets)
    keep_reference = not evaluation.protocol.without_reference
    whole = [
        Question(product_id(query.reference), query.text, keep_reference)
        for query in evaluation.queries
    ]
    ranking, scores = _ask(service, catalog.name, evaluation, whole, DEPTH, notes)
    if evaluation.protocol is Protocol.CIRR:
        targets = _targets(evaluation)
        among = [
            Question(question.reference, question.text, False, key)
            for question, key in zip(whole, keys, strict=True)
        ]
        within, _ = _ask(service, catalog.name, evaluation, among, DEPTH, notes)
        ranks, subset = target_ranks(ranking, targets), target_ranks(within, targets)
        part = Evaluation(
            evaluation.protocol, cirr_metrics(ranks, subset), {evaluation.name: ranks}, subset
        )
    else:
        part = evaluate_ranking(evaluation, ranking)
    if Source.COMPOSED not in outcome.parts:
        outcome.sets.append(evaluation)
        outcome.details.append(
            first_results(evaluation, ranking[:, : TOP + 1], scores[:, : TOP + 1], ranking)
        )
    outcome.parts.setdefault(Source.SERVED, []).append(part)


def _ask(
    service: Service,
    catalog: str,
    evaluation: EvaluationSet,
    questions: Sequence[Question],
    depth: int,
    notes: Notes,
) -> tuple[Tensor, Tensor]:
    """Positions int64 [Q, depth], -1 where a ranking has ended, and their scores float32."""
    positions = {product_id(name): place for name, place in evaluation.positions.items()}
    ranking = torch.full((len(questions), depth), -1, dtype=torch.long)
    scores = torch.full((len(questions), depth), -torch.inf)

    def ask(place: int) -> tuple[int, Ranking]:
        return place, service.ask(catalog, questions[place], depth)

    with tqdm(total=len(questions), desc=f"ask {evaluation.name}", unit="query") as bar:
        for place, answer in in_parallel(ask, range(len(questions))):
            notes.count(answer)
            for rank, (found, score) in enumerate(answer.hits):
                ranking[place, rank] = positions[found]
                scores[place, rank] = score
            bar.update()
    return ranking, scores


def _batches(
    evaluation: EvaluationSet, names: Sequence[str], subsets: dict[str, list[str]]
) -> Iterator[list[Sent]]:
    batch: list[Sent] = []
    size = 0
    for name in names:
        content = encode_lossless(evaluation.pictures.path(name))
        batch.append(Sent(product_id(name), name, content, tuple(subsets.get(name, ()))))
        size += len(content)
        if len(batch) == _BATCH_PICTURES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _subsets(evaluation: EvaluationSet) -> tuple[list[str], dict[str, list[str]]]:
    """Key of each query's subset, and the keys of each picture. Empty ones where there are none."""
    keys: dict[frozenset[str], str] = {}
    found: dict[str, list[str]] = defaultdict(list)
    of_query = []
    for query in evaluation.queries:
        members = frozenset(query.members)
        if members not in keys:
            keys[members] = f"subset-{len(keys)}"
            for name in members:
                found[name].append(keys[members])
        of_query.append(keys[members])
    return of_query, found


def _targets(evaluation: EvaluationSet) -> Tensor:
    return torch.tensor([evaluation.positions[query.known_target] for query in evaluation.queries])
