"""The published figures: FashionIQ with the reference in the gallery, CIRR without it.

And those of our own protocol, in which any right picture counts.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import torch
from torch import Tensor

from sprc.datasets.records import EvaluationSet, Protocol
from sprc.ranks import best_ranks, recall_at, right_within, subset_ranks, target_ranks

FASHIONIQ_CUTS: Final = (10, 50)
ANY_RIGHT_CUTS: Final = (1, 5, 10, 50)
PRECISION_CUT: Final = 10
CIRR_CUTS: Final = (1, 5, 10, 50)
CIRR_SUBSET_CUTS: Final = (1, 2, 3)
FASHIONIQ_BEST: Final = "average_recall"
CIRR_BEST: Final = "arithmetic_mean"


@dataclass(frozen=True)
class RightFirst:
    """Of each query, how many of its first `PRECISION_CUT` results are right."""

    found: Tensor
    """int64 [Q]."""
    possible: Tensor
    """int64 [Q]: how many a perfect ranking would have there."""

    def precision(self) -> float:
        """Percent of the first results that are right."""
        return float(self.found.sum() / (PRECISION_CUT * len(self.found))) * 100

    def ceiling(self) -> float:
        """The same of a perfect ranking: where few pictures are right, it is below 100."""
        return float(self.possible.sum() / (PRECISION_CUT * len(self.possible))) * 100


@dataclass(frozen=True)
class Evaluation:
    """Figures of one protocol, and the ranks that they come from."""

    protocol: Protocol
    figures: dict[str, float]
    """Percent, under SPRC's names."""
    ranks: dict[str, Tensor]
    """Name of each evaluation set -> rank of each query's target, int64 [Q], 0 being best."""
    subset_ranks: Tensor | None = None
    """CIRR: int64 [Q], rank of the target among the query's subset."""
    right_first: dict[str, RightFirst] = field(default_factory=dict)
    """Any right: of each evaluation set."""


def evaluate_fashioniq(rankings: Sequence[tuple[EvaluationSet, Tensor]]) -> Evaluation:
    """Figures over all categories; the reference stays in the gallery.

    Args:
        rankings: Each category's evaluation set with its ranking, int64 [Q, K].

    Raises:
        ValueError: Nothing to evaluate, or sets of different protocols.
    """
    protocols = {evaluation.protocol for evaluation, _ in rankings}
    if len(protocols) != 1:
        raise ValueError(f"one protocol is evaluated at a time, not {len(protocols)}")
    ranks = {
        evaluation.name: target_ranks(ranking, _targets(evaluation))
        for evaluation, ranking in rankings
    }
    return Evaluation(protocols.pop(), fashioniq_metrics(ranks), ranks)


def evaluate_cirr(evaluation: EvaluationSet, ranking: Tensor) -> Evaluation:
    """Figures with the reference removed; `ranking` [Q, N] holds the whole gallery."""
    targets = _targets(evaluation)
    references = _positions(evaluation, [query.reference for query in evaluation.queries])
    members = torch.stack([_positions(evaluation, query.members) for query in evaluation.queries])
    ranks = target_ranks(ranking, targets, references)
    subset = subset_ranks(ranking, targets, references, members)
    figures = cirr_metrics(ranks, subset)
    return Evaluation(evaluation.protocol, figures, {evaluation.name: ranks}, subset)


def evaluate_any_right(evaluation: EvaluationSet, ranking: Tensor) -> Evaluation:
    """Figures of one category with the reference removed, its ranking being int64 [Q, K]."""
    positions = evaluation.positions
    right = [
        [positions[name] for name in (query.known_target, *query.alternatives)]
        for query in evaluation.queries
    ]
    references = _positions(evaluation, [query.reference for query in evaluation.queries])
    ranks = {evaluation.name: best_ranks(ranking, right, references)}
    possible = torch.tensor([len(set(row)) for row in right]).clamp(max=PRECISION_CUT)
    first = {
        evaluation.name: RightFirst(
            right_within(ranking, right, references, PRECISION_CUT), possible
        )
    }
    figures = any_right_metrics(ranks, first)
    return Evaluation(evaluation.protocol, figures, ranks, right_first=first)


def any_right_metrics(
    ranks: Mapping[str, Tensor], right_first: Mapping[str, RightFirst]
) -> dict[str, float]:
    """Recall and precision of each category, and their means as ``average_``.

    ``{category}_recall_at{k}`` for k of 1, 5, 10 and 50; ``{category}_precision_at10``, and
    ``{category}_possible_at10``, which no ranking exceeds.
    """
    figures = {
        f"{category}_recall_at{k}": recall_at(values, k)
        for category, values in ranks.items()
        for k in ANY_RIGHT_CUTS
    }
    for category, first in right_first.items():
        figures[f"{category}_precision_at{PRECISION_CUT}"] = first.precision()
        figures[f"{category}_possible_at{PRECISION_CUT}"] = first.ceiling()
    kinds = [f"recall_at{k}" for k in ANY_RIGHT_CUTS]
    kinds += [f"{kind}_at{PRECISION_CUT}" for kind in ("precision", "possible")]
    return figures | {
        f"average_{kind}": statistics.mean(figures[f"{name}_{kind}"] for name in ranks)
        for kind in kinds
    }


def fashioniq_metrics(ranks: Mapping[str, Tensor]) -> dict[str, float]:
    """Published figures from each category's target ranks.

    Returns:
        ``{category}_recall_at10`` and ``_at50`` for each, ``average_recall_at10``,
        ``average_recall_at50``, and their mean ``average_recall``.
    """
    figures = {
        f"{category}_recall_at{k}": recall_at(values, k)
        for category, values in ranks.items()
        for k in FASHIONIQ_CUTS
    }
    averages = {
        k: statistics.mean(figures[f"{category}_recall_at{k}"] for category in ranks)
        for k in FASHIONIQ_CUTS
    }
    figures |= {f"average_recall_at{k}": value for k, value in averages.items()}
    figures[FASHIONIQ_BEST] = sum(averages.values()) / len(averages)
    return figures


def cirr_metrics(targets: Tensor, subset: Tensor) -> dict[str, float]:
    """Published figures from target ranks and subset ranks, the four means included."""
    group = {f"group_recall_at{k}": recall_at(subset, k) for k in CIRR_SUBSET_CUTS}
    whole = {f"recall_at{k}": recall_at(targets, k) for k in CIRR_CUTS}
    recalls = [*group.values(), *whole.values()]
    return {
        **group,
        **whole,
        "mean(R@5+R_s@1)": (whole["recall_at5"] + group["group_recall_at1"]) / 2,
        CIRR_BEST: statistics.mean(recalls),
        "harmonic_mean": statistics.harmonic_mean(recalls),
        # Without the guard a recall of zero ends an otherwise fine validation.
        "geometric_mean": statistics.geometric_mean(recalls) if all(recalls) else 0.0,
    }


@dataclass
class BestCheckpoint:
    """The published rule: a checkpoint is kept when its figure is above every one before it."""

    metric: str
    value: float = 0.0

    def improves(self, figures: Mapping[str, float]) -> bool:
        """Whether these figures are the best so far; if so they are remembered."""
        if not figures[self.metric] > self.value:
            return False
        self.value = figures[self.metric]
        return True


def _targets(evaluation: EvaluationSet) -> Tensor:
    return _positions(evaluation, [query.known_target for query in evaluation.queries])


def _positions(evaluation: EvaluationSet, names: Sequence[str]) -> Tensor:
    return torch.tensor([evaluation.positions[name] for name in names], dtype=torch.long)
