"""A collection as source or target of a synchronisation with another model's.

Each write here carries its condition with it, "only where there is a copy", so it is Qdrant that
keeps it from taking the place of a product that was written meanwhile. Conditional upserts exist
since Qdrant 1.16.
"""

import uuid
from collections.abc import Sequence

from qdrant_client import AsyncQdrantClient, models

from retrieval.domain import Deadline, HeldProduct, IndexedProduct, Product
from retrieval.errors import DependencyBroken
from retrieval.qdrant.collection import Collection
from retrieval.qdrant.failures import DEPENDENCY
from retrieval.qdrant.filters import updated_after
from retrieval.qdrant.payload import COPIED, UnreadablePayload, to_payload, to_product, uuid_of
from retrieval.qdrant.points import points_a_call, to_point
from retrieval.qdrant.vectors import checked_tokens

_IS_COPY = models.FieldCondition(key=COPIED, match=models.MatchValue(value=True))
_STRONG = models.WriteOrdering.STRONG


class QdrantCopies:
    """The `ProductCopies` port over one model's collection.

    A point that cannot be read is `DependencyBroken`: a synchronisation that stepped over it
    would call itself complete without it.

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

    async def held_page(
        self,
        limit: int,
        after: uuid.UUID | None,
        deadline: Deadline,
        *,
        updated_after_s: float | None = None,
    ) -> tuple[list[HeldProduct], uuid.UUID | None]:
        """Products of all catalogs in point-id order, and where the next page begins; all of
        them, or those that were written after a time since the epoch."""
        newer = None if updated_after_s is None else updated_after(updated_after_s)
        records, following = await self._collection.read(
            "scroll",
            lambda timeout_s: self._client.scroll(
                self._collection.name,
                scroll_filter=newer,
                limit=limit,
                offset=None if after is None else str(after),
                with_payload=True,
                with_vectors=False,
                timeout=timeout_s,
            ),
            deadline,
        )
        return [_held(record) for record in records], uuid_of(following)

    async def find(
        self, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> dict[uuid.UUID, HeldProduct]:
        """The products of these points; unknown ones are left out."""
        if not point_ids:
            return {}
        records = await self._collection.read(
            "retrieve",
            lambda timeout_s: self._client.retrieve(
                self._collection.name,
                [*map(str, point_ids)],
                with_payload=True,
                timeout=timeout_s,
            ),
            deadline,
        )
        found = map(_held, records)
        return {held.product.point_id: held for held in found}

    async def take_all_for_copies(self, deadline: Deadline) -> None:
        """Let everything that is here count as copied from now on."""
        await self._collection.write(
            "set_payload",
            lambda timeout_s: self._client.set_payload(
                self._collection.name,
                {COPIED: True},
                models.Filter(must_not=[_IS_COPY]),
                wait=True,
                ordering=_STRONG,
                timeout=timeout_s,
            ),
            deadline,
        )

    async def put_copies(self, products: Sequence[IndexedProduct], deadline: Deadline) -> None:
        """Write products durably where there is none, or a copy.

        Raises:
            ValueError: tokens are not [K, D] of unit norm.
        """
        for item in products:
            checked_tokens(item.tokens, self._query_tokens, self._embed_dim)
        step = points_a_call(self._query_tokens, self._embed_dim)
        for start in range(0, len(products), step):
            points = [to_point(item, copied=True) for item in products[start : start + step]]
            await self._upsert(points, deadline)

    async def _upsert(self, points: Sequence[models.PointStruct], deadline: Deadline) -> None:
        await self._collection.write(
            "upsert",
            lambda timeout_s: self._client.upsert(
                self._collection.name,
                points,
                wait=True,
                ordering=_STRONG,
                update_filter=models.Filter(must=[_IS_COPY]),
                timeout=timeout_s,
            ),
            deadline,
        )

    async def put_copied_payload(self, product: Product, deadline: Deadline) -> None:
        """Replace all of a copy but its tokens; what is no copy, or not there, stays so."""
        await self._collection.write(
            "overwrite_payload",
            lambda timeout_s: self._client.overwrite_payload(
                self._collection.name,
                to_payload(product) | {COPIED: True},
                _copies_of([product.point_id]),
                wait=True,
                ordering=_STRONG,
                timeout=timeout_s,
            ),
            deadline,
        )

    async def delete_copies(self, point_ids: Sequence[uuid.UUID], deadline: Deadline) -> None:
        """Remove those of these points that are copies."""
        if not point_ids:
            return
        await self._collection.write(
            "delete",
            lambda timeout_s: self._client.delete(
                self._collection.name,
                models.FilterSelector(filter=_copies_of(point_ids)),
                wait=True,
                ordering=_STRONG,
                timeout=timeout_s,
            ),
            deadline,
        )


def _copies_of(point_ids: Sequence[uuid.UUID]) -> models.Filter:
    return models.Filter(must=[models.HasIdCondition(has_id=[*map(str, point_ids)]), _IS_COPY])


def _held(record: models.Record) -> HeldProduct:
    try:
        product = to_product(record.payload)
    except UnreadablePayload:
        raise DependencyBroken(dependency=DEPENDENCY) from None
    if uuid_of(record.id) != product.point_id:
        raise DependencyBroken(dependency=DEPENDENCY)
    return HeldProduct(product, copied=(record.payload or {}).get(COPIED) is True)
