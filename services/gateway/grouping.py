"""One result per group: the best product of each value of a field, in the order of the ranking.

Groups are formed here and not in the index, over the products that it ranks, so that they hold
with any of its routes, and their order is kept in the snapshot like any other ranking.

A ranking of so many products holds fewer groups. So the index is asked again, for the best of the
products that are in no group so far: each round brings new groups only, however large the first
ones are, until there are as many as hits were wanted or no more. A round is twice as deep as the
missing groups would need at the last round's products a group, and at most twice as deep as the
deepest that the round before could be. `MAX_ROUNDS` and `MAX_DEPTH` bound it all: at 200 hits,
3,400 products are ranked at most.
"""

import uuid
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from retrieval.domain import AllOf, Deadline, Filter, IndexQuery, Match, Not, Ranked
from retrieval.ports import ProductIndex

MAX_ROUNDS: Final = 5
MAX_DEPTH: Final = 1000
"""Products that a later round ranks at most; the first ranks as many as a plain search does."""


def in_order(ranked: Iterable[Ranked]) -> list[Ranked]:
    """Best first; of equal scores the smaller id, so that a ranking made again is the same."""
    return sorted(ranked, key=lambda hit: (-hit.score, hit.point_id.bytes))


async def best_of_groups(
    index: ProductIndex, query: IndexQuery, field: str, deadline: Deadline
) -> list[Ranked]:
    """The best product of each of the best ``query.limit`` groups, best first.

    No two of them share a value of ``field``: a product with several values stands for the groups
    of all of them. A product without a value is a group of its own.

    Raises `RecomposeError` as the index does.
    """
    best: list[Ranked] = []
    taken: set[str] = set()
    alone: list[uuid.UUID] = []
    depth = query.limit
    for turn in range(1, MAX_ROUNDS + 1):
        before = len(best)
        found = await index.search(
            replace(
                query,
                limit=depth,
                filter=_outside(query.filter, field, taken),
                exclude=(*query.exclude, *alone),
                values_of=field,
            ),
            deadline,
        )
        for hit in in_order(found):
            if taken.isdisjoint(hit.values):
                best.append(hit)
                taken.update(hit.values)
                if not hit.values:
                    alone.append(hit.point_id)
        if len(best) >= query.limit or len(found) < depth:
            break
        likely = 2 * (query.limit - len(best)) * len(found) // (len(best) - before)
        depth = min(likely, query.limit << turn, max(query.limit, MAX_DEPTH))
    return in_order(best)[: query.limit]


def _outside(filter: Filter | None, field: str, taken: set[str]) -> Filter | None:
    """The filter, less the products that have a taken value."""
    if not taken:
        return filter
    outside = Not(Match(field, tuple(sorted(taken))))
    return outside if filter is None else AllOf((filter, outside))
