"""Every index that one contract holds for: the fake, local mode, and a real server."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from qdrant_client import AsyncQdrantClient, models

from retrieval.ports import CatalogIndex, ProductIndex
from retrieval.qdrant import QdrantIndex, connect
from retrieval.qdrant.schema import ALIAS
from tests.support.fake_index import FakeIndex
from tests.support.index_cases import FIELDS
from tests.support.local_qdrant import LocalQdrant
from tests.support.qdrant_index import qdrant_index, soon

KINDS: Final = ("fake", "local", "server")


class Index(ProductIndex, CatalogIndex, Protocol):
    """Both ports."""


@dataclass
class Backend:
    """An index under test, and the client behind it where it has one."""

    index: Index
    client: AsyncQdrantClient | None = None

    async def make_live(self, live: bool) -> None:
        """Point the alias at the index under test, or at another collection."""
        if isinstance(self.index, FakeIndex):
            self.index.live = live
            return
        assert self.client is not None
        assert isinstance(self.index, QdrantIndex)
        other = qdrant_index(self.client)
        await other.ensure_collection(soon())
        name = (self.index if live else other).collection
        alias = models.CreateAlias(collection_name=name, alias_name=ALIAS)
        await self.client.update_collection_aliases(
            [
                models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=ALIAS)),
                models.CreateAliasOperation(create_alias=alias),
            ]
        )


@asynccontextmanager
async def backend_of(kind: str, url: Callable[[], str]) -> AsyncIterator[Backend]:
    """An empty index of one of `KINDS`; ``url`` is asked for the server's where it is that one."""
    if kind == "fake":
        yield Backend(FakeIndex(FIELDS))
        return
    client = LocalQdrant() if kind == "local" else connect(url())
    index = qdrant_index(client)
    await index.ensure_collection(soon())
    yield Backend(index, client)
    await client.delete_collection(index.collection)
    await index.close()
