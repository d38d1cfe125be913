"""A first stage's ranking, its first candidates reordered by a second stage.

SPRC's code reranks the first 50 with the query's own reference among them, where the protocol
removes it only afterwards (its ``cirr_test_submission.py``), so that 49 pictures are reordered.
To remove the reference first is the other way; both are made, since one judgement serves both.
"""

import sys
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from tqdm import tqdm

from sprc.datasets.records import EvaluationSet
from sprc.evaluation.backends import BackendError
from sprc.evaluation.judge import Judge

PUBLISHED_DEPTH: Final = 50


@dataclass(frozen=True)
class Reranked:
    """Rankings of the whole gallery, int64 [Q, N] like the first stage's."""

    ranking: Tensor
    """As published: the first `depth` reordered, the reference among them."""
    probabilities: Tensor
    """Float32 [Q, depth] of `ranking`'s first ones, falling."""
    without_reference: Tensor | None
    """The first `depth` without the reference reordered; none where the protocol keeps it."""


def rerank(judge: Judge, evaluation: EvaluationSet, ranking: Tensor, depth: int) -> Reranked:
    """Judge the first candidates of each query, and reorder them.

    Args:
        judge: The second stage, which knows the gallery's pictures.
        evaluation: Whose queries are asked.
        ranking: The first stage's, int64 [Q, N] on the CPU.
        depth: How many are reordered; what comes behind stays as it is.

    Raises:
        BackendError: The model gives a probability that is not finite.
    """
    apart = evaluation.protocol.without_reference
    first = ranking[:, : depth + apart]
    probabilities = _judge(judge, evaluation, first)
    if not torch.isfinite(probabilities).all():
        raise BackendError("the second stage gives probabilities that are not finite")
    plain = reorder(ranking, probabilities[:, :depth])
    falling = probabilities[:, :depth].sort(dim=1, descending=True).values
    if not apart:
        return Reranked(plain, falling, None)
    places = [evaluation.positions[query.reference] for query in evaluation.queries]
    # Within what was judged the reference goes to the end: the first `depth` are without it.
    held = (first == torch.tensor(places)[:, None]).int()
    order = torch.argsort(held, dim=1, stable=True)
    moved = torch.cat((first.gather(1, order), ranking[:, first.shape[1] :]), dim=1)
    return Reranked(plain, falling, reorder(moved, probabilities.gather(1, order)[:, :depth]))


def reorder(ranking: Tensor, probabilities: Tensor) -> Tensor:
    """The first C places of a ranking [Q, N] by falling probability [Q, C], equal ones as before.

    Sorted by one minus the probability in float32, as published: what rounds to the same distance
    is equal.
    """
    count = probabilities.shape[1]
    order = torch.argsort(1 - probabilities.float(), dim=1, stable=True)
    return torch.cat((ranking[:, :count].gather(1, order), ranking[:, count:]), dim=1)


def _judge(judge: Judge, evaluation: EvaluationSet, first: Tensor) -> Tensor:
    """Probabilities [Q, C] of candidates given as positions in the gallery, int64 [Q, C]."""
    interval = 0.1 if sys.stderr.isatty() else 10.0
    found = []
    with tqdm(
        total=len(first), desc=f"rerank {evaluation.name}", unit="query", mininterval=interval
    ) as bar:
        for query, row in zip(evaluation.queries, first.tolist(), strict=True):
            found.append(judge.probabilities(query, [evaluation.gallery[place] for place in row]))
            bar.update()
    return torch.stack(found)
