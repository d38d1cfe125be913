"""One model's collection as source and target of a synchronisation: fake, local mode, a server."""

import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import pytest_asyncio
from qdrant_client import models

from retrieval.domain import Exact, HeldProduct, IndexedProduct, IndexQuery, Product
from retrieval.errors import DependencyBroken, ServiceUnavailable
from retrieval.ports import CatalogIndex, ProductCopies, ProductIndex
from retrieval.qdrant import QdrantIndex, connect
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import (
    CATALOG,
    FIELDS,
    FLOAT16_ROUNDING,
    catalog_of,
    ids,
    random_query,
)
from tests.support.local_qdrant import LocalQdrant
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import qdrant_index, server_in_memory, soon

pytestmark = pytest.mark.filterwarnings(
    "ignore:Payload indexes have no effect in the local Qdrant",
    "ignore:Local mode performs exact",
)


@dataclass
class Backend:
    catalog: CatalogIndex
    index: ProductIndex
    copies: ProductCopies


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


@pytest_asyncio.fixture(params=["fake", "local", "server"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    if request.param == "fake":
        fake = FakeIndex(FIELDS)
        yield Backend(fake, fake, fake)
        return
    if request.param == "local":
        client = LocalQdrant()
    else:
        client = connect(request.getfixturevalue("server").url)
    real = qdrant_index(client)
    await real.ensure_collection(soon())
    yield Backend(real, real, real.copies)
    await client.close()


async def all_held(copies: ProductCopies, limit: int = 50) -> dict[uuid.UUID, HeldProduct]:
    found: dict[uuid.UUID, HeldProduct] = {}
    after = None
    while True:
        page, after = await copies.held_page(limit, after, soon())
        found |= {held.product.point_id: held for held in page}
        if after is None:
            return found


async def score(backend: Backend, item: IndexedProduct, query: np.ndarray) -> float:
    question = IndexQuery(item.product.catalog, query, 500, route=Exact())
    ranked = await backend.index.search(question, soon())
    return next(hit.score for hit in ranked if hit.point_id == item.product.point_id)


def expected_score(item: IndexedProduct, query: np.ndarray) -> float:
    return float((item.tokens @ query).max())


def renamed(product: Product) -> Product:
    return replace(product, title="Another title", updated_at_s=product.updated_at_s + 5)


async def test_pages_hold_every_catalog_once_in_order(backend: Backend) -> None:
    items = [*catalog_of(20), *catalog_of(20, catalog="autumn")]
    await backend.catalog.put(items, soon())
    seen, after = [], None
    while True:
        page, after = await backend.copies.held_page(7, after, soon())
        assert len(page) <= 7
        seen += [held.product.point_id for held in page]
        if after is None:
            break
    assert seen == sorted(item.product.point_id for item in items)


async def test_a_page_can_be_of_what_was_written_lately(backend: Backend) -> None:
    items = catalog_of(10)
    await backend.catalog.put(items[:5], soon())
    await backend.copies.put_copies(items[5:], soon())
    since_s = items[3].product.updated_at_s
    page, after = await backend.copies.held_page(4, None, soon(), updated_after_s=since_s)
    rest, end = await backend.copies.held_page(4, after, soon(), updated_after_s=since_s)
    assert end is None
    assert {held.product.point_id for held in (*page, *rest)} == ids(range(4, 10))


async def test_what_is_written_otherwise_is_no_copy_and_what_is_copied_is_one(
    backend: Backend,
) -> None:
    own, copied = catalog_of(6)[:3], catalog_of(6)[3:]
    await backend.catalog.put(own, soon())
    await backend.copies.put_copies(copied, soon())
    held = await all_held(backend.copies)
    assert {one.product.id: one.copied for one in held.values()} == {
        **{item.product.id: False for item in own},
        **{item.product.id: True for item in copied},
    }
    for item in (*own, *copied):
        assert held[item.product.point_id].product == item.product
    wanted = [own[0].product.point_id, copied[0].product.point_id, uuid.uuid4()]
    assert await backend.copies.find(wanted, soon()) == {one: held[one] for one in wanted[:2]}
    assert await backend.copies.find([], soon()) == {}


async def test_a_copy_gives_way_to_a_newer_copy_and_an_own_product_to_none(
    backend: Backend,
) -> None:
    first, second = catalog_of(2)
    await backend.catalog.put([first], soon())
    await backend.copies.put_copies([second], soon())
    other = catalog_of(2, seed=99)
    newer = [IndexedProduct(renamed(item.product), item.tokens) for item in other]
    await backend.copies.put_copies(newer, soon())
    held = await all_held(backend.copies)
    assert held[first.product.point_id] == HeldProduct(first.product, copied=False)
    assert held[second.product.point_id] == HeldProduct(newer[1].product, copied=True)
    query = random_query(seed=5)
    for item in (first, newer[1]):  # and their vectors are those of the same writes
        found = await score(backend, item, query)
        assert abs(found - expected_score(item, query)) < FLOAT16_ROUNDING


async def test_a_payload_is_replaced_in_copies_alone_and_keeps_the_tokens(
    backend: Backend,
) -> None:
    own, copied, absent = catalog_of(3)
    await backend.catalog.put([own], soon())
    await backend.copies.put_copies([copied], soon())
    for item in (own, copied, absent):
        await backend.copies.put_copied_payload(renamed(item.product), soon())
    assert await all_held(backend.copies) == {
        own.product.point_id: HeldProduct(own.product, copied=False),
        copied.product.point_id: HeldProduct(renamed(copied.product), copied=True),
    }
    query = random_query(seed=6)
    found = await score(backend, copied, query)
    assert abs(found - expected_score(copied, query)) < FLOAT16_ROUNDING


async def test_only_copies_are_deleted(backend: Backend) -> None:
    items = catalog_of(4)
    await backend.catalog.put(items[:2], soon())
    await backend.copies.put_copies(items[2:], soon())
    gone = [items[0].product.point_id, items[2].product.point_id, uuid.uuid4()]
    await backend.copies.delete_copies(gone, soon())
    await backend.copies.delete_copies([], soon())
    assert set(await all_held(backend.copies)) == ids([0, 1, 3])


async def test_all_can_be_taken_for_copies_until_they_are_written_again(backend: Backend) -> None:
    items = catalog_of(4)
    await backend.copies.take_all_for_copies(soon())  # of nothing
    await backend.catalog.put(items[:3], soon())
    await backend.copies.put_copies(items[3:], soon())
    await backend.copies.take_all_for_copies(soon())
    await backend.copies.take_all_for_copies(soon())
    assert all(held.copied for held in (await all_held(backend.copies)).values())
    await backend.catalog.replace_payload(renamed(items[0].product), soon())
    await backend.catalog.put([items[1]], soon())
    held = await all_held(backend.copies)
    assert [held[item.product.point_id].copied for item in items] == [False, False, True, True]
    listed, _ = await backend.catalog.list(CATALOG, 10, None, soon())
    assert {product.id for product in listed} == {item.product.id for item in items}


async def test_copies_are_checked_as_all_products_are(backend: Backend) -> None:
    (item,) = catalog_of(1)
    with pytest.raises(ValueError, match="unit norm"):
        await backend.copies.put_copies([IndexedProduct(item.product, item.tokens * 3)], soon())
    assert await all_held(backend.copies) == {}


async def test_a_product_that_cannot_be_read_is_not_stepped_over(server: QdrantProcess) -> None:
    client = connect(server.url)
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    await index.put(catalog_of(2), soon())
    stranger = str(uuid.uuid4())
    vectors = {"pool": random_query(seed=1).tolist(), "tokens": [random_query(seed=1).tolist()]}
    for payload in ({"title": "no id"}, {"id": "another's", "catalog": CATALOG}):
        await client.upsert(
            index.collection, [models.PointStruct(id=stranger, vector=vectors, payload=payload)]
        )
        with pytest.raises(DependencyBroken):
            await index.copies.held_page(10, None, soon())
    await client.close()


async def test_without_its_collection_it_says_so(server: QdrantProcess) -> None:
    index: QdrantIndex = qdrant_index(connect(server.url))
    with pytest.raises(ServiceUnavailable):
        await index.copies.held_page(10, None, soon())
    await index.close()
