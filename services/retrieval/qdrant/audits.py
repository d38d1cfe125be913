"""What a recall audit needs of a collection: a sample of it, and a place for what was found.

The finding lies in the collection's metadata, not in a point: it is then no product that a count,
a list or a search would have to leave out, it goes where the collection goes, and every node of a
cluster reads the same (metadata is part of the configuration that Qdrant's nodes agree on). Qdrant
keeps metadata since version 1.16.
"""

import math
import uuid
from collections.abc import Mapping
from typing import Any, Final

from qdrant_client import AsyncQdrantClient, models

from retrieval.domain import Deadline, IndexedProduct, Pooled, Scan, Tuning
from retrieval.errors import DependencyBroken
from retrieval.qdrant.collection import Collection
from retrieval.qdrant.facets import first_value
from retrieval.qdrant.failures import DEPENDENCY
from retrieval.qdrant.filters import updated_after
from retrieval.qdrant.payload import UPDATED_AT, uuid_of
from retrieval.qdrant.points import PAGE_FLOATS, UnreadablePoint, to_indexed
from retrieval.qdrant.schema import TOKENS

METADATA_KEY: Final = "recompose_tuning"
_FORMAT: Final = 1


class QdrantAudits:
    """The `AuditedIndex` port over one model's collection.

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

    async def count(self, deadline: Deadline, *, updated_after_s: float | None = None) -> int:
        """Products of all catalogs, or those that were written after a time since the epoch."""
        newer = None if updated_after_s is None else updated_after(updated_after_s)
        answer = await self._collection.read(
            "count",
            lambda timeout_s: self._client.count(
                self._collection.name, count_filter=newer, exact=True, timeout=timeout_s
            ),
            deadline,
        )
        return answer.count

    async def last_written_s(self, deadline: Deadline) -> float | None:
        """When a product of any catalog was last written, since the epoch; None without any."""
        newest_first = models.OrderBy(key=UPDATED_AT, direction=models.Direction.DESC)
        return await first_value(self._client, self._collection, newest_first, None, deadline)

    async def sample(self, count: int, deadline: Deadline) -> list[IndexedProduct]:
        """``count`` products of any catalog, drawn anew by each call; all where there are fewer.

        Ids are hashes, so those that follow a random one are a random sample. Points that cannot
        be read are left out.
        """
        step = max(1, PAGE_FLOATS // (self._query_tokens * self._embed_dim))
        found: dict[uuid.UUID, IndexedProduct] = {}
        after: uuid.UUID | None = uuid.uuid4()
        wrapped = False
        while len(found) < count:
            page, after = await self._page(min(step, count - len(found)), after, deadline)
            found |= page
            if after is None:
                if wrapped:
                    break
                wrapped = True  # and on from the first point
        return [*found.values()]

    async def _page(
        self, limit: int, after: uuid.UUID | None, deadline: Deadline
    ) -> tuple[dict[uuid.UUID, IndexedProduct], uuid.UUID | None]:
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
        page = {}
        for record in records:
            point_id = uuid_of(record.id)
            try:
                item = to_indexed(record, self._query_tokens, self._embed_dim)
            except UnreadablePoint:
                continue
            if point_id is not None:
                page[point_id] = item
        return page, uuid_of(following)

    async def tuning(self, deadline: Deadline) -> Tuning | None:
        """What was kept last; None where nothing was, or nothing that can be read."""
        info = await self._collection.read(
            "get_collection", lambda _: self._client.get_collection(self._collection.name), deadline
        )
        return _from_record((info.config.metadata or {}).get(METADATA_KEY))

    async def keep(self, tuning: Tuning, deadline: Deadline) -> None:
        """Keep a tuning with the collection, durably, in place of an older one.

        Raises:
            DependencyBroken: also where this Qdrant takes metadata and forgets it.
        """
        await self._collection.write(
            "update_collection",
            lambda timeout_s: self._client.update_collection(
                self._collection.name,
                metadata={METADATA_KEY: _to_record(tuning)},
                timeout=timeout_s,
            ),
            deadline,
        )
        if await self.tuning(deadline) is None:
            raise DependencyBroken(dependency=DEPENDENCY)


def _to_record(tuning: Tuning) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "depth": _depth(tuning.route),
        "image_only_depth": _depth(tuning.image_only_route or tuning.route),
        "recall": tuning.recall,
        "products": tuning.products,
        "sample": tuning.sample,
        "audited_at_s": tuning.audited_at_s,
    }


def _from_record(record: object) -> Tuning | None:
    """The tuning that a record holds, or None where it is not one that this version reads."""
    if not isinstance(record, Mapping) or record.get("format") != _FORMAT:
        return None
    try:
        depth, recall, products, sample, audited_at_s = (
            _number(record.get(name))
            for name in ("depth", "recall", "products", "sample", "audited_at_s")
        )
        # An audit of an earlier version chose one route for both.
        image_only_depth = _number(record.get("image_only_depth", depth))
    except ValueError:
        return None
    route, image_only = _route(depth), _route(image_only_depth)
    return Tuning(
        route,
        recall,
        int(products),
        int(sample),
        audited_at_s,
        None if image_only == route else image_only,
    )


def _depth(route: Pooled | Scan) -> int:
    """0 stands for the scan."""
    return route.depth if isinstance(route, Pooled) else 0


def _route(depth: float) -> Pooled | Scan:
    return Pooled(int(depth)) if depth else Scan()


def _number(value: object) -> float:
    if isinstance(value, int | float) and math.isfinite(value) and value >= 0:
        return float(value)
    raise ValueError
