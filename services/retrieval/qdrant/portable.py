"""All of a model's collection, product by product: to copy it, and to make it anew.

Points are read by scrolling and written as an import writes them, over gRPC. Snapshots would be
quicker, but Qdrant recovers them over REST alone, and only in the version that made them.
"""

import uuid
from collections.abc import Mapping
from typing import Any, Final

from qdrant_client import AsyncQdrantClient

from retrieval.domain import Deadline, IndexPage, Restoring
from retrieval.qdrant.collection import Collection
from retrieval.qdrant.payload import uuid_of
from retrieval.qdrant.points import PAGE_FLOATS, UnreadablePoint, to_indexed
from retrieval.qdrant.schema import TOKENS

METADATA_KEY: Final = "recompose_restore"


class QdrantPortable:
    """The `PortableIndex` port over one model's collection.

    Args:
        client: the connection.
        collection: makes the calls within their budgets.
        query_tokens: K.
        embed_dim: D.
    """

    def __init__(
        self,
        client: AsyncQdrantClient,
        collection: Collection,
        *,
        query_tokens: int,
        embed_dim: int,
    ) -> None:
        self._client = client
        self._collection = collection
        self._query_tokens = query_tokens
        self._embed_dim = embed_dim

    async def page(self, after: uuid.UUID | None, deadline: Deadline) -> IndexPage:
        """Products of all catalogs with their tokens, in point-id order."""
        limit = max(1, PAGE_FLOATS // (self._query_tokens * self._embed_dim))
        records, following = await self._collection.read(
            "scroll",
            lambda timeout_s: self._client.scroll(
                self._collection.name,
                limit=limit,
                offset=None if after is None else str(after),
                with_payload=True,
                with_vectors=[TOKENS],
                timeout=timeout_s,
            ),
            deadline,
        )
        products = []
        for record in records:
            try:
                products.append(to_indexed(record, self._query_tokens, self._embed_dim))
            except UnreadablePoint:
                continue
        return IndexPage(tuple(products), uuid_of(following), len(records) - len(products))

    async def is_live(self, deadline: Deadline) -> bool:
        """Whether the alias names this collection."""
        return await self._collection.live(deadline) == self._collection.name

    async def prepare(self, deadline: Deadline) -> None:
        """Create what is missing of the collection and its payload indexes."""
        await self._collection.prepare(deadline)

    async def go_live(self, deadline: Deadline) -> bool:
        """Make the alias where there is none; returns whether it names this collection."""
        await self._collection.ensure(deadline)
        return await self.is_live(deadline)

    async def restoring(self, deadline: Deadline) -> Restoring | None:
        """The unfinished restore that was noted last; None also where it cannot be read."""
        info = await self._collection.read(
            "get_collection", lambda _: self._client.get_collection(self._collection.name), deadline
        )
        return _from_record((info.config.metadata or {}).get(METADATA_KEY))

    async def note(self, restoring: Restoring | None, deadline: Deadline) -> None:
        """Keep with the collection, durably, how far a restore is; None when it has ended."""
        record = (
            None if restoring is None else {"backup": restoring.backup, "parts": restoring.parts}
        )
        await self._collection.write(
            "update_collection",
            lambda timeout_s: self._client.update_collection(
                self._collection.name, metadata={METADATA_KEY: record}, timeout=timeout_s
            ),
            deadline,
        )


def _from_record(record: Any) -> Restoring | None:
    if not isinstance(record, Mapping):
        return None
    backup, parts = record.get("backup"), record.get("parts")
    if isinstance(backup, str) and isinstance(parts, int | float) and parts >= 0:
        return Restoring(backup, int(parts))
    return None
