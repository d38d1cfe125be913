"""Diversity: the head of a ranking, reordered so that neighbours are less alike.

Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): the next hit is the one with the
largest

    (1 - diversity) * relevance - diversity * similarity to the most similar hit before it

Relevance is the score. Similarity is the cosine of pooled vectors: they are read for every product
of the head, and a product's tokens would be K times as many bytes for a likeness that need not be
exact. Scores lie close together and so do the cosines of a head, each about a middle of its own, so
both are stretched to 0..1 over the head; at a diversity of a half they then weigh alike.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from retrieval.domain import F32Array, Ranked

HEAD: Final = 100
"""How many hits are reordered: the largest page. Those after them stay where they are."""

_SMALLEST_SPREAD: Final = 1e-6


def diversified(
    ranked: Sequence[Ranked], pools: Mapping[uuid.UUID, F32Array], diversity: float
) -> list[Ranked]:
    """The same hits in another order; the best stays first, and each keeps its score.

    Args:
        ranked: best first.
        pools: pooled vectors [D] of unit norm of the first `HEAD` hits. A hit without one (its
            product was deleted meanwhile) goes behind the others of the head.
        diversity: 0 (by relevance alone) to 1 (by unlikeness alone).
    """
    head = [hit for hit in ranked[:HEAD] if hit.point_id in pools]
    if not head:
        return [*ranked]
    relevance = _stretched(np.array([hit.score for hit in head]))
    vectors = np.stack([pools[hit.point_id] for hit in head]).astype(np.float64)
    order = _mmr(relevance, _stretched(vectors @ vectors.T), diversity)
    rest = [hit for hit in ranked[:HEAD] if hit.point_id not in pools]
    return [*(head[place] for place in order), *rest, *ranked[HEAD:]]


def _mmr(
    relevance: NDArray[np.float64], similarity: NDArray[np.float64], diversity: float
) -> list[int]:
    """An order of N items with relevance [N], best first, and similarity [N, N]."""
    order = [0]
    nearest = similarity[0].copy()
    left = np.ones(len(relevance), bool)
    left[0] = False
    while left.any():
        gain = (1 - diversity) * relevance - diversity * nearest
        following = int(np.argmax(np.where(left, gain, -np.inf)))  # of equals the more relevant
        order.append(following)
        left[following] = False
        np.maximum(nearest, similarity[following], out=nearest)
    return order


def _stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From the least to the greatest as 0..1; all zero where they do not differ."""
    low, high = values.min(), values.max()
    if high - low < _SMALLEST_SPREAD:
        return np.zeros_like(values)
    stretched: NDArray[np.float64] = (values - low) / (high - low)
    return stretched
