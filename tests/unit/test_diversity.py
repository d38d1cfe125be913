"""Maximal marginal relevance over the head of a ranking."""

import uuid
from itertools import combinations

import numpy as np
import pytest

from gateway.diversity import HEAD, diversified
from retrieval.domain import F32Array, Ranked


def hits(*scores: float) -> list[Ranked]:
    return [Ranked(uuid.UUID(int=place), score) for place, score in enumerate(scores)]


def pools(*degrees: float) -> dict[uuid.UUID, F32Array]:
    """Pooled vectors in a plane, by their angle."""
    return {
        uuid.UUID(int=place): np.array(
            [np.cos(np.radians(angle)), np.sin(np.radians(angle))], np.float32
        )
        for place, angle in enumerate(degrees)
    }


def places(ranked: list[Ranked]) -> list[int]:
    return [hit.point_id.int for hit in ranked]


def test_by_hand() -> None:
    """Three almost alike, then one at a right angle that is the least relevant.

    Relevance 1, 2/3, 1/3, 0; similarity (the cosine, stretched) of neighbours near 1, of the
    last to the first 0. At a half the last (0 - 0) beats the second (1/3 - 1/2), then the
    second (.33 - .50) comes before the third (.17 - .50).
    """
    ranked, vectors = hits(0.8, 0.7, 0.6, 0.5), pools(0, 1, 2, 90)
    assert places(diversified(ranked, vectors, 0.5)) == [0, 3, 1, 2]
    assert places(diversified(ranked, vectors, 0.2)) == [0, 1, 2, 3]
    assert places(diversified(ranked, vectors, 1.0))[:2] == [0, 3]


def test_it_is_the_published_rule() -> None:
    """Against a plain form of the formula, on random hits."""
    rng = np.random.default_rng(5)
    ranked = hits(*sorted(rng.uniform(0.3, 0.6, 25), reverse=True))
    vectors = pools(*rng.uniform(0, 120, 25))
    cosines = {
        (a, b): float(vectors[a.point_id].astype(float) @ vectors[b.point_id].astype(float))
        for a in ranked
        for b in ranked
    }
    low, high = min(cosines.values()), max(cosines.values())
    least, most = ranked[-1].score, ranked[0].score

    def gain(hit: Ranked, taken: list[Ranked], diversity: float) -> float:
        nearest = max((cosines[hit, other] - low) / (high - low) for other in taken)
        relevance = (hit.score - least) / (most - least)
        return (1 - diversity) * relevance - diversity * nearest

    for diversity in (0.1, 0.3, 0.7, 1.0):
        taken, left = [ranked[0]], ranked[1:]
        while left:
            following = max(left, key=lambda hit: gain(hit, taken, diversity))
            taken.append(following)
            left = [hit for hit in left if hit != following]
        assert diversified(ranked, vectors, diversity) == taken


def test_more_diversity_makes_the_first_page_less_alike() -> None:
    rng = np.random.default_rng(6)
    ranked = hits(*sorted(rng.uniform(0.3, 0.6, HEAD), reverse=True))
    vectors = pools(*np.sort(rng.uniform(0, 90, HEAD)))  # the relevant ones are alike

    def alike(diversity: float) -> float:
        page = diversified(ranked, vectors, diversity)[:10]
        pairs = combinations([vectors[hit.point_id] for hit in page], 2)
        return float(np.mean([a @ b for a, b in pairs]))

    assert alike(1.0) < alike(0.5) < alike(0.0)


def test_nothing_is_lost_and_what_is_behind_the_head_stays() -> None:
    rng = np.random.default_rng(7)
    ranked = hits(*np.linspace(0.9, 0.1, HEAD + 50))
    found = diversified(ranked, pools(*rng.uniform(0, 180, HEAD)), 0.8)
    assert found[HEAD:] == ranked[HEAD:]
    assert found[0] == ranked[0]
    assert found != ranked
    assert sorted(places(found)) == places(ranked)


def test_a_hit_without_a_vector_goes_behind_the_head() -> None:
    ranked, vectors = hits(0.9, 0.8, 0.7), pools(0, 10, 20)
    del vectors[ranked[0].point_id]
    assert places(diversified(ranked, vectors, 0.1)) == [1, 2, 0]
    assert diversified(ranked, {}, 0.5) == ranked
    assert diversified([], {}, 0.5) == []


@pytest.mark.parametrize("diversity", [0.1, 0.9, 1.0])
def test_what_does_not_differ_keeps_its_order(diversity: float) -> None:
    assert places(diversified(hits(0.5, 0.5, 0.5), pools(7, 7, 7), diversity)) == [0, 1, 2]
    assert places(diversified(hits(0.5), pools(7), diversity)) == [0]
