"""The collections of all models, the alias and the records of swaps: the fake and a real server."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from qdrant_client import models

from retrieval.domain import IndexedModels, SwapRecord
from retrieval.errors import DependencyBroken, ServiceUnavailable
from retrieval.ports import CatalogIndex, ModelRegistry
from retrieval.qdrant import QdrantIndex, QdrantModelRegistry, connect
from retrieval.qdrant.registry import METADATA_KEY
from tests.support.fake_index import FakeIndex
from tests.support.fake_models import FakeModels
from tests.support.index_cases import CATALOG, FIELDS, catalog_of
from tests.support.qdrant import QdrantProcess
from tests.support.qdrant_index import qdrant_index, server_in_memory, soon

OLD, NEW, THIRD = "0" * 12, "1" * 12, "2" * 12
RECORD = SwapRecord(OLD, 1_700_000_000.25, left_out=3, previous=OLD, unsettled=True)


@dataclass
class Backend:
    registry: ModelRegistry
    make: Callable[[str], Awaitable[CatalogIndex]]
    """Makes the collection of a model; the first one goes live."""


@pytest.fixture
def server() -> Iterator[QdrantProcess]:
    with server_in_memory() as process:
        yield process


@pytest_asyncio.fixture(params=["fake", "server"])
async def backend(request: pytest.FixtureRequest) -> AsyncIterator[Backend]:
    if request.param == "fake":
        fake = FakeModels()

        async def make_fake(model: str) -> CatalogIndex:
            index = fake.indexes[model] = FakeIndex(FIELDS)
            fake.live = fake.live or model
            return index

        yield Backend(fake, make_fake)
        return
    client = connect(request.getfixturevalue("server").url)

    async def make_real(model: str) -> CatalogIndex:
        index: QdrantIndex = qdrant_index(client, digest=model + "f" * 52)
        await index.ensure_collection(soon())
        return index

    yield Backend(QdrantModelRegistry(client), make_real)
    await client.close()


async def test_it_tells_all_models_and_the_live_one(backend: Backend) -> None:
    assert await backend.registry.models(soon()) == IndexedModels(None, frozenset())
    await backend.make(OLD)
    await backend.make(NEW)
    assert await backend.registry.models(soon()) == IndexedModels(OLD, frozenset({OLD, NEW}))
    await backend.registry.move(NEW, soon())
    await backend.registry.move(NEW, soon())
    assert await backend.registry.models(soon()) == IndexedModels(NEW, frozenset({OLD, NEW}))
    await backend.registry.move(OLD, soon())
    assert (await backend.registry.models(soon())).live == OLD


async def test_a_move_to_a_model_without_a_collection_changes_nothing(backend: Backend) -> None:
    await backend.make(OLD)
    with pytest.raises(ServiceUnavailable):
        await backend.registry.move(NEW, soon())
    assert (await backend.registry.models(soon())).live == OLD


async def test_a_dropped_model_is_gone_and_dropping_it_again_is_no_error(backend: Backend) -> None:
    await backend.make(OLD)
    await backend.make(NEW)
    for _ in range(2):
        await backend.registry.drop(NEW, soon())
    assert await backend.registry.models(soon()) == IndexedModels(OLD, frozenset({OLD}))


async def test_products_are_deleted_from_one_model_alone(backend: Backend) -> None:
    old, new = await backend.make(OLD), await backend.make(NEW)
    items = catalog_of(3)
    for index in (old, new):
        await index.put(items, soon())
    gone = [items[0].product.point_id]
    await backend.registry.delete_from(NEW, gone, soon())
    await backend.registry.delete_from(NEW, gone, soon())
    await backend.registry.delete_from(THIRD, gone, soon())  # which has no collection
    assert len((await old.list(CATALOG, 10, None, soon()))[0]) == 3
    assert len((await new.list(CATALOG, 10, None, soon()))[0]) == 2


async def test_a_record_is_kept_with_its_model(backend: Backend) -> None:
    await backend.make(OLD)
    await backend.make(NEW)
    assert await backend.registry.record(NEW, soon()) == SwapRecord()
    await backend.registry.keep_record(NEW, RECORD, soon())
    assert await backend.registry.record(NEW, soon()) == RECORD
    assert await backend.registry.record(OLD, soon()) == SwapRecord()
    await backend.registry.keep_record(NEW, SwapRecord(), soon())
    assert await backend.registry.record(NEW, soon()) == SwapRecord()
    with pytest.raises(ServiceUnavailable):
        await backend.registry.record(THIRD, soon())


async def test_other_collections_are_none_of_ours(server: QdrantProcess) -> None:
    client = connect(server.url)
    for name in ("products", "products_", "products_0", "other_" + OLD, "products_" + "g" * 12):
        size = models.VectorParams(size=4, distance=models.Distance.DOT)
        await client.create_collection(name, vectors_config=size)
    registry = QdrantModelRegistry(client)
    assert await registry.models(soon()) == IndexedModels(None, frozenset())
    await client.close()


@pytest.mark.parametrize("kept", [{"format": 2}, {"format": 1, "left_out": "many"}, "later"])
async def test_a_record_that_cannot_be_read_is_not_taken_for_none(
    server: QdrantProcess, kept: object
) -> None:
    client = connect(server.url)
    index = qdrant_index(client, digest=OLD)
    await index.ensure_collection(soon())
    await client.update_collection(index.collection, metadata={METADATA_KEY: kept})
    with pytest.raises(DependencyBroken):
        await QdrantModelRegistry(client).record(OLD, soon())
    await client.close()
