"""The size and the freshness of the live index as metrics, and what became of imports."""

import asyncio
import math
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.importing import Importer
from gateway.index_watch import IndexWatch
from gateway.pictures import PictureWorkshop
from gateway.telemetry import Metrics
from retrieval.domain import Deadline, IndexedProduct
from retrieval.errors import DependencyUnavailable
from tests.support.core import FIELDS, running_core, write
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import catalog_of

WRITTEN_AT_S = 1.7e9


class Watched:
    """A watch over a fake index, looking every few milliseconds."""

    def __init__(self) -> None:
        self.index, self.metrics, self.live = FakeIndex(FIELDS), Metrics(), True
        self.watch = IndexWatch(
            self.index, self.metrics.indexed, lambda: self.live, interval_s=0.005
        )

    async def put(self, count: int) -> None:
        await self.index.put(
            [
                IndexedProduct(replace(item.product, updated_at_s=WRITTEN_AT_S + at), item.tokens)
                for at, item in enumerate(catalog_of(count))
            ],
            Deadline.after(5),
        )

    def gauges(self) -> tuple[float, float]:
        products, updated = (
            self.metrics.registry.get_sample_value(f"recompose_index_{name}")
            for name in ("products", "updated_timestamp_seconds")
        )
        assert products is not None
        assert updated is not None
        return products, updated


async def test_size_and_newest_write_are_told() -> None:
    watched = Watched()
    assert all(math.isnan(value) for value in watched.gauges())
    await watched.watch.look()
    assert watched.gauges()[0] == 0
    assert math.isnan(watched.gauges()[1])
    await watched.put(5)
    await watched.watch.look()
    assert watched.gauges() == (5, WRITTEN_AT_S + 4)


async def test_a_collection_that_is_not_live_is_not_told_of() -> None:
    watched = Watched()
    await watched.put(5)
    watched.live = False
    await watched.watch.look()
    assert math.isnan(watched.gauges()[0])


async def test_what_was_told_outlives_an_index_that_fails() -> None:
    watched = Watched()
    await watched.put(5)
    await watched.watch.look()
    watched.index.failure = DependencyUnavailable(dependency="qdrant")
    task = asyncio.create_task(watched.watch.watch())
    await asyncio.sleep(0.03)
    assert watched.gauges()[0] == 5
    watched.index.failure = None
    await watched.put(7)
    async with asyncio.timeout(5):
        while watched.gauges()[0] != 7:  # noqa: ASYNC110 - what is polled has no event
            await asyncio.sleep(0.002)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_became_of_each_imported_product_is_counted(tmp_path: Path) -> None:
    metrics, workshop = Metrics(), PictureWorkshop(1)
    with running_core(tmp_path) as core:
        usual = core.catalog._importer
        core.catalog._importer = Importer(
            usual._images, usual._fetcher, workshop, FIELDS, 4, count=metrics.count_import
        )
        writes = [write(1), write(2), replace(write(3), id="")]
        await core.catalog.import_products("", writes, Deadline.after(5))
        await core.catalog.import_products("", writes[:1], Deadline.after(5))
    workshop.close()
    counted = {
        outcome: metrics.registry.get_sample_value(
            "recompose_imported_products_total", {"outcome": outcome}
        )
        for outcome in ("imported", "unchanged", "failed")
    }
    assert counted == {"imported": 2, "unchanged": 1, "failed": 1}
