"""Copying all of an index and making it anew: the fake, local mode, and a real server."""

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import pytest_asyncio
from qdrant_client import AsyncQdrantClient, models

from retrieval.domain import IndexedProduct, IndexQuery, Restoring
from retrieval.errors import ServiceUnavailable
from retrieval.ports import CatalogIndex, PortableIndex, ProductIndex
from retrieval.qdrant import QdrantIndex, connect
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import CATALOG, FIELDS, catalog_of, random_query, random_tokens
from tests.support.local_qdrant import LocalQdrant
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import qdrant_index, server_in_memory, soon

pytestmark = pytest.mark.filterwarnings(
    "ignore:Payload indexes have no effect in the local Qdrant",
    "ignore:Local mode performs exact",
)
SEVERAL_PAGES = 1_100


@dataclass
class Backend:
    catalog: CatalogIndex
    search: ProductIndex
    portable: PortableIndex
    keeps_float16: bool = True
    """Local mode keeps float32."""


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


@pytest_asyncio.fixture(params=["local", "server"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[AsyncQdrantClient]:
    if request.param == "local":
        client = LocalQdrant()
    else:
        client = connect(request.getfixturevalue("server").url)
    yield client
    for collection in (await client.get_collections()).collections:
        await client.delete_collection(collection.name)
    await client.close()


@pytest_asyncio.fixture(params=["fake", "local", "server"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    if request.param == "fake":
        fake = FakeIndex(FIELDS)
        yield Backend(fake, fake, fake)
        return
    local = request.param == "local"
    client = LocalQdrant() if local else connect(request.getfixturevalue("server").url)
    real = qdrant_index(client)
    await real.ensure_collection(soon())
    yield Backend(real, real, real.portable, keeps_float16=not local)
    await client.delete_collection(real.collection)
    await real.close()


async def everything(index: PortableIndex) -> list[IndexedProduct]:
    found: list[IndexedProduct] = []
    after: uuid.UUID | None = None
    while True:
        page = await index.page(after, soon())
        assert page.unreadable == 0
        found += page.products
        if (after := page.following) is None:
            return found


async def test_every_product_comes_once_with_its_tokens(backend: Backend) -> None:
    both = {
        item.product.point_id: item
        for item in [*catalog_of(SEVERAL_PAGES), *catalog_of(30, catalog="autumn", seed=8)]
    }
    await backend.catalog.put([*both.values()], soon())
    found = await everything(backend.portable)
    assert [item.product.point_id for item in found] == sorted(both)
    for item in found:
        original = both[item.product.point_id]
        assert item.product == original.product
        # Bit by bit what float16 holds, so that nothing is lost by keeping it as float16.
        tokens = item.tokens.astype(np.float16).astype(np.float32)
        np.testing.assert_array_equal(tokens, original.tokens.astype(np.float16))
        if backend.keeps_float16:
            np.testing.assert_array_equal(tokens, item.tokens)


async def test_what_is_read_and_written_again_answers_the_same(backend: Backend) -> None:
    await backend.catalog.put(catalog_of(200), soon())
    queries = [random_query(seed=seed) for seed in range(5)]
    before = [
        await backend.search.search(IndexQuery(CATALOG, query, 30), soon()) for query in queries
    ]
    found = await everything(backend.portable)
    await backend.catalog.delete([item.product.point_id for item in found], soon())
    assert await everything(backend.portable) == []
    await backend.catalog.put(found, soon())
    assert before == [
        await backend.search.search(IndexQuery(CATALOG, query, 30), soon()) for query in queries
    ]


async def test_a_point_that_is_read_and_written_again_is_the_same_bit_by_bit(
    client: AsyncQdrantClient,
) -> None:
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    await index.put(catalog_of(40), soon())
    found = (await index.portable.page(None, soon())).products
    before, _ = await client.scroll(index.collection, limit=40, with_vectors=["pool"])
    await index.put(found, soon())
    after, _ = await client.scroll(index.collection, limit=40, with_vectors=["pool"])
    assert len(before) == 40
    assert before == after


async def test_how_far_a_restore_is_stays_until_it_has_ended(backend: Backend) -> None:
    assert await backend.portable.restoring(soon()) is None
    for parts in (0, 7):
        await backend.portable.note(Restoring("ab" * 32, parts), soon())
        assert await backend.portable.restoring(soon()) == Restoring("ab" * 32, parts)
    await backend.portable.note(None, soon())
    assert await backend.portable.restoring(soon()) is None


async def test_a_collection_is_prepared_in_the_dark_and_then_goes_live(
    client: AsyncQdrantClient,
) -> None:
    index = qdrant_index(client)
    await index.portable.prepare(soon())
    assert (await index.portable.page(None, soon())).products == ()
    assert not await index.portable.is_live(soon())
    assert await index.portable.go_live(soon())
    assert await index.portable.is_live(soon())
    await index.check(soon())


async def test_without_a_collection_there_is_nothing_to_read(server: QdrantProcess) -> None:
    index = qdrant_index(connect(server.url))
    with pytest.raises(ServiceUnavailable):
        await index.portable.page(None, soon())
    assert not await index.portable.is_live(soon())
    await index.close()


async def test_going_live_takes_nothing_from_the_collection_that_is(
    client: AsyncQdrantClient,
) -> None:
    live, other = qdrant_index(client), qdrant_index(client)
    await live.ensure_collection(soon())
    await other.portable.prepare(soon())
    assert not await other.portable.go_live(soon())
    assert await live.portable.is_live(soon())


async def test_points_that_are_no_product_are_counted(client: AsyncQdrantClient) -> None:
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    items = catalog_of(9)
    await index.put(items, soon())
    await spoil(client, index, [str(item.product.point_id) for item in items])
    page = await index.portable.page(None, soon())
    assert {item.product.id for item in page.products} == {item.product.id for item in items[4:]}
    assert page.unreadable == 5


async def spoil(client: AsyncQdrantClient, index: QdrantIndex, points: list[str]) -> None:
    """No payload, no id, no tokens, tokens that are not of unit norm, and a strange point."""
    tokens = random_tokens(1, seed=2)[0]
    pool, payload = tokens[0].tolist(), {"id": "sku 1", "catalog": CATALOG}
    whole = {"tokens": tokens.tolist(), "pool": pool}
    structs = [
        models.PointStruct(id=points[0], vector=whole, payload={}),
        models.PointStruct(id=points[1], vector=whole, payload={"catalog": CATALOG}),
        models.PointStruct(id=points[2], vector={"pool": pool}, payload=payload),
        models.PointStruct(
            id=points[3], vector=whole | {"tokens": (2 * tokens).tolist()}, payload=payload
        ),
        models.PointStruct(id=str(uuid.uuid4()), vector=whole, payload=payload),
    ]
    await client.upsert(index.collection, structs, wait=True)
