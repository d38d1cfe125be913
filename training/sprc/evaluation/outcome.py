"""What an evaluation found: figures and ranks by protocol and source, and the first results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

from sprc.datasets.records import EvaluationSet, Protocol
from sprc.evaluation.reranking import Reranked
from sprc.evaluation.scores import Source
from sprc.metrics import (
    Evaluation,
    any_right_metrics,
    evaluate_any_right,
    evaluate_cirr,
    evaluate_fashioniq,
    fashioniq_metrics,
)
from sprc.ranks import NOT_RANKED, rank_gallery, target_ranks

TOP: Final = 10
"""Results kept for each query."""


@dataclass(frozen=True)
class Details:
    """First results and ranks of one set, for a report on single queries."""

    evaluation: EvaluationSet
    top: list[list[int]]
    """For each query positions in the gallery, best first, without what the protocol removes."""
    scores: list[list[float]]
    """Scores of `top`."""
    reference_ranks: Tensor
    """[Q] int64, 0 being best: where the reference came; `NOT_RANKED` where it is removed."""


@dataclass
class Outcome:
    """One protocol's results over all its sets."""

    protocol: Protocol
    sets: list[EvaluationSet] = field(default_factory=list)
    parts: dict[Source, list[Evaluation]] = field(default_factory=dict)
    details: list[Details] = field(default_factory=list)
    token_cosine: dict[str, float | None] = field(default_factory=dict)
    """Of each set that weights embedded: how alike a picture's tokens are (`scores`)."""

    def add(self, evaluation: EvaluationSet, similarity: Mapping[Source, Tensor]) -> None:
        """Rank the similarities [Q, N] of one more set."""
        self.sets.append(evaluation)
        for source, values in similarity.items():
            ranking = rank_gallery(values)
            self.add_ranking(evaluation, source, ranking)
            if source is Source.COMPOSED:
                first = ranking[:, : TOP + 1]
                self.details.append(
                    first_results(evaluation, first, values.gather(1, first), ranking)
                )

    def add_ranking(self, evaluation: EvaluationSet, source: Source, ranking: Tensor) -> None:
        """Figures of one more source, from its ranking of the whole gallery, int64 [Q, N]."""
        self.parts.setdefault(source, []).append(evaluate_ranking(evaluation, ranking))

    def add_reranked(self, evaluation: EvaluationSet, reranked: Reranked, first: Tensor) -> None:
        """What a second stage made of the set that was added last; single queries show that.

        Behind what was judged stand the first stage's scores `first` [Q, N].
        """
        self.add_ranking(evaluation, Source.RERANKED, reranked.ranking)
        if reranked.without_reference is not None:
            self.add_ranking(evaluation, Source.RERANKED_APART, reranked.without_reference)
        shown = reranked.ranking[:, : TOP + 1]
        scores = first.gather(1, shown)
        judged = min(scores.shape[1], reranked.probabilities.shape[1])
        scores[:, :judged] = reranked.probabilities[:, :judged]
        self.details[-1] = first_results(evaluation, shown, scores, reranked.ranking)

    def evaluation(self, source: Source) -> Evaluation:
        """Figures over all sets."""
        parts = self.parts[source]
        if self.protocol is Protocol.CIRR:
            return parts[0]
        ranks = {name: values for part in parts for name, values in part.ranks.items()}
        if self.protocol is not Protocol.ANY_RIGHT:
            return Evaluation(self.protocol, fashioniq_metrics(ranks), ranks)
        first = {name: right for part in parts for name, right in part.right_first.items()}
        return Evaluation(self.protocol, any_right_metrics(ranks, first), ranks, right_first=first)

    @property
    def main(self) -> Source:
        """What is reported first: the last stage of weights that were evaluated, else served."""
        stages = (Source.RERANKED, Source.COMPOSED)
        return next((stage for stage in stages if stage in self.parts), Source.SERVED)


def evaluate_ranking(evaluation: EvaluationSet, ranking: Tensor) -> Evaluation:
    """Figures of one set from a ranking of its whole gallery, int64 [Q, N]."""
    if evaluation.protocol is Protocol.CIRR:
        return evaluate_cirr(evaluation, ranking)
    if evaluation.protocol is Protocol.ANY_RIGHT:
        return evaluate_any_right(evaluation, ranking)
    return evaluate_fashioniq([(evaluation, ranking)])


def first_results(
    evaluation: EvaluationSet, first: Tensor, scores: Tensor, ranking: Tensor
) -> Details:
    """Keep what a report shows.

    Args:
        evaluation: the set.
        first: int64 [Q, TOP + 1], the ranking's beginning; -1 where there is nothing.
        scores: float32 like `first`.
        ranking: int64 [Q, K], from which the reference's rank is read.
    """
    positions = evaluation.positions
    references = torch.tensor([positions[query.reference] for query in evaluation.queries])
    without_reference = evaluation.protocol.without_reference
    top, kept = [], []
    for row, values, reference in zip(
        first.tolist(), scores.tolist(), references.tolist(), strict=True
    ):
        pairs = [
            (place, score)
            for place, score in zip(row, values, strict=True)
            if place >= 0 and not (without_reference and place == reference)
        ][:TOP]
        top.append([place for place, _ in pairs])
        kept.append([score for _, score in pairs])
    ranks = target_ranks(ranking, references)
    if without_reference:
        ranks = torch.full_like(ranks, NOT_RANKED)
    return Details(evaluation, top, kept, ranks)


def shown_rank(rank: int) -> int | None:
    """A rank as people count, from 1; None where it is beyond the ranking."""
    return None if rank == NOT_RANKED else rank + 1
