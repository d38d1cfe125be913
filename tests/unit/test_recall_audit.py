"""The recall audit: the smallest depth that is enough, the scan where none is, and what is kept."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from gateway.audit.recall import ENOUGH, REST, TOP, RecallAudit, candidate_depths
from retrieval.domain import (
    Deadline,
    Exact,
    IndexedProduct,
    IndexQuery,
    Pooled,
    Ranked,
    Route,
    Scan,
    Tuning,
    point_id,
)
from retrieval.errors import DependencyTimeout, DependencyUnavailable
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import CATALOG, FIELDS, catalog_of, product, unit

EARLIER = Tuning(Pooled(750), recall=0.995, products=10, sample=20, audited_at_s=1.0)


@dataclass
class ScriptedIndex(FakeIndex):
    """Has ``products`` products, and answers with as much of the exact ranking as it is told.

    Attributes:
        recall: of a route, 0 to 1.
        asked: routes of the questions, one a question.
        scan_failure: raised by a scan, where set.
        scan_s, pooled_s: what an answer takes.
        slow_from: a depth from which on pooled searches are too slow.
    """

    products: int = 40_000
    recall: Callable[[Pooled | Scan], float] = lambda route: 1.0
    asked: list[Route] = field(default_factory=list)
    scan_failure: Exception | None = None
    scan_s: float = 0.0
    pooled_s: float = 0.0
    slow_from: float = math.inf
    hits: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__init__(FIELDS)

    async def last_written_s(self, deadline: Deadline) -> float | None:
        raise AssertionError

    async def count(self, deadline: Deadline, *, updated_after_s: float | None = None) -> int:
        return self.products

    async def search(self, query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        self._begin(deadline)
        assert query.route is not None
        self.asked.append(query.route)
        if isinstance(query.route, Exact):
            right = TOP
        else:
            if isinstance(query.route, Scan) and self.scan_failure is not None:
                raise self.scan_failure
            if isinstance(query.route, Pooled) and query.route.depth >= self.slow_from:
                raise DependencyTimeout(dependency="qdrant")
            await asyncio.sleep(self.scan_s if isinstance(query.route, Scan) else self.pooled_s)
            right = round(self.recall(query.route) * TOP)
        return [
            Ranked(point_id(CATALOG, str(place)), 0.9 if place < right else 0.1)
            for place in range(TOP)
        ]

    @property
    def depths(self) -> list[int]:
        """The depths that were tried, in order, each once."""
        return list(dict.fromkeys(one.depth for one in self.asked if isinstance(one, Pooled)))


def audit_of(index: FakeIndex, **settings: float) -> RecallAudit:
    return RecallAudit(
        index,
        index,
        sample=int(settings.get("sample", 4)),
        budget_s=settings.get("budget_s", 30),
        smallest_depth=int(settings.get("smallest_depth", 200)),
        random=np.random.default_rng(5),
        rest=settings.get("rest", REST),
    )


async def scripted(
    recall: Callable[[Pooled | Scan], float], products: int = 40_000
) -> ScriptedIndex:
    index = ScriptedIndex(products, recall)
    await index.put(catalog_of(8), Deadline.after(5))
    return index


# --- the choice -----------------------------------------------------------------------------


def test_depths_grow_from_the_smallest_to_all_of_the_products() -> None:
    assert candidate_depths(200, 0) == [200]
    assert candidate_depths(200, 249) == [200]
    assert candidate_depths(200, 250) == [200, 250]
    assert candidate_depths(100, 500) == [100, 200, 250, 300, 400, 500]
    assert candidate_depths(450, 1000) == [450, 500, 600, 750, 1000]
    assert candidate_depths(200, 10**6)[-1] == 10_000


@pytest.mark.parametrize("needed", [200, 300, 500, 750, 1000, 1500, 2000, 3000, 5000, 7500, 10_000])
async def test_the_smallest_depth_with_recall_enough_is_chosen(needed: int) -> None:
    index = await scripted(
        lambda route: 1.0 if isinstance(route, Scan) or route.depth >= needed else 0.94
    )
    tuning = await audit_of(index).run()
    assert tuning is not None
    assert tuning.route == Pooled(needed)
    assert tuning.recall == 1.0
    assert len(index.depths) <= 5  # by bisection: not one after the other
    assert index.kept == tuning


async def test_where_no_depth_is_enough_the_scan_is_chosen_with_its_own_recall() -> None:
    index = await scripted(lambda route: 0.98)
    tuning = await audit_of(index).run()
    assert tuning is not None
    assert (tuning.route, tuning.recall) == (Scan(), 0.98)
    assert index.depths[-1] == 10_000


async def test_a_scan_too_slow_for_a_search_leaves_the_deepest_pooled_route() -> None:
    index = await scripted(lambda route: 0.8)
    index.scan_failure = DependencyTimeout(dependency="qdrant")
    tuning = await audit_of(index).run()
    assert tuning is not None
    assert (tuning.route, tuning.recall) == (Pooled(10_000), 0.8)


@pytest.mark.parametrize("slow_from", [250, 1250, 1500, 4000, 6000, 10_000])
async def test_depths_too_slow_for_a_search_are_left_out(slow_from: int) -> None:
    index = await scripted(lambda route: 0.8)
    index.scan_failure = DependencyTimeout(dependency="qdrant")
    index.slow_from = slow_from
    depths = candidate_depths(200, 40_000)
    tuning = await audit_of(index, rest=0).run()
    assert tuning is not None
    assert tuning.route == Pooled(depths[depths.index(slow_from) - 1])
    assert tuning.recall == 0.8


async def test_an_index_too_slow_at_every_depth_leaves_the_old_choice() -> None:
    index = await scripted(lambda route: 1.0)
    index.kept = EARLIER
    index.slow_from = 200
    with pytest.raises(DependencyTimeout):
        await audit_of(index, rest=0).run()
    assert index.kept == EARLIER


async def test_a_search_that_was_too_slow_once_ends_no_audit() -> None:
    index = await scripted(lambda route: 1.0)
    whole, asked = index.search, 0

    async def search(query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        nonlocal asked
        asked += 1
        if asked % 5 == 0:
            raise DependencyTimeout(dependency="qdrant")
        return await whole(query, deadline)

    index.search = search  # type: ignore[method-assign]
    tuning = await audit_of(index, rest=0).run()
    assert tuning is not None
    assert tuning.route == Pooled(200)


async def test_each_shape_has_its_own_route_and_the_worse_recall_counts() -> None:
    index = await scripted(lambda route: 1.0)
    whole = index.search

    async def search(query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        hits = await whole(query, deadline)
        if isinstance(query.route, Pooled) and query.vectors.ndim == 2:
            return hits[: TOP // 2]
        return hits

    index.search = search  # type: ignore[method-assign]
    tuning = await audit_of(index).run()
    assert tuning is not None
    assert (tuning.route, tuning.image_only_route) == (Pooled(200), Scan())
    assert tuning.recall == 1.0
    assert tuning.route_of(np.ones(4, np.float32)) == Pooled(200)
    assert tuning.route_of(np.ones((2, 4), np.float32)) == Scan()


async def test_a_scan_that_is_clearly_faster_is_chosen_where_its_recall_is_enough() -> None:
    for scan_s, scanned, chosen in ((0.001, 1.0, Scan()), (0.001, 0.9, Pooled(300)),
                                    (0.03, 1.0, Pooled(300))):  # fmt: skip
        index = await scripted(
            lambda route, scanned=scanned: (  # type: ignore[misc]
                scanned if isinstance(route, Scan) else 1.0 if route.depth >= 300 else 0.9
            )
        )
        index.scan_s, index.pooled_s = scan_s, 0.01
        tuning = await audit_of(index, rest=0, sample=2).run()
        assert tuning is not None
        assert tuning.route == chosen


async def test_a_sample_that_is_enough_by_chance_alone_is_not_enough() -> None:
    answers = 0

    def recall(route: Pooled | Scan) -> float:
        nonlocal answers
        answers += 1
        # On average .995, yet one question in eight has .96: that may as well be .988.
        return 1.0 if isinstance(route, Scan) or route.depth > 200 or answers % 8 else 0.96

    tuning = await audit_of(await scripted(recall), sample=8, rest=0).run()
    assert tuning is not None
    assert tuning.route == Pooled(200)

    def scattered(route: Pooled | Scan) -> float:
        nonlocal answers
        answers += 1
        return 1.0 if isinstance(route, Scan) or route.depth > 200 or answers % 8 else 0.92

    tuning = await audit_of(await scripted(scattered), sample=8, rest=0).run()
    assert tuning is not None
    assert tuning.route == Pooled(250)


# --- the questions --------------------------------------------------------------------------


async def test_both_shapes_are_asked_in_the_products_catalog_without_the_product() -> None:
    index = FakeIndex(FIELDS)
    both = [*catalog_of(9), *catalog_of(9, catalog="autumn", seed=8)]
    await index.put(both, Deadline.after(5))
    asked: list[IndexQuery] = []
    whole = index.search

    async def search(query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        asked.append(query)
        return await whole(query, deadline)

    index.search = search  # type: ignore[method-assign]
    tuning = await audit_of(index, sample=18).run()
    exact = [query for query in asked if query.route == Exact()]
    assert tuning is not None
    assert tuning.sample == len(exact) == 36
    assert {query.catalog for query in exact} == {CATALOG, "autumn"}
    excluded = [query.exclude for query in exact]
    assert {one for (one,) in excluded} == {item.product.point_id for item in both}
    assert [query.vectors.ndim for query in exact] == [1, 2] * 18
    for query in exact:
        assert np.allclose(np.linalg.norm(query.vectors, axis=-1), 1, atol=1e-3)
        assert query.limit == TOP


async def test_products_that_show_the_same_picture_are_no_errors() -> None:
    index = FakeIndex(FIELDS)
    tokens = catalog_of(1)[0].tokens
    same = [IndexedProduct(product(n), tokens) for n in range(300)]
    await index.put(same, Deadline.after(5))
    tuning = await audit_of(index, smallest_depth=60).run()
    assert tuning is not None
    assert (tuning.route, tuning.recall) == (Pooled(60), 1.0)


@pytest.mark.parametrize("count", [2, 49])
async def test_a_catalog_of_fewer_than_fifty_products_is_judged_by_what_it_has(count: int) -> None:
    index = FakeIndex(FIELDS)
    await index.put(catalog_of(count), Deadline.after(5))
    tuning = await audit_of(index).run()
    assert tuning is not None
    assert (tuning.route, tuning.recall, tuning.products) == (Pooled(200), 1.0, count)


@pytest.mark.parametrize("count", [0, 1])
async def test_without_anything_to_compare_nothing_is_chosen(count: int) -> None:
    index = FakeIndex(FIELDS)
    index.kept = EARLIER
    await index.put(catalog_of(count), Deadline.after(5))
    assert await audit_of(index).run() is None
    assert index.kept == EARLIER


async def test_tokens_that_resemble_each_other_need_few_candidates_and_others_do_not() -> None:
    for cosine, few in ((0.9, True), (0.05, False)):
        index = FakeIndex(FIELDS)
        rng = np.random.default_rng(3)
        own, noise = unit(rng.normal(size=(600, 1, 32))), unit(rng.normal(size=(600, 4, 32)))
        tokens = unit(np.sqrt(cosine) * own + np.sqrt(1 - cosine) * noise)
        items = [IndexedProduct(product(n), tokens[n]) for n in range(600)]
        await index.put(items, Deadline.after(5))
        tuning = await audit_of(index, smallest_depth=150, rest=0).run()
        assert tuning is not None
        assert (tuning.route in (Pooled(150), Pooled(200))) is few
        assert tuning.recall >= ENOUGH


# --- what goes wrong ------------------------------------------------------------------------


async def test_an_index_that_fails_leaves_the_old_choice() -> None:
    index = await scripted(lambda route: 1.0)
    index.kept = EARLIER
    index.failure = DependencyUnavailable(dependency="qdrant")
    with pytest.raises(DependencyUnavailable):
        await audit_of(index).run()
    assert index.kept == EARLIER


async def test_an_index_that_fails_half_way_leaves_the_old_choice() -> None:
    index = await scripted(lambda route: 0.5)
    index.kept = EARLIER
    index.scan_failure = DependencyUnavailable(dependency="qdrant")
    with pytest.raises(DependencyUnavailable):
        await audit_of(index).run()
    assert index.kept == EARLIER


async def test_slow_exact_rankings_make_the_sample_smaller_not_the_audit_longer() -> None:
    index = await scripted(lambda route: 1.0)
    whole = index.search

    async def search(query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        await asyncio.sleep(0.06 if query.route == Exact() else 0)
        return await whole(query, deadline)

    index.search = search  # type: ignore[method-assign]
    started = time.monotonic()
    tuning = await audit_of(index, sample=8, budget_s=3).run()
    assert tuning is not None
    assert 2 <= tuning.sample < 16
    assert time.monotonic() - started < 3


async def test_the_index_rests_between_questions() -> None:
    index = await scripted(lambda route: 1.0)
    whole, busy_s = index.search, 0.0

    async def search(query: IndexQuery, deadline: Deadline) -> list[Ranked]:
        nonlocal busy_s
        started = time.monotonic()
        await asyncio.sleep(0.005)
        try:
            return await whole(query, deadline)
        finally:
            busy_s += time.monotonic() - started

    index.search = search  # type: ignore[method-assign]
    started = time.monotonic()
    await audit_of(index).run()
    assert busy_s < 0.3 * (time.monotonic() - started)
