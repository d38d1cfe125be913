"""What an audit reads of an index and keeps with it: the fake, local mode, and a real server."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from retrieval.domain import IndexedProduct, Pooled, Scan, Tuning
from retrieval.errors import DependencyBroken, ServiceUnavailable
from retrieval.ports import AuditedIndex, CatalogIndex
from retrieval.qdrant import connect
from retrieval.qdrant.audits import METADATA_KEY
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import (
    CATALOG,
    EMBED_DIM,
    FIELDS,
    FLOAT16_ROUNDING,
    QUERY_TOKENS,
    catalog_of,
    product,
)
from tests.support.local_qdrant import LocalQdrant
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import qdrant_index, server_in_memory, soon

pytestmark = pytest.mark.filterwarnings(
    "ignore:Payload indexes have no effect in the local Qdrant",
)
POOLED = Tuning(Pooled(500), recall=0.9925, products=9000, sample=200, audited_at_s=1.7e9 + 0.25)
SCAN = Tuning(Scan(), recall=1.0, products=9100, sample=180, audited_at_s=1.7e9 + 86_400)


@dataclass
class Backend:
    catalog: CatalogIndex
    audits: AuditedIndex


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


@pytest_asyncio.fixture(params=["fake", "local", "server"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    if request.param == "fake":
        fake = FakeIndex(FIELDS)
        yield Backend(fake, fake)
        return
    if request.param == "local":
        client = LocalQdrant()
    else:
        client = connect(request.getfixturevalue("server").url)
    real = qdrant_index(client)
    await real.ensure_collection(soon())
    yield Backend(real, real.audits)
    await real.close()


# --- what is there --------------------------------------------------------------------------


async def test_the_newest_write_of_any_catalog_is_found(backend: Backend) -> None:
    assert await backend.audits.last_written_s(soon()) is None
    for catalog, written_at_s in (("", 1.7e9), ("autumn", 1.7e9 + 7.5), ("", 1.7e9 + 3)):
        items = catalog_of(3, catalog=catalog) if catalog else catalog_of(3)
        await backend.catalog.put(
            [
                IndexedProduct(
                    replace(item.product, updated_at_s=written_at_s - age_s), item.tokens
                )
                for age_s, item in enumerate(items)
            ],
            soon(),
        )
    assert await backend.audits.last_written_s(soon()) == 1.7e9 + 7.5


# --- a sample -------------------------------------------------------------------------------


async def test_a_sample_holds_products_as_they_were_put(backend: Backend) -> None:
    both = {
        item.product.point_id: item
        for item in [*catalog_of(40), *catalog_of(40, catalog="autumn", seed=8)]
    }
    await backend.catalog.put([*both.values()], soon())
    drawn = await backend.audits.sample(30, soon())
    assert len({item.product.point_id for item in drawn}) == len(drawn) == 30
    for item in drawn:
        original = both[item.product.point_id]
        assert item.product == original.product
        assert item.tokens.dtype == np.float32
        assert np.abs(item.tokens - original.tokens).max() < FLOAT16_ROUNDING


async def test_samples_are_drawn_anew_and_reach_every_product(backend: Backend) -> None:
    await backend.catalog.put(catalog_of(20), soon())
    samples = [
        frozenset(item.product.id for item in await backend.audits.sample(5, soon()))
        for _ in range(60)
    ]
    assert len(set(samples)) > 5
    assert len(frozenset().union(*samples)) == 20


@pytest.mark.parametrize("asked", [7, 8, 1000])
async def test_a_sample_of_more_than_there_is_holds_everything_once(
    backend: Backend, asked: int
) -> None:
    await backend.catalog.put(catalog_of(7), soon())
    drawn = await backend.audits.sample(asked, soon())
    assert sorted(item.product.id for item in drawn) == sorted(product(n).id for n in range(7))


async def test_an_empty_index_has_an_empty_sample(backend: Backend) -> None:
    assert await backend.audits.sample(10, soon()) == []
    assert await backend.audits.count(soon()) == 0


async def test_products_are_counted_over_all_catalogs_or_since_a_time(backend: Backend) -> None:
    await backend.catalog.put([*catalog_of(9), *catalog_of(4, catalog="autumn")], soon())
    assert await backend.audits.count(soon()) == 13
    newest_s = product(8).updated_at_s
    assert await backend.audits.count(soon(), updated_after_s=newest_s) == 0
    assert await backend.audits.count(soon(), updated_after_s=newest_s - 0.5) == 1
    assert await backend.audits.count(soon(), updated_after_s=product(1).updated_at_s) == 7 + 2
    changed = replace(product(0), updated_at_s=newest_s + 1)
    await backend.catalog.replace_payload(changed, soon())
    assert await backend.audits.count(soon(), updated_after_s=newest_s) == 1


# --- what was found -------------------------------------------------------------------------


async def test_the_last_tuning_is_kept(backend: Backend) -> None:
    assert await backend.audits.tuning(soon()) is None
    two = replace(SCAN, image_only_route=Pooled(750))
    for tuning in (POOLED, SCAN, two, replace(POOLED, image_only_route=Scan()), POOLED):
        await backend.audits.keep(tuning, soon())
        assert await backend.audits.tuning(soon()) == tuning
    assert await backend.audits.count(soon()) == 0
    assert await backend.catalog.list(CATALOG, 10, None, soon()) == ([], None)


async def test_every_replica_reads_the_same_and_so_does_a_restarted_server() -> None:
    with server_in_memory() as process:
        one, other = (qdrant_index(connect(process.url), digest="e" * 64) for _ in range(2))
        await one.ensure_collection(soon())
        await one.audits.keep(POOLED, soon())
        assert await other.audits.tuning(soon()) == POOLED
        await one.close()
        await other.close()
        process.kill()
        again = QdrantProcess(process.data_dir)
        try:
            third = qdrant_index(connect(again.url), digest="e" * 64)
            await third.ensure_collection(soon())
            assert await third.audits.tuning(soon()) == POOLED
            await third.close()
        finally:
            again.close()


async def test_another_models_collection_has_a_tuning_of_its_own(server: QdrantProcess) -> None:
    client = connect(server.url)
    one, other = qdrant_index(client), qdrant_index(client)
    for index in (one, other):
        await index.ensure_collection(soon())
    await one.audits.keep(POOLED, soon())
    assert await other.audits.tuning(soon()) is None
    await client.close()


async def test_without_a_collection_of_the_model_nothing_is_read_or_kept(
    server: QdrantProcess,
) -> None:
    index = qdrant_index(connect(server.url))
    for call in (
        index.audits.count(soon()),
        index.audits.sample(3, soon()),
        index.audits.tuning(soon()),
        index.audits.keep(POOLED, soon()),
    ):
        with pytest.raises(ServiceUnavailable):
            await call
    await index.close()


@pytest.mark.parametrize(
    "record",
    [
        "pooled",
        {},
        {"format": 2, "depth": 500},
        {"format": 1, "depth": 500},
        {**dict.fromkeys(("depth", "recall", "products", "sample", "audited_at_s"), "1")},
        {"format": 1, "depth": -1, "recall": 1, "products": 1, "sample": 1, "audited_at_s": 1},
    ],
)
async def test_a_record_that_cannot_be_read_counts_as_none(
    server: QdrantProcess, record: Any
) -> None:
    client = connect(server.url)
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    await client.update_collection(index.collection, metadata={METADATA_KEY: record})
    assert await index.audits.tuning(soon()) is None
    await index.audits.keep(SCAN, soon())
    assert await index.audits.tuning(soon()) == SCAN
    await client.close()


async def test_a_record_of_one_route_holds_for_every_search(server: QdrantProcess) -> None:
    client = connect(server.url)
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    record = {
        "format": 1,
        "depth": 500,
        "recall": 0.9925,
        "products": 9000,
        "sample": 200,
        "audited_at_s": POOLED.audited_at_s,
    }
    await client.update_collection(index.collection, metadata={METADATA_KEY: record})
    assert await index.audits.tuning(soon()) == POOLED
    await client.close()


async def test_metadata_of_others_stays(server: QdrantProcess) -> None:
    client = connect(server.url)
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    await client.update_collection(index.collection, metadata={"owner": "shop"})
    await index.audits.keep(SCAN, soon())
    info = await client.get_collection(index.collection)
    assert (info.config.metadata or {})["owner"] == "shop"
    await client.close()


async def test_a_server_that_forgets_metadata_is_noticed(
    server: QdrantProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(server.url)
    index = qdrant_index(client)
    await index.ensure_collection(soon())

    async def forgetful(*_: Any, **__: Any) -> bool:
        return True  # as a Qdrant before 1.16, to which the field is an unknown one

    monkeypatch.setattr(client, "update_collection", forgetful)
    with pytest.raises(DependencyBroken):
        await index.audits.keep(POOLED, soon())
    await client.close()


async def test_points_that_are_no_products_are_left_out_of_a_sample(
    server: QdrantProcess,
) -> None:
    client = connect(server.url)
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    await index.put(catalog_of(5), soon())
    spoilt = catalog_of(6)[5]
    await index.put([spoilt], soon())
    await client.overwrite_payload(
        index.collection, {"id": 3}, [str(spoilt.product.point_id)], wait=True
    )
    drawn = await index.audits.sample(10, soon())
    assert len(drawn) == 5
    assert {item.tokens.shape for item in drawn} == {(QUERY_TOKENS, EMBED_DIM)}
    await client.close()
