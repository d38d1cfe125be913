"""Searches follow the last audit's choice, and its figures are metrics."""

import asyncio
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.telemetry import Metrics
from gateway.tuning import Tuned, TuningWatch
from retrieval.domain import Deadline, IndexQuery, Pooled, Ranked, Scan, SearchRequest, Tuning
from retrieval.errors import DependencyUnavailable
from tests.support.core import FIELDS, running_core, write
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import EMBED_DIM, QUERY_TOKENS, unit

TUNING = Tuning(Pooled(500), recall=0.9925, products=9000, sample=200, audited_at_s=1.7e9)
UNTUNED_DEPTH = 1000
VECTOR, VECTORS = unit(np.ones(EMBED_DIM)), unit(np.ones((QUERY_TOKENS, EMBED_DIM)))


class Watched:
    """A watch over a fake index, refreshing every few milliseconds."""

    def __init__(self) -> None:
        self.index, self.tuned, self.metrics = FakeIndex(FIELDS), Tuned(), Metrics()
        self.watch = TuningWatch(
            self.index,
            self.tuned,
            lambda found: self.metrics.tuned(found, UNTUNED_DEPTH),
            interval_s=0.005,
            budget_s=1,
        )

    def gauge(self, name: str) -> float:
        value = self.metrics.registry.get_sample_value(f"recompose_index_{name}")
        assert value is not None
        return value


async def test_before_the_first_audit_the_index_takes_its_own_route() -> None:
    watched = Watched()
    await watched.watch.refresh()
    assert watched.tuned.route_of(VECTOR) is None
    assert watched.gauge("prefetch_depth") == UNTUNED_DEPTH
    for name in ("recall_at50", "audited_products", "audit_age_seconds"):
        assert math.isnan(watched.gauge(name))


async def test_a_tuning_is_followed_and_exported() -> None:
    watched = Watched()
    watched.index.kept = TUNING
    await watched.watch.refresh()
    assert watched.tuned.route_of(VECTOR) == Pooled(500)
    assert watched.gauge("prefetch_depth") == 500
    assert watched.gauge("recall_at50") == 0.9925
    assert watched.gauge("audited_products") == 9000
    assert watched.gauge("audit_age_seconds") > 10**6
    watched.index.kept = replace(TUNING, route=Scan())
    await watched.watch.refresh()
    assert watched.tuned.route_of(VECTOR) == Scan()
    assert watched.gauge("prefetch_depth") == 0


async def test_searches_by_a_picture_alone_may_have_a_route_of_their_own() -> None:
    watched = Watched()
    watched.index.kept = TUNING
    await watched.watch.refresh()
    assert watched.tuned.route_of(VECTORS) == Pooled(500)
    assert watched.gauge("image_only_prefetch_depth") == 500
    watched.index.kept = replace(TUNING, route=Scan(), image_only_route=Pooled(750))
    await watched.watch.refresh()
    assert watched.tuned.route_of(VECTOR) == Scan()
    assert watched.tuned.route_of(VECTORS) == Pooled(750)
    assert watched.gauge("prefetch_depth") == 0
    assert watched.gauge("image_only_prefetch_depth") == 750


async def test_what_was_chosen_outlives_an_index_that_fails() -> None:
    watched = Watched()
    watched.index.kept = TUNING
    task = asyncio.create_task(watched.watch.watch())
    async with asyncio.timeout(5):
        while watched.tuned.current != TUNING:  # noqa: ASYNC110 - what is polled has no event
            await asyncio.sleep(0.002)
        watched.index.failure = DependencyUnavailable(dependency="qdrant")
        await asyncio.sleep(0.03)
        assert watched.tuned.current == TUNING
        assert watched.gauge("recall_at50") == 0.9925
        watched.index.failure = None
        watched.index.kept = replace(TUNING, route=Scan())
        while watched.tuned.route_of(VECTOR) != Scan():  # noqa: ASYNC110 - what is polled has no event
            await asyncio.sleep(0.002)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_search_takes_the_chosen_route(tmp_path: Path) -> None:
    with running_core(tmp_path) as core:
        await core.catalog.import_products("", [write(n) for n in range(3)], Deadline.after(5))
        routes, whole = [], core.index.search

        async def search(query: IndexQuery, deadline: Deadline) -> list[Ranked]:
            routes.append(query.route)
            return await whole(query, deadline)

        core.index.search = search  # type: ignore[method-assign]
        for tuning in (None, TUNING, replace(TUNING, route=Scan())):
            core.tuned.current = tuning
            await core.search.search(SearchRequest(modification="red coat"), Deadline.after(5))
        assert routes == [None, Pooled(500), Scan()]
