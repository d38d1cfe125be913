"""One result per group: the best product of each, in a total order, however large the groups."""

import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from gateway.grouping import MAX_ROUNDS, best_of_groups, in_order
from retrieval.domain import (
    Deadline,
    FieldKind,
    IndexedProduct,
    IndexQuery,
    Match,
    Product,
    Ranked,
)
from tests.support.fake_index import FakeIndex

FIELDS = {"style": FieldKind.KEYWORD, "color": FieldKind.KEYWORD}
QUERY = IndexQuery("shop", np.array([1.0, 0.0], np.float32), limit=10)


def soon() -> Deadline:
    return Deadline.after(5)


class CountingIndex(FakeIndex):
    """Remembers how deep each ranking went."""

    def __init__(self) -> None:
        super().__init__(FIELDS)
        self.depths: list[int] = []

    async def search(self, query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        self.depths.append(query.limit)
        return await super().search(query, deadline)


def styled(place: int, *styles: str, color: str = "red") -> Product:
    style = {"style": styles[0] if len(styles) == 1 else list(styles)} if styles else {}
    return Product(f"p{place}", "", {"color": color, **style}, catalog="shop")


async def index_of(products: Sequence[Product]) -> CountingIndex:
    """An index in which each product scores less than the one before it."""
    angles = np.linspace(0.1, 1.4, len(products))
    index = CountingIndex()
    await index.put(
        [
            IndexedProduct(product, np.array([[np.cos(angle), np.sin(angle)]], np.float32))
            for product, angle in zip(products, angles, strict=True)
        ],
        soon(),
    )
    return index


async def grouped(index: CountingIndex, query: IndexQuery = QUERY) -> list[str]:
    """The ids of the products found, in their order."""
    found = await best_of_groups(index, query, "style", soon())
    products = await index.get([hit.point_id for hit in found], soon())
    scores = [hit.score for hit in found]
    assert scores == sorted(scores, reverse=True)
    return [products[hit.point_id].id for hit in found]


async def test_each_group_is_its_best_product_in_the_order_of_the_best() -> None:
    styles = ["a", "a", "b", "a", "c", "b", "d"]
    index = await index_of([styled(place, style) for place, style in enumerate(styles)])
    assert await grouped(index) == ["p0", "p2", "p4", "p6"]


async def test_a_product_without_the_field_is_a_group_of_its_own() -> None:
    products = [styled(0), styled(1, "a"), styled(2), styled(3, "a"), styled(4)]
    index = await index_of(products)
    assert await grouped(index) == ["p0", "p1", "p2", "p4"]
    # Also where later rounds must not find it again.
    assert await grouped(index, replace(QUERY, limit=3)) == ["p0", "p1", "p2"]
    assert await grouped(index, replace(QUERY, limit=4)) == ["p0", "p1", "p2", "p4"]


async def test_a_product_of_several_groups_stands_for_all_of_them() -> None:
    products = [styled(0, "a", "b"), styled(1, "b"), styled(2, "b", "c"), styled(3, "c")]
    assert await grouped(await index_of(products)) == ["p0", "p3"]


async def test_groups_larger_than_a_ranking_do_not_make_it_shorter() -> None:
    """40 of the nearest are one style: a ranking of 10 holds nothing else."""
    products = [styled(place, "huge") for place in range(40)]
    products += [styled(40 + place, f"style {place // 2}") for place in range(40)]
    index = await index_of(products)
    expected = ["p0", *(f"p{40 + 2 * group}" for group in range(9))]
    assert await grouped(index) == expected
    assert index.depths == [10, 20]


async def test_a_later_round_is_no_deeper_than_what_is_missing_needs() -> None:
    """8 groups among the first 10, so 2 are missing: at 10/8 products each, twice over."""
    styles = ["a", "a", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k"]
    index = await index_of([styled(place, style) for place, style in enumerate(styles)])
    assert await grouped(index) == ["p0", *(f"p{place}" for place in range(3, 12))]
    assert index.depths == [10, 5]


async def test_it_stops_where_there_are_no_more_products() -> None:
    index = await index_of([styled(place, f"style {place % 3}") for place in range(12)])
    assert await grouped(index) == ["p0", "p1", "p2"]
    assert index.depths == [10, 20]


async def test_how_much_is_ranked_is_bounded() -> None:
    """Each style has more products than a ranking is deep, so each round finds one more."""

    class Endless(CountingIndex):
        async def search(self, query: IndexQuery, deadline: Deadline) -> list[Ranked]:
            self.depths.append(query.limit)
            style = (f"style {len(self.depths)}",)
            return [Ranked(uuid.uuid4(), 1 / len(self.depths), style)] * query.limit

    small, large = Endless(), Endless()
    assert len(await best_of_groups(small, QUERY, "style", soon())) == MAX_ROUNDS
    assert small.depths == [10, 20, 40, 80, 160]
    await best_of_groups(large, replace(QUERY, limit=400), "style", soon())
    assert large.depths == [400, 800, 1000, 1000, 1000]


async def test_filter_and_exclusions_hold_in_every_round() -> None:
    products = [
        styled(place, f"style {place // 12}", color="red" if place % 2 else "blue")
        for place in range(120)
    ]
    index = await index_of(products)
    query = replace(
        QUERY,
        limit=8,
        filter=Match("color", ("red",)),
        exclude=(products[1].point_id, products[13].point_id),
    )
    assert await grouped(index, query) == [
        "p3",
        "p15",
        *(f"p{12 * group + 1}" for group in range(2, 8)),
    ]
    assert len(index.depths) > 1


async def test_a_group_that_a_later_round_finds_better_takes_its_place_by_score() -> None:
    """Candidates by pooled vector may miss a product that a narrower question finds."""
    first, late, last = (Ranked(uuid.UUID(int=n), score, (f"s{n}",)) for n, score in
                         ((1, 0.9), (2, 0.8), (3, 0.5)))  # fmt: skip
    same = replace(first, point_id=uuid.UUID(int=4), score=0.4)

    class Script(CountingIndex):
        async def search(self, query: IndexQuery, deadline: Deadline) -> list[Ranked]:
            self.depths.append(query.limit)
            return [first, last, same] if len(self.depths) == 1 else [late]

    found = await best_of_groups(Script(), replace(QUERY, limit=3), "style", soon())
    assert found == [first, late, last]


@pytest.mark.parametrize("seed", range(3))
def test_equal_scores_have_one_order(seed: int) -> None:
    hits = [Ranked(uuid.UUID(int=n), n % 3 / 2) for n in range(30)]
    shuffled = cast(list[Ranked], np.random.default_rng(seed).permutation(np.array(hits)).tolist())
    ordered = in_order(shuffled)
    assert [hit.score for hit in ordered] == [1.0] * 10 + [0.5] * 10 + [0.0] * 10
    assert ordered == in_order(hits)
    assert [hit.point_id.int for hit in ordered[:10]] == list(range(2, 30, 3))
