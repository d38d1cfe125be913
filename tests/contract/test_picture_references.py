"""Which pictures the index refers to: in qdrant-client's local mode and in a server process."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
import pytest_asyncio
from qdrant_client import AsyncQdrantClient, models

from retrieval.errors import DependencyBroken, DependencyUnavailable
from retrieval.qdrant import QdrantPictureReferences, connect
from tests.support.index_cases import catalog_of, product
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import qdrant_index, server_in_memory, soon

pytestmark = pytest.mark.filterwarnings(
    "ignore:Payload indexes have no effect in the local Qdrant",
    "ignore:Local mode performs exact",
)


@pytest.fixture(scope="module")
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


@pytest_asyncio.fixture(params=["local", "server"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[AsyncQdrantClient]:
    if request.param == "local":
        client = AsyncQdrantClient(":memory:")
    else:
        client = connect(request.getfixturevalue("server").url)
    yield client
    for collection in (await client.get_collections()).collections:
        await client.delete_collection(collection.name)
    await client.close()


async def referenced(client: AsyncQdrantClient) -> tuple[set[str], int]:
    found = await QdrantPictureReferences(client).referenced(soon())
    return {name.hex() for name in found.sha256s}, found.products


async def test_an_index_without_a_collection_refers_to_none(client: AsyncQdrantClient) -> None:
    assert await referenced(client) == (set(), 0)


async def test_all_catalogs_of_all_models_count(client: AsyncQdrantClient) -> None:
    live, older = qdrant_index(client), qdrant_index(client)
    for index in (live, older):
        await index.ensure_collection(soon())
    spring, autumn = catalog_of(5), catalog_of(8, catalog="autumn")
    await live.put(spring, soon())
    await older.put(autumn[5:], soon())
    assert await referenced(client) == ({product(n).image_sha256 for n in range(8)}, 8)


async def test_more_than_a_page_is_read_to_the_end(client: AsyncQdrantClient) -> None:
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    await index.put(catalog_of(2_100), soon())
    names, products = await referenced(client)
    assert names == {product(n).image_sha256 for n in range(2_100)}
    assert products == 2_100


async def test_collections_of_others_are_not_looked_at(client: AsyncQdrantClient) -> None:
    await client.create_collection(
        "notes", models.VectorParams(size=4, distance=models.Distance.DOT)
    )
    await client.upsert("notes", [models.PointStruct(id=1, vector=[0.5] * 4, payload={"a": 1})])
    assert await referenced(client) == (set(), 0)


async def test_a_product_may_have_no_picture(client: AsyncQdrantClient) -> None:
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    first, second = catalog_of(2)
    bare = replace(first, product=replace(first.product, image_sha256=""))
    await index.put([bare, second], soon())
    assert await referenced(client) == ({second.product.image_sha256}, 2)


@pytest.mark.parametrize("value", [None, 7, "abc", "x" * 64, ["ab" * 32]])
async def test_a_product_that_does_not_say_which_stops_it_all(
    client: AsyncQdrantClient, value: object
) -> None:
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    await index.put(catalog_of(3), soon())
    point = str(product(1).point_id)
    if value is None:
        await client.delete_payload(index.collection, ["image_sha256"], [point])
    else:
        await client.set_payload(index.collection, {"image_sha256": value}, [point])
    with pytest.raises(DependencyBroken) as caught:
        await referenced(client)
    assert caught.value.dependency == "qdrant"


async def test_an_index_that_is_down_is_unavailable() -> None:
    client = connect("http://127.0.0.1:1")
    with pytest.raises(DependencyUnavailable):
        await QdrantPictureReferences(client, budget_s=2).referenced(soon())
    await client.close()
