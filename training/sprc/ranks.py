"""From similarities to the ranks of targets, and recall over them.

Everything starts from a ranking, int64 [Q, K]: for each query positions in the gallery, best
first. It comes from similarities (`rank_gallery`) or from a search engine, and may then be cut:
a target that is not in it counts as missed. Where the reference is removed, a ranking cut at K
answers recall up to K - 1. Recalls are percent, with the float32 rounding of the published code.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import torch
from torch import Tensor

NOT_RANKED: Final = torch.iinfo(torch.int64).max
"""Rank of a target that its ranking does not hold."""


def rank_gallery(similarity: Tensor) -> Tensor:
    """Ranking [Q, N] of a similarity matrix [Q, N]. Ties fall as `torch.argsort` lets them.

    Sorted by one minus the similarity in float32, as published: what rounds to the same distance
    is a tie. Raises `ValueError` where a similarity is not finite.
    """
    if not torch.isfinite(similarity).all():
        raise ValueError("a similarity is not finite")
    return torch.argsort(1 - similarity.float(), dim=-1)


def target_ranks(ranking: Tensor, targets: Tensor, removed: Tensor | None = None) -> Tensor:
    """Rank of each query's target, 0 being best.

    Args:
        ranking: int64 [Q, K].
        targets: int64 [Q], positions in the gallery.
        removed: int64 [Q], what each query's ranking skips: its reference, for CIRR.

    Returns:
        int64 [Q]; `NOT_RANKED` where the ranking does not hold the target.
    """
    ranks = _places(ranking, targets)
    if removed is None:
        return ranks
    skipped = _places(ranking, removed)
    if bool((targets == removed).any()):
        raise ValueError("a target is its own reference, which the ranking leaves out")
    return ranks - ((skipped < ranks) & (ranks != NOT_RANKED)).long()


def subset_ranks(ranking: Tensor, targets: Tensor, references: Tensor, members: Tensor) -> Tensor:
    """Rank of each target among its query's members without the reference (CIRR's Recall_s).

    Args:
        ranking: int64 [Q, N], of the whole gallery.
        targets: int64 [Q].
        references: int64 [Q].
        members: int64 [Q, M], the target and usually the reference among them.

    Returns:
        int64 [Q], 0 being best.

    Raises:
        ValueError: The ranking is cut and lacks a member, or a target is not a member.
    """
    if not bool((members == targets[:, None]).any(1).all()):
        raise ValueError("a target is not among the members of its query")
    places = torch.stack([_places(ranking, column) for column in members.unbind(1)], dim=1)
    if bool((places == NOT_RANKED).any()):
        raise ValueError("subset recall needs a ranking of the whole gallery")
    ahead = places < _places(ranking, targets)[:, None]
    return (ahead & (members != references[:, None])).sum(1)


def best_ranks(ranking: Tensor, right: Sequence[Sequence[int]], removed: Tensor) -> Tensor:
    """Rank of the best placed of each query's right pictures, 0 being best.

    Args:
        ranking: int64 [Q, K].
        right: for each query positions in the gallery, one at least.
        removed: int64 [Q], what each query's ranking skips: its reference.

    Returns:
        int64 [Q]; `NOT_RANKED` where the ranking holds none of them.
    """
    most = max(map(len, right))
    padded = torch.tensor([[*row, *[row[0]] * (most - len(row))] for row in right])
    each = [target_ranks(ranking, column, removed) for column in padded.unbind(1)]
    return torch.stack(each).amin(0)


def right_within(
    ranking: Tensor, right: Sequence[Sequence[int]], removed: Tensor, k: int
) -> Tensor:
    """How many of each query's first k are right, int64 [Q]; arguments as in `best_ranks`."""
    if ranking.shape[1] > k + 1:
        ranking = ranking[:, : k + 1]
    kept = ranking != removed[:, None]
    first = kept & (kept.cumsum(1) <= k)
    width = max(int(ranking.max()), *map(max, right)) + 1
    is_right = torch.zeros(len(ranking), width, dtype=torch.bool)
    for row, places in enumerate(right):
        is_right[row, list(places)] = True
    # A cut ranking holds -1 where there is nothing.
    found = is_right.gather(1, ranking.clamp(min=0)) & (ranking >= 0)
    return (found & first).sum(1)


def recall_at(ranks: Tensor, k: int) -> float:
    """Percent of queries whose target is among the first k."""
    if not len(ranks):
        raise ValueError("recall of no queries")
    # Divided as a float32 tensor and only then a Python float, like the published figures.
    return float(((ranks < k).sum() / len(ranks)).item()) * 100


def recall_curve(ranks: Tensor, cuts: Iterable[int]) -> dict[int, float]:
    """Recall over k."""
    return {k: recall_at(ranks, k) for k in cuts}


def _places(ranking: Tensor, items: Tensor) -> Tensor:
    """Where each row of `ranking` holds its item, else `NOT_RANKED`."""
    held = ranking == items[:, None]
    return torch.where(held.any(1), held.int().argmax(1), NOT_RANKED)
