"""Both index ports over one model's collection."""

import math
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from qdrant_client import AsyncQdrantClient, models

from retrieval.domain import (
    DEFAULT_CATALOG,
    Deadline,
    Exact,
    F32Array,
    Facet,
    FieldKind,
    Filter,
    FilterableFields,
    IndexedProduct,
    IndexQuery,
    Observe,
    Pooled,
    Product,
    Ranked,
    Trace,
    ignore_observation,
    ignore_trace,
)
from retrieval.errors import (
    DependencyBroken,
    InvalidArgument,
    Reason,
    ServiceUnavailable,
)
from retrieval.ports import BULK_BUDGET_S
from retrieval.qdrant import facets, schema
from retrieval.qdrant.audits import QdrantAudits
from retrieval.qdrant.collection import Collection
from retrieval.qdrant.copies import QdrantCopies
from retrieval.qdrant.failures import DEPENDENCY
from retrieval.qdrant.filters import candidates
from retrieval.qdrant.payload import (
    SOURCE_SHA256,
    UnreadablePayload,
    plain,
    to_payload,
    to_product,
    uuid_of,
    words_of,
)
from retrieval.qdrant.points import points_a_call, to_point
from retrieval.qdrant.portable import QdrantPortable
from retrieval.qdrant.queries import ranked, ranking, retrieved, with_payload
from retrieval.qdrant.vectors import checked_pool, checked_query, checked_tokens

_STRONG: Final = models.WriteOrdering.STRONG

# The method `list` hides the type of that name from the annotations below it.
_Ranking: TypeAlias = list[Ranked]
_Products: TypeAlias = list[Product]
_Points: TypeAlias = list[models.PointStruct]
_Record: TypeAlias = tuple[object, Mapping[str, Any] | None]
"""Id and payload of a point."""

BeforeWrite: TypeAlias = Callable[[Deadline], Awaitable[None]]
"""Awaited before each write of products; what it raises keeps the write from being made."""


async def any_write(deadline: Deadline) -> None:
    """Lets every write pass."""


class QdrantIndex:
    """The `ProductIndex` and `CatalogIndex` ports over one Qdrant address, for one model.

    Every call raises `DependencyError` (``qdrant``) where Qdrant fails, and `ServiceUnavailable`
    (MODEL_MISMATCH) where it has no collection of this model.

    Args:
        client: from `connect`; several indexes may share it.
        digest: of the bundle whose vectors the index holds; names the collection.
        query_tokens: K, rows of an image-only query and of a product.
        embed_dim: D.
        fields: what a filter may name; each gets a payload index.
        prefetch_depth: L, candidates by pooled vector where a query names no route.
        budget_s: for a search and for reading its products.
        bulk_budget_s: for each other call.
        observe: told of each call, and of each hit that could not be used.
        trace: told of each call.
        before_write: asked before each write of products, of which one call may make several.
    """

    def __init__(
        self,
        client: AsyncQdrantClient,
        *,
        digest: str,
        query_tokens: int,
        embed_dim: int,
        fields: FilterableFields,
        prefetch_depth: int = 1000,
        budget_s: float = 0.2,
        bulk_budget_s: float = BULK_BUDGET_S,
        observe: Observe = ignore_observation,
        trace: Trace = ignore_trace,
        before_write: BeforeWrite = any_write,
    ) -> None:
        self._client = client
        self._before_write = before_write
        self._query_tokens = query_tokens
        self._embed_dim = embed_dim
        self._fields = dict(fields)
        self._route = Pooled(prefetch_depth)
        self._collection = Collection(
            client,
            schema.collection_name(digest),
            embed_dim=embed_dim,
            fields=self._fields,
            budget_s=budget_s,
            bulk_budget_s=bulk_budget_s,
            observe=observe,
            trace=trace,
        )
        self.collection = self._collection.name
        self.audits = QdrantAudits(
            client, self._collection, query_tokens=query_tokens, embed_dim=embed_dim
        )
        self.copies = QdrantCopies(
            client, self._collection, query_tokens=query_tokens, embed_dim=embed_dim
        )
        self.portable = QdrantPortable(
            client, self._collection, query_tokens=query_tokens, embed_dim=embed_dim
        )

    async def ensure_collection(self, deadline: Deadline) -> None:
        """Create what is missing of the collection, its payload indexes and the alias.

        May be called again at any time, also by several replicas at once. An alias that exists
        is never moved: which model is live is decided elsewhere.
        """
        await self._collection.ensure(deadline)

    # --- searching ----------------------------------------------------------------------------

    async def search(self, query: IndexQuery, deadline: Deadline) -> _Ranking:
        """The best ``query.limit`` points of a catalog, best first.

        Scores are those of the stored float16 tokens. Hits that cannot be used are dropped;
        where none can, that is `DependencyBroken`. An exact query reads every token, so it gets
        the time of the calls that no shopper waits for.

        Raises:
            InvalidArgument: the filter does not fit the filterable fields.
            ValueError: the vectors are not [D] or [K, D] of unit norm.
        """
        rows = checked_query(query.vectors, self._query_tokens, self._embed_dim)
        passing = candidates(query.catalog, query.filter, self._fields, query.exclude)
        route = query.route or self._route
        question = ranking(self.collection, rows, passing, query.limit, route, query.values_of)
        ask = self._collection.read if isinstance(route, Exact) else self._collection.search
        hits = await ask(
            "query_points", lambda timeout_s: ranked(self._client, question, timeout_s), deadline
        )
        usable = [
            # Qdrant sums over the rows; only their mean compares with other queries' scores.
            Ranked(
                point_id,
                score / len(rows),
                words_of(plain(hit.payload), query.values_of) if query.values_of else (),
            )
            for hit in hits
            if (point_id := uuid_of(hit.id.uuid)) is not None and math.isfinite(score := hit.score)
        ]
        self._check_usable(len(usable), len(hits))
        return usable

    async def get(
        self, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> dict[uuid.UUID, Product]:
        """The products of these points; unknown ones are left out.

        Payloads that cannot be read are dropped; where none can, that is `DependencyBroken`.
        """
        if not point_ids:
            return {}
        question = with_payload(self.collection, point_ids)
        records = await self._collection.search(
            "retrieve", lambda timeout_s: retrieved(self._client, question, timeout_s), deadline
        )
        return self._products([(record.id.uuid, plain(record.payload)) for record in records])

    async def pools(
        self, point_ids: Sequence[uuid.UUID], deadline: Deadline
    ) -> dict[uuid.UUID, F32Array]:
        """Pooled vectors of these points, [D] float32 of unit norm; unknown ones are left out.

        Vectors that cannot be used are dropped; where none can, that is `DependencyBroken`.
        """
        if not point_ids:
            return {}
        records = await self._collection.search(
            "retrieve",
            lambda timeout_s: self._client.retrieve(
                self.collection,
                [*map(str, point_ids)],
                with_payload=False,
                with_vectors=[schema.POOL],
                timeout=timeout_s,
            ),
            deadline,
        )
        pools = {}
        for record in records:
            point_id = uuid_of(record.id)
            vectors = record.vector if isinstance(record.vector, dict) else {}
            try:
                pool = checked_pool(vectors.get(schema.POOL, ()), self._embed_dim)
            except ValueError:
                continue
            if point_id is not None:
                pools[point_id] = pool
        self._check_usable(len(pools), len(records))
        return pools

    async def check(self, deadline: Deadline) -> None:
        """Make one real query.

        Raises:
            ServiceUnavailable: also where the alias names another collection, or none.
        """
        if await self._collection.live(deadline) != self.collection:
            raise ServiceUnavailable(Reason.MODEL_MISMATCH)
        anything = np.zeros(self._embed_dim, np.float32)
        anything[0] = 1.0
        await self.search(IndexQuery(DEFAULT_CATALOG, anything, limit=1), deadline)

    # --- writing ------------------------------------------------------------------------------

    async def put(self, products: Sequence[IndexedProduct], deadline: Deadline) -> None:
        """Write products durably, replacing those with the same ids.

        All vectors are checked before any is sent. When this fails part of the products may be
        written; to write them again is safe.

        Raises:
            ValueError: tokens are not [K, D] of unit norm.
        """
        for item in products:
            checked_tokens(item.tokens, self._query_tokens, self._embed_dim)
        step = points_a_call(self._query_tokens, self._embed_dim)
        for start in range(0, len(products), step):
            points = [to_point(item) for item in products[start : start + step]]
            await self._upsert(points, deadline)

    async def _upsert(self, points: _Points, deadline: Deadline) -> None:
        await self._before_write(deadline)
        await self._collection.write(
            "upsert",
            lambda timeout_s: self._client.upsert(
                self.collection, points, wait=True, ordering=_STRONG, timeout=timeout_s
            ),
            deadline,
        )

    async def replace_payload(self, product: Product, deadline: Deadline) -> None:
        """Replace all of a product but its tokens, where they are still those of its picture.

        A condition of the write itself: another caller may have replaced the picture, or deleted
        the product, since the product was looked up, and then is the one that wrote last.
        """
        payload = to_payload(product)
        same_picture = models.FieldCondition(
            key=SOURCE_SHA256, match=models.MatchValue(value=product.source_sha256)
        )
        selector = models.Filter(
            must=[models.HasIdCondition(has_id=[str(product.point_id)]), same_picture]
        )
        await self._before_write(deadline)
        await self._collection.write(
            "overwrite_payload",
            lambda timeout_s: self._client.overwrite_payload(
                self.collection, payload, selector, wait=True, ordering=_STRONG, timeout=timeout_s
            ),
            deadline,
        )

    async def delete(self, point_ids: Sequence[uuid.UUID], deadline: Deadline) -> None:
        """Remove points durably; unknown ones are no error."""
        if not point_ids:
            return
        selector = models.PointIdsList(points=[*map(str, point_ids)])
        await self._before_write(deadline)
        await self._collection.write(
            "delete",
            lambda timeout_s: self._client.delete(
                self.collection, selector, wait=True, ordering=_STRONG, timeout=timeout_s
            ),
            deadline,
        )

    # --- listing ------------------------------------------------------------------------------

    async def list(
        self,
        catalog: str,
        limit: int,
        after: uuid.UUID | None,
        deadline: Deadline,
        *,
        filter: Filter | None = None,
    ) -> tuple[_Products, uuid.UUID | None]:
        """A page of what passes the filter in point-id order, and where the next page begins
        (None at the end).

        Raises:
            InvalidArgument: the filter does not fit the filterable fields.
        """
        passing = candidates(catalog, filter, self._fields)
        records, following = await self._collection.read(
            "scroll",
            lambda timeout_s: self._client.scroll(
                self.collection,
                scroll_filter=passing,
                limit=limit,
                offset=None if after is None else str(after),
                with_payload=True,
                with_vectors=False,
                timeout=timeout_s,
            ),
            deadline,
        )
        products = self._products([(record.id, record.payload) for record in records])
        return [*products.values()], uuid_of(following)

    async def facet(
        self, catalog: str, field: str, filter: Filter | None, limit: int, deadline: Deadline
    ) -> Facet:
        """Exact counts of a field's values, most frequent first, then by value; of numbers
        their range.

        Raises:
            InvalidArgument: the field is not filterable (FACET_FIELD_UNKNOWN), or the filter does
                not fit the filterable fields.
        """
        kind = self._fields.get(field)
        if kind is None:
            raise InvalidArgument(Reason.FACET_FIELD_UNKNOWN)
        passing = candidates(catalog, filter, self._fields)
        if kind is FieldKind.NUMBER:
            return await facets.range_of(self._client, self._collection, field, passing, deadline)
        return await facets.counts_of(
            self._client, self._collection, field, passing, limit, deadline
        )

    async def close(self) -> None:
        """Close the client, for every index that shares it; calls in flight fail."""
        await self._client.close()

    # --- what came back -----------------------------------------------------------------------

    def _products(self, records: Sequence[_Record]) -> dict[uuid.UUID, Product]:
        products: dict[uuid.UUID, Product] = {}
        for record_id, payload in records:
            point_id = uuid_of(record_id)
            if point_id is None:
                continue
            try:
                products[point_id] = to_product(payload)
            except UnreadablePayload:
                continue
        self._check_usable(len(products), len(records))
        return products

    def _check_usable(self, usable: int, received: int) -> None:
        self._collection.calls.dropped(received - usable)
        if received and not usable:
            raise DependencyBroken(dependency=DEPENDENCY)
